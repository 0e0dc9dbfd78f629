//! `segue run --limit N --into SCHEMA`: a few rows beside the real tables, and nothing else.

use crate::support::{Project, Server};
use segue_demo::Options;
use serde_json::Value;

const PEOPLE: &str = "asset: raw.people
copy: { from: files, path: data/people.csv, columns: { id: { type: int64 }, name: { type: string } } }
";
const LONG: &str = "/* asset: shop.long
   checks: [ { row: \"length(name) > 3\", on_failure: warn }, { row_count: { min: 100 } } ] */
select id, name, length(name) as letters from raw.people
";
const SERVED: &str = "asset: serving.long
copy: { from: lake, table: shop.long }
into: { connection: results, table: long }
";

fn shop() -> Project {
    let people: Vec<String> = (1..=50).map(|n| format!("{n},name{n}")).collect();
    Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\n"),
        (
            "connections/results.yaml",
            "connection: results\nkind: sqlite\npath: results.db\n",
        ),
        ("assets/raw/people.yaml", PEOPLE),
        ("assets/shop/long.sql", LONG),
        ("assets/serving/long.yaml", SERVED),
        ("data/people.csv", &format!("id,name\n{}\n", people.join("\n"))),
    ])
}

fn count(project: &Project, table: &str) -> String {
    let told = project.sql(&format!("select count(*) from {table}"));
    told.lines().last().expect("a count").to_string()
}

#[test]
fn a_try_writes_beside_the_real_tables_and_is_replaced_by_the_next() {
    let project = shop();
    let tried: Value =
        serde_json::from_str(&project.ok(&["--json", "run", "--limit", "7", "--into", "scratch"])).expect("JSON");
    let all = tried["tried"].as_array().expect("a list");
    assert_eq!(all.len(), 3, "{tried}");
    assert_eq!(all[0]["table"], "scratch.raw__people", "{tried}");
    assert_eq!(all[0]["rows"], 7, "{tried}");
    // What reads it was computed from what was tried.
    assert_eq!(all[1]["from_tries"][0], "raw.people", "{tried}");
    assert_eq!(all[1]["rows"], 7, "{tried}");
    // A table of another system is not written, and that is said.
    assert_eq!(all[2]["table"], Value::Null, "{tried}");
    assert!(all[2]["notes"].to_string().contains("not written"), "{tried}");
    assert!(!project.file("results.db").exists());
    assert_eq!(count(&project, "scratch.raw__people"), "7");
    assert_eq!(count(&project, "scratch.shop__long"), "7");
    // Nothing is known of the real ones, and nothing of the project is missing or removed because of it.
    project.segue(&["sql", "select * from raw.people"]).ended(2);
    assert_eq!(project.sql("select count(*) from system.steps"), "count(*)\n0\n");
    let plan: Value = serde_json::from_str(&project.ok(&["--json", "plan"])).expect("JSON");
    assert_eq!(plan["removed"].as_array().map(Vec::len), Some(0), "{plan}");
    assert!(!project.ok(&["status"]).contains("scratch"));
    // The next try takes its place.
    project.ok(&["run", "raw.people", "--limit", "3", "--into", "scratch"]);
    assert_eq!(count(&project, "scratch.raw__people"), "3");
    // The real tables come as if there had been none, and are left alone by later ones.
    project.edit("assets/shop/long.sql", ", { row_count: { min: 100 } }", "");
    project.ok(&["run"]);
    assert_eq!(count(&project, "raw.people"), "50");
    let real = ["lake/raw", "lake/shop", "results.db"];
    project.writes_nothing(&real, &["run", "shop.long", "--limit", "5", "--into", "scratch"], 0);
    assert_eq!(count(&project, "scratch.shop__long"), "3");
    let commits = || project.sql("select count(*) from system.commits where asset = 'raw.people'");
    let before = commits();
    project.ok(&["run", "raw.people", "--limit", "9", "--into", "other"]);
    assert_eq!(commits(), before);
    // It goes like any table that the project does not have.
    project.ok(&["asset", "drop", "scratch.raw__people", "--yes"]);
    project.segue(&["sql", "select * from scratch.raw__people"]).ended(2);
    let log = "lake/scratch/raw__people/_delta_log/00000000000000000000.json";
    assert!(!project.file(log).exists());
}

#[test]
fn a_limit_bounds_the_slices_that_are_asked_for() {
    let standin = Server::start(Options::default());
    let project = Project::music(&standin);
    let done = project
        .segue(&["--json", "run", "+raw.top_tracks", "--limit", "2", "--into", "scratch"])
        .ok();
    let told: Value = serde_json::from_str(&done.out).expect("JSON");
    let rows = |asset: &str| {
        let all = told["tried"].as_array().expect("a list").iter();
        let found = all.clone().find(|t| t["asset"] == asset);
        found.unwrap_or_else(|| panic!("{asset} is not in {told}"))["rows"].clone()
    };
    assert_eq!(rows("raw.artists"), 2);
    assert_eq!(rows("raw.top_tracks"), 2);
    let artists = project.sql("select count(distinct artist_id) from scratch.raw__top_tracks");
    let artists: u64 = artists.lines().last().expect("a count").parse().expect("a number");
    assert!((1..=2).contains(&artists), "{artists}");
}

#[test]
fn half_a_try_and_a_schema_that_is_not_free_are_refused() {
    let project = shop();
    let cases: &[(&[&str], &str)] = &[
        (&["--limit", "5"], "SG0720"),
        (&["--into", "scratch"], "SG0720"),
        (&["--limit", "0", "--into", "scratch"], "SG0720"),
        (&["--limit", "5", "--into", "scratch", "--rebuild"], "SG0720"),
        (&["--limit", "5", "--into", "raw"], "SG0546"),
        (&["--limit", "5", "--into", "quarantine"], "SG0546"),
        (&["--limit", "5", "--into", "Scratch!"], "SG0547"),
    ];
    for (words, code) in cases {
        let refused = project.writes_nothing(&["lake"], &[&["run"], *words].concat(), 2);
        assert!(
            refused.err.contains(code) && refused.err.contains("hint"),
            "{words:?}: {}",
            refused.err
        );
    }
}

#[test]
fn a_try_that_fails_ends_what_reads_it_and_nothing_else() {
    let project = shop();
    project.write("assets/shop/two.sql", "/* asset: shop.two */\nselect 2 as two\n");
    std::fs::remove_file(project.file("data/people.csv")).expect("it is there");
    let done = project.segue(&["run", "--limit", "5", "--into", "scratch"]);
    assert_eq!(done.code, Some(4), "{}", done.text());
    assert!(done.err.contains("raw.people: error"), "{}", done.err);
    assert!(
        done.err.contains("not tried, because raw.people failed"),
        "{}",
        done.err
    );
    assert_eq!(count(&project, "scratch.shop__two"), "1");
}
