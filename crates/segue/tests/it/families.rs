//! One file for many tables: what is there is copied, what is new joins or waits, what is gone is told, and who only looks asks nobody.

use crate::discover::shop;
use crate::support::{Done, Project};
use segue_testkit::postgres::Postgres;
use serde_json::Value;

const TABLES: &str = "create table orders (id int8 primary key, name text); insert into orders values (1, 'Ada'), (2, null);
    create table \"Order Items\" (id int4); insert into \"Order Items\" values (7);
    create table logs (line text); create schema sales; create table sales.totals (n int4); insert into sales.totals values (1)";

fn family(project: &Project, more: &str) {
    let text = format!("asset: raw.*\ncopy:\n  from: shop\n  tables: public.*\n  except: [public.logs]\n{more}");
    project.write("assets/raw/shop.yaml", &text);
}

fn ended(done: &Done) -> Vec<String> {
    let told: Value = serde_json::from_str(&done.out).expect("JSON");
    let steps = told["steps"].as_array().expect("steps").iter();
    let mut all: Vec<String> = steps
        .map(|s| format!("{} {}", s["asset"], s["outcome"]).replace('"', ""))
        .collect();
    all.sort();
    all
}

#[test]
fn one_file_copies_many_tables() {
    let server = Postgres::shared();
    let project = shop(&server, "many", TABLES);
    family(&project, "");
    project.write(
        "assets/top/names.sql",
        "/* asset: top.names */\nselect name from raw.orders where name is not null\n",
    );
    // Offline: nobody is asked.
    project.ok(&["check"]);
    let plan = project.ok(&["plan"]);
    assert!(
        plan.contains("raw.orders") && plan.contains("raw.order_items") && !plan.contains("logs"),
        "{plan}"
    );
    let run = project.segue(&["--json", "run"]).ok();
    assert_eq!(
        ended(&run),
        ["raw.order_items done", "raw.orders done", "top.names done"]
    );
    assert_eq!(project.sql("select id from raw.order_items"), "id\n7\n");
    assert_eq!(project.sql("select * from top.names"), "name\nAda\n");
    // One of them, by its name or like the others.
    assert_eq!(
        ended(&project.segue(&["--json", "run", "raw.orders"]).ok()),
        ["raw.orders done"]
    );
    assert_eq!(
        ended(&project.segue(&["--json", "run", "raw.order*"]).ok()),
        ["raw.order_items done", "raw.orders done"]
    );
    let status = project.ok(&["status"]);
    assert!(
        status.contains("raw.order_items") && status.contains("raw.orders"),
        "{status}"
    );
    project.ok(&["why", "raw.orders"]);
    project.ok(&["preview", "raw.orders"]);
    // A file of its own is taken instead, and its table is the same one.
    project.write(
        "assets/raw/orders.yaml",
        "asset: raw.orders\ncopy: { from: shop, table: public.orders }\n",
    );
    let plan = project.ok(&["--json", "plan"]);
    let plan: Value = serde_json::from_str(&plan).expect("JSON");
    let removed = plan["removed"].as_array().expect("a list");
    assert!(removed.is_empty(), "{plan}");
    assert_eq!(
        ended(&project.segue(&["--json", "run"]).ok()),
        ["raw.order_items done", "raw.orders done", "top.names done"]
    );
}

#[test]
fn a_new_table_joins_or_waits_and_one_that_is_gone_is_told() {
    let server = Postgres::shared();
    let project = shop(&server, "grows", TABLES);
    family(&project, "");
    project.ok(&["run"]);
    server.sql("grows", "create table more (id int4); insert into more values (1)");
    assert_eq!(
        ended(&project.segue(&["--json", "run"]).ok()),
        ["raw.more done", "raw.order_items done", "raw.orders done"]
    );
    for (word, code, says) in [
        ("freeze", 7, "on_new_table: evolve"),
        ("quarantine", 8, "until somebody decides"),
        ("drop_value", 0, "left out"),
    ] {
        family(&project, &format!("  on_new_table: {word}\n"));
        server.sql("grows", &format!("create table new_{word} (id int4)"));
        let plan = project.segue(&["plan"]).ok();
        assert!(plan.err.contains(&format!("new_{word}")), "{word}: {}", plan.text());
        let done = project.segue(&["run"]).ended(code);
        assert!(
            done.err.contains(&format!("new_{word}")) && done.err.contains(says),
            "{word}: {}",
            done.err
        );
        // The others ran.
        assert!(
            done.out.contains("raw.orders") && !done.out.contains("raw.new_"),
            "{word}: {}",
            done.out
        );
        server.sql("grows", &format!("drop table new_{word}"));
    }
    family(&project, "");
    server.sql("grows", "drop table more");
    let done = project.segue(&["run"]).ok();
    assert!(done.err.contains("public.more is no longer in shop"), "{}", done.err);
    assert!(!done.out.contains("raw.more"), "{}", done.out);
    assert_eq!(project.sql("select id from raw.more"), "id\n1\n");
    let plan = project.segue(&["plan"]).ok();
    assert!(plan.err.contains("public.more is no longer in shop"), "{}", plan.text());
    project.ok(&["asset", "drop", "raw.more", "--table-only", "--yes"]);
    let done = project.segue(&["run"]).ok();
    assert!(!done.text().contains("more"), "{}", done.text());
}

#[test]
fn a_server_that_is_away_stops_nothing_else() {
    let mut server = Postgres::start(&[]);
    let project = shop(&server, "away", TABLES);
    family(&project, "");
    project.write("x.csv", "a\n1\n");
    project.write(
        "assets/raw/x.yaml",
        "asset: other.x\ncopy: { from: files, path: x.csv }\n",
    );
    server.kill();
    // Nothing is known of it yet, and what needs nothing of it runs.
    let done = project.segue(&["--json", "run"]).ended(6);
    assert_eq!(ended(&done), ["other.x done"]);
    assert!(done.out.contains("SG0361"), "{}", done.out);
    project.ok(&["check"]);
    project.ok(&["status"]);
    // An asset that is none of the family's asks nobody.
    project.ok(&["run", "other.x"]);
    server.run();
    project.ok(&["run"]);
    server.kill();
    let status = project.ok(&["status"]);
    assert!(status.contains("raw.orders"), "{status}");
    assert_eq!(project.sql("select count(*) from raw.orders"), "count(*)\n2\n");
}

/// A pattern that means nothing is most likely written wrong: a run that copied nothing would look like one that went well.
#[test]
fn a_pattern_that_means_nothing_fails() {
    let server = Postgres::shared();
    let project = shop(&server, "nothing", TABLES);
    project.write(
        "assets/shop.yaml",
        "asset: raw.*\ncopy: { from: shop, tables: publik.* }\n",
    );
    let plan = project.segue(&["plan"]).ok();
    assert!(plan.err.contains("did you mean `public.*`?"), "{}", plan.text());
    let done = project.segue(&["run"]).ended(4);
    assert!(
        done.err.contains("SG0706") && done.err.contains("did you mean `public.*`?"),
        "{}",
        done.err
    );
    // One that lost its key is still there, and says what is wrong.
    server.sql(
        "nothing",
        "create schema keyed; create table keyed.t (id int4 primary key); insert into keyed.t values (1)",
    );
    project.write(
        "assets/shop.yaml",
        "asset: raw.*\ncopy: { from: shop, tables: keyed.* }\nwrite: { mode: merge }\n",
    );
    project.ok(&["run"]);
    server.sql("nothing", "alter table keyed.t drop constraint t_pkey");
    let done = project.segue(&["run"]).ended(2);
    assert!(
        done.err.contains("has no primary key") && !done.err.contains("no longer"),
        "{}",
        done.err
    );
}

#[test]
fn names_that_meet_are_refused_and_the_others_run() {
    let server = Postgres::shared();
    let project = shop(
        &server,
        "meet",
        "create table a (id int4 primary key); create table \"A\" (id int4 primary key); create table b (id int4);
         create table c (id int4 primary key); insert into a values (1)",
    );
    project.write(
        "assets/shop.yaml",
        "asset: raw.*\ncopy: { from: shop, tables: \"*\" }\nwrite: { mode: merge }\n",
    );
    let done = project.segue(&["run"]).ended(5);
    assert!(
        done.err.contains("SG0709") && done.err.contains("would both be called raw.a"),
        "{}",
        done.err
    );
    // Nobody knows which of the two is meant; the one that is a key's alone runs.
    assert!(
        !done.out.contains("raw.a ") && done.out.contains("raw.c"),
        "{}",
        done.out
    );
    project.write(
        "assets/shop.yaml",
        "asset: raw.*\ncopy: { from: shop, tables: \"*\", except: A }\nwrite: { mode: merge }\n",
    );
    let done = project.segue(&["run"]).ended(2);
    assert!(done.err.contains("public.b has no primary key"), "{}", done.err);
    project.write(
        "assets/shop.yaml",
        "asset: raw.*\ncopy: { from: shop, tables: \"*\", except: [A, b] }\nwrite: { mode: merge }\n",
    );
    project.ok(&["run"]);
    assert_eq!(project.sql("select id from raw.a"), "id\n1\n");
    // One that was here first stays what it is.
    project.write(
        "assets/shop.yaml",
        "asset: raw.*\ncopy: { from: shop, tables: \"*\", except: b }\nwrite: { mode: merge }\n",
    );
    server.sql("meet", "insert into a values (2)");
    let done = project.segue(&["run"]).ended(5);
    assert!(done.err.contains("would both be called raw.a"), "{}", done.err);
    assert_eq!(project.sql("select count(*) from raw.a"), "count(*)\n2\n");
}

/// Each small table costs what it is, and no connection of its own.
#[test]
fn many_tables_share_a_few_connections() {
    let server = Postgres::start(&["log_connections=on", "log_statement=all"]);
    let tables: Vec<String> = (0..30)
        .map(|n| format!("create table t{n} (id int4 primary key, name text); insert into t{n} values ({n}, 'x')"))
        .collect();
    let project = shop(&server, "few", &tables.join(";"));
    project.write(
        "assets/raw/shop.yaml",
        "asset: raw.*\ncopy: { from: shop, tables: public.* }\n",
    );
    let before = server.log().len();
    let run = project.segue(&["--json", "run"]).ok();
    assert_eq!(ended(&run).iter().filter(|step| step.ends_with(" done")).count(), 30);
    let log = server.log()[before..].to_string();
    let count = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    // One that asks which tables there are, and one for each step that runs at once.
    let connections = count("application_name=segue");
    assert!(
        (2..=9).contains(&connections),
        "{connections} connections for 30 tables"
    );
    // To begin, to look at the table twice, to read it, to see that it is still the same, and to end.
    let statements = count("LOG:  statement:") + count("LOG:  execute");
    assert!(statements <= 30 * 6 + 20, "{statements} statements for 30 tables");
    assert_eq!(project.sql("select id from raw.t29"), "id\n29\n");
}
