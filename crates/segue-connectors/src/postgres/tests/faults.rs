//! Servers that stop, connections that are cut, and readers who go away.

use super::*;

/// A server of its own.
pub(super) async fn own(sql: &str) -> (Postgres, Value, Client) {
    let server = tokio::task::spawn_blocking(|| Postgres::start(&[])).await.unwrap();
    let client = client(&server, "postgres").await;
    client.batch_execute(sql).await.unwrap();
    let settings = json!({ "host": "127.0.0.1", "port": server.port(), "database": "postgres", "user": USER });
    (server, settings, client)
}

const SLOW: &str = "select n, pg_sleep(0.001)::text from generate_series(1, 1000000) n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_in_the_middle_ends_the_read_and_nothing_counts_as_done() {
    let (mut server, settings, _client) =
        own("create table t as select n as id, repeat('x', 1000) as pad from generate_series(1, 150000) n").await;
    let ctx = Ctx::new("dev", Arc::new(SystemClock::default()));
    let source = source(settings).unwrap();
    let mut reads = source
        .read(request(json!({ "table": "t" }), ReadSchema::default()), &ctx)
        .await
        .unwrap();
    assert!(matches!(reads.next().await, Some(Ok(Read::Rows { .. }))));
    tokio::task::block_in_place(|| server.kill());
    let mut ended = None;
    while let Some(read) = reads.next().await {
        match read {
            Ok(Read::Done { .. }) => panic!("it is not done"),
            Ok(_) => {}
            Err(error) => ended = Some(error),
        }
    }
    let error = ended.expect("it says so");
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    // And the next one finds the server that was started again.
    tokio::task::block_in_place(|| server.run());
    let again = told(
        &source,
        request(json!({ "query": "select count(*) as n from t" }), ReadSchema::default()),
        &ctx,
    )
    .await;
    assert_eq!(again, "n int64\n150000\ndone");
}

async fn working(client: &Client) -> i64 {
    let sql = "select count(*) from pg_stat_activity where application_name = 'segue' and state = 'active'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

async fn until_nobody_works(client: &Client) {
    for _ in 0..200 {
        if working(client).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the server still works for nobody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_is_cancelled_or_dropped_ends_at_the_server() {
    let (_server, settings, client) = own("select 1").await;
    let source = source(settings).unwrap();
    for is_dropped in [true, false] {
        let ctx = Ctx::new("dev", Arc::new(SystemClock::default()));
        // No row comes of it for a long time.
        let query = json!({ "query": format!("select count(*) from ({SLOW}) s") });
        let reads = source.read(request(query, ReadSchema::default()), &ctx).await.unwrap();
        while working(&client).await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if is_dropped {
            drop(reads);
            until_nobody_works(&client).await;
        } else {
            ctx.cancel.cancel();
            let ended: Vec<_> = reads.collect().await;
            assert!(
                matches!(&ended[..], [Err(e)] if e.kind() == Kind::Cancelled),
                "{ended:?}"
            );
            until_nobody_works(&client).await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_somebody_ends_ends_the_read() {
    let bed = Bed::new("select 1").await;
    let mut reads = bed
        .source()
        .read(request(json!({ "query": SLOW }), ReadSchema::default()), &bed.ctx)
        .await
        .unwrap();
    bed.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'segue' and datname = current_database()").await;
    let mut last = None;
    while let Some(read) = reads.next().await {
        last = Some(read);
    }
    let error = last.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
}

/// A table that takes several connections.
const BIG: &str = "create table big as select n as id, repeat('x', 1000) as pad from generate_series(1, 80000) n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_in_parts_that_is_dropped_or_stopped_ends_at_the_server() {
    let (mut server, settings, client) = own(BIG).await;
    let source = source(settings).unwrap();
    let big = || request(json!({ "table": "big", "streams": 3 }), ReadSchema::default());
    let ctx = Ctx::new("dev", Arc::new(SystemClock::default()));
    let mut reads = source.read(big(), &ctx).await.unwrap();
    assert!(matches!(reads.next().await, Some(Ok(Read::Rows { .. }))));
    drop(reads);
    until_nobody_works(&client).await;
    let mut reads = source.read(big(), &ctx).await.unwrap();
    assert!(matches!(reads.next().await, Some(Ok(Read::Rows { .. }))));
    tokio::task::block_in_place(|| server.kill());
    let ended: Vec<_> = reads.collect().await;
    assert!(!ended.iter().any(|read| matches!(read, Ok(Read::Done { .. }))));
    assert!(matches!(ended.last(), Some(Err(e)) if e.kind() == Kind::Unavailable));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_second_connection_the_first_reads_all() {
    let bed = Bed::new(BIG).await;
    bed.sql("create role lone login connection limit 1; grant select on big to lone")
        .await;
    let mut settings = bed.settings();
    settings["user"] = json!("lone");
    let count = json!({ "table": "big", "streams": 3 });
    let said = told(
        &source(settings).unwrap(),
        request(count, ReadSchema::default()),
        &bed.ctx,
    )
    .await;
    assert_eq!(said.lines().count(), 80_002, "a head, the rows, and its end");
    assert!(said.ends_with("done"));
}

/// What it sees of the table is nothing then, and that is no empty table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_emptied_or_replaced_as_the_read_begins_is_not_an_empty_one() {
    for change in [
        "truncate t; insert into t values (7)",
        "create table fresh as select 7 as id; alter table t rename to old; alter table fresh rename to t",
        "alter table t alter column id type int8",
    ] {
        let bed = Bed::new("create table t as select 1 as id").await;
        bed.sql(&format!("begin; {change}")).await;
        let source = bed.source();
        let reading = async {
            told(
                &source,
                request(json!({ "table": "t" }), ReadSchema::default()),
                &bed.ctx,
            )
            .await
        };
        let committing = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            bed.sql("commit").await;
        };
        let (said, ()) = tokio::join!(reading, committing);
        assert!(!said.contains("done"), "{change}: {said}");
        assert!(
            said.contains("error Unavailable") || said.contains("error NotFound"),
            "{change}: {said}"
        );
        let again = bed.read(json!({ "table": "t" })).await;
        assert!(
            again.ends_with("done") && again.lines().count() == 3,
            "{change}: {again}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_lock_can_be_stopped() {
    let bed = Bed::new("create table t as select 1 as id").await;
    bed.sql("begin; lock table t").await;
    let ctx = Ctx::new("dev", Arc::new(SystemClock::default()));
    let source = bed.source();
    let reading = async { told(&source, request(json!({ "table": "t" }), ReadSchema::default()), &ctx).await };
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        ctx.cancel.cancel();
    };
    let both = async { tokio::join!(reading, stopping) };
    let (said, ()) = tokio::time::timeout(Duration::from_secs(10), both)
        .await
        .expect("it is stopped");
    assert!(said.starts_with("error Cancelled"), "{said}");
    let waiting = "select count(*) from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())";
    for _ in 0..200 {
        if bed.client.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it still waits at the server");
}

#[tokio::test]
async fn a_password_that_is_missing_is_no_server_that_is_missing() {
    let bed = Bed::new("select 1").await;
    let ada = format!(
        "do $$ begin create role {} login password '{}'; exception when duplicate_object then end $$",
        LOGIN.0, LOGIN.1
    );
    bed.sql(&ada).await;
    let mut settings = bed.settings();
    settings["user"] = json!(LOGIN.0);
    let error = source(settings).unwrap().test(&bed.ctx).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthenticated, "{error}");
    assert_eq!(error.error_code(), Some(segue_diag::POSTGRES_LOGIN));
}

/// It takes the connection and says nothing.
#[tokio::test]
async fn a_server_that_is_silent_is_not_waited_for_for_ever() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let settings = json!({ "host": "127.0.0.1", "port": port, "database": "d", "user": "u" });
    let ctx = Ctx::new("dev", Arc::new(SystemClock::default()));
    let error = source(settings).unwrap().test(&ctx).await.unwrap_err();
    assert!(error.to_string().contains("no answer within 5 s"), "{error}");
}

#[tokio::test]
async fn limits_of_the_role_do_not_end_a_read() {
    let bed = Bed::new("select 1").await;
    bed.sql(&format!(
        "alter database {} set statement_timeout = '50ms'",
        bed.database
    ))
    .await;
    let slow = json!({ "query": "select n, pg_sleep(0.2)::text as slept from generate_series(1, 2) n" });
    let said = bed.read(slow).await;
    assert!(said.ends_with("done"), "{said}");
}

#[tokio::test]
async fn nobody_there_is_said() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let settings = json!({ "host": "127.0.0.1", "port": port, "database": "d", "user": "u" });
    let ctx = Ctx::new("dev", Arc::new(SystemClock::default()));
    let error = source(settings).unwrap().test(&ctx).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(error.error_code(), Some(segue_diag::POSTGRES_UNREACHABLE));
}

#[tokio::test]
async fn a_server_is_the_one_that_its_certificate_says() {
    let (server, ca) = tokio::task::spawn_blocking(Postgres::start_with_tls).await.unwrap();
    let ctx = Ctx::new("dev", Arc::new(SystemClock::default()));
    let tried = async |host: &str, tls: Value, ca: Option<&std::path::Path>| {
        let mut settings =
            json!({ "host": host, "port": server.port(), "database": "postgres", "user": USER, "tls": tls });
        if let Some(ca) = ca {
            settings["tls_ca"] = json!(ca);
        }
        let tested = source(settings).unwrap().test(&ctx).await;
        tested.map_err(|e| format!("{:?}", e.kind()))
    };
    let verified = tried("localhost", json!("verify"), Some(&ca)).await;
    assert!(verified.is_ok(), "{verified:?}");
    // Signed by nobody that this machine knows; for another name; and without TLS, as told.
    assert_eq!(tried("localhost", json!("verify"), None).await, Err("Denied".into()));
    assert_eq!(
        tried("127.0.0.1", json!("verify"), Some(&ca)).await,
        Err("Denied".into())
    );
    assert!(tried("127.0.0.1", json!("off"), None).await.is_ok());
    let plain = Postgres::shared();
    let mut settings =
        json!({ "host": "localhost", "port": plain.port(), "database": "postgres", "user": USER, "tls": "verify" });
    settings["tls_ca"] = json!(ca);
    let refused = source(settings).unwrap().test(&ctx).await.unwrap_err();
    assert_eq!(
        refused.error_code(),
        Some(segue_diag::POSTGRES_UNREACHABLE),
        "{refused}"
    );
}

/// A server that speaks another protocol, or none.
#[tokio::test]
async fn a_server_of_something_else_is_said() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            use tokio::io::AsyncWriteExt;
            let _gone = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let settings = json!({ "host": "127.0.0.1", "port": port, "database": "d", "user": "u" });
    let ctx = Ctx::new("dev", Arc::new(SystemClock::default()));
    let error = source(settings).unwrap().test(&ctx).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
}

/// A pooler gives each transaction another session of the server: nothing of one may be needed in the next, or left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_in_transaction_mode_is_as_good_as_the_server() {
    let bed = Bed::new(BIG).await;
    // With one session, nobody else reads beside the first connection.
    for sessions in [1, 3] {
        let pooler = tokio::task::block_in_place(|| Pooler::start(&bed.server, sessions));
        let mut settings = bed.settings();
        settings["port"] = json!(pooler.port());
        let begun = std::time::Instant::now();
        for round in 0..3 {
            let source = source(settings.clone()).unwrap();
            source.test(&bed.ctx).await.unwrap();
            assert_eq!(source.discover(&|_| true, &bed.ctx).await.unwrap().len(), 1);
            let big = json!({ "table": "big", "streams": 3, "position": { "column": "id" } });
            let said = told(&source, request(big, ReadSchema::default()), &bed.ctx).await;
            assert_eq!(said.matches(" | ").count(), 80_000, "round {round}");
            assert!(said.ends_with("done"));
            let wrong = told(
                &source,
                request(json!({ "table": "smal" }), ReadSchema::default()),
                &bed.ctx,
            )
            .await;
            assert!(wrong.starts_with("error NotFound"), "{wrong}");
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it waits for what never comes"
        );
    }
}

/// A read holds the table: whoever wants to change it waits, and is not passed over either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_to_change_in_the_middle_of_a_read_waits_for_its_end() {
    for change in [
        "alter table big drop pad",
        "alter table big alter id type int8",
        "drop table big",
        "truncate big",
    ] {
        let bed = Bed::new(BIG).await;
        let big = json!({ "table": "big", "streams": 3 });
        let source = bed.source();
        let mut reads = source
            .read(request(big, ReadSchema::default()), &bed.ctx)
            .await
            .unwrap();
        let mut count = 0;
        while count == 0 {
            if let Some(Ok(Read::Rows { batch, .. })) = reads.next().await {
                count += batch.num_rows();
            }
        }
        bed.sql("set lock_timeout = '200ms'").await;
        let refused = bed.client.batch_execute(change).await.unwrap_err();
        assert_eq!(refused.code().map(|c| c.code()), Some("55P03"), "{change}: {refused}");
        // And somebody who waits for as long as it takes.
        bed.sql("set lock_timeout = 0").await;
        let changed = bed.client.batch_execute(change);
        let read = async {
            let mut is_done = false;
            while let Some(read) = reads.next().await {
                match read.unwrap() {
                    Read::Rows { batch, .. } => {
                        assert_eq!(batch.num_columns(), 2);
                        count += batch.num_rows();
                    }
                    Read::Done { .. } => is_done = true,
                    other => panic!("{other:?}"),
                }
            }
            is_done
        };
        let (is_done, changed) = tokio::join!(read, changed);
        changed.unwrap();
        assert!(is_done && count == 80_000, "{change}: {count}");
    }
}

/// It is not read to its end, nor held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_larger_than_there_is_room_for_is_said_with_its_column() {
    let sql = "create table t (id int, note text, scan text);
        insert into t select n, 'x', null from generate_series(1, 1000) n; insert into t values (1001, 'y', repeat('z', 100000000))";
    let (server, ca) = tokio::task::spawn_blocking(Postgres::start_with_tls).await.unwrap();
    let sql = sql.to_string();
    let server = tokio::task::spawn_blocking(move || {
        server.sql("postgres", &sql);
        server
    })
    .await
    .unwrap();
    let mut ctx = Ctx::new("dev", Arc::new(SystemClock::default()));
    let settings = |tls: &str| json!({ "host": "localhost", "port": server.port(), "database": "postgres", "user": USER, "tls": tls, "tls_ca": ca });
    for tls in ["off", "verify"] {
        let source = source(settings(tls)).unwrap();
        let table = || request(json!({ "table": "t" }), ReadSchema::default());
        ctx.limits.memory = 64 << 20;
        let said = told(&source, table(), &ctx).await;
        assert!(!said.contains("done"));
        assert_eq!(
            said.lines().last(),
            Some(
                "error Unsupported[SG0373]: cannot read public.t: a row has 100000019 bytes (`scan` alone 100000000), and 8388608 is the most that there is room for"
            )
        );
        // Where there is room, it comes; and so do those that are left.
        let few = json!({ "query": "select id, note from t" });
        assert_eq!(
            told(&source, request(few, ReadSchema::default()), &ctx)
                .await
                .lines()
                .count(),
            1003
        );
        ctx.limits.memory = 1 << 30;
        let mut reads = source.read(table(), &ctx).await.unwrap();
        let mut count = 0;
        while let Some(read) = reads.next().await {
            if let Read::Rows { batch, .. } = read.unwrap() {
                count += batch.num_rows();
            }
        }
        assert_eq!(count, 1001);
    }
}
