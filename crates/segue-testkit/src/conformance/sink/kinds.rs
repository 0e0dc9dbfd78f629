//! Made-up rows, values at the edges of their types, and changes by chance: one maker for each kind of change.

use super::model::{Piece, Step};
use crate::conformance::Chance;
use crate::conformance::grid::{Cell, DAY, Grid, listed, some};
use segue_core::sink::Change;
use segue_core::{Labels, Span, Spans, Type};
use serde_json::json;
use std::collections::BTreeSet;

/// The names that slices go by.
pub(crate) const NAMES: [&str; 4] = ["ann", "bob", "eve", "zoë"];

/// No things: `id`, `name` (of its slice), `day` (of its range), `amount`.
pub(crate) fn nothing() -> Grid {
    let columns = [
        ("id", Type::Int64),
        ("name", Type::String),
        ("day", Type::Date),
        ("amount", Type::Float64),
    ];
    Grid::of(&columns)
}

pub(crate) fn thing(id: i64, name: &str, day: i64, amount: f64) -> Vec<Cell> {
    vec![some(id), some(name), some(day), some(format!("{amount:?}"))]
}

/// Things: each its id, name and day.
pub(crate) fn things(rows: &[(i64, &str, i64)]) -> Grid {
    nothing().with(rows.iter().map(|(id, name, day)| thing(*id, name, *day, 1.5)).collect())
}

pub(crate) fn slices(names: &[&str]) -> Change {
    Change::ReplaceSlices {
        columns: vec!["name".into()],
        slices: names.iter().map(|name| slice(name)).collect(),
    }
}

pub(crate) fn slice(name: &str) -> Labels {
    Labels::from_iter([("name".to_string(), json!(name))])
}

/// Stretches of days since 1970, half-open.
pub(crate) fn days(ranges: &[(i64, i64)]) -> Change {
    Change::ReplaceRanges {
        column: "day".into(),
        ranges: Spans::of(ranges.iter().map(|(from, to)| Span::new(from * DAY, to * DAY))),
    }
}

pub(crate) fn merge(key: &[&str]) -> Change {
    Change::merge(key.iter().copied())
}

/// A kind of change, and how a step of it is made up.
pub(crate) struct Kind {
    pub name: &'static str,
    pub make: fn(&mut Chance) -> Step,
}

/// Every kind that goes with doubled keys.
pub(crate) fn kinds() -> Vec<Kind> {
    vec![
        Kind {
            name: "append",
            make: |chance| in_pieces(Change::Append, some_things(chance), &[], chance),
        },
        Kind {
            name: "replace_table",
            make: |chance| in_pieces(Change::ReplaceTable, some_things(chance), &[], chance),
        },
        Kind {
            name: "replace_slices",
            make: |chance| {
                let names: Vec<&str> = NAMES.iter().copied().filter(|_| chance.once_in(2)).collect();
                let mut rows = some_things(chance);
                rows.retain(|row| names.iter().any(|name| row[1].as_deref() == Some(name)));
                in_pieces(slices(&names), rows, &[], chance)
            },
        },
        Kind {
            name: "replace_ranges",
            make: |chance| {
                let ranges: Vec<(i64, i64)> = (0..6).filter(|_| chance.once_in(2)).map(|day| (day, day + 1)).collect();
                let inside = |row: &Vec<Cell>| {
                    let day: Option<i64> = row[2].as_deref().and_then(|d| d.parse().ok());
                    day.is_some_and(|day| ranges.contains(&(day, day + 1)))
                };
                let mut rows = some_things(chance);
                rows.retain(inside);
                in_pieces(days(&ranges), rows, &[], chance)
            },
        },
    ]
}

/// Every kind that goes with keys that are unique.
pub(crate) fn keyed_kinds() -> Vec<Kind> {
    vec![
        Kind {
            name: "merge",
            make: |chance| {
                let rows = unique(some_things(chance));
                let deletes: Vec<bool> = rows.iter().map(|_| chance.once_in(3)).collect();
                in_pieces(merge(&["id"]), rows, &deletes, chance)
            },
        },
        Kind {
            name: "replace_table",
            make: |chance| in_pieces(Change::ReplaceTable, unique(some_things(chance)), &[], chance),
        },
    ]
}

fn some_things(chance: &mut Chance) -> Vec<Vec<Cell>> {
    let mut made = Vec::new();
    for _ in 0..chance.below(9) {
        let mut row = thing(
            chance.below(7) as i64,
            NAMES[chance.below(NAMES.len())],
            chance.below(6) as i64,
            *chance.one(&[0.0, 1.5, -2.25]),
        );
        for cell in &mut row[1..] {
            if chance.once_in(8) {
                *cell = None;
            }
        }
        made.push(row);
    }
    made
}

fn unique(mut rows: Vec<Vec<Cell>>) -> Vec<Vec<Cell>> {
    let mut seen = BTreeSet::new();
    rows.retain(|row| seen.insert(row[0].clone()));
    rows
}

/// The rows in up to three pieces, now and then with a column more, and with that one wider in later pieces.
fn in_pieces(change: Change, rows: Vec<Vec<Cell>>, deletes: &[bool], chance: &mut Chance) -> Step {
    let count = 1 + chance.below(3);
    let mut pieces: Vec<Piece> = Vec::new();
    let wide = chance.below(12);
    for at in 0..count {
        let mut grid = nothing();
        let more = match (wide, at) {
            (0, _) => Some(Type::Int32),
            (1, 0) => Some(Type::Int16),
            (1, _) => Some(Type::Int64),
            _ => None,
        };
        grid.columns.extend(more.map(|of| ("size".to_string(), of)));
        pieces.push(Piece::of(grid));
    }
    for (row, mut cells) in rows.into_iter().enumerate() {
        let piece = &mut pieces[row % count];
        if piece.rows.columns.len() > cells.len() {
            cells.push((!chance.once_in(4)).then(|| chance.below(3).to_string()));
        }
        piece.rows.rows.push(cells);
        piece.deletes.extend(deletes.get(row));
    }
    Step { change, pieces }
}

/// Values of each type, those at its edges and those that are easily taken for others. As [`crate::conformance::grid`] writes them.
pub fn edges() -> Vec<(Type, Vec<String>)> {
    let mut all: Vec<(Type, Vec<String>)> = Type::examples()
        .into_iter()
        .map(|of| (of.clone(), edges_of(&of)))
        .collect();
    let boxed = |of: Type| Type::List(Box::new(of));
    let texts = |parts: &[&str]| listed(&parts.iter().map(some).collect::<Vec<_>>());
    all.extend([
        (
            Type::Decimal(38, 0),
            vec!["9".repeat(38), format!("-{}", "9".repeat(38))],
        ),
        (Type::Decimal(38, 38), vec!["9".repeat(38), "1".into()]),
        (
            boxed(boxed(Type::Int64)),
            vec![listed(&[Some(listed(&[None, some(i64::MIN)])), None, some("[]")])],
        ),
        (boxed(Type::Timestamp), vec![texts(&[&YEAR_1.to_string(), "-1"])]),
        (boxed(Type::Decimal(38, 2)), vec![texts(&[&"9".repeat(38), "-1"])]),
        (boxed(Type::Binary), vec![texts(&["", "00ff"])]),
        (
            boxed(Type::Float64),
            vec![texts(&["0.1", "5e-324", "1.7976931348623157e308"])],
        ),
        (boxed(Type::Bool), vec![listed(&[some(true), None, some(false)])]),
        (
            boxed(Type::Struct(vec![
                ("A b".into(), Type::String),
                ("day".into(), Type::Date),
            ])),
            vec![listed(&[
                Some(listed(&[some("x"), None])),
                None,
                Some(listed(&[None, some(-1)])),
            ])],
        ),
        (
            Type::Struct(vec![
                ("l".into(), boxed(Type::String)),
                ("s".into(), Type::Struct(vec![("u".into(), Type::UInt64)])),
            ]),
            vec![
                listed(&[Some(listed(&[None])), Some(listed(&[some(u64::MAX)]))]),
                listed(&[None, None]),
            ],
        ),
    ]);
    all
}

/// The first microsecond of the year 1, and the last of 9999.
const YEAR_1: i64 = -719_162 * DAY;
const YEAR_9999: i64 = 2_932_897 * DAY - 1;

fn edges_of(of: &Type) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|t| t.to_string()).collect::<Vec<_>>();
    let whole = |numbers: &[i64]| numbers.iter().map(i64::to_string).collect::<Vec<_>>();
    match of {
        Type::Bool => texts(&["true", "false"]),
        Type::Int8 => whole(&[i8::MIN.into(), 0, i8::MAX.into()]),
        Type::Int16 => whole(&[i16::MIN.into(), 0, i16::MAX.into()]),
        Type::Int32 => whole(&[i32::MIN.into(), 0, i32::MAX.into()]),
        Type::Int64 => whole(&[i64::MIN, -1, 0, (1 << 53) + 1, i64::MAX]),
        Type::UInt64 => texts(&["0", "9223372036854775808", "18446744073709551615"]),
        Type::Float32 => {
            let values = [0.0, 0.1, 16_777_217.0, f32::MIN, f32::MAX, f32::MIN_POSITIVE, 1e-45];
            let special = texts(&["-0.0", "NaN", "inf", "-inf"]);
            values.iter().map(|v| format!("{v:?}")).chain(special).collect()
        }
        Type::Float64 => {
            let values = [
                0.0,
                0.1,
                1e15,
                9_007_199_254_740_993.0,
                f64::MIN,
                f64::MAX,
                f64::MIN_POSITIVE,
                5e-324,
            ];
            let special = texts(&["-0.0", "NaN", "inf", "-inf"]);
            values.iter().map(|v| format!("{v:?}")).chain(special).collect()
        }
        Type::Decimal(..) => texts(&["9999999999", "-9999999999", "1", "-1", "0", "100"]),
        Type::String => {
            let long = "long ".repeat(20_000);
            let mut all = texts(&[
                "",
                " ",
                "  padded\t",
                "line\nbreak\r\n",
                "żółw 🐢",
                "e\u{301}",
                "é",
                "it's \"quoted\"",
            ]);
            all.extend(texts(&[
                "'; drop table x; --",
                "NULL",
                "null",
                "\\N",
                "\\x00",
                "%s {} $1 ?",
                "123",
                "1e5",
                "007",
            ]));
            all.extend(texts(&[
                "true",
                "2024-02-29",
                "\u{feff}bom",
                "\u{10ffff}",
                "a\0b",
                long.as_str(),
            ]));
            all
        }
        Type::Binary => texts(&["", "00", "ff00fe", "5c783030", "27"]),
        Type::Date => whole(&[YEAR_1 / DAY, -1, 0, 19_782, YEAR_9999 / DAY]),
        Type::Time => whole(&[0, 1, 43_200_000_000, DAY - 1]),
        Type::Timestamp | Type::LocalTimestamp => whole(&[YEAR_1, -1, 0, 1, 1_709_208_000_000_001, YEAR_9999]),
        Type::Uuid => texts(&[
            "00000000-0000-0000-0000-000000000000",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        ]),
        Type::Json => texts(&[
            "null",
            "1.0",
            "\"text\"",
            "{\"b\": [1, null], \"a\":2}",
            "{\"a\":1,\"a\":2}",
            "[]",
            "12345678901234567890123",
            "1e400",
        ]),
        Type::List(_) => vec![
            "[]".into(),
            listed(&[None]),
            listed(&[some("a"), None, some(""), some("\"q\", '\\ {1,2}")]),
        ],
        Type::Struct(_) => vec![listed(&[some(7)]), listed(&[None])],
        Type::Vector(n) => {
            let all = |value: f64| listed(&(0..*n).map(|_| some(format!("{value:?}"))).collect::<Vec<_>>());
            vec![all(0.0), all(-1.0 / 3.0), all(f64::MAX)]
        }
    }
}
