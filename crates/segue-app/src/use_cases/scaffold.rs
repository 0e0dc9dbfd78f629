//! Starter assets for what a source offers: a file a table, which says what is known and passes `segue check` as it is.

use crate::app::App;
use crate::load::load;
use crate::use_cases::adding::{self, NewFile};
use segue_core::source::{Column, Discovered};
use segue_core::{Error, Kind, Result};
use segue_diag::Severity;
use segue_spec::model::{From, How};
use segue_spec::name::{column_name, folded, lower_identifier};
use segue_spec::yaml::plain;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What was written, and what was not.
#[derive(Debug, Default, Serialize)]
pub struct Scaffolded {
    /// The files, each with its asset and the table that it reads.
    pub written: Vec<Starter>,
    /// Files that are there, and were left as they are.
    pub there: Vec<String>,
    /// What is worth saying: names that had to be others, tables that were left out.
    pub notes: Vec<String>,
}

/// A starter asset.
#[derive(Clone, Debug, Serialize)]
pub struct Starter {
    /// Its file.
    pub file: String,
    /// Its name.
    pub asset: String,
    /// The table that it reads.
    pub table: String,
    #[serde(skip)]
    text: String,
}

/// Writes an asset for each of these tables of a connection that no asset reads yet. Nothing is overwritten.
///
/// # Errors
/// `Invalid` for a schema that is no name, `Unavailable` when a file cannot be written.
pub fn scaffold(app: &App, connection: &str, tables: &[Discovered], schema: Option<&str>) -> Result<Scaffolded> {
    let mut done = Scaffolded::default();
    let mut starters = starters(app, connection, tables, schema, &mut done.notes)?;
    starters.retain(|starter| {
        let is_there = app.folder.join(&starter.file).exists();
        if is_there {
            done.there.push(starter.file.clone());
        }
        !is_there
    });
    for starter in checked(app, starters, &mut done.notes)? {
        match write(app, &starter)? {
            true => done.written.push(starter),
            false => done.there.push(starter.file),
        }
    }
    Ok(done)
}

fn starters(
    app: &App,
    connection: &str,
    tables: &[Discovered],
    schema: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Vec<Starter>> {
    let read = read_already(app, connection);
    let (schema, folder) = home(app, connection, schema)?;
    let mut taken: BTreeSet<String> = app.project.assets.keys().map(ToString::to_string).collect();
    let mut all = Vec::new();
    // What is called so already keeps its name before what only comes to it.
    let mut tables: Vec<&Discovered> = tables.iter().collect();
    tables.sort_by_key(|found| folded(&found.table.table) != found.table.table);
    for found in tables {
        let table = &found.table;
        if let Some(asset) = read.get(table.name.as_str()) {
            notes.push(format!("{} is read by {asset} already", table.name));
            continue;
        }
        if let Some(why) = &found.unreadable {
            notes.push(format!("{} is left out: {why}", table.name));
            continue;
        }
        let plain = format!("{schema}.{}", folded(&table.table));
        let with_schema = format!("{schema}.{}", folded(&format!("{}_{}", table.schema, table.table)));
        let numbered = (2..1000).map(|n| format!("{plain}_{n}"));
        let mut names = [plain.clone(), with_schema].into_iter().chain(numbered);
        let Some(name) = names.find(|name| !taken.contains(name)) else {
            notes.push(format!(
                "{} is left out: too many tables come to the name {plain}",
                table.name
            ));
            continue;
        };
        if name != plain {
            notes.push(format!("{} becomes {name}: {plain} is another table's", table.name));
        }
        taken.insert(name.clone());
        let own = name.split_once('.').map_or(name.as_str(), |(_, own)| own);
        all.push(Starter {
            file: format!("{folder}/{own}.yaml"),
            text: text(connection, &name, found, notes),
            asset: name,
            table: table.name.clone(),
        });
    }
    Ok(all)
}

/// Which asset reads which table of the connection.
fn read_already<'a>(app: &'a App, connection: &str) -> BTreeMap<&'a str, &'a str> {
    let copies = app.project.assets.values().filter_map(|asset| match &asset.how {
        How::Copy(copy) if copy.from == From::Connection(connection.to_string()) => {
            Some((copy.settings.get("table")?.as_str()?, asset.name.as_str()))
        }
        _ => None,
    });
    copies.collect()
}

/// The schema and the folder in which this project keeps the copies of this connection: where its other ones are, else `raw`.
fn home(app: &App, connection: &str, schema: Option<&str>) -> Result<(String, String)> {
    if let Some(schema) = schema {
        lower_identifier(schema).map_err(|why| Error::new(Kind::Invalid, why))?;
        return Ok((schema.to_string(), format!("assets/{schema}")));
    }
    let copies = app.project.assets.values().filter(|a| {
        matches!(&a.how, How::Copy(copy) if copy.from == From::Connection(connection.to_string())) && a.into.is_none()
    });
    let homes: BTreeSet<(&str, &str)> = copies
        .filter_map(|a| Some((a.name.schema(), a.place.file.rsplit_once('/')?.0)))
        .collect();
    Ok(match homes.first() {
        Some((schema, folder)) if homes.len() == 1 => (schema.to_string(), folder.to_string()),
        _ => ("raw".to_string(), "assets/raw".to_string()),
    })
}

fn text(connection: &str, asset: &str, found: &Discovered, notes: &mut Vec<String>) -> String {
    let table = &found.table;
    // A name that the source quotes although it is plain is a word of SQL.
    let (schema, own) = asset.split_once('.').unwrap_or(("", asset));
    let in_sql = match table.name.ends_with('"') && own == table.table {
        true => format!("# SQL writes its name in quotes: {schema}.\"{own}\"\n"),
        false => String::new(),
    };
    let mut text = format!(
        "# {} of {connection}, as it was found. Made by `segue discover {connection} --scaffold`; from here on it is yours.\n{in_sql}\
         asset: {asset}\n\
         # description: What a row is.\n\
         # owner: Who answers for it.\n\
         # fresh: 1d  # younger than this is good enough; without it, every run reads\n\
         copy:\n  from: {connection}\n  table: {}\n",
        one_line(&table.name),
        plain(&table.name)
    );
    text.push_str(
        "  # What is read, and as what. Without `columns`, they are found out at the first run and kept, and\n  \
         # `on_new_column: evolve` takes in what is new.\n  columns:\n",
    );
    let (columns, renamed) = named(&found.columns);
    for column in &columns {
        if column.path.as_deref().is_some_and(is_no_path) {
            let place = column.path.as_deref().unwrap_or_default();
            notes.push(format!(
                "{}: the column {place} is left out: no `path` can name it",
                table.name
            ));
            continue;
        }
        let mut of = format!("type: {}", plain(&column.of.to_string()));
        if let Some(path) = &column.path {
            write!(of, ", path: {}", plain(path)).unwrap_or_default();
        }
        if column.required {
            of.push_str(", required: true");
        }
        writeln!(text, "    {}: {{ {of} }}", plain(&column.name)).unwrap_or_default();
    }
    for (before, after) in renamed {
        notes.push(format!("{}: the column {before} becomes {after}", table.name));
    }
    let now = |column: &String| {
        let at = found.columns.iter().position(|c| c.name == *column);
        plain(at.map_or(column, |at| &columns[at].name))
    };
    let key: Vec<String> = table.key.iter().map(now).collect();
    match key.is_empty() {
        true => text.push_str(
            "# Every run reads the whole table and puts it in the place of what is here. The source tells of no key: with\n\
             # `key: [COLUMN]`, rows that are there twice are found.\nwrite: { mode: replace }\n",
        ),
        false => write!(
            text,
            "# Every run reads the whole table and puts it in the place of what is here.\nwrite: {{ mode: replace, key: [{}] }}\n",
            key.join(", ")
        )
        .unwrap_or_default(),
    }
    text
}

/// Whether a `path` would mean something else than this name.
fn is_no_path(place: &str) -> bool {
    place.starts_with('$') || place.contains("{{") || place.contains("${")
}

fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// The columns under names that a project may give, and which of them the reader would not expect.
fn named(columns: &[Column]) -> (Vec<Column>, Vec<(String, String)>) {
    let mut renamed = Vec::new();
    let all = columns.iter().map(|column| {
        let place = column.path.clone().unwrap_or_else(|| column.name.clone());
        let name = match column_name(&column.name) {
            Ok(()) => column.name.clone(),
            // What begins with `_segue` is ours.
            Err(_) => format!("source{}", column.name),
        };
        let is_folded = name == folded(&place);
        if !is_folded {
            renamed.push((place.clone(), name.clone()));
        }
        Column {
            path: (place != name).then_some(place),
            name,
            ..column.clone()
        }
    });
    (all.collect(), renamed)
}

/// Those that are right, looked at as the project would be with all of them.
fn checked(app: &App, starters: Vec<Starter>, notes: &mut Vec<String>) -> Result<Vec<Starter>> {
    let mut files = load(&app.folder)?.files;
    for starter in &starters {
        files.insert(starter.file.clone(), starter.text.clone());
    }
    let schemas = segue_connectors::schemas();
    let (_, found) = segue_spec::check_with_patterns(&files, &schemas, segue_sql::pattern_mistake);
    let mut right = Vec::new();
    for starter in starters {
        let errors = found.iter().filter(|d| d.severity == Severity::Error);
        let mut own = errors.filter(|d| d.span.as_ref().is_some_and(|s| s.file == starter.file));
        match own.next() {
            None => right.push(starter),
            Some(why) => notes.push(format!("{} is left out: {}", starter.table, why.message)),
        }
    }
    Ok(right)
}

/// Writes it, unless there is a file of its name by now.
fn write(app: &App, starter: &Starter) -> Result<bool> {
    let file = NewFile {
        path: starter.file.clone(),
        text: starter.text.clone(),
    };
    adding::write(&app.folder, &file)
}
