//! The demo and the music project: from names to similar artists, and what a second run asks.

use crate::support::{Project, Server};
use segue_demo::{Catalogue, Options};
use std::collections::BTreeMap;

/// (artist, related) → (rank, distance), from the database that the project publishes into.
fn published(project: &Project) -> BTreeMap<(String, String), (i64, f64)> {
    let results = rusqlite::Connection::open(project.file("results.db")).expect("the database is there");
    let mut statement = results
        .prepare("select artist_id, related_id, rank, distance from related_artists")
        .expect("the table is there");
    let rows = statement
        .query_map([], |r| Ok(((r.get(0)?, r.get(1)?), (r.get(2)?, r.get(3)?))))
        .expect("rows");
    rows.map(|r| r.expect("a row")).collect()
}

#[test]
fn the_answers_are_those_that_plain_code_finds() {
    let standin = Server::start(Options::default());
    let project = Project::music(&standin);
    project.ok(&["check"]);
    project.ok(&["run"]);
    let expected = segue_demo::oracle::expected_related(&Catalogue::embedded());
    let found = published(&project);
    assert_eq!(found.len(), expected.len());
    for (artist, related, rank, distance) in expected {
        let (found_rank, found_distance) = found[&(artist.clone(), related.clone())];
        assert_eq!(found_rank, i64::from(rank), "{artist} → {related}");
        assert!(
            (found_distance - distance).abs() < 1e-9,
            "{artist} → {related}: {found_distance} and {distance}"
        );
    }
}

#[test]
fn a_second_run_asks_only_for_what_is_missing_or_stale() {
    let standin = Server::start(Options::default());
    let project = Project::music(&standin);
    project.ok(&["run"]);
    let asked = |project: &Project, args: &[&str]| {
        let before = standin.standin().stats().total;
        let done = project.segue(args).ok();
        (standin.standin().stats().total - before, done)
    };
    let commits = |project: &Project, table: &str| {
        project.sql(&format!("select count(*) from system.commits where asset = '{table}'"))
    };

    // Within `fresh`. The bar is one second for the program that people run; this one is not optimised.
    let begun = std::time::Instant::now();
    let (requests, _) = asked(&project, &["run"]);
    assert!(begun.elapsed().as_secs_f64() < 3.0, "it took {:?}", begun.elapsed());
    assert_eq!(requests, 0, "everything is fresh");

    // One name more.
    let names = project.read("data/artists.csv");
    project.write("data/artists.csv", &names.replace("BTS\n", ""));
    let other = Project::music(&standin);
    other.write("data/artists.csv", &names.replace("BTS\n", ""));
    other.ok(&["run"]);
    other.write("data/artists.csv", &names);
    let (requests, _) = asked(&other, &["run"]);
    // A token, a search, the genres, the top tracks, and the features of those of its tracks that nobody else has: one request.
    assert_eq!(
        requests,
        5,
        "only the new artist is asked for: {:?}",
        standin.standin().recent()
    );

    // Another type in the mapping: read from kept pages.
    let third = Project::music(&standin);
    third.ok(&["run"]);
    third.edit(
        "assets/raw/top_tracks.yaml",
        "popularity:  { type: int32",
        "popularity:  { type: int64",
    );
    let (requests, _) = asked(&third, &["run"]);
    assert_eq!(requests, 0, "a mapping that alone changed is replayed");
    let kind = third.sql("select arrow_typeof(popularity) from raw.top_tracks limit 1");
    assert_eq!(kind.lines().last(), Some("Int64"));

    // Nothing is fresh any more, and the answers are the same: all of it is asked, which only the kept pages see.
    let read = ["artists", "artist_genres", "top_tracks", "audio_features"];
    let made = [
        "music.artist_profiles",
        "music.related_artists",
        "serving.related_artists",
        "serving.artists",
    ];
    let state = |project: &Project| -> Vec<(String, String)> {
        let assets = read.iter().map(|name| format!("raw.{name}"));
        let assets = assets.chain(made.iter().map(|name| (*name).to_string()));
        assets.map(|name| (commits(project, &name), name)).collect()
    };
    let kept = |project: &Project| -> Vec<String> {
        read.iter()
            .map(|name| project.sql(&format!("select max(read_at) from pages.\"raw.{name}\"")))
            .collect()
    };
    let classes = |project: &Project| {
        let before = standin.standin().stats().requests;
        let done = project.segue(&["run"]).ok();
        let now = standin.standin().stats().requests;
        let asked = |name: &str| now.get(name).unwrap_or(&0) - before.get(name).unwrap_or(&0);
        (["search", "artists", "top_tracks", "audio_features"].map(asked), done)
    };
    let (before, kept_before) = (state(&third), kept(&third));
    for asset in read {
        third.edit(&format!("assets/raw/{asset}.yaml"), "fresh: 1d", "fresh: 0s");
    }
    let names: u64 = number(&third, "select count(*) from raw.artist_names");
    let artists: u64 = number(&third, "select count(distinct id) from raw.artists");
    let tracks: u64 = number(&third, "select count(distinct id) from raw.top_tracks");
    let (requests, done) = classes(&third);
    let wanted = [names, artists.div_ceil(50), artists, tracks.div_ceil(100)];
    assert_eq!(requests, wanted, "everything is asked again: {}", done.text());
    assert_eq!(state(&third), before, "no table gets a commit, and no dependant runs");
    for (now, before) in kept(&third).iter().zip(&kept_before) {
        assert_ne!(now, before, "the answers are kept");
    }
    for name in made {
        let row = third.sql(&format!(
            "select coalesce(sum(rows_written), 0) as n from system.steps where asset = '{name}' and run = (select id from system.runs order by started_at desc limit 1)"
        ));
        assert_eq!(row, "n\n0\n", "{name} was computed");
    }
}

fn number(project: &Project, statement: &str) -> u64 {
    let answer = project.sql(statement);
    answer.lines().last().and_then(|n| n.parse().ok()).expect("a number")
}

/// What the demo says, and its stand-in's port.
fn demo(project: &Project, args: &[&str], code: i32) -> (String, String) {
    let done = project
        .segue(&[&["demo", "--once", "--dir", "d"], args].concat())
        .ended(code);
    (done.text(), project.read("d/.segue/standin.port"))
}

#[test]
fn the_demo_shows_answers_and_keeps_its_server() {
    let project = Project::empty();
    let (first, port) = demo(&project, &[], 0);
    for wanted in [
        "Similar artists",
        "BTS",
        "Miles Davis",
        "Try next:",
        "  cd d",
        "export SPOTIFY_API_URL=",
    ] {
        assert!(first.contains(wanted), "no `{wanted}` in:\n{first}");
    }
    let (second, same) = demo(&project, &[], 0);
    assert_eq!(port, same, "the port is chosen once");
    assert!(second.contains("Similar artists") && second.contains("BTS"), "{second}");
    let calls = "select coalesce(sum(calls), 0) as n from system.steps where run = (select id from system.runs order by started_at desc limit 1)";
    assert_eq!(
        project.ok(&["-C", "d", "sql", "--format", "csv", calls]),
        "n\r\n0\r\n",
        "{second}"
    );
}

#[test]
fn the_demo_serves_another_catalogue_and_remembers_it() {
    let project = Project::empty();
    let genres = concat!(env!("CARGO_MANIFEST_DIR"), "/../segue-demo/catalogue/genres.csv");
    project.write(
        "mine/genres.csv",
        &std::fs::read_to_string(genres).expect("the embedded one"),
    );
    let artists: String = (0..14)
        .map(|n| format!(",\"Nobody {n}, \"\"O'Neill\"\"\",afrobeat,{},1000\n", 10 + n))
        .collect();
    project.write(
        "mine/artists.csv",
        &format!("id,name,genres,popularity,followers\n{artists}"),
    );
    let (first, port) = demo(&project, &["--catalog", "mine"], 0);
    for wanted in ["Nobody 13, \"O'Neill\"", "Nobody 10, \"O'Neill\""] {
        assert!(first.contains(wanted), "no `{wanted}` in:\n{first}");
    }
    let (again, same) = demo(&project, &[], 0);
    assert!(again.contains("Nobody 13") && port == same, "{again}");
    let artists = "select count(*) as n from raw.artists";
    assert_eq!(
        project.ok(&["-C", "d", "sql", "--format", "csv", artists]),
        "n\r\n14\r\n"
    );
}

#[test]
fn the_demo_says_what_a_fault_did() {
    let project = Project::empty();
    // A part of what may be asked is closed: said, with the reason, and no answers are made up.
    let done = project.segue(&["demo", "--once", "--dir", "closed", "--fault", "forbidden"]);
    assert!(done.code.is_some_and(|code| code != 0), "{}", done.text());
    for wanted in ["closed, not ours to read", "403", "SG0519", "Try next:"] {
        assert!(done.text().contains(wanted), "no `{wanted}` in:\n{}", done.text());
    }
    assert!(!done.text().contains("Similar artists"), "{}", done.text());

    let wrong = [
        "demo",
        "--once",
        "--dir",
        "wrong",
        "--fault",
        "wrong_type=path:top_tracks,chance:0.5",
    ];
    let done = project.segue(&wrong).ok();
    assert!(done.out.contains("Similar artists"), "{}", done.text());
    let aside = project.ok(&["-C", "wrong", "quarantine", "list"]);
    assert!(aside.contains("raw.top_tracks"), "{aside}");

    let standin = Server::start(Options {
        faults: vec![segue_demo::Fault::of(segue_demo::FaultKind::ShortToken)],
        ..Options::default()
    });
    let short = Project::music(&standin);
    short.ok(&["run"]);
    let stats = standin.standin().stats();
    let fired = stats.faults[segue_demo::FaultKind::ShortToken.name()];
    assert!(fired > 0 && fired == stats.tokens, "{stats:?}");
}

#[test]
fn the_demo_runs_the_open_project_and_knows_it_again() {
    let project = Project::empty();
    project.ok(&["init", "d", "--example", "music"]);
    project.write(
        "d/data/names.csv",
        "name\nBTS\n에스파\nRadiohead\nDaft Punk\nMiles Davis\n",
    );
    let (first, ports) = demo(&project, &[], 0);
    for wanted in [
        "Stand-ins of Spotify, MusicBrainz, Deezer, ReccoBeats and ListenBrainz",
        "Similar artists",
        "Daft Punk | Radiohead, aespa, BTS",
        "export MUSICBRAINZ_API_URL=",
        "segue resolve music.artists",
    ] {
        assert!(first.contains(wanted), "no `{wanted}` in:\n{first}");
    }
    assert_eq!(ports.lines().count(), 5, "{ports}");
    let (_, same) = demo(&project, &["--example", "music"], 0);
    assert_eq!(ports, same, "the ports are chosen once");
    let refused = project
        .segue(&["demo", "--once", "--dir", "d", "--example", "spotify"])
        .ended(5);
    assert!(refused.text().contains("SG0703"), "{}", refused.text());
}

/// Starts stand-ins, and reads so many lines of what they say.
fn serving(project: &Project, args: &[&str], lines: usize) -> (std::process::Child, Vec<String>) {
    use std::io::BufRead;
    let mut server = project.start(&[&["demo-server"], args].concat());
    let said = std::io::BufReader::new(server.stdout.take().expect("it is piped")).lines();
    let said = said.take(lines).map(|line| line.expect("a line")).collect();
    (server, said)
}

fn end(mut server: std::process::Child) {
    server.kill().expect("it runs");
    server.wait().expect("it ended");
}

#[test]
fn stand_ins_of_several_services_say_whose_each_address_is() {
    let project = Project::empty();
    let (server, said) = serving(&project, &["--service", "all"], 6);
    let services: Vec<&str> = said.iter().filter_map(|line| line.split(' ').next()).collect();
    let all = [
        "spotify",
        "spotify-dev",
        "musicbrainz",
        "deezer",
        "reccobeats",
        "listenbrainz",
    ];
    assert_eq!(services, all);
    let addresses: std::collections::BTreeSet<&str> = said.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(addresses.len(), 6, "{said:?}");
    assert!(
        addresses.iter().all(|address| address.starts_with("http://127.0.0.1:")),
        "{said:?}"
    );
    end(server);
    let json = [
        "--service",
        "deezer",
        "--service",
        "musicbrainz",
        "--fault",
        "deezer/slow=every:2,ms:1",
    ];
    let mut command = vec!["--json", "demo-server"];
    command.extend(json);
    let mut server = project.start(&command);
    let said = std::io::BufReader::new(server.stdout.take().expect("it is piped"));
    let first = std::io::BufRead::lines(said).next().expect("a line").expect("a line");
    let first: serde_json::Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!(first["service"], "deezer");
    end(server);
}

#[test]
fn what_stand_ins_cannot_be_is_said() {
    let project = Project::empty();
    let refused = |args: &[&str], wanted: &str| {
        let done = project.segue(&[&["demo-server"], args].concat()).ended(2);
        assert!(done.text().contains(wanted), "no `{wanted}` in:\n{}", done.text());
    };
    refused(&["--service", "tidal"], "tidal");
    refused(
        &[
            "--service",
            "deezer",
            "--service",
            "spotify",
            "--port",
            "1",
            "--port",
            "2",
            "--port",
            "3",
        ],
        "3 ports are given for 2 services",
    );
    refused(&["--service", "all", "--port", "65533"], "have no ports from 65533 on");
    refused(
        &["--service", "deezer", "--fault", "spotify/slow"],
        "no service is called `spotify` here",
    );
    refused(&["--fault", "slw"], "did you mean `slow`?");
}
