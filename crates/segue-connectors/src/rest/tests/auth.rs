//! Who asks: signatures, refresh tokens that change, sessions.

use super::*;
use crate::http::sign::{Algorithm, SigV4, Signed, hmac};
use parking_lot::Mutex;
use segue_core::Secret;
use segue_core::hash::{hex, sha256};
use segue_core::notes::Notes;
use std::time::Duration;

fn copy() -> Value {
    json!({ "request": { "get": "/{{ each.id }}", "query": { "q": "a b" } }, "records": "$[*]" })
}

async fn read(f: &Fixture, ids: &[&str]) -> String {
    f.read(for_each(request(copy(), &["n int64"]), "label", ids)).await
}

fn signed_as(secret: &str) -> Value {
    json!({ "hmac": {
        "key_id": "k1",
        "secret": secret,
        "message": "{{ timestamp }}\n{{ method }}\n{{ target }}\n{{ body_sha256 }}",
        "headers": { "X-Key": "{{ key_id }}", "X-Time": "{{ timestamp }}", "X-Sign": "{{ signature }}" },
    } })
}

#[tokio::test]
async fn requests_are_signed_and_a_wrong_signature_is_refused() {
    let answer = |asked: &Asked, _| {
        let text = format!(
            "{}\nGET\n{}\n{}",
            asked.header("x-time").unwrap(),
            asked.target(),
            sha256("")
        );
        let wanted = hex(&hmac(Algorithm::Sha256, b"hush-hush", text.as_bytes()).unwrap());
        match asked.header("x-sign") == Some(&wanted) && asked.header("x-key") == Some("k1") {
            true => Reply::json(json!([{ "n": 1 }])),
            false => Reply::status(401, "the signature of hush-hush is wrong"),
        }
    };
    let f = Fixture::new(answer).await.with("auth", signed_as("hush-hush"));
    assert_eq!(read(&f, &["a"]).await, "0: 1\n0 done");
    let asked = &f.server.asked()[0];
    assert_eq!(
        asked.header("x-time"),
        Some("1793534400"),
        "by the clock that is handed in"
    );
    let f = Fixture::new(answer).await.with("auth", signed_as("hush-what"));
    let text = read(&f, &["a", "b"]).await;
    assert!(text.starts_with("error unauthenticated[SG0304]"), "{text}");
    assert_eq!(
        f.server.asked().len(),
        1,
        "a key that does not change is not tried again"
    );
}

#[tokio::test]
async fn a_signature_that_names_what_is_not_there_is_refused_before_anything_is_asked() {
    let f = Fixture::new(|_, _| Reply::json("[]")).await;
    let mut auth = signed_as("hush-hush");
    auth["hmac"]["message"] = json!("{{ tiemstamp }}");
    let f = f.with("auth", auth);
    let text = read(&f, &["a"]).await;
    assert!(
        text.starts_with("error invalid: a template of `auth.hmac` cannot be filled in"),
        "{text}"
    );
    let f = f.with("auth", json!({ "hmac": { "secret": "hush-hush", "message": "x" } }));
    assert_eq!(
        read(&f, &["a"]).await,
        "error invalid: `auth.hmac` says nowhere where the signature goes"
    );
    assert_eq!(f.server.asked().len(), 0);
}

#[tokio::test]
async fn aws_is_signed_with_what_is_sent() {
    let server = |asked: &Asked, _| {
        let url = format!("http://{}{}", asked.header("host").unwrap(), asked.target());
        let signer = SigV4 {
            region: "eu-central-1".into(),
            service: "execute-api".into(),
            access_key_id: "AKID".into(),
            secret_access_key: Secret::new("hush-hush"),
            session_token: Some(Secret::new("session-1")),
        };
        let request = Signed {
            method: &reqwest::Method::GET,
            url: &url.parse().unwrap(),
            headers: &[],
            body: b"",
            at: "2026-11-01T12:00:00Z".parse().unwrap(),
        };
        let wanted = signer.sign(&request).unwrap();
        let is_right = wanted
            .iter()
            .all(|(name, value)| asked.header(name) == Some(value.reveal()));
        Reply::json(json!([{ "n": u64::from(is_right) }]))
    };
    let auth = json!({ "aws_sigv4": { "region": "eu-central-1", "service": "execute-api", "access_key_id": "AKID", "secret_access_key": "hush-hush", "session_token": "session-1" } });
    let f = Fixture::new(server).await.with("auth", auth);
    assert_eq!(read(&f, &["a", "b/c"]).await, "0: 1\n0 done\n1: 1\n1 done");
    assert_eq!(f.source().unwrap().identity().split(" as ").nth(1), Some("AKID"));
}

#[tokio::test]
async fn passwords_and_cookies_go_where_they_belong() {
    for (auth, header, value) in [
        (
            json!({ "basic": { "user": "me", "password": "hush-hush" } }),
            "authorization",
            "Basic bWU6aHVzaC1odXNo",
        ),
        (
            json!({ "api_key": { "cookie": "sid", "value": "hush-hush" } }),
            "cookie",
            "sid=hush-hush",
        ),
    ] {
        let f = Fixture::new(|_, _| Reply::json(json!([{ "n": "bWU6aHVzaC1odXNo hush-hush" }])));
        let f = f.await.with("auth", auth);
        let text = read(&f, &["a"]).await;
        assert!(text.contains("0 rejected") && !text.contains("hush"), "{text}");
        assert_eq!(f.server.asked()[0].header(header), Some(value));
    }
}

/// A server of refresh tokens `r0`, `r1`, …: each is good once, and gives the next; a token lives an hour.
#[derive(Default)]
struct Rotating {
    good: usize,
    given: usize,
    refuse: Option<String>,
    keeps: bool,
}

fn rotating(state: &Arc<Mutex<Rotating>>) -> impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static {
    let state = state.clone();
    move |asked, _| {
        let mut state = state.lock();
        if asked.path == "/token" {
            let refresh = |n: usize| format!("refresh_token=refresh-{n}&");
            if !asked.body.contains(&refresh(state.good)) || !asked.body.starts_with("grant_type=refresh_token") {
                return Reply::status(400, r#"{"error":"invalid_grant"}"#);
            }
            state.given += 1;
            let mut answer = json!({ "access_token": format!("access-{}", state.given), "expires_in": 3600 });
            if !state.keeps {
                state.good += 1;
                answer["refresh_token"] = json!(format!("refresh-{}", state.good));
            }
            return Reply::json(answer);
        }
        let token = asked.header("authorization").unwrap_or_default().to_string();
        match state.refuse.as_ref() == Some(&token) {
            true => Reply::status(401, "expired"),
            false => {
                Reply::json(json!([{ "n": token.trim_start_matches("Bearer access-").parse::<u64>().unwrap_or(0) }]))
            }
        }
    }
}

async fn refreshing(state: &Arc<Mutex<Rotating>>) -> Fixture {
    let f = Fixture::new(rotating(state)).await;
    let token_url = format!("{}/token", f.server.url());
    let auth = json!({ "oauth2": { "grant": "refresh_token", "token_url": token_url, "client_id": "me", "client_auth": "body", "client_secret": "hush-hush", "refresh_token": "refresh-0" } });
    f.with("auth", auth)
}

#[tokio::test]
async fn a_refresh_token_that_changes_is_kept_and_used_by_every_process() {
    let state = Arc::new(Mutex::new(Rotating::default()));
    let f = refreshing(&state).await;
    // Each read opens the connection anew, as another process would: the token that was fetched is good for all.
    assert_eq!(read(&f, &["a", "b"]).await, "0: 1\n0 done\n1: 1\n1 done");
    assert_eq!(read(&f, &["a"]).await, "0: 1\n0 done");
    f.clock.advance(Duration::from_secs(3600));
    assert_eq!(read(&f, &["a"]).await, "0: 2\n0 done");
    let tokens = |f: &Fixture| f.server.targets().iter().filter(|t| *t == "/token").count();
    assert_eq!(tokens(&f), 2);
    let (_, note) = f.notes.said().pop().unwrap();
    assert!(note.contains("refresh-2") && note.contains("access-2"), "{note}");
    // One that is refused in the middle is renewed, though the notes have it as good.
    state.lock().refuse = Some("Bearer access-2".into());
    assert_eq!(read(&f, &["a", "b"]).await, "0: 3\n0 done\n1: 3\n1 done");
    assert_eq!(tokens(&f), 3);
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let state = Arc::new(Mutex::new(Rotating {
        keeps: true,
        ..Rotating::default()
    }));
    let f = refreshing(&state).await;
    for n in 1..4 {
        assert_eq!(read(&f, &["a"]).await, format!("0: {n}\n0 done"));
        f.clock.advance(Duration::from_secs(3600));
    }
    let (_, note) = f.notes.said().pop().unwrap();
    assert!(note.contains("refresh-0"), "{note}");
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_used() {
    let state = Arc::new(Mutex::new(Rotating::default()));
    let f = refreshing(&state).await;
    f.notes.fill_up(true);
    let text = read(&f, &["a"]).await;
    assert!(
        text.contains("cannot keep a note") && !text.contains("refresh-") && !text.contains("access-"),
        "{text}"
    );
    assert_eq!(f.server.targets(), ["/token"], "nothing was asked with it");
    // The server has rotated, and nobody knows: it refuses the old one, and says what to do.
    f.notes.fill_up(false);
    let text = read(&f, &["a"]).await;
    assert!(
        text.starts_with("error unauthenticated[SG0388]: no token is given for the refresh token any more"),
        "{text}"
    );
    // A new one in the settings counts at once.
    state.lock().good = 7;
    let mut auth = f.settings["auth"].clone();
    auth["oauth2"]["refresh_token"] = json!("refresh-7");
    let f = f.with("auth", auth);
    assert_eq!(read(&f, &["a"]).await, "0: 2\n0 done");
}

#[tokio::test]
async fn who_renews_a_token_is_waited_for_until_it_must_be_gone() {
    let state = Arc::new(Mutex::new(Rotating::default()));
    let f = refreshing(&state).await;
    let url = f.server.url();
    let key = format!("{url} as me\nthe refresh token of me at {url}/token");
    f.notes.claim(&key, "dead", Duration::from_secs(60)).await.unwrap();
    assert_eq!(read(&f, &["a"]).await, "0: 1\n0 done");
    let waited: Duration = f.clock.slept().into_iter().sum();
    assert!(
        waited >= Duration::from_secs(60) && waited < Duration::from_secs(62),
        "{waited:?}"
    );
    assert_eq!(state.lock().given, 1);
}

#[tokio::test]
async fn a_service_account_states_who_it_is() {
    let f = Fixture::new(|asked, _| match asked.path.as_str() {
        "/token" => {
            let form: std::collections::BTreeMap<String, String> = url::form_urlencoded::parse(asked.body.as_bytes())
                .into_owned()
                .collect();
            assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
            assert_eq!((form.len(), asked.header("authorization")), (2, None));
            let claims = crate::http::auth::test_claims(&form["assertion"]);
            Reply::json(json!({ "access_token": format!("for-{}", claims["iss"].as_str().unwrap()), "expires_in": 60 }))
        }
        _ => Reply::json(json!([{ "n": u64::from(asked.header("authorization") == Some("Bearer for-robot")) }])),
    })
    .await;
    let token_url = format!("{}/token", f.server.url());
    let auth = json!({ "oauth2": { "grant": "jwt_bearer", "token_url": token_url, "issuer": "robot", "private_key": crate::http::auth::TEST_KEY } });
    let f = f.with("auth", auth);
    assert_eq!(read(&f, &["a"]).await, "0: 1\n0 done");
    let f = f.with("auth", json!({ "oauth2": { "grant": "jwt_bearer", "token_url": "http://h/t", "issuer": "robot", "private_key": "hush-hush" } }));
    assert_eq!(
        read(&f, &["a"]).await,
        "error invalid: the private key of the connection is no RSA key in PEM"
    );
}

fn login() -> Value {
    json!({ "login": {
        "secrets": { "password": "hush-hush" },
        "steps": [
            { "get": "/csrf", "take": { "csrf": { "cookie": "csrf" } } },
            { "post": "/session", "headers": { "X-Csrf": "{{ login.csrf }}" }, "json": { "user": "me", "password": "{{ secret.password }}" }, "take": { "token": "$.data.token" } },
        ],
        "headers": { "X-Session": "{{ login.token }}" },
        "lasts": "30m",
    } })
}

#[tokio::test]
async fn a_session_is_begun_step_by_step_and_anew_when_it_ends() {
    let f = Fixture::new(|asked, n| match asked.path.as_str() {
        "/v1/csrf" => Reply::json("{}").header("set-cookie", "csrf=c-1234; Path=/"),
        "/v1/session" => {
            assert_eq!(
                (asked.method.as_str(), asked.header("x-csrf")),
                ("POST", Some("c-1234"))
            );
            assert_eq!(asked.body, r#"{"user":"me","password":"hush-hush"}"#);
            Reply::json(json!({ "data": { "token": format!("session-{n}") } }))
        }
        _ => match asked.header("x-session") {
            Some("session-1") if n > 3 => Reply::status(401, "session-1 has ended"),
            Some(session) => {
                Reply::json(json!([{ "n": session.trim_start_matches("session-").parse::<u64>().unwrap() }]))
            }
            None => Reply::status(401, ""),
        },
    });
    let f = f.await.with("auth", login());
    let text = read(&f, &["a", "b", "c"]).await;
    assert_eq!(text, "0: 1\n0 done\n1: 1\n1 done\n2: 6\n2 done");
    assert_eq!(
        f.server.targets(),
        [
            "/v1/csrf",
            "/v1/session",
            "/v1/a?q=a+b",
            "/v1/b?q=a+b",
            "/v1/c?q=a+b",
            "/v1/csrf",
            "/v1/session",
            "/v1/c?q=a+b"
        ]
    );
}

#[tokio::test]
async fn a_login_that_is_refused_or_lacks_something_says_so_and_shows_nothing() {
    let refused = Fixture::new(|asked, _| match asked.path.as_str() {
        "/v1/csrf" => Reply::json("{}").header("set-cookie", "csrf=c-1234"),
        _ => Reply::status(403, "hush-hush is wrong"),
    });
    let refused = refused.await.with("auth", login());
    let text = read(&refused, &["a"]).await;
    assert!(
        text.starts_with("error unauthenticated[SG0304]: the login is refused"),
        "{text}"
    );
    assert!(
        text.contains("step of the login: 2") && !text.contains("hush"),
        "{text}"
    );
    let lacking = Fixture::new(|asked, _| match asked.path.as_str() {
        "/v1/csrf" => Reply::json("{}").header("set-cookie", "csrf=c-1234"),
        _ => Reply::json(json!({ "data": { "error": "wrong password" } })),
    });
    let lacking = lacking.await.with("auth", login());
    let text = read(&lacking, &["a"]).await;
    assert!(
        text.starts_with("error unauthenticated[SG0389]: an answer of the login lacks `token`"),
        "{text}"
    );
    // A value of an answer does not lead the secrets elsewhere.
    let mut auth = login();
    auth["login"]["steps"][0]["take"] = json!({ "csrf": "$.next" });
    auth["login"]["steps"][1]["post"] = json!("{{ login.csrf }}");
    let led = Fixture::new(|_, _| Reply::json(json!({ "next": "http://localhost:9/steal" }))).await;
    let led = led.with("auth", auth);
    let text = read(&led, &["a"]).await;
    assert!(text.contains("a step of the login leads to another server"), "{text}");
}

#[tokio::test]
async fn requests_are_signed_as_oauth_1_has_it() {
    let f = Fixture::new(|_, _| Reply::json(json!([{ "n": 1 }]))).await.with(
        "auth",
        json!({ "oauth1": {
            "consumer_key": "app", "consumer_secret": "hush-app", "token": "token-1", "token_secret": "hush-token", "signature": "hmac_sha256", "realm": "1234",
        } }),
    );
    assert_eq!(read(&f, &["a"]).await, "0: 1\n0 done");
    let asked = &f.server.asked()[0];
    let header = asked.header("authorization").unwrap();
    let field = |name: &str| {
        let (_, rest) = header.split_once(&format!("{name}=\"")).unwrap();
        rest.split('"').next().unwrap().to_string()
    };
    assert!(
        header.starts_with("OAuth realm=\"1234\", oauth_consumer_key=\"app\", "),
        "{header}"
    );
    let base = format!(
        "GET&{}&oauth_consumer_key%3Dapp%26oauth_nonce%3D{}%26oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D1793534400%26oauth_token%3Dtoken-1%26oauth_version%3D1.0%26q%3Da%2520b",
        crate::http::sign::percent_encoded(&format!("{}{}", f.server.url(), asked.path)),
        field("oauth_nonce"),
    );
    let wanted = hmac(Algorithm::Sha256, b"hush-app&hush-token", base.as_bytes()).unwrap();
    let wanted = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, wanted);
    assert_eq!(field("oauth_signature"), crate::http::sign::percent_encoded(&wanted));
    let f = f.with(
        "auth",
        json!({ "oauth1": { "consumer_key": "app", "consumer_secret": "hush-app", "token": "token-1" } }),
    );
    let text = read(&f, &["a"]).await;
    assert_eq!(
        text,
        "error invalid: `auth.oauth1` has one of token and token_secret alone"
    );
}

#[tokio::test]
async fn a_user_without_a_password_is_a_key_and_is_not_shown() {
    let f = Fixture::new(|asked, _| Reply::status(404, asked.header("authorization").unwrap()))
        .await
        .with("auth", json!({ "basic": { "user": "sk_hush_hush" } }));
    let text = read(&f, &["a"]).await;
    assert!(text.contains("***") && !text.contains("hush"), "{text}");
    assert_eq!(
        f.server.asked()[0].header("authorization"),
        Some("Basic c2tfaHVzaF9odXNoOg==")
    );
    assert!(!f.source().unwrap().identity().contains("hush"));
}
