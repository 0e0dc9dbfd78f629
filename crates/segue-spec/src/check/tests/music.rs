//! The demo's project, as it is checked in.

use super::{lines, run};

#[test]
fn the_music_project_has_no_mistakes() {
    macro_rules! files {
        ($($path:literal),*) => { [$(($path, include_str!(concat!("../../../../segue-demo/projects/spotify/", $path)))),*] };
    }
    let files = files![
        "segue.yaml",
        "connections/results.yaml",
        "connections/spotify.yaml",
        "assets/raw/artist_names.yaml",
        "assets/raw/artist_genres.yaml",
        "assets/raw/audio_features.yaml",
        "assets/raw/top_tracks.yaml",
        "assets/raw/artists.yaml",
        "assets/music/related_artists.sql",
        "assets/music/artist_profiles.sql",
        "assets/serving/related_artists.yaml",
        "assets/serving/artists.yaml"
    ];
    let (project, found, files) = run(&files);
    assert_eq!(lines(&found, &files), "");
    let project = project.unwrap();
    let order: Vec<String> = crate::Graph::of(&project)
        .order()
        .iter()
        .map(|n| n.to_string())
        .collect();
    insta::assert_snapshot!(order.join(" "), @r#"raw.artist_names raw.artists raw.artist_genres raw.top_tracks raw.audio_features music.artist_profiles music.related_artists serving.artists serving.related_artists"#);
}
