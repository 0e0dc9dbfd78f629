//! One test that is written in YAML: the asset's SQL over the rows that are given, beside what is expected.

use super::bench::{Bench, Given as Tables};
use super::checks::judge;
use super::compare::{Fate, Matched, Row, Rules, objects, rows};
use super::given::{self, Misread};
use super::update::Change;
use super::{Ended, Outcome};
use arrow_array::RecordBatch;
use segue_core::engine::InMemory;
use segue_core::{Error, Kind, Result, Type};
use segue_diag::{Diagnostic, Span, UNKNOWN_COLUMN, closest};
use segue_spec::model::Asset;
use segue_spec::testing::{Expect, Test};
use segue_spec::yaml::Node;
use segue_work::step::{located, moment as instant};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What came of running an asset's SQL.
enum Came {
    /// These rows.
    Rows(RecordBatch),
    /// This error, which a run would end with.
    Error(Error),
}

/// Runs it. With `update` it also finds how its file must be changed where something else came.
pub async fn run(bench: &Bench, test: &Test, update: bool) -> Ended {
    let mut notes = Vec::new();
    let ended = match came(bench, test, &mut notes).await {
        Err(Misread::Written(found)) => return Ended::of(Outcome::misread(*found)),
        Err(Misread::Failed(error)) => return Ended::of(Outcome::broken(&error)),
        Ok((asset, came)) => judged(test, asset, came, update).await,
    };
    match ended {
        Ok(ended) => Ended { notes, ..ended },
        Err(Misread::Written(found)) => Ended::of(Outcome::misread(*found)),
        Err(Misread::Failed(error)) => Ended::of(Outcome::broken(&error)),
    }
}

async fn came<'b>(bench: &'b Bench, test: &Test, notes: &mut Vec<String>) -> Result<(&'b Asset, Came), Misread> {
    let asset = bench
        .computed(&test.asset)
        .ok_or_else(|| Error::bug("a test of an asset that is not computed was not refused"))?;
    let mut moment = bench.moment(test.now.as_deref())?;
    moment.params = test.params.clone();
    if let Some((from, to)) = &test.range {
        let (from, to) = (instant(from, &moment.timezone)?, instant(to, &moment.timezone)?);
        if to <= from {
            return Err(Error::new(Kind::Invalid, "`to` of the range is not after `from`")
                .code(segue_diag::BAD_TIME)
                .into());
        }
        moment.range = Some((from, to));
    }
    let mut tables = Tables::new();
    for (name, given) in &test.given {
        let batch = given::table(bench, &test.place.file, name, given).await?;
        tables.insert(name.clone(), Arc::new(InMemory::new(batch)));
    }
    let question = match bench.question(asset, &tables, &moment).await {
        Ok(question) => question,
        Err(error) => return as_expected(error, asset),
    };
    let batch = match bench.rows(&question, &moment.ctx).await {
        Ok(batch) => batch,
        Err(error) => return as_expected(located(error, asset), asset),
    };
    let judged = judge(bench, asset, batch, &tables, &moment).await?;
    notes.extend(judged.notes);
    Ok(match judged.failure {
        Some(error) => (asset, Came::Error(error)),
        None => (asset, Came::Rows(judged.rows)),
    })
}

/// An error of the asset's SQL is something that may be expected; that somebody stopped, or that we made a mistake, is not.
fn as_expected(error: Error, asset: &Asset) -> Result<(&Asset, Came), Misread> {
    match error.kind() {
        Kind::Cancelled | Kind::Bug => Err(error.into()),
        _ => Ok((asset, Came::Error(error))),
    }
}

async fn judged(test: &Test, asset: &Asset, came: Came, update: bool) -> Result<Ended, Misread> {
    match (&test.expect, came) {
        (Expect::Error { text, node }, Came::Error(error)) => {
            let whole = error.to_text();
            if whole.contains(text) {
                return Ok(Ended::of(Outcome::Passed));
            }
            let failed = Outcome::Failed {
                message: format!("another error came than one with `{text}` in it:\n{}", indented(&whole)),
            };
            Ok(Ended {
                change: update.then(|| Change::replace(node.bytes.clone(), segue_spec::yaml::plain(error.message()))),
                ..Ended::of(failed)
            })
        }
        (Expect::Error { text, .. }, Came::Rows(batch)) => Ok(Ended::of(Outcome::Failed {
            message: format!(
                "an error with `{text}` in it is expected, and {} rows came",
                batch.num_rows()
            ),
        })),
        (Expect::Rows { .. }, Came::Error(error)) => Ok(Ended::of(Outcome::Failed {
            message: format!("rows are expected, and an error came:\n{}", indented(&error.to_text())),
        })),
        (
            Expect::Rows {
                rows: node,
                columns,
                ordered,
                tolerance,
            },
            Came::Rows(batch),
        ) => {
            let batch = chosen(test, &batch, columns)?;
            let names: Vec<String> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
            let rules = Rules {
                columns: &names,
                key: &asset.write.key,
                ordered: *ordered,
                tolerance: *tolerance,
            };
            let (expected, found) = (expected(test, node, &batch).await?, rows(&batch).await?);
            let matched = rules.matched(&expected, &found);
            if matched.is_same() {
                return Ok(Ended::of(Outcome::Passed));
            }
            let drawn = rules.drawn(&matched, &expected, &found);
            let failed = Outcome::Failed {
                message: format!("other rows came than are expected: {drawn}"),
            };
            Ok(Ended {
                change: match update {
                    true => Some(rewritten(node, &matched, &objects(&batch).await?)),
                    false => None,
                },
                ..Ended::of(failed)
            })
        }
    }
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The columns that are compared.
fn chosen(test: &Test, batch: &RecordBatch, columns: &[Node]) -> Result<RecordBatch, Misread> {
    if columns.is_empty() {
        return Ok(batch.clone());
    }
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let mut places = Vec::new();
    for node in columns {
        let name = node.text().unwrap_or_default();
        match names.iter().position(|n| *n == name) {
            Some(at) => places.push(at),
            None => return Err(unknown(test, node.bytes.clone(), name, &names).into()),
        }
    }
    Ok(batch
        .project(&places)
        .map_err(|e| Error::bug("cannot pick columns").caused_by(e))?)
}

fn unknown(test: &Test, bytes: std::ops::Range<usize>, name: &str, names: &[&str]) -> Diagnostic {
    let span = Span {
        file: test.place.file.clone(),
        bytes,
    };
    let message = format!("what `{}` gives has no column `{name}`", test.asset);
    Diagnostic::error(UNKNOWN_COLUMN, Some(span), message).hint(match closest(name, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are: `{}`", names.join("`, `")),
    })
}

/// The expected rows, in the columns that came.
async fn expected(test: &Test, node: &Node, batch: &RecordBatch) -> Result<Vec<Row>, Misread> {
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    for entry in node.items().iter().flat_map(Node::entries) {
        if !names.contains(&entry.key.as_str()) {
            return Err(unknown(test, entry.bytes.clone(), &entry.key, &names).into());
        }
    }
    let mut columns = Vec::new();
    for field in schema.fields() {
        let of = Type::of(field).map_err(|_| {
            let message = format!(
                "column `{}` of {} is of a type that no table keeps",
                field.name(),
                test.asset
            );
            Error::new(Kind::Unsupported, message).hint("cast it in the SQL")
        })?;
        columns.push((field.name().clone(), Some(of)));
    }
    let typed = given::written(&test.place.file, test.asset.as_str(), node.items(), Some(&columns))?;
    Ok(rows(&typed).await?)
}

/// How the list of expected rows must be changed to say what came.
fn rewritten(node: &Node, matched: &Matched, found: &[Map<String, Value>]) -> Change {
    let row = |at: usize| written(&found[at]);
    let items = node.items();
    let fates: Vec<_> = items
        .iter()
        .zip(&matched.expected)
        .map(|(item, fate)| {
            let text = match fate {
                Fate::Same => None,
                Fate::Other(at) => Some(Some(row(*at))),
                Fate::Missing => Some(None),
            };
            (item.bytes.clone(), text)
        })
        .collect();
    Change::list(
        node.bytes.clone(),
        fates,
        matched.unexpected.iter().map(|at| row(*at)).collect(),
    )
}

/// A row in YAML, on one line. A null is left out.
fn written(row: &Map<String, Value>) -> String {
    let one = |(name, value): (&String, &Value)| format!("{}: {}", segue_spec::yaml::plain(name), yaml(value));
    let cells: Vec<String> = row.iter().filter(|(_, value)| !value.is_null()).map(one).collect();
    match cells.is_empty() {
        true => "{}".to_string(),
        false => format!("{{ {} }}", cells.join(", ")),
    }
}

fn yaml(value: &Value) -> String {
    match value {
        Value::String(text) => segue_spec::yaml::plain(text),
        // JSON is YAML.
        other => other.to_string(),
    }
}
