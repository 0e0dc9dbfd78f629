//! Rows that pass from one PostgreSQL to another as they are, where nothing needs a value: told by the plan, and the same values to the server.

use crate::support::Project;
use segue_testkit::postgres::{Postgres, USER};

const THERE: &str = "
    create table things (id int8 primary key, name varchar(20), flag char(2), price numeric(12, 2) not null, paid money, day date, at timestamptz,
        net inet, span daterange, waits interval, scores float8[], note text);
    insert into things values (1, 'Ada', 'a', 1.50, '$2.25', 'infinity', '-infinity', '10.0.0.0/8', '[2024-01-01,)', '1 mon', '[0:1]={NaN,-0}', null),
        (2, null, null, 0, null, '0044-03-15 BC', null, null, 'empty', '30 days', '{{1},{2}}', '')";

/// Databases `{name}_from`, with things in it, and `{name}_to`; and a project that copies from the one to the other.
struct Pair {
    server: std::sync::Arc<Postgres>,
    project: Project,
    name: &'static str,
}

impl Pair {
    fn new(name: &'static str) -> Pair {
        let (server, project) = (Postgres::shared(), Project::empty());
        project.ok(&["init", "."]);
        for (connection, database) in [("shop", "from"), ("out", "to")] {
            server.sql("postgres", &format!("create database {name}_{database}"));
            let text = format!(
                "connection: {connection}\nkind: postgres\nhost: 127.0.0.1\nport: {}\ndatabase: {name}_{database}\nuser: {USER}\n",
                server.port()
            );
            project.write(&format!("connections/{connection}.yaml"), &text);
        }
        let pair = Pair { server, project, name };
        pair.from(THERE);
        pair
    }

    /// The asset, with what else it says.
    fn says(&self, copy: &str, more: &str) {
        let text = format!(
            "asset: serving.things\ncopy: {{ from: shop, {copy} }}\ninto: {{ connection: out, table: things }}\n{more}"
        );
        self.project.write("assets/serving/things.yaml", &text);
    }

    fn from(&self, sql: &str) -> String {
        self.server.sql(&format!("{}_from", self.name), sql)
    }

    fn to(&self, sql: &str) -> String {
        self.server.sql(&format!("{}_to", self.name), sql)
    }

    /// What the plan says of how rows come.
    fn planned(&self) -> String {
        let plan = self.project.ok(&["plan"]);
        let line = plan.lines().map(str::trim).find(|line| line.starts_with("rows "));
        line.unwrap_or("nothing").to_string()
    }

    fn run(&self) {
        self.project.ok(&["run"]);
    }

    fn commits(&self) -> String {
        self.to("select count(*) from _segue_commits")
    }

    /// Fails unless both tables have the same rows, each as the server writes it.
    fn same(&self) {
        let all = "set extra_float_digits = 1; select t::text from things t order by 1";
        assert_eq!(self.to(all), self.from(all));
    }

    fn types(&self) -> (String, String) {
        let types = "select string_agg(format_type(atttypid, atttypmod), ', ' order by attnum) from pg_attribute
            where attrelid = 'things'::regclass and attnum > 0 and not attisdropped";
        (self.from(types), self.to(types))
    }
}

const AS_THEY_ARE: &str = "rows pass through as they are, with the types that they have there";

#[test]
fn rows_pass_as_they_are_until_something_has_to_look_at_them() {
    let pair = Pair::new("passing");
    pair.says("table: things", "write: { mode: replace }\n");
    pair.project.ok(&["check"]);
    assert_eq!(pair.planned(), AS_THEY_ARE);
    pair.run();
    pair.same();
    let (from, to) = pair.types();
    assert_eq!(to, from);
    // The same again is no commit; something else is.
    let before = pair.commits();
    assert_eq!(pair.planned(), AS_THEY_ARE);
    pair.run();
    assert_eq!(pair.commits(), before);
    pair.from("update things set waits = '30 days' where id = 1; insert into things (id, price) values (3, 3)");
    pair.run();
    pair.same();
    assert_ne!(pair.commits(), before);
    // A check has to see values: those that have no place here are set aside, and the table has the types of ours.
    pair.says(
        "table: things",
        "write: { mode: replace }\nchecks: [{ not_null: [id] }, { row: price >= 0 }]\n",
    );
    insta::assert_snapshot!(pair.planned(), @"rows are read value by value, and do not pass through as they are: there is something to check (`not_null id` and 1 more)");
    pair.run();
    assert_eq!(
        pair.to("select id, name, paid, net, span, waits from things order by id"),
        "3|||||"
    );
    let aside = pair.project.ok(&["quarantine", "show", "serving.things"]);
    assert!(aside.contains("expected date, found infinity"), "{aside}");
    // Without it they would pass, but for the table, which is not changed unasked.
    pair.says("table: things", "write: { mode: replace }\n");
    insta::assert_snapshot!(pair.planned(), @r#"rows are read value by value, and do not pass through as they are: column `name` of "public"."things" is text, and character varying(20) where it comes from"#);
    pair.from("update things set day = null, at = null, scores = null");
    pair.run();
    assert_eq!(
        pair.to("select id, name, flag, paid, net, span, waits from things order by id"),
        "1|Ada|a |2.25|10.0.0.0/8|[2024-01-01,)|P30D\n2|||||empty|P30D\n3||||||"
    );
    pair.project.ok(&["run", "--rebuild", "serving.things"]);
    pair.same();
    assert_eq!(pair.types().0, pair.types().1);
    assert_eq!(pair.planned(), AS_THEY_ARE);
    // A column that is new passes, too.
    pair.says("table: things, on_new_column: evolve", "write: { mode: replace }\n");
    pair.from("alter table things add more varchar(3) default 'new'");
    assert_eq!(pair.planned(), AS_THEY_ARE);
    pair.run();
    pair.same();
    assert_eq!(pair.types().0, pair.types().1);
    // One that is of another type now is kept to the one that the table has.
    pair.from("alter table things alter more type varchar(5)");
    insta::assert_snapshot!(pair.planned(), @r#"rows are read value by value, and do not pass through as they are: column `more` of "public"."things" is character varying(3), and character varying(5) where it comes from"#);
    pair.run();
    assert_eq!(pair.to("select more from things group by more"), "new");
}

#[test]
fn every_mode_says_whether_its_rows_pass() {
    let pair = Pair::new("ways");
    let mut said = Vec::new();
    for (copy, write) in [
        ("table: things", "{ mode: append }"),
        ("table: things", "{ mode: merge, key: [id] }"),
        ("table: things", "{ mode: merge, key: [id], delete_missing: soft }"),
        ("table: things", "{ mode: merge, key: [name] }"),
        ("table: things", "{ mode: delete_insert, key: [id] }"),
        ("table: things", "{ mode: history, key: [id] }"),
        ("table: things", "{ mode: append, on_violation: quarantine }"),
        ("table: things, position: { column: at }", "{ mode: append }"),
        ("query: select 1 as one", "{ mode: replace }"),
        ("query: select 1 as one", "{ mode: replace, key: [one] }"),
        ("table: things, columns: { id: { type: int64 } }", "{ mode: replace }"),
    ] {
        pair.says(copy, &format!("write: {write}\n"));
        said.push(format!("{copy} {write}: {}", pair.planned()));
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    table: things { mode: append }: rows pass through as they are, with the types that they have there
    table: things { mode: merge, key: [id] }: rows pass through as they are, with the types that they have there
    table: things { mode: merge, key: [id], delete_missing: soft }: rows pass through as they are, with the types that they have there
    table: things { mode: merge, key: [name] }: rows are read value by value, and do not pass through as they are: public.things does not keep two rows from having one key (name), or none
    table: things { mode: delete_insert, key: [id] }: rows pass through as they are, with the types that they have there
    table: things { mode: history, key: [id] }: rows are read value by value, and do not pass through as they are: a history is written beside them (`mode: history`)
    table: things { mode: append, on_violation: quarantine }: rows are read value by value, and do not pass through as they are: rows that break a rule of the table are set aside (`on_violation: quarantine`)
    table: things, position: { column: at } { mode: append }: rows pass through as they are, with the types that they have there
    query: select 1 as one { mode: replace }: rows pass through as they are, with the types that they have there
    query: select 1 as one { mode: replace, key: [one] }: rows are read value by value, and do not pass through as they are: the query does not keep two rows from having one key (one), or none
    table: things, columns: { id: { type: int64 } } { mode: replace }: rows are read value by value, and do not pass through as they are: `columns:` says what they are to be
    ");
    // Into the lake and other databases there is no such way, and nothing to say of it.
    pair.project.write(
        "assets/serving/things.yaml",
        "asset: serving.things\ncopy: { from: shop, table: things }\n",
    );
    assert_eq!(pair.planned(), "nothing");
}

#[test]
fn rows_are_added_and_merged_as_they_are() {
    let pair = Pair::new("onto");
    pair.says(
        "table: things",
        "write: { mode: merge, key: [id], delete_missing: hard, max_deleted: 100% }\n",
    );
    pair.run();
    pair.same();
    pair.from("update things set paid = 9, flag = 'b' where id = 1; delete from things where id = 2; insert into things (id, price) values (3, 3)");
    pair.run();
    pair.same();
    let before = pair.commits();
    pair.run();
    assert_eq!(pair.commits(), before);
    assert_eq!(pair.types().0, pair.types().1);
    // Onwards by a column, each row comes once.
    let other = Pair::new("onwards_as_is");
    other.says("table: things, position: { column: at }", "write: { mode: append }\n");
    assert_eq!(other.planned(), AS_THEY_ARE);
    other.run();
    other.run();
    other.same();
    other.from("insert into things (id, price, at) values (4, 4, '2024-01-01Z')");
    other.run();
    other.same();
}

/// A first read whose rows pass is cut off, by a server that dies and by a program that is killed, and goes on from there.
#[test]
fn a_first_read_whose_rows_pass_goes_on_where_it_was_cut_off() {
    const ROWS: u64 = 400_000;
    let pair = Pair::new("passing_onwards");
    pair.from(&format!(
        "truncate things; insert into things (id, name, price, note)
         select n, 'x', n, (select string_agg(sha512((n || '-' || k)::text::bytea)::text, '') from generate_series(1, 5) k)
         from generate_series(1, {ROWS}) n"
    ));
    pair.says(
        "table: things, position: { column: id, resume: key }",
        "write: { mode: merge, key: [id] }\n",
    );
    pair.project.ok(&["check"]);
    let mut run = pair.project.start(&["run"]);
    let begun = std::time::Instant::now();
    let there = || -> u64 {
        let there = pair.to("select to_regclass('things') is not null");
        match there.as_str() {
            "t" => pair.to("select count(*) from things").parse().expect("a number"),
            _ => 0,
        }
    };
    while there() == 0 {
        assert!(begun.elapsed().as_secs() < 240, "nothing is committed");
        assert!(
            run.try_wait().expect("it runs").is_none(),
            "it ended before it was killed"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    run.kill().expect("it is killed");
    run.wait().expect("it has ended");
    let before = there();
    assert!((1..ROWS).contains(&before), "{before} rows");
    // What changes meanwhile, before and behind what is there.
    pair.from(&format!(
        "update things set flag = 'y' where id in (7, {ROWS}); insert into things (id, price) values (0, 1), ({ROWS} + 1, 1)"
    ));
    assert_eq!(pair.planned(), AS_THEY_ARE);
    let done = pair.project.segue(&["run"]).ok().text();
    assert!(done.contains("it goes on from there"), "{done}");
    let digest = "select count(*), sum(hashtextextended(t::text, 0)) from things t";
    assert_eq!(pair.to(digest), pair.from(digest));
    assert_eq!(pair.types().0, pair.types().1);
    let came = pair
        .project
        .sql("select rows_in from system.steps order by started_at desc limit 1");
    let came: u64 = came.lines().last().expect("a count").parse().expect("a number");
    assert!(came < ROWS, "{came} rows came, and {before} were there");
}

/// A table that an older program made of typed rows stays what it is.
#[test]
fn a_table_of_other_types_is_written_value_by_value() {
    let pair = Pair::new("older");
    pair.from("delete from things; insert into things (id, name, price) values (1, 'Ada', 1)");
    pair.says(
        "table: things",
        "write: { mode: replace }\nchecks: [{ not_null: [id] }]\n",
    );
    pair.run();
    pair.to("create view names as select name from things");
    pair.says("table: things", "write: { mode: replace }\n");
    insta::assert_snapshot!(pair.planned(), @r#"rows are read value by value, and do not pass through as they are: column `name` of "public"."things" is text, and character varying(20) where it comes from"#);
    pair.from("update things set name = 'Bo'");
    pair.run();
    assert_eq!(pair.to("select name from names"), "Bo");
}

/// A source that cannot be asked is no reason to have no plan.
#[test]
fn a_plan_is_made_without_the_source() {
    let pair = Pair::new("unasked");
    pair.says("table: gone", "write: { mode: replace }\n");
    let plan = pair.project.ok(&["plan"]);
    assert!(
        plan.contains("whether rows pass through as they are could not be asked: "),
        "{plan}"
    );
}
