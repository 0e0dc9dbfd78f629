//! The floor of reading a REST API: the same pages with the same client library, decoded by serde into structs, and dropped.
//!
//! `rest_floor URL KIND LIMIT CONCURRENCY` reads all pages of `URL/bench/pages/KIND` and prints how many records there were.

use futures::StreamExt;
use serde::Deserialize;

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    total: u64,
}

/// The 18 fields of the small kind.
#[derive(Deserialize)]
#[allow(dead_code, reason = "decoding them is the work that is measured")]
struct Small {
    danceability: f64,
    energy: f64,
    key: i32,
    loudness: f64,
    mode: i32,
    speechiness: f64,
    acousticness: f64,
    instrumentalness: f64,
    liveness: f64,
    valence: f64,
    tempo: f64,
    #[serde(rename = "type")]
    kind: String,
    id: String,
    uri: String,
    track_href: String,
    analysis_url: String,
    duration_ms: i64,
    time_signature: i32,
}

/// The 3 KB of the large kind.
#[derive(Deserialize)]
#[allow(dead_code, reason = "decoding them is the work that is measured")]
struct Large {
    id: String,
    number: i64,
    score: f64,
    updated_at: String,
    owner: Owner,
    text: String,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "decoding them is the work that is measured")]
struct Owner {
    id: i64,
    name: String,
}

async fn read<T: for<'a> Deserialize<'a>>(
    url: &str,
    limit: u64,
    concurrency: usize,
) -> Result<u64, Box<dyn std::error::Error>> {
    let client = reqwest::Client::new();
    let page = |offset: u64| {
        let request = client.get(format!("{url}?offset={offset}&limit={limit}"));
        async move {
            Ok::<Page<T>, Box<dyn std::error::Error>>(serde_json::from_slice(&request.send().await?.bytes().await?)?)
        }
    };
    let first = page(0).await?;
    let mut records = first.items.len() as u64;
    let mut rest =
        futures::stream::iter((limit..first.total).step_by(limit as usize).map(page)).buffer_unordered(concurrency);
    while let Some(page) = rest.next().await {
        records += page?.items.len() as u64;
    }
    Ok(records)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The client wants to know who encrypts, also where nothing is encrypted.
    let _already_chosen = rustls::crypto::ring::default_provider().install_default();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, kind, limit, concurrency] = words.as_slice() else {
        return Err("rest_floor URL KIND LIMIT CONCURRENCY".into());
    };
    let (limit, concurrency) = (limit.parse()?, concurrency.parse()?);
    let url = format!("{url}/bench/pages/{kind}");
    let records = match kind.as_str() {
        "small" => read::<Small>(&url, limit, concurrency).await?,
        _ => read::<Large>(&url, limit, concurrency).await?,
    };
    println!("{records} records");
    Ok(())
}
