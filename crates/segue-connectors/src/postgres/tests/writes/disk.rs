//! A server whose disk is full: while rows are staged, while they are committed, and while it writes its log.

use super::*;

/// Longer than any file that a new server has, and no whole number of its pages: the last one is written in part.
const ROOM: u64 = 1_500_000;

/// So many rows of about 400 bytes, from this one on.
fn many(from: i64, rows: i64) -> RecordBatch {
    let name = "x".repeat(360);
    let rows_of: Vec<(i64, Option<&str>)> = (from..from + rows).map(|id| (id, Some(name.as_str()))).collect();
    super::rows(&rows_of)
}

fn is_full(e: &Error, doing: &str) {
    let text = said(e);
    assert_eq!(e.kind(), Kind::Unavailable, "{text}");
    assert!(
        text.starts_with(&format!("error[SG0386]: cannot {doing}: could not")),
        "{text}"
    );
    assert!(text.contains("make room on the database server's own disk"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_room_to_stage_nothing_is_left_lying() {
    let mut w = World::on(|| Postgres::start_with_log_files_of(1)).await;
    w.land(Change::ReplaceTable, rows(&[(1, Some("a"))])).await.unwrap();
    w.bed.server.limit_files(Some(ROOM));
    is_full(&w.stage(many(2, 5_000)).await.unwrap_err(), "stage rows");
    assert_eq!((w.table(), w.staged_tables()), ("1|a".into(), "0".into()));
    // What does not need more goes on.
    w.land(Change::Append, rows(&[(2, Some("b"))])).await.unwrap();
    w.bed.server.limit_files(None);
    w.land(Change::Append, many(3, 5_000)).await.unwrap();
    assert_eq!(
        w.sql("select count(*), sum(id) from things"),
        format!("5002|{}", 5002 * 5003 / 2)
    );
    assert_eq!(w.staged_tables(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_room_to_commit_the_rows_lie_ready_until_there_is() {
    let mut w = World::on(|| Postgres::start_with_log_files_of(1)).await;
    w.land(Change::merge(["id"]), many(1, 3_000)).await.unwrap();
    let (record, _) = w.record(Change::merge(["id"]), many(2_901, 1_100)).await.unwrap();
    w.bed.server.limit_files(Some(ROOM));
    is_full(&w.commit(&record).await.unwrap_err(), "change the table");
    let all = "select count(*), sum(id) from things";
    assert_eq!(w.sql(all), format!("3000|{}", 3000 * 3001 / 2));
    is_full(&w.commit(&record).await.unwrap_err(), "change the table");
    w.bed.server.limit_files(None);
    w.sink.lies_ready(&record, 0, &w.bed.ctx).await.unwrap();
    assert_eq!(w.commit(&record).await.unwrap(), Committed::Written(record.n));
    assert_eq!(w.sql(all), format!("4000|{}", 4000 * 4001 / 2));
    assert_eq!(w.staged_tables(), "0");
}

/// It stops then, and starts anew when there is room: what was told to be committed is there, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_write_its_log_says_so_and_has_a_commit_or_none() {
    let mut w = World::on(|| Postgres::start_with_log_files_of(4)).await;
    w.land(Change::merge(["id"]), rows(&[(1, Some("a"))])).await.unwrap();
    let restart = |w: &mut World| {
        let server = Arc::get_mut(&mut w.bed.server).unwrap();
        server.kill();
        server.run();
        assert_eq!(w.table(), "1|a");
    };
    let fill = |w: &World| {
        w.bed.server.fill_log(4);
        w.bed.server.limit_files(Some(ROOM));
    };
    fill(&w);
    is_full(&w.stage(rows(&[(2, Some("b"))])).await.unwrap_err(), "commit");
    restart(&mut w);
    let (record, _) = w.record(Change::merge(["id"]), rows(&[(2, Some("b"))])).await.unwrap();
    fill(&w);
    is_full(&w.commit(&record).await.unwrap_err(), "commit");
    restart(&mut w);
    assert_eq!(w.commit(&record).await.unwrap(), Committed::Written(record.n));
    assert_eq!(w.table(), "1|a\n2|b");
    w.sink.sweep(&w.target, &[], &w.bed.ctx).await.unwrap();
    assert_eq!(w.staged_tables(), "0");
}
