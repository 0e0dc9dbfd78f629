use super::*;
use serde_json::json;

/// What a word is, as a value of this type.
fn word(ty: &str, word: &str) -> String {
    of_word(&ty.parse().unwrap(), word).map_or("-".into(), |value| value.to_string())
}

#[test]
fn a_word_becomes_what_its_type_says_and_nothing_is_changed_on_the_way() {
    let text = |t: &str| word("string", t);
    assert_eq!(text("5"), r#""5""#);
    assert_eq!(text("1e5"), r#""1e5""#);
    assert_eq!(text("true"), r#""true""#);
    assert_eq!(text("1234567890123456789012345"), r#""1234567890123456789012345""#);
    assert_eq!(word("int64", "5"), "5");
    assert_eq!(word("int64", "1e5"), "-", "not a whole number as it is written");
    assert_eq!(word("int64", "1234567890123456789012345"), "-");
    assert_eq!(word("int8", "300"), "-");
    assert_eq!(word("uint64", "18446744073709551615"), "18446744073709551615");
    assert_eq!(word("float64", "5"), "5.0");
    assert_eq!(word("float64", "nan"), "-");
    assert_eq!(word("bool", "TRUE"), "true");
    assert_eq!(word("bool", "1"), "-");
    assert_eq!(word("date", "2024-02-30"), "-");
    assert_eq!(word("int64", "null"), "null");
}

#[test]
fn a_decimal_keeps_its_digits() {
    assert_eq!(word("decimal(10,2)", "1.5"), r#""1.50""#);
    assert_eq!(word("decimal(10,2)", "-0.05"), r#""-0.05""#);
    assert_eq!(word("decimal(10,2)", "-0"), r#""0.00""#);
    assert_eq!(word("decimal(10,2)", "1.500"), r#""1.50""#);
    assert_eq!(word("decimal(10,2)", "1.505"), "-", "a digit would be lost");
    assert_eq!(word("decimal(4,2)", "123"), "-", "it would be too long");
    assert_eq!(word("decimal(4,2)", "."), "-");
    let declared = BTreeMap::from([(
        "x".to_string(),
        Param {
            description: None,
            ty: "decimal(38,2)".parse().unwrap(),
            default: None,
        },
    )]);
    let given = Map::from_iter([("x".to_string(), json!("123456789012345678901234567890.1"))]);
    let values = values("a.b", &declared, &given).unwrap();
    assert_eq!(
        for_sql(&declared, &values).unwrap()["x"],
        engine::Param::Decimal {
            digits: 12_345_678_901_234_567_890_123_456_789_010,
            precision: 38,
            scale: 2,
        }
    );
}

#[test]
fn what_is_given_and_what_is_the_default_are_one_value() {
    for (ty, default, given) in [
        ("string", json!("5"), "5"),
        ("int64", json!(5), "5"),
        ("float64", json!(5), "5"),
        ("float64", json!(0.5), "5e-1"),
        ("decimal(10,2)", json!(1.5), "1.50"),
        ("decimal(10,2)", json!("1.5"), "1.50"),
        ("bool", json!(true), "true"),
        ("date", json!("2024-01-01"), "2024-01-01"),
    ] {
        let declared = BTreeMap::from([(
            "x".to_string(),
            Param {
                description: None,
                ty: ty.parse().unwrap(),
                default: Some(default),
            },
        )]);
        let by_default = values("a.b", &declared, &Map::new()).unwrap();
        let by_word = values("a.b", &declared, &Map::from_iter([("x".to_string(), given.into())])).unwrap();
        assert_eq!(by_default, by_word, "{ty}");
    }
}
