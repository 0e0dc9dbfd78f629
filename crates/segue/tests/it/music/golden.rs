//! Test 3: the reference's own figures. `golden/tracks.csv` has its 400 rows of 100 tracks, with its bounds (`golden/make.py` wrote it); the
//! project's own SQL must find its neighbours.

use crate::support::Project;

const TRACKS: &str = include_str!("golden/tracks.csv");

const FEATURES: [&str; 6] = [
    "danceability",
    "energy",
    "loudness",
    "speechiness",
    "acousticness",
    "instrumentalness",
];

/// Who is the nearest, and how far.
const GOLDEN: [(&str, &str, &str); 10] = [
    ("2Pac", "50 Cent", "0.3280"),
    ("50 Cent", "2Pac", "0.3280"),
    ("A Thousand Horses", "Aerosmith", "0.2135"),
    ("ABBA", "Alan Jackson", "0.1883"),
    ("ABC", "Alan Jackson", "0.1933"),
    ("Aerosmith", "A Thousand Horses", "0.2135"),
    ("Agnetha Faltskog", "Alice Cooper", "0.1310"),
    ("Alan Jackson", "ABBA", "0.1883"),
    ("Albert King", "Alice Cooper", "0.3544"),
    ("Alice Cooper", "Agnetha Faltskog", "0.1310"),
];

/// The profiles and neighbours of the open project over these tracks, and over what else there is of features.
fn project(tracks: &str, further: &str) -> Project {
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: golden\n"),
        ("data/tracks.csv", tracks),
    ]);
    project.write(
        "data/further.csv",
        &format!("track_id,{}\n{further}", FEATURES.join(",")),
    );
    let figures: String = FEATURES
        .iter()
        .map(|f| format!("    {f}: {{ type: float64 }}\n"))
        .collect();
    project.write(
        "assets/raw/tracks.yaml",
        &format!(
            "asset: raw.tracks\ncopy:\n  from: files\n  path: data/tracks.csv\n  columns:\n    artist_id: {{ type: string }}\n    \
             track_id: {{ type: string }}\n    rank: {{ type: int32 }}\n{figures}write: {{ mode: replace, key: [artist_id, track_id] }}\n"
        ),
    );
    project.write(
        "assets/raw/further.yaml",
        &format!(
            "asset: raw.further\ncopy:\n  from: files\n  path: data/further.csv\n  columns:\n    track_id: {{ type: string }}\n{figures}\
             write: {{ mode: replace, key: [track_id], allow_empty: true }}\n"
        ),
    );
    project.write(
        "assets/music/top_tracks.sql",
        "/* asset: music.top_tracks */\nselect artist_id, track_id, rank from raw.tracks\n",
    );
    let each: Vec<String> = FEATURES
        .iter()
        .flat_map(|f| {
            ["tracks", "further"]
                .map(|table| format!("select track_id, '{f}' as feature, {f} as value from raw.{table}"))
        })
        .collect();
    project.write(
        "assets/music/track_features.sql",
        &format!("/* asset: music.track_features */\n{}\n", each.join("\nunion all ")),
    );
    for (path, text) in segue_demo::project::music_files() {
        if ["assets/music/artist_profiles.sql", "assets/music/neighbours.sql"].contains(path) {
            project.write(path, text);
        }
    }
    project.ok(&["check"]);
    project.ok(&["run"]);
    project
}

fn nearest(project: &Project) -> Vec<String> {
    let answer =
        project.sql("select artist_id, neighbour_id, distance from music.neighbours where rank = 1 order by artist_id");
    let rounded = |line: &str| {
        let (names, distance) = line.rsplit_once(',').expect("a distance");
        format!("{names},{:.4}", distance.parse::<f64>().expect("a number"))
    };
    answer.lines().skip(1).map(rounded).collect()
}

#[track_caller]
fn is_golden(project: &Project) {
    let wanted: Vec<String> = GOLDEN
        .iter()
        .map(|(a, b, distance)| format!("{a},{b},{distance}"))
        .collect();
    assert_eq!(nearest(project), wanted);
}

#[test]
fn test_3_the_neighbours_of_the_reference_and_their_distances() {
    assert_eq!(TRACKS.lines().count(), 401);
    let project = project(TRACKS, "");
    assert_eq!(project.sql("select count(*) as n from raw.tracks"), "n\n100\n");
    let joined = "select count(*) as n from music.top_tracks t join music.track_features f on f.track_id = t.track_id where f.feature = 'energy'";
    assert_eq!(project.sql(joined), "n\n100\n");
    is_golden(&project);
    let few =
        "select count(*) as n from (select artist_id from music.neighbours group by artist_id having count(*) <> 9)";
    assert_eq!(project.sql(few), "n\n0\n");
    let wrong = "select count(*) as n from music.neighbours a join music.neighbours b on b.artist_id = a.artist_id and b.rank = a.rank + 1
        where b.distance < a.distance or a.artist_id = a.neighbour_id";
    assert_eq!(project.sql(wrong), "n\n0\n");
}

#[test]
fn d8_bounds_are_those_of_the_tracks_that_are_compared() {
    // Features of a track that is nobody's any more, as those of an earlier day are.
    is_golden(&project(TRACKS, "of an earlier day,0.01,0.999,-50,0.9,0.99,0.95\n"));
}

#[test]
fn d6_every_artist_has_neighbours_and_not_the_first_hundred() {
    let mut tracks = format!("artist_id,track_id,rank,{}\n", FEATURES.join(","));
    for n in 0..130 {
        let share = f64::from(n) / 130.0;
        tracks.push_str(&format!(
            "artist {n},track {n},1,{share},0.5,-7,{},0.3,0.1\n",
            1.0 - share
        ));
    }
    let project = project(&tracks, "");
    assert_eq!(
        project.sql("select count(distinct artist_id) as artists, count(*) as n from music.neighbours"),
        "artists,n\n130,3900\n"
    );
}
