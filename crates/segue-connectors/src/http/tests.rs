//! Waiting, pacing and hiding.

use super::*;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use segue_core::Secret;
use segue_testkit::clock::ManualClock;
use segue_testkit::gate::MemoryGate;
use segue_testkit::http::{Reply, Server};

fn said(text: &str) -> Option<Duration> {
    let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(text).unwrap())]);
    retry::retry_after(&headers, "2026-11-01T12:00:00Z".parse().unwrap())
}

#[test]
fn retry_after_has_two_forms_and_no_others() {
    assert_eq!(said("120"), Some(Duration::from_secs(120)));
    assert_eq!(said("0"), Some(Duration::ZERO));
    assert_eq!(said(" 5 "), Some(Duration::from_secs(5)));
    assert_eq!(said("99999999999999999999999"), Some(retry::LONGEST));
    assert_eq!(said("Sun, 01 Nov 2026 12:01:30 GMT"), Some(Duration::from_secs(90)));
    assert_eq!(said("Sunday, 01-Nov-26 12:01:30 GMT"), Some(Duration::from_secs(90)));
    assert_eq!(said("Sun, 01 Nov 2026 11:00:00 GMT"), Some(Duration::ZERO), "past");
    assert_eq!(said("Fri, 01 Nov 9999 11:00:00 GMT"), None, "a Friday that is a Monday");
    for wrong in ["", "-1", "1.5", "soon", "1 minute"] {
        assert_eq!(said(wrong), None, "{wrong}");
    }
}

#[test]
fn patience_grows_and_differs_between_requests() {
    for tried in 1..40 {
        let wait = retry::backoff(tried, "x");
        let full = Duration::from_millis(500) * 2u32.pow((tried - 1).min(10));
        assert!(wait >= full / 2 && wait <= full, "{tried}: {wait:?}");
    }
    assert_ne!(retry::backoff(1, "a"), retry::backoff(1, "b"));
    assert_eq!(retry::backoff(1, "a"), retry::backoff(1, "a"), "a hash, no dice");
}

#[test]
fn secrets_are_hidden_in_every_form() {
    let redactor = Redactor::default();
    redactor.hide(&Secret::new("p&ss w\"rd"));
    redactor.hide(&Secret::new("p&ss"));
    assert_eq!(
        redactor.text(r#"p&ss w"rd p%26ss+w%22rd p%26ss%20w%22rd {"k":"p&ss w\"rd"} p&ss"#),
        r#"*** *** *** {"k":"***"} ***"#
    );
    let url = Url::parse("http://me:pw@h/x?key=p%26ss").unwrap();
    assert_eq!(redactor.url(&url), "http://h/x?key=***");
    assert_eq!(format!("{redactor:?}").matches("ss").count(), 0);
}

#[test]
fn the_beginning_of_a_secret_before_a_cut_is_hidden() {
    let redactor = Redactor::default();
    redactor.hide(&Secret::new("hush-hush"));
    assert_eq!(
        redactor.text("found \"x hush-h… and hus…, hush…"),
        "found \"x ***… and hus…, ***…"
    );
    assert_eq!(redactor.text("hush-hush…"), "***…");
}

#[test]
fn thousands_of_tokens_are_not_kept() {
    let redactor = Redactor::default();
    for i in 0..10_000 {
        redactor.hide(&Secret::new(format!("token-{i}-x")));
    }
    assert_eq!(
        redactor.text("token-9999-x token-0-x"),
        "*** ***",
        "the first is the client's own, the last is in use"
    );
}

fn deps(clock: &Arc<ManualClock>, gate: &Arc<MemoryGate>) -> Deps {
    Deps {
        connection: "c".into(),
        gate: gate.clone(),
        notes: Arc::new(segue_testkit::notes::MemoryNotes::new(clock.clone())),
        clock: clock.clone(),
        project_dir: "/".into(),
        staging_dir: "/".into(),
        tape: None,
    }
}

#[tokio::test]
async fn a_token_that_was_refused_is_retold_with_what_is_left_of_its_delay() {
    let server = Server::start(|_, _| Reply::status(429, "").header("retry-after", 100)).await;
    let clock = Arc::new(ManualClock::default());
    let gate = Arc::new(MemoryGate::new(clock.clone()));
    let url = Url::parse(&server.url()).unwrap();
    let settings = HttpSettings {
        identity: "k".into(),
        base_url: url.clone(),
        headers: Vec::new(),
        credentials: Credentials::Oauth2(Arc::new(auth::Oauth2 {
            grant: auth::Grant::ClientCredentials,
            token_url: url.join("/token").unwrap(),
            client_id: "me".into(),
            client_secret: Some(Secret::new("hush-hush")),
            client_auth: auth::ClientAuth::Basic,
            scopes: Vec::new(),
            params: Vec::new(),
        })),
        rate: None,
        quotas: Vec::new(),
        allowed_hosts: Vec::new(),
        concurrency: 1,
        max_wait: Duration::from_secs(30),
        tries: 1,
        timeout: Duration::from_secs(10),
        max_body: 1 << 20,
    };
    let http = Http::new(settings, &deps(&clock, &gate)).unwrap();
    let (line, ctx) = (http.line().unwrap(), Ctx::new("dev", clock.clone()));
    let delay = async || http.credentials.get(&http, &line, &ctx).await.unwrap_err().delay();
    assert_eq!(delay().await, Some(Duration::from_secs(100)));
    clock.advance(Duration::from_secs(4));
    assert_eq!(delay().await, Some(Duration::from_secs(96)));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn places_are_used_at_their_time_and_a_late_one_is_lost() {
    let clock = Arc::new(ManualClock::default());
    let gate = Arc::new(MemoryGate::new(clock.clone()));
    let deps = deps(&clock, &gate);
    let rate = Rate {
        count: 100,
        window: Duration::from_secs(1),
    };
    let pacer = Pacer::new("k", rate, &deps);
    let begun = clock.now();
    let mut used = Vec::new();
    for i in 0..1_000u64 {
        if i % 7 == 0 {
            clock.advance(Duration::from_millis(i % 13));
        }
        pacer.place().await.unwrap();
        used.push(clock.now());
    }
    for window in used.windows(101) {
        assert!(
            window[100].duration_since(window[0]).as_micros() >= 1_000_000,
            "{:?}",
            window[0].duration_since(begun)
        );
    }
    let took = clock.elapsed().as_secs_f64();
    assert!((9.0..10.6).contains(&took), "{took}");
    assert_eq!(gate.places("k").len(), 1_000);
    // One that waited for its place and was kept from using it takes another.
    let places = [pacer.place(), pacer.place()];
    let [first, second] = places;
    let (first, second) = tokio::join!(first, async {
        clock.advance(Duration::from_secs(5));
        second.await
    });
    assert!(first.is_ok() && second.is_ok());
    assert!(gate.places("k").len() > 1_002, "the late one was lost");
}

#[tokio::test]
async fn those_who_wait_together_reserve_together() {
    let clock = Arc::new(ManualClock::default());
    let gate = Arc::new(MemoryGate::new(clock.clone()));
    let deps = deps(&clock, &gate);
    let pacer = Pacer::new(
        "k",
        Rate {
            count: 1_000,
            window: Duration::from_secs(1),
        },
        &deps,
    );
    // While one holds the lock, the others queue up.
    let all = (0..32).map(|_| pacer.place());
    for place in futures::future::join_all(all).await {
        place.unwrap();
    }
    assert_eq!(gate.places("k").len(), 32);
    assert!(gate.reserves() <= 32);
}

#[test]
fn hosts_are_allowed_by_name_by_what_is_above_and_by_port() {
    let all = |allowed: &str, host: &str, port: u16| is_host(allowed, host, port, port == 443);
    assert!(all("files.example.com", "files.example.com", 443));
    assert!(all("FILES.example.com", "files.example.com", 443));
    assert!(!all("files.example.com", "files.example.com", 8443));
    assert!(all("files.example.com:8443", "files.example.com", 8443));
    assert!(!all("files.example.com:8443", "files.example.com", 443));
    assert!(all("*.example.com", "a.b.example.com", 443));
    for other in ["example.com", "badexample.com", "example.com.evil.org", ".example.com"] {
        assert!(!all("*.example.com", other, 443), "{other}");
    }
    assert!(!all("example.com", "example.com.evil.org", 443));
}
