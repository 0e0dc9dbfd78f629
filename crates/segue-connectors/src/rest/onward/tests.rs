use super::*;
use arrow_array::{Int32Array, StringArray, TimestampMicrosecondArray};
use serde_json::json;
use std::sync::Arc;

fn onward(column: &str, more: Value, from: Option<Value>) -> Onward {
    let mut words = json!({ "column": column });
    words.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Onward::new(serde_json::from_value(words).unwrap(), from.as_ref()).unwrap()
}

fn batch(array: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("c", array, true)]).unwrap()
}

fn kept(onward: &Onward, array: ArrayRef) -> Vec<bool> {
    onward.new_rows(&batch(array)).unwrap().iter().flatten().collect()
}

#[test]
fn what_is_older_is_left_out_and_the_furthest_is_remembered() {
    let first = onward("c", json!({}), None);
    let numbers = || Arc::new(Int32Array::from(vec![3, 1, 2])) as ArrayRef;
    assert_eq!(kept(&first, numbers()), [true; 3]);
    let position = first.reached().unwrap();
    assert_eq!(position, json!({ "column": "c", "at": { "number": 3 } }));
    let more = || Arc::new(Int32Array::from(vec![2, 3, 4])) as ArrayRef;
    assert_eq!(
        kept(&onward("c", json!({}), Some(position.clone())), more()),
        [false, false, true]
    );
    // Where rows are merged, one that is as far as the last may have come late.
    let merged = onward("c", json!({ "may_repeat": true }), Some(position));
    assert_eq!(kept(&merged, more()), [false, true, true]);
    assert_eq!(merged.reached().unwrap()["at"]["number"], 4);
    assert_eq!(onward("c", json!({}), None).reached(), None);
}

#[test]
fn a_read_of_times_begins_earlier_by_the_lag() {
    let day = 86_400_000_000i64;
    let of = onward(
        "c",
        json!({ "lag": "1d", "may_repeat": true }),
        Some(json!({ "column": "c", "at": { "time": 10 * day } })),
    );
    let times = TimestampMicrosecondArray::from(vec![Some(8 * day), Some(9 * day), None]).with_timezone("UTC");
    assert_eq!(kept(&of, Arc::new(times)), [false, true, true]);
    assert_eq!(of.word(), Some(json!("1970-01-10T00:00:00Z")));
    assert_eq!(of.instant(None).unwrap().as_microsecond(), 9 * day);
    // What was seen is less far than the last position: that one stays.
    assert_eq!(of.reached().unwrap()["at"]["time"], 10 * day);
}

#[test]
fn what_cannot_be_read_onwards_says_why() {
    let position = |at: Value| Some(json!({ "column": "c", "at": at }));
    let said = |more: Value, from: Option<Value>, array: ArrayRef| {
        let mut words = json!({ "column": "c" });
        words.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        match Onward::new(serde_json::from_value(words).unwrap(), from.as_ref()) {
            Err(e) => e.message().to_string(),
            Ok(onward) => onward.new_rows(&batch(array)).unwrap_err().message().to_string(),
        }
    };
    let texts = || Arc::new(StringArray::from(vec![Some("a"), None])) as ArrayRef;
    let bools = Arc::new(BooleanArray::from(vec![true])) as ArrayRef;
    assert_eq!(
        said(json!({ "resume": "key" }), None, texts()),
        "`position.resume` is not known of a web API"
    );
    assert_eq!(
        said(
            json!({}),
            Some(json!({ "column": "d", "at": { "number": 1 } })),
            texts()
        ),
        "the last position is of another column"
    );
    assert_eq!(
        said(json!({ "lag": "1d" }), position(json!({ "number": 1 })), texts()),
        "`position.lag` is of a column that is no time"
    );
    assert_eq!(
        said(json!({}), None, texts()),
        "a record has no value in the column of the position, and would be there twice"
    );
    assert_eq!(
        said(json!({ "may_repeat": true }), position(json!({ "number": 1 })), texts()),
        "the column of the position is of another type than at the last read"
    );
    assert!(said(json!({}), None, bools).starts_with("nothing can be read onwards by `c`"));
}

#[test]
fn a_number_is_a_time_where_the_windows_are_written_as_one() {
    let of = onward(
        "c",
        json!({}),
        Some(json!({ "column": "c", "at": { "number": 86_400 } })),
    );
    let at = |format| of.instant(format).map(|at| at.as_second());
    assert_eq!(at(Some(TimeFormat::Unix)), Some(86_400));
    assert_eq!(at(Some(TimeFormat::UnixMs)), Some(86));
    assert_eq!((at(Some(TimeFormat::Rfc3339)), at(None)), (None, None));
}
