//! The same faults at every service, each in the service's own words.

use super::*;

/// A question that each service answers with records, and its body.
fn question(service: Service) -> (&'static str, String, String) {
    let mbid = crate::catalogue::mbid_of("artist", &artist("BTS").id);
    let ids: Vec<&str> = FULL.tracks().iter().take(10).map(|t| t.id.as_str()).collect();
    match service {
        Service::Spotify | Service::SpotifyDevelopment => ("GET", "/v1/search?q=the&type=artist".into(), String::new()),
        Service::MusicBrainz => ("GET", "/ws/2/artist?query=tag:k-pop&fmt=json".into(), String::new()),
        Service::Deezer => ("GET", "/search/artist?q=the".into(), String::new()),
        Service::ReccoBeats => (
            "GET",
            format!("/v1/audio-features?ids={}", ids.join(",")),
            String::new(),
        ),
        Service::ListenBrainz => (
            "POST",
            "/1/popularity/artist".into(),
            format!(r#"{{"artist_mbids":["{mbid}","{mbid}"]}}"#),
        ),
    }
}

/// Asks the question once more.
fn again(bare: &Bare, service: Service) -> Reply {
    let (method, target, body) = question(service);
    let token = matches!(service, Service::Spotify | Service::SpotifyDevelopment).then(|| bare.token());
    bare.send(method, &target, token.as_deref(), &body)
}

fn fired(bare: &Bare, kind: FaultKind) -> u64 {
    bare.stats().faults.get(kind.name()).copied().unwrap_or_default()
}

#[test]
fn the_question_is_answered_without_trouble() {
    for service in Service::ALL {
        let reply = again(&Bare::of(service, Limits::Fast, &[]), service);
        assert!(
            reply.status == 200 && json(&reply)["error"].is_null(),
            "{service}: {}",
            line(&reply)
        );
    }
}

#[test]
fn each_fault_in_each_services_words() {
    let kinds = [
        FaultKind::RateLimitSeconds,
        FaultKind::BlockedAccount,
        FaultKind::ServerError,
        FaultKind::Outage,
        FaultKind::ErrorInBody,
        FaultKind::NotJson,
    ];
    let mut rows = Vec::new();
    for service in Service::ALL {
        for kind in kinds {
            let fault = match kind {
                FaultKind::ServerError => Fault {
                    status: Some(503),
                    ..Fault::of(kind).every(1)
                },
                FaultKind::Outage | FaultKind::BlockedAccount => Fault::of(kind),
                _ => Fault::of(kind).every(1),
            };
            let bare = Bare::of(service, Limits::Fast, &[fault]);
            let reply = again(&bare, service);
            assert_eq!(fired(&bare, kind), 1, "{service} {kind}");
            rows.push(format!(
                "{service} {kind}: {} {}",
                reply.content_type,
                line(&reply).replace(['\r', '\n'], " ")
            ));
        }
    }
    assert_snapshot!(rows.join("\n"), @r#"
    spotify rate_limit_seconds: application/json; charset=utf-8 429 (1) {"error":{"status":429,"message":"API rate limit exceeded"}}
    spotify blocked_account: application/json; charset=utf-8 429 (86400) {"error":{"status":429,"message":"API rate limit exceeded","reason":"QUOTA_EXCEEDED"}}
    spotify server_error: application/json; charset=utf-8 503 {"error":{"status":503,"message":"Service temporarily unavailable"}}
    spotify outage: application/json; charset=utf-8 500 {"error":{"status":500,"message":"Internal server error"}}
    spotify error_in_body: application/json; charset=utf-8 200 {"error":{"status":503,"message":"Service temporarily unavailable"}}
    spotify not_json: text/html; charset=utf-8 200 <!DOCTYPE html> <html><body><h1>We will be right back</h1></body></html>
    spotify-development rate_limit_seconds: application/json; charset=utf-8 429 (1) {"error":{"status":429,"message":"API rate limit exceeded"}}
    spotify-development blocked_account: application/json; charset=utf-8 429 (86400) {"error":{"status":429,"message":"API rate limit exceeded","reason":"QUOTA_EXCEEDED"}}
    spotify-development server_error: application/json; charset=utf-8 503 {"error":{"status":503,"message":"Service temporarily unavailable"}}
    spotify-development outage: application/json; charset=utf-8 500 {"error":{"status":500,"message":"Internal server error"}}
    spotify-development error_in_body: application/json; charset=utf-8 200 {"error":{"status":503,"message":"Service temporarily unavailable"}}
    spotify-development not_json: text/html; charset=utf-8 200 <!DOCTYPE html> <html><body><h1>We will be right back</h1></body></html>
    musicbrainz rate_limit_seconds: application/json; charset=utf-8 503 (1) {"error":"Your requests are exceeding the allowable rate limit. Please see http://wiki.musicbrainz.org/XMLWebService for more information.","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    musicbrainz blocked_account: application/json; charset=utf-8 503 (86400) {"error":"Your requests are exceeding the allowable rate limit. Please see http://wiki.musicbrainz.org/XMLWebService for more information.","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    musicbrainz server_error: application/json; charset=utf-8 503 {"error":"The MusicBrainz web server is currently busy. Please try again later.","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    musicbrainz outage: application/json; charset=utf-8 500 {"error":"Internal server error","help":"For usage, please see: https://musicbrainz.org/development/mmd"}
    musicbrainz error_in_body: application/json; charset=utf-8 200 {"error":"The MusicBrainz web server is currently busy. Please try again later."}
    musicbrainz not_json: text/html; charset=utf-8 200 <!DOCTYPE html> <html><body><h1>We will be right back</h1></body></html>
    deezer rate_limit_seconds: application/json; charset=utf-8 200 (1) {"error":{"type":"Exception","message":"Quota limit exceeded","code":4}}
    deezer blocked_account: application/json; charset=utf-8 200 (86400) {"error":{"type":"Exception","message":"Quota limit exceeded","code":4}}
    deezer server_error: text/html; charset=utf-8 503 <html><body><h1>An error occurred</h1></body></html>
    deezer outage: text/html; charset=utf-8 500 <html><body><h1>An error occurred</h1></body></html>
    deezer error_in_body: application/json; charset=utf-8 200 {"error":{"type":"Exception","message":"Service busy","code":700}}
    deezer not_json: text/html; charset=utf-8 200 <!DOCTYPE html> <html><body><h1>We will be right back</h1></body></html>
    reccobeats rate_limit_seconds: application/json; charset=utf-8 429 (1) {"error":4291,"errors":["Too many requests"]}
    reccobeats blocked_account: application/json; charset=utf-8 429 (86400) {"error":4291,"errors":["Too many requests"]}
    reccobeats server_error: application/json; charset=utf-8 503 {"error":5001,"errors":["An unexpected error occurred"]}
    reccobeats outage: application/json; charset=utf-8 500 {"error":5001,"errors":["An unexpected error occurred"]}
    reccobeats error_in_body: application/json; charset=utf-8 200 {"error":5001,"errors":["An unexpected error occurred"]}
    reccobeats not_json: text/html; charset=utf-8 200 <!DOCTYPE html> <html><body><h1>We will be right back</h1></body></html>
    listenbrainz rate_limit_seconds: application/json; charset=utf-8 429 (1) {"code":429,"error":"You have exceeded your rate limit. See the X-RateLimit-* response headers for more information on your current rate limit."}
    listenbrainz blocked_account: application/json; charset=utf-8 429 (86400) {"code":429,"error":"You have exceeded your rate limit. See the X-RateLimit-* response headers for more information on your current rate limit."}
    listenbrainz server_error: application/json; charset=utf-8 503 {"code":503,"error":"An unknown error occured."}
    listenbrainz outage: application/json; charset=utf-8 500 {"code":500,"error":"An unknown error occured."}
    listenbrainz error_in_body: application/json; charset=utf-8 200 {"code":503,"error":"Service temporarily unavailable."}
    listenbrainz not_json: text/html; charset=utf-8 200 <!DOCTYPE html> <html><body><h1>We will be right back</h1></body></html>
    "#);
}

#[test]
fn answers_are_late_cut_truncated_or_doubled_everywhere() {
    for service in Service::ALL {
        let with = |fault: Fault| again(&Bare::of(service, Limits::Fast, &[fault.every(1)]), service);
        let calm = again(&Bare::of(service, Limits::Fast, &[]), service);
        assert_eq!(
            with(Fault::of(FaultKind::Slow)).delay,
            Duration::from_millis(300),
            "{service}"
        );
        assert!(with(Fault::of(FaultKind::CutBody)).cut, "{service}");
        let truncated = with(Fault::of(FaultKind::TruncatedJson));
        assert_eq!(truncated.body.len(), calm.body.len() / 2, "{service}");
        assert!(serde_json::from_slice::<Value>(&truncated.body).is_err(), "{service}");
        for kind in [FaultKind::DuplicatedPage, FaultKind::WrongType] {
            let bare = Bare::of(service, Limits::Fast, &[Fault::of(kind).every(1)]);
            assert_ne!(again(&bare, service).body, calm.body, "{service} {kind}");
            assert_eq!(fired(&bare, kind), 1, "{service} {kind}");
        }
    }
}

#[test]
fn an_outage_is_so_many_failures_in_a_row_retries_too() {
    for service in Service::ALL {
        let fault = Fault::of(FaultKind::Outage).after(1).times(4);
        let bare = Bare::of(service, Limits::Fast, &[fault]);
        let statuses: Vec<u16> = (0..7).map(|_| again(&bare, service).status).collect();
        assert_eq!(statuses, [200, 500, 500, 500, 500, 200, 200], "{service}");
        assert_eq!(fired(&bare, FaultKind::Outage), 4);
    }
    let bare = Bare::of(Service::Deezer, Limits::Fast, &[Fault::of(FaultKind::Outage)]);
    assert!((0..100).all(|_| again(&bare, Service::Deezer).status == 500));
    bare.server.gate.lock().faults.clear(FaultKind::Outage);
    assert_eq!(again(&bare, Service::Deezer).status, 200);
}

#[test]
fn a_retry_after_is_a_lie_and_the_next_try_succeeds() {
    let mut told = std::collections::BTreeSet::new();
    for service in Service::ALL {
        for seed in 0..20 {
            let bare = Bare::new(|options| {
                options.service = service;
                options.catalogue = FULL.clone();
                options.seed = seed;
                options.faults = vec![Fault::of(FaultKind::LyingRetryAfter).every(1)];
            });
            let refused = again(&bare, service);
            told.extend(refused.retry_after);
            let reply = again(&bare, service);
            assert!(
                reply.status == 200 && json(&reply)["error"].is_null(),
                "{service}: {}",
                line(&reply)
            );
        }
    }
    assert_snapshot!(told.into_iter().collect::<Vec<_>>().join(" | "), @"-1 | 0 | 1.5 | 86400 | Thu, 01 Jan 1970 00:00:00 GMT | soon");
    let fault = Fault::of(FaultKind::LyingRetryAfter).every(1).seconds(86_400);
    let bare = Bare::of(Service::ReccoBeats, Limits::Fast, &[fault]);
    assert_eq!(again(&bare, Service::ReccoBeats).retry_after.as_deref(), Some("86400"));
}

#[test]
fn everything_at_once_is_survived_by_retrying() {
    for service in Service::ALL {
        let mut faults: Vec<Fault> = FaultKind::passing().map(|k| Fault::of(k).chance(0.2)).collect();
        faults.push(Fault::of(FaultKind::Outage).after(5).times(3));
        let calm = again(&Bare::of(service, Limits::Fast, &[]), service).body;
        let bare = Bare::of(service, Limits::Fast, &faults);
        let right = (0..60)
            .map(|_| again(&bare, service))
            .filter(|reply| reply.status == 200 && !reply.cut && reply.body == calm)
            .count();
        assert!(right >= 20, "{service}: {right}");
        let fired: u64 = bare.stats().faults.values().sum();
        assert!(fired >= 8, "{service}: {fired}");
    }
}

#[test]
fn controls_are_the_same_everywhere() {
    for service in Service::ALL {
        let bare = Bare::of(service, Limits::Fast, &[]);
        let set = bare.send("POST", "/_control/faults", None, r#""outage=times:2,status:502""#);
        assert_eq!(
            line(&set),
            r#"200 {"faults":[{"name":"outage","times":2,"status":502}]}"#
        );
        assert_eq!(again(&bare, service).status, 502);
        let stats = json(&bare.send("GET", "/_control/stats", None, ""));
        assert_eq!(stats["faults"]["outage"], 1);
        bare.send("POST", "/_control/reset", None, "");
        assert_eq!(bare.stats().total, 0);
        assert_eq!(bare.send("GET", "/_control/recent", None, "").body, "[]");
    }
}

#[test]
fn requests_are_counted_by_what_they_ask_for() {
    let mut rows = Vec::new();
    for service in Service::ALL {
        let bare = Bare::of(service, Limits::Fast, &[]);
        again(&bare, service);
        bare.ask("/nowhere");
        rows.push(format!("{service}: {:?}", bare.stats().requests));
    }
    assert_snapshot!(rows.join("\n"), @r#"
    spotify: {"other": 1, "search": 1, "token": 1}
    spotify-development: {"other": 1, "search": 1, "token": 1}
    musicbrainz: {"other": 1, "search": 1}
    deezer: {"other": 1, "search": 1}
    reccobeats: {"audio_features": 1, "other": 1}
    listenbrainz: {"other": 1, "popularity": 1}
    "#);
}

#[tokio::test]
async fn a_service_answers_over_the_wire_and_says_its_base() {
    let standin = Standin::start(Options {
        service: Service::ListenBrainz,
        ..Options::new(FULL.clone())
    })
    .await
    .unwrap();
    assert_eq!(standin.api_url(), standin.url());
    let answer = socket::get(&standin, "/1/nowhere", "").await.to_lowercase();
    assert!(answer.starts_with("http/1.1 404"), "{answer}");
    assert!(answer.contains("\r\nx-ratelimit-remaining: 29\r\n"), "{answer}");
    standin.stop().await.unwrap();
    let standin = Standin::start(Options {
        service: Service::MusicBrainz,
        ..Options::new(FULL.clone())
    })
    .await
    .unwrap();
    assert_eq!(standin.api_url(), format!("{}/ws/2", standin.url()));
    // This client says nothing of itself.
    let answer = socket::get(&standin, "/ws/2/artist?query=a&fmt=json", "").await;
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden"), "{answer}");
    standin.stop().await.unwrap();
}
