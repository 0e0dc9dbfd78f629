//! Spotify as a new application has it: what is closed, which fields are gone, the quota.

use super::*;

fn bare() -> Bare {
    Bare::of(Service::SpotifyDevelopment, Limits::Fast, &[])
}

#[test]
fn closed_endpoints_are_closed_and_the_others_are_open() {
    let bare = bare();
    let id = radiohead();
    let track = &FULL.tracks()[artist("Radiohead").tracks[0]].id;
    let asked = [
        format!("/v1/artists?ids={id}"),
        format!("/v1/artists/{id}/top-tracks?market=US"),
        format!("/v1/artists/{id}/related-artists"),
        format!("/v1/audio-features?ids={track}"),
        format!("/v1/audio-features/{track}"),
        format!("/v1/audio-analysis/{track}"),
        format!("/v1/tracks?ids={track}"),
        "/v1/albums?ids=x".into(),
        "/v1/browse/new-releases".into(),
        "/v1/browse/categories".into(),
        "/v1/markets".into(),
        "/v1/users/someone".into(),
        "/v1/recommendations?seed_artists=x".into(),
        format!("/v1/artists/{id}"),
        format!("/v1/artists/{id}/albums"),
        format!("/v1/tracks/{track}"),
        "/v1/search?q=a&type=artist".into(),
        format!("/v1/artists/{id}/albums?limit=11"),
    ];
    let shown = asked.map(|target| {
        let reply = bare.get(&target);
        let path = target.replace(&id, "ARTIST").replace(track.as_str(), "TRACK");
        match reply.status {
            200 => format!("{path}: 200"),
            _ => format!("{path}: {}", line(&reply)),
        }
    });
    assert_snapshot!(shown.join("\n"), @r#"
    /v1/artists?ids=ARTIST: 403 {"error":{"status":403,"message":"Forbidden"}}
    /v1/artists/ARTIST/top-tracks?market=US: 403 {"error":{"status":403,"message":"Forbidden"}}
    /v1/artists/ARTIST/related-artists: 403 {"error":{"status":403,"message":"Forbidden"}}
    /v1/audio-features?ids=TRACK: 403 {"error":{"status":403,"message":"Forbidden"}}
    /v1/audio-features/TRACK: 403 {"error":{"status":403,"message":"Forbidden"}}
    /v1/audio-analysis/TRACK: 403 {"error":{"status":403,"message":"Forbidden"}}
    /v1/tracks?ids=TRACK: 403 {"error":{"status":403,"message":"Forbidden"}}
    /v1/albums?ids=x: 403 {"error":{"status":403,"message":"Forbidden"}}
    /v1/browse/new-releases: 403 {"error":{"status":403,"message":"Forbidden"}}
    /v1/browse/categories: 403 {"error":{"status":403,"message":"Forbidden"}}
    /v1/markets: 403 {"error":{"status":403,"message":"Forbidden"}}
    /v1/users/someone: 403 {"error":{"status":403,"message":"Forbidden"}}
    /v1/recommendations?seed_artists=x: 404 
    /v1/artists/ARTIST: 200
    /v1/artists/ARTIST/albums: 200
    /v1/tracks/TRACK: 200
    /v1/search?q=a&type=artist: 200
    /v1/artists/ARTIST/albums?limit=11: 400 {"error":{"status":400,"message":"Invalid limit"}}
    "#);
}

#[test]
fn an_artist_has_no_followers_and_no_popularity_and_a_track_keeps_its_isrc() {
    let bare = bare();
    let found = json(&bare.get("/v1/search?q=Radiohead&type=artist&limit=1"));
    let listed = &found["artists"]["items"][0];
    assert_eq!(fields(listed), "external_urls genres href id images name type uri");
    assert_eq!(*listed, json(&bare.get(&format!("/v1/artists/{}", radiohead()))));
    let track = &FULL.tracks()[artist("Radiohead").tracks[0]];
    let shown = json(&bare.get(&format!("/v1/tracks/{}", track.id)));
    assert!(shown["popularity"].is_null());
    assert_eq!(shown["external_ids"]["isrc"], FULL.isrc(track));
}

#[test]
fn a_track_is_found_by_its_isrc_and_by_its_title() {
    for service in [Service::Spotify, Service::SpotifyDevelopment] {
        let bare = Bare::of(service, Limits::Fast, &[]);
        let track = &FULL.tracks()[artist("aespa").tracks[0]];
        let isrc = FULL.isrc(track);
        let found = json(&bare.get(&format!("/v1/search?q=isrc:{isrc}&type=track")));
        assert_eq!(
            (&found["tracks"]["total"], &found["tracks"]["items"][0]["id"]),
            (&1.into(), &track.id.as_str().into())
        );
        let found = json(&bare.get(&format!(
            "/v1/search?q={}&type=track&limit=10",
            request::encode(&track.name)
        )));
        let names: Vec<&str> = found["tracks"]["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|t| t["name"].as_str())
            .collect();
        assert!(names.iter().all(|name| name.contains(&track.name)), "{names:?}");
        let none = json(&bare.get("/v1/search?q=isrc:XXSEG0000000&type=track"));
        assert_eq!(none["tracks"]["total"], 0);
    }
}

#[test]
fn an_artist_is_found_by_a_name_in_any_script() {
    let bare = bare();
    let first = |q: &str| {
        let found = json(&bare.get(&format!("/v1/search?q={}&type=artist&limit=10", request::encode(q))));
        found["artists"]["items"][0]["name"]
            .as_str()
            .unwrap_or_default()
            .to_string()
    };
    let asked = ["에스파", "샤이니", "레이디 가가", "아이유", "Кино", "米津玄師"];
    assert_snapshot!(asked.map(|q| format!("{q}: {}", first(q))).join("\n"), @"
    에스파: aespa
    샤이니: SHINee
    레이디 가가: Lady Gaga
    아이유: IU
    Кино: Kino
    米津玄師: Kenshi Yonezu
    ");
}

#[test]
fn the_quota_is_a_second_wall_that_stands_for_a_day() {
    let bare = Bare::of(Service::SpotifyDevelopment, Limits::Real, &[]);
    let target = format!("/v1/artists/{}", radiohead());
    let mut admitted = 0;
    // One each 200 ms is within the rate: 150 in 30 seconds.
    let refused = loop {
        let reply = bare.get(&target);
        if reply.status != 200 {
            break reply;
        }
        admitted += 1;
        bare.wait(Duration::from_millis(200));
    };
    assert_eq!(admitted, 600);
    assert_snapshot!(line(&refused), @r#"429 (86280) {"error":{"status":429,"message":"API rate limit exceeded","reason":"QUOTA_EXCEEDED"}}"#);
    bare.wait(Duration::from_secs(86_400 - 121));
    assert_eq!(bare.get(&target).status, 429);
    bare.wait(Duration::from_secs(1));
    assert_eq!(bare.get(&target).status, 200);
}

#[test]
fn the_rate_comes_before_the_quota() {
    let bare = Bare::of(Service::SpotifyDevelopment, Limits::Real, &[]);
    let token = bare.token();
    let target = format!("/v1/artists/{}", radiohead());
    let get = || bare.send("GET", &target, Some(&token), "");
    assert!((0..180).all(|_| get().status == 200));
    assert_snapshot!(line(&get()), @r#"429 (30) {"error":{"status":429,"message":"API rate limit exceeded"}}"#);
}

#[test]
fn half_of_the_artists_have_no_genres() {
    let bare = bare();
    let token = bare.token();
    let all = FULL.artists().iter().step_by(5);
    let genres = all.map(|artist| {
        let shown = json(&bare.send("GET", &format!("/v1/artists/{}", artist.id), Some(&token), ""));
        let genres = shown["genres"].as_array().cloned().unwrap_or_default();
        assert!(
            genres.is_empty() || genres.len() == artist.genres.len(),
            "{}",
            artist.name
        );
        genres.len()
    });
    let genres: Vec<usize> = genres.collect();
    let without = genres.iter().filter(|n| **n == 0).count();
    assert!(
        (genres.len() / 3..genres.len() * 2 / 3).contains(&without),
        "{without} of {}",
        genres.len()
    );
}

#[test]
fn without_a_subscription_everything_is_forbidden() {
    let fault = Fault::of(FaultKind::Forbidden).on(Class::Search);
    let bare = Bare::of(Service::SpotifyDevelopment, Limits::Fast, &[fault]);
    assert_snapshot!(line(&bare.get("/v1/search?q=a&type=artist")), @r#"403 {"error":{"status":403,"message":"Active premium subscription required for the owner of the app."}}"#);
}
