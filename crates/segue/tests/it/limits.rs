//! Limits of the other side: a rate is used and never exceeded, a block is met once and then kept to by every process.

use crate::support::{Project, Server};
use segue_demo::standin::Class;
use segue_demo::{Fault, FaultKind, Options};

/// Requests that may be under way when the block is met: the project's `concurrency`.
const CONCURRENCY: u64 = 8;

/// A music project whose artists are read, and that has yet to ask for top tracks, one request an artist.
fn before_top_tracks(standin: &Server) -> (Project, u64) {
    let project = Project::music(standin);
    project.ok(&["run", "raw.artists", "raw.artist_names"]);
    let artists = project.sql("select count(distinct id) from raw.artists");
    (
        project,
        artists.lines().last().and_then(|n| n.parse().ok()).expect("a count"),
    )
}

fn outcome(project: &Project) -> String {
    let text =
        project.sql("select outcome from system.steps where asset = 'raw.top_tracks' order by started_at desc limit 1");
    text.lines().last().unwrap_or_default().to_string()
}

fn done(project: &Project) -> u64 {
    let text = project.sql("select count(*) from system.ledger where asset = 'raw.top_tracks' and outcome = 'done'");
    text.lines().last().and_then(|n| n.parse().ok()).expect("a count")
}

/// Blocks after a share of the slices, runs twice, lets the day pass, runs again.
fn blocked(kind: FaultKind, share: f64, expected: &str, code: i32) {
    let standin = Server::start(Options::default());
    let (mut project, artists) = before_top_tracks(&standin);
    let after = (artists as f64 * share) as u64;
    let asked = || {
        standin
            .standin()
            .stats()
            .requests
            .get(Class::TopTracks.name())
            .copied()
            .unwrap_or(0)
    };
    standin.standin().set_fault(Fault::of(kind).after(after));

    project.segue(&["run", "raw.top_tracks"]).ended(code);
    assert_eq!(outcome(&project), expected);
    let fired = standin.standin().stats().faults[kind.name()];
    assert!((1..=CONCURRENCY).contains(&fired), "{fired} requests were refused");
    let read = done(&project);
    assert!(
        read >= after - CONCURRENCY && read <= after,
        "{read} of {after} are done"
    );

    // The next run knows, and asks nothing; another asset of the same account neither, unless only a path is blocked.
    let before = standin.standin().stats().total;
    let again = project.segue(&["run", "raw.top_tracks"]);
    assert_eq!(standin.standin().stats().total, before, "{}", again.text());
    assert_eq!(done(&project), read);

    // A day later only what is left is asked for.
    standin.standin().clear_fault(kind);
    project.set("SEGUE_CLOCK_AHEAD", "25h");
    project.edit("assets/raw/top_tracks.yaml", "fresh: 1d", "fresh: 7d");
    let before = asked();
    project.ok(&["run", "raw.top_tracks"]);
    assert_eq!(asked() - before, artists - read);
    assert_eq!(done(&project), artists);
}

#[test]
fn blocked_for_a_day_after_a_tenth() {
    blocked(FaultKind::BlockedAccount, 0.1, "failed", 6);
}

#[test]
fn blocked_for_a_day_after_nine_tenths() {
    blocked(FaultKind::BlockedAccount, 0.9, "partial", 8);
}

#[test]
fn one_path_blocked_after_nine_tenths() {
    blocked(FaultKind::BlockedPath, 0.9, "partial", 8);
}

#[test]
fn a_block_holds_for_every_process() {
    let standin = Server::start(Options::default());
    let (project, _) = before_top_tracks(&standin);
    standin.standin().set_fault(Fault::of(FaultKind::BlockedAccount));
    let first = project.start(&["run", "raw.top_tracks"]);
    let second = project.start(&["run", "raw.artist_genres"]);
    for run in [first, second] {
        let output = run.wait_with_output().expect("it ends");
        assert_ne!(output.status.code(), Some(0));
    }
    let fired = standin.standin().stats().faults[FaultKind::BlockedAccount.name()];
    assert!(fired <= 2 * CONCURRENCY, "{fired} requests were refused");
    let before = standin.standin().stats().total;
    project.segue(&["run", "raw.top_tracks", "raw.artist_genres"]);
    assert_eq!(standin.standin().stats().total, before);
}

/// A project that asks so many pages, one a request, and a stand-in that refuses more than 200 in a second.
fn paced(requests: u64) -> (Server, Project) {
    let standin = Server::start(Options {
        limits: "200/s".parse().expect("a limit"),
        bench_records: requests,
        ..Options::default()
    });
    let pages = "copy:\n  from: bench\n  for_each: { sql: \"select n from raw.numbers\" }\n  request: { get: /bench/pages/small, query: { offset: \"{{ each.n }}\", limit: 1 } }\n  records: $.items[*]\n  columns:\n    n: { value: \"{{ each.n }}\", type: int64, required: true }\n    id: { type: string, required: true }\n  slice: [n]\nwrite: { mode: replace, key: [n] }\n";
    let mut project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: rate\n"),
        (
            "connections/bench.yaml",
            "connection: bench\nkind: rest\nbase_url: ${env:BENCH_URL}\nlimits: { rate: 200/s, concurrency: 16, max_wait: 30s }\n",
        ),
        ("assets/raw/pages.yaml", &format!("asset: raw.pages\n{pages}")),
        ("assets/raw/others.yaml", &format!("asset: raw.others\n{pages}")),
        (
            "assets/raw/numbers.sql",
            &format!(
                "/* asset: raw.numbers\n   write: {{ mode: replace }} */\nselect value as n from generate_series(0, {})",
                requests - 1
            ),
        ),
    ]);
    project.set("BENCH_URL", standin.api_url.trim_end_matches("/v1"));
    project.ok(&["run", "raw.numbers"]);
    (standin, project)
}

/// How many requests the proof wants of a machine that does nothing else; `None` where other tests run beside this one.
fn of_the_proof() -> Option<u64> {
    std::env::var("SEGUE_RATE_REQUESTS").ok().and_then(|n| n.parse().ok())
}

/// The server refused none of so many requests, and the rate was used, from the first of them to the last as the server saw them.
fn kept_to_the_rate(standin: &Server, requests: u64) {
    let stats = standin.standin().stats();
    assert_eq!(stats.total, requests);
    assert_eq!(stats.refused, 0, "the server refused some");
    assert!(
        stats.max_in_one_second <= 200,
        "{} in one second",
        stats.max_in_one_second
    );
    // The last window begins when all before it are over: of 5,000 requests the last is sent after 24 windows at the least.
    let took = stats.asked_for.as_secs_f64();
    let windows = requests as f64 / 200.0;
    // A place is lost when the process gets no turn in time, as beside other tests it may not.
    let most = if of_the_proof().is_some() { 1.052 } else { 1.25 };
    assert!(
        took >= windows - 1.0 && took <= windows * most,
        "{requests} requests at 200/s took {took:.2} s"
    );
}

#[test]
fn a_rate_is_used_and_never_exceeded() {
    let requests = of_the_proof().unwrap_or(1000);
    let (standin, project) = paced(requests);
    project.ok(&["run", "raw.pages"]);
    kept_to_the_rate(&standin, requests);
}

#[test]
fn two_processes_share_one_rate() {
    let (standin, project) = paced(400);
    let runs = ["raw.pages", "raw.others"].map(|asset| project.start(&["run", asset]));
    for run in runs {
        let output = run.wait_with_output().expect("it ends");
        crate::support::Done::of(output).ok();
    }
    kept_to_the_rate(&standin, 800);
}

#[test]
fn a_block_is_lifted_and_what_waited_for_it_is_asked() {
    let standin = Server::start(Options::default());
    let (project, artists) = before_top_tracks(&standin);
    standin.standin().set_fault(Fault::of(FaultKind::BlockedAccount));
    project.segue(&["run", "raw.top_tracks"]).ended(6);
    standin.standin().clear_fault(FaultKind::BlockedAccount);
    let before = standin.standin().stats().total;
    project.segue(&["run", "raw.top_tracks", "--again"]);
    assert_eq!(standin.standin().stats().total, before, "the block holds all the same");
    let lifted = project.ok(&["connection", "unblock", "spotify"]);
    assert!(lifted.starts_with("no longer blocked until "), "{lifted}");
    assert_eq!(
        project.ok(&["connection", "unblock", "spotify"]),
        "nothing of spotify is blocked\n"
    );
    project.ok(&["run", "raw.top_tracks"]);
    assert_eq!(done(&project), artists);
}
