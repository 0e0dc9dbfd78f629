//! What the documentation of ListenBrainz says: counts in order, null for who is not there, the headers of its limit.

use super::*;
use crate::catalogue::mbid_of;

const ALGORITHM: &str = "session_based_days_7500_session_300_contribution_5_threshold_10_limit_100_filter_True_skip_30";

fn bare() -> Bare {
    Bare::of(Service::ListenBrainz, Limits::Fast, &[])
}

fn mbid(name: &str) -> String {
    mbid_of("artist", &artist(name).id)
}

fn header(reply: &Reply, name: &str) -> String {
    let found = reply.headers.iter().find(|(n, _)| *n == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

#[test]
fn popularity_comes_in_the_order_that_was_asked_with_null_for_who_is_not_there() {
    let nobody = mbid_of("artist", "nobody");
    let body = format!(
        r#"{{"artist_mbids":["{}","{nobody}","{}"]}}"#,
        mbid("Taylor Swift"),
        mbid("YB")
    );
    assert_snapshot!(show(&bare().send("POST", "/1/popularity/artist", None, &body)), @r#"
    200
    [
      {
        "artist_mbid": "db913273-108e-41ad-ace6-91604df10bc4",
        "total_listen_count": 10996824,
        "total_user_count": 161718
      },
      {
        "artist_mbid": "9443b7b9-cb5e-4271-93d8-1f84ab66a38b",
        "total_listen_count": null,
        "total_user_count": null
      },
      {
        "artist_mbid": "630533fa-9320-453f-87b9-0506667883a9",
        "total_listen_count": 675048,
        "total_user_count": 15342
      }
    ]
    "#);
    let track = &FULL.tracks()[artist("aespa").tracks[0]];
    let recording = mbid_of("recording", &track.id);
    let body = format!(r#"{{"recording_mbids":["{recording}"]}}"#);
    let counts = json(&bare().send("POST", "/1/popularity/recording", None, &body));
    assert_eq!(counts[0]["recording_mbid"], recording.as_str());
    assert!(counts[0]["total_listen_count"].as_u64() > counts[0]["total_user_count"].as_u64());
}

#[test]
fn who_is_more_popular_is_heard_more_often() {
    let count = |name: &str| {
        let body = format!(r#"{{"artist_mbids":["{}"]}}"#, mbid(name));
        json(&bare().send("POST", "/1/popularity/artist", None, &body))[0]["total_listen_count"].as_u64()
    };
    assert!(count("Taylor Swift") > count("Radiohead") && count("Radiohead") > count("Jambinai"));
}

#[test]
fn similar_artists_have_raw_scores_and_say_whose_they_are() {
    let target = format!(
        "/similar-artists/json?artist_mbids={}&algorithm={ALGORITHM}",
        mbid("BTS")
    );
    let list = json(&bare().ask(&target));
    let list = list.as_array().unwrap();
    assert!((20..=100).contains(&list.len()));
    assert_eq!(
        fields(&list[0]),
        "artist_mbid comment gender name reference_mbid score type"
    );
    assert!(list.is_sorted_by(|a, b| a["score"].as_u64() >= b["score"].as_u64()));
    assert!(
        list.iter()
            .all(|a| a["reference_mbid"] == mbid("BTS").as_str() && a["artist_mbid"] != mbid("BTS").as_str())
    );
    assert!(list[0]["score"].as_u64().is_some_and(|s| s > 100));
    let body = format!(r#"[{{"artist_mbids":["{}"],"algorithm":"{ALGORITHM}"}}]"#, mbid("BTS"));
    assert_eq!(
        json(&bare().send("POST", "/similar-artists/json", None, &body)).as_array(),
        Some(list)
    );
    let two = format!(
        "/similar-artists/json?artist_mbids={},{}&algorithm={ALGORITHM}",
        mbid("BTS"),
        mbid("Nell")
    );
    let of: std::collections::BTreeSet<String> = json(&bare().ask(&two))
        .as_array()
        .into_iter()
        .flatten()
        .map(|a| a["reference_mbid"].to_string())
        .collect();
    assert_eq!(of.len(), 2);
    let unknown = format!(
        "/similar-artists/json?artist_mbids={}&algorithm={ALGORITHM}",
        mbid_of("artist", "nobody")
    );
    assert_eq!(json(&bare().ask(&unknown)), serde_json::json!([]));
}

#[test]
fn radio_has_recordings_of_the_artist_and_of_similar_ones() {
    let target = format!(
        "/1/lb-radio/artist/{}?mode=easy&max_similar_artists=3&max_recordings_per_artist=2&pop_begin=0&pop_end=100",
        mbid("Radiohead")
    );
    let radio = json(&bare().ask(&target));
    let lists = radio.as_object().unwrap();
    assert_eq!(lists.len(), 4);
    assert!(lists.contains_key(&mbid("Radiohead")));
    for (artist, list) in lists {
        assert_eq!(list.as_array().map(Vec::len), Some(2));
        assert_eq!(list[0]["similar_artist_mbid"], artist.as_str());
        assert_eq!(
            fields(&list[0]),
            "recording_mbid similar_artist_mbid similar_artist_name total_listen_count"
        );
    }
}

#[test]
fn top_recordings_are_disabled() {
    let target = format!("/1/popularity/top-recordings-for-artist/{}", mbid("BTS"));
    assert_snapshot!(line(&bare().ask(&target)), @r#"500 {"code":500,"error":"This endpoint has been disabled due to high load."}"#);
}

#[test]
fn every_answer_says_what_is_left_and_over_the_limit_when_there_is_more() {
    let bare = Bare::of(Service::ListenBrainz, Limits::Real, &[]);
    bare.wait(Duration::from_millis(3_400));
    let target = format!(
        "/similar-artists/json?artist_mbids={}&algorithm={ALGORITHM}",
        mbid("Nell")
    );
    let first = bare.ask(&target);
    let shown = |reply: &Reply| {
        let names = [
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset-in",
            "x-ratelimit-reset",
        ];
        format!("{} {}", reply.status, names.map(|name| header(reply, name)).join(" "))
    };
    assert_eq!(shown(&first), format!("200 30 29 7 {}", NOON / 1000 + 10));
    assert!((1..30).all(|_| bare.ask(&target).status == 200));
    let refused = bare.ask(&target);
    assert_eq!(shown(&refused), format!("429 30 0 7 {}", NOON / 1000 + 10));
    assert_eq!(refused.retry_after, None);
    assert_snapshot!(line(&refused), @r#"429 {"code":429,"error":"You have exceeded your rate limit. See the X-RateLimit-* response headers for more information on your current rate limit."}"#);
    bare.wait(Duration::from_millis(6_599));
    assert_eq!(bare.ask(&target).status, 429);
    bare.wait(Duration::from_millis(1));
    assert_eq!(shown(&bare.ask(&target)), format!("200 30 29 10 {}", NOON / 1000 + 20));
    assert_eq!(
        shown(&super::listenbrainz::bare().ask("/nowhere")),
        format!("404 30 29 10 {}", NOON / 1000 + 10)
    );
}

#[test]
fn wrong_questions_get_the_services_words() {
    let bare = bare();
    let posted = [
        "",
        "{",
        "[]",
        r#"{"artist_mbids":7}"#,
        r#"{"artist_mbids":[]}"#,
        r#"{"artist_mbids":["x"]}"#,
    ];
    let mut rows: Vec<String> = posted
        .iter()
        .map(|body| {
            format!(
                "{body}: {}",
                line(&bare.send("POST", "/1/popularity/artist", None, body))
            )
        })
        .collect();
    let many = vec![format!("\"{}\"", mbid("BTS")); 1001].join(",");
    let body = format!(r#"{{"artist_mbids":[{many}]}}"#);
    rows.push(line(&bare.send("POST", "/1/popularity/artist", None, &body)));
    let bts = mbid("BTS");
    let asked = [
        "/1/popularity/artist".to_string(),
        "/1/popularity/top-recordings-for-artist/x".into(),
        "/similar-artists/json".into(),
        format!("/similar-artists/json?artist_mbids={bts}"),
        format!("/similar-artists/json?artist_mbids={bts}&algorithm=best"),
        format!("/1/lb-radio/artist/{bts}"),
        format!("/1/lb-radio/artist/{bts}?max_similar_artists=1&max_recordings_per_artist=1&mode=wild"),
        format!(
            "/1/lb-radio/artist/{bts}?max_similar_artists=1&max_recordings_per_artist=1&mode=easy&pop_begin=0&pop_end=101"
        ),
        "/1/nowhere".into(),
    ];
    rows.extend(
        asked
            .iter()
            .map(|target| format!("{}: {}", target.replace(&bts, "BTS"), line(&bare.ask(target)))),
    );
    rows.push(line(&bare.send("POST", "/similar-artists/json", None, "{}")));
    assert_snapshot!(rows.join("\n"), @r#"
    : 400 {"code":400,"error":"artist_mbids JSON element must be present and contain a list of artist_mbids"}
    {: 400 {"code":400,"error":"artist_mbids JSON element must be present and contain a list of artist_mbids"}
    []: 400 {"code":400,"error":"artist_mbids JSON element must be present and contain a list of artist_mbids"}
    {"artist_mbids":7}: 400 {"code":400,"error":"artist_mbids JSON element must be present and contain a list of artist_mbids"}
    {"artist_mbids":[]}: 400 {"code":400,"error":"At least one valid artist_mbid must be present."}
    {"artist_mbids":["x"]}: 400 {"code":400,"error":"artist_mbid x is not valid."}
    400 {"code":400,"error":"Maximum number of artist_mbids that can be fetched at once is 1000"}
    /1/popularity/artist: 405 {"code":405,"error":"The method is not allowed for the requested URL."}
    /1/popularity/top-recordings-for-artist/x: 400 {"code":400,"error":"artist_mbid: 'x' is not a valid uuid"}
    /similar-artists/json: 400 {"code":400,"error":"artist_mbids: value is not a valid uuid"}
    /similar-artists/json?artist_mbids=BTS: 400 {"code":400,"error":"algorithm: value is not a valid enumeration member; permitted: session_based_days_7500_session_300_contribution_5_threshold_10_limit_100_filter_True_skip_30, session_based_days_9000_session_300_contribution_5_threshold_15_limit_50_skip_30"}
    /similar-artists/json?artist_mbids=BTS&algorithm=best: 400 {"code":400,"error":"algorithm: value is not a valid enumeration member; permitted: session_based_days_7500_session_300_contribution_5_threshold_10_limit_100_filter_True_skip_30, session_based_days_9000_session_300_contribution_5_threshold_15_limit_50_skip_30"}
    /1/lb-radio/artist/BTS: 400 {"code":400,"error":"Argument max_similar_artists must be specified."}
    /1/lb-radio/artist/BTS?max_similar_artists=1&max_recordings_per_artist=1&mode=wild: 400 {"code":400,"error":"mode must be one of: easy, medium or hard."}
    /1/lb-radio/artist/BTS?max_similar_artists=1&max_recordings_per_artist=1&mode=easy&pop_begin=0&pop_end=101: 400 {"code":400,"error":"pop_end should be between the range: 0 to 100"}
    /1/nowhere: 404 {"code":404,"error":"The requested URL was not found on the server."}
    400 {"code":400,"error":"JSON document must be a list of objects"}
    "#);
}
