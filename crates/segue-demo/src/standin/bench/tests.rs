use super::*;
use insta::assert_snapshot;
use serde_json::Value;
use std::collections::BTreeSet;

fn page(bench: &Bench, kind: &str, query: &str) -> Value {
    serde_json::from_slice(&bench.page(kind, &Pairs::of(query)).body).unwrap()
}

#[test]
fn a_small_record_has_the_eighteen_fields_of_audio_features() {
    let page = page(&Bench::new(1000, "http://h"), "small", "offset=7&limit=1");
    assert_eq!(page["items"][0].as_object().map(|o| o.len()), Some(18));
    assert_snapshot!(serde_json::to_string_pretty(&page).unwrap(), @r#"
    {
      "items": [
        {
          "danceability": 0.257591,
          "energy": 0.699391,
          "key": 6,
          "loudness": -13.798,
          "mode": 1,
          "speechiness": 0.821311,
          "acousticness": 0.499781,
          "instrumentalness": 0.161611,
          "liveness": 0.129471,
          "valence": 0.342181,
          "tempo": 128.745,
          "type": "audio_features",
          "id": "0000000000000000000007",
          "uri": "spotify:track:0000000000000000000007",
          "track_href": "https://api.spotify.invalid/v1/tracks/0000000000000000000007",
          "analysis_url": "https://api.spotify.invalid/v1/audio-analysis/0000000000000000000007",
          "duration_ms": 256941,
          "time_signature": 4
        }
      ],
      "limit": 1,
      "next": "http://h/bench/pages/small?offset=8&limit=1",
      "offset": 7,
      "total": 1000
    }
    "#);
}

#[test]
fn a_large_record_has_three_kilobytes() {
    let bench = Bench::new(1000, "http://h");
    let body = bench.page("large", &Pairs::of("limit=10")).body;
    assert!((30_000..31_000).contains(&body.len()), "{}", body.len());
    let items = page(&bench, "large", "limit=10")["items"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let texts: BTreeSet<&str> = items.iter().filter_map(|i| i["text"].as_str()).collect();
    assert_eq!(texts.len(), 10);
    assert!(
        texts
            .iter()
            .all(|t| t.len() == WORDS && t.bytes().all(|b| b == b' ' || b.is_ascii_lowercase()))
    );
}

#[test]
fn every_record_is_there_once_and_the_same_whatever_the_page() {
    let bench = Bench::new(1050, "");
    for kind in ["small", "large"] {
        let mut seen: Vec<String> = Vec::new();
        let mut next = Some(format!("/bench/pages/{kind}?limit=100"));
        while let Some(url) = next {
            let page = page(&bench, kind, url.split_once('?').map_or("", |(_, q)| q));
            assert_eq!(page["total"], 1050);
            seen.extend(page["items"].as_array().into_iter().flatten().map(Value::to_string));
            next = page["next"].as_str().map(str::to_string);
        }
        let ids: BTreeSet<String> = seen
            .iter()
            .map(|r| serde_json::from_str::<Value>(r).unwrap()["id"].to_string())
            .collect();
        assert_eq!((seen.len(), ids.len()), (1050, 1050));
        let other = page(&bench, kind, "offset=333&limit=7");
        assert_eq!(other["items"][3].to_string(), seen[336]);
    }
}

#[test]
fn pages_at_and_past_the_end() {
    let bench = Bench::new(10, "http://h");
    let shape = |query: &str| {
        let page = page(&bench, "small", query);
        format!(
            "{query}: {} records, next {}",
            page["items"].as_array().map_or(0, Vec::len),
            page["next"]
        )
    };
    let asked = [
        "offset=0&limit=10",
        "offset=8&limit=10",
        "offset=10",
        "offset=18446744073709551615&limit=1000",
        "limit=3",
    ];
    assert_snapshot!(asked.map(shape).join("\n"), @r#"
    offset=0&limit=10: 10 records, next null
    offset=8&limit=10: 2 records, next null
    offset=10: 0 records, next null
    offset=18446744073709551615&limit=1000: 0 records, next null
    limit=3: 3 records, next "http://h/bench/pages/small?offset=3&limit=3"
    "#);
    assert_eq!(page(&Bench::new(0, ""), "small", "")["items"], Value::Array(Vec::new()));
}

#[test]
fn numbers_are_numbers_in_every_record() {
    let bench = Bench::new(20_000, "");
    for offset in (0..20_000).step_by(1000) {
        let page = page(&bench, "small", &format!("offset={offset}&limit=1000"));
        for record in page["items"].as_array().into_iter().flatten() {
            let loudness = record["loudness"].as_f64().unwrap_or_default();
            let tempo = record["tempo"].as_f64().unwrap_or_default();
            assert!(
                (-20.0..=-11.0).contains(&loudness) && (110.0..200.0).contains(&tempo),
                "{record}"
            );
            assert!(
                record["energy"].as_f64().is_some_and(|e| (0.0..1.0).contains(&e)),
                "{record}"
            );
        }
    }
}
