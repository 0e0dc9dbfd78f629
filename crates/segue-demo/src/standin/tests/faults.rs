//! Every fault fires, is counted, and ends as it should.

use super::*;

const SEARCH: &str = "/v1/search?q=Radiohead&type=artist&limit=2";

fn fired(bare: &Bare, kind: FaultKind) -> u64 {
    bare.stats().faults.get(kind.name()).copied().unwrap_or_default()
}

/// The first answer under a fault that always fires.
fn under(kind: FaultKind) -> String {
    let bare = Bare::with(&[Fault::of(kind).every(1)]);
    let reply = bare.get(SEARCH);
    assert_eq!(fired(&bare, kind), 1);
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let end = text.char_indices().rev().nth(40).map_or(0, |(i, _)| i);
    format!(
        "{}{} {} {}{}… {}",
        reply.status,
        reply.retry_after.map(|r| format!(" ({r})")).unwrap_or_default(),
        reply.content_type,
        if reply.cut { "CUT " } else { "" },
        if reply.delay.is_zero() {
            String::new()
        } else {
            format!("{:?} ", reply.delay)
        },
        &text[end..]
    )
}

#[test]
fn each_transient_fault() {
    let rows = FaultKind::TRANSIENT.map(|kind| format!("{kind}: {}", under(kind).replace('\n', " ")));
    assert_snapshot!(rows.join("\n"), @r#"
    rate_limit_seconds: 429 (1) application/json; charset=utf-8 … 429,"message":"API rate limit exceeded"}}
    rate_limit_date: 429 (Fri, 01 May 2026 12:00:01 GMT) application/json; charset=utf-8 … 429,"message":"API rate limit exceeded"}}
    expired_token: 401 application/json; charset=utf-8 … 01,"message":"The access token expired"}}
    server_error: 502 application/json; charset=utf-8 … :{"status":502,"message":"Bad gateway."}}
    cut_body: 200 application/json; charset=utf-8 CUT … 2","offset":0,"previous":null,"total":3}}
    truncated_json: 200 application/json; charset=utf-8 … ify:artist:2JWdrKPEqXVnj5TksT6z8P"},{"ext
    not_json: 200 text/html; charset=utf-8 … We will be right back</h1></body></html> 
    slow: 200 application/json; charset=utf-8 300ms … 2","offset":0,"previous":null,"total":3}}
    duplicated_page: 200 application/json; charset=utf-8 … 2","offset":0,"previous":null,"total":3}}
    "#);
}

#[test]
fn a_retry_succeeds_whatever_transient_faults_are_on_and_however_often() {
    for chance in [0.1, 0.5, 1.0] {
        let faults: Vec<Fault> = FaultKind::TRANSIENT
            .into_iter()
            .map(|k| Fault::of(k).chance(chance))
            .collect();
        let (calm, bare) = (Bare::with(&[]), Bare::with(&faults));
        for artist in bare.server.options.catalogue.artists().iter().take(60) {
            let target = format!("/v1/artists/{}/top-tracks?market=US", artist.id);
            let good = |reply: &Reply| reply.status == 200 && !reply.cut && json(reply).is_object();
            let first = bare.get(&target);
            let answer = if good(&first) { first } else { bare.get(&target) };
            assert!(good(&answer), "{}", line(&answer));
            let mut tracks = json(&answer)["tracks"].as_array().cloned().unwrap_or_default();
            tracks.dedup();
            assert_eq!(Some(&tracks), json(&calm.get(&target))["tracks"].as_array());
        }
        let fired: u64 = FaultKind::TRANSIENT.map(|k| fired(&bare, k)).iter().sum();
        assert!(fired >= 20, "{chance}: {fired}");
    }
}

#[test]
fn chances_do_not_depend_on_the_order_of_requests_and_do_on_the_seed() {
    let targets: Vec<String> = (0..200)
        .map(|i| format!("/bench/pages/small?limit=1&offset={i}"))
        .collect();
    let pattern = |seed: u64, backwards: bool| {
        let bare = Bare::new(|options| {
            options.seed = seed;
            options.faults = Fault::parse("transient=0.1").unwrap();
        });
        let mut order: Vec<usize> = (0..targets.len()).collect();
        if backwards {
            order.reverse();
        }
        let mut shown = vec![String::new(); targets.len()];
        for i in order {
            let reply = bare.send("GET", &targets[i], None, "");
            shown[i] = format!("{} {} {:?} {}", reply.status, reply.cut, reply.delay, reply.body.len());
        }
        shown
    };
    assert_eq!(pattern(1, false), pattern(1, true));
    assert_ne!(pattern(1, false), pattern(2, false));
}

#[test]
fn every_seventh_is_every_seventh_and_a_retry_is_spared() {
    let bare = Bare::with(&[Fault::of(FaultKind::ServerError).every(7)]);
    let status = |i: u32| {
        bare.send("GET", &format!("/bench/pages/small?limit=1&offset={i}"), None, "")
            .status
    };
    let failed: Vec<u32> = (1..=30).filter(|i| status(*i) != 200).collect();
    assert_eq!(failed, [7, 14, 21, 28]);
    let bare = Bare::with(&[Fault::of(FaultKind::ServerError).every(1).times(3)]);
    let statuses: Vec<bool> = (0..8).map(|_| bare.get(SEARCH).status == 200).collect();
    assert_eq!(statuses, [false, true, false, true, false, true, true, true]);
    assert_eq!(fired(&bare, FaultKind::ServerError), 3);
}

#[test]
fn a_blocked_account_is_blocked_for_everything_but_tokens_until_the_day_is_over() {
    let bare = Bare::with(&[Fault::of(FaultKind::BlockedAccount).after(3)]);
    let statuses: Vec<u16> = (0..5).map(|_| bare.get(SEARCH).status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    assert_snapshot!(line(&bare.get(&format!("/v1/artists/{}", radiohead()))), @r#"429 (86400) {"error":{"status":429,"message":"API rate limit exceeded","reason":"QUOTA_EXCEEDED"}}"#);
    assert_eq!(bare.send("GET", "/bench/pages/small", None, "").status, 429);
    bare.wait(Duration::from_millis(86_399_001));
    assert_eq!(
        line(&bare.get(SEARCH))
            .split_once(' ')
            .map(|(status, rest)| (status, &rest[..3])),
        Some(("429", "(1)"))
    );
    bare.wait(Duration::from_millis(999));
    assert_eq!(bare.get(SEARCH).status, 200);
    assert_eq!((fired(&bare, FaultKind::BlockedAccount), bare.stats().refused), (5, 0));
}

#[test]
fn a_block_is_lifted_when_it_is_turned_off_and_armed_again_by_a_reset() {
    let bare = Bare::with(&[Fault::of(FaultKind::BlockedAccount)]);
    assert_eq!(bare.get(SEARCH).status, 429);
    bare.server.gate.lock().faults.clear(FaultKind::BlockedAccount);
    assert_eq!(bare.get(SEARCH).status, 200);
    bare.server
        .gate
        .lock()
        .faults
        .set(Fault::of(FaultKind::BlockedAccount).after(1));
    assert_eq!([bare.get(SEARCH).status, bare.get(SEARCH).status], [200, 429]);
    bare.server.gate.lock().reset();
    assert_eq!([bare.get(SEARCH).status, bare.get(SEARCH).status], [200, 429]);
}

#[test]
fn a_blocked_path_and_a_forbidden_one_leave_the_others_open() {
    let bare = Bare::with(&[
        Fault::of(FaultKind::BlockedPath).after(1),
        Fault::of(FaultKind::Forbidden),
    ]);
    let tracks = format!("/v1/artists/{}/top-tracks?market=US", radiohead());
    let features = "/v1/audio-features?ids=0000000000000000000000";
    let rows = [SEARCH, &tracks, &tracks, SEARCH, features, &tracks].map(|target| {
        let reply = bare.get(target);
        match reply.status {
            200 => "200".into(),
            _ => line(&reply),
        }
    });
    assert_snapshot!(rows.join("\n"), @r#"
    200
    200
    429 (86400) {"error":{"status":429,"message":"API rate limit exceeded","reason":"QUOTA_EXCEEDED"}}
    200
    403 {"error":{"status":403,"message":"Forbidden"}}
    429 (86400) {"error":{"status":429,"message":"API rate limit exceeded","reason":"QUOTA_EXCEEDED"}}
    "#);
    assert_eq!(
        [fired(&bare, FaultKind::BlockedPath), fired(&bare, FaultKind::Forbidden)],
        [2, 1]
    );
}

#[test]
fn an_expired_token_stays_refused_for_that_request_and_another_token_is_taken() {
    let bare = Bare::with(&[Fault::of(FaultKind::ExpiredToken).every(1)]);
    let (old, new) = (bare.token(), bare.token());
    let get = |token: &str| bare.send("GET", SEARCH, Some(token), "").status;
    assert_eq!([get(&old), get(&old), get(&new)], [401, 401, 200]);
    assert_eq!(fired(&bare, FaultKind::ExpiredToken), 2);
}

#[test]
fn a_short_token_says_so_and_keeps_its_word() {
    let bare = Bare::with(&[Fault::of(FaultKind::ShortToken).seconds(2).times(1)]);
    let short = bare.token();
    let get = |token: &str| bare.send("GET", SEARCH, Some(token), "").status;
    assert_eq!(get(&short), 200);
    bare.wait(Duration::from_secs(2));
    assert_eq!(get(&short), 401);
    let long = bare.token();
    bare.wait(Duration::from_secs(2));
    assert_eq!(get(&long), 200);
    let bare = Bare::with(&[Fault::of(FaultKind::ShortToken)]);
    let form = "grant_type=client_credentials&client_id=segue-demo&client_secret=segue-demo-secret";
    assert_eq!(json(&bare.send("POST", "/api/token", None, form))["expires_in"], 1);
}

#[test]
fn a_rate_limit_with_a_date_is_a_date_that_is_ahead() {
    let bare = Bare::with(&[Fault::of(FaultKind::RateLimitDate).every(1).seconds(3)]);
    bare.wait(Duration::from_millis(250));
    assert_eq!(
        bare.get(SEARCH).retry_after.as_deref(),
        Some("Fri, 01 May 2026 12:00:04 GMT")
    );
}

#[test]
fn a_wrong_type_is_in_one_record_and_in_every_answer_to_the_same_question() {
    let bare = Bare::with(&[Fault::of(FaultKind::WrongType).every(1)]);
    let wrong: Vec<bool> = json(&bare.get(SEARCH))["artists"]["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|a| a["popularity"].is_string())
        .collect();
    assert_eq!(wrong.iter().filter(|w| **w).count(), 1, "{wrong:?}");
    let features = json(&bare.send("GET", "/bench/pages/small?limit=50", None, ""));
    let objects = features["items"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|r| r.as_object())
        .flat_map(|r| r.values());
    assert_eq!(objects.filter(|v| v.is_object()).count(), 1);
    let bare = Bare::with(&[Fault::of(FaultKind::WrongType).chance(0.3)]);
    let targets: Vec<String> = (0..40)
        .map(|i| format!("/bench/pages/small?limit=2&offset={i}"))
        .collect();
    let ask = || {
        targets
            .iter()
            .map(|t| bare.send("GET", t, None, "").body)
            .collect::<Vec<_>>()
    };
    assert_eq!(ask(), ask());
    assert!((10..=40).contains(&fired(&bare, FaultKind::WrongType)));
}

#[test]
fn a_duplicated_page_has_each_record_twice_and_says_the_same_total() {
    let bare = Bare::with(&[Fault::of(FaultKind::DuplicatedPage).every(1)]);
    let ids = |reply: &Reply, path: &str| -> Vec<String> {
        let value = json(reply);
        value
            .pointer(path)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|r| r["id"].to_string())
            .collect()
    };
    let page = bare.send("GET", "/bench/pages/small?limit=3", None, "");
    let twice = ids(&page, "/items");
    assert_eq!(
        (twice.len(), &twice[0], json(&page)["total"].as_u64()),
        (6, &twice[1], Some(1050))
    );
    let found = ids(&bare.get(SEARCH), "/artists/items");
    assert_eq!((found.len(), &found[0]), (4, &found[1]));
    let tracks = ids(
        &bare.get(&format!("/v1/artists/{}/top-tracks?market=US", radiohead())),
        "/tracks",
    );
    assert!(
        tracks.len() >= 10 && tracks.chunks(2).all(|pair| pair[0] == pair[1]),
        "{tracks:?}"
    );
}

#[test]
fn faults_come_after_the_limits_and_a_stranger_meets_none() {
    let bare = Bare::new(|options| {
        options.limits = Limits::PerSecond(1);
        options.faults = vec![Fault::of(FaultKind::ServerError).every(1)];
    });
    let token = bare.token();
    assert_eq!(bare.send("GET", SEARCH, None, "").status, 401);
    assert_eq!(fired(&bare, FaultKind::ServerError), 0);
    assert!(bare.send("GET", SEARCH, Some(&token), "").status >= 500);
    assert_eq!(bare.send("GET", SEARCH, Some(&token), "").status, 429);
    assert_eq!((fired(&bare, FaultKind::ServerError), bare.stats().refused), (1, 1));
}

#[test]
fn a_fault_that_finds_nothing_to_spoil_has_not_fired() {
    for kind in [FaultKind::WrongType, FaultKind::DuplicatedPage] {
        let bare = Bare::with(&[Fault::of(kind).every(1).times(1)]);
        let one = format!("/v1/artists/{}", radiohead());
        assert_eq!(bare.get(&one).status, 200);
        assert_eq!(fired(&bare, kind), 0, "{kind}");
        bare.get(SEARCH);
        assert_eq!(fired(&bare, kind), 1, "{kind}");
    }
}
