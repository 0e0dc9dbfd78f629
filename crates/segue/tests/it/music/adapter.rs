//! Test 6: what Spotify may answer, and what becomes of it.

use super::world::World;
use super::{number, rows};
use crate::support::{Project, Server};
use segue_demo::{Fault, FaultKind, Options, Service};
use std::time::{Duration, Instant};

const FOUND: &str = "asset: raw.found
copy:
  from: spotify
  for_each: { list: [{ name: BTS }, { name: aespa }, { name: Radiohead }, { name: Daft Punk }, { name: Miles Davis }, { name: IU }] }
  request: { get: /search, query: { q: \"{{ each.name }}\", type: artist, limit: 10 } }
  records: $.artists.items[*]
  columns: { name: { value: \"{{ each.name }}\", type: string }, id: { type: string } }
  slice: [name]
write: { mode: replace, key: [name, id] }
";

/// A copy of Spotify's search by the project's own connection, from a stand-in with this fault.
fn searching(fault: Fault) -> (Project, Server) {
    let server = Server::start(Options {
        service: Service::SpotifyDevelopment,
        faults: vec![fault],
        ..Options::default()
    });
    let mut project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: adapter\n"),
        ("assets/raw/found.yaml", FOUND),
    ]);
    let connection = segue_demo::project::music_files()
        .iter()
        .find(|(path, _)| *path == "connections/spotify.yaml");
    project.write("connections/spotify.yaml", connection.expect("it is there").1);
    project.ask(&server);
    project.set("SPOTIFY_QUOTA", "100000/s");
    (project, server)
}

#[test]
fn test_6_a_token_that_is_over_is_renewed_once() {
    let (project, server) = searching(Fault::of(FaultKind::ExpiredToken).every(1).times(1));
    project.ok(&["run"]);
    let stats = server.standin().stats();
    assert!(stats.faults["expired_token"] >= 1, "{stats:?}");
    assert_eq!(stats.tokens, 2, "{stats:?}");
    assert_eq!(project.sql("select count(distinct name) as n from raw.found"), "n\n6\n");
}

#[test]
fn test_6_a_short_retry_after_is_waited_for() {
    let (project, server) = searching(Fault::of(FaultKind::RateLimitSeconds).every(1).times(1).seconds(2));
    let begun = Instant::now();
    project.ok(&["run"]);
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "it took {:?}",
        begun.elapsed()
    );
    assert_eq!(server.standin().stats().faults["rate_limit_seconds"], 1);
    assert_eq!(project.sql("select count(distinct name) as n from raw.found"), "n\n6\n");
}

#[test]
fn test_6_a_long_retry_after_and_a_used_up_quota_park_the_account_and_others_answer() {
    let blocked = |options: &mut Options| {
        if options.service == Service::SpotifyDevelopment {
            options.faults = vec![Fault::of(FaultKind::BlockedAccount).seconds(86_000).after(3)];
        }
    };
    let world = World::with(&["BTS", "aespa", "샤이니", "Daft Punk", "Johnny Cash", "IU"], blocked);
    let done = world.project.segue(&["run"]).ended(8);
    assert!(done.text().contains("not read now, and optional"), "{}", done.text());
    let spotify = world.server(Service::SpotifyDevelopment);
    let asked = spotify.standin().stats();
    assert!(asked.faults["blocked_account"] >= 1, "{asked:?}");
    // Those that were under way when the first was refused, and no other, of whichever asset.
    assert!(asked.total - asked.tokens <= 3 + 8, "{asked:?}");
    assert_eq!(number(&world, "select count(*) from music.artists"), 6);
    assert!(number(&world, "select count(*) from music.top_tracks") > 0);
    world.project.segue(&["run"]).ended(8);
    assert_eq!(
        spotify.standin().stats().total,
        asked.total,
        "nothing is asked before its time"
    );
    // The account may ask again, earlier than it was told.
    spotify.standin().clear_fault(FaultKind::BlockedAccount);
    world.project.ok(&["connection", "unblock", "spotify"]);
    world.project.ok(&["run"]);
    let linked = "select count(*) from music.top_tracks where spotify_track_id is not null";
    assert!(number(&world, linked) > 0);
}

#[test]
fn test_6_what_is_forbidden_is_tried_with_three_and_then_left_alone() {
    let world = World::usual();
    let asked = world.server(Service::SpotifyDevelopment).standin().stats();
    assert_eq!(asked.requests["top_tracks"], 3, "{asked:?}");
    for never in ["audio_features", "related_artists", "artists"] {
        assert!(!asked.requests.contains_key(never), "{asked:?}");
    }
    let told = rows(
        &world,
        "select outcome from system.steps where asset = 'raw.spotify_open'",
    );
    assert!(told.iter().all(|outcome| outcome == "done"), "{told:?}");
}

#[test]
fn test_6_no_more_than_ten_are_asked_for_at_once() {
    let world = World::usual();
    for asked in world.server(Service::SpotifyDevelopment).standin().recent() {
        let limit = asked.split(['?', '&']).find_map(|part| part.strip_prefix("limit="));
        let limit: u32 = limit.map_or(0, |text| text.parse().expect("a number"));
        assert!(limit <= 10, "{asked}");
    }
}

#[test]
fn spotifys_own_top_tracks_are_taken_where_it_tells_them() {
    let whole = |options: &mut Options| {
        if options.service == Service::SpotifyDevelopment {
            options.service = Service::Spotify;
        }
    };
    let world = World::with(&["BTS", "Daft Punk"], whole);
    world.project.ok(&["run"]);
    assert_eq!(
        rows(&world, "select distinct source from music.top_tracks"),
        ["spotify"]
    );
    assert!(number(&world, "select count(*) from music.artist_profiles") == 2);
}

#[test]
fn who_asks_musicbrainz_says_how_to_be_reached() {
    let mut world = World::new(&["BTS"]);
    world.project.set("MUSICBRAINZ_CONTACT", "nobody");
    let done = world.project.segue(&["run", "+raw.musicbrainz_candidates"]);
    assert!(done.text().contains("closed, not ours to read"), "{}", done.text());
}
