//! Answers on record: kept once from a server, and run again without it.

use crate::support::{Project, Server};
use segue_demo::Options;

#[test]
fn what_was_recorded_is_run_without_a_server_and_a_secret() {
    let standin = Server::start(Options::default());
    let mut project = Project::music(&standin);
    let told = project.ok(&["record", "raw.top_tracks"]);
    assert!(
        told.contains("answers kept in") && told.contains("fixtures/raw.top_tracks"),
        "{told}"
    );
    let folder = project.file("fixtures/raw.top_tracks");
    let folder = folder.to_str().expect("a path");
    let before = standin.standin().stats().total;
    project.set("SPOTIFY_CLIENT_SECRET", "");
    project.ok(&["run", "--replay", folder, "+raw.top_tracks"]);
    assert_eq!(standin.standin().stats().total, before, "nothing was asked");
    let count = project.sql("select count(*) from raw.top_tracks");
    assert!(count.lines().nth(1).is_some_and(|n| n != "0"), "{count}");
    // What is not there is said, and is nobody's to ask for.
    for entry in std::fs::read_dir(project.file("fixtures/raw.top_tracks/spotify")).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.to_string_lossy().contains("top-tracks") {
            std::fs::remove_file(path).expect("it is there");
        }
    }
    let failed = project.segue(&["run", "--replay", folder, "--again", "raw.top_tracks"]);
    assert!(failed.text().contains("SG0395"), "{}", failed.text());
    assert_eq!(standin.standin().stats().total, before);
}
