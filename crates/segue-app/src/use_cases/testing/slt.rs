//! Files of SQL with its expected rows, in the format of sqllogictest.
//!
//! A name in a query is a table that the file has given rows, or an asset that is made by SQL, which is computed from those. Beside queries a
//! file may say: `create table raw.x as select …` or `as values …`, with the columns' names in brackets before `as` where the query does not
//! name them; `create table raw.x from 'given/x.csv'`; `drop table raw.x`; `set now to '…'`; `set timezone to '…'`; `set range to '…', '…'`;
//! `set param.name to '…'`. Columns of a table of the project have the types that the project says.

use super::bench::{Bench, Column, Given, Moment, key};
use super::compare::objects;
use super::given::{Undecoded, decoded};
use super::update::Change;
use super::{Ended, Outcome};
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use async_trait::async_trait;
use segue_core::engine::{InMemory, Query, TableKey};
use segue_core::{Error, Kind, Result, Type};
use segue_diag::{Diagnostic, SLT_SYNTAX, Span, TEST_ROWS};
use segue_spec::AssetName;
use serde_json::{Map, Value};
use sqllogictest::runner::{default_normalizer, default_validator, update_record_with_output};
use sqllogictest::{
    AsyncDB, DBOutput, DefaultColumnType, QueryExpect, Record, RecordOutput, Runner, StatementExpect, parse_with_name,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The most differences that are told of one file.
const MOST_TOLD: usize = 5;

/// What engines of such files call this one: `skipif segue`, `onlyif segue`.
const ENGINE: &str = "segue";

type Records = Vec<Record<DefaultColumnType>>;

/// What is wrong with a file before anything of it is run.
pub fn mistake(path: &str, text: &str) -> Option<Diagnostic> {
    read(path, text).err().map(|found| *found)
}

fn read(path: &str, text: &str) -> std::result::Result<Records, Box<Diagnostic>> {
    let wrong = |line: u32, message: String, hint: &str| {
        let span = Span {
            file: path.to_string(),
            bytes: line_bytes(text, line),
        };
        Box::new(Diagnostic::error(SLT_SYNTAX, Some(span), message).hint(hint))
    };
    let records = parse_with_name::<DefaultColumnType>(text, path).map_err(|e| {
        let hint = "records are `statement ok`, `statement error`, `query TYPES [sort]` with `----` before the rows, and are parted by empty lines";
        wrong(e.location().line(), e.kind().to_string(), hint)
    })?;
    for record in &records {
        let refused = match record {
            Record::Include { loc, .. } => Some((loc, "`include`", "write it into this file")),
            Record::System { loc, .. } => Some((loc, "`system`", "a test runs SQL, and no command")),
            Record::Sleep { loc, .. } => Some((
                loc,
                "`sleep`",
                "nothing has to be waited for; `set now to '…'` sets the time",
            )),
            Record::Let { loc, .. } => Some((loc, "`let`", "write the value, or a subquery")),
            Record::Statement {
                loc, retry: Some(_), ..
            }
            | Record::Query {
                loc, retry: Some(_), ..
            } => Some((loc, "`retry`", "the same SQL over the same rows gives the same")),
            _ => None,
        };
        if let Some((loc, what, hint)) = refused {
            return Err(wrong(
                loc.line(),
                format!("{what} is not acted on by this version"),
                hint,
            ));
        }
        // These have no place of their own.
        let refused = match record {
            Record::Control(sqllogictest::Control::Substitution(true)) => Some("`control substitution on`"),
            Record::Connection(sqllogictest::Connection::Named(_)) => Some("`connection`"),
            _ => None,
        };
        if let Some(what) = refused {
            let word = what.trim_matches('`');
            let line = text
                .lines()
                .position(|l| l.split_whitespace().collect::<Vec<_>>().join(" ").starts_with(word));
            let line = line.map_or(1, |at| at as u32 + 1);
            return Err(wrong(
                line,
                format!("{what} is not acted on by this version"),
                "leave it out",
            ));
        }
    }
    Ok(records)
}

/// The bytes of a line, from 1.
fn line_bytes(text: &str, line: u32) -> std::ops::Range<usize> {
    let mut start = 0;
    for (at, one) in text.split('\n').enumerate() {
        if at as u32 + 1 == line.max(1) {
            return start..start + one.trim_end_matches('\r').len();
        }
        start += one.len() + 1;
    }
    text.len()..text.len()
}

/// Runs one file. With `update` it also finds how it must be written to say what came.
pub async fn run(bench: &Bench, path: &str, text: &str, update: bool) -> Ended {
    let records = match read(path, text) {
        Ok(records) => records,
        Err(found) => return Ended::of(Outcome::misread(*found)),
    };
    let moment = match bench.moment(None) {
        Ok(moment) => Moment {
            computes_all: true,
            ..moment
        },
        Err(error) => return Ended::of(Outcome::broken(&error)),
    };
    let make = || async {
        Ok::<_, Told>(Session {
            bench,
            path,
            given: Given::new(),
            moment: moment.clone(),
        })
    };
    let mut runner = Runner::new(make);
    runner.with_column_validator(as_many_columns);
    if update {
        return updated(runner, records, text).await;
    }
    let mut wrong = Vec::new();
    for record in records {
        if matches!(record, Record::Halt { .. }) {
            break;
        }
        let is_statement = matches!(record, Record::Statement { .. });
        if let Err(error) = runner.run_async(record).await {
            let line = error.location().line();
            wrong.push(format!("line {line}: {}", error.kind()));
            // What follows a statement that failed says nothing.
            if is_statement || wrong.len() == MOST_TOLD {
                break;
            }
        }
    }
    Ended::of(match wrong.is_empty() {
        true => Outcome::Passed,
        false => Outcome::Failed {
            message: wrong.join("\n"),
        },
    })
}

async fn updated<D, M>(mut runner: Runner<D, M>, records: Records, text: &str) -> Ended
where
    D: AsyncDB<ColumnType = DefaultColumnType>,
    M: sqllogictest::MakeConnection<Conn = D>,
{
    let (mut written, mut is_over, mut wrong) = (String::new(), false, Vec::new());
    for record in records {
        is_over |= matches!(record, Record::Halt { .. });
        let new = match is_over {
            true => None,
            false => {
                let output = runner.apply_record(record.clone()).await;
                match unexpected_error(&record, &output) {
                    // That rows were expected is not forgotten for an error that came in their place.
                    Some(error) => {
                        wrong.push(error);
                        None
                    }
                    None => update_record_with_output(
                        &record,
                        &output,
                        " ",
                        default_validator,
                        default_normalizer,
                        as_many_columns,
                    ),
                }
            }
        };
        written.push_str(&new.unwrap_or(record).to_string());
        written.push('\n');
    }
    if !wrong.is_empty() {
        wrong.truncate(MOST_TOLD);
        return Ended::of(Outcome::Failed {
            message: wrong.join("\n"),
        });
    }
    let written = format!("{}\n", written.trim_end_matches('\n'));
    let change = (written != text).then_some(Change::Whole(written));
    Ended {
        change,
        ..Ended::of(Outcome::Passed)
    }
}

/// The error that came where none is expected.
fn unexpected_error(record: &Record<DefaultColumnType>, output: &RecordOutput<DefaultColumnType>) -> Option<String> {
    let error = match output {
        RecordOutput::Query { error, .. } | RecordOutput::Statement { error, .. } => error.as_ref()?,
        _ => return None,
    };
    match record {
        Record::Statement {
            loc,
            expected: StatementExpect::Ok | StatementExpect::Count(_),
            ..
        }
        | Record::Query {
            loc,
            expected: QueryExpect::Results { .. },
            ..
        } => Some(format!("line {}: {error}", loc.line())),
        _ => None,
    }
}

/// Whether as many columns came as are expected; of their types nothing is said.
#[allow(clippy::ptr_arg)] // it is what the runner takes
fn as_many_columns(found: &Vec<DefaultColumnType>, expected: &Vec<DefaultColumnType>) -> bool {
    found.len() == expected.len()
}

/// The tables of one file, and what its SQL is run with.
struct Session<'b> {
    bench: &'b Bench,
    path: &'b str,
    given: Given,
    moment: Moment,
}

/// What a file may say beside queries.
#[derive(Debug, PartialEq)]
enum Said {
    Create {
        table: String,
        columns: Vec<String>,
        query: String,
    },
    Load {
        table: String,
        file: String,
    },
    Drop {
        table: String,
    },
    Set {
        what: String,
        values: Vec<String>,
    },
}

/// An error of a statement, in one line with what to do about it.
#[derive(Debug)]
struct Told(Error);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        self.0.hint_text().map_or(Ok(()), |hint| write!(f, ": {hint}"))
    }
}

impl std::error::Error for Told {}

impl From<Error> for Told {
    fn from(error: Error) -> Told {
        Told(error)
    }
}

#[async_trait]
impl AsyncDB for Session<'_> {
    type Error = Told;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> std::result::Result<DBOutput<DefaultColumnType>, Told> {
        match said(sql)? {
            None => {
                let rows = self.ask(sql).await?;
                let types = rows
                    .schema()
                    .fields()
                    .iter()
                    .map(|f| column_type(f.data_type()))
                    .collect();
                let rows = objects(&rows).await?;
                Ok(DBOutput::Rows {
                    types,
                    rows: rows.into_iter().map(|row| row.values().map(cell).collect()).collect(),
                })
            }
            Some(said) => Ok(DBOutput::StatementComplete(self.act(said).await?)),
        }
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        ENGINE
    }
}

impl Session<'_> {
    async fn act(&mut self, said: Said) -> Result<u64> {
        match said {
            Said::Create { table, columns, query } => {
                let name: AssetName = name(&table)?;
                let rows = named(self.ask(&query).await?, &columns)?;
                let rows = match self.bench.columns(&name).await {
                    Some(known) => typed(&table, &rows, &known).await?,
                    None => rows,
                };
                self.give(name, rows)
            }
            Said::Load { table, file } => {
                let name: AssetName = name(&table)?;
                let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
                let columns = self.bench.columns(&name).await;
                let rows = self
                    .bench
                    .file(&format!("{folder}/{file}"), &table, columns.as_deref())
                    .await?;
                self.give(name, rows)
            }
            Said::Drop { table } => match self.given.remove(&name(&table)?) {
                Some(_) => Ok(0),
                None => Err(Error::new(Kind::NotFound, format!("no rows of {table} are given"))),
            },
            Said::Set { what, values } => {
                self.set(&what, &values)?;
                Ok(0)
            }
        }
    }

    fn give(&mut self, name: AssetName, rows: RecordBatch) -> Result<u64> {
        if self.given.contains_key(&name) {
            let error = Error::new(Kind::Invalid, format!("rows of {name} are given already"));
            return Err(error.hint(format!("write `drop table {name}` before")));
        }
        let count = rows.num_rows() as u64;
        self.given.insert(name, Arc::new(InMemory::new(rows)));
        Ok(count)
    }

    fn set(&mut self, what: &str, values: &[String]) -> Result<()> {
        match (what, values) {
            ("now", [now]) => self.moment.ctx = self.bench.at(now)?,
            ("timezone", [zone]) => self.moment.timezone = zone.clone(),
            ("range", [from, to]) => {
                let at = |text: &str| segue_work::step::moment(text, &self.moment.timezone);
                self.moment.range = Some((at(from)?, at(to)?));
            }
            (param, [value]) if param.starts_with("param.") => {
                let name = param["param.".len()..].to_string();
                self.moment.params.insert(name, Value::String(value.clone()));
            }
            _ => {
                let error = Error::new(Kind::Invalid, format!("`set {what}` means nothing here"));
                return Err(error.hint("there are `set now to '…'`, `set timezone to '…'`, `set range to '…', '…'` and `set param.name to '…'`"));
            }
        }
        Ok(())
    }

    /// The answer of a query over what is given, and over what is made from it.
    async fn ask(&self, sql: &str) -> Result<RecordBatch> {
        let lower = sql.to_lowercase();
        let mut tables: BTreeMap<TableKey, _> = self
            .given
            .iter()
            .map(|(name, rows)| (key(name), rows.clone()))
            .collect();
        let others = self
            .bench
            .project
            .assets
            .keys()
            .filter(|name| !self.given.contains_key(*name));
        for name in others.filter(|name| lower.contains(name.table())) {
            match self.bench.table(name, &self.given, &self.moment).await {
                Ok(rows) => drop(tables.insert(key(name), rows)),
                // Another asset whose name stands in the text by chance is not this query's business.
                Err(error) if lower.replace('"', "").contains(name.as_str()) => return Err(error),
                Err(_) => {}
            }
        }
        let question = Query {
            sql: sql.to_string(),
            params: segue_params(&self.moment.params),
            tables,
            timezone: self.moment.timezone.clone(),
        };
        self.bench.rows(&question, &self.moment.ctx).await
    }
}

/// Parameters of a query that stands in a file itself: texts.
fn segue_params(params: &Map<String, Value>) -> BTreeMap<String, segue_core::engine::Param> {
    let one = |(name, value): (&String, &Value)| (name.clone(), segue_core::engine::Param::Value(value.clone()));
    params.iter().map(one).collect()
}

fn name(table: &str) -> Result<AssetName> {
    let table = table.replace('"', "");
    table
        .parse()
        .map_err(|why: String| Error::new(Kind::Invalid, why).hint("write `create table raw.orders …`"))
}

/// What a statement says beside queries; `None` for a query.
///
/// # Errors
/// `Invalid` for one that begins as such a statement and does not go on as one.
fn said(sql: &str) -> Result<Option<Said>> {
    let text = sql.trim().trim_end_matches(';').trim_end();
    let mut words = text.split_whitespace();
    let first = [words.next(), words.next()].map(|w| w.unwrap_or_default().to_lowercase());
    let rest = |skip: usize| {
        let mut rest = text;
        for _ in 0..skip {
            rest = rest.trim_start();
            rest = rest.find(char::is_whitespace).map_or("", |at| &rest[at..]);
        }
        rest.trim()
    };
    let wrong = |hint: &str| {
        let word = first.join(" ");
        Err(Error::new(
            Kind::Invalid,
            format!("`{}` does not go on like that here", word.trim()),
        )
        .hint(hint))
    };
    match [first[0].as_str(), first[1].as_str()] {
        ["create", "table"] => {
            let rest = rest(2);
            let end = rest.find(|c: char| c.is_whitespace() || c == '(').unwrap_or(rest.len());
            let (table, mut rest) = (rest[..end].to_string(), rest[end..].trim_start());
            let mut columns = Vec::new();
            if let Some(inside) = rest.strip_prefix('(') {
                let Some((names, after)) = inside.split_once(')') else {
                    return wrong("write `create table raw.orders (id, amount) as values (1, 2.5)`");
                };
                columns = names
                    .split(',')
                    .map(|name| name.trim().trim_matches('"').to_string())
                    .collect();
                rest = after.trim_start();
            }
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            match (word.to_lowercase().as_str(), columns.is_empty()) {
                ("as", _) => Ok(Some(Said::Create {
                    table,
                    columns,
                    query: after.trim().to_string(),
                })),
                ("from", true) => match texts(after).as_deref() {
                    Some([file]) => Ok(Some(Said::Load {
                        table,
                        file: file.clone(),
                    })),
                    _ => wrong("write `create table raw.orders from 'given/orders.csv'`"),
                },
                _ => wrong(
                    "write `create table raw.orders (id, amount) as values (1, 2.5)`; types are those of the project",
                ),
            }
        }
        ["drop", "table"] => Ok(Some(Said::Drop {
            table: rest(2).to_string(),
        })),
        ["set", what] => {
            let rest = rest(2);
            let values = rest
                .strip_prefix("to ")
                .or_else(|| rest.strip_prefix("= "))
                .and_then(texts);
            match values {
                Some(values) => Ok(Some(Said::Set {
                    what: what.to_string(),
                    values,
                })),
                None => wrong("write `set now to '2024-01-31T12:00:00Z'`"),
            }
        }
        _ => Ok(None),
    }
}

/// Texts in single quotes, with commas between them.
fn texts(text: &str) -> Option<Vec<String>> {
    let (mut all, mut rest) = (Vec::new(), text.trim());
    loop {
        let inside = rest.strip_prefix('\'')?;
        let (mut one, mut end) = (String::new(), None);
        let mut chars = inside.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\'' if chars.peek().is_some_and(|(_, c)| *c == '\'') => {
                    one.push('\'');
                    chars.next();
                }
                '\'' => {
                    end = Some(at + 1);
                    break;
                }
                c => one.push(c),
            }
        }
        all.push(one);
        rest = inside[end?..].trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None if rest.is_empty() => return Some(all),
            None => return None,
        }
    }
}

/// The rows under these names, where some are written.
fn named(rows: RecordBatch, columns: &[String]) -> Result<RecordBatch> {
    if columns.is_empty() {
        return Ok(rows);
    }
    let schema = rows.schema();
    if columns.len() != schema.fields().len() {
        let message = format!(
            "{} columns are named, and the query gives {}",
            columns.len(),
            schema.fields().len()
        );
        return Err(Error::new(Kind::Invalid, message).code(TEST_ROWS));
    }
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .zip(columns)
        .map(|(f, name)| f.as_ref().clone().with_name(name))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), rows.columns().to_vec())
        .map_err(|e| Error::bug("named columns do not make a batch").caused_by(e))
}

/// The rows in the columns that the project says: by their names, exactly, with null in those that are not there.
async fn typed(table: &str, rows: &RecordBatch, known: &[Column]) -> Result<RecordBatch> {
    let schema = rows.schema();
    for field in schema.fields() {
        if !known.iter().any(|(name, _)| name == field.name()) {
            let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
            let error = Error::new(Kind::Invalid, format!("`{table}` has no column `{}`", field.name()));
            let error = error.code(segue_diag::UNKNOWN_COLUMN);
            return Err(match segue_diag::closest(field.name(), names.iter().copied()) {
                Some(meant) => error.hint(format!("did you mean `{meant}`?")),
                None => error.hint(format!(
                    "there are: `{}`; name those of `values` in brackets: `create table {table} (…) as values …`",
                    names.join("`, `")
                )),
            });
        }
    }
    let of = |name: &str| {
        schema
            .field_with_name(name)
            .ok()
            .and_then(|f| Type::of(f).ok())
            .unwrap_or(Type::String)
    };
    let columns: Vec<(String, Type)> = known
        .iter()
        .map(|(name, said)| (name.clone(), said.clone().unwrap_or_else(|| of(name))))
        .collect();
    let texts: Vec<String> = objects(rows)
        .await?
        .into_iter()
        .map(|row| Value::Object(row).to_string())
        .collect();
    decoded(&texts, &columns).map_err(|refused| match refused {
        Undecoded::Failed(error) => error,
        Undecoded::Row(refused) => {
            let column = refused.column.map_or(String::new(), |c| format!("`{c}` of "));
            let message = format!("{column}row {} of {table}: {}", refused.row + 1, refused.reason);
            Error::new(Kind::BadData, message).code(TEST_ROWS)
        }
    })
}

fn column_type(of: &arrow_schema::DataType) -> DefaultColumnType {
    match of {
        of if of.is_integer() => DefaultColumnType::Integer,
        of if of.is_numeric() => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Text,
    }
}

/// A value in a row, as such files write it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_string(),
        Value::String(text) if text.is_empty() => "(empty)".to_string(),
        Value::String(text) => text.replace(['\n', '\r'], " "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_beside_queries() {
        let of = |sql: &str| said(sql).unwrap();
        assert_eq!(of("select 1"), None);
        assert_eq!(of("with x as (select 1) select * from x"), None);
        assert_eq!(
            of("create table raw.x (id, name) as values (1, 'a')"),
            Some(Said::Create {
                table: "raw.x".into(),
                columns: vec!["id".into(), "name".into()],
                query: "values (1, 'a')".into(),
            })
        );
        assert_eq!(
            of("CREATE TABLE raw.x AS\nselect 1 as id;"),
            Some(Said::Create {
                table: "raw.x".into(),
                columns: vec![],
                query: "select 1 as id".into(),
            })
        );
        assert_eq!(
            of("create table raw.x from 'given/x.csv'"),
            Some(Said::Load {
                table: "raw.x".into(),
                file: "given/x.csv".into(),
            })
        );
        assert_eq!(
            of("set range to '2024-01-01', '2024-01-02'"),
            Some(Said::Set {
                what: "range".into(),
                values: vec!["2024-01-01".into(), "2024-01-02".into()],
            })
        );
        assert!(said("create table raw.x (id int)").is_err());
        assert!(said("set now '2024'").is_err());
        assert_eq!(texts("'it''s', ''"), Some(vec!["it's".to_string(), String::new()]));
        assert_eq!(texts("'open"), None);
    }

    #[test]
    fn what_a_test_does_not_do_is_told_with_its_line() {
        let found = mistake("tests/x.slt", "statement ok\nselect 1\n\nsystem ok\necho\n").unwrap();
        assert_eq!(found.message, "`system` is not acted on by this version");
        assert_eq!(found.span.unwrap().bytes, 23..32);
        let found = mistake("tests/x.slt", "qery I\nselect 1\n").unwrap();
        assert_eq!((found.code, found.span.unwrap().bytes), (SLT_SYNTAX, 0..6));
        assert_eq!(
            mistake("tests/x.slt", "# a remark\nquery I rowsort\nselect 1\n----\n1\n"),
            None
        );
    }
}
