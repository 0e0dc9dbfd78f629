//! From a web API straight into a database: no table of the lake between, each row once, whatever happens on the way.

use crate::support::{Project, Server};
use rusqlite::Connection;
use segue_demo::Options;
use segue_testkit::postgres::{Postgres, USER};

/// The tracks of each artist, for a database.
const TRACKS: &str = r#"asset: serving.tracks_MODE
fresh: 1d
copy:
  from: spotify
  for_each: { sql: "select distinct id from raw.artists" }
  request: { get: "/artists/{{ each.id }}/top-tracks", query: { market: US } }
  records: $.tracks[*]
  columns:
    artist_id:   { value: "{{ each.id }}", type: string, required: true }
    id:          { type: string, required: true }
    name:        { type: string, required: true }
    popularity:  { type: int32, required: true }
    album:       { path: $.album.name, type: string }
    duration_ms: { type: int64 }
    explicit:    { type: bool }
  slice: [artist_id]
into: { connection: results, table: tracks_MODE }
write: { mode: MODE, key: [artist_id, id] }
"#;

const MODES: [&str; 2] = ["merge", "append"];

/// The first artists of the catalogue, and their tracks into this database.
fn project(standin: &Server, results: &str) -> Project {
    let project = Project::music(standin);
    project.write("connections/results.yaml", results);
    for path in ["artists.yaml", "related_artists.yaml"] {
        std::fs::remove_file(project.file(&format!("assets/serving/{path}"))).expect("it is there");
    }
    for mode in MODES {
        let asset = TRACKS.replace("MODE", mode);
        project.write(&format!("assets/serving/tracks_{mode}.yaml"), &asset);
    }
    let names = project.read("data/artists.csv");
    project.write("data/all.csv", &names);
    ask_for(&project, 6);
    project
}

/// Asks for so many artists from now on.
fn ask_for(project: &Project, names: usize) {
    let all = project.read("data/all.csv");
    let some: Vec<&str> = all.lines().take(names + 1).collect();
    project.write("data/artists.csv", &(some.join("\n") + "\n"));
    project.ok(&["run", "+raw.artists"]);
}

/// A row as one text, the same in each of the three.
fn row(flag: &str) -> String {
    let columns = ["artist_id", "id", "name", "popularity", "album", "duration_ms"];
    let texts = columns.map(|column| format!("coalesce(cast({column} as varchar(9999)), '~')"));
    format!("{} || '|' || {flag}", texts.join(" || '|' || "))
}

const FLAG: &str = "case when explicit then 'yes' when not explicit then 'no' else '~' end";

/// What the lake has of the same answers.
fn in_the_lake(project: &Project) -> Vec<String> {
    project.ok(&["run", "raw.top_tracks"]);
    let question = format!(
        "select {} as line from raw.top_tracks",
        row(FLAG).replace("varchar(9999)", "varchar")
    );
    let told = project.ok(&["sql", "--format", "json-lines", &question]);
    let lines = told.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        line["line"].as_str().expect("a text").to_string()
    });
    sorted(lines.collect())
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

fn in_postgres(server: &Postgres, database: &str, mode: &str) -> Vec<String> {
    let told = server.sql(database, &format!("select {} from tracks_{mode}", row(FLAG)));
    sorted(told.lines().map(str::to_string).collect())
}

fn in_sqlite(project: &Project, mode: &str) -> Vec<String> {
    let db = Connection::open(project.file("out.db")).expect("the database is there");
    let mut asked = db
        .prepare(&format!("select {} from tracks_{mode}", row(FLAG)))
        .expect("the table is there");
    let rows = asked.query_map([], |r| r.get(0)).expect("rows");
    sorted(rows.map(|row| row.expect("a text")).collect())
}

#[test]
fn an_api_is_copied_into_databases_as_into_the_lake() {
    let (server, standin) = (Postgres::shared(), Server::start(Options::default()));
    server.sql("postgres", "create database from_api");
    let postgres = format!(
        "connection: results\nkind: postgres\nhost: 127.0.0.1\nport: {}\ndatabase: from_api\nuser: {USER}\n",
        server.port()
    );
    let to_postgres = project(&standin, &postgres);
    let to_sqlite = project(&standin, "connection: results\nkind: sqlite\npath: ./out.db\n");
    for project in [&to_postgres, &to_sqlite] {
        project.ok(&["check"]);
        project.ok(&["run", "serving.*"]);
        assert!(!project.file("lake/serving").exists(), "the lake has nothing of it");
    }
    let lake = in_the_lake(&to_postgres);
    assert!(lake.len() > 30, "{}", lake.len());
    let is_there = |lake: &Vec<String>| {
        for mode in MODES {
            assert_eq!(in_postgres(&server, "from_api", mode), *lake, "{mode}");
            assert_eq!(in_sqlite(&to_sqlite, mode), *lake, "{mode}");
        }
    };
    is_there(&lake);
    // What is fresh is not asked for again, and nothing is committed.
    let commits = || server.sql("from_api", "select count(*) from _segue_commits");
    let before = (standin.standin().stats().total, commits());
    to_postgres.ok(&["run", "serving.*"]);
    to_sqlite.ok(&["run", "serving.*"]);
    assert_eq!((standin.standin().stats().total, commits()), before);
    // Of what is new, that alone.
    for project in [&to_postgres, &to_sqlite] {
        ask_for(project, 8);
        let asked = standin.standin().stats().requests;
        project.ok(&["run", "serving.*"]);
        let now = standin.standin().stats().requests;
        let tracks: u64 = now
            .iter()
            .filter(|(class, _)| class.contains("top"))
            .map(|(_, n)| n)
            .sum();
        let before: u64 = asked
            .iter()
            .filter(|(class, _)| class.contains("top"))
            .map(|(_, n)| n)
            .sum();
        assert_eq!(tracks - before, 4, "two artists, for two tables: {now:?}");
    }
    let more = in_the_lake(&to_postgres);
    assert!(more.len() > lake.len());
    is_there(&more);
}

/// Killed at each boundary of a commit to the database; the next run makes it whole, and nothing is there twice.
#[test]
fn an_api_that_is_copied_into_postgres_survives_a_kill() {
    let (server, standin) = (Postgres::shared(), Server::start(Options::default()));
    server.sql("postgres", "create database api_killed");
    let postgres = format!(
        "connection: results\nkind: postgres\nhost: 127.0.0.1\nport: {}\ndatabase: api_killed\nuser: {USER}\n",
        server.port()
    );
    let project = project(&standin, &postgres);
    project.ok(&["run", "serving.*"]);
    let boundaries = [
        "sql.staged",
        "commit.prepared",
        "commit.sql",
        "commit.marked",
        "step.ended",
    ];
    for (at, boundary) in boundaries.into_iter().enumerate() {
        ask_for(&project, 7 + at);
        for mode in MODES {
            let mut command = project.command(&["run", &format!("serving.tracks_{mode}")]);
            let killed = command.env("SEGUE_FAULT", format!("{boundary}:1:kill")).output();
            let status = killed.expect("it starts").status;
            assert!(!status.success(), "{boundary} was not met");
        }
        project.ok(&["run", "serving.*"]);
        let lake = in_the_lake(&project);
        for mode in MODES {
            assert_eq!(
                in_postgres(&server, "api_killed", mode),
                lake,
                "{mode}, killed at {boundary}"
            );
        }
        let left = server.sql("api_killed", r"select count(*) from pg_class where relkind = 'r' and relname like '\_segue\_%' and relname not in ('_segue_heads', '_segue_commits')");
        assert_eq!(left, "0", "what was staged is gone");
    }
}
