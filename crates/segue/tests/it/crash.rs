//! A process that dies: kill -9 and freezing at every named durable boundary, and at random moments, with transient faults on.
//! Whatever happened, the next run finishes it, and every table is as after a calm run.

use crate::support::{Project, Server};
use segue_core::fault::Boundary;
use segue_demo::{Fault, FaultKind, Options};
use std::collections::BTreeMap;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// Boundaries that a run of this project under transient faults does not reach, and what is known of each. `docs/PLAN.md` owes their kills.
const ELSEWHERE: &[(Boundary, &str)] = &[
    (
        Boundary::Blocked,
        "only a Retry-After past max_wait is written as a block: limits.rs",
    ),
    (Boundary::Parked, "only what a block holds up is parked: limits.rs"),
    (
        Boundary::GivenUp,
        "only a commit that cannot be finished is given up: the simulation of segue-work",
    ),
    (
        Boundary::Compacted,
        "only `segue lake compact` compacts: the tests of segue-lake",
    ),
];

/// How many names of the catalogue the project asks for: enough for every kind of commit, few enough to run it often.
const NAMES: usize = 24;

fn times(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(default)
}

fn troubled() -> Options {
    let faults = FaultKind::TRANSIENT
        .into_iter()
        .map(|kind| Fault::of(kind).chance(0.02).seconds(1))
        .collect();
    Options {
        faults,
        ..Options::default()
    }
}

fn small(standin: &Server) -> Project {
    let project = Project::music(standin);
    let names: Vec<String> = project
        .read("data/artists.csv")
        .lines()
        .take(NAMES + 1)
        .map(String::from)
        .collect();
    // One more, so that there is something to set aside.
    project.write("data/artists.csv", &(names.join("\n") + "\nA Name That Nobody Has\n"));
    project
}

/// The content of every table, without the columns that say when or by which attempt: those alone may differ between two ways to the same end.
fn content(project: &Project) -> BTreeMap<&'static str, String> {
    const TABLES: &[(&str, &str)] = &[
        ("raw.artist_names", "*"),
        ("raw.artists", "*"),
        ("raw.artist_genres", "*"),
        ("raw.top_tracks", "*"),
        ("raw.audio_features", "*"),
        ("music.artist_profiles", "*"),
        ("music.related_artists", "*"),
        ("quarantine.\"raw.artists\"", "reason, row"),
    ];
    let mut all = BTreeMap::new();
    for (table, columns) in TABLES {
        let text = project.sql(&format!("select {columns} from {table}"));
        let mut rows: Vec<&str> = text.lines().skip(1).collect();
        rows.sort();
        all.insert(*table, rows.join("\n"));
    }
    let results = rusqlite::Connection::open(project.file("results.db")).expect("the database is there");
    for table in ["related_artists", "artists"] {
        let mut statement = results
            .prepare(&format!("select * from {table} order by 1, 2, 3"))
            .expect("the table is there");
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            Ok((0..columns)
                .map(|i| format!("{:?}", row.get_ref(i).expect("a value")))
                .collect::<Vec<_>>()
                .join("|"))
        });
        let rows: Vec<String> = rows.expect("rows").map(|r| r.expect("a row")).collect();
        all.insert(table, rows.join("\n"));
    }
    all
}

/// Runs until nothing is left to do, at most so often.
fn finish(project: &Project, after: &str) {
    for _ in 0..4 {
        let done = project.segue(&["run"]);
        if done.code == Some(0) {
            let prepared = project.sql("select count(*) from system.commits where state = 'prepared'");
            assert_eq!(
                prepared.lines().last(),
                Some("0"),
                "something is prepared after {after}"
            );
            return;
        }
    }
    let done = project.segue(&["run"]);
    panic!("not finished after {after}: {:?}\n{}", done.code, done.text());
}

#[track_caller]
fn assert_same(project: &Project, calm: &BTreeMap<&'static str, String>, after: &str) {
    for (table, rows) in content(project) {
        assert!(
            rows == calm[table],
            "{table} differs after {after}:\n{rows}\n--- calm:\n{}",
            calm[table]
        );
    }
}

fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(9)
}

#[test]
fn killed_at_every_boundary() {
    let standin = Server::start(troubled());
    let calm = small(&standin);
    finish(&calm, "a calm run");
    let calm = content(&calm);
    let each = times("SEGUE_KILLS_EACH", 1);
    for boundary in Boundary::ALL.iter().filter(|b| !ELSEWHERE.iter().any(|(e, _)| e == *b)) {
        for nth in 1..=each {
            let mut project = small(&standin);
            project.set("SEGUE_FAULT", &format!("{}:{nth}:kill", boundary.name()));
            let status = project.start(&["run"]).wait().expect("it ends");
            let at = format!("{} {nth}", boundary.name());
            // A boundary that is reached less often than that was met at its last time already.
            assert!(was_killed(status) || nth > 1, "{at} was never reached");
            project.set("SEGUE_FAULT", "");
            finish(&project, &at);
            assert_same(&project, &calm, &at);
        }
    }
}

#[test]
fn killed_at_random_moments() {
    let standin = Server::start(troubled());
    let calm = small(&standin);
    let started = Instant::now();
    finish(&calm, "a calm run");
    let length = started.elapsed();
    let calm = content(&calm);
    let kills = times("SEGUE_KILLS", 6);
    let mut killed = 0;
    for nth in 0..kills {
        let project = small(&standin);
        let mut run = project.start(&["run"]);
        // Spread evenly over the measured length of a run: waiting is what this test is about.
        std::thread::sleep(length.mul_f64((nth as f64 + 0.5) / kills as f64));
        let at = format!(
            "a kill at {:?} of {length:?}",
            length.mul_f64((nth as f64 + 0.5) / kills as f64)
        );
        run.kill().expect("can be killed");
        killed += u64::from(was_killed(run.wait().expect("it ends")));
        finish(&project, &at);
        assert_same(&project, &calm, &at);
    }
    assert!(killed * 2 > kills, "only {killed} of {kills} kills met a run");
}

#[test]
fn frozen_and_woken() {
    let standin = Server::start(troubled());
    let calm = small(&standin);
    finish(&calm, "a calm run");
    let calm = content(&calm);
    let boundaries = [
        Boundary::Prepared,
        Boundary::Claimed,
        Boundary::OwnCommitted,
        Boundary::LakeStaged,
        Boundary::SqlStaged,
    ];
    for boundary in boundaries.iter().take(times("SEGUE_FREEZES", 1) as usize) {
        let mut project = small(&standin);
        project.set("SEGUE_FAULT", &format!("{}:2:freeze", boundary.name()));
        let mut frozen = project.start(&["run"]);
        wait_until_stopped(&mut frozen);
        project.set("SEGUE_FAULT", "");
        let at = format!("a freeze at {}", boundary.name());
        // The lease of a frozen holder is taken once it has not been renewed for 30 s; until then the other run waits.
        let others = project.segue(&["run", "--wait", "60s"]);
        assert_eq!(others.code, Some(0), "{at}: {}", others.text());
        signal(&frozen, "CONT");
        let _however_it_ends = frozen.wait().expect("it ends");
        finish(&project, &at);
        assert_same(&project, &calm, &at);
    }
}

fn signal(child: &Child, name: &str) {
    let sent = std::process::Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status();
    assert!(sent.expect("kill is there").success());
}

/// Waits until the process has stopped itself.
fn wait_until_stopped(child: &mut Child) {
    let started = Instant::now();
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        let state = stat.rsplit(')').next().and_then(|s| s.trim().chars().next());
        if matches!(state, Some('T' | 't')) {
            return;
        }
        assert!(
            child.try_wait().expect("can be asked").is_none(),
            "it ended without reaching the boundary"
        );
        assert!(started.elapsed() < Duration::from_secs(60), "it never stopped");
        std::thread::sleep(Duration::from_millis(20));
    }
}
