//! Every source down in turn: what others have is there, the rest is listed with reasons, and it is caught up with.

use super::world::World;
use super::{number, rows};
use segue_demo::Service;

const NAMES: [&str; 6] = [
    "BTS",
    "aespa",
    "샤이니",
    "Radiohaed",
    "Daft Punk",
    "The Paper Lantern Society",
];

/// The counts of what a run without this service makes: artists, genres, tracks, profiles, relations, and unresolved names.
fn counts(world: &World) -> [u64; 6] {
    [
        "artists",
        "artist_genres",
        "top_tracks",
        "artist_profiles",
        "related_artists",
        "unresolved_names",
    ]
    .map(|table| number(world, &format!("select count(*) from music.{table}")))
}

/// Runs without a service, checks what there is, and runs with it again.
#[track_caller]
fn without(service: Service, check: impl Fn(&World, [u64; 6])) {
    let mut world = World::new(&NAMES);
    world.tries(1);
    world.turn_off(service);
    let done = world.project.segue(&["run"]).ended(8);
    assert!(done.text().contains("not read now, and optional"), "{}", done.text());
    let every = number(&world, "select count(*) from music.names");
    let told = number(
        &world,
        "select count(*) from (select name from music.resolved_names union select name from music.ambiguous_names
           union select name from music.unresolved_names)",
    );
    assert_eq!(told, every, "each name is resolved, ambiguous, or listed");
    assert_eq!(
        number(
            &world,
            "select count(*) from music.unresolved_names where reason is null"
        ),
        0
    );
    check(&world, counts(&world));
    // It is back: what is missing is asked for, and nothing else has to be done by hand.
    world.turn_on(service);
    world.project.ok(&["run"]);
    let complete = World::new(&NAMES);
    complete.project.ok(&["run"]);
    assert_eq!(counts(&world), counts(&complete));
}

#[test]
fn without_spotify_musicbrainz_tells_who_is_meant() {
    without(
        Service::SpotifyDevelopment,
        |world, [artists, genres, tracks, _, related, unresolved]| {
            // A typing error is forgiven by Spotify's search alone.
            assert_eq!((artists, unresolved), (4, 2));
            assert!(genres > 0 && tracks > 0 && related > 0);
            let names = rows(world, "select name from music.resolved_names order by name");
            assert_eq!(names, ["BTS", "Daft Punk", "aespa", "샤이니"]);
            // Links come from MusicBrainz, pictures from Deezer.
            assert_eq!(
                rows(world, "select distinct image_source from music.artists"),
                ["deezer"]
            );
        },
    );
}

#[test]
fn without_musicbrainz_spotify_tells_who_is_meant() {
    without(
        Service::MusicBrainz,
        |world, [artists, _, tracks, profiles, _, unresolved]| {
            assert_eq!(artists + unresolved, 6, "a name in another script is nobody's");
            assert!(artists >= 3 && tracks > 0 && profiles > 0);
            assert_eq!(
                number(
                    world,
                    "select count(*) from music.artists where artist_id not like 'spotify:%'"
                ),
                0
            );
            assert_eq!(
                rows(
                    world,
                    "select distinct deezer_id_by from music.artists where deezer_id is not null"
                ),
                ["the same name"]
            );
        },
    );
}

#[test]
fn without_deezer_there_are_artists_and_genres_and_who_listens_to_whom() {
    without(
        Service::Deezer,
        |world, [artists, genres, tracks, profiles, related, _]| {
            assert_eq!((artists, tracks, profiles), (5, 0, 0));
            assert!(genres > 0 && related > 0);
            assert_eq!(
                number(
                    world,
                    "select count(*) from music.related_artists where sound_distance is not null"
                ),
                0
            );
        },
    );
}

#[test]
fn without_reccobeats_deezer_tells_what_it_knows_of_tracks() {
    without(
        Service::ReccoBeats,
        |world, [artists, _, tracks, profiles, related, _]| {
            assert_eq!((artists, profiles), (5, 0));
            assert!(tracks > 0 && related > 0);
            let told = rows(
                world,
                "select source, feature from music.track_features group by source, feature order by feature",
            );
            assert_eq!(told, ["deezer,loudness", "deezer,tempo"]);
        },
    );
}

#[test]
fn without_listenbrainz_fans_tell_who_is_known() {
    without(
        Service::ListenBrainz,
        |world, [artists, _, tracks, profiles, related, _]| {
            assert_eq!(artists, 5);
            assert!(tracks > 0 && profiles > 0 && related > 0);
            assert_eq!(
                rows(world, "select distinct popularity_source from music.artists"),
                ["deezer"]
            );
            assert_eq!(
                number(
                    world,
                    "select count(*) from music.related_artists where listening is not null"
                ),
                0
            );
        },
    );
}

#[test]
fn without_anybody_every_name_is_listed_with_the_reason() {
    let mut world = World::new(&["BTS", "에스파"]);
    world.tries(1);
    for service in [
        Service::SpotifyDevelopment,
        Service::MusicBrainz,
        Service::Deezer,
        Service::ReccoBeats,
        Service::ListenBrainz,
    ] {
        world.turn_off(service);
    }
    world.project.segue(&["run"]).ended(8);
    let reasons = rows(&world, "select name, reason from music.unresolved_names order by name");
    let reason = "neither Spotify nor MusicBrainz has told anybody of this name";
    assert_eq!(reasons, [format!("BTS,{reason}"), format!("에스파,{reason}")]);
}

#[test]
fn without_an_account_of_spotify_the_rest_is_there_and_it_is_said() {
    let mut world = World::new(&["BTS", "aespa"]);
    world.tries(1);
    world.project.set("SPOTIFY_CLIENT_SECRET", "");
    let done = world.project.segue(&["run"]).ended(8);
    assert!(done.text().contains("SG0701"), "{}", done.text());
    assert_eq!(number(&world, "select count(*) from music.artists"), 2);
    assert!(number(&world, "select count(*) from music.top_tracks") > 0);
}
