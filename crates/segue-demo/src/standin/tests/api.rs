//! The shapes of the answers.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[test]
fn a_token_is_for_those_who_know_the_secret() {
    let bare = Bare::new(|_| {});
    let grant = "grant_type=client_credentials";
    let ask = |header: Option<&str>, form: &str| line(&bare.send("POST", "/api/token", header, form));
    let rows = [
        ask(Some(&basic("segue-demo:segue-demo-secret")), grant),
        ask(
            None,
            &format!("{grant}&client_id=segue-demo&client_secret=segue-demo-secret"),
        ),
        ask(Some(&basic("segue-demo:wrong")), grant),
        ask(Some(&basic("nobody:segue-demo-secret")), grant),
        ask(Some("Basic !!!"), grant),
        ask(Some("Bearer x"), grant),
        ask(Some(""), grant),
        ask(None, grant),
        ask(Some(&basic("segue-demo:segue-demo-secret")), ""),
        ask(
            Some(&basic("segue-demo:segue-demo-secret")),
            "grant_type=authorization_code",
        ),
        line(&bare.send("GET", "/api/token", None, "")),
    ];
    assert_snapshot!(rows.join("\n"), @r#"
    200 {"access_token":"BQ3LJEhs1kmWY0RmOAOCQsek3LJEhs1LpJsnUbsJ7pOTTX","token_type":"Bearer","expires_in":3600}
    200 {"access_token":"BQ3LJEC2SC6oTrs7TARvg9Sp3LJEC2Sb4194pHz1iIiYe2","token_type":"Bearer","expires_in":3600}
    400 {"error":"invalid_client","error_description":"Invalid client secret"}
    400 {"error":"invalid_client","error_description":"Invalid client"}
    400 {"error":"invalid_client","error_description":"Invalid client"}
    400 {"error":"invalid_client","error_description":"Invalid client"}
    400 {"error":"invalid_client","error_description":"Invalid client"}
    400 {"error":"invalid_client","error_description":"Invalid client"}
    400 {"error":"unsupported_grant_type","error_description":"grant_type parameter is missing"}
    400 {"error":"unsupported_grant_type","error_description":"grant_type must be client_credentials"}
    405 {"error":"invalid_request","error_description":"use POST"}
    "#);
}

#[test]
fn a_search() {
    assert_snapshot!(show(&Bare::new(|_| {}).get("/v1/search?q=Radiohead&type=artist&limit=2")), @r#"
    200
    {
      "artists": {
        "href": "http://127.0.0.1:4567/v1/search?query=Radiohead&q=Radiohead&type=artist&offset=0&limit=2",
        "items": [
          {
            "external_urls": {
              "spotify": "https://open.spotify.invalid/artist/2JWdrKPEqXVnj5TksT6z8P"
            },
            "followers": {
              "href": null,
              "total": 15400000
            },
            "genres": [
              "art pop",
              "alternative rock"
            ],
            "href": "http://127.0.0.1:4567/v1/artists/2JWdrKPEqXVnj5TksT6z8P",
            "id": "2JWdrKPEqXVnj5TksT6z8P",
            "images": [
              {
                "url": "https://i.scdn.invalid/image/2JWdrKPEqXVnj5TksT6z8P/640",
                "height": 640,
                "width": 640
              },
              {
                "url": "https://i.scdn.invalid/image/2JWdrKPEqXVnj5TksT6z8P/320",
                "height": 320,
                "width": 320
              },
              {
                "url": "https://i.scdn.invalid/image/2JWdrKPEqXVnj5TksT6z8P/160",
                "height": 160,
                "width": 160
              }
            ],
            "name": "Radiohead",
            "popularity": 83,
            "type": "artist",
            "uri": "spotify:artist:2JWdrKPEqXVnj5TksT6z8P"
          },
          {
            "external_urls": {
              "spotify": "https://open.spotify.invalid/artist/4GMlmoZNQAzUf03rSgNKqf"
            },
            "followers": {
              "href": null,
              "total": 3260000
            },
            "genres": [
              "trip hop"
            ],
            "href": "http://127.0.0.1:4567/v1/artists/4GMlmoZNQAzUf03rSgNKqf",
            "id": "4GMlmoZNQAzUf03rSgNKqf",
            "images": [
              {
                "url": "https://i.scdn.invalid/image/4GMlmoZNQAzUf03rSgNKqf/640",
                "height": 640,
                "width": 640
              },
              {
                "url": "https://i.scdn.invalid/image/4GMlmoZNQAzUf03rSgNKqf/320",
                "height": 320,
                "width": 320
              },
              {
                "url": "https://i.scdn.invalid/image/4GMlmoZNQAzUf03rSgNKqf/160",
                "height": 160,
                "width": 160
              }
            ],
            "name": "Portishead",
            "popularity": 68,
            "type": "artist",
            "uri": "spotify:artist:4GMlmoZNQAzUf03rSgNKqf"
          }
        ],
        "limit": 2,
        "next": "http://127.0.0.1:4567/v1/search?query=Radiohead&q=Radiohead&type=artist&offset=2&limit=2",
        "offset": 0,
        "previous": null,
        "total": 3
      }
    }
    "#);
}

#[test]
fn a_search_goes_on_by_its_next_link_and_finds_each_once() {
    let bare = Bare::new(|_| {});
    let mut next = Some("/v1/search?q=the&type=artist&limit=7".to_string());
    let (mut ids, mut total) = (Vec::new(), 0);
    while let Some(target) = next {
        let page = json(&bare.get(&target))["artists"].clone();
        ids.extend(
            page["items"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|a| a["id"].to_string()),
        );
        total = page["total"].as_u64().unwrap_or_default();
        next = page["next"]
            .as_str()
            .map(|url| url.replace("http://127.0.0.1:4567", ""));
    }
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert!(
        total > 14 && ids.len() as u64 == total && all == ids.len(),
        "{all} {total}"
    );
}

#[test]
fn an_artist() {
    assert_snapshot!(show(&Bare::new(|_| {}).get(&format!("/v1/artists/{}", radiohead()))), @r#"
    200
    {
      "external_urls": {
        "spotify": "https://open.spotify.invalid/artist/2JWdrKPEqXVnj5TksT6z8P"
      },
      "followers": {
        "href": null,
        "total": 15400000
      },
      "genres": [
        "art pop",
        "alternative rock"
      ],
      "href": "http://127.0.0.1:4567/v1/artists/2JWdrKPEqXVnj5TksT6z8P",
      "id": "2JWdrKPEqXVnj5TksT6z8P",
      "images": [
        {
          "url": "https://i.scdn.invalid/image/2JWdrKPEqXVnj5TksT6z8P/640",
          "height": 640,
          "width": 640
        },
        {
          "url": "https://i.scdn.invalid/image/2JWdrKPEqXVnj5TksT6z8P/320",
          "height": 320,
          "width": 320
        },
        {
          "url": "https://i.scdn.invalid/image/2JWdrKPEqXVnj5TksT6z8P/160",
          "height": 160,
          "width": 160
        }
      ],
      "name": "Radiohead",
      "popularity": 83,
      "type": "artist",
      "uri": "spotify:artist:2JWdrKPEqXVnj5TksT6z8P"
    }
    "#);
}

#[test]
fn several_artists_with_null_for_who_is_not_there() {
    let bare = Bare::new(|_| {});
    let ids = format!(
        "{},{},{}",
        radiohead(),
        id_of("artist", "nobody"),
        id_of("artist", "BTS")
    );
    let reply = json(&bare.get(&format!("/v1/artists/?ids={ids}")));
    let names: Vec<String> = reply["artists"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|a| a["name"].to_string())
        .collect();
    assert_eq!(names, ["\"Radiohead\"", "null", "\"BTS\""]);
}

#[test]
fn top_tracks() {
    let bare = Bare::new(|_| {});
    let mut reply = json(&bare.get(&format!("/v1/artists/{}/top-tracks?market=US", radiohead())));
    let tracks = reply["tracks"].as_array_mut().unwrap();
    assert!((5..=10).contains(&tracks.len()));
    assert!(tracks.iter().all(|t| t["simulated"] == true));
    tracks.truncate(1);
    assert_snapshot!(serde_json::to_string_pretty(&reply).unwrap(), @r#"
    {
      "tracks": [
        {
          "album": {
            "album_type": "single",
            "artists": [
              {
                "external_urls": {
                  "spotify": "https://open.spotify.invalid/artist/2JWdrKPEqXVnj5TksT6z8P"
                },
                "href": "http://127.0.0.1:4567/v1/artists/2JWdrKPEqXVnj5TksT6z8P",
                "id": "2JWdrKPEqXVnj5TksT6z8P",
                "name": "Radiohead",
                "type": "artist",
                "uri": "spotify:artist:2JWdrKPEqXVnj5TksT6z8P"
              }
            ],
            "external_urls": {
              "spotify": "https://open.spotify.invalid/album/4ICyYCw4jOZTTXp04FGY96"
            },
            "href": "http://127.0.0.1:4567/v1/albums/4ICyYCw4jOZTTXp04FGY96",
            "id": "4ICyYCw4jOZTTXp04FGY96",
            "images": [
              {
                "url": "https://i.scdn.invalid/image/4ICyYCw4jOZTTXp04FGY96/640",
                "height": 640,
                "width": 640
              },
              {
                "url": "https://i.scdn.invalid/image/4ICyYCw4jOZTTXp04FGY96/320",
                "height": 320,
                "width": 320
              },
              {
                "url": "https://i.scdn.invalid/image/4ICyYCw4jOZTTXp04FGY96/160",
                "height": 160,
                "width": 160
              }
            ],
            "is_playable": true,
            "name": "Hearts & Southern Days",
            "release_date": "2017-05-15",
            "release_date_precision": "day",
            "total_tracks": 8,
            "type": "album",
            "uri": "spotify:album:4ICyYCw4jOZTTXp04FGY96",
            "simulated": true
          },
          "artists": [
            {
              "external_urls": {
                "spotify": "https://open.spotify.invalid/artist/2JWdrKPEqXVnj5TksT6z8P"
              },
              "href": "http://127.0.0.1:4567/v1/artists/2JWdrKPEqXVnj5TksT6z8P",
              "id": "2JWdrKPEqXVnj5TksT6z8P",
              "name": "Radiohead",
              "type": "artist",
              "uri": "spotify:artist:2JWdrKPEqXVnj5TksT6z8P"
            }
          ],
          "disc_number": 1,
          "duration_ms": 160988,
          "explicit": false,
          "external_ids": {
            "isrc": "ZZSEG2680668"
          },
          "external_urls": {
            "spotify": "https://open.spotify.invalid/track/4ow5ObmrvJRvCOnlMzhNzQ"
          },
          "href": "http://127.0.0.1:4567/v1/tracks/4ow5ObmrvJRvCOnlMzhNzQ",
          "id": "4ow5ObmrvJRvCOnlMzhNzQ",
          "is_local": false,
          "is_playable": true,
          "name": "Empty Umbrella",
          "popularity": 81,
          "preview_url": null,
          "track_number": 10,
          "type": "track",
          "uri": "spotify:track:4ow5ObmrvJRvCOnlMzhNzQ",
          "simulated": true
        }
      ]
    }
    "#);
}

#[test]
fn an_artist_without_tracks_and_one_whose_tracks_have_no_features() {
    let bare = Bare::new(|_| {});
    let catalogue = &bare.server.options.catalogue;
    let left_out = crate::oracle::left_out(catalogue);
    let mut shown = Vec::new();
    for id in &left_out {
        let tracks = json(&bare.get(&format!("/v1/artists/{id}/top-tracks?market=KR")));
        let ids: Vec<&str> = tracks["tracks"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|t| t["id"].as_str())
            .collect();
        let features = match ids.is_empty() {
            true => "nothing to ask".into(),
            false => bare.get(&format!("/v1/audio-features?ids={}", ids.join(","))).body,
        };
        shown.push(format!("{} tracks: {}", ids.len(), String::from_utf8_lossy(&features)));
    }
    shown.sort();
    assert_snapshot!(shown.join("\n"), @r#"
    0 tracks: nothing to ask
    10 tracks: {"audio_features":[null,null,null,null,null,null,null,null,null,null]}
    "#);
}

#[test]
fn audio_features() {
    let bare = Bare::new(|_| {});
    let catalogue = &bare.server.options.catalogue;
    let track = catalogue
        .tracks()
        .iter()
        .find(|t| t.features.is_some())
        .map(|t| t.id.clone())
        .unwrap_or_default();
    let ids = format!("{track},{}", id_of("track", "nothing"));
    assert_snapshot!(show(&bare.get(&format!("/v1/audio-features?ids={ids}"))), @r#"
    200
    {
      "audio_features": [
        {
          "danceability": 0.607,
          "energy": 0.783,
          "key": 11,
          "loudness": -5.441,
          "mode": 1,
          "speechiness": 0.0285,
          "acousticness": 0.13406,
          "instrumentalness": 0.00207,
          "liveness": 0.0792,
          "valence": 0.923,
          "tempo": 118.602,
          "type": "audio_features",
          "id": "2q0SxPdQffO1ScESsNVyst",
          "uri": "spotify:track:2q0SxPdQffO1ScESsNVyst",
          "track_href": "http://127.0.0.1:4567/v1/tracks/2q0SxPdQffO1ScESsNVyst",
          "analysis_url": "http://127.0.0.1:4567/v1/audio-analysis/2q0SxPdQffO1ScESsNVyst",
          "duration_ms": 206516,
          "time_signature": 4,
          "simulated": true
        },
        null
      ]
    }
    "#);
    let one = json(&bare.get(&format!("/v1/audio-features/{track}")));
    assert_eq!(one["id"], track);
}

#[test]
fn albums_page_by_page() {
    let bare = Bare::new(|_| {});
    let first = format!("/v1/artists/{}/albums?limit=3", radiohead());
    let mut page = json(&bare.get(&first));
    page["items"].as_array_mut().unwrap().truncate(1);
    assert_snapshot!(serde_json::to_string_pretty(&page).unwrap(), @r#"
    {
      "href": "http://127.0.0.1:4567/v1/artists/2JWdrKPEqXVnj5TksT6z8P/albums?offset=0&limit=3",
      "items": [
        {
          "album_type": "single",
          "artists": [
            {
              "external_urls": {
                "spotify": "https://open.spotify.invalid/artist/2JWdrKPEqXVnj5TksT6z8P"
              },
              "href": "http://127.0.0.1:4567/v1/artists/2JWdrKPEqXVnj5TksT6z8P",
              "id": "2JWdrKPEqXVnj5TksT6z8P",
              "name": "Radiohead",
              "type": "artist",
              "uri": "spotify:artist:2JWdrKPEqXVnj5TksT6z8P"
            }
          ],
          "external_urls": {
            "spotify": "https://open.spotify.invalid/album/4ICyYCw4jOZTTXp04FGY96"
          },
          "href": "http://127.0.0.1:4567/v1/albums/4ICyYCw4jOZTTXp04FGY96",
          "id": "4ICyYCw4jOZTTXp04FGY96",
          "images": [
            {
              "url": "https://i.scdn.invalid/image/4ICyYCw4jOZTTXp04FGY96/640",
              "height": 640,
              "width": 640
            },
            {
              "url": "https://i.scdn.invalid/image/4ICyYCw4jOZTTXp04FGY96/320",
              "height": 320,
              "width": 320
            },
            {
              "url": "https://i.scdn.invalid/image/4ICyYCw4jOZTTXp04FGY96/160",
              "height": 160,
              "width": 160
            }
          ],
          "is_playable": true,
          "name": "Hearts & Southern Days",
          "release_date": "2017-05-15",
          "release_date_precision": "day",
          "total_tracks": 8,
          "type": "album",
          "uri": "spotify:album:4ICyYCw4jOZTTXp04FGY96",
          "simulated": true
        }
      ],
      "limit": 3,
      "next": "http://127.0.0.1:4567/v1/artists/2JWdrKPEqXVnj5TksT6z8P/albums?offset=3&limit=3",
      "offset": 0,
      "previous": null,
      "total": 9
    }
    "#);
    let (mut next, mut ids) = (Some(first), Vec::new());
    while let Some(target) = next {
        let page = json(&bare.get(&target));
        ids.extend(
            page["items"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|a| a["id"].to_string()),
        );
        next = page["next"]
            .as_str()
            .map(|url| url.replace("http://127.0.0.1:4567", ""));
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len() as u64, page["total"].as_u64().unwrap_or_default());
}
