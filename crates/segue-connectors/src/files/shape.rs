//! How a file's fields become columns: by its header, by what is known of the table, or by what its first rows look like.

use super::infer::Guess;
use super::read::Reading;
use super::table::{Row, Table};
use crate::columns::named;
use crate::json::infer::MOST_COLUMNS;
use crate::json::quoted;
use segue_core::source::{Column, OnChange};
use segue_core::{Error, Kind, Result, Type};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Rows of a file that types are found out from.
const SAMPLE: usize = 1_000;
/// The most names in a message.
const MOST_NAMES: usize = 20;

/// How a file's fields become columns.
pub struct Shape {
    /// The columns.
    pub columns: Vec<Column>,
    /// Which field each column is.
    pub places: Vec<Option<usize>>,
    /// The first row, as it stands in the file, where it names the columns.
    pub header: Option<Vec<u8>>,
    /// The names of a line's fields.
    pub fields: Arc<[String]>,
    /// The fields of a line.
    pub width: usize,
    /// Fields for which there is no column, and none may be made: no row that has a value there fits.
    pub aliens: Vec<(usize, String)>,
}

/// The shape of this file. `None` for one without any line, where no header is expected.
///
/// # Errors
/// `BadData` for a header that cannot be used, and for a column that is new where the schema is frozen.
pub fn of<T: Table>(reading: &mut Reading<'_>, table: &T) -> Result<Option<Shape>> {
    let Some((header, raw)) = header(reading, table)? else {
        return Ok(None);
    };
    let mut columns = match &reading.columns {
        Some(columns) => columns.clone(),
        None => infer(reading, table, &header)?,
    };
    columns = reading.with_given(columns)?;
    let schema = &reading.request.schema;
    let mut places = placed(&header, &columns, schema.declared);
    let taken: HashSet<usize> = places.iter().copied().flatten().collect();
    let mut aliens = Vec::new();
    if !schema.declared {
        let new: Vec<usize> = (0..header.len()).filter(|at| !taken.contains(at)).collect();
        if let Some(first) = new.first() {
            match schema.on_new_column {
                OnChange::Evolve => add(reading, table, &header, &new, &mut columns, &mut places)?,
                OnChange::Freeze => return Err(frozen(table.name(), &header[*first])),
                OnChange::Quarantine => aliens = new.iter().map(|at| (*at, header[*at].clone())).collect(),
                OnChange::DropValue => reading.note(format!(
                    "columns of {} were left out, as `drop_value` says: {}",
                    table.name(),
                    list(new.iter().map(|at| header[*at].as_str()))
                ))?,
            }
        }
    }
    let lacking: Vec<&Column> = columns
        .iter()
        .zip(&places)
        .filter(|(c, place)| place.is_none() && c.value.is_none())
        .map(|(c, _)| c)
        .collect();
    if let (Some(first), true) = (lacking.first(), table.has_header()) {
        let may_lack = !schema.declared
            && schema.on_new_column == OnChange::Evolve
            && !taken.is_empty()
            && lacking.iter().all(|c| !c.required);
        if !may_lack {
            return Err(lacks(table.name(), &header, &taken, first, schema.declared));
        }
        let names = list(lacking.iter().map(|c| c.name.as_str()));
        reading.note(format!(
            "{} lacks columns of the table, which are empty there: {names}",
            table.name()
        ))?;
    }
    if !reading.untyped.is_empty() {
        tell_types(reading, table, &mut columns, &places)?;
    }
    let width = header.len();
    Ok(Some(Shape {
        columns,
        places,
        header: raw,
        fields: header.into(),
        width,
        aliens,
    }))
}

/// See [`header`].
type Header = (Vec<String>, Option<Vec<u8>>);

/// The columns' names in the table, and the row that they stand in, if there is one. A table without any row has none.
fn header<T: Table>(reading: &Reading<'_>, table: &T) -> Result<Option<Header>> {
    let mut found = None;
    table.rows(|row| {
        found = Some(match table.has_header() {
            true => (names(table, row)?, Some(row.raw().into_owned())),
            false => (in_order(reading, row.len()), None),
        });
        Ok(false)
    })?;
    if found.is_none() && table.has_header() {
        return Err(unusable(table.name(), "is empty, and a header was expected")
            .hint("write a line with the columns' names, or `header: false` for files that have none"));
    }
    Ok(found)
}

/// The names of a header.
fn names<T: Table>(table: &T, row: &T::Row<'_>) -> Result<Vec<String>> {
    if let Some(fault) = row.fault() {
        return Err(unusable(table.name(), &format!("has {fault} in its header")).hint("mend its first line"));
    }
    let mut names: Vec<String> = Vec::with_capacity(row.len());
    let mut seen = HashSet::with_capacity(row.len());
    for at in 0..row.len() {
        let (text, _) = row
            .field(at, &Type::String)
            .map_err(|why| match why.starts_with("not ") {
                true => unusable(table.name(), &format!("is {why} in its header"))
                    .hint("say what it is: `encoding: windows-1252`; or save the file as UTF-8"),
                false => unusable(table.name(), &format!("has a header that cannot be used: {why}")),
            })?;
        let name = text.trim().to_string();
        if !seen.insert(name.clone()) {
            return Err(unusable(table.name(), &format!("names {} twice", quoted(&name)))
                .hint("give one of them another name, or say `header: false` and name the columns in their order"));
        }
        names.push(name);
    }
    Ok(names)
}

/// The names of columns that go by their order: those that are known, or `column_1` and so on for so many fields.
fn in_order(reading: &Reading<'_>, fields: usize) -> Vec<String> {
    let known = reading.columns.iter().flatten().filter(|c| !reading.is_given(&c.name));
    let known: Vec<&Column> = known.collect();
    let width = if known.is_empty() { fields } else { known.len() };
    let name = |at: usize| {
        known
            .get(at)
            .map_or_else(|| format!("column_{}", at + 1), |c| field(c).to_string())
    };
    (0..width).map(name).collect()
}

/// Gives declared columns without a type the one that the file's first rows show.
fn tell_types<T: Table>(
    reading: &mut Reading<'_>,
    table: &T,
    columns: &mut [Column],
    places: &[Option<usize>],
) -> Result<()> {
    let width = places.iter().flatten().max().map_or(0, |last| last + 1);
    let (guesses, rows) = sample(table, width)?;
    for (column, place) in columns.iter_mut().zip(places) {
        if let Some(at) = place
            && reading.untyped.contains(&column.name)
        {
            column.of = guesses[*at].of();
        }
    }
    if rows > 0 {
        reading.untyped.clear();
    }
    Ok(())
}

/// What the fields of a table's first rows look like, and how many rows those are.
fn sample<T: Table>(table: &T, width: usize) -> Result<(Vec<Guess>, usize)> {
    let mut guesses = vec![Guess::default(); width];
    let (mut rows, mut is_header) = (0, table.has_header());
    table.rows(|row| {
        if !std::mem::take(&mut is_header) {
            rows += 1;
            for (at, guess) in guesses.iter_mut().enumerate() {
                row.look(at, guess);
            }
        }
        Ok(rows < SAMPLE)
    })?;
    Ok((guesses, rows))
}

/// The name of a column's field in the file.
pub fn field(column: &Column) -> &str {
    column.path.as_deref().unwrap_or(&column.name)
}

/// Where each column stands in the file. Columns that were found out before are known by the names that they got.
pub fn placed(header: &[String], columns: &[Column], declared: bool) -> Vec<Option<usize>> {
    let exact: HashMap<&str, usize> = header
        .iter()
        .enumerate()
        .map(|(at, name)| (name.as_str(), at))
        .collect();
    let mut named_so: HashMap<String, usize> = HashMap::new();
    if !declared {
        for (at, name) in header.iter().enumerate() {
            named_so.entry(named(name)).or_insert(at);
        }
    }
    let place = |c: &Column| exact.get(field(c)).or_else(|| named_so.get(&c.name)).copied();
    columns.iter().map(|c| place(c).filter(|_| c.value.is_none())).collect()
}

/// New columns, as the file's first rows show them.
fn add<T: Table>(
    reading: &Reading<'_>,
    table: &T,
    header: &[String],
    new: &[usize],
    columns: &mut Vec<Column>,
    places: &mut Vec<Option<usize>>,
) -> Result<()> {
    let known: HashMap<&str, &str> = columns.iter().map(|c| (c.name.as_str(), field(c))).collect();
    let found = infer(reading, table, header)?;
    for at in new {
        if let Some(other) = known.get(found[*at].name.as_str()) {
            return Err(alike(table.name(), other, &header[*at], &found[*at].name));
        }
    }
    for at in new {
        columns.push(found[*at].clone());
        places.push(Some(*at));
    }
    Ok(())
}

/// The columns of a file's first rows, one a field. Where they cannot have the names that they have in the file, that is said.
fn infer<T: Table>(reading: &Reading<'_>, table: &T, header: &[String]) -> Result<Vec<Column>> {
    few_enough(table.name(), header.len())?;
    let (guesses, _) = sample(table, header.len())?;
    let mut names: HashMap<String, &str> = HashMap::with_capacity(header.len());
    let mut columns = Vec::with_capacity(header.len());
    let mut otherwise = Vec::new();
    for (key, guess) in header.iter().zip(guesses) {
        let name = named(key);
        if let Some(other) = names.insert(name.clone(), key) {
            return Err(alike(table.name(), other, key, &name));
        }
        if name != key.to_lowercase() {
            otherwise.push(format!("{} is {name}", quoted(key)));
        }
        columns.push(Column {
            path: (name != *key).then(|| key.clone()),
            name,
            of: guess.of(),
            required: false,
            value: None,
        });
    }
    if !otherwise.is_empty() {
        let names = list(otherwise.iter().map(String::as_str));
        reading.note(format!("columns of {} got names that SQL takes: {names}", table.name()))?;
    }
    Ok(columns)
}

/// That a file has a column that a frozen schema does not.
pub fn frozen(file: &str, column: &str) -> Error {
    let what = format!("the file {file} has a column that the table does not, and the schema is frozen: `{column}`");
    Error::new(Kind::BadData, what)
        .code(segue_diag::SCHEMA_FROZEN)
        .hint("say on_new_column: evolve, quarantine or drop_value")
}

/// Fails for a file of more columns than are found out.
///
/// # Errors
/// `BadData`.
pub fn few_enough(file: &str, columns: usize) -> Result<()> {
    if columns <= MOST_COLUMNS {
        return Ok(());
    }
    let what = format!("has {columns} columns, and no more than {MOST_COLUMNS} are found out");
    Err(unusable(file, &what).hint("declare those that you want under `columns:`"))
}

/// That a file's columns cannot be used, and why.
pub fn unusable(file: &str, what: &str) -> Error {
    Error::new(Kind::BadData, format!("the file {file} {what}")).code(segue_diag::FILES_HEADER)
}

/// That two fields of a file would be one column.
pub fn alike(file: &str, one: &str, other: &str, name: &str) -> Error {
    let what = format!(
        "names {} and {}, and both would be the column `{name}`",
        quoted(one),
        quoted(other)
    );
    unusable(file, &what).hint("declare them under `columns:`, each with a name of its own and its `path:`")
}

fn lacks(file: &str, header: &[String], taken: &HashSet<usize>, column: &Column, declared: bool) -> Error {
    let free = header
        .iter()
        .enumerate()
        .filter(|(at, _)| !taken.contains(at))
        .map(|(_, name)| name.as_str());
    let hint = match segue_diag::closest(field(column), free) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if declared => format!("it has: {}", list(header.iter().map(String::as_str))),
        None => format!(
            "it has: {}; with `on_new_column: evolve`, a column that one of the files lacks is empty there",
            list(header.iter().map(String::as_str))
        ),
    };
    unusable(file, &format!("lacks the column {}", quoted(field(column)))).hint(hint)
}

fn list<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(MOST_NAMES);
    let mut text = names
        .take(MOST_NAMES)
        .map(crate::columns::short)
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
