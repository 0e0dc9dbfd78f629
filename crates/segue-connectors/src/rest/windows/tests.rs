use super::*;

fn windows(written: Value) -> Windows {
    Windows::new(&serde_json::from_value(written).unwrap()).unwrap()
}

fn told(windows: &Windows, now: &str, from: Option<&str>) -> Vec<String> {
    let all = windows
        .until(now.parse().unwrap(), from.map(|f| f.parse().unwrap()))
        .unwrap();
    let word = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_string);
    all.into_iter()
        .map(|w| windows.words(w).unwrap())
        .map(|w| format!("{} to {}", word(&w["from"]), word(&w["to"])))
        .collect()
}

#[test]
fn windows_lie_side_by_side_and_the_last_ends_now() {
    let of = windows(json!({ "start": "2026-01-01", "step": "10d", "format": "date" }));
    assert_eq!(
        told(&of, "2026-01-25T12:00:00Z", None),
        [
            "2026-01-01 to 2026-01-11",
            "2026-01-11 to 2026-01-21",
            "2026-01-21 to 2026-01-25"
        ]
    );
    assert_eq!(
        told(&of, "2026-01-25T12:00:00Z", Some("2026-01-20T00:00:00Z")),
        ["2026-01-20 to 2026-01-25"]
    );
    assert!(told(&of, "2025-12-31T00:00:00Z", None).is_empty());
    let whole = windows(json!({ "start": "2026-01-01T06:00:00Z", "end": "2026-01-02", "format": "unix" }));
    assert_eq!(told(&whole, "2026-02-01T00:00:00Z", None), ["1767247200 to 1767312000"]);
}

#[test]
fn a_server_that_takes_the_end_as_well_is_told_what_comes_before_it() {
    let of =
        windows(json!({ "start": "2026-01-01", "step": "1d", "granularity": "1s", "pattern": "%Y-%m-%d %H:%M:%S" }));
    assert_eq!(
        told(&of, "2026-01-02T01:00:00Z", None),
        [
            "2026-01-01 00:00:00 to 2026-01-01 23:59:59",
            "2026-01-02 00:00:00 to 2026-01-02 00:59:59"
        ]
    );
}

#[test]
fn what_is_no_window_is_said() {
    let said = |written: Value| {
        Windows::new(&serde_json::from_value(written).unwrap())
            .unwrap_err()
            .message()
            .to_string()
    };
    assert_eq!(said(json!({ "start": "soon" })), "`windows.start` is no time: soon");
    assert_eq!(said(json!({ "step": "0s" })), "`windows.step` is no time");
    assert_eq!(
        said(json!({ "pattern": "%!" })),
        "`windows.pattern` cannot be filled in"
    );
    let endless = windows(json!({ "start": "1970-01-01", "step": "1ms" }));
    assert!(endless.until("2026-01-01T00:00:00Z".parse().unwrap(), None).is_err());
    let nowhere = windows(json!({ "step": "1d" }));
    assert!(nowhere.until("2026-01-01T00:00:00Z".parse().unwrap(), None).is_err());
}
