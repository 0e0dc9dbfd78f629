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
