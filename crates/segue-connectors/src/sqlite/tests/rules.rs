//! What stands in the database besides the table, its triggers and the references to it, loses no row unseen.

use super::*;

const ROWS: [Row; 3] = [
    (Some(1), Some("a"), Some(1)),
    (Some(2), Some("b"), Some(1)),
    (Some(3), Some("c"), Some(1)),
];

/// Lands two rows, puts something on the table, and then tries each kind of change with a third one.
async fn with(sql: &str) -> String {
    let mut all = Vec::new();
    let slices = Change::ReplaceSlices {
        columns: vec!["name".into()],
        slices: ["a", "b", "c"].map(slice).into_iter().collect(),
    };
    for (name, change, rows) in [
        ("replace", Change::ReplaceTable, &ROWS[..]),
        ("slices", slices, &ROWS[..]),
        ("merge", MERGE(), &ROWS[1..]),
        ("append", Change::Append, &ROWS[2..]),
    ] {
        let mut w = World::new();
        let t = target(1, "related");
        w.land(&t, Change::Append, batch(&ROWS[..2]), None).await.unwrap();
        w.sql(sql);
        let (record, _) = w.record(&t, change, batch(rows), None).await.unwrap();
        let answer = match w.sink.commit(&record, 0, &w.ctx).await {
            Ok(done) => format!("{done:?}, {} rows", w.rows(&t).await.lines().count()),
            Err(e) => {
                assert_eq!(w.rows(&t).await, text(&[batch(&ROWS[..2])]), "nothing changed");
                let again = w.sink.staged(&t, &record.own().staged, &w.ctx).await;
                assert!(again.is_ok(), "what lies staged is not thrown away");
                format!("{} {}", e.error_code().map_or("", |c| c.as_str()), e.message())
            }
        };
        all.push(format!("{name}: {answer}"));
    }
    all.join("\n")
}

#[tokio::test]
async fn a_trigger_that_drops_rows_is_named() {
    assert_snapshot!(
        with("create trigger picky before insert on related when new.id = 3 begin select raise(ignore); end").await,
        @"
    replace: SG0358 the trigger `picky` of the table drops or changes rows of the commit
    slices: SG0358 the trigger `picky` of the table drops or changes rows of the commit
    merge: SG0358 the trigger `picky` of the table drops or changes rows of the commit
    append: SG0358 the trigger `picky` of the table drops or changes rows of the commit
    "
    );
    assert_snapshot!(
        with("create trigger tidy after insert on related begin delete from related where id = new.id - 2; end").await,
        @"
    replace: SG0358 the trigger `tidy` of the table drops or changes rows of the commit
    slices: SG0358 the trigger `tidy` of the table drops or changes rows of the commit
    merge: SG0358 the trigger `tidy` of the table drops or changes rows of the commit
    append: SG0358 the trigger `tidy` of the table drops or changes rows of the commit
    "
    );
    assert_snapshot!(
        with("create trigger loud after insert on related begin update related set name = upper(name) where id = new.id; end;
              create trigger other after delete on related begin select 1; end").await,
        @"
    replace: SG0358 one of the table's triggers (`loud`, `other`) drops or changes rows of the commit
    slices: SG0358 one of the table's triggers (`loud`, `other`) drops or changes rows of the commit
    merge: SG0358 one of the table's triggers (`loud`, `other`) drops or changes rows of the commit
    append: Written(2), 3 rows
    "
    );
}

/// It writes elsewhere, with a word of its own about rows that are there.
#[tokio::test]
async fn a_trigger_that_keeps_books_is_let_be() {
    assert_snapshot!(
        with("create table book (id integer primary key); insert into book values (3);
              create trigger keeper after insert on related begin insert or ignore into book values (new.id); end").await,
        @"
    replace: Written(2), 3 rows
    slices: Written(2), 3 rows
    merge: Written(2), 3 rows
    append: Written(2), 3 rows
    "
    );
}

#[tokio::test]
async fn a_rule_that_drops_rows_is_an_error() {
    for clause in ["replace", "ignore"] {
        let mut w = World::new();
        w.sql(&format!(
            "create table related (id integer, name text unique on conflict {clause}, day text); insert into related values (9, 'a', null)"
        ));
        let t = target(1, "related");
        for change in [Change::Append, MERGE()] {
            let (record, _) = w.record(&t, change, batch(&ROWS), None).await.unwrap();
            let refused = w.sink.commit(&record, 0, &w.ctx).await.unwrap_err();
            assert_eq!(refused.error_code(), Some(segue_diag::SQLITE_CONSTRAINT));
        }
        assert_eq!(w.rows_as_found(), "9 a ");
    }
}

impl World {
    fn rows_as_found(&self) -> String {
        let db = Connection::open(self.path()).unwrap();
        let mut rows = db
            .prepare("select id || ' ' || coalesce(name, '') || ' ' || coalesce(day, '') from related")
            .unwrap();
        let rows = rows.query_map([], |r| r.get::<_, String>(0)).unwrap();
        rows.map(|r| r.unwrap()).collect::<Vec<_>>().join("\n")
    }

    fn count(&self, sql: &str) -> i64 {
        Connection::open(self.path())
            .unwrap()
            .query_row(sql, [], |r| r.get(0))
            .unwrap()
    }
}

#[tokio::test]
async fn rows_that_refer_to_rows_that_stay_stay() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, MERGE(), batch(&ROWS[..2]), None).await.unwrap();
    w.sql(
        "create table note (id integer references related(id) on delete cascade, said text);
         insert into note values (1, 'x'), (2, 'y'); create view seen as select id from related;
         create trigger books after insert on note begin select count(*) from related; end",
    );
    let notes = "select count(*) from note";
    w.land(&t, Change::ReplaceTable, batch(&ROWS), None).await.unwrap();
    assert_eq!((w.rows(&t).await.lines().count(), w.count(notes)), (3, 2));
    // A parent that changes is a parent still.
    w.land(&t, Change::ReplaceTable, batch(&[row(1, "A", 1), row(2, "b", 2)]), None)
        .await
        .unwrap();
    assert_eq!(w.count(notes), 2);
    // One that goes is missed, whatever the reference says of it.
    let (record, _) = w
        .record(&t, Change::ReplaceTable, batch(&ROWS[..1]), None)
        .await
        .unwrap();
    assert_snapshot!(said(w.sink.commit(&record, 0, &w.ctx).await), @"
    error[SG0358]: 1 rows of the table `note` would refer to rows of `related` that are not there
      table: related
      hint: delete or change those rows first, or take the reference away; nothing was changed
    ");
    assert_eq!((w.rows(&t).await.lines().count(), w.count(notes)), (2, 2));
    // What was broken before is nobody's fault here.
    w.sql("pragma foreign_keys = off; insert into note values (77, 'z')");
    w.land(&t, Change::ReplaceTable, batch(&ROWS), None).await.unwrap();
    // Made anew in other columns, the table is the one that others mean.
    let fewer = batch(&ROWS).project(&[0, 1]).unwrap();
    w.land(&t, Change::ReplaceTable, fewer, None).await.unwrap();
    assert_eq!((w.count("select count(*) from seen"), w.count(notes)), (3, 3));
}

#[tokio::test]
async fn rows_without_row_ids_that_refer_are_counted() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, MERGE(), batch(&ROWS), None).await.unwrap();
    w.sql(
        "pragma foreign_keys = off;
         create table note (said text primary key, id integer references related(id)) without rowid;
         insert into note values ('x', 1), ('y', 2), ('broken before', 77)",
    );
    let (record, _) = w
        .record(&t, Change::ReplaceTable, batch(&ROWS[..1]), None)
        .await
        .unwrap();
    let refused = said(w.sink.commit(&record, 0, &w.ctx).await);
    assert!(
        refused.starts_with("error[SG0358]: 1 rows of the table `note` would refer"),
        "{refused}"
    );
    // What was broken before is nobody's fault here.
    w.land(&t, Change::ReplaceTable, batch(&ROWS[..2]), None).await.unwrap();
}

#[tokio::test]
async fn rows_that_are_equal_are_not_written() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(
        &t,
        Change::Append,
        batch(&[ROWS[0], ROWS[1], ROWS[1], (None, None, None)]),
        None,
    )
    .await
    .unwrap();
    w.sql(
        "create table book (what text); create trigger came after insert on related begin insert into book values ('+' || new.id); end;
         create trigger went after delete on related begin insert into book values ('-' || old.id); end",
    );
    w.land(
        &t,
        Change::ReplaceTable,
        batch(&[ROWS[0], ROWS[1], ROWS[2], (None, None, None)]),
        None,
    )
    .await
    .unwrap();
    let book = "select group_concat(what, ' ') from (select what from book order by rowid)";
    let book: String = Connection::open(w.path())
        .unwrap()
        .query_row(book, [], |r| r.get(0))
        .unwrap();
    assert_eq!(book, "-2 -2 +2 +3");
}

/// The format takes the end of a file for the end of the rows.
#[tokio::test]
async fn staged_rows_that_were_cut_are_missed() {
    let mut w = World::new();
    let t = target(1, "related");
    let (t2, ctx) = (t.clone(), w.ctx.clone());
    let rows = [batch(&ROWS[..2]), batch(&ROWS[2..])].map(|batch| Ok(Rows { batch, deletes: None }));
    let staged = w
        .sink
        .stage(&t2, schema(), stream::iter(rows).boxed(), &ctx)
        .await
        .unwrap();
    let (mut record, _) = w.record(&t, Change::Append, batch(&[]), None).await.unwrap();
    let worked = w
        .sink
        .work_out(&t, schema(), &Change::Append, std::slice::from_ref(&staged), &[], &ctx)
        .await
        .unwrap();
    record.parts[0].staged = vec![staged.clone()];
    record.parts[0].plan = worked.plan;
    let path = w
        .dir
        .path()
        .join("staging/sqlite")
        .join(staged.place["file"].as_str().unwrap());
    let whole = std::fs::read(&path).unwrap();
    let length = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        arrow_ipc::reader::StreamReader::try_new(file, None)
            .ok()
            .and_then(|r| r.map(|b| b.ok().map(|b| b.num_rows())).sum::<Option<usize>>())
    };
    let cut = (0..whole.len())
        .rev()
        .find(|at| length(&whole[..*at]) == Some(2))
        .expect("it reads as fewer rows somewhere");
    length(&whole[..cut]);
    let refused = w.sink.commit(&record, 0, &ctx).await.unwrap_err();
    assert_eq!(refused.kind(), segue_core::Kind::BadData);
    assert_eq!(w.sink.head(&t, &ctx).await.unwrap().n, 0);
    let read = w.sink.staged(&t, &[staged], &ctx).await.unwrap();
    assert!(w.read(read).await.is_err());
}

/// What becomes of these rows in a table that was made so: which are refused, and what the table has then.
async fn sifted(made: &str, change: Change, rows: &[Row]) -> String {
    let mut w = World::new();
    w.sql(made);
    let t = target(1, "related");
    let staged = w.stage(&t, batch(rows), None).await;
    let ctx = w.ctx.clone();
    let sifted = match w.sink.sift(&t, schema(), &change, &[staged], &ctx).await {
        Ok(sifted) => sifted,
        Err(e) => return format!("{} {}", e.error_code().map_or("", |c| c.as_str()), e.message()),
    };
    let refused = match sifted.refused.as_slice() {
        [] => "nothing".into(),
        refused => {
            let rows = w.sink.staged(&t, refused, &ctx).await.unwrap();
            text(&w.read(rows).await.unwrap())
        }
    };
    let (record, _) = w.record_of(&t, change, schema(), sifted.staged).await.unwrap();
    assert!(matches!(
        w.sink.commit(&record, 0, &ctx).await,
        Ok(Committed::Written(_))
    ));
    format!("{refused}\n= {}", w.rows_as_found().replace('\n', ", "))
}

#[tokio::test]
async fn each_row_that_breaks_a_rule_is_told_with_the_rule() {
    let mut all = Vec::new();
    for made in [
        "create table related (id integer, name text not null, day text)",
        "create table related (id integer, name text constraint short check (length(name) < 3), day text)",
        "create table related (id integer primary key, name text, day text)",
        "create table related (id integer, name text collate nocase unique, day text); insert into related values (9, 'B', null)",
        "create table related (id integer, name text, day text); create unique index one on related (lower(name))",
        "create table words (word text primary key); insert into words values ('a'), ('long');
         create table related (id integer, name text references words, day text)",
        "create table related (id integer primary key, name text, day text, up integer generated always as (nullif(id - 1, 0)) references related)",
        "create table related (id integer, name text, day text) strict; create trigger picky before insert on related
         when new.id = 3 begin select raise(abort, 'not three'); end",
    ] {
        let rows = [
            row(1, "a", 1),
            row(2, "b", 1),
            (Some(2), None, Some(1)),
            row(3, "long", 1),
            row(7, "A", 1),
        ];
        all.push(format!("{made}\n{}", sifted(made, Change::Append, &rows).await));
    }
    assert_snapshot!(all.join("\n\n"), @"
    create table related (id integer, name text not null, day text)
    2  1970-01-02  name the table refuses it: NOT NULL constraint failed: related.name
    = 1 a 1970-01-02, 2 b 1970-01-02, 3 long 1970-01-02, 7 A 1970-01-02

    create table related (id integer, name text constraint short check (length(name) < 3), day text)
    3 long 1970-01-02 short  the table refuses it: CHECK constraint failed: short
    = 1 a 1970-01-02, 2 b 1970-01-02, 2  1970-01-02, 7 A 1970-01-02

    create table related (id integer primary key, name text, day text)
    2  1970-01-02 unique (id) id it breaks `unique (id)` of the table: another row has the same value
    2 b 1970-01-02 unique (id) id it breaks `unique (id)` of the table: another row has the same value
    = 1 a 1970-01-02, 3 long 1970-01-02, 7 A 1970-01-02

    create table related (id integer, name text collate nocase unique, day text); insert into related values (9, 'B', null)
    1 a 1970-01-02 unique (name) name it breaks `unique (name)` of the table: another row has the same value
    2 b 1970-01-02 unique (name) name it breaks `unique (name)` of the table: another row has the same value
    7 A 1970-01-02 unique (name) name it breaks `unique (name)` of the table: another row has the same value
    = 9 B , 2  1970-01-02, 3 long 1970-01-02

    create table related (id integer, name text, day text); create unique index one on related (lower(name))
    7 A 1970-01-02   the table refuses it: UNIQUE constraint failed: index 'one'
    = 1 a 1970-01-02, 2 b 1970-01-02, 2  1970-01-02, 3 long 1970-01-02

    create table words (word text primary key); insert into words values ('a'), ('long');
             create table related (id integer, name text references words, day text)
    2 b 1970-01-02 references words name it refers to a row of the table `words` that is not there (name)
    7 A 1970-01-02 references words name it refers to a row of the table `words` that is not there (name)
    = 1 a 1970-01-02, 2  1970-01-02, 3 long 1970-01-02

    create table related (id integer primary key, name text, day text, up integer generated always as (nullif(id - 1, 0)) references related)
    SG0358 2 rows of the table `related` would refer to rows of `related` that are not there

    create table related (id integer, name text, day text) strict; create trigger picky before insert on related
             when new.id = 3 begin select raise(abort, 'not three'); end
    3 long 1970-01-02   the table refuses it: not three
    = 1 a 1970-01-02, 2 b 1970-01-02, 2  1970-01-02, 7 A 1970-01-02
    ");
}

#[tokio::test]
async fn what_is_no_rows_fault_is_an_error_still() {
    let mut all = Vec::new();
    for made in [
        "create table related (id integer primary key, name text, day text); insert into related values (1, 'a', null);
         create table note (id integer references related(id)); insert into note values (1)",
        "create table related (id integer, name text, day text);
         create trigger shy before insert on related begin select raise(ignore); end",
    ] {
        all.push(sifted(made, Change::ReplaceTable, &ROWS[1..]).await);
    }
    assert_snapshot!(all.join("\n"), @"
    SG0358 1 rows of the table `note` would refer to rows of `related` that are not there
    SG0358 the trigger `shy` of the table drops or changes rows of the commit
    ");
}

#[tokio::test]
async fn values_change_places_where_nobody_sees_the_rows_go() {
    let made = "create table related (id integer primary key, name text unique, day text, note text default 'mine',
            shout text generated always as (upper(name)));
        insert into related (id, name, note) values (1, 'a', 'one'), (2, 'b', 'two'), (3, 'c', 'three');
        create table note (id integer references related(id)); insert into note values (1), (2)";
    let swapped = [row(1, "b", 1), row(2, "a", 1), row(3, "d", 1), row(4, "c", 1)];
    let mut w = World::new();
    w.sql(made);
    let t = target(1, "related");
    w.land(&t, MERGE(), batch(&swapped), None).await.unwrap();
    let all = "select group_concat(id || name || note || shout, ' ') from (select * from related order by id)";
    let all: String = Connection::open(w.path())
        .unwrap()
        .query_row(all, [], |r| r.get(0))
        .unwrap();
    assert_eq!(all, "1boneB 2atwoA 3dthreeD 4cmineC");
    // Where rows that go are seen to go, it is an error still.
    let mut w = World::new();
    w.sql(made);
    w.sql("create trigger seen after update on related begin select 1; end");
    let (record, _) = w.record(&t, MERGE(), batch(&swapped), None).await.unwrap();
    let refused = w.sink.commit(&record, 0, &w.ctx).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(segue_diag::SQLITE_CONSTRAINT));
}

/// Rows that exchange a value meet each other when they are tried one by one; that is no fault of theirs.
#[tokio::test]
async fn what_changes_places_beside_a_row_that_breaks_a_rule_is_not_refused() {
    let made = "create table related (id integer primary key, name text unique constraint short check (length(name) < 3), day text);
        insert into related values (1, 'a', null), (2, 'b', null), (4, 'd', null), (5, 'e', null)";
    let rows = [row(1, "b", 1), row(2, "a", 1), row(3, "long", 1), row(6, "f", 1)];
    assert_snapshot!(sifted(made, MERGE(), &rows).await, @r"
    3 long 1970-01-02 short  the table refuses it: CHECK constraint failed: short
    = 1 b 1970-01-02, 2 a 1970-01-02, 4 d , 5 e , 6 f 1970-01-02
    ");
    // One of them breaks the rule itself: the other one finds no room then.
    let rows = [row(1, "b", 1), row(2, "longer", 1), row(4, "e", 1), row(5, "d", 1)];
    assert_snapshot!(sifted(made, MERGE(), &rows).await, @r"
    1 b 1970-01-02 unique (name) name it breaks `unique (name)` of the table: another row has the same value
    2 longer 1970-01-02 short  the table refuses it: CHECK constraint failed: short
    = 1 a , 2 b , 4 e 1970-01-02, 5 d 1970-01-02
    ");
}

/// Adding a rule in SQLite means making the table anew: it is somebody's own work, and is never made anew without it.
#[tokio::test]
async fn a_table_that_somebody_defined_anew_keeps_what_they_said() {
    let as_found = |w: &World| -> String {
        let sql = "select sql from sqlite_master where name = 'related'";
        Connection::open(w.path())
            .unwrap()
            .query_row(sql, [], |r| r.get(0))
            .unwrap()
    };
    let t = target(1, "related");
    for change in [Change::ReplaceTable, Change::Append, MERGE()] {
        let mut w = World::new();
        w.land(&t, Change::Append, batch(&ROWS[..2]), None).await.unwrap();
        // As it was declared, with a rule besides.
        let declared = as_found(&w).replacen("related", "anew", 1);
        let ruled = declared.replacen("\"name\" TEXT", "\"name\" TEXT not null check (name <> 'x')", 1);
        assert_ne!(ruled, declared);
        w.sql(&format!(
            "{ruled}; insert into anew select * from related; drop table related; alter table anew rename to related"
        ));
        let before = as_found(&w);
        w.land(&t, change.clone(), batch(&ROWS[2..]), None).await.unwrap();
        assert_eq!(as_found(&w), before, "{change:?}");
        for broken in [row(7, "x", 1), (Some(7), None, Some(1))] {
            let (record, _) = w.record(&t, change.clone(), batch(&[broken]), None).await.unwrap();
            let refused = w.sink.commit(&record, 0, &w.ctx).await.unwrap_err();
            assert_eq!(refused.error_code(), Some(segue_diag::SQLITE_CONSTRAINT), "{change:?}");
        }
        assert_eq!(as_found(&w), before, "{change:?}");
        // Given up, it stays with its rows.
        w.sink.drop_table(&t, &w.ctx).await.unwrap();
        assert_eq!(as_found(&w), before, "{change:?}");
    }
}

/// Marks of an older program say nothing of definitions.
#[tokio::test]
async fn marks_of_an_older_program_are_read_and_completed() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, Change::Append, batch(&ROWS[..1]), None).await.unwrap();
    w.sql("alter table _segue_heads drop column definition");
    assert_eq!(w.sink.head(&t, &w.ctx).await.unwrap().n, 1);
    w.land(&t, MERGE(), batch(&ROWS[1..2]), None).await.unwrap();
    w.land(&t, Change::ReplaceTable, batch(&ROWS), None).await.unwrap();
    assert_eq!(w.rows(&t).await.lines().count(), 3);
    let known: i64 = Connection::open(w.path())
        .unwrap()
        .query_row("select count(definition) from _segue_heads", [], |r| r.get(0))
        .unwrap();
    assert_eq!(known, 1);
}
