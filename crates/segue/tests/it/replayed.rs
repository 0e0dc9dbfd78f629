//! Rows that were set aside, and what becomes of them: read again into their tables once, whatever happens between, or discarded.

use crate::support::{Done, Project, Server};
use segue_demo::Options;
use segue_testkit::postgres::{Postgres, USER};
use serde_json::Value;

const ORDERS: &str = "asset: raw.orders
copy:
  from: files
  path: data/orders.csv
  columns: { id: { type: int64, required: true }, amount: { type: \"decimal(4,2)\" }, note: { type: string } }
write: { mode: append }
";

/// Two orders that fit, one that will, and one that never does.
fn orders() -> Project {
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\n"),
        ("assets/raw/orders.yaml", ORDERS),
        (
            "data/orders.csv",
            "id,amount,note\n1,1.50,a\n2,12345.678,\"b, \"\"c\"\"\"\n3,none,d\n4,2.00,\n",
        ),
    ]);
    project.ok(&["run"]);
    project
}

/// The answer of a verb of the quarantine, as it says it to programs.
#[track_caller]
fn said(project: &Project, args: &[&str]) -> Value {
    let all = [&["--json", "quarantine"], args].concat();
    serde_json::from_str(&project.ok(&all)).expect("JSON")
}

fn amounts(project: &Project) -> String {
    let rows = project.sql("select id, amount, note from raw.orders order by id");
    rows.lines().skip(1).collect::<Vec<_>>().join(" ")
}

/// How many rows of an asset lie in quarantine.
fn aside(project: &Project, asset: &str) -> usize {
    let count = project.sql(&format!("select count(*) from quarantine.\"{asset}\""));
    count.lines().last().expect("a count").parse().expect("a number")
}

#[test]
fn a_line_that_fits_now_comes_in_once_and_the_others_stay_for_todays_reason() {
    let project = orders();
    assert_eq!(amounts(&project), "1,1.50,a 4,2.00,");
    assert_eq!(aside(&project, "raw.orders"), 2);
    project.edit("assets/raw/orders.yaml", "decimal(4,2)", "decimal(12,3)");
    let folders = ["lake"];
    let dry = project.writes_nothing(
        &folders,
        &["--json", "quarantine", "replay", "raw.orders", "--dry-run"],
        0,
    );
    let dry: Value = serde_json::from_str(&dry.out).expect("JSON");
    assert_eq!(dry["rows"]["replayed"], 1, "{dry}");
    assert_eq!(dry["rows"]["stay"], 1, "{dry}");
    let done = said(&project, &["replay", "raw.orders"]);
    assert_eq!(done["rows"], dry["rows"]);
    assert_eq!(amounts(&project), "1,1.500,a 2,12345.678,\"b, \"\"c\"\"\" 4,2.000,");
    assert_eq!(aside(&project, "raw.orders"), 1);
    let reason = project.sql("select reason from quarantine.\"raw.orders\"");
    assert!(
        reason.contains("data/orders.csv line 4") && reason.contains("decimal(12,3)"),
        "{reason}"
    );
    // Once more there is nothing to do, and nothing is committed.
    let commits = || project.sql("select count(*) from system.commits where state = 'committed'");
    let before = commits();
    let again = said(&project, &["replay", "raw.orders"]);
    assert_eq!(
        (&again["rows"]["replayed"], &again["rows"]["stay"]),
        (&0.into(), &1.into()),
        "{again}"
    );
    assert_eq!(commits(), before);
    assert_eq!(amounts(&project).lines().count(), 1);
    // It is among what ran, and not what is resumed; how the asset stands is not told by it.
    let runs = project.ok(&["runs"]);
    assert!(runs.contains("replay"), "{runs}");
    project.segue(&["resume"]).ended(4);
    let status = project.ok(&["status"]);
    assert!(!status.contains("failed"), "{status}");
}

#[test]
fn nothing_is_lost_or_doubled_whenever_a_replay_is_killed() {
    for fault in [
        "lease.taken:1:kill",
        "lake.staged:1:kill",
        "lake.staged:2:kill",
        "commit.prepared:1:kill",
        "commit.claimed:1:kill",
        "commit.own:1:kill",
        "commit.companion:1:kill",
        "commit.marked:1:kill",
        "step.ended:1:kill",
    ] {
        let project = orders();
        project.edit("assets/raw/orders.yaml", "decimal(4,2)", "decimal(12,3)");
        let mut command = project.command(&["quarantine", "replay", "raw.orders"]);
        let done = Done::of(command.env("SEGUE_FAULT", fault).output().expect("the binary starts"));
        assert_eq!(done.code, None, "{fault} did not kill it: {}", done.text());
        let whole = "1,1.500,a 2,12345.678,\"b, \"\"c\"\"\" 4,2.000,";
        assert!(
            ["1,1.50,a 4,2.00,", whole].contains(&amounts(&project).as_str()),
            "{fault}: {}",
            amounts(&project)
        );
        project.ok(&["quarantine", "replay", "raw.orders"]);
        assert_eq!(amounts(&project), whole, "{fault}");
        assert_eq!(aside(&project, "raw.orders"), 1, "{fault}");
        // What is known is what the tables say.
        std::fs::remove_dir_all(project.file(".segue")).expect("the state is there");
        project.ok(&["state", "rebuild"]);
        assert_eq!(aside(&project, "raw.orders"), 1, "{fault}");
        assert_eq!(amounts(&project), whole, "{fault}");
    }
}

#[test]
fn a_row_that_a_check_set_aside_comes_in_when_the_check_lets_it() {
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\n"),
        (
            "assets/shop/prices.sql",
            "/* asset: shop.prices
   checks: [ { between: { column: price, min: 0, max: 10 }, on_failure: quarantine } ] */
select 1 as id, 5.25 as price, date '2024-02-29' as at union all
select 2, 50.5, null union all select 3, 70.75, null
",
        ),
    ]);
    project.ok(&["run"]);
    assert_eq!(aside(&project, "shop.prices"), 2);
    project.edit("assets/shop/prices.sql", "max: 10 ", "max: 60 ");
    let done = said(&project, &["replay", "shop.prices"]);
    assert_eq!(
        (&done["rows"]["replayed"], &done["rows"]["stay"]),
        (&1.into(), &1.into()),
        "{done}"
    );
    let prices = project.sql("select id, price from shop.prices order by id");
    assert_eq!(prices, "id,price\n1,5.25\n2,50.5\n");
    // A run computes it anew by the same definition: nothing is doubled.
    project.ok(&["run", "--again"]);
    assert_eq!(project.sql("select id, price from shop.prices order by id"), prices);
    // Other SQL makes other rows: those of before are none of its.
    project.edit("assets/shop/prices.sql", "70.75", "71.75");
    let refused = project.segue(&["quarantine", "replay", "shop.prices"]).ended(5);
    assert!(refused.text().contains("SG0542"), "{}", refused.text());
}

#[test]
fn records_of_a_web_api_are_read_again_into_their_slices_without_a_request() {
    let standin = Server::start(Options::default());
    let project = Project::music(&standin);
    let names = project.read("data/artists.csv");
    let some: Vec<&str> = names.lines().take(4).collect();
    project.write("data/artists.csv", &(some.join("\n") + "\n"));
    project.write(
        "assets/raw/lengths.yaml",
        r#"asset: raw.lengths
copy:
  from: spotify
  for_each: { sql: "select distinct id from raw.artists" }
  request: { get: "/artists/{{ each.id }}/top-tracks", query: { market: US } }
  records: $.tracks[*]
  columns:
    artist_id:   { value: "{{ each.id }}", type: string, required: true }
    id:          { type: string, required: true }
    duration_ms: { type: int16 }
  slice: [artist_id]
write: { mode: replace, key: [artist_id, id] }
"#,
    );
    project.ok(&["run", "+raw.artists", "raw.lengths"]);
    let before = aside(&project, "raw.lengths");
    assert!(before > 0, "every track is shorter than 33 seconds");
    let there = || project.sql("select count(*) from raw.lengths");
    let whole =
        project.sql("select (select count(*) from raw.lengths) + (select count(*) from quarantine.\"raw.lengths\")");
    project.edit("assets/raw/lengths.yaml", "int16", "int32");
    // Nobody is asked: the server is gone.
    drop(standin);
    let done = said(
        &project,
        &["replay", "raw.lengths", "--where", "path = '$.duration_ms'"],
    );
    assert_eq!(done["rows"]["replayed"], before, "{done}");
    assert_eq!(there().lines().last(), whole.lines().last());
    assert_eq!(aside(&project, "raw.lengths"), 0);
    // Each row is its own slice's, and none is there twice.
    assert_eq!(
        project.sql("select count(*) from (select artist_id, id from raw.lengths group by 1, 2 having count(*) > 1)"),
        "count(*)\n0\n"
    );
    // A read of the server finds the same rows.
    let standin = Server::start(Options::default());
    let mut project = project;
    project.ask(&standin);
    project.ok(&["apply", "--accept-source", "spotify"]);
    project.ok(&["run", "raw.lengths"]);
    let changed = project
        .sql("select rows_changed from system.steps where asset = 'raw.lengths' order by started_at desc limit 1");
    assert_eq!(changed.lines().last(), Some("0"), "{changed}");
}

#[test]
fn a_row_of_a_database_is_left_where_its_key_has_a_newer_one() {
    let server = Postgres::shared();
    server.sql("postgres", "create database replayed");
    server.sql(
        "replayed",
        "create table orders (id int8 primary key, amount numeric not null, at timestamptz not null);
         insert into orders values (1, 1.5, '2024-01-01 00:00:00Z'), (2, 12345.67, '2024-01-02 00:00:00Z'),
             (3, 777.77, '2024-01-03 00:00:00Z')",
    );
    let project = Project::with(&[("segue.yaml", "format: 1\nproject: shop\n")]);
    project.write(
        "connections/shop.yaml",
        &format!(
            "connection: shop\nkind: postgres\nhost: 127.0.0.1\nport: {}\ndatabase: replayed\nuser: {USER}\n",
            server.port()
        ),
    );
    project.write(
        "assets/raw/orders.yaml",
        "asset: raw.orders
copy:
  from: shop
  table: public.orders
  position: { column: at, lag: 1s }
  columns: { id: { type: int64, required: true }, amount: { type: \"decimal(4,2)\" }, at: { type: timestamp } }
write: { mode: merge, key: [id] }
",
    );
    project.ok(&["run"]);
    let amounts = || project.sql("select id, amount from raw.orders order by id");
    assert_eq!(amounts(), "id,amount\n1,1.50\n");
    server.sql(
        "replayed",
        "update orders set amount = 2.5, at = '2024-01-04 00:00:00Z' where id = 2",
    );
    project.ok(&["run"]);
    assert_eq!(amounts(), "id,amount\n1,1.50\n2,2.50\n");
    project.edit("assets/raw/orders.yaml", "decimal(4,2)", "decimal(12,2)");
    let done = said(&project, &["replay", "raw.orders"]);
    let rows = &done["rows"];
    assert_eq!((&rows["replayed"], &rows["newer"]), (&1.into(), &1.into()), "{done}");
    assert_eq!(amounts(), "id,amount\n1,1.50\n2,2.50\n3,777.77\n");
    assert_eq!(aside(&project, "raw.orders"), 1);
    // What is left is discarded by who looked at it.
    let refused = project.segue(&["quarantine", "discard", "raw.orders"]).ended(2);
    assert!(refused.text().contains("--yes"), "{}", refused.text());
    let gone = said(
        &project,
        &["discard", "raw.orders", "--yes", "--why", "the newer one counts"],
    );
    assert_eq!(gone["rows"]["discarded"], 1, "{gone}");
    assert_eq!(aside(&project, "raw.orders"), 0);
    let runs = project.ok(&["--json", "runs"]);
    assert!(
        runs.contains("discard") && runs.contains("the newer one counts"),
        "{runs}"
    );
    let claims = project.contents(&["lake/raw/orders/_segue"]);
    let is_told = |text: &str| text.contains("\"discarded\"") && text.contains("the newer one counts");
    assert!(
        claims.values().any(|bytes| is_told(&String::from_utf8_lossy(bytes))),
        "no record tells of it"
    );
    assert_eq!(amounts(), "id,amount\n1,1.50\n2,2.50\n3,777.77\n");
}

#[test]
fn only_the_rows_that_are_meant_are_discarded() {
    let project = orders();
    let gone = said(&project, &["discard", "raw.orders", "--reason", "line 4", "--yes"]);
    assert_eq!(gone["rows"]["discarded"], 1, "{gone}");
    let left = project.sql("select \"row\" from quarantine.\"raw.orders\"");
    assert!(left.contains("12345.678") && left.lines().count() == 2, "{left}");
    let none = said(
        &project,
        &["discard", "raw.orders", "--where", "\"row\" like '%nothing%'"],
    );
    assert_eq!(none["rows"]["discarded"], 0, "{none}");
    assert_eq!(aside(&project, "raw.orders"), 1);
    let wrong = project
        .segue(&["quarantine", "discard", "raw.orders", "--where", "nme = 1", "--yes"])
        .ended(2);
    assert!(wrong.text().contains("SG0544"), "{}", wrong.text());
    project.segue(&["quarantine", "replay", "raw.order"]).ended(4);
}

#[test]
fn a_check_that_fails_for_the_table_keeps_them_out() {
    let project = orders();
    project.edit("assets/raw/orders.yaml", "decimal(4,2)", "decimal(12,3)");
    project.edit(
        "assets/raw/orders.yaml",
        "write: { mode: append }",
        "write: { mode: append }\nchecks: [ { sql: \"select * from raw.orders where amount > 100\" } ]",
    );
    let failed = project.segue(&["quarantine", "replay", "raw.orders"]).ended(9);
    assert!(failed.text().contains("SG0511"), "{}", failed.text());
    assert_eq!(amounts(&project), "1,1.50,a 4,2.00,");
    // The offender is kept as evidence beside them, and is no row that could be replayed.
    assert_eq!(aside(&project, "raw.orders"), 3);
    let dry = said(
        &project,
        &["replay", "raw.orders", "--dry-run", "--where", "part = 'evidence'"],
    );
    assert_eq!(
        (&dry["rows"]["replayed"], &dry["rows"]["stay"]),
        (&0.into(), &1.into()),
        "{dry}"
    );
}

/// Lines of orders, one of them too large for its column at first, and the prices of things.
fn by_key(write: &str) -> Project {
    let asset = format!(
        "asset: raw.lines
copy:
  from: files
  path: data/lines.csv
  columns: {{ id: {{ type: int64 }}, item: {{ type: string }}, pieces: {{ type: int8 }} }}
write: {write}
"
    );
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\n"),
        ("assets/raw/lines.yaml", &asset),
        (
            "data/lines.csv",
            "id,item,pieces\n1,pen,2\n1,ink,300\n2,pen,5\n3,,400\n",
        ),
    ]);
    project.ok(&["run"]);
    assert_eq!(aside(&project, "raw.lines"), 2);
    project.edit("assets/raw/lines.yaml", "int8", "int32");
    project
}

#[test]
fn a_row_joins_the_rows_that_came_with_it_under_its_key() {
    let project = by_key("{ mode: delete_insert, key: [id] }");
    let done = said(&project, &["replay", "raw.lines"]);
    assert_eq!(done["rows"]["replayed"], 2, "{done}");
    assert_eq!(
        project.sql("select id, item, pieces from raw.lines order by id, pieces"),
        "id,item,pieces\n1,pen,2\n1,ink,300\n2,pen,5\n3,,400\n"
    );
    assert_eq!(aside(&project, "raw.lines"), 0);
}

#[test]
fn a_history_has_a_row_from_its_replay_on() {
    let project = by_key("{ mode: history, key: [id, item] }");
    let done = said(&project, &["replay", "raw.lines"]);
    // One of them has no key by today's definition either.
    assert_eq!(
        (&done["rows"]["replayed"], &done["rows"]["stay"]),
        (&1.into(), &1.into()),
        "{done}"
    );
    let reason = project.sql("select reason from quarantine.\"raw.lines\"");
    assert!(reason.contains("key column `item` is empty"), "{reason}");
    assert_eq!(
        project.sql("select id, item, pieces, current from raw.lines order by id, pieces"),
        "id,item,pieces,current\n1,pen,2,true\n1,ink,300,true\n2,pen,5,true\n"
    );
    let later = project.sql(
        "select count(*) from raw.lines where pieces = 300 and valid_from > (select max(valid_from) from raw.lines where pieces < 300)",
    );
    assert_eq!(later, "count(*)\n1\n");
}

#[test]
fn a_merge_takes_a_row_whose_key_is_free_and_of_two_of_one_key_none() {
    let project = by_key("{ mode: merge, key: [id] }");
    // The key 1 came in that very commit: which of the two is newer, nobody can tell.
    let done = said(&project, &["replay", "raw.lines"]);
    let rows = &done["rows"];
    assert_eq!((&rows["replayed"], &rows["newer"]), (&1.into(), &1.into()), "{done}");
    assert_eq!(
        project.sql("select id, item, pieces from raw.lines order by id"),
        "id,item,pieces\n1,pen,2\n2,pen,5\n3,,400\n"
    );
    assert_eq!(aside(&project, "raw.lines"), 1);
}
