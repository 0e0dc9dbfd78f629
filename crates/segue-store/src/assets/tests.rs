use super::*;
use crate::CommitState;
use crate::testing::*;
use insta::assert_snapshot;
use segue_core::{LedgerChange, Type};
use serde_json::json;

fn row(n: u128, name: &str) -> AssetRow {
    AssetRow::of(Target {
        asset: asset(n),
        table: table(n),
        name: name.parse().unwrap(),
        place: name.replace('.', "/"),
        connection: None,
    })
}

fn said<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(e) => e.to_text(),
    }
}

#[tokio::test]
async fn an_asset_is_found_by_all_that_names_it() {
    let f = Fixture::new().await;
    let mut one = row(1, "raw.artists");
    f.store.register(&one).await.unwrap();
    let columns = [Column {
        name: "id".into(),
        of: Type::Decimal(10, 2),
        required: true,
        path: Some("$.id".into()),
        value: None,
    }];
    f.store.freeze_schema(one.id, &columns).await.unwrap();
    f.store
        .set_definition(one.id, &json!({"sql": "select 1"}), "d1", "m1", Some("rest http://a"))
        .await
        .unwrap();
    f.store.rename(one.id, &"raw.people".parse().unwrap()).await.unwrap();
    one = AssetRow {
        name: "raw.people".parse().unwrap(),
        schema: Some(columns.to_vec()),
        definition: Some(json!({"sql": "select 1"})),
        data_hash: Some("d1".into()),
        metadata_hash: Some("m1".into()),
        source: Some("rest http://a".into()),
        ..one
    };
    let other = f.again().await;
    assert_eq!(other.asset(&one.name).await.unwrap(), Some(one.clone()));
    assert_eq!(other.asset(&"raw.artists".parse().unwrap()).await.unwrap(), None);
    assert_eq!(other.asset_by_id(one.id).await.unwrap(), Some(one.clone()));
    assert_eq!(other.asset_by_table(one.table).await.unwrap(), Some(one.clone()));
    assert_eq!(other.assets().await.unwrap(), [one]);
}

#[tokio::test]
async fn one_name_is_one_asset() {
    let f = Fixture::new().await;
    f.store.register(&row(1, "raw.a")).await.unwrap();
    f.store.register(&row(2, "raw.b")).await.unwrap();
    assert_snapshot!(said(f.store.register(&row(3, "raw.a")).await), @"
    error[SG0610]: cannot register it: there is an asset raw.a already
      more: segue explain SG0610
    ");
    assert_snapshot!(said(f.store.rename(asset(2), &"raw.a".parse().unwrap()).await), @"
    error[SG0610]: cannot rename an asset: there is an asset raw.a already
      more: segue explain SG0610
    ");
    assert_snapshot!(said(f.store.rename(asset(9), &"raw.z".parse().unwrap()).await), @"error: the state has no asset 00000000-0000-0000-0000-000000000009");
    // The name of a dropped one is free.
    f.store.drop_asset(asset(1)).await.unwrap();
    f.store.register(&row(3, "raw.a")).await.unwrap();
    assert_eq!(
        f.store.asset(&"raw.a".parse().unwrap()).await.unwrap().map(|a| a.id),
        Some(asset(3))
    );
}

#[tokio::test]
async fn a_dropped_asset_forgets_what_was_done_and_keeps_its_numbers() {
    let f = Fixture::new().await;
    f.store.register(&row(1, "raw.a")).await.unwrap();
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    let one = record(
        1,
        0,
        LedgerChange {
            add: vec![entry(1, "a", None)],
            ..Default::default()
        },
    );
    f.store.prepare(&guard.lease, &one).await.unwrap();
    f.store.mark(&one, &[1]).await.unwrap();
    f.store
        .prepare(&guard.lease, &record(2, 1, LedgerChange::default()))
        .await
        .unwrap();
    f.store.drop_asset(asset(1)).await.unwrap();
    let found = f.store.commits(asset(1)).await.unwrap();
    assert_eq!(
        (found.last, found.highest, found.prepared.is_none()),
        ((0, None), 2, true)
    );
    assert_eq!(f.store.ledger(asset(1)).await.unwrap(), []);
    f.store.new_table(asset(1), table(7), "raw/a-2").await.unwrap();
    let again = f.store.asset(&"raw.a".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(
        (again.table, again.place.as_str(), again.dropped),
        (table(7), "raw/a-2", false)
    );
    assert_eq!(
        f.store.record(asset(1), 1).await.unwrap(),
        Some(one),
        "its history stays"
    );
}

#[tokio::test]
async fn an_accepted_source_keeps_what_was_done() {
    let f = Fixture::new().await;
    f.store.register(&row(1, "raw.a")).await.unwrap();
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    let of_lake = segue_core::Entry {
        source: None,
        ..entry(1, "b", None)
    };
    let change = LedgerChange {
        add: vec![entry(1, "a", None), of_lake],
        ..Default::default()
    };
    f.store.enter(&guard.lease, &change).await.unwrap();
    f.store.accept_source(&[asset(1)], "rest http://new").await.unwrap();
    let sources: Vec<_> = f
        .store
        .ledger(asset(1))
        .await
        .unwrap()
        .into_iter()
        .map(|e| e.source)
        .collect();
    assert_eq!(sources, [Some("rest http://new".to_string()), None]);
    assert_eq!(
        f.store.source_of(asset(1)).await.unwrap().as_deref(),
        Some("rest http://new")
    );
}
