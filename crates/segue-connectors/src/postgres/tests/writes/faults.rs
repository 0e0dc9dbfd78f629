//! What a bad network, a server that dies, and people who work beside Segue make of a commit: it is there, or it is not.

use super::*;
use segue_testkit::proxy::{Proxy, Trouble};

/// What a commit is in these tests: a merge that changes one row, adds one, and leaves one.
fn a_change() -> (Change, RecordBatch) {
    (Change::merge(["id"]), rows(&[(1, Some("changed")), (3, Some("new"))]))
}

const BEFORE: &str = "1|a\n2|b";
const AFTER: &str = "1|changed\n2|b\n3|new";

async fn world() -> World {
    let mut w = World::new("").await;
    w.land(Change::merge(["id"]), rows(&[(1, Some("a")), (2, Some("b"))]))
        .await
        .unwrap();
    assert_eq!(w.table(), BEFORE);
    w
}

/// Stages, works out and commits through a proxy with this trouble; then, by a good connection, whatever is left to do.
async fn through(w: &mut World, proxy: &Proxy, trouble: Trouble) {
    let mut settings = w.bed.settings();
    settings["port"] = json!(proxy.port());
    let good = std::mem::replace(&mut w.sink, sink(settings));
    proxy.make(trouble);
    let (change, batch) = a_change();
    let tried = tokio::time::timeout(Duration::from_secs(3), w.record(change, batch)).await;
    let record = match tried {
        Ok(Ok((record, _))) => {
            let committed = tokio::time::timeout(Duration::from_secs(3), w.commit(&record)).await;
            let table = w.table();
            match committed {
                Ok(Ok(Committed::Written(_))) => assert_eq!(table, AFTER, "{trouble:?}"),
                Ok(Ok(other)) => panic!("{trouble:?}: {other:?}"),
                Ok(Err(e)) => {
                    assert_eq!(e.kind(), Kind::Unavailable, "{trouble:?}: {}", e.to_text());
                    assert!(table == BEFORE || table == AFTER, "{trouble:?}: {table}");
                }
                Err(_) => assert!(table == BEFORE || table == AFTER, "{trouble:?}: {table}"),
            }
            Some(record)
        }
        Ok(Err(e)) => {
            assert_eq!(e.kind(), Kind::Unavailable, "{trouble:?}: {}", e.to_text());
            None
        }
        Err(_) => None,
    };
    proxy.heal();
    w.sink = good;
    // A connection that is stalled holds its locks until somebody ends it.
    w.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'segue' and datname = current_database()");
    match record {
        Some(record) => {
            let again = w.commit(&record).await.unwrap();
            assert!(
                matches!(again, Committed::Written(_) | Committed::AlreadyThere(_)),
                "{trouble:?}: {again:?}"
            );
        }
        None => {
            assert_eq!(w.table(), BEFORE, "{trouble:?}");
            let (change, batch) = a_change();
            w.land(change, batch).await.unwrap();
        }
    }
    assert_eq!(w.table(), AFTER, "{trouble:?}");
    w.sink.sweep(&w.target, &[], &w.bed.ctx).await.unwrap();
    assert_eq!(w.staged_tables(), "0", "{trouble:?}");
}

async fn reset(w: &mut World) {
    w.land(Change::ReplaceTable, rows(&[(1, Some("a")), (2, Some("b"))]))
        .await
        .unwrap();
    assert_eq!(w.table(), BEFORE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_cuts_or_stalls_anywhere_leaves_a_commit_or_none() {
    let mut w = world().await;
    let proxy = Proxy::to(w.bed.server.port());
    // How much there is to cut.
    through(&mut w, &proxy, Trouble::CutAfterSent(u64::MAX)).await;
    let mut settings = w.bed.settings();
    settings["port"] = json!(proxy.port());
    reset(&mut w).await;
    proxy.heal();
    let good = std::mem::replace(&mut w.sink, sink(settings));
    let (of_all, batch) = a_change();
    w.land(of_all, batch).await.unwrap();
    let (sent, received) = proxy.moved();
    w.sink = good;
    assert!(sent > 5_000 && received > 2_000, "{sent} {received}");
    for at in 0..24 {
        reset(&mut w).await;
        through(&mut w, &proxy, Trouble::CutAfterSent(sent * at / 24)).await;
        reset(&mut w).await;
        through(&mut w, &proxy, Trouble::CutAfterReceived(received * at / 24)).await;
    }
    for at in [0, 3, 5, 7] {
        reset(&mut w).await;
        through(&mut w, &proxy, Trouble::StallAfterSent(sent * at / 8)).await;
        reset(&mut w).await;
        through(&mut w, &proxy, Trouble::StallAfterReceived(received * at / 8)).await;
    }
    // One that is only slow does everything.
    reset(&mut w).await;
    through(&mut w, &proxy, Trouble::Slow(3)).await;
}

/// Each transaction in another session: nothing of one is needed in the next, or left behind.
#[tokio::test(flavor = "multi_thread")]
async fn commits_go_through_a_pooler_in_transaction_mode() {
    for sessions in [1, 3] {
        let mut w = World::new("create table others (id int8); insert into others values (1)").await;
        let pooler = tokio::task::block_in_place(|| segue_testkit::postgres::Pooler::start(&w.bed.server, sessions));
        let mut settings = w.bed.settings();
        settings["port"] = json!(pooler.port());
        w.sink = sink(settings);
        w.land(Change::ReplaceTable, rows(&[(1, Some("a"))])).await.unwrap();
        w.land(Change::ReplaceTable, rows(&[(1, Some("a")), (2, Some("b"))]))
            .await
            .unwrap();
        w.land(Change::merge(["id"]), rows(&[(2, Some("c")), (3, None)]))
            .await
            .unwrap();
        w.land(
            Change::DeleteInsert { key: vec!["id".into()] },
            rows(&[(1, Some("z")), (1, Some("y"))]),
        )
        .await
        .unwrap();
        w.sql("create unique index one_name on things (name)");
        let staged = vec![w.stage(rows(&[(9, Some("z")), (8, Some("new"))])).await.unwrap()];
        let schema = rows(&[]).schema();
        let sifted = w
            .sink
            .sift(&w.target, schema, &Change::Append, &staged, &w.bed.ctx)
            .await
            .unwrap();
        assert_eq!(sifted.refused.iter().map(|s| s.rows).sum::<u64>(), 1);
        assert_eq!(w.table(), "1|y\n1|z\n2|c\n3|");
        for left in [&sifted.staged, &sifted.refused] {
            w.sink.discard(&w.target, left, None, &w.bed.ctx).await.unwrap();
        }
        assert_eq!(w.staged_tables(), "0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_staged_outlives_a_server_that_dies_and_a_commit_does_not_half_happen() {
    let mut w = World::on(|| Postgres::start(&["fsync=on"])).await;
    w.land(Change::merge(["id"]), rows(&[(1, Some("a")), (2, Some("b"))]))
        .await
        .unwrap();
    let (change, batch) = a_change();
    let (record, _) = w.record(change, batch).await.unwrap();
    // Somebody holds the table, so the commit waits when the server dies.
    let holder = client(&w.bed.server, "postgres").await;
    holder
        .batch_execute("begin; lock table things in access exclusive mode")
        .await
        .unwrap();
    let (sink, one, ctx) = (w.sink.clone(), record.clone(), w.bed.ctx.clone());
    let committing = tokio::spawn(async move { sink.commit(&one, 0, &ctx).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let server = Arc::get_mut(&mut w.bed.server).unwrap();
    server.kill();
    let failed = committing.await.unwrap().unwrap_err();
    assert_eq!(failed.kind(), Kind::Unavailable, "{}", failed.to_text());
    server.run();
    assert_eq!(w.table(), BEFORE);
    assert_eq!(w.commit(&record).await.unwrap(), Committed::Written(record.n));
    assert_eq!(w.table(), AFTER);
    let server = Arc::get_mut(&mut w.bed.server).unwrap();
    server.kill();
    server.run();
    assert_eq!(w.table(), AFTER, "durable");
    assert_eq!(w.commit(&record).await.unwrap(), Committed::AlreadyThere(record.n));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_others_hold_is_waited_for_and_not_for_ever() {
    let mut w = world().await;
    let (change, batch) = a_change();
    let (record, _) = w.record(change, batch).await.unwrap();
    let holder = client(&w.bed.server, &w.bed.database).await;
    holder
        .batch_execute("begin; update things set name = 'held' where id = 2")
        .await
        .unwrap();
    let waited = w.commit(&record).await.unwrap_err();
    insta::assert_snapshot!(said(&waited), @r"
    error: cannot lock the table: canceling statement due to lock timeout
      sqlstate: 55P03
      table: things
      hint: somebody holds a lock that is in the way (`pg_locks`, `pg_stat_activity`); it is tried again
    ");
    holder.batch_execute("rollback").await.unwrap();
    assert_eq!(w.commit(&record).await.unwrap(), Committed::Written(record.n));
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_lost_are_named() {
    let mut w = world().await;
    w.sql("create role clerk login; grant usage, create on schema public to clerk; create table theirs (id int8 primary key, name text);
           grant select, insert on theirs to clerk; create schema marks authorization clerk");
    let mut settings = w.bed.settings();
    settings["user"] = json!("clerk");
    settings["schema"] = json!("marks");
    w.sink = sink(settings);
    w.target = target("public.theirs");
    w.land(Change::Append, rows(&[(1, Some("a"))])).await.unwrap();
    insta::assert_snapshot!(w.land(Change::merge(["id"]), rows(&[(1, Some("b"))])).await.unwrap_err(), @r"
    error[SG0363]: cannot lock the table: permission denied for table theirs
      sqlstate: 42501
      table: public.theirs
      hint: to read, this user needs SELECT on the table and USAGE on its schema; to write, CREATE on the schema and the table's rights besides, and for some write modes TEMP on the database
    ");
    w.sql("revoke insert on theirs from clerk");
    let why = w.land(Change::Append, rows(&[(2, None)])).await.unwrap_err();
    assert!(why.contains("SG0363") && why.contains("permission denied"), "{why}");
    assert_eq!(w.sql("select * from theirs"), "1|a");
    w.sql("drop owned by clerk; drop role clerk");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_role_change_nothing() {
    let mut w = World::new("").await;
    w.sql("create role odd login superuser; alter role odd set statement_timeout = '1ms'; alter role odd set synchronous_commit = off;
           alter role odd set default_transaction_isolation = 'serializable'; alter role odd set datestyle = 'German';
           alter role odd set default_transaction_read_only = on; alter role odd set standard_conforming_strings = off");
    let mut settings = w.bed.settings();
    settings["user"] = json!("odd");
    w.sink = sink(settings);
    w.land(Change::merge(["id"]), rows(&[(1, Some(r"it's a \ back"))]))
        .await
        .unwrap();
    assert_eq!(w.table(), r"1|it's a \ back");
    w.sql("drop owned by odd; drop role odd");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_each_row_is_there_once() {
    let w = Arc::new(World::new("").await);
    // Assets beside each other, the first commits of all at once: the tables of the marks are made by whoever comes first.
    let mut all = tokio::task::JoinSet::new();
    for at in 0..8 {
        let mut mine = World {
            bed: Bed {
                server: w.bed.server.clone(),
                database: w.bed.database.clone(),
                client: client(&w.bed.server, &w.bed.database).await,
                ctx: w.bed.ctx.clone(),
            },
            sink: w.sink.clone(),
            target: target(&format!("many_{at}")),
            n: 0,
        };
        all.spawn(async move {
            for n in 0..5 {
                mine.land(Change::Append, rows(&[(n, None)])).await.unwrap();
            }
            mine.sql(&format!("select count(*), count(distinct id) from many_{at}"))
        });
    }
    while let Some(counted) = all.join_next().await {
        assert_eq!(counted.unwrap(), "5|5");
    }
    assert_eq!(
        w.sql("select count(*), count(distinct asset) from _segue_commits"),
        "40|8"
    );
}
