use super::*;

#[test]
fn every_type_is_read_as_it_is_written() {
    for of in Type::examples() {
        assert_eq!(of.to_string().parse::<Type>().unwrap(), of);
        assert_eq!(Type::of(&of.field("x", true)).unwrap(), of, "through Arrow");
    }
}

#[test]
fn nonsense_is_refused() {
    for text in [
        "",
        "int",
        "int65",
        "decimal(39,0)",
        "decimal(3,4)",
        "vector(0)",
        "vector(65537)",
        "struct<\"a: int8>",
        "list<",
        "struct<>",
        "struct<a: int8, a: int8>",
        "string x",
    ] {
        assert!(text.parse::<Type>().is_err(), "{text}");
    }
    assert!("list<".repeat(500).parse::<Type>().is_err());
}

#[test]
fn a_field_may_be_called_anything() {
    for name in ["a b", "", "a\"b", "\\", "x\\\"", "größe", "a: int8, b", "<", "\n"] {
        let of = Type::Struct(vec![
            (name.into(), Type::List(Box::new(Type::Int8))),
            ("z".into(), Type::Bool),
        ]);
        assert_eq!(of.to_string().parse::<Type>().unwrap(), of, "{of}");
    }
    assert_eq!(
        Type::Struct(vec![("a b".into(), Type::Int8), ("größe".into(), Type::Bool)]).to_string(),
        "struct<\"a b\": int8, größe: bool>"
    );
}

#[test]
fn nanoseconds_are_refused_and_not_cut() {
    let error = Type::of_arrow(&DataType::Timestamp(TimeUnit::Nanosecond, None)).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
}

#[test]
fn widening_keeps_every_value() {
    let widens = |a: &str, b: &str| a.parse::<Type>().unwrap().widens_to(&b.parse().unwrap());
    assert!(widens("int32", "int64") && widens("int32", "float64") && widens("decimal(5,2)", "decimal(7,3)"));
    assert!(widens("int32", "decimal(10,0)") && widens("vector(3)", "list<float64>"));
    assert!(!widens("int64", "float64") && !widens("int32", "float32") && !widens("decimal(5,2)", "decimal(6,4)"));
    assert!(!widens("float64", "float32") && !widens("string", "int32") && !widens("int32", "decimal(9,0)"));
}
