//! What the documentation of Deezer says: shapes, pages, errors inside a 200, the quota.

use super::*;
use crate::catalogue::Codes;

fn bare() -> Bare {
    Bare::of(Service::Deezer, Limits::Fast, &[])
}

fn number(name: &str) -> u64 {
    Codes::number("artist", &artist(name).id)
}

#[test]
fn a_search_for_artists() {
    let reply = bare().ask("/search/artist?q=Radiohead&limit=1");
    assert_snapshot!(show(&reply), @r#"
    200
    {
      "data": [
        {
          "id": 9896575573,
          "name": "Radiohead",
          "link": "https://www.deezer.com/artist/9896575573",
          "picture": "https://api.deezer.com/artist/9896575573/image",
          "picture_small": "https://cdn-images.invalid/images/picture/9896575573/56x56-000000-80-0-0.jpg",
          "picture_medium": "https://cdn-images.invalid/images/picture/9896575573/250x250-000000-80-0-0.jpg",
          "picture_big": "https://cdn-images.invalid/images/picture/9896575573/500x500-000000-80-0-0.jpg",
          "picture_xl": "https://cdn-images.invalid/images/picture/9896575573/1000x1000-000000-80-0-0.jpg",
          "nb_album": 9,
          "nb_fan": 3080036,
          "radio": true,
          "tracklist": "https://api.deezer.com/artist/9896575573/top?limit=50",
          "type": "artist"
        }
      ],
      "total": 6,
      "next": "http://127.0.0.1:4567/search/artist?q=Radiohead&limit=1&index=1"
    }
    "#);
}

#[test]
fn an_artist_and_a_track_have_the_fields_that_are_documented() {
    let bare = bare();
    let artist = json(&bare.ask(&format!("/artist/{}", number("aespa"))));
    assert_eq!(
        fields(&artist),
        "id link name nb_album nb_fan picture picture_big picture_medium picture_small picture_xl radio tracklist type"
    );
    let top = json(&bare.ask(&format!("/artist/{}/top?limit=50", number("aespa"))));
    let listed = &top["data"][0];
    assert_eq!(
        fields(listed),
        "album artist contributors duration explicit_content_cover explicit_content_lyrics explicit_lyrics id link md5_image \
         preview rank readable title title_short title_version type"
    );
    let track = json(&bare.ask(&format!("/track/{}", listed["id"])));
    for field in [
        "isrc",
        "bpm",
        "gain",
        "track_position",
        "disk_number",
        "available_countries",
    ] {
        assert!(listed[field].is_null() && !track[field].is_null(), "{field}");
    }
    let isrc = track["isrc"].as_str().unwrap_or_default();
    assert_eq!(json(&bare.ask(&format!("/track/isrc:{isrc}"))), track);
    assert_eq!(FULL.track_of_isrc(isrc), Some(super::artist("aespa").tracks[0]));
}

#[test]
fn lists_are_pages_with_links_to_their_neighbours() {
    let bare = bare();
    let id = number("BTS");
    let length = |target: &str| json(&bare.ask(target))["data"].as_array().map_or(0, Vec::len);
    assert_eq!(length(&format!("/artist/{id}/top")), 5);
    assert_eq!(length(&format!("/artist/{id}/related")), 20);
    assert_eq!(length("/search/artist?q=the"), 25);
    assert_eq!(length("/search/artist?q=the&limit=1000"), 100);
    let (mut next, mut ids, mut total) = (Some("/search/artist?q=the&limit=30".to_string()), Vec::new(), 0);
    while let Some(target) = next {
        let page = json(&bare.ask(&target));
        ids.extend(page["data"].as_array().into_iter().flatten().map(|a| a["id"].as_u64()));
        total = page["total"].as_u64().unwrap_or_default();
        next = page["next"]
            .as_str()
            .map(|url| url.replace("http://127.0.0.1:4567", ""));
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), all as u64), (all, total));
    assert!(total > 100);
    let last = json(&bare.ask("/search/artist?q=the&limit=10&index=20"));
    assert_eq!(
        last["prev"],
        "http://127.0.0.1:4567/search/artist?q=the&limit=10&index=10"
    );
}

#[test]
fn related_artists_are_others_of_the_same_kind() {
    let related = json(&bare().ask(&format!("/artist/{}/related?limit=5", number("Metallica"))));
    let names: Vec<String> = related["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|a| a["name"].to_string())
        .collect();
    assert_snapshot!(names.join(", "), @r#""Slayer", "Queensrÿche", "Mötley Crüe", "Iron Maiden", "Scorpions""#);
}

#[test]
fn errors_are_two_hundreds() {
    let bare = bare();
    let asked = [
        "/artist/0",
        "/artist/x",
        "/artist/18446744073709551616",
        "/artist/27/top",
        "/artist/27/related",
        "/track/0",
        "/track/isrc:XX",
        "/search/artist",
        "/search/artist?q=",
        "/search/artist?q=a&limit=x",
        "/search/artist?q=a&index=-1",
        "/nowhere",
    ];
    let answers = asked.map(|target| format!("{target}\n  {}", line(&bare.ask(target))));
    assert_snapshot!(answers.join("\n"), @r#"
    /artist/0
      200 {"error":{"type":"DataException","message":"no data","code":800}}
    /artist/x
      200 {"error":{"type":"DataException","message":"no data","code":800}}
    /artist/18446744073709551616
      200 {"error":{"type":"DataException","message":"no data","code":800}}
    /artist/27/top
      200 {"error":{"type":"DataException","message":"no data","code":800}}
    /artist/27/related
      200 {"error":{"type":"DataException","message":"no data","code":800}}
    /track/0
      200 {"error":{"type":"DataException","message":"no data","code":800}}
    /track/isrc:XX
      200 {"error":{"type":"DataException","message":"no data","code":800}}
    /search/artist
      200 {"error":{"type":"MissingParameterException","message":"Missing parameters: q","code":501}}
    /search/artist?q=
      200 {"error":{"type":"ParameterException","message":"Wrong parameter: q","code":500}}
    /search/artist?q=a&limit=x
      200 {"error":{"type":"ParameterException","message":"Wrong parameter: limit","code":500}}
    /search/artist?q=a&index=-1
      200 {"error":{"type":"ParameterException","message":"Wrong parameter: index","code":500}}
    /nowhere
      200 {"error":{"type":"InvalidQueryException","message":"Unknown path components : /nowhere","code":600}}
    "#);
    assert_eq!(bare.send("DELETE", "/artist/27", None, "").status, 200);
}

#[test]
fn fifty_requests_in_any_five_seconds_and_then_code_four_inside_a_200() {
    let bare = Bare::of(Service::Deezer, Limits::Real, &[]);
    let ask = || bare.ask("/search/artist?q=a&limit=1");
    let is_full = || json(&ask())["error"]["code"] == 4;
    for _ in 0..50 {
        assert!(!is_full());
        bare.wait(Duration::from_millis(20));
    }
    let refused = ask();
    assert_eq!((refused.status, refused.retry_after.clone()), (200, None));
    assert_snapshot!(line(&refused), @r#"200 {"error":{"type":"Exception","message":"Quota limit exceeded","code":4}}"#);
    // The first of the fifty leaves the window five seconds after it came.
    bare.wait(Duration::from_millis(3_999));
    assert!(is_full());
    bare.wait(Duration::from_millis(1));
    assert!(!is_full());
    assert!(is_full());
    assert_eq!(bare.stats().refused, 3);
}

#[test]
fn a_few_artists_are_not_here() {
    let bare = bare();
    let missing = FULL.artists().iter().filter(|a| {
        let id = Codes::number("artist", &a.id);
        json(&bare.ask(&format!("/artist/{id}")))["error"]["code"] == 800
    });
    let missing: Vec<&str> = missing.map(|a| a.name.as_str()).collect();
    assert!((10..60).contains(&missing.len()), "{missing:?}");
}
