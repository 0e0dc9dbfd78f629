//! Reads share connections, one after the other, and nothing of one is left for the next.

use super::*;
use std::time::Instant;

impl Bed {
    /// The connections that are there for reads, by their process at the server; none of them in a transaction, or it fails.
    async fn idle(&self) -> Vec<i32> {
        let rows = self
            .client
            .query(
                "select pid, state::text from pg_stat_activity
                 where application_name = 'segue' and datname = current_database() order by pid",
                &[],
            )
            .await
            .unwrap();
        assert!(rows.iter().all(|row| row.get::<_, &str>(1) == "idle"), "{rows:?}");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Waits until so many connections for reads are left.
    async fn are_left(&self, many: i64) {
        let left =
            "select count(*) from pg_stat_activity where application_name = 'segue' and datname = current_database()";
        let begun = Instant::now();
        while self.client.query_one(left, &[]).await.unwrap().get::<_, i64>(0) != many {
            assert!(begun.elapsed() < Duration::from_secs(20), "a connection stays");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn one_connection_serves_one_read_after_the_other() {
    let bed = Bed::new(
        "create table a (id int); insert into a values (1); create table b (t text); insert into b values ('x')",
    )
    .await;
    let source = bed.source();
    let read = async |table: &str| {
        told(
            &source,
            request(json!({ "table": table }), ReadSchema::default()),
            &bed.ctx,
        )
        .await
    };
    assert_eq!(read("a").await, "id int32\n1\ndone");
    let first = bed.idle().await;
    assert_eq!(first.len(), 1);
    assert_eq!(read("b").await, "t string\nx\ndone");
    assert_eq!(source.tables(&bed.ctx).await.unwrap().len(), 2);
    source.test(&bed.ctx).await.unwrap();
    assert_eq!(source.discover(&|_| true, &bed.ctx).await.unwrap().len(), 2);
    assert_eq!(bed.idle().await, first);
    // Nothing is locked, and what is there now is read, not what was.
    bed.sql("alter table a add n int default 5; insert into a values (2, 6)")
        .await;
    assert_eq!(read("a").await, "id int32, n int32\n1 | 5\n2 | 6\ndone");
    assert_eq!(bed.idle().await, first);
    // One that the server has closed is no error.
    bed.sql(&format!("select pg_terminate_backend({})", first[0])).await;
    assert_eq!(read("b").await, "t string\nx\ndone");
    bed.are_left(1).await;
    assert!(!bed.idle().await.contains(&first[0]));
}

#[tokio::test]
async fn what_may_have_left_something_behind_is_not_used_again() {
    let bed = Bed::new(
        "create table t as select i as id, repeat('x', 1000) as pad from generate_series(1, 100000) i;
         create view v as select set_config('search_path', 'pg_catalog', false) as path",
    )
    .await;
    let source = bed.source();
    let read = async |copy: Value| told(&source, request(copy, ReadSchema::default()), &bed.ctx).await;
    // A query or a view may do anything in its session.
    assert_eq!(read(json!({ "query": "select 1 as n" })).await, "n int32\n1\ndone");
    bed.are_left(0).await;
    assert_eq!(read(json!({ "table": "v" })).await, "path string\npg_catalog\ndone");
    bed.are_left(0).await;
    // An error.
    assert!(read(json!({ "table": "nowhere" })).await.starts_with("error"));
    bed.are_left(0).await;
    // Nobody takes the rows any more.
    let mut reads = source
        .read(request(json!({ "table": "t" }), ReadSchema::default()), &bed.ctx)
        .await
        .unwrap();
    assert!(matches!(reads.next().await, Some(Ok(Read::Rows { .. }))));
    drop(reads);
    bed.are_left(0).await;
    // It is cancelled.
    let mut ctx = bed.ctx.clone();
    ctx.cancel = tokio_util::sync::CancellationToken::new();
    let mut reads = source
        .read(request(json!({ "table": "t" }), ReadSchema::default()), &ctx)
        .await
        .unwrap();
    assert!(matches!(reads.next().await, Some(Ok(Read::Rows { .. }))));
    ctx.cancel.cancel();
    while let Some(Ok(_)) = reads.next().await {}
    bed.are_left(0).await;
}

/// Rows may be as large as the step that reads has room for.
#[tokio::test]
async fn a_connection_serves_steps_with_as_much_room_alone() {
    let bed = Bed::new("create table t as select repeat('x', 100000) as pad").await;
    let source = bed.source();
    let copy = || request(json!({ "table": "t" }), ReadSchema::default());
    assert!(told(&source, copy(), &bed.ctx).await.ends_with("done"));
    let mut small = bed.ctx.clone();
    small.limits.memory = 80_000;
    let said = told(&source, copy(), &small).await;
    assert!(said.contains("SG0373"), "{said}");
    assert!(told(&source, copy(), &bed.ctx).await.ends_with("done"));
    bed.are_left(1).await;
}
