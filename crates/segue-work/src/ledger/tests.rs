use super::*;
use segue_core::commit::Footprint;
use segue_core::types::Type;
use segue_core::{Spans, TableId};
use segue_spec::model::{By, Range};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const DAY: i64 = 86_400_000_000;

fn now() -> Timestamp {
    "2024-01-05T00:00:00Z".parse().unwrap()
}

fn day(number: i64) -> Span {
    let start = "2024-01-01T00:00:00Z".parse::<Timestamp>().unwrap().as_microsecond();
    Span::new(start + (number - 1) * DAY, start + number * DAY)
}

fn labels(artist: &str) -> Labels {
    Labels::from_iter([("artist".into(), json!(artist))])
}

fn slice(artist: &str) -> Part {
    Part {
        labels: labels(artist),
        ..Part::default()
    }
}

fn range(number: i64) -> Part {
    Part {
        range: Some(day(number)),
        ..Part::default()
    }
}

fn entry(part: &Part, n: u64) -> Entry {
    Entry {
        range: part.range,
        labels: part.labels.clone(),
        outcome: Outcome::Done,
        n,
        data_hash: "h1".into(),
        values_hash: part.values_hash.clone(),
        inputs: BTreeMap::new(),
        source: None,
        read_at: "2024-01-04T12:00:00Z".parse().unwrap(),
        kept: false,
    }
}

fn calendar(lookback: u32) -> Calendar {
    let range = Range {
        by: By::Day,
        input: "raw.orders.created_at".parse().unwrap(),
        output: "day".into(),
        start: "2024-01-01".parse().unwrap(),
        lag: None,
        lookback,
    };
    Calendar::new(&range, "UTC").unwrap()
}

fn text(states: Vec<State>) -> String {
    let show = |s: &State| match s {
        State::Fresh => "fresh".to_string(),
        State::Closed => "closed".into(),
        State::Missing => "missing".into(),
        State::Stale(why) => format!("stale: {why}"),
        State::Parked { until } => format!("parked until {until}"),
    };
    states.iter().map(show).collect::<Vec<_>>().join("\n")
}

/// A source read with one rule of freshness.
fn read(ledger: &[Entry], parts: &[Part], fresh: Option<SignedDuration>) -> String {
    ask(ledger, &[], parts, fresh, false)
}

fn ask(ledger: &[Entry], parked: &[ParkedUntil], parts: &[Part], fresh: Option<SignedDuration>, again: bool) -> String {
    let question = Question {
        ledger,
        parked,
        data_hash: "h1",
        reading: Reading::Source { fresh },
        again,
        since: None,
        now: now(),
    };
    text(question.answer(parts).unwrap())
}

const HOURS: fn(i64) -> Option<SignedDuration> = |h| Some(SignedDuration::from_hours(h));

#[test]
fn one_new_artist_asks_for_one() {
    let ledger = [entry(&slice("a"), 1), entry(&slice("b"), 1)];
    insta::assert_snapshot!(read(&ledger, &[slice("a"), slice("b"), slice("c")], HOURS(24)), @r"
    fresh
    fresh
    missing
    ");
}

#[test]
fn age_counts_from_the_start_of_the_read() {
    let ledger = [entry(&slice("a"), 1)];
    insta::assert_snapshot!(read(&ledger, &[slice("a")], HOURS(12)), @"stale: read at 2024-01-04T12:00:00Z, longer ago than `fresh:` allows");
    insta::assert_snapshot!(read(&ledger, &[slice("a")], HOURS(13)), @"fresh");
    insta::assert_snapshot!(read(&ledger, &[slice("a")], None), @"stale: read at every run (no `fresh:`)");
}

#[test]
fn again_reads_though_fresh() {
    let ledger = [entry(&slice("a"), 1)];
    insta::assert_snapshot!(ask(&ledger, &[], &[slice("a"), slice("b")], HOURS(24), true), @r"
    stale: asked for with --again
    missing
    ");
}

#[test]
fn what_is_parked_waits_for_its_time_unless_everything_is_asked_for() {
    let until = now() + SignedDuration::from_hours(1);
    let parked = |until| {
        [ParkedUntil {
            labels: labels("a"),
            until,
        }]
    };
    insta::assert_snapshot!(ask(&[], &parked(Some(until)), &[slice("a"), slice("b")], None, false), @r"
    parked until 2024-01-05T01:00:00Z
    missing
    ");
    insta::assert_snapshot!(ask(&[], &parked(Some(until)), &[slice("a")], None, true), @"missing");
    // Its time has come, or none was known.
    insta::assert_snapshot!(ask(&[], &parked(Some(now())), &[slice("a")], None, false), @"missing");
    insta::assert_snapshot!(ask(&[], &parked(None), &[slice("a")], None, false), @"missing");
    // What is fresh is not waited for.
    let done = [entry(&slice("a"), 1)];
    insta::assert_snapshot!(ask(&done, &parked(Some(until)), &[slice("a")], HOURS(24), false), @"fresh");
}

#[test]
fn a_closed_slice_is_asked_again_like_a_done_one() {
    let closed = Entry {
        outcome: Outcome::Closed,
        ..entry(&slice("a"), 1)
    };
    insta::assert_snapshot!(read(std::slice::from_ref(&closed), &[slice("a")], HOURS(24)), @"closed");
    insta::assert_snapshot!(read(&[closed], &[slice("a")], None), @"stale: read at every run (no `fresh:`)");
}

#[test]
fn another_definition_or_other_values_make_a_slice_stale() {
    let old = Entry {
        data_hash: "h0".into(),
        ..entry(&slice("a"), 1)
    };
    insta::assert_snapshot!(read(&[old], &[slice("a")], HOURS(24)), @"stale: the definition changed");
    let values = Map::from_iter([("page".to_string(), json!(1))]);
    let part = Part {
        values_hash: values_hash(&values, &Map::new()),
        ..slice("a")
    };
    insta::assert_snapshot!(read(&[entry(&slice("a"), 1)], &[part], HOURS(24)), @"stale: its values or parameters changed");
}

#[test]
fn the_order_of_values_does_not_matter_and_where_they_stand_does() {
    let one = Map::from_iter([("a".to_string(), json!(1)), ("b".to_string(), json!(2))]);
    let other = Map::from_iter([("b".to_string(), json!(2)), ("a".to_string(), json!(1))]);
    assert_eq!(values_hash(&one, &Map::new()), values_hash(&other, &Map::new()));
    assert_ne!(values_hash(&one, &Map::new()), values_hash(&Map::new(), &one));
    assert_eq!(values_hash(&Map::<String, Value>::new(), &Map::new()), "");
}

/// Computed from `raw.orders`, last read in its version 3.
struct Computed {
    lookback: u32,
    rule: Rule,
    pinned: u64,
    known_since: u64,
    changes: Vec<Changed>,
    ledger: Vec<Entry>,
}

impl Computed {
    fn of(changes: Vec<Changed>) -> Computed {
        Computed {
            lookback: 0,
            rule: Rule::Column {
                column: "created_at".into(),
                of: Type::Timestamp,
            },
            pinned: 9,
            known_since: 0,
            changes,
            ledger: vec![Entry {
                range: Some(Span::new(day(1).from, day(3).to)),
                ..entry(&range(1), 1)
            }],
        }
    }

    fn states(&self, parts: &[Part]) -> String {
        let table = TableId(uuid::Uuid::from_u128(1));
        let name: AssetName = "raw.orders".parse().unwrap();
        let inputs = [InputHistory {
            name: name.clone(),
            table,
            pinned: self.pinned,
            rule: self.rule.clone(),
            known_since: self.known_since,
            changes: self.changes.clone(),
        }];
        let computed_from = HashMap::from([(
            1,
            vec![InputVersion {
                table,
                name,
                version: 3,
            }],
        )]);
        let calendar = calendar(self.lookback);
        let question = Question {
            ledger: &self.ledger,
            parked: &[],
            data_hash: "h1",
            reading: Reading::Inputs {
                inputs: &inputs,
                calendar: Some(&calendar),
                computed_from: &computed_from,
            },
            again: false,
            since: None,
            now: now(),
        };
        text(question.answer(parts).unwrap())
    }
}

fn footprint(days: &[Span]) -> Option<Footprint> {
    let columns = BTreeMap::from([("created_at".to_string(), Spans::of(days.iter().copied()))]);
    Some(Footprint::Parts {
        labels: BTreeSet::new(),
        columns,
        rows: 1,
    })
}

fn changed(version: u64, footprint: Option<Footprint>) -> Vec<Changed> {
    vec![Changed { version, footprint }]
}

#[test]
fn a_late_row_reopens_its_own_day_and_no_other() {
    let computed = Computed::of(changed(5, footprint(&[Span::new(day(2).from + 7, day(2).from + 8)])));
    insta::assert_snapshot!(computed.states(&[range(1), range(2), range(3), range(4)]), @r"
    fresh
    stale: raw.orders changed in version 5
    fresh
    missing
    ");
}

#[test]
fn lookback_reopens_the_ranges_after_a_change_too() {
    let computed = Computed {
        lookback: 1,
        ..Computed::of(changed(5, footprint(&[day(1)])))
    };
    insta::assert_snapshot!(computed.states(&[range(1), range(2), range(3)]), @r"
    stale: raw.orders changed in version 5
    stale: raw.orders changed in version 5
    fresh
    ");
}

#[test]
fn a_version_that_is_nobodys_commit_is_everything() {
    insta::assert_snapshot!(Computed::of(changed(5, None)).states(&[range(1), range(3)]), @r"
    stale: another program changed raw.orders in version 5
    stale: another program changed raw.orders in version 5
    ");
}

#[test]
fn an_unknown_footprint_is_everything_and_an_empty_one_nothing() {
    insta::assert_snapshot!(Computed::of(changed(5, Some(Footprint::Everything))).states(&[range(1)]), @"stale: raw.orders changed in version 5");
    insta::assert_snapshot!(Computed::of(changed(5, Some(Footprint::nothing()))).states(&[range(1)]), @"fresh");
    insta::assert_snapshot!(Computed::of(vec![]).states(&[range(1)]), @"fresh");
}

#[test]
fn what_changed_before_the_read_or_after_the_pin_does_not_matter() {
    insta::assert_snapshot!(Computed::of(changed(3, None)).states(&[range(1)]), @"fresh");
    insta::assert_snapshot!(Computed::of(changed(10, None)).states(&[range(1)]), @"fresh");
}

#[test]
fn an_input_without_a_rule_reopens_everything_and_one_that_is_ignored_nothing() {
    let one_day = || changed(5, footprint(&[day(2)]));
    let everything = Computed {
        rule: Rule::Everything,
        ..Computed::of(one_day())
    };
    insta::assert_snapshot!(everything.states(&[range(1)]), @"stale: raw.orders changed in version 5");
    let ignored = Computed {
        rule: Rule::Ignore,
        ..Computed::of(one_day())
    };
    insta::assert_snapshot!(ignored.states(&[range(1), range(2)]), @r"
    fresh
    fresh
    ");
}

#[test]
fn a_log_that_no_longer_reaches_back_and_a_restored_input_are_everything() {
    let forgotten = Computed {
        known_since: 4,
        ..Computed::of(vec![])
    };
    insta::assert_snapshot!(forgotten.states(&[range(1)]), @"stale: raw.orders changed in version 9");
    let restored = Computed {
        pinned: 2,
        ..Computed::of(vec![])
    };
    insta::assert_snapshot!(restored.states(&[range(1)]), @"stale: raw.orders changed in version 2");
}

#[test]
fn an_input_that_its_commit_did_not_read_is_new() {
    let mut computed = Computed::of(vec![]);
    computed.ledger[0].n = 2;
    insta::assert_snapshot!(computed.states(&[range(1)]), @"stale: raw.orders is a new input");
}

#[test]
fn a_computation_that_changed_nothing_is_not_done_again() {
    let table = TableId(uuid::Uuid::from_u128(1));
    let mut computed = Computed::of(changed(5, footprint(&[day(1)])));
    let seen = [InputVersion {
        table,
        name: "raw.orders".parse().unwrap(),
        version: 5,
    }];
    computed.ledger[0].inputs = seen.iter().map(|i| (i.table, i.version)).collect();
    insta::assert_snapshot!(computed.states(&[range(1)]), @"fresh");
}

#[test]
fn a_range_is_done_when_entries_cover_it_without_a_hole() {
    let mut computed = Computed::of(vec![]);
    let half = day(1).from + DAY / 2;
    computed.ledger = vec![
        Entry {
            range: Some(Span::new(day(1).from, half)),
            ..entry(&range(1), 1)
        },
        Entry {
            range: Some(Span::new(half, day(1).to)),
            ..entry(&range(1), 1)
        },
        Entry {
            range: Some(Span::new(day(2).from, day(2).to - 1)),
            ..entry(&range(1), 1)
        },
    ];
    insta::assert_snapshot!(computed.states(&[range(1), range(2)]), @r"
    fresh
    missing
    ");
}

#[test]
fn what_this_run_has_read_is_not_read_again_when_its_step_is_tried_again() {
    let ledger = [
        entry(&slice("a"), 1),
        Entry {
            read_at: "2024-01-04T23:00:00Z".parse().unwrap(),
            ..entry(&slice("b"), 1)
        },
    ];
    let states = |again| {
        let question = Question {
            ledger: &ledger,
            parked: &[],
            data_hash: "h1",
            reading: Reading::Source { fresh: None },
            again,
            since: Some("2024-01-04T22:00:00Z".parse().unwrap()),
            now: now(),
        };
        text(question.answer(&[slice("a"), slice("b")]).unwrap())
    };
    insta::assert_snapshot!(states(false), @r"
    stale: read at every run (no `fresh:`)
    fresh
    ");
    insta::assert_snapshot!(states(true), @r"
    stale: asked for with --again
    fresh
    ");
}

#[test]
fn a_read_in_the_future_is_of_no_known_age() {
    let ahead = |h| Entry {
        read_at: now() + SignedDuration::from_hours(h),
        ..entry(&slice("a"), 1)
    };
    assert!(read(&[ahead(87_600)], &[slice("a")], HOURS(24)).starts_with("stale: read at "));
    // Nor was it read by this run, however late it says it was.
    let ledger = [ahead(87_600)];
    let question = Question {
        ledger: &ledger,
        parked: &[],
        data_hash: "h1",
        reading: Reading::Source { fresh: None },
        again: false,
        since: Some(now()),
        now: now(),
    };
    insta::assert_snapshot!(text(question.answer(&[slice("a")]).unwrap()), @"stale: read at every run (no `fresh:`)");
    // Machines that share a state differ by minutes.
    let bit = Entry {
        read_at: now() + SignedDuration::from_mins(2),
        ..entry(&slice("a"), 1)
    };
    insta::assert_snapshot!(read(&[bit], &[slice("a")], HOURS(24)), @"fresh");
}
