use super::*;
use proptest::prelude::*;
use serde_json::json;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-c\"]{0,2}".prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        Just(json!(1.5)),
        Just(json!(1.0)),
        Just(json!(true)),
        Just(Value::Null)
    ]
}

fn labels() -> impl Strategy<Value = Labels> {
    proptest::collection::btree_map("[ab]", value(), 0..3).prop_map(Labels::from_iter)
}

proptest! {
    #[test]
    fn order_equality_and_keys_agree(a in labels(), b in labels(), c in labels()) {
        prop_assert_eq!(a.cmp(&b).is_eq(), a == b);
        prop_assert_eq!(a.key() == b.key(), a == b);
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
        prop_assert_eq!(Labels::from_key(&a.key()).unwrap(), a);
    }
}

#[test]
fn a_label_takes_no_tree() {
    let labels = Labels::from_iter([("b".to_string(), json!(2)), ("a".to_string(), json!("x"))]);
    assert_eq!(labels.key(), r#"{"a":"x","b":2}"#, "sorted by name");
    assert_eq!((labels.get("b"), labels.get("c")), (Some(&json!(2)), None));
    // A leaf of a tree has room for eleven names and values, whatever it holds: a kilobyte.
    assert!(size_of_val(&*labels.0) < 256, "{}", size_of_val(&*labels.0));
}
