//! A small house of every kind of asset: each verb, as a person uses it and as a program reads it.

mod aside;
mod asked;
mod dropped;
mod restored;
mod state;

use crate::support::{Done, Project, Server};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use segue_demo::Options;
use serde_json::Value;

/// The day so many days ago, in UTC.
pub fn day(ago: i64) -> String {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    today.checked_sub(ago.days()).expect("a day of this era").to_string()
}

/// Sales of the last three days, one line of which is not what it should be.
fn sales() -> String {
    format!(
        "id,at,city,amount\n1,{}T10:00:00Z,Seoul,10\n2,{}T10:00:00Z,Busan,20\n3,{}T10:00:00Z,Seoul,30\n4,{}T11:00:00Z,Seoul,a lot\n",
        day(3),
        day(2),
        day(1),
        day(1)
    )
}

/// Merged, appended and inferred, ranged and replaced, ranged and appended, replaced as a whole, and written into a database.
fn house() -> Project {
    let start = day(3);
    let ranges = format!("range: {{ by: day, input: raw.sales.at, output: OUTPUT, start: {start} }}");
    Project::with(&[
        (
            "segue.yaml",
            "format: 1\nproject: house\nenvironments:\n  dev: { lake: ./lake, state: .segue/state.db }\n  prod: { lake: ./prod/lake, state: prod/state.db, apply: breaking }\n",
        ),
        ("data/sales.csv", &sales()),
        ("data/visits.csv", "code,visitor\n007x,Ada\n12,Minsu\n"),
        (
            "connections/shop.yaml",
            "connection: shop\nkind: sqlite\npath: shop.db\n",
        ),
        (
            "assets/raw/sales.yaml",
            "asset: raw.sales\nfresh: 7d\ncopy:\n  from: files\n  path: data/sales.csv\n  columns:\n    id: { type: int64, required: true }\n    at: { type: timestamp, required: true }\n    city: { type: string }\n    amount: { type: int64 }\nwrite: { mode: merge, key: [id] }\n",
        ),
        (
            "assets/raw/visits.yaml",
            "asset: raw.visits\nfresh: 7d\ncopy: { from: files, path: data/visits.csv }\nwrite: { mode: append }\n",
        ),
        (
            "assets/sales/daily.sql",
            &format!(
                "/* asset: sales.daily\n   {} */\nselect date_trunc('day', at) as day, city, sum(amount) as total\nfrom raw.sales where at >= $from and at < $to group by 1, 2 -- one row a city\n",
                ranges.replace("OUTPUT", "day")
            ),
        ),
        (
            "assets/sales/book.sql",
            &format!(
                "/* asset: sales.book\n   {}\n   write: {{ mode: append }} */\nselect id, at from raw.sales where at >= $from and at < $to\n",
                ranges.replace("OUTPUT", "at")
            ),
        ),
        (
            "assets/sales/cities.sql",
            "/* asset: sales.cities\n   params: { least: { type: int64, default: 0 } }\n   write: { mode: replace, key: [city] } */\nselect city, count(*) as n from raw.sales where amount >= $least group by city\n",
        ),
        (
            "assets/shop/cities.yaml",
            "asset: shop.cities\ncopy: { from: lake, table: sales.cities }\ninto: { connection: shop, table: cities }\nwrite: { mode: merge, key: [city] }\n",
        ),
    ])
}

/// A house in which everything ran once.
fn furnished() -> Project {
    let project = house();
    project.ok(&["run"]);
    project
}

/// What a command says to a program: a JSON value a line.
#[track_caller]
fn values(done: &Done) -> Vec<Value> {
    let value = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    done.out.lines().map(value).collect()
}

/// The only value that a command that ends well says to a program.
#[track_caller]
fn value(project: &Project, args: &[&str]) -> Value {
    let done = project.segue(&[&["--json"], args].concat()).ok();
    values(&done).pop().expect("a value")
}

/// The code of the error that a command ends with.
#[track_caller]
fn refused(project: &Project, args: &[&str]) -> String {
    let done = project.segue(&[&["--json"], args].concat());
    assert_ne!(done.code, Some(0), "{}", done.text());
    let error: Value = serde_json::from_str(done.err.trim()).unwrap_or_else(|e| panic!("{e}: {}", done.text()));
    error["error"]["code"].as_str().unwrap_or_default().to_string()
}

/// The state of an asset, as `segue status` has it.
#[track_caller]
fn stands(project: &Project, asset: &str) -> String {
    value(project, &["status", asset])[0]["state"]
        .as_str()
        .unwrap_or_default()
        .to_string()
}

/// The answer's lines after the header, joined.
#[track_caller]
fn rows(project: &Project, statement: &str) -> String {
    project.sql(statement).lines().skip(1).collect::<Vec<_>>().join(" | ")
}

#[test]
fn a_plan_is_applied_as_long_as_it_holds() {
    let project = house();
    project.ok(&["plan", "sales.cities", "raw.sales", "--save", "plan.json"]);
    assert!(project.ok(&["apply", "plan.json"]).contains("2 done"));
    assert_eq!(
        rows(&project, "select * from sales.cities order by city"),
        "Busan,1 | Seoul,2"
    );
    // What was to be done is done.
    assert_eq!(refused(&project, &["apply", "plan.json"]), "SG0525");
    // A plan takes the place of an older one, and of nothing else.
    project.ok(&["plan", "--save", "plan.json"]);
    project.write("notes.txt", "mine");
    project.segue(&["plan", "--save", "notes.txt"]).ended(5);
    assert_eq!(project.read("notes.txt"), "mine");
    // The definition is another than the one that was agreed to.
    project.edit("assets/sales/cities.sql", "count(*) as n", "count(*) as n, 1 as one");
    let planned = project
        .segue(&["plan", "sales.cities", "--save", "plan.json", "--exit-code"])
        .ended(10);
    assert!(planned.out.contains("sales.cities [recompute]"), "{}", planned.out);
    project.edit("assets/sales/cities.sql", "1 as one", "2 as one");
    assert_eq!(refused(&project, &["apply", "plan.json"]), "SG0525");
    // One environment's plan is not another's.
    project.ok(&["plan", "sales.cities", "--save", "plan.json"]);
    assert_eq!(refused(&project, &["--env", "prod", "apply", "plan.json"]), "SG0525");
    project.ok(&["apply", "plan.json"]);
    project.segue(&["plan", "sales.cities", "--exit-code"]).ok();
}

#[test]
fn what_breaks_is_agreed_to_first_where_the_environment_says_so() {
    let project = house();
    project.ok(&["--env", "prod", "run", "raw.sales", "sales.cities"]);
    project.edit("assets/sales/cities.sql", "key: [city]", "key: [city, n]");
    assert_eq!(refused(&project, &["--env", "prod", "run", "sales.cities"]), "SG0526");
    let plan = value(
        &project,
        &["--env", "prod", "plan", "sales.cities", "--save", "plan.json"],
    );
    assert_eq!(plan["assets"][0]["class"], "breaking");
    project.ok(&["--env", "prod", "apply", "plan.json"]);
    project.ok(&["--env", "prod", "run", "sales.cities"]);
}

#[test]
fn a_backfill_says_and_does_a_span() {
    let project = house();
    let (from, to) = (day(5), day(2));
    let first = ["backfill", "+sales.daily", "--from", &from, "--to", &to, "--dry-run"];
    let parts = value(&project, &first);
    let last = parts.as_array().and_then(|parts| parts.last()).expect("a part");
    assert_eq!(last["why"], "after raw.sales", "{parts}");
    assert_eq!(last["refused"], serde_json::Value::Null, "{parts}");
    project.ok(&["run", "raw.sales"]);
    let span = ["backfill", "sales.daily", "--from", &from, "--to", &to];
    let parts = value(&project, &[&span[..], &["--dry-run"]].concat());
    assert_eq!(parts.as_array().map(Vec::len), Some(3), "{parts}");
    assert!(
        parts.as_array().into_iter().flatten().all(|p| p["why"] == "missing"),
        "{parts}"
    );
    project.ok(&span);
    assert_eq!(rows(&project, "select city, total from sales.daily"), "Seoul,10");
    let left = value(&project, &[&span[..], &["--dry-run"]].concat());
    assert_eq!(left, serde_json::json!([]));
    // What is left is what is due.
    project.ok(&["run", "sales.daily"]);
    assert_eq!(
        rows(&project, "select city, total from sales.daily order by day"),
        "Seoul,10 | Busan,20 | Seoul,30"
    );
    // A late row reopens its own day.
    project.edit("data/sales.csv", "2,", &format!("5,{}T12:00:00Z,Seoul,5\n2,", day(2)));
    project.ok(&["run", "raw.sales", "--again"]);
    let why = value(&project, &["why", "sales.daily"]);
    let stale = why["parts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|p| p["words"] != "fresh");
    assert_eq!(stale.count(), 1, "{why}");
}

#[test]
fn a_run_is_resumed_with_what_it_began_with() {
    let project = house();
    let visits = project.read("data/visits.csv");
    std::fs::remove_file(project.file("data/visits.csv")).expect("it is there");
    project.edit(
        "assets/sales/cities.sql",
        "write:",
        "checks: [ { row_count: { min: 3 } } ]\n   write:",
    );
    assert_ne!(project.segue(&["run", "raw.*", "sales.cities"]).code, Some(0));
    // Another run, of another asset, that came to its end.
    project.ok(&["run", "sales.daily"]);
    project.write("data/visits.csv", &visits);
    project.edit("assets/sales/cities.sql", "min: 3", "min: 1");
    let resumed = project.segue(&["resume"]);
    assert_ne!(resumed.code, Some(0), "the check that the run began with still holds");
    assert_eq!(rows(&project, "select count(*) from raw.visits"), "2");
    let read = "select count(*) from system.steps where asset = 'raw.sales' and rows_in > 0";
    assert_eq!(rows(&project, read), "1", "what it had done was not done again");
    // Its data would be another now.
    project.edit("assets/sales/cities.sql", "count(*) as n", "count(*) as many");
    let refused = project.segue(&["resume"]).ended(5);
    assert!(
        refused.err.contains("is defined otherwise than when the run began"),
        "{}",
        refused.text()
    );
    project.ok(&["run", "raw.*", "sales.cities"]);
    let nothing = project.segue(&["resume"]).ended(4);
    assert!(nothing.err.contains("no run waits"), "{}", nothing.text());
    let kinds = rows(&project, "select kind from system.runs order by started_at");
    assert_eq!(kinds, "run | run | resume | resume | run");
}

#[test]
fn how_assets_stand() {
    let project = house();
    for asset in ["raw.sales", "sales.cities", "shop.cities"] {
        assert_eq!(stands(&project, asset), "missing", "{asset}");
    }
    project.ok(&["run", "raw.sales"]);
    assert_eq!(stands(&project, "raw.sales"), "fresh");
    project.edit(
        "assets/sales/cities.sql",
        "write:",
        "checks: [ { row_count: { min: 9 } } ]\n   write:",
    );
    assert_ne!(project.segue(&["run", "sales.cities", "shop.cities"]).code, Some(0));
    let status = value(&project, &["status", "sales.cities"]);
    assert_eq!(status[0]["state"], "failed", "{status}");
    let why = status[0]["failed"]["why"].as_str().unwrap_or_default();
    assert!(why.contains("sales.cities") && why.chars().count() <= 101, "{why}");
    assert_eq!(
        stands(&project, "shop.cities"),
        "missing",
        "it was skipped, and never had anything"
    );
    let shown = project.ok(&["status"]);
    assert!(shown.contains(&format!("ago: {why}")), "{shown}");
    let shown = project.ok(&["why", "sales.cities"]);
    assert!(shown.contains("failed ") && shown.contains("(segue logs "), "{shown}");
    project.edit("assets/sales/cities.sql", "min: 9", "min: 1");
    project.ok(&["run", "sales.cities"]);
    assert_eq!(stands(&project, "sales.cities"), "fresh");
}

#[test]
fn what_ran_and_what_it_said() {
    let project = furnished();
    let runs = value(&project, &["runs"]);
    assert_eq!(
        (&runs[0]["kind"], &runs[0]["outcome"]),
        (&"run".into(), &"done".into()),
        "{runs}"
    );
    let id = runs[0]["id"].as_str().expect("an id").to_string();
    let logs = value(&project, &["logs", &id, "--asset", "raw.sales"]);
    assert_eq!(logs["steps"].as_array().map(Vec::len), Some(1), "{logs}");
    assert_eq!(logs["steps"][0]["end"]["rows_quarantined"], 1, "{logs}");
    assert!(project.ok(&["logs"]).starts_with(&format!("run {id}\n")));
    project
        .segue(&["logs", "00000000-0000-0000-0000-000000000000"])
        .ended(4);
}

#[test]
fn what_is_set_aside_and_what_would_be_read() {
    let project = house();
    let previewed = project
        .segue(&["--json", "preview", "sales.daily", "--limit", "5"])
        .ok();
    let total: Vec<i64> = values(&previewed)
        .iter()
        .filter_map(|row| row["total"].as_i64())
        .collect();
    assert_eq!(total, [30], "the newest day that is due, and its parent too");
    let all = project.segue(&["--json", "preview", "sales.cities"]).ok();
    assert_eq!(values(&all).len(), 2);
    let some = project
        .segue(&["--json", "preview", "sales.cities", "--param", "least=20"])
        .ok();
    assert!(values(&some).iter().all(|row| row["n"] == 1), "{}", some.out);
    assert_eq!(
        values(&project.segue(&["--json", "preview", "raw.visits", "--limit", "1"]).ok()).len(),
        1
    );
    assert_eq!(stands(&project, "raw.sales"), "missing", "nothing was written");

    assert!(
        project
            .ok(&["quarantine", "list"])
            .contains("nothing was ever set aside")
    );
    project.ok(&["run", "raw.sales"]);
    let list = project.segue(&["--json", "quarantine", "list"]).ok();
    assert_eq!(values(&list)[0]["asset"], "raw.sales", "{}", list.out);
    let show = project.segue(&["--json", "quarantine", "show", "raw.sales"]).ok();
    assert!(
        values(&show)[0]["reason"].as_str().is_some_and(|r| r.contains("a lot")),
        "{}",
        show.out
    );
    project.segue(&["quarantine", "show", "sales.daily"]).ended(4);
}

#[test]
fn an_asset_is_dropped_with_all_that_is_its() {
    let project = furnished();
    let kept = project.segue(&["asset", "drop", "raw.sales", "--yes"]).ended(5);
    assert!(kept.err.contains("still in the project"), "{}", kept.text());
    for file in [
        "assets/raw/visits.yaml",
        "assets/shop/cities.yaml",
        "connections/shop.yaml",
    ] {
        std::fs::remove_file(project.file(file)).expect("it is there");
    }
    project.segue(&["asset", "drop", "raw.visits"]).ended(2);
    project.ok(&["asset", "drop", "raw.visits", "--yes"]);
    project.segue(&["sql", "select * from raw.visits"]).ended(2);
    project.segue(&["lake", "history", "raw.visits"]).ended(4);
    // The connection left the project too: its table stays where it is, and nobody here knows of it any more.
    let dropped = value(&project, &["asset", "drop", "shop.cities", "--yes"]);
    assert_eq!(dropped["left"], "shop", "{dropped}");
    assert_eq!(
        rows(
            &project,
            "select count(*) from system.ledger where asset = 'shop.cities'"
        ),
        "0"
    );
    project.segue(&["asset", "drop", "raw.nobody", "--yes"]).ended(4);
    assert!(!project.ok(&["plan"]).contains("raw.visits"));
}

#[test]
fn the_lake_is_kept_in_order() {
    let project = house();
    project.ok(&["run", "raw.visits"]);
    for _ in 0..2 {
        project.ok(&["run", "raw.visits", "--again"]);
    }
    let history = value(&project, &["lake", "history", "raw.visits"]);
    let numbers: Vec<i64> = history
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|e| e["n"].as_i64())
        .collect();
    assert_eq!(numbers, [3, 2, 1], "{history}");
    // Whoever asks has the few joined that a run leaves alone; a selector means what it means elsewhere.
    let compacted = value(&project, &["lake", "compact", "raw.vis*"]);
    assert_eq!(compacted["asset"], "raw.visits", "{compacted}");
    assert_eq!(compacted["compacted"]["files_removed"], 3, "{compacted}");
    project.segue(&["lake", "compact", "raw.nobody"]).ended(4);
    project.segue(&["lake", "compact", "sales.daily"]).ended(4);
    assert_eq!(rows(&project, "select count(*) from raw.visits"), "6");
    project.ok(&["run", "raw.visits", "--rebuild"]);
    let would = project
        .segue(&["--json", "lake", "vacuum", "raw.visits", "--keep", "0s", "--dry-run"])
        .ok();
    let files = |done: &Done| -> usize {
        let all = values(done);
        all.iter()
            .filter_map(|v| v["vacuumed"]["files"].as_array().map(Vec::len))
            .sum()
    };
    assert!(files(&would) > 0, "{}", would.out);
    let gone = project
        .segue(&["--json", "lake", "vacuum", "raw.visits", "--keep", "0s"])
        .ok();
    assert_eq!(files(&gone), files(&would), "{}", gone.out);
    assert_eq!(rows(&project, "select count(*) from raw.visits"), "2");
    project.segue(&["lake", "history", "shop.cities"]).ended(4);
    // One that left the project is meant by its name, and by what its name is like.
    std::fs::remove_file(project.file("assets/raw/visits.yaml")).expect("it is there");
    for words in ["raw.visits", "*.visits"] {
        let kept = value(&project, &["lake", "compact", words]);
        assert_eq!(kept["asset"], "raw.visits", "{kept}");
    }
}

#[test]
fn what_a_dead_step_left_staged_is_removed() {
    let project = furnished();
    let staged = ".segue/staged/sqlite";
    let folders = project.read_dir(staged);
    let folder = folders
        .iter()
        .find(|name| name.len() == 36)
        .expect("the asset's folder");
    let left = format!("{staged}/{folder}/left.arrow");
    project.write(&left, "rows");
    project.ok(&["run", "shop.cities"]);
    assert!(!project.file(&left).exists());
}

#[test]
fn a_secret_of_a_request_is_written_nowhere() {
    let standin = Server::start(Options::default());
    let mut project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: secrets\n"),
        (".env", "APP_KEY=hunter2hunter2\n"),
        (
            "connections/api.yaml",
            "connection: api\nkind: rest\nbase_url: ${env:API_URL}\n",
        ),
        (
            "assets/raw/things.yaml",
            "asset: raw.things\ncopy:\n  from: api\n  request: { get: /no/such/things, query: { app_key: \"${secret:APP_KEY}\" } }\n  records: $[*]\n  columns: { id: { type: string } }\n",
        ),
    ]);
    project.set("API_URL", &standin.api_url);
    let run = project.segue(&["--json", "run"]);
    assert_ne!(run.code, Some(0), "{}", run.text());
    let shown = [run.text(), project.ok(&["--json", "logs"]), project.ok(&["status"])];
    assert!(shown.iter().all(|text| !text.contains("hunter2")), "{shown:?}");
    project.ok(&["state", "backup", "copy.db"]);
    let state = std::fs::read(project.file("copy.db")).expect("the copy is there");
    assert!(!state.windows(7).any(|bytes| bytes == b"hunter2"));
}

#[test]
fn every_verb_speaks_to_programs() {
    let project = furnished();
    let (from, to) = (day(3), day(1));
    let verbs: &[&[&str]] = &[
        &["init", "another"],
        &["check"],
        &["explain", "SG0501"],
        &["schema"],
        &["connection", "test", "shop"],
        &["preview", "sales.cities"],
        &["plan", "--save", "plan.json"],
        &["apply", "plan.json"],
        &["apply", "--accept-source", "files"],
        &["run", "raw.sales"],
        &["backfill", "sales.daily", "--from", &from, "--to", &to],
        &["backfill", "sales.daily", "--from", &from, "--to", &to, "--dry-run"],
        &["resume"],
        &["status"],
        &["why", "sales.daily"],
        &["runs"],
        &["logs"],
        &["sql", "select 1 as one"],
        &["lake", "history", "raw.sales"],
        &["lake", "compact"],
        &["lake", "vacuum"],
        &["quarantine", "list"],
        &["quarantine", "show", "raw.sales"],
        &["state", "backup", "copy.db"],
        &["state", "rebuild"],
        &["asset", "drop", "raw.sales", "--yes"],
    ];
    for verb in verbs {
        let done = project.segue(&[&["--json"], *verb].concat());
        let said = values(&done);
        match done.code {
            Some(0) => assert!(!said.is_empty() || verb[0] == "sql", "{verb:?} says nothing"),
            _ => {
                let error: Result<Value, _> = serde_json::from_str(done.err.trim());
                let is_error = error.is_ok_and(|e| e["error"]["message"].is_string());
                assert!(is_error, "{verb:?}: {}", done.text());
            }
        }
    }
}
