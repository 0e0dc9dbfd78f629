use super::params;
use serde_json::json;

#[test]
fn how_a_value_is_written_says_what_it_is() {
    for (word, value) in [
        ("5", json!(5)),
        ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
        ("1.5", json!(1.5)),
        ("1e5", json!(1e5)),
        ("true", json!(true)),
        ("null", json!(null)),
        ("\"5\"", json!("5")),
        ("Seoul", json!("Seoul")),
        ("a=b", json!("a=b")),
        ("", json!("")),
        // As a double it would be another number.
        ("1234567890123456789012345", json!("1234567890123456789012345")),
    ] {
        assert_eq!(params(&[format!("x={word}")]).unwrap()["x"], value, "{word}");
    }
    assert!(params(&["x".into()]).is_err());
    assert!(params(&["x=1".into(), "x=2".into()]).is_err());
}
