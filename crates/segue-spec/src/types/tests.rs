use super::Type;
use insta::assert_snapshot;

fn report(text: &str) -> String {
    match text.parse::<Type>() {
        Ok(found) => {
            let again: Type = found.to_string().parse().expect("what is shown can be read");
            assert_eq!(found, again);
            found.to_string()
        }
        Err(error) => error,
    }
}

#[test]
fn types_are_read_and_shown_alike() {
    let all = [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint64",
        "float32",
        "float64",
        "string",
        "binary",
        "date",
        "time",
        "timestamp",
        "local_timestamp",
        "uuid",
        "json",
        "decimal( 10 , 2 )",
        "decimal(5)",
        "list<list<string>>",
        "struct< a:int32,b : list<uuid>>",
        "vector(6)",
    ];
    assert_snapshot!(all.map(report).join("\n"), @r"
    bool
    int8
    int16
    int32
    int64
    uint64
    float32
    float64
    string
    binary
    date
    time
    timestamp
    local_timestamp
    uuid
    json
    decimal(10,2)
    decimal(5,0)
    list<list<string>>
    struct<a: int32, b: list<uuid>>
    vector(6)
    ");
}

#[test]
fn mistakes_are_named() {
    let deep = format!("{}int8{}", "list<".repeat(20), ">".repeat(20));
    let all = [
        "",
        "integer",
        "strin",
        "blob",
        "decimal",
        "decimal(39,2)",
        "decimal(2,5)",
        "decimal(x)",
        "list<",
        "list<int8",
        "struct<>",
        "struct<a int8>",
        "struct<a: int8, a: int8>",
        "vector(0)",
        "vector(70000)",
        "int8 int8",
        "STRING",
        deep.as_str(),
    ];
    assert_snapshot!(all.map(report).join("\n"), @r"
    there is no type ``
    there is no type `integer`; did you mean `int32`?
    there is no type `strin`; did you mean `string`?
    there is no type `blob`; did you mean `bool`?
    `decimal` needs a `(` after `decimal`
    a decimal has 1 to 38 digits, not 39
    decimal(2,5) has more digits after the point than digits
    `x` in `decimal(x)` is not the number of digits
    there is no type ``
    `list<int8` needs a `>` at the end of the list
    a name is empty
    `struct<a int8>` needs a `:` between a field's name and its type
    the struct has two fields `a`
    a vector has 1 to 65536 elements, not 0
    a vector has 1 to 65536 elements, not 70000
    `int8` is left over after the type `int8`
    there is no type `STRING`; did you mean `string`?
    types stand in each other more than 16 deep
    ");
}

#[test]
fn values_of_some_form_have_that_form() {
    let cases = [
        (
            "uuid",
            r#"["123e4567-e89b-12d3-a456-42661417400F"]"#,
            r#"["123e4567e89b12d3a456426614174000----", "123e4567-e89b-12d3-a456-42661417400g", 5]"#,
        ),
        ("vector(2)", "[[1, 2.5]]", r#"[[1], [1, 2, 3], [1, null], ["a", 1], 3]"#),
        (
            "struct<a: int8>",
            r#"[{}, { "a": 1 }, { "a": null }]"#,
            r#"[{ "a": 300 }, [1]]"#,
        ),
    ];
    for (of, taken, refused) in cases {
        let of: Type = of.parse().expect("a type");
        let values = |text: &str| -> Vec<serde_json::Value> { serde_json::from_str(text).expect("JSON") };
        for value in values(taken) {
            assert!(of.takes(&value), "{of} takes {value}");
        }
        for value in values(refused) {
            assert!(!of.takes(&value), "{of} does not take {value}");
        }
    }
}
