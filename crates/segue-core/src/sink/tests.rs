use super::*;
use serde_json::json;

fn at() -> Timestamp {
    "2026-03-01T00:00:00.5Z".parse().unwrap()
}

#[test]
fn a_change_is_read_as_it_was_written() {
    let key = || vec!["id".to_string()];
    let of = |missing| Change::Merge { key: key(), missing };
    let written = [
        (of(Missing::Keep), json!({ "merge": { "key": ["id"] } })),
        (
            of(Missing::Delete),
            json!({ "merge": { "key": ["id"], "missing": "delete" } }),
        ),
        (
            of(Missing::Mark { at: at() }),
            json!({ "merge": { "key": ["id"], "missing": { "mark": { "at": "2026-03-01T00:00:00.5Z" } } } }),
        ),
        (
            of(Missing::Unknown),
            json!({ "merge": { "key": ["id"], "missing": "unknown" } }),
        ),
        (
            Change::DeleteInsert { key: key() },
            json!({ "delete_insert": { "key": ["id"] } }),
        ),
        (
            Change::History { key: key(), at: at() },
            json!({ "history": { "key": ["id"], "at": "2026-03-01T00:00:00.5Z" } }),
        ),
    ];
    for (change, json) in written {
        assert_eq!(serde_json::to_value(&change).unwrap(), json);
        assert_eq!(serde_json::from_value::<Change>(json).unwrap(), change);
    }
}

#[test]
fn a_change_fills_its_own_columns() {
    let names = |change: Change| -> Vec<String> {
        let fields = change.own_columns();
        fields
            .iter()
            .map(|f| format!("{}{}", f.name(), if f.is_nullable() { "?" } else { "" }))
            .collect()
    };
    let key = || vec!["id".to_string()];
    let merge = |missing| Change::Merge { key: key(), missing };
    assert_eq!(
        names(Change::History { key: key(), at: at() }),
        ["valid_from", "valid_to?", "current"]
    );
    assert_eq!(names(merge(Missing::Mark { at: at() })), ["deleted_at?"]);
    assert_eq!(names(merge(Missing::Unknown)), ["deleted_at?"]);
    assert!(names(merge(Missing::Delete)).is_empty());
    assert!(names(Change::DeleteInsert { key: key() }).is_empty());
}
