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
    let types = types_of(&all, &Nesting::default(), records.iter().map(|r| r.as_bytes())).unwrap();
    let shown: Vec<String> = types.iter().map(Type::to_string).collect();
    assert_eq!(shown.join(" "), "json int64 bool float64 json");
}

/// A type for one value and for another one, where objects and lists are kept in columns of their own types.
fn widened(of: &str, text: &str) -> String {
    let of: Type = of.parse().unwrap();
    let new = new_field(&of, text).map_or_else(String::new, |path| format!("{path}: "));
    let wider = super::widened(&of, text, Nested::Struct);
    format!("{new}{}", wider.map_or_else(|| "none".to_string(), |of| of.to_string()))
}

#[test]
fn a_nested_type_takes_what_comes_or_says_that_it_cannot() {
    let of = "struct<a: int64, l: list<struct<b: string>>, at: timestamp>";
    let told = [
        widened(of, "null"),
        widened(
            of,
            r#"{"a": 1, "l": [], "at": "2024-01-01T00:00:00Z", "nothing": null, "empty": [{}]}"#,
        ),
        widened(of, r#"{"a": 18446744073709551615, "at": "2024-01-01T00:00:00Z"}"#),
        widened(of, r#"{"new": {"x y": [1, 2.5]}, "at": null}"#),
        widened(of, r#"{"l": [{"b": "x"}, null, {"c": 1}]}"#),
        widened(of, r#"{"l": [{"b": {"no": "text"}}]}"#),
        widened(of, r#"{"l": {"b": "x"}}"#),
        widened(of, "[]"),
        widened("list<list<int64>>", "[[1], [], [2.5]]"),
        widened("json", r#"{"any": 1}"#),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    struct<a: int64, l: list<struct<b: string>>, at: timestamp>
    struct<a: int64, l: list<struct<b: string>>, at: timestamp>
    struct<a: decimal(20,0), l: list<struct<b: string>>, at: timestamp>
    .new: struct<a: int64, l: list<struct<b: string>>, at: timestamp, new: struct<x_y: list<float64>>>
    .l[2].c: struct<a: int64, l: list<struct<b: string, c: int64>>, at: timestamp>
    none
    none
    none
    list<list<decimal(20,1)>>
    json
    ");
}
