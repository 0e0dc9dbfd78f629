//! What somebody puts on a table of ours stays on it: rules, keys, labels of all kinds, readers that follow it; and what they do to whoever writes.

use super::*;

/// A table of ours with one row.
async fn ours() -> World {
    let mut w = World::new("").await;
    w.land(Change::ReplaceTable, rows(&[(1, Some("a"))])).await.unwrap();
    w
}

#[tokio::test]
async fn a_value_that_somebody_requires_is_required_of_every_change() {
    for change in [
        Change::ReplaceTable,
        Change::Append,
        Change::merge(["id"]),
        Change::DeleteInsert { key: vec!["id".into()] },
    ] {
        let mut w = ours().await;
        w.sql("alter table things alter name set not null");
        let why = w.land(change.clone(), rows(&[(2, None)])).await.unwrap_err();
        assert!(why.contains("SG0367") && why.contains("name"), "{change:?}: {why}");
        assert_eq!(w.table(), "1|a", "{change:?}");
        w.land(change.clone(), rows(&[(2, Some("b"))])).await.unwrap();
        let required = "select attnotnull from pg_attribute where attrelid = 'things'::regclass and attname = 'name'";
        assert_eq!(w.sql(required), "t", "{change:?}");
    }
}

#[tokio::test]
async fn a_key_that_somebody_puts_on_it_is_a_rule_and_one_of_ours_goes() {
    let mut w = ours().await;
    w.sql("alter table things add primary key (id)");
    let doubled = rows(&[(2, Some("b")), (2, Some("c"))]);
    let why = w.land(Change::ReplaceTable, doubled.clone()).await.unwrap_err();
    assert!(why.contains("SG0367") && why.contains("things_pkey"), "{why}");
    w.land(Change::ReplaceTable, rows(&[(2, Some("b"))])).await.unwrap();
    let key = "select count(*) from pg_constraint where conrelid = 'things'::regclass and contype = 'p'";
    assert_eq!(w.sql(key), "1");
    // Rows that break it are told by sifting as well.
    let told = {
        let staged = vec![w.stage(doubled.clone()).await.unwrap()];
        let sifted = w
            .sink
            .sift(&w.target, doubled.schema(), &Change::ReplaceTable, &staged, &w.bed.ctx)
            .await
            .unwrap();
        sifted.refused.iter().map(|s| s.rows).sum::<u64>()
    };
    assert_eq!(told, 2);
    // A merge's own key goes with the merge.
    let mut w = World::new("").await;
    w.land(Change::merge(["id"]), rows(&[(1, Some("a"))])).await.unwrap();
    assert_eq!(w.sql(key), "1");
    w.land(Change::ReplaceTable, doubled).await.unwrap();
    assert_eq!(w.sql(key), "0");
    assert_eq!(w.table(), "2|b\n2|c");
}

#[tokio::test]
async fn whatever_would_be_lost_keeps_the_table_where_it_is() {
    let number = |w: &World| w.sql("select 'things'::regclass::oid");
    for (needs, drops) in [
        (
            "alter table things alter name set storage external",
            "alter table things alter name set storage extended",
        ),
        (
            "alter table things add constraint pk_things primary key (id)",
            "alter table things drop constraint pk_things; alter table things alter id drop not null",
        ),
        (
            "alter table things add primary key (id); create publication all_of_it for all tables",
            "drop publication all_of_it",
        ),
        (
            "alter table things add primary key (id); create publication this_one for table things",
            "drop publication this_one",
        ),
        (
            "alter table things add constraint named check (id > 0); comment on constraint named on things is 'by hand'",
            "alter table things drop constraint named",
        ),
        (
            "alter table things set (toast.autovacuum_enabled = off)",
            "alter table things reset (toast.autovacuum_enabled)",
        ),
    ] {
        let mut w = ours().await;
        w.sql(needs);
        let before = number(&w);
        w.land(Change::ReplaceTable, rows(&[(2, Some("b"))])).await.unwrap();
        assert_eq!(number(&w), before, "{needs}");
        assert_eq!(w.table(), "2|b", "{needs}");
        w.sql(drops);
        w.land(Change::ReplaceTable, rows(&[(3, Some("c"))])).await.unwrap();
        assert_ne!(number(&w), before, "{drops}");
    }
}

#[tokio::test]
async fn values_do_not_change_places_where_a_reference_would_follow_one() {
    let swapped = || rows(&[(1, Some("b")), (2, Some("a"))]);
    for how in ["on update cascade", "on update set null", "on delete restrict"] {
        let mut w = World::new(&format!(
            "create table things (id int8 primary key, name text unique); insert into things values (1, 'a'), (2, 'b');
             create table logins (name text references things (name) {how}); insert into logins values ('a')"
        ))
        .await;
        let why = w.land(Change::merge(["id"]), swapped()).await.unwrap_err();
        assert!(why.contains("SG0367"), "{how}: {why}");
        assert_eq!(w.table(), "1|a\n2|b", "{how}");
        assert_eq!(w.sql("select name from logins"), "a", "{how}");
    }
}

#[tokio::test]
async fn an_append_sees_that_a_trigger_changes_its_values() {
    let made = |body: &str| {
        format!(
            "create table things (id int8, name text, at timestamptz);
             create function touch() returns trigger language plpgsql as $$ begin {body}; return new; end $$;
             create trigger touch before insert on things for each row execute function touch()"
        )
    };
    // What does not come may be filled.
    let mut w = World::new(&made("new.at := '2024-01-01'")).await;
    w.land(Change::Append, rows(&[(1, Some("a")), (1, Some("a")), (2, None)]))
        .await
        .unwrap();
    assert_eq!(w.sql("select count(*), count(at) from things"), "3|3");
    let mut w = World::new(&made("new.name := upper(new.name)")).await;
    let why = w.land(Change::Append, rows(&[(1, Some("a"))])).await.unwrap_err();
    assert!(why.contains("touch"), "{why}");
    assert_eq!(w.sql("select count(*) from things"), "0");
}

/// Who reads the table and then wants to write to it would wait for us, and we for them: we do not wait.
#[tokio::test]
async fn a_deadlock_with_a_reader_costs_nobody_a_thing() {
    let mut w = ours().await;
    let database = w.bed.database.clone();
    let reader = client(&w.bed.server, &database).await;
    reader.batch_execute("begin; select * from things").await.unwrap();
    let writes = tokio::spawn(async move {
        // Waiting is what this test is about: the other one holds its first lock by then.
        tokio::time::sleep(std::time::Duration::from_millis(120)).await;
        let done = reader
            .batch_execute("insert into things values (9, 'theirs'); commit")
            .await;
        (reader, done)
    });
    w.land(Change::ReplaceTable, rows(&[(2, Some("b"))])).await.unwrap();
    let (_reader, done) = writes.await.unwrap();
    done.unwrap();
    assert_eq!(w.table(), "2|b\n9|theirs");
}

/// Functions of the server's own names, made by whoever may make functions, are never called.
#[tokio::test]
async fn functions_that_somebody_put_in_the_way_are_not_called() {
    let trap = |name: &str, takes: &str, gives: &str| {
        format!(
            "create function public.{name}({takes}) returns {gives} language plpgsql as $$ begin raise exception 'caught by {name}'; end $$;"
        )
    };
    let traps: Vec<String> = [
        ("hashtextextended", "text, int", "int8"),
        ("pg_visible_in_snapshot", "xid8, text", "bool"),
        ("starts_with", "name, text", "bool"),
        ("unnest", "int2vector", "setof int2"),
        ("unnest", "oid[]", "setof oid"),
        ("format", "text, name, name", "text"),
        ("quote_ident", "name", "text"),
        ("to_jsonb", "pg_constraint", "jsonb"),
        ("to_jsonb", "pg_index", "jsonb"),
        ("left", "name, int", "text"),
        ("array_position", "int2[], int2", "int"),
        ("cardinality", "int2[]", "int"),
        ("hash_record_extended", "record, int", "int8"),
        ("has_table_privilege", "oid, name", "bool"),
    ]
    .iter()
    .map(|(name, takes, gives)| trap(name, takes, gives))
    .collect();
    let mut w = World::new(
        "create table there (id int8 primary key, name text, at timestamptz); insert into there values (1, 'a', now())",
    )
    .await;
    for trap in &traps {
        // Some servers do not have every type, and let nobody make some of these.
        if let Err(e) = w.bed.client.batch_execute(trap).await {
            assert!(e.as_db_error().is_some(), "{e}");
        }
    }
    let count =
        "select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'public'";
    assert_eq!(w.sql(count), traps.len().to_string());
    w.land(Change::ReplaceTable, rows(&[(1, Some("a"))])).await.unwrap();
    w.land(Change::ReplaceTable, rows(&[(1, Some("a")), (2, None)]))
        .await
        .unwrap();
    w.land(Change::merge(["id"]), rows(&[(2, Some("b"))])).await.unwrap();
    w.sql("create unique index one on things (name)");
    let staged = vec![w.stage(rows(&[(3, Some("b"))])).await.unwrap()];
    let sifted = w
        .sink
        .sift(&w.target, rows(&[]).schema(), &Change::Append, &staged, &w.bed.ctx)
        .await
        .unwrap();
    assert_eq!(sifted.refused.len(), 1);
    let source = w.bed.source();
    assert_eq!(source.tables(&w.bed.ctx).await.unwrap().len(), 2);
    let onwards = json!({ "table": "there", "position": { "column": "at", "may_repeat": false } });
    let read = told(&source, request(onwards, ReadSchema::default()), &w.bed.ctx).await;
    assert!(
        read.contains("1, a") || read.contains("1|a") || read.contains("done"),
        "{read}"
    );
    assert!(!read.contains("caught"), "{read}");
}
