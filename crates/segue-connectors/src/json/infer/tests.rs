//! Columns from records.

use super::*;

fn columns(records: &[&str]) -> String {
    let mut inference = Inference::default();
    records.iter().for_each(|r| inference.look(r));
    let columns = match inference.columns() {
        Ok(columns) => columns,
        Err(error) => return error.to_string(),
    };
    let shown = columns.into_iter().map(|c| {
        let path = c.path.map(|p| format!(" @ {p}")).unwrap_or_default();
        format!("{} {}{path}", c.name, c.of)
    });
    shown.collect::<Vec<_>>().join("\n")
}

#[test]
fn types_are_the_narrowest_that_keep_every_value() {
    insta::assert_snapshot!(columns(&[
        r#"{"i": 1, "f": 1, "big": 1, "huge": 1e999, "s": "2024-01-01", "b": true, "n": null, "o": {}, "m": 1, "exact": 9007199254740993, "digits": 123456789012345678901234567890123456789012}"#,
        r#"{"i": -9223372036854775808, "f": 2.5, "big": 9223372036854775808, "s": null, "b": false, "n": null, "o": [1], "m": "x", "exact": 0.5}"#,
        "not json", "[1", "{\"broken\": }",
    ]), @r"
    i int64
    f float64
    big decimal(19,0)
    huge json
    s string
    b bool
    o json
    m json
    exact json
    digits json
    ");
}

#[test]
fn names_are_made_fit_and_never_two_alike() {
    insta::assert_snapshot!(columns(&[r#"{"Id": 1, "a.b": 3, "1st": 4, "$x": 5, "": 6, "한글": 7}"#]), @r#"
    id int64 @ Id
    a_b int64 @ a.b
    _1st int64 @ 1st
    _x int64 @ $["$x"]
    _ int64 @ $[""]
    __ int64 @ 한글
    "#);
    insta::assert_snapshot!(columns(&[r#"{"Id": 1, "id": 2}"#]), @"the fields `Id` and `id` would both be the column `id`");
}

#[test]
fn records_that_are_no_objects_are_one_column() {
    insta::assert_snapshot!(columns(&["1", "null", "2"]), @"value int64");
    insta::assert_snapshot!(columns(&["[1]", "[2]"]), @"value json");
    // A field of that name is that column.
    insta::assert_snapshot!(columns(&[r#"{"value": "x"}"#, "2"]), @"value string");
}

#[test]
fn columns_without_a_type_are_found_out_by_their_places() {
    let column = |name: &str, path: Option<&str>| Column {
        path: path.map(str::to_string),
        ..super::column(name, Type::String)
    };
    let columns = [
        column("id", None),
        column("plays", Some("$.stats.plays")),
        column("first", Some("$.tags[0]")),
        column("last", Some("$.tags[-1]")),
        column("none", None),
    ];
    let records = [
        r#"{"id": "a", "stats": {"plays": 1}, "tags": [true, 1.5], "none": null}"#,
        r#"{"id": 1, "stats": null}"#,
        "17",
    ];
    let all: Vec<&Column> = columns.iter().collect();
    let types = types_of(&all, records.iter().map(|r| r.as_bytes())).unwrap();
    let shown: Vec<String> = types.iter().map(Type::to_string).collect();
    assert_eq!(shown.join(" "), "json int64 bool float64 json");
}
