//! Rows that pass from one table to another as they are, with the server as the judge of what arrived; and what becomes of them half-way.

use super::*;
use crate::postgres::rows::SIGNATURE;
use crate::postgres::wire::Passing;
use bytes::Bytes;
use segue_core::source::Column;
use segue_core::wire::{Offer, Wire, WireRows};
use segue_testkit::proxy::{Proxy, Trouble};

impl World {
    /// What the source says of passing its rows, and then the table.
    async fn asked(
        &self,
        copy: Value,
        frozen: Option<&[Column]>,
        key: &[&str],
    ) -> Result<std::result::Result<Wire, String>> {
        let (source, ctx) = (self.bed.source(), &self.bed.ctx);
        let key: Vec<String> = key.iter().map(|k| k.to_string()).collect();
        let schema = ReadSchema {
            columns: frozen.map(<[Column]>::to_vec),
            on_new_column: OnChange::Evolve,
            ..ReadSchema::default()
        };
        let wire = match source.wire(&copy, &schema, &key, ctx).await? {
            Offer::Wire(wire) => wire,
            Offer::Not(why) => return Ok(Err(format!("source: {why}"))),
        };
        Ok(match self.sink.refuses(&self.target, &wire, false, ctx).await? {
            Some(why) => Err(format!("table: {why}")),
            None => Ok(wire),
        })
    }

    /// Why they do not pass.
    async fn refused(&self, copy: Value) -> String {
        self.asked(copy, None, &[])
            .await
            .unwrap()
            .expect_err("they do not pass")
    }

    async fn passed(&self, source: &Arc<dyn Source>, copy: Value, wire: Wire) -> Result<Staged> {
        let mut request = request(copy, ReadSchema::default());
        request.wire = Some(wire.clone());
        let reads = source.read(request, &self.bed.ctx).await?;
        let rows = reads.filter_map(async |read| match read {
            Ok(Read::Wire { rows, .. }) => Some(Ok(rows)),
            Ok(Read::Done { .. }) => None,
            Ok(other) => panic!("{other:?}"),
            Err(error) => Some(Err(error)),
        });
        let (sink, target, ctx) = (self.sink.clone(), self.target.clone(), self.bed.ctx.clone());
        sink.stage_wire(&target, wire, rows.boxed(), &ctx).await
    }

    /// Passes a table's rows and commits them.
    async fn pass(&mut self, table: &str, change: Change) -> WorkedOut {
        let copy = json!({ "table": table });
        let key: Vec<&str> = change.key().iter().map(String::as_str).collect();
        let wire = self.asked(copy.clone(), None, &key).await.unwrap().expect("they pass");
        let staged = vec![self.passed(&self.bed.source(), copy, wire.clone()).await.unwrap()];
        let (record, worked) = self.record_of(change, staged, wire.schema).await.unwrap();
        assert!(matches!(self.commit(&record).await.unwrap(), Committed::Written(_)));
        worked
    }

    /// The columns of a table with their types, as the server writes them.
    fn types(&self, table: &str) -> String {
        self.sql(&format!(
            "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum)
             from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped"
        ))
    }

    /// How many rows one of two tables has that the other has not, each as the server writes it.
    fn differing(&self, a: &str, b: &str) -> String {
        let but = |a: &str, b: &str| format!("(select r::text from {a} r except all select r::text from {b} r)");
        self.sql(&format!(
            "set extra_float_digits = 1; select count(*) from ({} union all {}) d",
            but(a, b),
            but(b, a)
        ))
    }
}

/// Every type that passes, with the values that are met least.
const KEPT: &str = r#"
    create table kept (
        id int8 primary key, b bool, i2 int2, i4 int4 not null, o oid, xi xid, x8 xid8, ci cid, ti tid, f4 float4, f8 float8, n numeric, n2 numeric(15, 2),
        big numeric(1000, 3), t text, v varchar(9), c char(5), one "char", na name, by bytea, u uuid, j json, jb jsonb, jp jsonpath,
        d date, ts timestamp, ts3 timestamp(3), tz timestamptz, tim time, timz timetz, iv interval, ivd interval day to second(2),
        bi bit(3), vb varbit, inet inet, cidr cidr, mac macaddr, mac8 macaddr8, m money, lsn pg_lsn, tv tsvector,
        pt point, ls lseg, pa path, bx box, po polygon, li line, ce circle,
        r4 int4range, r8 int8range, rn numrange, rd daterange, rt tsrange, rz tstzrange, mr int4multirange, mz tstzmultirange,
        a int4[], at text[], ad date[], an numeric(8, 2)[], ai inet[], ar int4range[], ab bytea[]);
    insert into kept values
        (1, true, -32768, -2147483648, 4294967295, '4294967295', '18446744073709551615', '7', '(4294967295,65535)', '-0', 'NaN', 'NaN', -0.05,
         1e996 + 0.001, 'é🦀', 'a  ', 'a', 'x', repeat('n', 63), '\x00ff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"b" : 1, "b" : 2.0}',
         '{"b": 1.00}', '$.a[*] ? (@ > 1)', '-infinity', '4713-01-01 BC', 'infinity', '294276-12-31 23:59:59.999999Z', '24:00', '24:00-15:59:59',
         '178000000 years', '1 day 00:00:01.23', b'101', b'', '::1/64', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
         '-92233720368547758.08', 'FFFFFFFF/FFFFFFFF', 'a:1A fat:2B,4C cat:5D', '(NaN,-0)', '((1,2),(3,4))', '[(1,2),(3,4)]',
         '(3,4),(1,2)', '((1,2),(3,4),(5,6))', '{1,-1,0}', '<(1,2),Infinity>', 'empty', '(,)', '[1.50,2.5)', '[-infinity,infinity]', '[,2024-01-01)',
         '["0044-03-15 00:00:00Z BC",infinity)', '{}', '{[2024-01-01 00:00Z, 2024-01-02 00:00Z), [2024-02-01 00:00Z,)}',
         '[-3:-1]={1,null,3}', '{{a,b},{"",null}}', '{infinity,0044-03-15 BC,null}', '{NaN,-1.10}', '[0:0][2:3]={{1.2.3.4/24,::1}}', '{empty,"[1,)"}', '{"\\x00"}'),
        (2, false, 0, 0, 0, '0', '0', '0', '(0,0)', 'Infinity', '-Infinity', 'Infinity', 0, -0.000, '', '', '', '', '', '', null, 'null', 'null', '$',
         'infinity', '-infinity', null, '-infinity', '00:00', '00:00+00', '-1 mon 30 days', null, null, b'1', '1.2.3.4', '::/0', null, null, '0', '0/0',
         '', '(0,0)', null, '((1,2),(3,4))', null, null, null, null, '[5,5]', null, '(-infinity,infinity)', 'empty', null, '[2024-01-01 00:00Z,)', '{(,1),(5,)}',
         '{}', '{}', '{}', null, '{}', '{}', '{}', '{}');
    insert into kept (id, i4) select n, n from generate_series(3, 20) n"#;

#[tokio::test]
async fn every_built_in_type_arrives_as_it_is() {
    let mut w = World::new(KEPT).await;
    w.pass("kept", Change::ReplaceTable).await;
    assert_eq!(w.sql("select count(*) from things"), "20");
    assert_eq!(w.differing("kept", "things"), "0");
    assert_eq!(w.types("things"), w.types("kept"));
    assert_eq!(
        w.sql("select string_agg(attname, ' ') from pg_attribute where attrelid = 'things'::regclass and attnum > 0 and attnotnull"),
        "id i4"
    );
    // The head tells the columns as a read of the source would: the next run does not see others.
    let head = w.sink.head(&w.target, &w.bed.ctx).await.unwrap();
    let columns = |schema: &Schema| -> Vec<Column> {
        let column = |f: &Arc<arrow_schema::Field>| Column {
            name: f.name().clone(),
            of: Type::of(f).unwrap(),
            required: !f.is_nullable(),
            path: None,
            value: None,
        };
        schema.fields().iter().map(column).collect()
    };
    let frozen = columns(&head.schema.unwrap());
    let again = w
        .asked(json!({ "table": "kept" }), Some(&frozen), &["id"])
        .await
        .unwrap();
    assert!(again.is_ok(), "{again:?}");
    // The same rows are no change, each other one is.
    let wire = again.unwrap();
    let staged = w
        .passed(&w.bed.source(), json!({ "table": "kept" }), wire.clone())
        .await
        .unwrap();
    let (_, worked) = w
        .record_of(Change::ReplaceTable, vec![staged], wire.schema)
        .await
        .unwrap();
    assert!(worked.unchanged);
    w.sql("update kept set iv = '1 mon' where id = 2");
    assert!(!w.pass("kept", Change::ReplaceTable).await.unchanged);
    assert_eq!(w.differing("kept", "things"), "0");
    assert_eq!(w.staged_tables(), "1", "that of the rows that were no change");
}

#[tokio::test]
async fn rows_are_added_merged_and_exchanged_as_they_are() {
    let mut w = World::new(KEPT).await;
    w.pass("kept", Change::merge(["id"])).await;
    w.sql("update kept set iv = '30 days', c = 'b', m = 5, n = 1.00 where id < 3; update kept set n = 1.0 where id = 9; delete from kept where id = 20;
           insert into kept (id, i4) values (21, 21)");
    let worked = w.pass("kept", Change::merge(["id"])).await;
    assert_eq!(worked.rows_written, 4, "three that changed and one that is new");
    assert_eq!(w.sql("delete from things where id = 20 returning id"), "20");
    assert_eq!(w.differing("kept", "things"), "0");
    w.sql("update kept set tv = 'x' where id = 2");
    w.pass("kept", Change::DeleteInsert { key: vec!["id".into()] }).await;
    assert_eq!(w.differing("kept", "things"), "0");
    w.sql("alter table things drop constraint things_pkey");
    w.pass("kept", Change::Append).await;
    assert_eq!(
        w.differing("(select * from kept union all select * from kept)", "things"),
        "0"
    );
    assert_eq!(w.types("things"), w.types("kept"));
    assert_eq!(w.staged_tables(), "0");
    // A commit that brings no row leaves the columns alone, too.
    let schema = w.sink.head(&w.target, &w.bed.ctx).await.unwrap().schema.unwrap();
    let (record, worked) = w.record_of(Change::Append, Vec::new(), schema).await.unwrap();
    assert!(worked.unchanged);
    w.commit(&record).await.unwrap();
    assert_eq!(w.types("things"), w.types("kept"));
    // A table that somebody looks at stays, and has the rows all the same.
    w.sql("create view seen as select m, c from things");
    w.pass("kept", Change::ReplaceTable).await;
    assert_eq!(w.differing("kept", "things"), "0");
}

/// An asset gets a check, and later loses it: what comes typed is there as typed, in a table whose columns are ours then.
#[tokio::test]
async fn a_table_that_took_rows_as_they_are_takes_typed_ones_too() {
    for change in [Change::ReplaceTable, Change::Append, Change::merge(["id"])] {
        let mut w = World::new(
            "create table kept (id int8 primary key, name char(4), m money, iv interval, n numeric(10, 2));
             insert into kept values (1, 'a', 1.5, '1 mon', 2.5), (2, null, null, null, null)",
        )
        .await;
        w.pass("kept", change.clone()).await;
        w.sql("update kept set id = 3 where id = 2; update kept set id = 2 where id = 1");
        let source = w.bed.source();
        let read = request(json!({ "table": "kept" }), ReadSchema::default());
        let mut reads = source.read(read, &w.bed.ctx).await.unwrap();
        let Some(Ok(Read::Rows { batch, .. })) = reads.next().await else {
            panic!("there is no row");
        };
        w.land(change.clone(), batch).await.unwrap();
        assert_eq!(
            w.types("things"),
            "id bigint, name text, m text, iv text, n numeric(10,2)"
        );
        let rows = match change {
            Change::ReplaceTable => "2|a   |1.50|P1M|2.50\n3||||",
            Change::Append => "1|a   |1.50|P1M|2.50\n2|a   |1.50|P1M|2.50\n2||||\n3||||",
            _ => "1|a   |1.50|P1M|2.50\n2|a   |1.50|P1M|2.50\n3||||",
        };
        assert_eq!(w.sql("select * from things order by id, name"), rows, "{change:?}");
        // The types of the source's are not put back by themselves.
        let refused = w.refused(json!({ "table": "kept" })).await;
        assert_eq!(
            refused,
            "table: column `name` of \"public\".\"things\" is text, and character(4) where it comes from"
        );
        // Where the table is made anew they are.
        let wire = match w
            .bed
            .source()
            .wire(&json!({ "table": "kept" }), &ReadSchema::default(), &[], &w.bed.ctx)
            .await
            .unwrap()
        {
            Offer::Wire(wire) => wire,
            Offer::Not(why) => panic!("{why}"),
        };
        assert_eq!(w.sink.refuses(&w.target, &wire, true, &w.bed.ctx).await.unwrap(), None);
        let staged = w
            .passed(&w.bed.source(), json!({ "table": "kept" }), wire.clone())
            .await
            .unwrap();
        let (record, _) = w
            .record_of(Change::ReplaceTable, vec![staged], wire.schema)
            .await
            .unwrap();
        w.commit(&record).await.unwrap();
        assert_eq!(w.types("things"), w.types("kept"));
        assert_eq!(w.differing("kept", "things"), "0");
    }
}

#[tokio::test]
async fn what_is_staged_is_looked_at_in_the_types_of_ours() {
    let w =
        World::new("create table kept (m money, c char(3), r int4range); insert into kept values (1.25, 'x', '[1,4]')")
            .await;
    let wire = w.asked(json!({ "table": "kept" }), None, &[]).await.unwrap().unwrap();
    let staged = w
        .passed(&w.bed.source(), json!({ "table": "kept" }), wire)
        .await
        .unwrap();
    let relation = w.sink.staged(&w.target, &[staged], &w.bed.ctx).await.unwrap();
    let batches: Vec<RecordBatch> = relation.scan(None).await.unwrap().try_collect().await.unwrap();
    let shown: Vec<String> = (0..3)
        .map(|at| array_value_to_string(batches[0].column(at), 0).unwrap())
        .collect();
    assert_eq!(shown, ["1.25", "x  ", "[1,5)"]);
}

/// A domain is what it is over: the server says no more of it.
#[tokio::test]
async fn values_of_a_domain_pass_as_what_they_are() {
    let mut w = World::new(
        "create domain price as numeric(8, 2) not null; create table kept (p price); insert into kept values (1.5), ('NaN')",
    )
    .await;
    w.pass("kept", Change::ReplaceTable).await;
    assert_eq!(w.types("things"), "p numeric(8,2)");
    assert_eq!(w.differing("kept", "things"), "0");
}

#[tokio::test]
async fn what_does_not_pass_says_why() {
    let w = World::new(
        "create type mood as enum ('sad'); create type pair as (a int); create type floats as range (subtype = float8);
         create table moods (m mood); create table pairs (p pair[]); create table spans (s floats);
         create table numbers (r regclass); create table texts (x xml); create table queries (q tsquery); create table squares (a int[][]);
         create table keyless (id int8 not null, n int, unique (n)); create table parent (id int8 primary key); create table child () inherits (parent);
         create table names (name varchar(10));
         create table things (id int8, name varchar(9), made int generated always as (1) stored)",
    )
    .await;
    let mut said = Vec::new();
    for table in [
        "moods", "pairs", "spans", "numbers", "texts", "queries", "squares", "names",
    ] {
        said.push(format!("{table}: {}", w.refused(json!({ "table": table })).await));
    }
    for query in [
        "select 1 as id, 2 as made",
        "select 1::int8 as id, 3 as made",
        "select 1::int8 as id, 3 as other",
    ] {
        said.push(format!("{query}: {}", w.refused(json!({ "query": query })).await));
    }
    for (table, key) in [("keyless", "id"), ("keyless", "n"), ("parent", "id")] {
        let refused = w
            .asked(json!({ "table": table }), None, &[key])
            .await
            .unwrap()
            .unwrap_err();
        said.push(format!("{table} by {key}: {refused}"));
    }
    let frozen = [Column {
        name: "id".into(),
        of: Type::String,
        required: false,
        path: None,
        value: None,
    }];
    let refused = w
        .asked(json!({ "table": "parent" }), Some(&frozen), &[])
        .await
        .unwrap()
        .unwrap_err();
    said.push(format!("parent, which was otherwise: {refused}"));
    insta::assert_snapshot!(said.join("\n"), @r#"
    moods: source: column `m` is mood, a type of its own
    pairs: source: column `p` is _pair, a type of its own
    spans: source: column `s` is floats, a type of its own
    numbers: source: column `r` is regclass, whose values are looked at one by one
    texts: source: column `x` is xml, whose values are looked at one by one
    queries: source: column `q` is tsquery, whose values are looked at one by one
    squares: source: column `a` is declared with several dimensions, which each value is held to
    names: table: column `name` of "public"."things" is character varying(9), and character varying(10) where it comes from
    select 1 as id, 2 as made: table: column `id` of "public"."things" is bigint, and integer where it comes from
    select 1::int8 as id, 3 as made: table: column `made` of "public"."things" is generated
    select 1::int8 as id, 3 as other: table: "public"."things" has no column `other`
    keyless by id: source: public.keyless does not keep two rows from having one key (id), or none
    keyless by n: source: public.keyless does not keep two rows from having one key (n), or none
    parent by id: source: public.parent does not keep two rows from having one key (id), or none
    parent, which was otherwise: source: the columns of public.parent are others than before
    "#);
}

#[tokio::test]
async fn amounts_of_money_pass_where_they_mean_the_same() {
    let w = World::new("create table amounts (m money)").await;
    let asked = || w.asked(json!({ "table": "amounts" }), None, &[]);
    assert!(asked().await.unwrap().is_ok());
    w.sql("create database yen");
    w.sql("alter database yen set lc_monetary = 'POSIX'");
    let mut settings = w.bed.settings();
    settings["database"] = json!("yen");
    let wire = asked().await.unwrap().unwrap();
    let refused = sink(settings)
        .refuses(&w.target, &wire, false, &w.bed.ctx)
        .await
        .unwrap();
    insta::assert_snapshot!(refused.unwrap(), @"amounts of money like those of `m` mean something else in the other database: its `lc_monetary` is C, and POSIX here");
}

/// A table that is another by now does not pass by what was asked before.
#[tokio::test]
async fn a_table_that_was_changed_after_it_was_asked_is_asked_again() {
    let w = World::new("create table kept (id int8, name varchar(5))").await;
    let wire = w.asked(json!({ "table": "kept" }), None, &[]).await.unwrap().unwrap();
    w.sql("alter table kept alter name type varchar(6)");
    let failed = w
        .passed(&w.bed.source(), json!({ "table": "kept" }), wire)
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), Kind::Unavailable);
    insta::assert_snapshot!(said(&failed), @r"
    error: public.kept was changed while the read began
      hint: nothing of this read counts; the next one finds what is there then
    ");
    assert_eq!(w.staged_tables(), "0");
}

const MANY: &str =
    "create table kept as select n as id, repeat('x', 500) as pad, n * 1.5 as f from generate_series(1, 30000) n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_anywhere_leaves_no_half_table() {
    let w = World::new(MANY).await;
    let copy = json!({ "table": "kept" });
    let wire = w.asked(copy.clone(), None, &[]).await.unwrap().unwrap();
    let proxy = Proxy::to(w.bed.server.port());
    let mut settings = w.bed.settings();
    settings["port"] = json!(proxy.port());
    let (near, far) = (w.bed.source(), source(settings.clone()).unwrap());
    proxy.heal();
    w.passed(&far, copy.clone(), wire.clone()).await.unwrap();
    let (_, received) = proxy.moved();
    assert!(received > 15_000_000, "{received}");
    let mut world = World {
        sink: sink(settings),
        bed: w.bed,
        target: w.target.clone(),
        n: 0,
    };
    for at in 1..8 {
        proxy.make(Trouble::CutAfterReceived(received * at / 8));
        let good = std::mem::replace(&mut world.sink, w.sink.clone());
        let failed = world.passed(&far, copy.clone(), wire.clone()).await.unwrap_err();
        assert_eq!(failed.kind(), Kind::Unavailable, "{}", failed.to_text());
        world.sink = good;
        proxy.make(Trouble::CutAfterSent(received * at / 8));
        let failed = world.passed(&near, copy.clone(), wire.clone()).await.unwrap_err();
        assert_eq!(failed.kind(), Kind::Unavailable, "{}", failed.to_text());
        proxy.heal();
    }
    assert_eq!(world.staged_tables(), "1", "that of the one that was not cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_that_is_cancelled_ends_at_both_servers() {
    let w = World::new("").await;
    w.bed
        .sql("create view kept as select n, pg_sleep(0.001)::text as s from generate_series(1, 1000000) n")
        .await;
    let copy = json!({ "table": "kept" });
    let wire = w.asked(copy.clone(), None, &[]).await.unwrap().unwrap();
    let ctx = w.bed.ctx.clone();
    let cancel = async {
        while w.sql("select count(*) from pg_stat_activity where datname = current_database() and state = 'active' and query like 'copy \"public\"%'") == "0" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        ctx.cancel.cancel();
    };
    let source = w.bed.source();
    let (ended, ()) = tokio::join!(w.passed(&source, copy, wire), cancel);
    assert_eq!(ended.unwrap_err().kind(), Kind::Cancelled);
    let working = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'segue' and state = 'active'";
    for _ in 0..400 {
        if w.sql(working) == "0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(w.sql(working), "0", "the server still works for nobody");
    assert_eq!(w.staged_tables(), "0");
}

#[tokio::test]
async fn rows_that_are_not_what_they_are_said_to_be_are_not_staged() {
    let w = World::new("create table kept as select n as id from generate_series(1, 3) n").await;
    let wire = w.asked(json!({ "table": "kept" }), None, &[]).await.unwrap().unwrap();
    let row = |n: i32| [&[0, 1, 0, 0, 0, 4][..], &n.to_be_bytes()].concat();
    let two = [row(1), row(2)].concat();
    for (rows, bytes, kind) in [
        (3, two.clone(), Kind::Unavailable),
        (2, two[..two.len() - 3].to_vec(), Kind::BadData),
        (1, [&[0, 2, 0, 0, 0, 4][..], &[0; 4]].concat(), Kind::BadData),
    ] {
        let rows = stream::iter([Ok(WireRows { rows, bytes })]).boxed();
        let failed = w
            .sink
            .stage_wire(&w.target, wire.clone(), rows, &w.bed.ctx)
            .await
            .unwrap_err();
        assert_eq!(failed.kind(), kind, "{}", failed.to_text());
    }
    let gone = stream::iter([
        Ok(WireRows { rows: 2, bytes: two }),
        Err(Error::new(Kind::Unavailable, "the source went away")),
    ]);
    let failed = w
        .sink
        .stage_wire(&w.target, wire, gone.boxed(), &w.bed.ctx)
        .await
        .unwrap_err();
    assert_eq!(failed.message(), "the source went away");
    assert_eq!(w.staged_tables(), "0");
}

#[test]
fn a_copy_is_followed_message_by_message_to_its_end() {
    let head = [SIGNATURE, &[0; 8]].concat();
    let row: &[u8] = &[0, 1, 255, 255, 255, 255];
    let first = [&head[..], row].concat();
    let told = |messages: &[&[u8]]| {
        let mut passing = Passing::of(1);
        let taken = messages
            .iter()
            .try_for_each(|m| passing.take(&Bytes::copy_from_slice(m)));
        match taken.and_then(|()| passing.end()) {
            Ok(()) => format!("{} rows", passing.hand_on().rows),
            Err(error) => format!("{:?}", error.kind()),
        }
    };
    assert_eq!(told(&[&first, row, &[255, 255]]), "2 rows");
    assert_eq!(told(&[&head, row, &[255, 255]]), "1 rows");
    assert_eq!(told(&[&[&head[..], &[255, 255]].concat()]), "0 rows");
    assert_eq!(told(&[&first, row]), "Unavailable", "no end");
    assert_eq!(told(&[row]), "BadData", "no beginning");
    assert_eq!(told(&[&first, &[0, 2, 0, 0]]), "BadData", "other columns");
    assert_eq!(told(&[&first, &[255, 255], row]), "BadData", "a row after the end");
    let mut extended = first.clone();
    extended[14] = 1;
    assert_eq!(told(&[&extended]), "BadData", "flags that nobody knows");
}
