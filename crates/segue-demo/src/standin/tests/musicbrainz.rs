//! What the documentation of MusicBrainz says: shapes, scores, `inc`, who may ask, and how often.

use super::*;
use crate::catalogue::mbid_of;

fn bare() -> Bare {
    Bare::of(Service::MusicBrainz, Limits::Fast, &[])
}

fn search(query: &str) -> Value {
    json(&bare().ask(&format!("/ws/2/artist?query={}&fmt=json", request::encode(query))))
}

fn look_up(name: &str, inc: &str) -> Value {
    let mbid = mbid_of("artist", &artist(name).id);
    json(&bare().ask(&format!("/ws/2/artist/{mbid}?inc={inc}&fmt=json")))
}

#[test]
fn a_search_finds_a_name_in_hangul_by_name_or_alias() {
    let found = search(r#"artist:"에스파" OR alias:"에스파""#);
    assert_snapshot!(serde_json::to_string_pretty(&found).unwrap(), @r#"
    {
      "created": "2026-05-01T12:00:00.000Z",
      "count": 1,
      "offset": 0,
      "artists": [
        {
          "id": "c839e8c1-1de4-4f16-9474-4dd6fabc2b9d",
          "type": "Group",
          "type-id": "e431f5f6-b5d2-343d-8b36-72607fffb74b",
          "score": 100,
          "name": "aespa",
          "sort-name": "aespa",
          "country": "KR",
          "area": {
            "id": "0bf3f2d4-29cb-412d-8b88-7e75f93ccd45",
            "name": "South Korea",
            "sort-name": "South Korea",
            "type": "Country",
            "type-id": "06dd0ae4-8c74-30bb-b43d-95dcedf961de",
            "life-span": {
              "ended": null
            }
          },
          "life-span": {
            "ended": null
          },
          "aliases": [
            {
              "sort-name": "에스파",
              "type-id": "894afba6-2816-3c24-8072-eadb66bd04bc",
              "name": "에스파",
              "locale": "ko",
              "type": "Artist name",
              "primary": true,
              "begin-date": null,
              "end-date": null
            },
            {
              "sort-name": "エスパ",
              "type-id": "894afba6-2816-3c24-8072-eadb66bd04bc",
              "name": "エスパ",
              "locale": "ja",
              "type": "Artist name",
              "primary": true,
              "begin-date": null,
              "end-date": null
            }
          ],
          "tags": [
            {
              "count": 14,
              "name": "k-pop girl group"
            },
            {
              "count": 9,
              "name": "k-pop"
            },
            {
              "count": 1,
              "name": "korean"
            }
          ]
        }
      ]
    }
    "#);
    let found = search(r#"artist:"아이유" OR alias:"아이유""#);
    assert_eq!(
        (&found["artists"][0]["name"], &found["artists"][0]["sort-name"]),
        (&"아이유".into(), &"IU".into())
    );
}

#[test]
fn scores_go_up_to_a_hundred_and_homonyms_have_the_same() {
    let found = search("artist:nirvana");
    let artists = found["artists"].as_array().cloned().unwrap_or_default();
    let shown: Vec<String> = artists
        .iter()
        .map(|a| format!("{} {} {} {}", a["score"], a["name"], a["country"], a["disambiguation"]))
        .collect();
    assert_snapshot!(shown.join("\n"), @r#"
    100 "Nirvana" "US" "1980s–1990s US grunge band"
    100 "Nirvana" "GB" "1960s British psychedelic band"
    "#);
    let scores = |query: &str| -> Vec<u64> {
        let found = search(query);
        found["artists"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|a| a["score"].as_u64())
            .collect()
    };
    for query in ["beatles", "artist:the", "\"led zeppelin\"", "artist:kim"] {
        let scores = scores(query);
        assert_eq!(scores.first(), Some(&100), "{query}");
        assert!(
            scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|s| *s > 0),
            "{query}: {scores:?}"
        );
    }
}

#[test]
fn a_search_has_25_results_a_page_and_at_most_100() {
    let count = |target: &str| {
        let page = json(&bare().ask(&format!("/ws/2/artist?query=tag:k-pop&fmt=json{target}")));
        (page["artists"].as_array().map_or(0, Vec::len), page["offset"].as_u64())
    };
    assert_eq!(count(""), (25, Some(0)));
    assert_eq!(count("&limit=3&offset=4"), (3, Some(4)));
    assert_eq!(count("&limit=1000"), (100, Some(0)));
    assert_eq!(count("&offset=100000"), (0, Some(100_000)));
    let all = json(&bare().ask("/ws/2/artist?query=tag:k-pop&fmt=json"));
    assert!(all["count"].as_u64().is_some_and(|n| n > 100));
    assert_eq!(all["created"], "2026-05-01T12:00:00.000Z");
}

#[test]
fn an_artist_with_all_that_comes_along() {
    assert_snapshot!(serde_json::to_string_pretty(&look_up("IU", "aliases+genres+tags+url-rels")).unwrap(), @r#"
    {
      "id": "1283fb92-b8bd-4746-b9dd-1a533fccd686",
      "type": "Person",
      "type-id": "b6e035f4-3ce9-331c-97df-83397230b0df",
      "name": "아이유",
      "sort-name": "IU",
      "disambiguation": "",
      "country": "KR",
      "area": {
        "id": "0bf3f2d4-29cb-412d-8b88-7e75f93ccd45",
        "name": "South Korea",
        "sort-name": "South Korea",
        "iso-3166-1-codes": [
          "KR"
        ],
        "disambiguation": "",
        "type": null,
        "type-id": null
      },
      "begin-area": null,
      "end-area": null,
      "gender": null,
      "gender-id": null,
      "ipis": [],
      "isnis": [],
      "life-span": {
        "begin": null,
        "end": null,
        "ended": false
      },
      "aliases": [
        {
          "name": "IU",
          "sort-name": "IU",
          "locale": "en",
          "primary": true,
          "type": "Artist name",
          "type-id": "894afba6-2816-3c24-8072-eadb66bd04bc",
          "begin": null,
          "end": null,
          "ended": false
        },
        {
          "name": "이지은",
          "sort-name": "이지은",
          "locale": "ko",
          "primary": true,
          "type": "Artist name",
          "type-id": "894afba6-2816-3c24-8072-eadb66bd04bc",
          "begin": null,
          "end": null,
          "ended": false
        },
        {
          "name": "Lee Ji-eun",
          "sort-name": "Lee Ji-eun",
          "locale": null,
          "primary": null,
          "type": "Artist name",
          "type-id": "894afba6-2816-3c24-8072-eadb66bd04bc",
          "begin": null,
          "end": null,
          "ended": false
        }
      ],
      "genres": [
        {
          "id": "e5a91950-bf97-4fb2-a75b-48373785a0e0",
          "name": "k-ballad",
          "count": 2,
          "disambiguation": ""
        },
        {
          "id": "eb877719-61d8-4da5-ab4f-338dd6d836d0",
          "name": "k-pop",
          "count": 1,
          "disambiguation": ""
        }
      ],
      "tags": [
        {
          "name": "k-ballad",
          "count": 2
        },
        {
          "name": "k-pop",
          "count": 1
        },
        {
          "name": "korean",
          "count": 1
        }
      ],
      "relations": [
        {
          "type": "free streaming",
          "type-id": "769085a1-c2f7-4c24-a532-2375a77693bd",
          "direction": "forward",
          "target-type": "url",
          "source-credit": "",
          "target-credit": "",
          "attributes": [],
          "attribute-ids": {},
          "attribute-values": {},
          "begin": null,
          "end": null,
          "ended": false,
          "url": {
            "id": "6cbe9831-385e-4dfe-8bcc-bb64f93de51b",
            "resource": "https://www.deezer.com/artist/9007792968"
          }
        },
        {
          "type": "free streaming",
          "type-id": "769085a1-c2f7-4c24-a532-2375a77693bd",
          "direction": "forward",
          "target-type": "url",
          "source-credit": "",
          "target-credit": "",
          "attributes": [],
          "attribute-ids": {},
          "attribute-values": {},
          "begin": null,
          "end": null,
          "ended": false,
          "url": {
            "id": "f5c0bcd5-9f7e-4e82-9485-d7951deac892",
            "resource": "https://open.spotify.com/artist/6BOFguHOjYI55BHdRQlIww"
          }
        }
      ]
    }
    "#);
}

#[test]
fn only_what_inc_names_comes_along() {
    assert_eq!(
        fields(&look_up("aespa", "")),
        "area begin-area country disambiguation end-area gender gender-id id ipis isnis life-span name sort-name type type-id"
    );
    for (inc, field) in [
        ("aliases", "aliases"),
        ("genres", "genres"),
        ("tags", "tags"),
        ("url-rels", "relations"),
    ] {
        let artist = look_up("aespa", inc);
        assert!(artist[field].as_array().is_some_and(|a| !a.is_empty()), "{inc}");
        let others = ["aliases", "genres", "tags", "relations"]
            .into_iter()
            .filter(|f| *f != field);
        assert!(others.clone().all(|f| artist[f].is_null()), "{inc}");
    }
}

#[test]
fn members_and_groups_are_related() {
    let related = |name: &str| {
        let artist = look_up(name, "artist-rels");
        let relations = artist["relations"].as_array().cloned().unwrap_or_default();
        let mut shown: Vec<String> = relations
            .iter()
            .map(|r| {
                format!(
                    "{} {} {} {}",
                    r["type"], r["direction"], r["target-type"], r["artist"]["name"]
                )
            })
            .collect();
        shown.sort();
        format!("{name}: {}", shown.join(", "))
    };
    assert_snapshot!(["G-DRAGON", "BIGBANG", "BLACKPINK", "Radiohead"].map(related).join("\n"), @r#"
    G-DRAGON: "member of band" "forward" "artist" "BIGBANG"
    BIGBANG: "member of band" "backward" "artist" "G-DRAGON", "member of band" "backward" "artist" "TAEYANG"
    BLACKPINK: "member of band" "backward" "artist" "JENNIE", "member of band" "backward" "artist" "JISOO", "member of band" "backward" "artist" "LISA", "member of band" "backward" "artist" "ROSÉ"
    Radiohead:
    "#);
}

#[test]
fn a_page_of_spotify_leads_to_the_artist_and_back() {
    let bare = bare();
    let (mut with, mut without) = (0, 0);
    for artist in FULL.artists().iter().step_by(7) {
        let page = format!("https://open.spotify.com/artist/{}", artist.id);
        let found = bare.ask(&format!(
            "/ws/2/url?resource={}&inc=artist-rels&fmt=json",
            request::encode(&page)
        ));
        let mbid = mbid_of("artist", &artist.id);
        let whole = json(&bare.ask(&format!("/ws/2/artist/{mbid}?inc=url-rels&fmt=json")));
        let has_link = whole["relations"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|r| r["url"]["resource"] == page.as_str());
        match found.status {
            200 => {
                let relation = &json(&found)["relations"][0];
                assert_eq!(relation["artist"]["id"], mbid.as_str());
                assert_eq!(
                    (&relation["type"], &relation["direction"]),
                    (&"free streaming".into(), &"backward".into())
                );
                assert!(has_link);
                with += 1;
            }
            status => {
                assert_eq!((status, has_link), (404, false), "{}", artist.name);
                without += 1;
            }
        }
    }
    assert!(with > 50 && without > 2, "{with} {without}");
}

#[test]
fn recordings_of_an_isrc() {
    let track = FULL.tracks().iter().find(|t| t.artists.len() == 2).unwrap();
    let isrc = FULL.isrc(track);
    let found = json(&bare().ask(&format!(
        "/ws/2/isrc/{}?inc=artist-credits&fmt=json",
        isrc.to_lowercase()
    )));
    assert_snapshot!(serde_json::to_string_pretty(&found).unwrap(), @r#"
    {
      "isrc": "ZZSEG2634552",
      "recordings": [
        {
          "id": "9d453fc6-6862-4fca-9a20-9f1e31983a7e",
          "title": "Ordinary Parade (feat. David Bowie)",
          "length": 235446,
          "disambiguation": "",
          "video": false,
          "artist-credit": [
            {
              "name": "SEVENTEEN",
              "joinphrase": " feat. ",
              "artist": {
                "id": "87ece038-a205-46f0-b1b3-ce90558a2dbc",
                "name": "SEVENTEEN",
                "sort-name": "SEVENTEEN",
                "disambiguation": "",
                "type": "Group",
                "type-id": "e431f5f6-b5d2-343d-8b36-72607fffb74b",
                "country": "KR"
              }
            },
            {
              "name": "David Bowie",
              "joinphrase": "",
              "artist": {
                "id": "8939a1e8-cce3-4135-9238-27b5700e975c",
                "name": "David Bowie",
                "sort-name": "Bowie, David",
                "disambiguation": "",
                "type": "Person",
                "type-id": "b6e035f4-3ce9-331c-97df-83397230b0df",
                "country": "GB"
              }
            }
          ]
        }
      ]
    }
    "#);
}

#[test]
fn xml_comes_unless_json_is_asked_for() {
    let bare = bare();
    let shown = |target: &str, accept: Option<&str>| {
        let reply = bare.ask_as(target, Some(AGENT), accept);
        format!(
            "{} {}",
            reply.content_type,
            String::from_utf8_lossy(&reply.body)
                .chars()
                .take(150)
                .collect::<String>()
        )
    };
    let target = "/ws/2/artist?query=alias:SNSD";
    assert_snapshot!(shown(target, None), @r#"application/xml; charset=utf-8 <?xml version="1.0" encoding="UTF-8"?><metadata xmlns="http://musicbrainz.org/ns/mmd-2.0#" xmlns:ns2="http://musicbrainz.org/ns/ext#-2.0"><artist-list"#);
    assert!(shown(target, Some("application/json")).starts_with("application/json"));
    assert!(shown(&format!("{target}&fmt=xml"), Some("application/json")).starts_with("application/xml"));
    assert_eq!(bare.ask(&format!("{target}&fmt=yaml")).status, 406);
}

#[test]
fn who_does_not_say_who_asks_is_forbidden() {
    let bare = bare();
    let status = |agent: Option<&str>| bare.ask_as("/ws/2/artist?query=a&fmt=json", agent, None).status;
    let refused = [
        None,
        Some(""),
        Some("  "),
        Some("curl/8.5.0"),
        Some("python-requests/2.32 (https://example.org)"),
        Some("Java/17"),
        Some("my program"),
    ];
    assert!(refused.iter().all(|agent| status(*agent) == 403));
    let welcome = [
        AGENT,
        "music/1.0 ( https://example.org/music )",
        "music/1.0 ( me@example.org )",
    ];
    assert!(welcome.iter().all(|agent| status(Some(*agent)) == 200));
    assert_eq!(bare.stats().refused, 0);
}

#[test]
fn one_request_a_second_is_admitted_and_whoever_goes_on_asking_stays_refused() {
    let bare = Bare::of(Service::MusicBrainz, Limits::Real, &[]);
    let ask = || bare.ask("/ws/2/artist?query=a&fmt=json");
    for _ in 0..5 {
        assert_eq!(ask().status, 200);
        bare.wait(Duration::from_secs(1));
    }
    assert_eq!(ask().status, 200);
    assert_snapshot!(line(&ask()), @r#"503 {"error":"Your requests are exceeding the allowable rate limit. Please see http://wiki.musicbrainz.org/XMLWebService for more information.","help":"For usage, please see: https://musicbrainz.org/development/mmd"}"#);
    for _ in 0..10 {
        bare.wait(Duration::from_millis(500));
        assert_eq!(ask().status, 503);
    }
    bare.wait(Duration::from_secs(1));
    assert_eq!(ask().status, 200);
    assert_eq!(bare.stats().refused, 11);
}

#[test]
fn wrong_questions_get_the_services_words() {
    let bare = bare();
    let mbid = mbid_of("artist", "nobody");
    let asked = [
        "/ws/2/artist?fmt=json".to_string(),
        "/ws/2/artist?query=%20&fmt=json".into(),
        "/ws/2/artist?query=%22a&fmt=json".into(),
        "/ws/2/artist?query=a&limit=x&fmt=json".into(),
        "/ws/2/artist?query=a&offset=-1&fmt=json".into(),
        "/ws/2/artist/x?fmt=json".into(),
        format!("/ws/2/artist/{mbid}?fmt=json"),
        format!("/ws/2/artist/{mbid}?inc=aliases+friends&fmt=json"),
        "/ws/2/url?fmt=json".into(),
        "/ws/2/url?resource=https://example.org&fmt=json".into(),
        "/ws/2/isrc/x?fmt=json".into(),
        "/ws/2/isrc/ZZSEG9900000?fmt=json".into(),
        "/ws/2/label?query=a&fmt=json".into(),
        "/".into(),
    ];
    let answers: Vec<String> = asked
        .iter()
        .map(|target| format!("{target}\n  {}", line(&bare.ask(target))))
        .collect();
    assert_snapshot!(answers.join("\n"), @r#"
    /ws/2/artist?fmt=json
      400 {"error":"The given parameters do not match any available query type for the artist resource.","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    /ws/2/artist?query=%20&fmt=json
      400 {"error":"The given parameters do not match any available query type for the artist resource.","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    /ws/2/artist?query=%22a&fmt=json
      400 {"error":"Invalid query: the query could not be parsed.","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    /ws/2/artist?query=a&limit=x&fmt=json
      400 {"error":"Invalid limit.","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    /ws/2/artist?query=a&offset=-1&fmt=json
      400 {"error":"Invalid offset.","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    /ws/2/artist/x?fmt=json
      400 {"error":"Invalid mbid.","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    /ws/2/artist/9443b7b9-cb5e-4271-93d8-1f84ab66a38b?fmt=json
      404 {"error":"Not Found","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    /ws/2/artist/9443b7b9-cb5e-4271-93d8-1f84ab66a38b?inc=aliases+friends&fmt=json
      400 {"error":"friends is not a valid inc parameter for the artist resource.","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    /ws/2/url?fmt=json
      400 {"error":"Missing parameter: resource","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    /ws/2/url?resource=https://example.org&fmt=json
      404 {"error":"Not Found","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    /ws/2/isrc/x?fmt=json
      400 {"error":"Invalid isrc.","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    /ws/2/isrc/ZZSEG9900000?fmt=json
      404 {"error":"Not Found","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    /ws/2/label?query=a&fmt=json
      404 {"error":"Not Found","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    /
      404 {"error":"Not Found","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    "#);
    assert_eq!(bare.send("POST", "/ws/2/artist?query=a&fmt=json", None, "").status, 405);
}

#[test]
fn look_alikes_are_unknown_here() {
    let look_alike = FULL
        .search("Tribute Band")
        .into_iter()
        .find(|a| a.name.ends_with("Tribute Band"))
        .unwrap();
    let reply = bare().ask(&format!("/ws/2/artist/{}?fmt=json", mbid_of("artist", &look_alike.id)));
    assert_eq!(reply.status, 404);
}
