//! `--json`: whatever a verb says on standard output, each line is a value.

use crate::support::Project;
use serde_json::Value;
use std::io::{BufRead, BufReader};

/// Each line of the output as a value.
#[track_caller]
fn values(args: &[&str], text: &str) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{args:?}: {e} in `{line}`"));
    text.lines().map(parse).collect()
}

const VISITS: &str = "asset: raw.visits
copy: { from: files, path: data/visits.csv, columns: { at: { type: timestamp } } }
";
const BY_DAY: &str = "/* asset: hello.daily
   range: { by: day, input: raw.visits.at, output: day, start: 2024-01-01 } */
select date_trunc('day', at) as day, count(*) as n from raw.visits where at >= $from and at < $to group by 1
";

#[test]
fn every_verb_says_values() {
    let project = Project::empty();
    let cases: &[(&[&str], i32)] = &[
        (&["init", "."], 0),
        (&["check"], 0),
        (&["test"], 0),
        (&["explain", "SG0104"], 0),
        (&["schema"], 0),
        (&["schema", "--into", "schemas"], 0),
        (&["preview", "raw.people"], 0),
        (&["record", "raw.people", "--into", "record"], 0),
        (&["plan", "--save", "plan.json"], 0),
        (&["apply", "plan.json"], 0),
        (&["apply"], 2),
        (&["apply", "--yes"], 0),
        (&["run"], 0),
        (&["run", "--again"], 0),
        (&["status"], 0),
        (&["why", "hello.greetings"], 0),
        (&["runs"], 0),
        (&["logs"], 0),
        (&["sql", "select * from hello.greetings"], 0),
        (&["resolve", "raw.people", "Ada"], 2),
        (&["lake", "history", "raw.people"], 0),
        (&["lake", "compact"], 0),
        (&["lake", "vacuum", "--dry-run"], 0),
        (&["lake", "vacuum"], 0),
        (&["quarantine", "list"], 0),
        (&["quarantine", "show", "raw.people"], 0),
        (&["quarantine", "replay", "raw.people", "--dry-run"], 0),
        (&["quarantine", "replay", "raw.people"], 0),
        (&["quarantine", "discard", "raw.people"], 2),
        (
            &["quarantine", "discard", "raw.people", "--why", "never needed", "--yes"],
            0,
        ),
        (&["run", "raw.people", "--limit", "2", "--into", "scratch"], 0),
        (&["run", "--limit", "2"], 2),
        (&["state", "backup", "copy.db"], 0),
        (&["state", "rebuild"], 0),
        (&["asset", "drop", "hello.greetings", "--table-only"], 2),
        (&["resume"], 4),
        (&["connection", "test", "nosuch"], 4),
        (&["demo", "--once", "--dir", "demo"], 0),
    ];
    for (args, code) in cases {
        let args = &[&["--json"], *args].concat();
        let done = project.segue(args);
        assert_eq!(done.code, Some(*code), "{args:?}: {}", done.text());
        let said = values(args, &done.out);
        if *code == 0 || args.contains(&"apply") {
            assert!(!said.is_empty(), "{args:?} says nothing");
        } else {
            let errors = values(args, &done.err);
            let tells = errors.iter().any(|e| e["error"]["message"].is_string());
            assert!(tells, "{args:?}: {}", done.err);
        }
    }
    project.write("data/visits.csv", "at\n2024-01-01T10:00:00Z\n2024-01-02T10:00:00Z\n");
    project.write("assets/raw/visits.yaml", VISITS);
    project.write("assets/hello/daily.sql", BY_DAY);
    project.ok(&["run", "raw.visits"]);
    let asked = [
        "--json",
        "backfill",
        "hello.daily",
        "--from",
        "2024-01-01",
        "--to",
        "2024-01-03",
    ];
    let dry = [&asked[..], &["--dry-run"]].concat();
    let parts = values(&dry, &project.ok(&dry)).remove(0);
    assert_eq!(parts[0]["range"]["from"], "2024-01-01T00:00:00Z", "{parts}");
    values(&asked, &project.ok(&asked));
    let why = ["--json", "why", "hello.daily"];
    let why = values(&why, &project.ok(&why)).remove(0);
    assert!(why.to_string().contains("2024-01-01T00:00:00Z"), "{why}");
}

#[test]
fn mistakes_have_lines_and_never_mix_with_what_a_verb_says() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.ok(&["run"]);
    project.write(
        "assets/new.sql",
        "/* asset: hello.new */\nselect 'é' as e, nme from raw.people\n",
    );
    let checked = project.segue(&["--json", "check"]).ended(2);
    let mistakes = values(&["check"], &checked.out).remove(0);
    let span = &mistakes[0]["span"];
    let place = [&span["line"], &span["column"], &span["end_column"]];
    assert_eq!(place, [2, 18, 21], "{span}");
    let refused = project.segue(&["--json", "run"]).ended(2);
    assert_eq!(refused.out, "");
    let said = values(&["run"], &refused.err);
    assert!(
        said[0]["mistakes"][0]["span"]["line"] == 2 && said[1]["error"]["code"] == "SG0704",
        "{}",
        refused.err
    );
    let asked = project.segue(&["--json", "sql", "select 1 as x"]).ok();
    assert_eq!(values(&["sql"], &asked.out)[0]["x"], 1);
    assert_eq!(values(&["sql"], &asked.err)[0]["warning"]["code"], "SG0704");
}

#[test]
fn the_stand_in_says_where_it_is() {
    let project = Project::empty();
    let mut server = project.start(&["--json", "demo-server"]);
    let mut line = String::new();
    let mut shown = BufReader::new(server.stdout.take().expect("it is piped"));
    shown.read_line(&mut line).expect("it says something");
    server.kill().expect("it runs until it is ended");
    server.wait().expect("it ends");
    let value: Value = serde_json::from_str(&line).expect("a value");
    let address = value["address"].as_str().unwrap_or_default();
    assert!(address.starts_with("http://127.0.0.1:"), "{line}");
}

#[test]
fn a_reader_that_went_away_changes_no_exit_code() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.write(
        "assets/hello/wrong.sql",
        "/* asset: hello.wrong */\nselect 1 / (length(name) - length(name)) as x from raw.people\n",
    );
    for (args, code) in [(&["run"][..], 7), (&["status"], 0), (&["check"], 0)] {
        let mut child = project.start(args);
        drop(child.stdout.take());
        let ended = child.wait().expect("it ends");
        assert_eq!(ended.code(), Some(code), "{args:?}");
    }
}
