//! What fits which type, and what does not.

use super::*;
use segue_core::Type;

/// Pushes each text into a column of this type, as CSV does; says what became of it.
fn texts(of: &str, texts: &[&str]) -> String {
    let mut column = Builder::new(&of.parse().unwrap());
    let mut out = Vec::new();
    for text in texts {
        let before = column.len();
        match column.push_text(text) {
            Ok(()) => assert_eq!(column.len(), before + 1),
            Err(misfit) => {
                assert_eq!(column.len(), before, "what does not fit leaves nothing behind");
                out.push(misfit.reason);
            }
        }
    }
    let array = column.finish().unwrap();
    let options = arrow_cast::display::FormatOptions::new();
    let shown = arrow_cast::display::ArrayFormatter::try_new(&array, &options).unwrap();
    let values: Vec<String> = (0..array.len()).map(|i| shown.value(i).to_string()).collect();
    out.insert(0, values.join(" | "));
    out.join("\n")
}

#[test]
fn whole_numbers() {
    insta::assert_snapshot!(texts("int8", &["0", "-128", "127", "128", "-129", "+1", "01", "1.0", "1e2", "", " 1", "x", "-", "-0"]), @r#"
    0 | -128 | 127 | 0
    expected int8, found "128" (out of range)
    expected int8, found "-129" (out of range)
    expected int8, found "+1" (not a number)
    expected int8, found "01" (a leading zero)
    expected int8, found "1.0" (not a whole number)
    expected int8, found "1e2" (not a whole number)
    expected int8, found "" (not a number)
    expected int8, found " 1" (not a number)
    expected int8, found "x" (not a number)
    expected int8, found "-" (not a number)
    "#);
    insta::assert_snapshot!(texts("uint64", &["0", "18446744073709551615", "18446744073709551616", "-1", "-0", "1.5"]), @r#"
    0 | 18446744073709551615 | 0
    expected uint64, found "18446744073709551616" (out of range)
    expected uint64, found "-1" (out of range)
    expected uint64, found "1.5" (not a whole number)
    "#);
    insta::assert_snapshot!(texts("int64", &["9223372036854775807", "9223372036854775808", "-9223372036854775808", "99999999999999999999999"]), @r#"
    9223372036854775807 | -9223372036854775808
    expected int64, found "9223372036854775808" (out of range)
    expected int64, found "99999999999999999999999" (out of range)
    "#);
}

#[test]
fn fractions() {
    insta::assert_snapshot!(texts("float64", &["0.1", "-1.5e300", "1e999", "9007199254740992", "9007199254740993", "NaN", "inf", ".5", "5.", "1e", "-0.0", "100000000000000000000000"]), @r#"
    0.1 | -1.5e300 | 9007199254740992.0 | -0.0
    expected float64, found "1e999" (out of range)
    expected float64, found "9007199254740993" (a whole number that float64 cannot hold exactly)
    expected float64, found "NaN" (not a number)
    expected float64, found "inf" (not a number)
    expected float64, found ".5" (not a number)
    expected float64, found "5." (not a number)
    expected float64, found "1e" (not a number)
    expected float64, found "100000000000000000000000" (a whole number that float64 cannot hold exactly)
    "#);
    insta::assert_snapshot!(texts("float32", &["0.5", "3.5e38", "16777217", "16777216"]), @r#"
    0.5 | 16777216.0
    expected float32, found "3.5e38" (out of range)
    expected float32, found "16777217" (a whole number that float32 cannot hold exactly)
    "#);
    insta::assert_snapshot!(texts("decimal(5,2)", &["1.5", "-999.99", "1000", "1.555", "1.550", "15e-1", "1e2", "1e3", "0e99999", "1e99999999999", "00.1", "1,5"]), @r#"
    1.50 | -999.99 | 1.55 | 1.50 | 100.00 | 0.00
    expected decimal(5,2), found "1000" (out of range)
    expected decimal(5,2), found "1.555" (more digits behind the point than fit)
    expected decimal(5,2), found "1e3" (out of range)
    expected decimal(5,2), found "1e99999999999" (an exponent out of range)
    expected decimal(5,2), found "00.1" (not a number)
    expected decimal(5,2), found "1,5" (not a number)
    "#);
    insta::assert_snapshot!(texts("decimal(38,0)", &["99999999999999999999999999999999999999", "999999999999999999999999999999999999999", "1e37", "1e38"]), @r#"
    99999999999999999999999999999999999999 | 10000000000000000000000000000000000000
    expected decimal(38,0), found "999999999999999999999999999999999999999" (out of range)
    expected decimal(38,0), found "1e38" (out of range)
    "#);
}

#[test]
fn dates_and_times() {
    insta::assert_snapshot!(texts("date", &["1970-01-01", "2024-02-29", "2023-02-29", "1900-02-29", "0001-01-01", "2024-13-01", "2024-1-01", "20240101", "2024-01-01 "]), @r#"
    1970-01-01 | 2024-02-29 | 0001-01-01
    expected date, found "2023-02-29" (not a day)
    expected date, found "1900-02-29" (not a day)
    expected date, found "2024-13-01" (not a day)
    expected date, found "2024-1-01" (not YYYY-MM-DD)
    expected date, found "20240101" (not YYYY-MM-DD)
    expected date, found "2024-01-01 " (not YYYY-MM-DD)
    "#);
    insta::assert_snapshot!(texts("time", &["00:00:00", "23:59:59.999999", "24:00:00", "12:60:00", "12:00:60", "12:00", "12:00:00.", "12:00:00.1234567", "12:00:00.1234560"]), @r#"
    0 | 86399999999 | 43200123456
    expected time, found "24:00:00" (not a time of day)
    expected time, found "12:60:00" (not a time of day)
    expected time, found "12:00:60" (not a time of day)
    expected time, found "12:00" (not HH:MM:SS)
    expected time, found "12:00:00." (not HH:MM:SS)
    expected time, found "12:00:00.1234567" (finer than microseconds)
    "#);
    insta::assert_snapshot!(texts("timestamp", &["2024-01-01T00:00:00Z", "2024-01-01t00:00:00.5+09:00", "2024-01-01T00:00:00-00:30", "2024-01-01T00:00:00", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00+0900", "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00.0000001Z"]), @r#"
    2024-01-01T00:00:00Z | 2023-12-31T15:00:00.500Z | 2024-01-01T00:30:00Z
    expected timestamp, found "2024-01-01T00:00:00" (no offset: which instant it is cannot be told)
    expected timestamp, found "2024-01-01 00:00:00Z" (not YYYY-MM-DDTHH:MM:SS)
    expected timestamp, found "2024-01-01T00:00:00+0900" (not an offset: Z or +HH:MM)
    expected timestamp, found "2024-01-01T00:00:00+24:00" (not an offset: Z or +HH:MM)
    expected timestamp, found "2024-01-01T00:00:00.0000001Z" (finer than microseconds)
    "#);
    insta::assert_snapshot!(texts("local_timestamp", &["2024-01-01T01:02:03.25", "2024-01-01T00:00:00Z", "2024-01-01"]), @r#"
    2024-01-01T01:02:03.250
    expected local_timestamp, found "2024-01-01T00:00:00Z" (a zone where none may be)
    expected local_timestamp, found "2024-01-01" (not YYYY-MM-DDTHH:MM:SS)
    "#);
}

#[test]
fn the_rest() {
    insta::assert_snapshot!(texts("bool", &["true", "false", "True", "1", "yes", "null"]), @r#"
    true | false
    expected bool, found "True" (not true or false)
    expected bool, found "1" (not true or false)
    expected bool, found "yes" (not true or false)
    expected bool, found "null" (not true or false)
    "#);
    insta::assert_snapshot!(texts("uuid", &["6F9619FF-8B86-D011-B42D-00C04FC964FF", "6f9619ff8b86d011b42d00c04fc964ff", "{6f9619ff-8b86-d011-b42d-00c04fc964ff}", "x"]), @r#"
    6f9619ff-8b86-d011-b42d-00c04fc964ff
    expected uuid, found "6f9619ff8b86d011b42d00c04fc964ff" (not a UUID)
    expected uuid, found "{6f9619ff-8b86-d011-b42d-00c04fc964ff}" (not a UUID)
    expected uuid, found "x" (not a UUID)
    "#);
    insta::assert_snapshot!(texts("binary", &["AAEC", "AAE=", "AAE", "?"]), @r#"
    000102 | 0001
    expected binary, found "AAE" (not base64)
    expected binary, found "?" (not base64)
    "#);
    insta::assert_snapshot!(texts("json", &[r#"{"a": 1}"#, "[1, 2]", "{a: 1}", r#"{"a":1,"a":2}"#, "1 2"]), @r#"
    {"a": 1} | [1, 2]
    not a string
    the key "a" twice
    something follows the value
    "#);
    insta::assert_snapshot!(texts("vector(2)", &["[1, 2.5]", "[1]", "[1, null]", "[1, \"2\"]", "[1,2,3]"]), @r#"
    [1.0, 2.5]
    expected 2 numbers, found 1
    expected a number, found null
    expected float64, found "2"
    expected 2 numbers, found 3
    "#);
    insta::assert_snapshot!(texts("list<int8>", &["[1, null, 3]", "[]", "[300]", "{}"]), @r"
    [1, , 3] | []
    expected int8, found 300 (out of range)
    expected list<int8>, found {}
    ");
    insta::assert_snapshot!(texts("struct<a: int8, b: list<string>>", &[r#"{"b":["x"],"a":1,"c":9}"#, "{}", r#"{"a":1,"a":1}"#, r#"{"b":[1]}"#]), @r#"
    {a: 1, b: [x]} | {a: , b: }
    the key "a" twice
    expected string, found 1
    "#);
}

#[test]
fn cutting_back_leaves_what_was_before() {
    let of: Type = "list<struct<a: string, b: vector(2)>>".parse().unwrap();
    let mut column = Builder::new(&of);
    column.push_text(r#"[{"a":"x","b":[1,2]},{"a":null}]"#).unwrap();
    column.push_null();
    let wrong = column
        .push_text(r#"[{"a":"y","b":[3,4]},{"a":"z","b":[5]}]"#)
        .unwrap_err();
    assert_eq!(
        (wrong.path.as_str(), wrong.reason.as_str()),
        ("[1].b", "expected 2 numbers, found 1")
    );
    column.push_text("[]").unwrap();
    column.truncate(1);
    column.push_text(r#"[{"a":"w"}]"#).unwrap();
    let array = column.finish().unwrap();
    let options = arrow_cast::display::FormatOptions::new();
    let shown = arrow_cast::display::ArrayFormatter::try_new(&array, &options).unwrap();
    assert_eq!(
        (0..2).map(|i| shown.value(i).to_string()).collect::<Vec<_>>(),
        ["[{a: x, b: [1.0, 2.0]}, {a: , b: }]", "[{a: w, b: }]"]
    );
}
