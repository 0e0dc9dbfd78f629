//! What came beside what is expected: rows as values, matched, and the differences as a table.

use arrow_array::RecordBatch;
use futures::StreamExt;
use segue_core::engine::Answer;
use segue_core::{Error, Result};
use segue_sql::format::{Form, Options, write};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// The most rows that a difference shows.
const MOST_SHOWN: usize = 20;
/// The most characters of a value in it.
const MOST_CELL: usize = 40;
/// Up to so many rows that are left over on a side are looked at for what they have in common.
const MOST_PAIRED: usize = 500;

/// The values of a row, as JSON writes them; not-a-number is the text `NaN`.
pub type Row = Vec<Value>;

/// The rows of a batch.
///
/// # Errors
/// None that rows of an answer can cause.
pub async fn rows(batch: &RecordBatch) -> Result<Vec<Row>> {
    Ok(objects(batch)
        .await?
        .into_iter()
        .map(|row| row.into_iter().map(|(_, v)| v).collect())
        .collect())
}

/// The rows of a batch, with the names of their columns.
///
/// # Errors
/// As [`rows`].
pub async fn objects(batch: &RecordBatch) -> Result<Vec<Map<String, Value>>> {
    let (schema, batch) = (batch.schema(), batch.clone());
    let answer = Answer {
        schema,
        rows: futures::stream::once(async move { Ok(batch) }).boxed(),
    };
    let mut text = Vec::new();
    write(Form::JsonLines, answer, &mut text, &Options::default()).await?;
    let lines = text.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).map_err(|e| Error::bug("a row is no JSON").caused_by(e)))
        .collect()
}

/// What rows are compared by.
pub struct Rules<'a> {
    /// The names of the columns.
    pub columns: &'a [String],
    /// Those that say which row is which, where that is known: for showing what differs side by side.
    pub key: &'a [String],
    /// Whether they come in an order.
    pub ordered: bool,
    /// How far doubles may be apart.
    pub tolerance: f64,
}

/// What became of the expected rows, and which others came.
#[derive(Debug, Default, PartialEq)]
pub struct Matched {
    /// For each expected row what stands for it.
    pub expected: Vec<Fate>,
    /// Rows that stand for none, by their place among those that came.
    pub unexpected: Vec<usize>,
}

/// What stands for an expected row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// The very row.
    Same,
    /// This one of those that came, which differs.
    Other(usize),
    /// None.
    Missing,
}

impl Matched {
    /// Whether all is as expected.
    pub fn is_same(&self) -> bool {
        self.unexpected.is_empty() && self.expected.iter().all(|fate| *fate == Fate::Same)
    }
}

impl Rules<'_> {
    /// Finds for each expected row the one that stands for it.
    pub fn matched(&self, expected: &[Row], found: &[Row]) -> Matched {
        if self.ordered {
            return self.in_order(expected, found);
        }
        let mut free: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, row) in found.iter().enumerate() {
            free.entry(exact_part(row)).or_default().push(at);
        }
        let mut is_used = vec![false; found.len()];
        let mut matched = Matched::default();
        for row in expected {
            let same = free.get_mut(&exact_part(row)).and_then(|candidates| {
                let at = candidates.iter().position(|at| self.are_same(row, &found[*at]))?;
                Some(candidates.remove(at))
            });
            matched.expected.push(match same {
                Some(at) => {
                    is_used[at] = true;
                    Fate::Same
                }
                None => Fate::Missing,
            });
        }
        let mut left: Vec<usize> = (0..found.len()).filter(|at| !is_used[*at]).collect();
        let missing = matched.expected.iter().filter(|fate| **fate == Fate::Missing).count();
        if missing <= MOST_PAIRED && left.len() <= MOST_PAIRED {
            for (at, row) in expected.iter().enumerate() {
                if matched.expected[at] == Fate::Missing
                    && let Some(near) = self.nearest(row, &left, found)
                {
                    matched.expected[at] = Fate::Other(left.remove(near));
                }
            }
        }
        matched.unexpected = left;
        matched
    }

    fn in_order(&self, expected: &[Row], found: &[Row]) -> Matched {
        let fate = |(at, row): (usize, &Row)| match found.get(at) {
            Some(other) if self.are_same(row, other) => Fate::Same,
            Some(_) => Fate::Other(at),
            None => Fate::Missing,
        };
        Matched {
            expected: expected.iter().enumerate().map(fate).collect(),
            unexpected: (expected.len()..found.len()).collect(),
        }
    }

    /// Which of the rows that are left is most likely meant: the one of the same key, or with most columns in common, at least half.
    fn nearest(&self, row: &Row, left: &[usize], found: &[Row]) -> Option<usize> {
        let same = |other: &Row, at: usize| self.is_same(&row[at], &other[at]);
        let keys: Vec<usize> = (0..self.columns.len())
            .filter(|at| self.key.contains(&self.columns[*at]))
            .collect();
        if !keys.is_empty() && keys.len() == self.key.len() {
            return left
                .iter()
                .position(|at| keys.iter().all(|key| same(&found[*at], *key)));
        }
        let common = |at: &usize| (0..row.len()).filter(|column| same(&found[*at], *column)).count();
        let counted = left.iter().map(common).enumerate();
        let best = counted.max_by_key(|(at, count)| (*count, std::cmp::Reverse(*at)));
        best.filter(|(_, count)| *count > 0 && count * 2 >= row.len())
            .map(|(at, _)| at)
    }

    fn are_same(&self, a: &Row, b: &Row) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.is_same(a, b))
    }

    fn is_same(&self, a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(x), Value::Number(y)) if x.is_f64() && y.is_f64() => match (x.as_f64(), y.as_f64()) {
                (Some(x), Some(y)) => x == y || (x - y).abs() <= self.tolerance * x.abs().max(y.abs()).max(1.0),
                _ => false,
            },
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.is_same(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| self.is_same(a, b)))
            }
            _ => a == b,
        }
    }

    /// The differences as a table: `-` is missing, `+` was not expected, and `~` has `expected → found` where they differ.
    pub fn drawn(&self, matched: &Matched, expected: &[Row], found: &[Row]) -> String {
        let mut lines: Vec<(char, Vec<String>)> = Vec::new();
        for (row, fate) in expected.iter().zip(&matched.expected) {
            match fate {
                Fate::Same => {}
                Fate::Missing => lines.push(('-', row.iter().map(shown).collect())),
                Fate::Other(at) => {
                    let cell = |(a, b): (&Value, &Value)| match self.is_same(a, b) {
                        true => shown(a),
                        false => format!("{} → {}", shown(a), shown(b)),
                    };
                    lines.push(('~', row.iter().zip(&found[*at]).map(cell).collect()));
                }
            }
        }
        for at in &matched.unexpected {
            lines.push(('+', found[*at].iter().map(shown).collect()));
        }
        let mut counts: BTreeMap<char, usize> = BTreeMap::new();
        lines
            .iter()
            .for_each(|(mark, _)| *counts.entry(*mark).or_default() += 1);
        let told: Vec<String> = [
            ('~', "differ (expected → found)"),
            ('-', "missing"),
            ('+', "not expected"),
        ]
        .iter()
        .filter_map(|(mark, word)| Some(format!("{mark} {} {word}", counts.get(mark)?)))
        .collect();
        let more = lines.len().saturating_sub(MOST_SHOWN);
        lines.truncate(MOST_SHOWN);
        let mut widths: Vec<usize> = self.columns.iter().map(|c| c.chars().count()).collect();
        for (_, cells) in &lines {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = cell.chars().count().max(*width);
            }
        }
        let line = |mark: char, cells: &[String]| {
            let padded: Vec<String> = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            format!("  {mark} {}", padded.join(" | ")).trim_end().to_string()
        };
        let mut text = vec![told.join(", "), line(' ', self.columns)];
        text.extend(lines.iter().map(|(mark, cells)| line(*mark, cells)));
        if more > 0 {
            text.push(format!("    and {more} more"));
        }
        text.join("\n")
    }
}

/// A row without its doubles: what must be equal in any case.
fn exact_part(row: &Row) -> String {
    fn without(value: &Value) -> Value {
        match value {
            Value::Number(number) if number.is_f64() => Value::Null,
            Value::Array(items) => Value::Array(items.iter().map(without).collect()),
            // Keys of an object stand in no order.
            Value::Object(_) => Value::Bool(true),
            other => other.clone(),
        }
    }
    Value::Array(row.iter().map(without).collect()).to_string()
}

/// A value on one line.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) if text.is_empty() => "\"\"".to_string(),
        Value::String(text) => text
            .chars()
            .flat_map(|c| {
                if c.is_control() {
                    c.escape_default().collect::<Vec<_>>()
                } else {
                    vec![c]
                }
            })
            .collect(),
        other => other.to_string(),
    };
    match text.char_indices().nth(MOST_CELL) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules<'a>(columns: &'a [String], key: &'a [String], ordered: bool) -> Rules<'a> {
        Rules {
            columns,
            key,
            ordered,
            tolerance: 1e-9,
        }
    }

    fn row(value: Value) -> Row {
        value.as_array().cloned().unwrap_or_default()
    }

    #[test]
    fn rows_match_as_often_as_they_come_in_any_order() {
        let columns = ["id".to_string(), "score".to_string()];
        let rules = rules(&columns, &[], false);
        let expected = [
            row(json!([1, 0.1])),
            row(json!([1, 0.1])),
            row(json!([2, null])),
            row(json!([3, "NaN"])),
        ];
        let found = [
            row(json!([3, "NaN"])),
            row(json!([1, 0.1])),
            row(json!([2, null])),
            row(json!([1, 0.1 + 1e-12])),
        ];
        assert!(rules.matched(&expected, &found).is_same());
        let twice = [row(json!([1, 0.1])), row(json!([2, null])), row(json!([3, "NaN"]))];
        let matched = rules.matched(&expected, &twice);
        assert_eq!(matched.expected.iter().filter(|f| **f == Fate::Missing).count(), 1);
        assert!(
            !rules
                .matched(&[row(json!([1, 0.1]))], &[row(json!([1, 0.2]))])
                .is_same()
        );
        // A whole number is no double, and null is not zero.
        assert!(!rules.matched(&[row(json!([1, 0]))], &[row(json!([1, 0.0]))]).is_same());
        assert!(
            !rules
                .matched(&[row(json!([1, null]))], &[row(json!([1, 0.0]))])
                .is_same()
        );
    }

    #[test]
    fn an_order_counts_where_it_is_said() {
        let columns = ["id".to_string()];
        let (expected, found) = ([row(json!([1])), row(json!([2]))], [row(json!([2])), row(json!([1]))]);
        assert!(rules(&columns, &[], false).matched(&expected, &found).is_same());
        assert_eq!(
            rules(&columns, &[], true).matched(&expected, &found).expected,
            [Fate::Other(0), Fate::Other(1)]
        );
    }

    #[test]
    fn a_difference_is_drawn_by_key_and_bounded() {
        let columns = ["id".to_string(), "name".to_string(), "n".to_string()];
        let key = ["id".to_string()];
        let rules = rules(&columns, &key, false);
        let expected = [row(json!([1, "Ada", 3])), row(json!([2, "Bo", 1]))];
        let found = [row(json!([9, "Zed", 7])), row(json!([1, "Ada", 4]))];
        let matched = rules.matched(&expected, &found);
        let drawn = rules.drawn(&matched, &expected, &found);
        let wanted = "~ 1 differ (expected → found), - 1 missing, + 1 not expected\n    id | name | n\n  ~ 1  | Ada  | 3 → 4\n  - 2  | Bo   | 1\n  + 9  | Zed  | 7";
        assert_eq!(drawn, wanted);
        let many: Vec<Row> = (0..50).map(|n| row(json!([n, "x".repeat(100), n]))).collect();
        let drawn = rules.drawn(&rules.matched(&[], &many), &[], &many);
        assert_eq!(drawn.lines().count(), 2 + MOST_SHOWN + 1);
        assert!(drawn.ends_with("and 30 more"), "{drawn}");
    }
}
