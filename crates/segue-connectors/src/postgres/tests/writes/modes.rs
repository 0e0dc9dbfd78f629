//! Changes in which rows meet by a key: against the model, and as somebody at the server sees them.

use super::*;
use segue_core::sink::{CURRENT, Missing, VALID_FROM, valid_columns};
use segue_testkit::modes::{Mode, play};

#[tokio::test(flavor = "multi_thread")]
async fn postgres_and_a_list_of_rows_come_to_the_same() {
    for mode in Mode::ALL {
        for seed in 0..4 {
            let w = World::new("").await;
            play(&w.sink, mode, seed, &w.bed.ctx).await;
        }
    }
}

#[tokio::test]
async fn a_history_has_one_current_row_of_each_key_for_everybody() {
    let mut w = World::new("").await;
    let history = |at: &str| Change::History {
        key: vec!["id".into()],
        at: at.parse().unwrap(),
    };
    let first = rows(&[(1, Some("a")), (2, Some("b"))]);
    let with_own = |batch: &RecordBatch| {
        let own = batch.schema();
        let fields = own.fields().iter().map(|f| f.as_ref().clone()).chain(valid_columns());
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    };
    for (at, batch) in [
        ("2024-01-01T00:00:00Z", first.clone()),
        ("2024-01-02T00:00:00Z", rows(&[(1, Some("A"))])),
    ] {
        let schema = with_own(&batch);
        w.land_as(history(at), batch, schema).await.unwrap();
    }
    insta::assert_snapshot!(w.sql("select id, name, valid_from, valid_to, current from things order by id, valid_from"), @r"
    1|a|2024-01-01 00:00:00+00|2024-01-02 00:00:00+00|f
    1|A|2024-01-02 00:00:00+00||t
    2|b|2024-01-01 00:00:00+00||t
    ");
    let index = w.sql("select indexdef from pg_indexes where tablename = 'things'");
    assert!(
        index.contains("UNIQUE") && index.contains(CURRENT) && !index.contains(VALID_FROM),
        "{index}"
    );
}

#[tokio::test]
async fn what_is_missing_goes_and_what_refers_to_the_rest_stays() {
    let mut w = World::new("").await;
    let merge = Change::Merge {
        key: vec!["id".into()],
        missing: Missing::Delete,
    };
    w.land(merge.clone(), rows(&[(1, Some("a")), (2, Some("b"))]))
        .await
        .unwrap();
    w.sql("create table parts (of int8 references things); insert into parts values (1)");
    w.land(merge, rows(&[(1, Some("A")), (3, Some("c"))])).await.unwrap();
    assert_eq!(w.table(), "1|A\n3|c");
}
