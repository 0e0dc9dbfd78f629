//! What the documentation of ReccoBeats says, and what calls have shown: ids, order, what is left out, the limit.

use super::*;

fn bare() -> Bare {
    Bare::of(Service::ReccoBeats, Limits::Fast, &[])
}

fn content(bare: &Bare, target: &str) -> Vec<Value> {
    json(&bare.ask(target))["content"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

fn ids(count: usize) -> Vec<&'static str> {
    FULL.tracks()
        .iter()
        .filter(|t| t.features.is_some())
        .take(count)
        .map(|t| t.id.as_str())
        .collect()
}

fn spotify_id(record: &Value) -> String {
    record["href"]
        .as_str()
        .unwrap_or_default()
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_string()
}

#[test]
fn features_by_spotifys_ids_in_an_order_of_their_own() {
    let bare = bare();
    let asked = ids(40);
    let records = content(&bare, &format!("/v1/audio-features?ids={}", asked.join(",")));
    assert_eq!(
        fields(&records[0]),
        "acousticness danceability energy href id instrumentalness isrc key liveness loudness mode speechiness tempo valence"
    );
    let answered: Vec<String> = records.iter().map(spotify_id).collect();
    assert!(answered.iter().all(|id| asked.contains(&id.as_str())));
    assert!((30..40).contains(&answered.len()), "{}", answered.len());
    let in_their_order: Vec<&str> = asked
        .iter()
        .copied()
        .filter(|id| answered.iter().any(|a| a == id))
        .collect();
    assert_ne!(in_their_order, answered);
    for record in &records {
        let track = FULL.track(&spotify_id(record)).unwrap();
        assert_eq!(record["energy"].as_f64(), track.features.as_ref().map(|f| f.energy));
        assert_eq!(record["isrc"], FULL.isrc(track));
    }
}

#[test]
fn ids_come_with_commas_or_one_by_one_and_each_is_answered_once() {
    let bare = bare();
    let (a, b) = (ids(2)[0], ids(2)[1]);
    let with_commas = content(&bare, &format!("/v1/audio-features?ids={a},{b}"));
    assert_eq!(
        with_commas,
        content(&bare, &format!("/v1/audio-features?ids={a}&ids={b}"))
    );
    assert_eq!(
        with_commas,
        content(&bare, &format!("/v1/audio-features?ids={a},{b},{a}&ids={b}"))
    );
}

#[test]
fn an_isrc_may_have_two_tracks_and_its_own_id_leads_to_one() {
    let bare = bare();
    let mut sizes = [0; 3];
    for track in FULL.tracks().iter().filter(|t| t.features.is_some()).step_by(11) {
        let records = content(&bare, &format!("/v1/audio-features?ids={}", FULL.isrc(track)));
        sizes[records.len()] += 1;
        for record in &records {
            assert_eq!(record["isrc"], FULL.isrc(track));
        }
        if records.len() == 2 {
            assert_ne!(spotify_id(&records[0]), spotify_id(&records[1]));
        }
        if let Some(own) = records.iter().find(|r| spotify_id(r) == track.id) {
            let id = own["id"].as_str().unwrap_or_default();
            assert_eq!(json(&bare.ask(&format!("/v1/track/{id}/audio-features"))), *own);
            assert_eq!(bare.ask(&format!("/v1/track/{}/audio-features", track.id)).status, 404);
        }
    }
    assert!(sizes.iter().all(|n| *n > 0), "{sizes:?}");
}

#[test]
fn tracks_with_title_artists_and_length() {
    let track = artist("Radiohead").tracks[0];
    let track = &FULL.tracks()[track];
    assert_snapshot!(show(&bare().ask(&format!("/v1/track?ids={}", track.id))), @r#"
    200
    {
      "content": [
        {
          "id": "ee0d7d46-27d3-40dc-a518-02d4c89b7ca6",
          "trackTitle": "Empty Umbrella",
          "artists": [
            {
              "id": "ce53aee9-2aae-4c0f-ae2f-301fdd60b140",
              "name": "Radiohead",
              "href": "https://open.spotify.com/artist/2JWdrKPEqXVnj5TksT6z8P"
            }
          ],
          "durationMs": 160988,
          "isrc": "ZZSEG2680668",
          "ean": null,
          "upc": null,
          "href": "https://open.spotify.com/track/4ow5ObmrvJRvCOnlMzhNzQ",
          "availableCountries": "DE,FR,GB,JP,KR,US",
          "popularity": 81
        }
      ]
    }
    "#);
}

#[test]
fn wrong_questions_have_codes() {
    let bare = bare();
    let many = vec![ids(1)[0]; 41].join(",");
    let asked = [
        "/v1/audio-features".to_string(),
        "/v1/audio-features?ids=".into(),
        "/v1/audio-features?ids=,,".into(),
        "/v1/audio-features?ids=unknown".into(),
        format!("/v1/audio-features?ids={many}"),
        "/v1/track/unknown/audio-features".into(),
        "/v1/albums".into(),
    ];
    let codes = asked.map(|target| {
        let reply = bare.ask(&target);
        format!("{} {}", reply.status, String::from_utf8_lossy(&reply.body))
    });
    assert_snapshot!(codes.join("\n"), @r#"
    400 {"error":4001,"errors":["Required parameter 'ids' is missing"]}
    400 {"error":4001,"errors":["Required parameter 'ids' is missing"]}
    400 {"error":4001,"errors":["Required parameter 'ids' is missing"]}
    200 {"content":[]}
    400 {"error":4004,"errors":["ids: size must be between 1 and 40"]}
    404 {"error":4041,"errors":["Resource not found"]}
    404 {"error":4042,"errors":["Path not found"]}
    "#);
}

#[test]
fn over_its_limit_it_says_when_to_come_again() {
    let bare = Bare::of(Service::ReccoBeats, Limits::Real, &[]);
    let target = format!("/v1/audio-features?ids={}", ids(1)[0]);
    let ask = || bare.ask(&target);
    assert!((0..60).all(|_| ask().status == 200));
    bare.wait(Duration::from_millis(1_500));
    assert_snapshot!(line(&ask()), @r#"429 (29) {"error":4291,"errors":["Too many requests"]}"#);
    bare.wait(Duration::from_secs(29));
    assert_eq!(ask().status, 200);
}
