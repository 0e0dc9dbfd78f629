//! Every fault of every stand-in at once: each fires, everything that can be had is there in the end, and nobody is asked for more than may
//! be asked of him.

use super::rows;
use super::world::{TWELVE, World};
use segue_demo::standin::Class;
use segue_demo::{Fault, FaultKind, Limits, Options, Service};

/// So many requests a second are admitted, and so many are allowed in the connections.
const ADMITTED: u32 = 150;
const ASKED: &str = "120/s";

/// A class of paths that the project asks of this service, and one that it can do without for a while.
fn classes(service: Service) -> (Class, Class) {
    match service {
        Service::MusicBrainz => (Class::Artist, Class::Url),
        Service::Deezer => (Class::TopTracks, Class::Artist),
        Service::ReccoBeats => (Class::AudioFeatures, Class::AudioFeatures),
        Service::ListenBrainz => (Class::Popularity, Class::RelatedArtists),
        _ => (Class::Search, Class::TopTracks),
    }
}

/// Each fault of a service, once.
fn all(service: Service) -> Vec<Fault> {
    let (asked, spared) = classes(service);
    let has_tokens = matches!(service, Service::Spotify | Service::SpotifyDevelopment);
    let kinds = FaultKind::ALL.into_iter();
    let kinds = kinds.filter(|kind| has_tokens || !matches!(kind, FaultKind::ExpiredToken | FaultKind::ShortToken));
    let fault = |kind: FaultKind| {
        let fault = Fault::of(kind).times(1);
        match kind {
            FaultKind::ShortToken => fault.seconds(1),
            FaultKind::BlockedAccount => Fault::of(kind).seconds(1).after(6),
            FaultKind::BlockedPath => Fault::of(kind).seconds(1).after(2).on(asked),
            FaultKind::Forbidden => fault.on(spared),
            FaultKind::Outage => fault.after(4),
            FaultKind::LyingRetryAfter => fault.every(3).seconds(0),
            FaultKind::Slow => Fault {
                ms: Some(5),
                ..fault.every(2)
            },
            _ => fault.every(2),
        }
    };
    kinds.map(fault).collect()
}

/// What the application is told, but for when it was fetched.
fn told(world: &World) -> Vec<String> {
    let statements = [
        "select artist_id, name, array_to_string(aliases, '|'), popularity, listeners, spotify_id, deezer_id from music.artists order by 1",
        "select artist_id, genre, source from music.artist_genres order by 1, 2",
        "select artist_id, rank, track_id, url, source from music.top_tracks order by 1, 2",
        "select track_id, feature, value, source from music.track_features order by 1, 2",
        "select artist_id, related_id, rank, round(distance, 9), reason from music.related_artists order by 1, 3",
        "select name, artist_id from music.resolved_names order by 1",
        "select name, candidate_id from music.ambiguous_names order by 1, 2",
        "select name, reason from music.unresolved_names order by 1",
    ];
    statements.iter().flat_map(|statement| rows(world, statement)).collect()
}

#[test]
fn every_fault_of_every_stand_in_at_once_costs_nothing_that_can_be_had() {
    let names: Vec<&str> = TWELVE
        .into_iter()
        .chain(["BTS", "Radiohaed", "Nirvana", "Daft Punk", "Miles Davis", "Johnny Cash"])
        .collect();
    let troubled = |options: &mut Options| {
        options.faults = all(options.service);
        options.limits = Limits::PerSecond(ADMITTED);
    };
    let mut world = World::with(&names, troubled);
    world.rate(ASKED);
    // Fewer in one request, so that there are enough requests for each fault.
    world
        .project
        .edit("assets/raw/reccobeats_features.yaml", "size: 40", "size: 3");
    world
        .project
        .edit("assets/raw/listenbrainz_listeners.yaml", "size: 100", "size: 1");
    world
        .project
        .edit("assets/raw/listenbrainz_similar.yaml", "size: 10", "size: 1");
    let mut code = None;
    for _ in 0..6 {
        let done = world.project.segue(&["run"]);
        assert!(matches!(done.code, Some(0 | 8)), "{}", done.text());
        code = done.code;
        if code == Some(0) {
            break;
        }
        for connection in [
            "spotify",
            "musicbrainz",
            "deezer",
            "reccobeats",
            "listenbrainz",
            "listenbrainz_labs",
        ] {
            let _nothing_may_be_blocked = world.project.segue(&["connection", "unblock", connection]);
        }
    }
    assert_eq!(code, Some(0), "what was put off is there by the sixth run");
    for (service, server) in world.servers() {
        let stats = server.standin().stats();
        let silent: Vec<&String> = stats
            .faults
            .iter()
            .filter(|(_, fired)| **fired == 0)
            .map(|(name, _)| name)
            .collect();
        assert!(silent.is_empty(), "{service}: {silent:?} did not fire: {stats:?}");
        assert_eq!(stats.refused, 0, "{service} was asked for too much: {stats:?}");
        assert!(stats.max_in_one_second <= u64::from(ADMITTED), "{service}: {stats:?}");
    }
    // What was forbidden is said, and what had a wrong type is set aside with its place.
    let aside = world.project.ok(&["quarantine", "list"]);
    let closed = rows(&world, "select count(*) from system.steps where slices_closed > 0");
    assert_ne!(closed, ["0"], "{aside}");
    // The doors are open again: nothing is missing.
    for (_, server) in world.servers() {
        for kind in FaultKind::ALL {
            server.standin().clear_fault(kind);
        }
    }
    world.project.ok(&["run", "--again"]);
    let calm = World::new(&names);
    calm.project.ok(&["run"]);
    assert_eq!(told(&world), told(&calm));
}
