//! Reading onwards: each row once, however late it is committed, and a clear word where that cannot be.

use super::*;
use std::collections::BTreeMap;
use std::time::Instant;

mod resumed;
mod servers;

/// A table, read onwards by a column, its rows added to what is there.
fn appended(table: &str, column: &str) -> Value {
    json!({ "table": table, "position": { "column": column, "may_repeat": false } })
}

/// The same, its rows merged by a key.
fn merged(copy: Value, column: &str, lag: Option<&str>) -> Value {
    let mut copy = copy;
    copy["position"] = json!({ "column": column, "lag": lag, "may_repeat": true });
    copy
}

/// The rows of a read that goes on from there, in their order, and where the next one goes on from.
async fn onward(source: &Arc<dyn Source>, ctx: &Ctx, copy: Value, from: Option<Value>) -> Result<(Vec<String>, Value)> {
    let mut request = request(copy, ReadSchema::default());
    request.from = from;
    let mut reads = source.read(request, ctx).await?;
    let (mut all, mut position, mut is_done) = (Vec::new(), None, false);
    while let Some(read) = reads.next().await {
        match read? {
            Read::Rows { batch, .. } => all.extend(rows(&batch)),
            Read::Position(said) => position = Some(said),
            Read::Done { .. } => is_done = true,
            Read::Note(note) => all.push(format!("note: {note}")),
            other => panic!("{other:?}"),
        }
    }
    assert!(is_done);
    all.sort();
    Ok((all, position.expect("it says how far")))
}

impl Bed {
    /// Goes on from there, and gives the rows.
    async fn onward(&self, copy: &Value, from: &mut Option<Value>) -> String {
        match onward(&self.source(), &self.ctx, copy.clone(), from.clone()).await {
            Ok((rows, position)) => {
                *from = Some(position);
                rows.join("; ")
            }
            Err(error) => shown(&error),
        }
    }

    async fn other(&self) -> Client {
        client(&self.server, &self.database).await
    }
}

#[tokio::test]
async fn each_row_comes_once_however_late_it_is_committed() {
    let bed = Bed::new("create table t (id int, n int8); insert into t values (1, 10), (2, 20)").await;
    let late = bed.other().await;
    late.batch_execute("begin; insert into t values (3, 5)").await.unwrap();
    bed.sql("insert into t values (4, 15)").await;
    let (copy, mut from) = (appended("t", "n"), None);
    assert_eq!(bed.onward(&copy, &mut from).await, "1 | 10; 2 | 20; 4 | 15");
    let kept = from.clone().unwrap();
    assert_eq!(
        (&kept["column"], &kept["type"], &kept["value"]),
        (&json!("n"), &json!("int8"), &json!("20"))
    );
    // Nothing is new, though somebody still writes.
    assert_eq!(bed.onward(&copy, &mut from).await, "");
    late.batch_execute("commit").await.unwrap();
    // The late one, below the highest value; and another beside it, at that very value.
    bed.sql("insert into t values (5, 20)").await;
    assert_eq!(bed.onward(&copy, &mut from).await, "3 | 5; 5 | 20");
    assert_eq!(bed.onward(&copy, &mut from).await, "");
    // From an older position the same again, and what came since.
    assert_eq!(bed.onward(&copy, &mut Some(kept)).await, "3 | 5; 5 | 20");
    // A row that is changed is a new one; one that is deleted is not seen; one without a value comes as every other.
    bed.sql("update t set n = 7 where id = 1; delete from t where id = 2; insert into t values (6, null)")
        .await;
    assert_eq!(bed.onward(&copy, &mut from).await, "1 | 7; 6 | null");
    // What was rolled back never was.
    bed.sql("begin; insert into t values (7, 70); rollback").await;
    assert_eq!(bed.onward(&copy, &mut from).await, "");
    assert_eq!(from.unwrap()["value"], json!("20"));
}

/// Rows of a savepoint, or of a block that catches errors, hold a number of their own, which a snapshot does not list.
#[tokio::test]
async fn rows_of_subtransactions_come_when_all_of_it_is_committed() {
    let bed = Bed::new("create table t (id int, n int8); insert into t values (1, 10)").await;
    let late = bed.other().await;
    late.batch_execute("begin; savepoint a; insert into t values (2, 5); release a; savepoint b; insert into t values (3, 5); rollback to b; savepoint c; insert into t values (4, 5)")
        .await
        .unwrap();
    // More than a server remembers of each connection.
    let many = bed.other().await;
    many.batch_execute("begin; do $$ begin for n in 100..199 loop begin insert into t values (n, 1); exception when others then end; end loop; end $$")
        .await
        .unwrap();
    bed.sql("insert into t values (5, 20)").await;
    let (copy, mut from) = (appended("t", "n"), None);
    assert_eq!(bed.onward(&copy, &mut from).await, "1 | 10; 5 | 20");
    late.batch_execute("commit").await.unwrap();
    bed.sql("insert into t values (6, 20)").await;
    assert_eq!(bed.onward(&copy, &mut from).await, "2 | 5; 4 | 5; 6 | 20");
    many.batch_execute("commit").await.unwrap();
    assert_eq!(bed.onward(&copy, &mut from).await.split("; ").count(), 100);
    assert_eq!(bed.onward(&copy, &mut from).await, "");
}

/// Every type by which a table is read onwards, with values that another form than the server's own would bend.
#[tokio::test]
async fn the_highest_value_is_kept_as_the_server_writes_it() {
    let bed = Bed::new("select 1").await;
    for (of, values, highest) in [
        ("int2", "(1), (-2)", "1"),
        ("int8", "(9007199254740993), (9007199254740992)", "9007199254740993"),
        (
            "numeric",
            "(0.1), (12345678901234567890.000000000000000001)",
            "12345678901234567890.000000000000000001",
        ),
        ("text", "('it''s'), ('a\\b')", "it's"),
        ("varchar(9)", "('x'), ('')", "x"),
        (
            "uuid",
            "('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'), ('00000000-0000-0000-0000-000000000000')",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
        ("int8", "(7), (20)", "20"),
        ("date", "('2024-02-29'), ('infinity'), ('0044-03-15 BC')", "2024-02-29"),
        (
            "timestamp",
            "('2024-02-29 12:00:00.123456'), ('2024-02-29 12:00:00.123455')",
            "2024-02-29 12:00:00.123456",
        ),
        (
            "timestamptz",
            "('2024-02-29 23:30:00.000001+02'), ('-infinity')",
            "2024-02-29 21:30:00.000001+00",
        ),
        ("age", "(3), (7)", "7"),
    ] {
        bed.sql(&format!("drop table if exists t; drop domain if exists age; create domain age as int check (value < 200); create table t (v {of}); insert into t values {values}")).await;
        let mut request = request(merged(json!({ "table": "t" }), "v", None), ReadSchema::default());
        request.schema = ReadSchema {
            columns: None,
            ..ReadSchema::default()
        };
        let mut reads = bed.source().read(request, &bed.ctx).await.unwrap();
        let mut kept = None;
        while let Some(read) = reads.next().await {
            if let Read::Position(position) = read.unwrap() {
                kept = Some(position["value"].clone());
            }
        }
        assert_eq!(kept, Some(json!(highest)), "{of}");
    }
    bed.sql("drop table t; create table t (v float8)").await;
    let refused = bed.onward(&appended("t", "v"), &mut None).await;
    insta::assert_snapshot!(refused, @"error Unsupported: column `v` of public.t cannot say how far it was read (type: float8)");
}

#[tokio::test]
async fn with_a_lag_the_value_decides_and_nothing_is_passed_over() {
    let bed = Bed::new(
        "create table t (id int, at timestamptz);
         insert into t values (1, '2024-01-01 10:00Z'), (2, '2024-01-01 12:00:00.5Z'), (3, null), (4, 'infinity'), (5, '-infinity');
         create view v as select id, at from t where id < 3",
    )
    .await;
    // What cannot be told apart from new comes every time.
    let mut request = request(
        merged(
            json!({ "query": "select id, at::text as said, at from t where isfinite(at) is not false" }),
            "at",
            Some("1h"),
        ),
        ReadSchema::default(),
    );
    let query = request.copy.clone();
    let (rows, position) = onward(&bed.source(), &bed.ctx, request.copy.clone(), None)
        .await
        .unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(position["value"], json!("2024-01-01 12:00:00.5+00"));
    assert_eq!(position.get("snapshot"), None);
    bed.sql("insert into t values (6, '2024-01-01 11:00:00.499999Z'), (7, '2024-01-01 11:00:00.5Z'), (8, '2024-01-01 13:00Z')").await;
    let (rows, _) = onward(&bed.source(), &bed.ctx, query, Some(position)).await.unwrap();
    let ids: Vec<&str> = rows.iter().map(|row| row.split(" | ").next().unwrap()).collect();
    assert_eq!(ids, ["2", "3", "7", "8"]);
    // A view, whose last value goes away.
    let (view, mut from) = (merged(json!({ "table": "v" }), "at", Some("30m")), None);
    assert_eq!(bed.onward(&view, &mut from).await.matches(" | ").count(), 2);
    bed.sql("delete from t where id < 3").await;
    assert_eq!(bed.onward(&view, &mut from).await, "");
    assert_eq!(from.unwrap()["value"], json!("2024-01-01 12:00:00.5+00"));
    // A time is nothing that is taken from a number.
    request.copy = merged(json!({ "query": "select 1 as n" }), "n", Some("1h"));
    insta::assert_snapshot!(shown(&onward(&bed.source(), &bed.ctx, request.copy, None).await.unwrap_err()), @"error Invalid[SG0372]: `lag:` is a time, and column `n` of the query is int4");
}

/// What the rows of others look like that have no place in the order of days.
#[tokio::test]
async fn with_a_lag_rows_without_a_place_in_the_order_come_every_time() {
    let bed = Bed::new("create table t (id int, at date); insert into t values (1, '2024-01-03'), (2, null)").await;
    let copy = merged(
        json!({ "query": "select id, at, at::text as said from t" }),
        "at",
        Some("1d"),
    );
    let declared = ReadSchema {
        columns: Some(vec![
            column("id", "int32"),
            column("said", "string"),
            column("at", "date"),
        ]),
        declared: true,
        ..ReadSchema::default()
    };
    let asked = async |from: Option<Value>| {
        let mut request = request(copy.clone(), declared.clone());
        request.from = from;
        told(&bed.source(), request, &bed.ctx).await
    };
    insta::assert_snapshot!(asked(None).await, @r#"
    id int32, said string, at date
    1 | 2024-01-03 | 2024-01-03
    2 | null | null
    Position(Object {"version": Number(1), "column": String("at"), "type": String("date"), "value": String("2024-01-03")})
    done
    "#);
    bed.sql("insert into t values (3, 'infinity'), (4, '-infinity'), (5, '2024-01-02'), (6, '2024-01-01')")
        .await;
    let from = json!({ "version": 1, "column": "at", "type": "date", "value": "2024-01-03" });
    insta::assert_snapshot!(asked(Some(from)).await, @r#"
    aside: expected date, found infinity at at: {"id":"3","said":"infinity","at":"\\x7fffffff"}
    aside: expected date, found -infinity at at: {"id":"4","said":"-infinity","at":"\\x80000000"}
    id int32, said string, at date
    1 | 2024-01-03 | 2024-01-03
    2 | null | null
    5 | 2024-01-02 | 2024-01-02
    Position(Object {"version": Number(1), "column": String("at"), "type": String("date"), "value": String("2024-01-03")})
    done
    "#);
}

#[tokio::test]
async fn where_nothing_tells_which_rows_are_new_a_lag_is_asked_for() {
    let bed = Bed::new(
        "create table t (id int, n int8); create view v as select * from t; create materialized view m as select * from t;
         create extension file_fdw; create server files foreign data wrapper file_fdw;
         create foreign table f (id int, n int8) server files options (filename '/dev/null');
         create table parts (id int, n int8) partition by list (id); create table here partition of parts for values in (1);
         create foreign table there partition of parts for values in (2) server files options (filename '/dev/null')",
    )
    .await;
    let mut said = Vec::new();
    for table in ["v", "m", "f", "parts"] {
        said.push(bed.onward(&appended(table, "n"), &mut None).await);
    }
    let mut query = appended("t", "n");
    query.as_object_mut().unwrap().remove("table");
    query["query"] = json!("select * from t");
    said.push(bed.onward(&query, &mut None).await);
    insta::assert_snapshot!(said.join("\n"), @r#"
    error Unsupported[SG0372]: a `position:` needs `lag:` here: v is a view, whose rows tell nothing of their transactions
    error Unsupported[SG0372]: a `position:` needs `lag:` here: m is a materialized view, whose rows tell nothing of their transactions
    error Unsupported[SG0372]: a `position:` needs `lag:` here: f is a foreign table, whose rows tell nothing of their transactions
    error Unsupported[SG0372]: a `position:` needs `lag:` here: there is a foreign table, whose rows tell nothing of their transactions
    error Unsupported[SG0372]: a `position:` needs `lag:` here: the rows of a query tell nothing of their transactions
    "#);
}

#[tokio::test]
async fn what_changed_under_a_position_is_said() {
    let bed = Bed::new("create table t (id int, n int8, other int8); insert into t values (1, 10, 1)").await;
    let copy = appended("t", "n");
    let mut from = None;
    bed.onward(&copy, &mut from).await;
    let from = from.unwrap();
    let after = async |copy: &Value, from: &Value| bed.onward(copy, &mut Some(from.clone())).await;
    // The same server, whatever else happens to the table.
    bed.sql("alter table t add note text; insert into t values (2, 20, 2, 'x')")
        .await;
    assert_eq!(after(&copy, &from).await, "2 | 20 | 2 | x");
    let with = |key: &str, value: Value| {
        let mut from = from.clone();
        from[key] = value;
        from
    };
    let next: u64 = bed
        .client
        .query_one("select pg_current_xact_id()::text", &[])
        .await
        .unwrap()
        .get::<_, String>(0)
        .parse()
        .unwrap();
    let mut said = Vec::new();
    said.push(after(&appended("t", "other"), &from).await);
    said.push(after(&copy, &with("version", json!(2))).await);
    said.push(after(&copy, &with("snapshot", json!("5:4:"))).await);
    said.push(after(&copy, &with("server", json!({ "system": "1", "timeline": "00000001" }))).await);
    said.push(
        after(&copy, &with("snapshot", json!(format!("{0}:{0}:", next + 1000))))
            .await
            .replace(&(next + 1000).to_string(), "MORE"),
    );
    said.push(
        after(
            &copy,
            &json!({ "version": 1, "column": "n", "type": "int8", "value": "10" }),
        )
        .await,
    );
    bed.sql("alter table t alter n type numeric").await;
    said.push(after(&copy, &from).await);
    bed.sql("alter table t drop n").await;
    said.push(after(&copy, &from).await);
    bed.sql("drop table t; create table t (id int, n int8)").await;
    said.push(after(&copy, &from).await);
    let said = said.join("\n");
    let said = said.lines().map(|line| match line.split_once(" counts ") {
        Some((before, after)) => format!(
            "{before} counts SOME transactions{}",
            after.split_once(" transactions").map_or("", |(_, a)| a)
        ),
        None => line.to_string(),
    });
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @r#"
    error Conflict[SG0371]: public.t was read onwards by `n` so far, and not by `other`
    error Conflict[SG0371]: how far public.t was read was kept by another version of Segue
    error Conflict[SG0371]: how far public.t was read was kept by another version of Segue
    error Conflict[SG0371]: public.t is on another server than when it was last read
    error Conflict[SG0371]: the server of public.t knows less than when it was last read: it counts SOME transactions, and had counted MORE
    error Conflict[SG0371]: public.t was read with `lag:` so far, and nothing tells which rows without it are new
    error Conflict[SG0371]: column `n` of public.t, by which it is read onwards, is numeric now, and was int8
    error NotFound[SG0364]: public.t has no column `n`, by which it is read onwards
    error Conflict[SG0371]: public.t is another table now, under the same name
    "#);
}

/// Rows that are written anew keep nothing of their transactions; rows that only move do.
#[tokio::test]
async fn a_table_that_is_written_anew_is_not_taken_for_new_rows() {
    let bed = Bed::new("create table t (id int, n int8); insert into t values (1, 10), (2, 20)").await;
    let (copy, mut from) = (appended("t", "n"), None);
    bed.onward(&copy, &mut from).await;
    bed.sql("insert into t values (3, 5)").await;
    bed.sql("vacuum full t").await;
    bed.sql("vacuum freeze t").await;
    assert_eq!(bed.onward(&copy, &mut from).await, "3 | 5");
    bed.sql("alter table t alter id type int8").await;
    insta::assert_snapshot!(bed.onward(&copy, &mut from.clone()).await, @"error Conflict[SG0371]: public.t was written anew or emptied since it was last read: all of its rows look like new ones");
    // Merged, they may come again.
    let again = merged(json!({ "table": "t" }), "n", None);
    assert_eq!(bed.onward(&again, &mut from).await, "1 | 10; 2 | 20; 3 | 5");
}

#[tokio::test]
async fn partitions_come_and_go() {
    let bed = Bed::new(
        "create table t (id int, n int8) partition by range (n); create table t1 partition of t for values from (0) to (100);
         insert into t values (1, 10); create table before (id int, n int8); insert into before values (2, 110)",
    )
    .await;
    let (copy, mut from) = (appended("t", "n"), None);
    assert_eq!(bed.onward(&copy, &mut from).await, "1 | 10");
    // One with rows that are older than the last read, and a new one.
    bed.sql("alter table t attach partition before for values from (100) to (200); create table t3 partition of t for values from (200) to (300);
        insert into t values (3, 210), (4, 11)").await;
    assert_eq!(bed.onward(&copy, &mut from).await, "2 | 110; 3 | 210; 4 | 11");
    bed.sql("alter table t detach partition t1; insert into t values (5, 120)")
        .await;
    assert_eq!(bed.onward(&copy, &mut from).await, "5 | 120");
    bed.sql("alter table t attach partition t1 for values from (0) to (100)")
        .await;
    insta::assert_snapshot!(bed.onward(&copy, &mut from.clone()).await, @"error Conflict[SG0371]: public.t has a partition again that it had before: its rows look like new ones");
    let again = merged(json!({ "table": "t" }), "n", None);
    assert_eq!(bed.onward(&again, &mut from).await, "1 | 10; 4 | 11");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_table_is_read_onwards_in_parts_too() {
    let bed =
        Bed::new("create table big as select n as id, repeat('x', 1000) as pad from generate_series(1, 80000) n").await;
    let late = bed.other().await;
    late.batch_execute("begin; insert into big select n, 'late' from generate_series(80001, 80500) n")
        .await
        .unwrap();
    let mut copy = appended("big", "id");
    copy["streams"] = json!(3);
    let mut from = None;
    assert_eq!(bed.onward(&copy, &mut from).await.matches(" | ").count(), 80_000);
    late.batch_execute("commit").await.unwrap();
    bed.sql("insert into big select n, 'next' from generate_series(90001, 90100) n")
        .await;
    assert_eq!(bed.onward(&copy, &mut from).await.matches(" | ").count(), 600);
    assert_eq!(bed.onward(&copy, &mut from).await, "");
}

/// Many write at once, and take their time between choosing a value and committing it. Whoever reads meanwhile, again and again, has each
/// row once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_write_and_each_row_comes_once() {
    let bed = Bed::new(
        "create table t (id text primary key, n int8 not null default nextval('s'))"
            .replace("create table", "create sequence s; create table")
            .as_str(),
    )
    .await;
    let seed = std::process::id() as u64 ^ 0x9e37_79b9;
    println!("seed {seed}");
    let until = Instant::now() + Duration::from_secs(6);
    let mut writers = Vec::new();
    for who in 0..6u64 {
        let client = bed.other().await;
        writers.push(tokio::spawn(async move {
            let mut random = seed.wrapping_mul(who + 1) | 1;
            let mut next = move |most: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random % most
            };
            let (mut written, mut at) = (Vec::new(), 0u64);
            while Instant::now() < until {
                at += 1;
                client.batch_execute("begin").await.unwrap();
                let mut mine = Vec::new();
                for row in 0..=next(3) {
                    let id = format!("{who}-{at}-{row}");
                    let (is_sub, is_lost) = (next(3) == 0, next(5) == 0);
                    let insert = format!("insert into t (id) values ('{id}')");
                    let sql = match (is_sub, is_lost) {
                        (true, true) => format!("savepoint a; {insert}; rollback to a"),
                        (true, false) => format!("savepoint a; {insert}; release a"),
                        (false, _) => insert,
                    };
                    client.batch_execute(&sql).await.unwrap();
                    if !(is_sub && is_lost) {
                        mine.push(id);
                    }
                    if next(4) == 0 {
                        tokio::time::sleep(Duration::from_millis(next(40))).await;
                    }
                }
                if next(8) == 0 {
                    client.batch_execute("rollback").await.unwrap();
                } else {
                    client.batch_execute("commit").await.unwrap();
                    written.append(&mut mine);
                }
            }
            written
        }));
    }
    let (source, copy) = (bed.source(), appended("t", "n"));
    let (mut seen, mut from, mut reads, mut late) = (BTreeMap::<String, u32>::new(), None, 0, 0);
    let mut read_on = async |from: &mut Option<Value>| {
        let highest = |from: &Option<Value>| {
            from.as_ref()
                .and_then(|f| f["value"].as_str()?.parse::<i64>().ok())
                .unwrap_or(0)
        };
        let (rows, position) = onward(&source, &bed.ctx, copy.clone(), from.clone()).await.unwrap();
        for row in rows {
            let (id, n) = row.split_once(" | ").unwrap();
            late += u32::from(n.parse::<i64>().unwrap() < highest(from));
            *seen.entry(id.to_string()).or_default() += 1;
        }
        *from = Some(position);
        reads += 1;
    };
    while Instant::now() < until {
        read_on(&mut from).await;
    }
    let mut written = Vec::new();
    for writer in writers {
        written.extend(writer.await.unwrap());
    }
    read_on(&mut from).await;
    written.sort();
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "seed {seed}: {twice:?} came twice");
    let got: Vec<String> = seen.into_keys().collect();
    assert_eq!(got, written, "seed {seed}");
    assert!(
        reads > 10 && late > 10,
        "{reads} reads, {late} rows below the last value: nothing is shown by this"
    );
}
