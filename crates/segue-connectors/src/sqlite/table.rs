//! A table as SQLite has it: finding it, making it, fitting it to a schema, and reading it. A table of somebody else's is never altered.

use super::errors::failed;
use super::file::quoted;
use super::marks::{self, Mark};
use super::types::{decode, encode, keeps, of_declared};
use crate::columns::{self, Builder};
use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use rusqlite::{Connection, OptionalExtension as _, Statement, params_from_iter};
use segue_core::align::align;
use segue_core::hash::sha256;
use segue_core::sink::Target;
use segue_core::{Error, Kind, Result, Type};
use segue_diag as codes;
use std::sync::Arc;

/// Rows of a batch that is read, and the text in it after which it is handed on all the same.
const BATCH_ROWS: usize = 8192;
const BATCH_BYTES: usize = 16 << 20;

/// A table that is there.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Its name, for SQL.
    pub quoted: String,
    pub columns: Vec<TableColumn>,
    sql: String,
}

#[derive(Clone, Debug)]
pub(super) struct TableColumn {
    pub name: String,
    pub declared: String,
    not_null: bool,
    has_default: bool,
    in_key: bool,
    generated: bool,
}

/// A column as it is written to.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its name, for SQL.
    pub quoted: String,
    pub name: String,
    pub of: Type,
    pub declared: String,
}

/// The table of this name, whatever the case of its letters.
///
/// # Errors
/// `Invalid` when it is a view, and for names that no table has.
pub(super) fn find(db: &Connection, place: &str) -> Result<Option<Table>> {
    let doing = "look at the table";
    let quoted = quoted(place)?;
    let found: Option<(String, Option<String>)> = db
        .query_row(
            "select type, sql from main.sqlite_master where name = $1 collate nocase and type in ('table', 'view')",
            [place],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )
        .optional()
        .map_err(failed(doing))?;
    let Some((kind, sql)) = found else { return Ok(None) };
    if kind == "view" {
        return Err(
            Error::new(Kind::Invalid, format!("`{place}` is a view, and rows go into tables"))
                .code(codes::SQLITE_OTHER_TABLE),
        );
    }
    let mut info = db
        .prepare("select name, type, \"notnull\", dflt_value is not null, pk > 0, hidden from pragma_table_xinfo($1) where hidden <> 1")
        .map_err(failed(doing))?;
    let columns = info.query_map([place], |r| {
        Ok(TableColumn {
            name: r.get(0)?,
            declared: r.get(1)?,
            not_null: r.get(2)?,
            has_default: r.get(3)?,
            in_key: r.get(4)?,
            generated: r.get::<_, i64>(5)? > 1,
        })
    });
    let columns = columns
        .map_err(failed(doing))?
        .collect::<rusqlite::Result<_>>()
        .map_err(failed(doing))?;
    Ok(Some(Table {
        quoted,
        columns,
        sql: sql.unwrap_or_default(),
    }))
}

/// The triggers that somebody put on the table.
pub(super) fn triggers(db: &Connection, place: &str) -> Result<Vec<String>> {
    let doing = "look at the table";
    let mut found = db
        .prepare(
            "select name from main.sqlite_master where type = 'trigger' and tbl_name = $1 collate nocase order by name",
        )
        .map_err(failed(doing))?;
    let names = found.query_map([place], |r| r.get(0)).map_err(failed(doing))?;
    names.collect::<rusqlite::Result<_>>().map_err(failed(doing))
}

/// Columns in which no two rows of a table are equal.
#[derive(Clone, Debug)]
pub(super) struct Unique {
    /// What the index is called that somebody made; the columns, where it belongs to the table.
    pub name: String,
    /// The columns, each with how its texts are compared.
    pub columns: Vec<(String, String)>,
}

/// What is unique in a table: all rows' values, as they stand.
pub(super) fn unique(db: &Connection, place: &str, table: &Table) -> Result<Vec<Unique>> {
    let doing = "look at the table";
    let mut found = db
        .prepare("select name, origin from pragma_index_list($1) where \"unique\" and not partial order by seq desc")
        .map_err(failed(doing))?;
    let indexes = found
        .query_map([place], |r| Ok((r.get(0)?, r.get(1)?)))
        .map_err(failed(doing))?;
    let indexes: Vec<(String, String)> = indexes.collect::<rusqlite::Result<_>>().map_err(failed(doing))?;
    let mut all = Vec::with_capacity(indexes.len());
    for (name, _) in &indexes {
        let mut info = db
            .prepare("select name, coll from pragma_index_xinfo($1) where \"key\" order by seqno")
            .map_err(failed(doing))?;
        let columns = info
            .query_map([name], |r| Ok((r.get::<_, Option<String>>(0)?, r.get(1)?)))
            .map_err(failed(doing))?;
        let columns: Vec<(Option<String>, String)> = columns.collect::<rusqlite::Result<_>>().map_err(failed(doing))?;
        // One of an expression is met when rows are written.
        let columns: Option<Vec<_>> = columns.into_iter().map(|(name, by)| Some((name?, by))).collect();
        all.extend(columns.map(|columns| Unique::of(name, columns)));
    }
    let key = table.key();
    if key.len() == 1 && indexes.iter().all(|(_, origin)| origin != "pk") {
        // The row's own number.
        all.push(Unique::of("", key.into_iter().map(|k| (k, "binary".into())).collect()));
    }
    Ok(all)
}

impl Unique {
    fn of(name: &str, columns: Vec<(String, String)>) -> Unique {
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        Unique {
            name: match name.is_empty() || name.starts_with("sqlite_") {
                true => format!("unique ({})", names.join(", ")),
                false => name.to_string(),
            },
            columns,
        }
    }

    /// What SQLite says of a row that is not.
    pub fn said(&self, place: &str) -> String {
        let each: Vec<String> = self.columns.iter().map(|(c, _)| format!("{place}.{c}")).collect();
        format!("UNIQUE constraint failed: {}", each.join(", "))
    }
}

/// What a change of the table by somebody else would change.
pub(super) fn fingerprint(table: Option<&Table>) -> Option<String> {
    table.map(Table::definition)
}

impl Table {
    /// Its definition, as a digest.
    pub fn definition(&self) -> String {
        sha256(&self.sql)
    }

    fn column(&self, name: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// The columns that are written, and not generated.
    pub fn stored(&self) -> Vec<String> {
        let stored = self.columns.iter().filter(|c| !c.generated);
        stored.map(|c| c.name.clone()).collect()
    }

    /// The key's columns, where the table has one.
    pub fn key(&self) -> Vec<String> {
        self.columns
            .iter()
            .filter(|c| c.in_key)
            .map(|c| c.name.clone())
            .collect()
    }

    /// The table's schema: of its last record where it has one, else what its declarations mean.
    pub fn schema(&self, db: &Connection, mark: Option<&Mark>) -> Result<SchemaRef> {
        if let Some(mark) = mark
            && let Some(record) = marks::record(db, mark.asset, mark.n)?
        {
            let fields = record
                .own()
                .schema
                .fields()
                .iter()
                .filter(|f| self.column(f.name()).is_some())
                .cloned();
            return Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
        }
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|c| of_declared(&c.declared).field(&c.name, !c.not_null))
            .collect();
        Ok(Arc::new(Schema::new(fields)))
    }
}

/// The columns of a schema, as they are declared: in the table where it has them, else as their types say.
///
/// # Errors
/// `BadData` for names that SQLite takes for one.
pub(super) fn columns_of(schema: &Schema, table: Option<&Table>) -> Result<Vec<Column>> {
    let mut all: Vec<Column> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let of = Type::of(field)?;
        if let Some(twin) = all.iter().find(|c| c.name.eq_ignore_ascii_case(field.name())) {
            return Err(Error::new(
                Kind::BadData,
                format!("columns `{}` and `{}` are one to SQLite", twin.name, field.name()),
            )
            .hint("it does not tell capital letters from small ones: rename one of them"));
        }
        all.push(Column {
            quoted: column_name(field.name())?,
            name: field.name().clone(),
            declared: table
                .and_then(|t| t.column(field.name()))
                .map_or_else(|| of.sqlite(), |c| c.declared.clone()),
            of,
        });
    }
    if all.is_empty() {
        return Err(Error::new(Kind::BadData, "a table in SQLite has at least one column"));
    }
    Ok(all)
}

/// A column's name as SQL takes it; columns may be called anything but nothing.
pub(super) fn column_name(name: &str) -> Result<String> {
    if name.is_empty() || name.contains('\0') {
        return Err(Error::new(
            Kind::Invalid,
            format!("`{}` cannot be a column in SQLite", name.escape_debug()),
        ));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// Makes a table of this schema.
pub(super) fn create(db: &Connection, quoted: &str, schema: &Schema, key: &[String]) -> Result<()> {
    let mut parts = Vec::new();
    for (field, column) in schema.fields().iter().zip(columns_of(schema, None)?) {
        let is_key = key.iter().any(|k| k == field.name());
        let required = if !field.is_nullable() || is_key {
            " not null"
        } else {
            ""
        };
        parts.push(format!("{} {}{required}", column.quoted, column.declared));
    }
    if !key.is_empty() {
        let names: Vec<String> = key.iter().map(|k| column_name(k)).collect::<Result<_>>()?;
        parts.push(format!("primary key ({})", names.join(", ")));
    }
    db.execute_batch(&format!("create table main.{quoted} ({})", parts.join(", ")))
        .map_err(failed("make the table"))
}

/// What has to be done so that a table of ours takes rows of this schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// Nothing.
    Fits,
    /// Columns are added at its end.
    Add,
    /// It is made anew, its rows copied.
    Convert,
}

/// Compares a table of ours with the schema. `is_whole`: its rows are about to be replaced, and columns that the schema lacks go with them.
/// `is_made`: its definition is the one that we gave it; what somebody else said must have a value stays so.
pub(super) fn fit(table: &Table, old: &Schema, schema: &Schema, (is_whole, is_made): (bool, bool)) -> Result<Fit> {
    let mut fit = Fit::Fits;
    for field in schema.fields() {
        let of = Type::of(field)?;
        let Some(column) = table.column(field.name()) else {
            if !field.is_nullable() {
                return Ok(Fit::Convert);
            }
            fit = Fit::Add;
            continue;
        };
        let was = old.field_with_name(field.name()).ok().map(Type::of).transpose()?;
        let is_alike = was.is_none_or(|was| {
            was == of
                || (was.sqlite() == of.sqlite()
                    && matches!(of, Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::Float64))
        });
        let may_be_empty_now = is_made && column.not_null && field.is_nullable() && !column.in_key;
        if column.declared != of.sqlite() || !is_alike || may_be_empty_now {
            return Ok(Fit::Convert);
        }
    }
    let has_more = old.fields().iter().any(|f| schema.field_with_name(f.name()).is_err());
    Ok(if is_whole && has_more { Fit::Convert } else { fit })
}

/// The error where a table's columns have to change, and somebody has defined it otherwise since: made anew, it would lose what they said.
fn made_otherwise(target: &Target) -> Error {
    let what = format!(
        "somebody has changed the definition of the table `{}`, and its columns have to change",
        target.place
    );
    Error::new(Kind::BadData, what)
        .code(codes::SQLITE_OTHER_TABLE)
        .hint("SQLite changes columns by making a table anew: do it by hand, with what was said of the table; or write into another one")
}

/// Whether a column that both schemas have is of another type in the second.
pub(super) fn retyped(old: &Schema, schema: &Schema) -> Result<bool> {
    for field in schema.fields() {
        if let Ok(was) = old.field_with_name(field.name())
            && Type::of(was)? != Type::of(field)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Adds the columns that the table lacks.
pub(super) fn add_columns(db: &Connection, table: &Table, columns: &[Column]) -> Result<()> {
    for column in columns.iter().filter(|c| table.column(&c.name).is_none()) {
        db.execute_batch(&format!(
            "alter table main.{} add column {} {}",
            table.quoted, column.quoted, column.declared
        ))
        .map_err(failed("add a column to the table"))?;
    }
    Ok(())
}

/// Makes a table of ours anew in this schema, with its rows converted (or without rows), and with the indexes and triggers that somebody
/// put on it.
///
/// # Errors
/// `BadData` when somebody added a column to it that would be lost, or has defined it otherwise since (it is not `is_made` as it is), or an index
/// names a column that is no longer there.
pub(super) fn convert(
    db: &Connection,
    target: &Target,
    table: &Table,
    old: &SchemaRef,
    schema: &SchemaRef,
    key: &[String],
    (keep_rows, is_made): (bool, bool),
) -> Result<()> {
    let is_known = |c: &&TableColumn| {
        [old, schema]
            .iter()
            .any(|s| s.fields().iter().any(|f| f.name().eq_ignore_ascii_case(&c.name)))
    };
    if let Some(added) = table.columns.iter().find(|c| !is_known(c)) {
        return Err(Error::new(
            Kind::BadData,
            format!(
                "somebody added column `{}` to the table, and its columns have to change",
                added.name
            ),
        )
        .code(codes::SQLITE_OTHER_TABLE)
        .hint("move that column into a table of its own"));
    }
    if !is_made {
        return Err(made_otherwise(target));
    }
    let doing = "change the table's columns";
    let extras: Vec<(String, String)> = {
        let mut found = db
            .prepare("select name, sql from main.sqlite_master where tbl_name = $1 collate nocase and type in ('index', 'trigger') and sql is not null")
            .map_err(failed(doing))?;
        let rows = found
            .query_map([&target.place], |r| Ok((r.get(0)?, r.get(1)?)))
            .map_err(failed(doing))?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed(doing))?
    };
    let plain = format!("_segue_new_{}", &target.table.to_string()[..8]);
    let beside = format!("\"{plain}\"");
    create(db, &beside, schema, key)?;
    if keep_rows {
        let columns = columns_of(schema, None)?;
        let mut insert = insert_into(db, &format!("main.{beside}"), columns.iter().map(|c| c.quoted.clone()))?;
        read(db, &table.quoted, old, &mut |batch| {
            let batch = align(&batch, schema)?;
            for row in 0..batch.num_rows() {
                insert_row(&mut insert, &columns, &batch, row, [])?;
            }
            Ok(())
        })?;
    }
    db.execute_batch(&format!(
        "drop table main.{q}; alter table main.{beside} rename to {q}",
        q = table.quoted
    ))
    .map_err(failed(doing))?;
    for (name, sql) in extras {
        db.execute_batch(&sql).map_err(|e| {
            Error::new(
                Kind::BadData,
                format!("`{name}` on the table does not fit its new columns"),
            )
            .code(codes::SQLITE_OTHER_TABLE)
            .hint("drop it, run again, and make it anew")
            .caused_by(e)
        })?;
    }
    Ok(())
}

/// Whether a table that somebody else made takes rows of this schema as they are.
///
/// # Errors
/// `BadData` saying which column does not.
pub(super) fn check_foreign(table: &Table, place: &str, schema: &Schema) -> Result<()> {
    let refuse = |why: String| {
        Err(Error::new(
            Kind::BadData,
            format!("the table `{place}` was made by somebody else and does not take these rows: {why}"),
        )
        .code(codes::SQLITE_OTHER_TABLE)
        .hint("alter that table, or write into another one; a table that is not Segue's is never altered or dropped"))
    };
    for field in schema.fields() {
        let of = Type::of(field)?;
        let Some(column) = table.column(field.name()) else {
            return refuse(format!("it has no column `{}`", field.name()));
        };
        if column.generated {
            return refuse(format!("column `{}` is generated", column.name));
        }
        if !keeps(&column.declared, &of) {
            return refuse(format!(
                "column `{}` is {}, which changes values of {of}",
                column.name, column.declared
            ));
        }
    }
    // Where no row comes, none lacks a value.
    if schema.fields().is_empty() {
        return Ok(());
    }
    let is_filled = |c: &&TableColumn| schema.fields().iter().any(|f| f.name().eq_ignore_ascii_case(&c.name));
    match table
        .columns
        .iter()
        .find(|c| c.not_null && !c.has_default && !c.generated && !is_filled(c))
    {
        Some(column) => refuse(format!("column `{}` must have a value", column.name)),
        None => Ok(()),
    }
}

/// Reads a table in a schema, batch by batch.
///
/// # Errors
/// `BadData` for a value that is not of its column's type: SQLite lets anybody write anything.
pub(super) fn read(
    db: &Connection,
    quoted: &str,
    schema: &SchemaRef,
    each: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    let doing = "read the table";
    let columns = columns_of(schema, None)?;
    let names: Vec<&str> = columns.iter().map(|c| c.quoted.as_str()).collect();
    let mut select = db
        .prepare(&format!("select {} from main.{quoted}", names.join(", ")))
        .map_err(failed(doing))?;
    let fresh = || -> Vec<Builder> { columns.iter().map(|c| Builder::new(&c.of)).collect() };
    let (mut builders, mut bytes) = (fresh(), 0);
    let mut rows = select.query([]).map_err(failed(doing))?;
    while let Some(row) = rows.next().map_err(failed(doing))? {
        for (at, (builder, column)) in builders.iter_mut().zip(&columns).enumerate() {
            let value = row.get_ref(at).map_err(failed(doing))?;
            bytes += value.as_bytes().map_or(8, <[u8]>::len);
            decode(builder, value).map_err(|misfit| {
                Error::new(
                    Kind::BadData,
                    format!(
                        "column `{}` of table {quoted} holds something else: {}{}",
                        column.name, misfit.path, misfit.reason
                    ),
                )
                .hint("another program wrote it; correct it there, or let a replace of the whole table do so")
            })?;
        }
        if builders[0].len() == BATCH_ROWS || bytes > BATCH_BYTES {
            each(columns::batch(schema, std::mem::replace(&mut builders, fresh()))?)?;
            bytes = 0;
        }
    }
    if !builders[0].is_empty() {
        each(columns::batch(schema, builders)?)?;
    }
    Ok(())
}

/// A statement that inserts one row.
pub(super) fn insert_into<'db>(
    db: &'db Connection,
    table: &str,
    columns: impl Iterator<Item = String>,
) -> Result<Statement<'db>> {
    let columns: Vec<String> = columns.collect();
    let places: Vec<String> = (1..=columns.len()).map(|at| format!("?{at}")).collect();
    db.prepare(&format!(
        "insert into {table} ({}) values ({})",
        columns.join(", "),
        places.join(", ")
    ))
    .map_err(failed("write rows"))
}

/// Inserts one row of a batch in these columns' order; `more` comes first.
pub(super) fn insert_row<const N: usize>(
    insert: &mut Statement<'_>,
    columns: &[Column],
    batch: &RecordBatch,
    row: usize,
    more: [i64; N],
) -> Result<()> {
    let mut values: Vec<rusqlite::types::Value> = more.into_iter().map(Into::into).collect();
    for (column, array) in columns.iter().zip(batch.columns()) {
        values.push(encode(&column.of, array, row).map_err(|e| e.with("column", &column.name))?);
    }
    insert.execute(params_from_iter(values)).map_err(failed("write rows"))?;
    Ok(())
}
