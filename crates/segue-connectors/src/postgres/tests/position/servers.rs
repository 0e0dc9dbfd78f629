//! Servers that are others than they were: restored, taken over, or with a counter that has come round.

use super::super::faults::own;
use super::*;

const ROWS: &str = "create table t (id int, n int8); insert into t values (1, 10), (2, 20)";

fn ctx() -> Ctx {
    Ctx::new("dev", Arc::new(SystemClock::default()))
}

async fn after(settings: &Value, copy: &Value, from: &mut Option<Value>) -> String {
    match onward(&source(settings.clone()).unwrap(), &ctx(), copy.clone(), from.clone()).await {
        Ok((rows, position)) => {
            *from = Some(position);
            rows.join("; ")
        }
        Err(error) => shown(&error),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_restored_or_another_one_is_not_read_on_from() {
    let (mut server, settings, client) = own(ROWS).await;
    let copy = appended("t", "n");
    drop(client);
    let backup = tokio::task::block_in_place(|| {
        let backup = server.save();
        server.run();
        for n in 0..5 {
            server.sql("postgres", &format!("insert into t values ({n}, 30)"));
        }
        backup
    });
    let mut from = None;
    assert_eq!(after(&settings, &copy, &mut from).await.split("; ").count(), 7);
    // Killed and started, it is the same one.
    tokio::task::block_in_place(|| {
        server.sql("postgres", "insert into t values (9, 1)");
        server.kill();
        server.run();
    });
    assert_eq!(after(&settings, &copy, &mut from).await, "9 | 1");
    tokio::task::block_in_place(|| server.put_back(&backup));
    let said = after(&settings, &copy, &mut from).await;
    assert!(
        said.starts_with("error Conflict[SG0371]: the server of public.t knows less than when it was last read"),
        "{said}"
    );
    let (_kept, other, there) = own(ROWS).await;
    insta::assert_snapshot!(after(&other, &copy, &mut from).await, @"error Conflict[SG0371]: public.t is on another server than when it was last read");
    // By a value alone any server is as good.
    let at = "create table at as select id, timestamptz '2024-01-01Z' + id * interval '1h' as at from t";
    tokio::task::block_in_place(|| server.sql("postgres", at));
    let mut from = None;
    let by_time = |lag| merged(json!({ "table": "at" }), "at", lag);
    after(&settings, &by_time(None), &mut from).await;
    there.batch_execute(at).await.unwrap();
    let lost = after(&other, &by_time(None), &mut from).await;
    assert!(lost.contains("is on another server"), "{lost}");
    assert_eq!(
        after(&other, &by_time(Some("1m")), &mut from).await,
        "2 | 2024-01-01T02:00:00Z"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_needs_a_lag_and_is_another_server_once_it_has_taken_over() {
    let (mut server, settings, client) = own(ROWS).await;
    let (copy, mut from) = (appended("t", "n"), None);
    assert_eq!(after(&settings, &copy, &mut from).await, "1 | 10; 2 | 20");
    drop(client);
    tokio::task::block_in_place(|| server.stand_by());
    insta::assert_snapshot!(after(&settings, &copy, &mut from).await, @"error Unsupported[SG0372]: a `position:` needs `lag:` here: a standby does not tell which transactions have ended");
    tokio::task::block_in_place(|| server.sql("postgres", "select pg_promote()"));
    insta::assert_snapshot!(after(&settings, &copy, &mut from).await, @"error Conflict[SG0371]: public.t is on a server that was restored, or that took over from another one, since it was last read");
}

/// What is kept stays small, whatever somebody else does.
#[tokio::test]
async fn of_very_many_that_are_open_the_first_are_kept_and_what_follows_waits() {
    // A server of its own: all others would wait, too.
    let (server, settings, many) = own("create table t (id int, n int8); insert into t values (1, 10)").await;
    many.batch_execute("begin; do $$ begin for n in 1..10100 loop begin insert into t values (n, 1); exception when others then end; end loop; end $$")
        .await
        .unwrap();
    let beside = client(&server, "postgres").await;
    beside.batch_execute("insert into t values (2, 20)").await.unwrap();
    let (copy, mut from) = (appended("t", "n"), None);
    let first = after(&settings, &copy, &mut from).await;
    assert!(first.starts_with("1 | 10; note: transaction "), "{first}");
    assert!(from.as_ref().unwrap().to_string().len() < 200_000);
    many.batch_execute("commit").await.unwrap();
    assert_eq!(after(&settings, &copy, &mut from).await.split("; ").count(), 10_101);
    assert_eq!(after(&settings, &copy, &mut from).await, "");
}

/// A row keeps the lower 32 bits of its transaction's number, also when the counter has come round.
#[tokio::test]
async fn the_whole_number_of_a_rows_transaction_is_the_last_one_with_its_bits() {
    let bed = Bed::new("select 1").await;
    const TURN: u64 = 1 << 32;
    for (seen, bits, whole) in [
        (1000, 999, 999),
        (1000, 3, 3),
        (TURN + 10, 9, TURN + 9),
        (TURN + 10, 10, 10),
        (TURN + 10, TURN - 1, TURN - 1),
        (TURN + 3, 2, TURN + 2),
        (7 * TURN + (TURN >> 1), TURN >> 1, 6 * TURN + (TURN >> 1)),
        (7 * TURN + (TURN >> 1), (TURN >> 1) - 1, 7 * TURN + (TURN >> 1) - 1),
    ] {
        let expression = crate::postgres::position::ended::xid8(seen).replace("xmin", &format!("'{bits}'::xid"));
        let row = bed
            .client
            .query_one(&format!("select ({expression})::text"), &[])
            .await
            .unwrap();
        assert_eq!(row.get::<_, String>(0), whole.to_string(), "{bits} when {seen} is next");
    }
}

/// Rows of an earlier turn look like those of now: they are not added twice, and may be merged again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_that_has_come_round_costs_no_row_and_doubles_none() {
    let (mut server, settings, client) = own(ROWS).await;
    let (copy, mut from) = (appended("t", "n"), None);
    assert_eq!(after(&settings, &copy, &mut from).await, "1 | 10; 2 | 20");
    drop(client);
    // Frozen, as rows are that old: they keep their numbers.
    tokio::task::block_in_place(|| {
        server.sql("postgres", "vacuum freeze");
        server.turn(1);
        server.sql("postgres", "insert into t values (3, 5)");
    });
    insta::assert_snapshot!(after(&settings, &copy, &mut from).await, @"error Conflict[SG0371]: public.t was last read more than two billion transactions ago: which rows are new can no longer be told");
    let merged = merged(json!({ "table": "t" }), "n", None);
    let said = after(&settings, &merged, &mut from.clone()).await;
    assert!(said.contains("more than two billion transactions ago"), "{said}");
    // A table of this turn.
    tokio::task::block_in_place(|| {
        server.sql(
            "postgres",
            "create table fresh (id int, n int8); insert into fresh values (1, 10)",
        )
    });
    let (copy, mut from) = (appended("fresh", "n"), None);
    assert_eq!(after(&settings, &copy, &mut from).await, "1 | 10");
    let clear: u64 = from.as_ref().unwrap()["clear_until"].as_u64().unwrap();
    assert!(clear > 2 << 32, "{clear}");
    tokio::task::block_in_place(|| server.sql("postgres", "insert into fresh values (2, 5)"));
    assert_eq!(after(&settings, &copy, &mut from).await, "2 | 5");
    // One that began in an earlier turn, read from its beginning in this one: its numbers come again sooner.
    let mut anew = None;
    let all = after(&settings, &appended("t", "n"), &mut anew).await;
    assert_eq!(all, "1 | 10; 2 | 20; 3 | 5");
    let soon: u64 = anew.as_ref().unwrap()["clear_until"].as_u64().unwrap();
    assert!(soon < clear && soon >= 2 << 32, "{soon} {clear}");
    // When they do, they look like new rows.
    anew.as_mut().unwrap()["clear_until"] = json!(1);
    insta::assert_snapshot!(after(&settings, &appended("t", "n"), &mut anew.clone()).await, @"error Conflict[SG0371]: public.t has rows from more than four billion transactions ago, whose numbers come again: they look like new ones");
    assert_eq!(after(&settings, &merged, &mut anew).await, "");
}
