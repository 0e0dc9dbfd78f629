//! Tokens, limits, counters and controls.

use super::*;

#[test]
fn without_a_good_token_nothing_is_answered() {
    let bare = Bare::new(|_| {});
    let target = "/v1/search?q=a&type=artist";
    let token = bare.token();
    let mut rows = Vec::new();
    for header in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer stolen"),
        Some("Basic eDp5"),
        Some("Token x"),
    ] {
        rows.push(format!("{header:?}: {}", line(&bare.send("GET", target, header, ""))));
    }
    rows.push(format!(
        "lower case: {}",
        bare.send("GET", target, Some(&token.replace("Bearer", "bearer")), "")
            .status
    ));
    bare.wait(Duration::from_millis(3_599_999));
    rows.push(format!(
        "just before the hour: {}",
        bare.send("GET", target, Some(&token), "").status
    ));
    bare.wait(Duration::from_millis(1));
    rows.push(format!(
        "at the hour: {}",
        line(&bare.send("GET", target, Some(&token), ""))
    ));
    assert_snapshot!(rows.join("\n"), @r#"
    None: 401 {"error":{"status":401,"message":"No token provided"}}
    Some(""): 400 {"error":{"status":400,"message":"Only valid bearer authentication supported"}}
    Some("Bearer"): 400 {"error":{"status":400,"message":"Only valid bearer authentication supported"}}
    Some("Bearer "): 401 {"error":{"status":401,"message":"No token provided"}}
    Some("Bearer stolen"): 401 {"error":{"status":401,"message":"Invalid access token"}}
    Some("Basic eDp5"): 400 {"error":{"status":400,"message":"Only valid bearer authentication supported"}}
    Some("Token x"): 400 {"error":{"status":400,"message":"Only valid bearer authentication supported"}}
    lower case: 200
    just before the hour: 200
    at the hour: 401 {"error":{"status":401,"message":"The access token expired"}}
    "#);
}

#[test]
fn real_limits_are_180_in_any_30_seconds() {
    let bare = Bare::new(|options| options.limits = Limits::Real);
    let token = bare.token();
    let get = || bare.send("GET", "/v1/search?q=a&type=artist", Some(&token), "");
    let mut admitted = 0;
    for _ in 0..200 {
        admitted += usize::from(get().status == 200);
        bare.wait(Duration::from_millis(10));
    }
    let refused = get();
    assert_eq!((admitted, bare.stats().refused), (180, 21));
    assert_snapshot!(line(&refused), @r#"429 (28) {"error":{"status":429,"message":"API rate limit exceeded"}}"#);
    bare.wait(Duration::from_millis(27_999));
    assert_eq!(get().status, 429);
    bare.wait(Duration::from_millis(1));
    assert_eq!(get().status, 200);
}

#[test]
fn a_rate_is_never_exceeded_in_any_second_and_refusals_do_not_fill_it() {
    let bare = Bare::new(|options| options.limits = Limits::PerSecond(5));
    let mut times = Vec::new();
    for at in 0..5_000u64 {
        if bare.send("GET", "/bench/pages/small?limit=1", None, "").status == 200 {
            times.push(at);
        }
        bare.wait(Duration::from_millis(1));
    }
    assert_eq!(times.len(), 25);
    assert!(times.windows(6).all(|w| w[5] - w[0] >= 1000), "{times:?}");
    let stats = bare.stats();
    assert_eq!(
        (stats.refused, stats.total, stats.max_in_one_second),
        (4_975, 5_000, 1_000)
    );
}

#[test]
fn limits_are_written_as_words_or_rates() {
    let read = |text: &str| match text.parse::<Limits>() {
        Ok(limits) => limits.to_string(),
        Err(e) => format!("{} ({})", e.message(), e.hint_text().unwrap_or_default()),
    };
    assert_snapshot!(["fast", "real", "200/s", "0/s", "-1/s", "200", "Fast", ""].map(read).join("\n"), @"
    fast
    real
    200/s
    `0/s` is no limit of the stand-in (write `fast` (none), `real` (the service's own) or a rate like `200/s`)
    `-1/s` is no limit of the stand-in (write `fast` (none), `real` (the service's own) or a rate like `200/s`)
    `200` is no limit of the stand-in (write `fast` (none), `real` (the service's own) or a rate like `200/s`)
    `Fast` is no limit of the stand-in (write `fast` (none), `real` (the service's own) or a rate like `200/s`)
    `` is no limit of the stand-in (write `fast` (none), `real` (the service's own) or a rate like `200/s`)
    ");
}

#[test]
fn requests_are_counted_by_class_and_remembered() {
    let bare = Bare::new(|_| {});
    bare.get("/v1/search?q=a&type=artist");
    bare.get(&format!("/v1/artists/{}/top-tracks?market=US", radiohead()));
    bare.get("/bench/pages/small?limit=1");
    bare.get("/nowhere");
    bare.send("GET", "/_control/stats", None, "");
    assert_snapshot!(serde_json::to_string(&bare.stats()).unwrap(), @r#"{"total":8,"requests":{"bench":1,"other":1,"search":1,"token":4,"top_tracks":1},"refused":0,"faults":{},"tokens":4,"max_in_one_second":4}"#);
    assert_snapshot!(bare.server.gate.lock().recent().join("\n"), @"
    POST /api/token
    GET /v1/search?q=a&type=artist
    POST /api/token
    GET /v1/artists/2JWdrKPEqXVnj5TksT6z8P/top-tracks?market=US
    POST /api/token
    POST /api/token
    GET /nowhere
    ");
    bare.send("POST", "/_control/reset", None, "");
    assert_eq!(bare.stats(), Stats::default());
}

#[test]
fn only_the_last_thousand_requests_are_remembered() {
    let bare = Bare::new(|_| {});
    for i in 0..1_200 {
        bare.send("GET", &format!("/{i}"), None, "");
    }
    let recent = bare.server.gate.lock().recent();
    assert_eq!(
        (recent.len(), recent[0].as_str(), recent[999].as_str()),
        (1000, "GET /200", "GET /1199")
    );
}

#[test]
fn controls_are_json_in_json_out() {
    let bare = Bare::new(|_| {});
    let post = |what: &str, body: &str| line(&bare.send("POST", &format!("/_control/{what}"), None, body));
    let rows = [
        post("faults", r#"{"name": "slow", "every": 5, "ms": 20}"#),
        post("faults", r#"["not_json=0.5", {"name": "forbidden", "path": "albums"}]"#),
        post("faults", r#"{"name": "slow", "off": true}"#),
        post("faults", r#"{"name": "all", "off": true}"#),
        post("faults", r#""transient=every:3,path:token""#),
        post("faults", r#"[{"name": "all", "off": true}, {"name": "sloow"}]"#),
        post("faults", r#"{"name": "slow", "evry": 5}"#),
        post("faults", r#"{"every": 5}"#),
        post("faults", "{"),
        post("faults", "7"),
        post("faults", "[]"),
        post("reset", ""),
        post("stop", ""),
        line(&bare.send("GET", "/_control/faults", None, "")),
        line(&bare.send("GET", "/_control/recent", None, "")),
        line(&bare.send("DELETE", "/_control/stats", None, "")),
    ];
    assert_snapshot!(rows.join("\n"), @r#"
    200 {"faults":[{"name":"slow","every":5,"ms":20}]}
    200 {"faults":[{"name":"slow","every":5,"ms":20},{"name":"forbidden","path":"albums"},{"name":"not_json","chance":0.5}]}
    200 {"faults":[{"name":"forbidden","path":"albums"},{"name":"not_json","chance":0.5}]}
    200 {"faults":[]}
    200 {"faults":[{"name":"rate_limit_seconds","every":3,"path":"token"},{"name":"rate_limit_date","every":3,"path":"token"},{"name":"server_error","every":3,"path":"token"},{"name":"cut_body","every":3,"path":"token"},{"name":"truncated_json","every":3,"path":"token"},{"name":"slow","every":3,"path":"token"},{"name":"not_json","every":3,"path":"token"}]}
    400 {"error":"the stand-in has no fault `sloow`","hint":"did you mean `slow`?"}
    400 {"error":"this is no fault: unknown field `evry`, expected one of `name`, `every`, `chance`, `path`, `after`, `times`, `seconds`, `ms`, `status`","hint":"send an object like `{\"name\": \"slow\", \"every\": 5, \"ms\": 20}`"}
    400 {"error":"this is no fault: missing field `name`","hint":"send an object like `{\"name\": \"slow\", \"every\": 5, \"ms\": 20}`"}
    400 {"error":"this is not JSON: EOF while parsing an object at line 1 column 1","hint":"send `{\"name\": \"slow\", \"every\": 5}`"}
    400 {"error":"this is no fault: invalid type: integer `7`, expected an object","hint":"send an object like `{\"name\": \"slow\", \"every\": 5, \"ms\": 20}`"}
    200 {"faults":[{"name":"rate_limit_seconds","every":3,"path":"token"},{"name":"rate_limit_date","every":3,"path":"token"},{"name":"server_error","every":3,"path":"token"},{"name":"cut_body","every":3,"path":"token"},{"name":"truncated_json","every":3,"path":"token"},{"name":"slow","every":3,"path":"token"},{"name":"not_json","every":3,"path":"token"}]}
    200 {"total":0,"requests":{},"refused":0,"faults":{"cut_body":0,"not_json":0,"rate_limit_date":0,"rate_limit_seconds":0,"server_error":0,"slow":0,"truncated_json":0},"tokens":0,"max_in_one_second":0}
    404 {"error":"there is no such control","hint":"GET stats, recent, faults; POST faults, reset"}
    200 {"faults":[{"name":"rate_limit_seconds","every":3,"path":"token"},{"name":"rate_limit_date","every":3,"path":"token"},{"name":"server_error","every":3,"path":"token"},{"name":"cut_body","every":3,"path":"token"},{"name":"truncated_json","every":3,"path":"token"},{"name":"slow","every":3,"path":"token"},{"name":"not_json","every":3,"path":"token"}]}
    200 []
    404 {"error":"there is no such control","hint":"GET stats, recent, faults; POST faults, reset"}
    "#);
}
