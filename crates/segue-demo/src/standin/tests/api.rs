//! The shapes of the answers, and what hostile questions get.

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

#[test]
fn wrong_and_hostile_questions_get_spotifys_words_and_never_more() {
    let bare = Bare::new(|_| {});
    let long = "x".repeat(50_000);
    let many = vec![radiohead(); 51].join(",");
    let asked = [
        "/v1/search?type=artist",
        "/v1/search?q=&type=artist",
        "/v1/search?q=%20%20&type=artist",
        "/v1/search?q=a",
        "/v1/search?q=a&type=album",
        "/v1/search?q=a&type=%3Cscript%3E",
        "/v1/search?q=a&type=artist&limit=11",
        "/v1/search?q=a&type=artist&limit=0",
        "/v1/search?q=a&type=artist&limit=-1",
        "/v1/search?q=a&type=artist&limit=ten",
        "/v1/search?q=a&type=artist&limit=99999999999999999999",
        "/v1/search?q=a&type=artist&offset=-1",
        "/v1/search?q=a&type=artist&offset=1000",
        "/v1/search?q=a&type=artist&offset=18446744073709551615",
        "/v1/artists/x",
        "/v1/artists/..%2f..%2fetc%2fpasswd",
        "/v1/artists/0000000000000000000000",
        "/v1/artists/%00",
        "/v1/artists",
        "/v1/artists?ids=",
        "/v1/artists?ids=,",
        "/v1/artists?ids=x'%20or%201=1--",
        "/v1/artists/0000000000000000000000/top-tracks?market=US",
        "/v1/artists/0000000000000000000000/top-tracks",
        "/v1/artists/0000000000000000000000/top-tracks?market=USA",
        "/v1/artists/0000000000000000000000/top-tracks?market=%C3%A9",
        "/v1/artists/0000000000000000000000/albums?limit=11",
        "/v1/artists/0000000000000000000000/related-artists",
        "/v1/audio-features?ids=0000000000000000000000",
        "/v1/audio-features/0000000000000000000000",
        "/bench/pages/none",
        "/bench/pages/small?limit=1001",
        "/bench/pages/small?offset=x",
        "/",
        "",
        "//",
        "*",
    ];
    let answers = asked.map(|target| format!("{target}\n  {}", line(&bare.get(target))));
    assert_snapshot!(answers.join("\n"), @r#"
    /v1/search?type=artist
      400 {"error":{"status":400,"message":"No search query"}}
    /v1/search?q=&type=artist
      400 {"error":{"status":400,"message":"No search query"}}
    /v1/search?q=%20%20&type=artist
      400 {"error":{"status":400,"message":"No search query"}}
    /v1/search?q=a
      400 {"error":{"status":400,"message":"Missing parameter type"}}
    /v1/search?q=a&type=album
      400 {"error":{"status":400,"message":"Bad search type field album"}}
    /v1/search?q=a&type=%3Cscript%3E
      400 {"error":{"status":400,"message":"Bad search type field <script>"}}
    /v1/search?q=a&type=artist&limit=11
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /v1/search?q=a&type=artist&limit=0
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /v1/search?q=a&type=artist&limit=-1
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /v1/search?q=a&type=artist&limit=ten
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /v1/search?q=a&type=artist&limit=99999999999999999999
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /v1/search?q=a&type=artist&offset=-1
      400 {"error":{"status":400,"message":"Invalid offset"}}
    /v1/search?q=a&type=artist&offset=1000
      400 {"error":{"status":400,"message":"Invalid offset"}}
    /v1/search?q=a&type=artist&offset=18446744073709551615
      400 {"error":{"status":400,"message":"Invalid offset"}}
    /v1/artists/x
      400 {"error":{"status":400,"message":"Invalid base62 id"}}
    /v1/artists/..%2f..%2fetc%2fpasswd
      400 {"error":{"status":400,"message":"Invalid base62 id"}}
    /v1/artists/0000000000000000000000
      404 {"error":{"status":404,"message":"Resource not found"}}
    /v1/artists/%00
      400 {"error":{"status":400,"message":"Invalid base62 id"}}
    /v1/artists
      400 {"error":{"status":400,"message":"Missing required field: ids"}}
    /v1/artists?ids=
      400 {"error":{"status":400,"message":"Missing required field: ids"}}
    /v1/artists?ids=,
      400 {"error":{"status":400,"message":"Invalid base62 id"}}
    /v1/artists?ids=x'%20or%201=1--
      400 {"error":{"status":400,"message":"Invalid base62 id"}}
    /v1/artists/0000000000000000000000/top-tracks?market=US
      404 {"error":{"status":404,"message":"Resource not found"}}
    /v1/artists/0000000000000000000000/top-tracks
      400 {"error":{"status":400,"message":"Missing required field: market"}}
    /v1/artists/0000000000000000000000/top-tracks?market=USA
      400 {"error":{"status":400,"message":"Invalid market code"}}
    /v1/artists/0000000000000000000000/top-tracks?market=%C3%A9
      400 {"error":{"status":400,"message":"Invalid market code"}}
    /v1/artists/0000000000000000000000/albums?limit=11
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /v1/artists/0000000000000000000000/related-artists
      404 {"error":{"status":404,"message":"Service not found"}}
    /v1/audio-features?ids=0000000000000000000000
      200 {"audio_features":[null]}
    /v1/audio-features/0000000000000000000000
      404 {"error":{"status":404,"message":"analysis not found"}}
    /bench/pages/none
      404 {"error":{"status":404,"message":"the kinds of bench pages are small and large"}}
    /bench/pages/small?limit=1001
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /bench/pages/small?offset=x
      400 {"error":{"status":400,"message":"Invalid offset"}}
    /
      404 {"error":{"status":404,"message":"Service not found"}}

      404 {"error":{"status":404,"message":"Service not found"}}
    //
      404 {"error":{"status":404,"message":"Service not found"}}
    *
      404 {"error":{"status":404,"message":"Service not found"}}
    "#);
    assert_eq!(bare.get(&format!("/v1/search?q={long}&type=artist")).status, 200);
    assert_eq!(
        line(&bare.get(&format!("/v1/artists?ids={many}"))).split_off(4),
        r#"{"error":{"status":400,"message":"Too many ids requested"}}"#
    );
    let token = bare.token();
    assert_eq!(
        line(&bare.send("POST", "/v1/search", Some(&token), "")),
        r#"405 {"error":{"status":405,"message":"Method not allowed"}}"#
    );
}

#[test]
fn whatever_is_searched_for_is_answered_and_said_back_safely() {
    let bare = Bare::new(|_| {});
    let hostile = [
        "%",
        "%%",
        "%zz",
        "%ff%fe",
        "%E2%82",
        "a%00b",
        "%22%27%3B--",
        "%F0%9F%8E%B5",
        "+",
        "a+b%2Bc",
        "=",
        "&&&",
        "q",
        "%25",
    ];
    for text in hostile {
        let reply = bare.get(&format!("/v1/search?q={text}&type=artist&limit=10&limit=99"));
        let value = json(&reply);
        assert!(matches!(reply.status, 200 | 400), "{text}: {}", line(&reply));
        assert!(
            value["artists"]["items"].is_array() || value["error"]["status"] == 400,
            "{text}: {}",
            line(&reply)
        );
    }
    let href = json(&bare.get("/v1/search?q=Guns%20N%27+Roses&type=artist&limit=1"))["artists"]["href"].to_string();
    assert_snapshot!(href, @r#""http://127.0.0.1:4567/v1/search?query=Guns%20N%27%20Roses&q=Guns%20N%27%20Roses&type=artist&offset=0&limit=1""#);
}

#[test]
fn a_name_is_found_with_odd_case_spaces_and_signs() {
    let bare = Bare::new(|_| {});
    let first = |asked: &str| {
        json(&bare.get(&format!("/v1/search?q={}&type=artist&limit=10", request::encode(asked))))["artists"]["items"][0]
            ["name"]
            .to_string()
    };
    let asked = [
        " enya ",
        "BJÖRK",
        "guns n' roses",
        "Earth, Wind & Fire",
        "\"weird al\" yankovic",
        "AC/DC",
        "a-ha",
        "(G)I-DLE",
    ];
    assert_snapshot!(asked.map(|a| format!("{a:?}: {}", first(a))).join("\n"), @r#"
    " enya ": "Enya"
    "BJÖRK": "Björk"
    "guns n' roses": "Guns N' Roses"
    "Earth, Wind & Fire": "Earth, Wind & Fire"
    "\"weird al\" yankovic": "\"Weird Al\" Yankovic"
    "AC/DC": "AC/DC"
    "a-ha": "a-ha"
    "(G)I-DLE": "(G)I-DLE"
    "#);
}
