//! The same over real connections, written by hand so that nothing is mended on the way.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends these bytes and reads until the other side ends, or nothing comes any more.
async fn exchange(standin: &Standin, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(standin.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

pub(super) async fn get(standin: &Standin, target: &str, token: &str) -> String {
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    exchange(standin, request.as_bytes()).await
}

async fn token(standin: &Standin) -> String {
    let form = "grant_type=client_credentials&client_id=segue-demo&client_secret=segue-demo-secret";
    let request = format!(
        "POST /api/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
        form.len()
    );
    let answer = exchange(standin, request.as_bytes()).await;
    let value: Value = serde_json::from_str(body(&answer)).unwrap_or_default();
    value["access_token"].as_str().unwrap_or_default().to_string()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn length(answer: &str) -> usize {
    let lower = answer.to_lowercase();
    let line = lower.lines().find_map(|l| l.strip_prefix("content-length: "));
    line.and_then(|n| n.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn a_token_and_a_search_over_the_wire() {
    let standin = Standin::start(options()).await.unwrap();
    let token = token(&standin).await;
    let answer = get(&standin, "/v1/search?q=BTS&type=artist&limit=1", &token).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let value: Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(value["artists"]["items"][0]["name"], "BTS");
    assert!(
        value["artists"]["href"]
            .as_str()
            .is_some_and(|h| h.starts_with(&standin.api_url()))
    );
    let stats = standin.stats();
    assert_eq!(
        (stats.requests["token"], stats.requests["search"], stats.tokens),
        (1, 1, 1)
    );
    assert_eq!(standin.recent()[0], "POST /api/token");
    let shown: Stats = serde_json::from_str(body(&get(&standin, "/_control/stats", "").await)).unwrap();
    assert_eq!(shown, stats);
    standin.stop().await.unwrap();
}

#[tokio::test]
async fn a_cut_body_ends_before_its_length() {
    let standin = Standin::start(options()).await.unwrap();
    let calm = get(&standin, "/bench/pages/small?limit=50", "").await;
    assert_eq!(length(&calm), body(&calm).len());
    standin.set_fault(Fault::of(FaultKind::CutBody).every(1));
    let cut = get(&standin, "/bench/pages/small?limit=50", "").await;
    assert!(cut.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!((length(&cut), body(&cut).len()), (length(&calm), length(&calm) / 2));
    standin.clear_fault(FaultKind::CutBody);
    assert_eq!(get(&standin, "/bench/pages/small?limit=50", "").await.len(), calm.len());
    assert_eq!(standin.stats().faults["cut_body"], 1);
}

#[tokio::test]
async fn truncated_json_has_the_length_that_it_says() {
    let troubled = Options {
        faults: vec![Fault::of(FaultKind::TruncatedJson).every(1)],
        ..options()
    };
    let standin = Standin::start(troubled).await.unwrap();
    let answer = get(&standin, "/bench/pages/small?limit=50", "").await;
    assert_eq!(length(&answer), body(&answer).len());
    assert!(serde_json::from_str::<Value>(body(&answer)).is_err());
}

#[tokio::test]
async fn a_slow_answer_comes_and_holds_up_nobody() {
    let standin = Standin::start(options()).await.unwrap();
    // An hour is longer than anyone waits: the other answer comes meanwhile, and stopping does not wait either.
    standin.set_fault(Fault {
        ms: Some(600_000),
        ..Fault::of(FaultKind::Slow).every(1).times(1)
    });
    let (slow, quick) = ("/bench/pages/small?limit=1", "/bench/pages/small?limit=2");
    let waits = tokio::spawn({
        let address = standin.address;
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream
                .write_all(format!("GET {slow} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
                .await
                .unwrap();
            stream.read(&mut [0; 1]).await
        }
    });
    while standin.stats().faults["slow"] == 0 {
        tokio::task::yield_now().await;
    }
    assert!(get(&standin, quick, "").await.contains("200 OK"));
    assert!(!waits.is_finished());
    waits.abort();
}

#[tokio::test]
async fn rubbish_on_the_wire_ends_nothing() {
    let standin = Standin::start(options()).await.unwrap();
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1_000_000));
    let bytes: [&[u8]; 6] = [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST /_control/faults HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"GET /v1/artists/\xff HTTP/1.1\r\nHost: x\r\nAuthorization: \xff\r\nConnection: close\r\n\r\n",
        b"POST /api/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
    ];
    for bytes in bytes {
        let mut stream = TcpStream::connect(standin.address).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    let mut stream = TcpStream::connect(standin.address).await.unwrap();
    let _ = stream.write_all(long.as_bytes()).await;
    let body = "x".repeat(70_000);
    let big = format!(
        "POST /api/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert!(exchange(&standin, big.as_bytes()).await.starts_with("HTTP/1.1 413"));
    assert!(get(&standin, "/bench/pages/small?limit=1", "").await.contains("200 OK"));
}

#[tokio::test]
async fn a_stopped_one_frees_its_port_and_a_taken_port_is_said() {
    let first = Standin::start(options()).await.unwrap();
    let port = first.address.port();
    let again = || Options { port, ..options() };
    let refused = Standin::start(again())
        .await
        .err()
        .map(|e| (e.kind(), e.message().replace(&port.to_string(), "PORT")));
    assert_eq!(
        refused,
        Some((
            Kind::Unavailable,
            "the stand-in for Spotify cannot listen on 127.0.0.1:PORT".into()
        ))
    );
    first.stop().await.unwrap();
    let second = Standin::start(again()).await.unwrap();
    assert_eq!(second.address.port(), port);
}

#[tokio::test]
async fn serve_says_where_and_answers_until_it_is_dropped() {
    let (tell, told) = oneshot::channel();
    let serving = tokio::spawn(serve(options(), |address| {
        let _ = tell.send(address);
    }));
    let address = told.await.unwrap();
    assert!(address.ip().is_loopback());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /_control/stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\"total\":0"), "{answer}");
    assert!(!serving.is_finished());
    serving.abort();
}
