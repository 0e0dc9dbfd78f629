//! Tables and files as they are found: changed, foreign, oddly named, or none at all.

use super::*;

#[tokio::test]
async fn a_table_that_somebody_changed_is_worked_out_anew() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    let (record, _) = w
        .record(&t, Change::Append, batch(&[row(2, "b", 1)]), None)
        .await
        .unwrap();
    w.sql("alter table related add column note text");
    assert_eq!(w.sink.commit(&record, 0, &w.ctx).await.unwrap(), Committed::Moved);
    let part = record.own();
    let worked = w
        .sink
        .work_out(&t, part.schema.clone(), &part.change, &part.staged, &[], &w.ctx)
        .await
        .unwrap();
    let mut anew = record.clone();
    anew.parts[0].plan = worked.plan;
    assert_eq!(w.sink.commit(&anew, 0, &w.ctx).await.unwrap(), Committed::Written(2));
    // Rows are compared when they land, so a foreign row is no reason.
    let (record, _) = w
        .record(&t, Change::ReplaceTable, batch(&[row(5, "e", 1)]), None)
        .await
        .unwrap();
    w.sql("insert into related (id) values (77)");
    assert_eq!(w.sink.commit(&record, 0, &w.ctx).await.unwrap(), Committed::Written(3));
    assert_snapshot!(w.rows(&t).await, @"5 e 1970-01-02");
}

#[tokio::test]
async fn a_tables_columns_follow_the_schema() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, MERGE(), batch(&[row(1, "a", 1), row(2, "b", 2)]), None)
        .await
        .unwrap();
    w.sql("create index by_name on related (name)");
    // A new column, and a wider one.
    let wider: SchemaRef = Arc::new(Schema::new(vec![
        Type::Decimal(20, 1).field("id", true),
        Type::String.field("name", true),
        Type::Date.field("day", true),
        Type::List(Box::new(Type::Int32)).field("more", true),
    ]));
    let rows = segue_core::align::align(&batch(&[row(3, "c", 3)]), &wider).unwrap();
    assert_snapshot!(w.land(&t, MERGE(), rows, None).await.unwrap(),
        @"unchanged false written 1 removed 0 footprint 1 [] days [3] same slices 0 same ranges 0");
    assert_snapshot!(w.rows(&t).await, @"
    1.0 a 1970-01-02 
    2.0 b 1970-01-03 
    3.0 c 1970-01-04 
    ");
    let db = Connection::open(w.path()).unwrap();
    let sql: Vec<String> = {
        let mut s = db
            .prepare("select sql from sqlite_master where tbl_name = 'related' and sql is not null order by type")
            .unwrap();
        s.query_map([], |r| r.get(0)).unwrap().map(|r| r.unwrap()).collect()
    };
    assert_snapshot!(sql.join("\n"), @r#"
    CREATE INDEX by_name on related (name)
    CREATE TABLE "related" ("id" DECIMAL_TEXT(20,1) not null, "name" TEXT, "day" DATE, "more" JSON_TEXT, primary key ("id"))
    "#);
    drop(db);
    // The whole table, with fewer columns, and rows that the old key would refuse.
    let fewer: SchemaRef = Arc::new(Schema::new(vec![Type::Int64.field("id", true)]));
    let ids = RecordBatch::try_new(fewer, vec![Arc::new(Int64Array::from(vec![7, 7]))]).unwrap();
    w.sql("drop index by_name");
    assert_snapshot!(w.land(&t, Change::ReplaceTable, ids, None).await.unwrap(), @"everything");
    assert_snapshot!(w.rows(&t).await, @"
    7
    7
    ");
}

#[tokio::test]
async fn names_may_be_anything_that_is_quoted() {
    let mut w = World::new();
    for (asset, place) in [
        (1, "select"),
        (2, "a \"quoted\" one; drop table x"),
        (3, "raw.tracks"),
        (4, "é 'x'"),
    ] {
        let t = target(asset, place);
        let schema: SchemaRef = Arc::new(Schema::new(vec![
            Type::Int64.field("group", true),
            Type::String.field("a\"b', --", true),
        ]));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![1])),
            Arc::new(StringArray::from(vec!["'; --"])),
        ];
        let rows = RecordBatch::try_new(schema.clone(), columns).unwrap();
        w.land(&t, Change::merge(["a\"b', --"]), rows.clone(), None)
            .await
            .unwrap();
        w.land(&t, Change::merge(["a\"b', --"]), rows, None).await.unwrap();
        assert_eq!(w.rows(&t).await, "1 '; --");
    }
    for place in ["_segue_heads", "sqlite_master", ""] {
        assert!(
            w.land(&target(9, place), Change::Append, batch(&[]), None)
                .await
                .is_err(),
            "{place}"
        );
    }
}

#[tokio::test]
async fn a_foreign_table_is_respected() {
    let mut w = World::new();
    w.sql("create table related (id integer primary key, name varchar(20) collate nocase, day text, extra text default 'x');
           create table strict_one (id text); create view seen as select 1 as id; insert into related (id, name) values (7, 'old')");
    let t = target(1, "Related");
    let head = w.sink.head(&t, &w.ctx).await.unwrap();
    assert_eq!((head.n, head.version, head.table), (0, 0, None));
    assert_eq!(head.schema.unwrap().fields().len(), 4);
    assert_snapshot!(w.land(&t, MERGE(), batch(&[row(1, "a", 1)]), None).await.unwrap(),
        @"unchanged false written 1 removed 0 footprint 1 [] days [1] same slices 0 same ranges 0");
    assert_snapshot!(w.land(&t, MERGE(), batch(&[row(1, "A", 1)]), None).await.unwrap(),
        @"unchanged false written 1 removed 1 footprint 2 [] days [1] same slices 0 same ranges 0");
    let db = Connection::open(w.path()).unwrap();
    let shown: String = db
        .query_row("select group_concat(id || name || extra, ' ') from related", [], |r| {
            r.get(0)
        })
        .unwrap();
    assert_eq!(shown, "1Ax 7oldx");
    assert_snapshot!(said(w.land(&target(2, "strict_one"), Change::Append, batch(&[row(1, "a", 1)]), None).await), @"
    error[SG0357]: the table `strict_one` was made by somebody else and does not take these rows: column `id` is TEXT, which changes values of int64
      table: strict_one
      hint: alter that table, or write into another one; a table that is not Segue's is never altered or dropped
    ");
    assert_snapshot!(said(w.land(&target(3, "seen"), Change::Append, batch(&[row(1, "a", 1)]), None).await), @"
    error[SG0357]: `seen` is a view, and rows go into tables
      table: seen
    ");
    // Another asset may not write there, and dropping ours leaves the table as it was found.
    assert_snapshot!(said(w.land(&target(4, "RELATED"), Change::Append, batch(&[row(1, "a", 1)]), None).await), @"
    error[SG0357]: the table `RELATED` belongs to another asset
      asset: 00000000-0000-0000-0000-000000000001
      table: RELATED
      hint: give this asset another `table:` in `into:`, or drop the other one with `segue asset drop`
    ");
    w.sink.drop_table(&t, &w.ctx).await.unwrap();
    assert_eq!(
        db.query_row("select count(*) from related", [], |r| r.get::<_, i64>(0))
            .unwrap(),
        2
    );
    assert_eq!(w.sink.head(&t, &w.ctx).await.unwrap().n, 0);
    assert!(w.sink.drop_table(&t, &w.ctx).await.is_err(), "it has no mark any more");
}

#[tokio::test]
async fn a_rule_of_the_table_that_is_broken_takes_the_commit_back() {
    let mut w = World::new();
    w.sql("create table related (id integer, name text check (length(name) < 3), day text)");
    let t = target(1, "related");
    let (record, _) = w
        .record(&t, Change::Append, batch(&[row(1, "ok", 1), row(2, "long", 1)]), None)
        .await
        .unwrap();
    assert_snapshot!(said(w.sink.commit(&record, 0, &w.ctx).await), @"
    error[SG0358]: cannot change the table: the table does not take the rows
      table: related
      cause: CHECK constraint failed: length(name) < 3
      cause: Error code 275: constraint failed
      hint: the table has a rule of its own that a row breaks; the cause names it
    ");
    assert_eq!(w.sink.head(&t, &w.ctx).await.unwrap().n, 0);
    assert_eq!(w.rows(&t).await, "");
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let w = World::new();
    let t = target(1, "related");
    std::fs::write(w.dir.path().join("notes.txt"), "hello, this is a text").unwrap();
    std::fs::write(w.dir.path().join("empty.db"), "").unwrap();
    Connection::open(w.dir.path().join("state.db"))
        .unwrap()
        .execute_batch("create table segue_state (version)")
        .unwrap();
    std::os::unix::fs::symlink(w.dir.path().join("state.db"), w.dir.path().join("link.db")).unwrap();
    let mut all = Vec::new();
    for path in ["notes.txt", "empty.db", "missing/app.db", ".", "state.db", "link.db"] {
        let sink = sink_at(w.dir.path(), path).unwrap();
        let answer = match sink.head(&t, &w.ctx).await {
            Ok(head) => format!("n {}", head.n),
            Err(e) => format!(
                "{:?} {}",
                e.kind(),
                e.message().replace(w.dir.path().to_str().unwrap(), "DIR")
            ),
        };
        all.push(format!("{path}: {answer}"));
    }
    assert_snapshot!(all.join("\n"), @"
    notes.txt: Invalid the file is not a SQLite database
    empty.db: n 0
    missing/app.db: NotFound the database's folder `DIR/missing` does not exist
    .: Invalid this is a folder and not a database
    state.db: Invalid this file is Segue's own state, and no target
    link.db: Invalid this file is Segue's own state, and no target
    ");
    assert!(sink_at(w.dir.path(), "").is_err());
    assert_eq!(
        std::fs::read_to_string(w.dir.path().join("notes.txt")).unwrap(),
        "hello, this is a text"
    );
}

#[test]
fn what_sqlite_answers_is_told_apart() {
    use super::errors::failed;
    let of = |code: i32| {
        let e = failed("commit")(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
        format!("{code}: {:?} {}", e.kind(), e.error_code().map_or("", |c| c.as_str()))
    };
    assert_snapshot!([5, 6, 8, 10, 11, 13, 14, 19, 26].map(of).join("\n"), @"
    5: Unavailable SG0355
    6: Unavailable SG0355
    8: Denied SG0354
    10: Unavailable 
    11: BadData 
    13: Unavailable SG0356
    14: Denied SG0354
    19: BadData SG0358
    26: Invalid SG0351
    ");
}

#[tokio::test]
async fn a_value_of_another_type_is_said() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    w.sql("update related set id = 'many'");
    let rows = w.sink.at(&t, 1, &w.ctx).await.map(|_| ());
    assert_snapshot!(said(rows), @r#"
    error: column `id` of table "related" holds something else: expected int64, found "many"
      table: related
      hint: another program wrote it; correct it there, or let a replace of the whole table do so
    "#);
}

#[tokio::test]
async fn columns_that_sqlite_takes_for_one_are_refused() {
    let mut w = World::new();
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Type::Int64.field("a", true),
        Type::Int64.field("A", true),
    ]));
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![1])), Arc::new(Int64Array::from(vec![2]))];
    let rows = RecordBatch::try_new(schema, columns).unwrap();
    assert_snapshot!(said(w.land(&target(1, "t"), Change::Append, rows, None).await), @"
    error: columns `a` and `A` are one to SQLite
      table: t
      hint: it does not tell capital letters from small ones: rename one of them
    ");
}

#[tokio::test]
async fn a_table_may_be_wide() {
    let mut w = World::new();
    let t = target(1, "wide");
    let schema: SchemaRef = Arc::new(Schema::new(
        (0..1500)
            .map(|at| Type::Int64.field(&format!("c{at}"), true))
            .collect::<Vec<_>>(),
    ));
    let rows = |values: &[i64]| {
        let column =
            |at: i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(values.iter().map(|v| v * (1 + at % 7)))) };
        RecordBatch::try_new(schema.clone(), (0..1500).map(column).collect()).unwrap()
    };
    let merge = Change::merge(["c0"]);
    for (change, values, said) in [
        (Change::ReplaceTable, &[1, 2][..], "written 2 removed 0"),
        (Change::ReplaceTable, &[2, 3][..], "written 1 removed 1"),
        (merge, &[3, 4][..], "written 1 removed 0"),
    ] {
        let told = w.land(&t, change, rows(values), None).await.unwrap();
        assert!(told.contains(said), "{told}");
    }
    assert_eq!(w.rows(&t).await, text(&[rows(&[2, 3, 4])]));
}
