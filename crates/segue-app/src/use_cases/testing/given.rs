//! Rows that are given, as typed columns: written in a test, or in a file beside it. Nothing is coerced; a column that a row leaves out is null.

use super::bench::Column;
use arrow_array::{ArrayRef, Float32Array, Float64Array, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{Schema, SchemaRef};
use futures::TryStreamExt;
use segue_connectors::json::decode::{Changes, Given as Handed, Layout};
use segue_connectors::json::{Decoder, Outcome, quoted};
use segue_core::source::{Column as Declared, Nesting, OnChange, Read, ReadRequest, ReadSchema};
use segue_core::{Ctx, Error, Kind, Result, Type};
use segue_diag::{Diagnostic, TEST_MISUSE, TEST_ROWS, UNKNOWN_COLUMN, WRONG_TYPE, closest};
use segue_spec::testing::{Given, Rows};
use segue_spec::yaml::{Node, Value as Tree};
use segue_work::column_type;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// Why rows cannot be taken: a place in the test's file, or what came of reading another.
pub enum Misread {
    /// Something that is written in the test.
    Written(Box<Diagnostic>),
    /// Something else.
    Failed(Error),
}

impl From<Error> for Misread {
    fn from(error: Error) -> Misread {
        Misread::Failed(error)
    }
}

impl From<Diagnostic> for Misread {
    fn from(found: Diagnostic) -> Misread {
        Misread::Written(Box::new(found))
    }
}

/// The columns of a table as a test gives it: those that the project knows, with the types that the test adds; `None` where neither says any.
///
/// # Errors
/// A type for a column that has one, or that is not there.
pub fn columns(
    file: &str,
    table: &str,
    given: &Given,
    known: Option<Vec<Column>>,
) -> Result<Option<Vec<Column>>, Misread> {
    if known.is_none() && given.columns.is_empty() {
        return Ok(None);
    }
    let mut columns = known.clone().unwrap_or_default();
    for (name, (of, node)) in &given.columns {
        let of = column_type(of)?;
        match columns.iter_mut().find(|(column, _)| column == name) {
            Some((_, Some(said))) if *said != of => {
                let message = format!("`{name}` of `{table}` is of type {said}, which its file says");
                return Err(at(TEST_MISUSE, file, node, message).hint("leave it out").into());
            }
            Some((_, said)) => *said = Some(of),
            None if known.is_some() => return Err(unknown(file, node, table, name, &columns).into()),
            None => columns.push((name.clone(), Some(of))),
        }
    }
    Ok(Some(columns))
}

/// Rows that are written in a test.
///
/// # Errors
/// The first thing that is wrong with them, with its place.
pub fn written(file: &str, table: &str, rows: &[Node], columns: Option<&[Column]>) -> Result<RecordBatch, Misread> {
    let mut all: Vec<Column> = columns.unwrap_or_default().to_vec();
    for entry in rows.iter().flat_map(Node::entries) {
        let is_known = all.iter().any(|(name, _)| *name == entry.key);
        match (is_known, columns) {
            (true, _) => {}
            (false, None) => all.push((entry.key.clone(), None)),
            (false, Some(_)) => {
                let place = Node {
                    bytes: entry.bytes.clone(),
                    ..entry.value.clone()
                };
                return Err(unknown(file, &place, table, &entry.key, &all).into());
            }
        }
    }
    let typed: Vec<(String, Type)> = all
        .into_iter()
        .map(|(name, of)| {
            let of = of.unwrap_or_else(|| found(rows.iter().filter_map(|row| row.get(&name)).map(Node::to_json)));
            (name, of)
        })
        .collect();
    let texts: Vec<String> = rows.iter().map(json).collect();
    decoded(&texts, &typed).map_err(|refused| {
        let Refused { row, column, reason } = match refused {
            Undecoded::Row(refused) => refused,
            Undecoded::Failed(error) => return Misread::Failed(error),
        };
        let node = &rows[row];
        let place = column.as_deref().and_then(|column| node.get(column)).unwrap_or(node);
        let what = column.map_or(format!("a row of `{table}`"), |column| format!("`{column}` of `{table}`"));
        let hint = "a day, a time and a number with a fixed point may be written as text: \"2024-01-31\", \"2024-01-31T12:00:00Z\", \"12.50\"";
        Misread::from(at(WRONG_TYPE, file, place, format!("{what}: {reason}")).hint(hint))
    })
}

/// What a test gives of one table.
///
/// # Errors
/// As [`written`] and [`file`].
pub async fn table(
    bench: &super::bench::Bench,
    path: &str,
    name: &segue_spec::AssetName,
    given: &Given,
) -> Result<RecordBatch, Misread> {
    let known = columns(path, name.as_str(), given, bench.columns(name).await)?;
    match &given.rows {
        Rows::Here(rows) if rows.is_empty() && known.is_none() => {
            let message = format!("nothing says which columns `{name}` has");
            let error = Error::new(Kind::Invalid, message).code(TEST_ROWS);
            Err(error
                .hint(format!("write `{name}: {{ columns: {{ id: string }}, rows: [] }}`"))
                .into())
        }
        Rows::Here(rows) => written(path, name.as_str(), rows, known.as_deref()),
        Rows::File(file) => Ok(bench.file(file, name.as_str(), known.as_deref()).await?),
    }
}

fn at(code: segue_diag::Code, file: &str, node: &Node, message: String) -> Diagnostic {
    Diagnostic::error(code, Some(node.span(file)), message)
}

fn unknown(file: &str, place: &Node, table: &str, name: &str, columns: &[Column]) -> Diagnostic {
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let hint = match closest(name, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are: `{}`", names.join("`, `")),
    };
    at(UNKNOWN_COLUMN, file, place, format!("`{table}` has no column `{name}`")).hint(hint)
}

/// The type of a column of which nobody says it, by its values.
fn found(values: impl Iterator<Item = Value>) -> Type {
    let values: Vec<Value> = values.filter(|v| !v.is_null()).collect();
    let all = |is: fn(&Value) -> bool| values.iter().all(is);
    match () {
        () if values.is_empty() || all(Value::is_string) => Type::String,
        () if all(Value::is_boolean) => Type::Bool,
        () if all(Value::is_i64) => Type::Int64,
        () if all(Value::is_number) => Type::Float64,
        () => Type::Json,
    }
}

/// A tree as JSON. A number keeps the digits that were written.
pub fn json(node: &Node) -> String {
    match &node.value {
        Tree::List(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
        Tree::Mapping(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|e| format!("{}:{}", quoted(&e.key), json(&e.value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        Tree::Scalar(scalar) => match &scalar.json {
            Value::Number(number) => match serde_json::from_str::<&serde_json::value::RawValue>(&scalar.text) {
                Ok(same) => same.get().to_string(),
                Err(_) => number.to_string(),
            },
            other => other.to_string(),
        },
    }
}

/// A row that does not fit.
pub struct Refused {
    /// Which.
    pub row: usize,
    /// In which column, where that is known.
    pub column: Option<String>,
    /// Why.
    pub reason: String,
}

/// Why JSON is not decoded.
pub enum Undecoded {
    /// A row does not fit.
    Row(Refused),
    /// Something else.
    Failed(Error),
}

impl From<Error> for Undecoded {
    fn from(error: Error) -> Undecoded {
        Undecoded::Failed(error)
    }
}

/// JSON objects in these columns. What is no number of JSON is a text in it: `"NaN"`, `"Infinity"`, `"-Infinity"`.
///
/// # Errors
/// The first row that does not fit; or what is a mistake of ours.
pub fn decoded(rows: &[String], columns: &[(String, Type)]) -> Result<RecordBatch, Undecoded> {
    let declared = |(name, of): &(String, Type)| Declared {
        name: name.clone(),
        of: of.clone(),
        required: false,
        path: None,
        value: None,
    };
    let changes = Changes {
        declared: true,
        new_column: OnChange::Freeze,
        type_change: OnChange::Quarantine,
        nested: Nesting::default(),
    };
    let layout = Layout::new(columns.iter().map(declared).collect(), &|_| false, changes)?;
    let mut decoder = Decoder::new(Arc::new(layout));
    let mut patches: Vec<(usize, usize, f64)> = Vec::new();
    for (row, text) in rows.iter().enumerate() {
        let plain = without_infinities(row, text, columns, &mut patches)?;
        let text = plain.as_ref().unwrap_or(text);
        match decoder.record(text.as_bytes(), &mut |_| Handed::Nothing) {
            Outcome::Taken => {}
            Outcome::Rejected { reason, path } => {
                let first = path.trim_start_matches(['$', '.']);
                let first: String = first.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let column = columns
                    .iter()
                    .map(|(name, _)| name)
                    .find(|name| **name == first)
                    .cloned();
                return Err(Undecoded::Row(Refused { row, column, reason }));
            }
            Outcome::Frozen(reason) => {
                return Err(Undecoded::Row(Refused {
                    row,
                    column: None,
                    reason,
                }));
            }
            Outcome::Widen(_) => return Err(Error::bug("a declared column was to be widened").into()),
        }
    }
    Ok(patched(decoder.finish()?.batch, &patches)?)
}

/// The row with null in place of numbers that JSON has no word for, which are noted.
fn without_infinities(
    row: usize,
    text: &str,
    columns: &[(String, Type)],
    patches: &mut Vec<(usize, usize, f64)>,
) -> Result<Option<String>> {
    let is_float = |of: &Type| matches!(of, Type::Float32 | Type::Float64);
    if !["NaN", "Infinity"].iter().any(|word| text.contains(word)) || !columns.iter().any(|(_, of)| is_float(of)) {
        return Ok(None);
    }
    let mut value: Value =
        serde_json::from_str(text).map_err(|e| Error::bug("a row that was written is no JSON").caused_by(e))?;
    for (at, (name, _)) in columns.iter().enumerate().filter(|(_, (_, of))| is_float(of)) {
        let number = match value.get(name).and_then(Value::as_str) {
            Some("NaN") => f64::NAN,
            Some("Infinity") => f64::INFINITY,
            Some("-Infinity") => f64::NEG_INFINITY,
            _ => continue,
        };
        patches.push((row, at, number));
        value[name.as_str()] = Value::Null;
    }
    Ok(Some(value.to_string()))
}

fn patched(batch: RecordBatch, patches: &[(usize, usize, f64)]) -> Result<RecordBatch> {
    if patches.is_empty() {
        return Ok(batch);
    }
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    for (at, column) in columns.iter_mut().enumerate() {
        let own = || patches.iter().filter(|(_, of, _)| *of == at);
        if own().next().is_none() {
            continue;
        }
        if let Some(values) = column.as_any().downcast_ref::<Float64Array>() {
            let mut values: Vec<Option<f64>> = values.iter().collect();
            own().for_each(|(row, _, number)| values[*row] = Some(*number));
            *column = Arc::new(Float64Array::from(values));
        } else if let Some(values) = column.as_any().downcast_ref::<Float32Array>() {
            let mut values: Vec<Option<f32>> = values.iter().collect();
            own().for_each(|(row, _, number)| values[*row] = Some(*number as f32));
            *column = Arc::new(Float32Array::from(values));
        }
    }
    RecordBatch::try_new(batch.schema(), columns).map_err(|e| Error::bug("columns do not make a batch").caused_by(e))
}

/// The rows of a CSV file with a header, in these columns, or in those that are found there.
///
/// # Errors
/// `NotFound` for a file that is not there; `BadData` for a column that the table does not have, and for the first row that does not fit.
pub async fn file(
    folder: &Path,
    path: &str,
    table: &str,
    columns: Option<&[Column]>,
    ctx: &Ctx,
) -> Result<RecordBatch> {
    let text = std::fs::read_to_string(folder.join(path)).map_err(|e| {
        let error = Error::new(
            Kind::NotFound,
            format!("cannot read {path}, which has the rows of {table}"),
        );
        error
            .code(TEST_ROWS)
            .hint("a file with rows stands beside the test")
            .caused_by(e)
    })?;
    let header = header(&text);
    let mut schema = ReadSchema::default();
    if let Some(columns) = columns {
        let names = columns.iter().map(|(name, _)| name.as_str());
        if let Some(alien) = header.iter().find(|name| !names.clone().any(|n| n == name.as_str())) {
            let error = Error::new(
                Kind::BadData,
                format!("{path} has a column `{alien}`, and {table} has none of that name"),
            );
            let error = error.code(UNKNOWN_COLUMN);
            return Err(match closest(alien, names.clone()) {
                Some(meant) => error.hint(format!("did you mean `{meant}`?")),
                None => error.hint(format!("there are: `{}`", names.collect::<Vec<_>>().join("`, `"))),
            });
        }
        let there = columns.iter().filter(|(name, _)| header.contains(name));
        let declared = there.clone().map(|(name, of)| Declared {
            name: name.clone(),
            of: of.clone().unwrap_or(Type::Json),
            required: false,
            path: None,
            value: None,
        });
        schema.columns = Some(declared.collect());
        schema.declared = true;
        schema.untyped = there
            .filter(|(_, of)| of.is_none())
            .map(|(name, _)| name.clone())
            .collect();
    }
    let request = ReadRequest {
        schema,
        ..ReadRequest::all_of(serde_json::json!({ "path": escaped(path) }))
    };
    let source = segue_connectors::files::below(folder.to_path_buf());
    let mut read = source.read(request, ctx).await?;
    let mut batches: Vec<RecordBatch> = Vec::new();
    while let Some(event) = ctx.or_cancelled(read.try_next()).await? {
        match event {
            Read::Rows { batch, .. } => batches.push(batch),
            Read::Rejected { rows, .. } => {
                let first = rows.into_iter().next();
                let reason = first.map_or("a row does not fit".to_string(), |row| row.reason);
                return Err(Error::new(Kind::BadData, reason).code(TEST_ROWS).with("table", table));
            }
            _ => {}
        }
    }
    let found = match batches.last() {
        // Later batches may only have more columns, or wider ones.
        Some(last) => {
            let schema = last.schema();
            let aligned: Vec<RecordBatch> = batches
                .iter()
                .map(|b| segue_core::align::align(b, &schema))
                .collect::<Result<_>>()?;
            arrow_select::concat::concat_batches(&schema, &aligned)
                .map_err(|e| Error::bug("rows of one file do not join").caused_by(e))?
        }
        None => RecordBatch::new_empty(Arc::new(Schema::empty())),
    };
    match columns {
        Some(columns) => completed(&found, columns),
        None => Ok(found),
    }
}

/// The rows with every column of the table: one that is not there is null.
fn completed(rows: &RecordBatch, columns: &[Column]) -> Result<RecordBatch> {
    let (mut fields, mut arrays): (Vec<_>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for (name, of) in columns {
        let there = rows.schema().index_of(name).ok();
        let field = match (of, there) {
            (Some(of), _) => of.field(name, true),
            (None, Some(at)) => rows.schema().field(at).clone(),
            (None, None) => Type::String.field(name, true),
        };
        arrays.push(match there {
            Some(at) => rows.column(at).clone(),
            None => new_null_array(field.data_type(), rows.num_rows()),
        });
        fields.push(field);
    }
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(schema, arrays, &options)
        .map_err(|e| Error::bug("given columns do not make a batch").caused_by(e))
}

/// A path that means itself, where a pattern is read.
fn escaped(path: &str) -> String {
    let mut pattern = String::new();
    for c in path.chars() {
        match c {
            '[' | ']' | '*' | '?' => pattern.extend(['[', c, ']']),
            c => pattern.push(c),
        }
    }
    pattern
}

/// The names in the first record of CSV.
fn header(text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut names, mut name, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                name.push('"');
                chars.next();
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => names.push(std::mem::take(&mut name).trim().to_string()),
            '\n' | '\r' if !is_quoted => break,
            c => name.push(c),
        }
    }
    names.push(name.trim().to_string());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_is_meant() {
        assert_eq!(
            header("\u{feff}id, name ,\"a,\"\"b\"\"\"\r\n1,2,3\n"),
            ["id", "name", "a,\"b\""]
        );
        assert_eq!(escaped("tests/a[1]*.csv"), "tests/a[[]1[]][*].csv");
    }

    #[test]
    fn json_rows_become_typed_columns() {
        let columns = [
            ("id".to_string(), Type::Int64),
            ("price".to_string(), Type::Decimal(10, 2)),
            ("score".to_string(), Type::Float64),
            ("day".to_string(), Type::Date),
        ];
        let rows = [
            r#"{"id":1,"price":12.5,"score":"NaN","day":"2024-01-31"}"#.to_string(),
            r#"{"id":2,"score":"-Infinity"}"#.to_string(),
        ];
        let Ok(batch) = decoded(&rows, &columns) else {
            panic!("the rows fit");
        };
        let scores = batch
            .column(2)
            .as_any()
            .downcast_ref::<Float64Array>()
            .expect("doubles");
        assert!(scores.value(0).is_nan());
        assert_eq!(scores.value(1), f64::NEG_INFINITY);
        assert_eq!(batch.column(1).null_count(), 1);
        let Err(Undecoded::Row(refused)) = decoded(&[r#"{"id":"x"}"#.to_string()], &columns) else {
            panic!("a text is no whole number");
        };
        assert_eq!((refused.row, refused.column.as_deref()), (0, Some("id")));
    }
}
