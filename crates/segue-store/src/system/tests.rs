use super::*;
use crate::testing::*;
use crate::{AssetRow, CommitState, Parked};
use insta::assert_snapshot;
use segue_core::LedgerChange;
use segue_core::sink::Target;

/// The table, a line a row, `name=value` for all that is not null.
async fn shown(store: &Store, name: &str) -> String {
    let table = store.system_table(name).await.unwrap().unwrap();
    assert_eq!(Some(table.columns.clone()), columns(name));
    let line = |row: &Vec<Value>| {
        assert_eq!(row.len(), table.columns.len());
        let cells = table.columns.iter().zip(row).filter(|(_, v)| !v.is_null());
        cells
            .map(|((name, _), v)| format!("{name}={}", v.as_str().map_or(v.to_string(), str::to_string)))
            .collect::<Vec<_>>()
            .join(" ")
    };
    table.rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_state_can_be_asked_as_tables() {
    let f = Fixture::new().await;
    let row = AssetRow::of(Target {
        asset: asset(1),
        table: table(1),
        name: "raw.a".parse().unwrap(),
        place: "raw/a".into(),
        connection: None,
    });
    f.store.register(&row).await.unwrap();
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    let ledger = LedgerChange {
        add: vec![entry(1, "a", None), entry(1, "", Some((0, 9)))],
        ..Default::default()
    };
    let one = record(1, 0, ledger);
    f.store.prepare(&guard.lease, &one).await.unwrap();
    f.store.mark(&one, &[4]).await.unwrap();
    f.store
        .prepare(&guard.lease, &record(2, 1, LedgerChange::default()))
        .await
        .unwrap();
    f.store
        .park(
            asset(1),
            &[Parked {
                labels: labels("b"),
                until: Some(f.store.0.clock.now()),
                block: None,
                reason: "429".into(),
                attempts: 3,
            }],
        )
        .await
        .unwrap();
    assert_snapshot!(shown(&f.store, "commits").await, @"
    asset=raw.a asset_id=00000000-0000-0000-0000-000000000001 n=1 id=00000000-0000-0000-0000-00000000c001 predecessor=0 state=committed prepared_at=2026-11-22T06:00:00Z committed_at=2026-11-22T06:00:00Z rows_changed=3 bytes=512 version=4
    asset=raw.a asset_id=00000000-0000-0000-0000-000000000001 n=2 id=00000000-0000-0000-0000-00000000c002 predecessor=1 state=prepared prepared_at=2026-11-22T06:00:00Z rows_changed=3 bytes=512
    ");
    assert_snapshot!(shown(&f.store, "ledger").await, @r#"
    asset=raw.a asset_id=00000000-0000-0000-0000-000000000001 range_from=0 range_to=9 outcome=done n=1 data_hash=d1 values_hash=v1 inputs={"00000000-0000-0000-0000-00000000005a":7} source=rest http://127.0.0.1:1 read_at=2026-11-22T06:00:00Z kept=false
    asset=raw.a asset_id=00000000-0000-0000-0000-000000000001 labels={"id":"a"} outcome=done n=1 data_hash=d1 values_hash=v1 inputs={"00000000-0000-0000-0000-00000000005a":7} source=rest http://127.0.0.1:1 read_at=2026-11-22T06:00:00Z kept=false
    "#);
    assert_snapshot!(shown(&f.store, "parked").await, @r#"asset=raw.a asset_id=00000000-0000-0000-0000-000000000001 labels={"id":"b"} until=2026-11-22T06:00:00Z reason=429 attempts=3 parked_at=2026-11-22T06:00:00Z"#);
    for name in names() {
        shown(&f.store, name).await;
    }
    assert_eq!(f.store.system_table("nothing").await.unwrap(), None);
}
