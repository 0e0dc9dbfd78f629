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

    // Within `fresh`.
    let (requests, _) = asked(&project, &["run"]);
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

    // Nothing is fresh any more, and the answers are the same.
    let before = (
        commits(&third, "raw.top_tracks"),
        commits(&third, "music.artist_profiles"),
    );
    for asset in ["artists", "artist_genres", "top_tracks", "audio_features"] {
        third.edit(&format!("assets/raw/{asset}.yaml"), "fresh: 1d", "fresh: 0s");
    }
    let (requests, _) = asked(&third, &["run"]);
    assert!(requests > 300, "everything is asked again: {requests}");
    assert_eq!(
        commits(&third, "music.artist_profiles"),
        before.1,
        "dependants do not run"
    );
}
