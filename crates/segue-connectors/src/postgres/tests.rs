//! Against a real server: what is there comes as it is, once, and what cannot says so.

use super::*;
use arrow_array::RecordBatch;
use arrow_cast::display::array_value_to_string;
use futures::StreamExt;
use segue_core::source::{Column, OnChange, Read, ReadRequest, ReadSchema};
use segue_core::{Ctx, Error, Kind, SystemClock, Type};
use segue_testkit::clock::ManualClock;
use segue_testkit::gate::MemoryGate;
use segue_testkit::postgres::{LOGIN, Pooler, Postgres, USER};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_postgres::{Client, NoTls};

mod conformance;
mod faults;
mod judge;
mod position;
mod sessions;
mod values;
mod whole;
mod writes;

/// A database of its own, and somebody who works in it beside Segue.
struct Bed {
    server: Arc<Postgres>,
    database: String,
    client: Client,
    ctx: Ctx,
}

impl Bed {
    async fn new(sql: &str) -> Bed {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let server = tokio::task::spawn_blocking(Postgres::shared).await.unwrap();
        let database = format!("db{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let admin = client(&server, "postgres").await;
        admin
            .batch_execute(&format!("create database {database}"))
            .await
            .unwrap();
        let client = client(&server, &database).await;
        client.batch_execute(sql).await.unwrap();
        Bed {
            server,
            database,
            client,
            ctx: Ctx::new("dev", Arc::new(SystemClock::default())),
        }
    }

    fn settings(&self) -> Value {
        json!({ "host": "127.0.0.1", "port": self.server.port(), "database": self.database, "user": USER })
    }

    fn source(&self) -> Arc<dyn Source> {
        source(self.settings()).unwrap()
    }

    async fn sql(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// What a read gives, a line each.
    async fn read(&self, copy: Value) -> String {
        self.read_into(copy, ReadSchema::default()).await
    }

    async fn read_into(&self, copy: Value, schema: ReadSchema) -> String {
        told(&self.source(), request(copy, schema), &self.ctx).await
    }
}

async fn client(server: &Postgres, database: &str) -> Client {
    let config = format!("host=127.0.0.1 port={} user={USER} dbname={database}", server.port());
    let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn source(settings: Value) -> Result<Arc<dyn Source>> {
    let clock = Arc::new(ManualClock::default());
    let deps = Deps {
        connection: "shop".into(),
        gate: Arc::new(MemoryGate::new(clock.clone())),
        notes: Arc::new(segue_testkit::notes::MemoryNotes::new(clock.clone())),
        clock,
        project_dir: "/".into(),
        staging_dir: "/".into(),
        tape: None,
    };
    open(ConnectionSettings::new(settings), deps)
}

fn request(copy: Value, schema: ReadSchema) -> ReadRequest {
    ReadRequest {
        schema,
        ..ReadRequest::all_of(copy)
    }
}

async fn told(source: &Arc<dyn Source>, request: ReadRequest, ctx: &Ctx) -> String {
    let mut lines = Vec::new();
    match source.read(request, ctx).await {
        Err(error) => lines.push(shown(&error)),
        Ok(mut reads) => {
            let mut columns = None;
            while let Some(read) = reads.next().await {
                match read {
                    Ok(Read::Rows { batch, .. }) => {
                        if columns.is_none() {
                            lines.push(head(&batch));
                            columns = Some(batch.schema());
                        }
                        lines.extend(rows(&batch));
                    }
                    Ok(Read::Rejected { rows, .. }) => {
                        let aside = |r: &segue_core::source::Rejected| {
                            format!("aside: {} at {}: {}", r.reason, r.path.as_deref().unwrap_or("?"), r.raw)
                        };
                        lines.extend(rows.iter().map(aside));
                    }
                    Ok(Read::Done { .. }) => lines.push("done".into()),
                    Ok(Read::Note(note)) => lines.push(format!("note: {note}")),
                    Ok(other) => lines.push(format!("{other:?}")),
                    Err(error) => lines.push(shown(&error)),
                }
            }
        }
    }
    lines.join("\n")
}

fn shown(error: &Error) -> String {
    let code = error.error_code().map(|c| format!("[{c}]")).unwrap_or_default();
    format!("error {:?}{code}: {error}", error.kind())
}

fn head(batch: &RecordBatch) -> String {
    let field = |f: &Arc<arrow_schema::Field>| {
        let needed = if f.is_nullable() { "" } else { " required" };
        format!("{} {}{needed}", f.name(), Type::of(f).unwrap())
    };
    batch.schema().fields().iter().map(field).collect::<Vec<_>>().join(", ")
}

fn rows(batch: &RecordBatch) -> Vec<String> {
    let value = |column: &arrow_array::ArrayRef, row| match column.is_null(row) {
        true => "null".to_string(),
        false => array_value_to_string(column, row).unwrap(),
    };
    (0..batch.num_rows())
        .map(|row| {
            batch
                .columns()
                .iter()
                .map(|c| value(c, row))
                .collect::<Vec<_>>()
                .join(" | ")
        })
        .collect()
}

const ORDERS: &str =
    "create table orders (id int8 primary key, name text, amount numeric(10, 2), at timestamptz not null);
    insert into orders values (1, 'Ada', 12.5, '2024-02-29 23:30:00+02'), (2, null, null, '2024-03-01 00:00:00Z')";

#[tokio::test]
async fn a_table_comes_as_it_is() {
    let bed = Bed::new(ORDERS).await;
    insta::assert_snapshot!(bed.read(json!({ "table": "public.orders" })).await, @r"
    id int64 required, name string, amount decimal(10,2), at timestamp required
    1 | Ada | 12.50 | 2024-02-29T21:30:00Z
    2 | null | null | 2024-03-01T00:00:00Z
    done
    ");
    let usage = bed.ctx.meter.usage();
    assert_eq!(usage.rows_in, 2);
    assert!(usage.bytes_in > 60, "{usage:?}");
}

#[tokio::test]
async fn a_query_comes_as_a_table_does() {
    let bed = Bed::new(ORDERS).await;
    let query =
        json!({ "query": "select id + 1 as next, upper(name) as name -- the last line\nfrom orders where id = 1;" });
    insta::assert_snapshot!(bed.read(query).await, @r"
    next int64, name string
    2 | ADA
    done
    ");
}

#[tokio::test]
async fn names_may_be_anything_that_is_quoted() {
    let bed = Bed::new(
        "create schema \"My \"\"Shop\"; create table \"My \"\"Shop\".\"Order\" (\"The Id\" int, \"sélect\" text);
         insert into \"My \"\"Shop\".\"Order\" values (1, 'x')",
    )
    .await;
    insta::assert_snapshot!(bed.read(json!({ "table": "\"My \"\"Shop\".\"Order\"" })).await, @r"
    the_id int32, s_lect string
    1 | x
    done
    ");
    bed.sql("create table twice (\"A b\" int, \"a B\" int)").await;
    insta::assert_snapshot!(bed.read(json!({ "table": "twice" })).await, @"error Invalid: the columns `A b` and `a B` would both be called `a_b`");
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_says_so() {
    let ada = format!(
        "do $$ begin create role {} login password '{}'; exception when duplicate_object then end $$",
        LOGIN.0, LOGIN.1
    );
    let bed = Bed::new(&format!("{ORDERS}; {ada}")).await;
    insta::assert_snapshot!(bed.read(json!({ "table": "orderz" })).await, @"error NotFound[SG0364]: there is no table orderz");
    insta::assert_snapshot!(bed.read(json!({ "query": "select nme from orders" })).await, @r#"error NotFound[SG0364]: cannot prepare the query: column "nme" does not exist (sqlstate: 42703)"#);
    insta::assert_snapshot!(bed.read(json!({ "query": "selec" })).await, @r#"error Invalid: cannot prepare the query: syntax error at or near "selec" (sqlstate: 42601)"#);
    insta::assert_snapshot!(bed.read(json!({ "query": "delete from orders" })).await, @"error Unsupported: there is no column to read");
    insta::assert_snapshot!(bed.read(json!({})).await, @"error Invalid: a copy from PostgreSQL names a `table:` or a `query:`, one of the two");
    let mut ada = bed.settings();
    (ada["user"], ada["password"]) = (json!(LOGIN.0), json!(LOGIN.1));
    let orders = || request(json!({ "table": "orders" }), ReadSchema::default());
    insta::assert_snapshot!(told(&source(ada.clone()).unwrap(), orders(), &bed.ctx).await, @"error Denied[SG0363]: cannot read public.orders: permission denied for table orders (sqlstate: 42501)");
    ada["password"] = json!("wrong");
    insta::assert_snapshot!(told(&source(ada).unwrap(), orders(), &bed.ctx).await.replace(&bed.server.port().to_string(), "PORT").replace(&bed.database, "DB"), @r#"error Unauthenticated[SG0362]: cannot connect to 127.0.0.1:PORT/DB: password authentication failed for user "ada" (sqlstate: 28P01)"#);
    let mut nowhere = bed.settings();
    nowhere["database"] = json!("nowhere");
    insta::assert_snapshot!(told(&source(nowhere).unwrap(), orders(), &bed.ctx).await.replace(&bed.server.port().to_string(), "PORT"), @r#"error NotFound[SG0364]: cannot connect to 127.0.0.1:PORT/nowhere: database "nowhere" does not exist (sqlstate: 3D000)"#);
}

#[tokio::test]
async fn a_connection_is_tried_and_its_tables_are_listed() {
    let bed = Bed::new(&format!(
        "{ORDERS}; create view few as select id from orders; create table nothing ()"
    ))
    .await;
    let source = bed.source();
    let said = source.test(&bed.ctx).await.unwrap();
    assert!(said.starts_with("PostgreSQL 1") && said.ends_with("as segue"), "{said}");
    let tables = source.discover(&|_| true, &bed.ctx).await.unwrap();
    let listed: Vec<String> = tables
        .iter()
        .map(|t| format!("{} {}", t.table.name, t.columns.len()))
        .collect();
    assert_eq!(listed, ["public.few 1", "public.nothing 0", "public.orders 4"]);
    assert_eq!(
        source.identity(),
        format!("postgresql://127.0.0.1:{}/{}", bed.server.port(), bed.database)
    );
}

/// Names that SQL has to quote, keys, columns that would come to one name, and what cannot be read at all.
#[tokio::test]
async fn what_is_there_is_told_with_its_names_and_keys() {
    let bed = Bed::new(
        r#"create schema "My Shop"; create table "My Shop"."Order ""Items""" (item int4, "order" int4 not null, primary key ("order", item));
           create table "select" ("A b" int4, "a B" text primary key, a_b_2 date); create table nothing ();
           create table parts (id int4) partition by list (id); create table parts_1 partition of parts for values in (1)"#,
    )
    .await;
    let tables = bed.source().discover(&|t| t.table != "parts", &bed.ctx).await.unwrap();
    let told: Vec<String> = tables.iter().map(|t| serde_json::to_string(t).unwrap()).collect();
    insta::assert_snapshot!(told.join("\n"), @r##"
    {"name":"\"My Shop\".\"Order \"\"Items\"\"\"","schema":"My Shop","table":"Order \"Items\"","key":["order","item"],"columns":[{"name":"item","type":"int32","required":true,"path":null,"value":null},{"name":"order","type":"int32","required":true,"path":null,"value":null}]}
    {"name":"public.nothing","schema":"public","table":"nothing","key":[],"columns":[],"unreadable":"there is no column to read"}
    {"name":"public.\"select\"","schema":"public","table":"select","key":["a_b_3"],"columns":[{"name":"a_b","type":"int32","required":false,"path":"A b","value":null},{"name":"a_b_3","type":"string","required":true,"path":"a B","value":null},{"name":"a_b_2","type":"date","required":false,"path":null,"value":null}]}
    "##);
    let all = bed.source().tables(&bed.ctx).await.unwrap();
    let names: Vec<&str> = all.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(
        names,
        [
            r#""My Shop"."Order ""Items""""#,
            "public.nothing",
            "public.parts",
            r#"public."select""#
        ]
    );
    // Both of the columns that would come to one name are read where they are given two.
    bed.sql(r#"insert into "select" values (1, 'x', null)"#).await;
    let two = bed.source().discover(&|t| t.table == "select", &bed.ctx).await.unwrap();
    let schema = ReadSchema {
        columns: Some(two[0].columns.clone()),
        declared: true,
        ..ReadSchema::default()
    };
    let read = bed.read_into(json!({ "table": two[0].table.name }), schema).await;
    insta::assert_snapshot!(read, @r##"
    a_b int32, a_b_3 string required, a_b_2 date
    1 | x | null
    done
    "##);
}

fn column(name: &str, of: &str) -> Column {
    Column {
        name: name.into(),
        of: of.parse().unwrap(),
        required: false,
        path: None,
        value: None,
    }
}

#[tokio::test]
async fn declared_columns_are_asked_for_alone_and_in_their_types() {
    let bed = Bed::new(
        "create table t (id int4, price numeric, note text, extra int); insert into t values (1, 1.5, 'x', 9), (2, 1.234, null, 9), (3, 'NaN', 'z', 9)",
    )
    .await;
    let declared = |columns: Vec<Column>| ReadSchema {
        columns: Some(columns),
        declared: true,
        ..ReadSchema::default()
    };
    let table = || json!({ "table": "t" });
    let columns = vec![
        column("id", "int64"),
        column("price", "decimal(6, 2)"),
        Column {
            path: Some("note".into()),
            ..column("said", "string")
        },
    ];
    insta::assert_snapshot!(bed.read_into(table(), declared(columns)).await, @r#"
    aside: expected decimal(6,2), found 1.234 at price: {"id":"2","price":"1.234","said":null}
    aside: expected decimal(6,2), found NaN at price: {"id":"3","price":"NaN","said":"z"}
    id int64, price decimal(6,2), said string
    1 | 1.50 | x
    done
    "#);
    let as_text = declared(vec![column("id", "string"), column("price", "string")]);
    insta::assert_snapshot!(bed.read_into(table(), as_text).await, @r"
    id string, price string
    1 | 1.5
    2 | 1.234
    3 | NaN
    done
    ");
    let required = declared(vec![
        column("id", "int32"),
        Column {
            required: true,
            ..column("note", "string")
        },
    ]);
    insta::assert_snapshot!(bed.read_into(table(), required).await, @r#"
    aside: is null, and required at note: {"id":"2","note":null}
    id int32, note string required
    1 | x
    3 | z
    done
    "#);
    insta::assert_snapshot!(bed.read_into(table(), declared(vec![column("nte", "string")])).await, @"error NotFound[SG0364]: public.t has no column `nte`");
    insta::assert_snapshot!(bed.read_into(table(), declared(vec![column("note", "int64")])).await, @"error Invalid[SG0365]: column `note` of public.t is string, of which not every value is int64");
}

#[tokio::test]
async fn what_changed_in_the_table_is_taken_in_or_said() {
    let bed = Bed::new("create table t (id int4 not null, n int8, added text); insert into t values (1, 2, 'x')").await;
    let frozen = |on_new_column, on_type_change| ReadSchema {
        columns: Some(vec![
            column("id", "int32"),
            column("n", "int32"),
            column("gone", "string"),
        ]),
        declared: false,
        untyped: Vec::new(),
        on_new_column,
        on_type_change,
        nested: Default::default(),
    };
    let table = || json!({ "table": "t" });
    insta::assert_snapshot!(bed.read_into(table(), frozen(OnChange::Evolve, OnChange::Evolve)).await, @r"
    note: public.t no longer has the column `gone`, which is empty from now on
    id int32, n int64, gone string, added string
    1 | 2 | null | x
    done
    ");
    insta::assert_snapshot!(bed.read_into(table(), frozen(OnChange::DropValue, OnChange::DropValue)).await, @r"
    note: the values of `n` were left out: it is int64 now
    note: public.t no longer has the column `gone`, which is empty from now on
    note: the column `added` is new, and was left out
    id int32, n int32, gone string
    1 | null | null
    done
    ");
    insta::assert_snapshot!(bed.read_into(table(), frozen(OnChange::Evolve, OnChange::Freeze)).await, @"error BadData[SG0303]: column `n` of public.t is int64 now, and was int32");
    insta::assert_snapshot!(bed.read_into(table(), frozen(OnChange::Freeze, OnChange::Evolve)).await, @"error NotFound[SG0364]: public.t has no column `gone`");
}

/// In parts, by several connections, while somebody writes: each row of the moment once, and none of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_table_is_read_in_parts_as_it_was_at_one_moment() {
    let bed = Bed::new(
        "create table big (id int8, pad text);
         insert into big select n, repeat('x', 1000) from generate_series(1, 80000) n",
    )
    .await;
    let mut reads = bed
        .source()
        .read(
            request(json!({ "table": "big", "streams": 3 }), ReadSchema::default()),
            &bed.ctx,
        )
        .await
        .unwrap();
    let mut ids = Vec::new();
    let mut wrote = false;
    while let Some(read) = reads.next().await {
        if let Read::Rows { batch, .. } = read.unwrap() {
            if !wrote {
                bed.sql("delete from big where id % 2 = 0; insert into big select n, 'new' from generate_series(100001, 110000) n").await;
                wrote = true;
            }
            let column = batch
                .column(0)
                .as_any()
                .downcast_ref::<arrow_array::Int64Array>()
                .unwrap();
            ids.extend(column.values().iter().copied());
        }
    }
    ids.sort_unstable();
    assert_eq!(ids, (1..=80_000).collect::<Vec<i64>>());
}

#[tokio::test]
async fn a_preview_asks_for_a_few_rows() {
    let bed = Bed::new("create table big (id int8); insert into big select generate_series(1, 100000)").await;
    let mut few = request(json!({ "table": "big" }), ReadSchema::default());
    few.limit = Some(3);
    assert_eq!(told(&bed.source(), few, &bed.ctx).await, "id int64\n1\n2\n3\ndone");
}

#[tokio::test]
async fn a_table_without_rows_is_read_to_its_end() {
    let bed = Bed::new("create table t (id int8)").await;
    assert_eq!(bed.read(json!({ "table": "t" })).await, "id int64\ndone");
}
