//! SQL with its expected rows, run on any engine.
//!
//! Engines only read, so the runner makes the tables: `create table raw.t as select …` keeps the answer under that name, and
//! `set timezone to 'Asia/Seoul'` changes the zone of what follows. Every other statement goes to the engine.

use arrow_array::{Array, RecordBatch};
use arrow_cast::display::array_value_to_string;
use arrow_schema::{DataType, SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use segue_core::engine::{Engine, Query, Relation, TableKey};
use segue_core::{Batches, Ctx, Error, Kind, Result};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};
use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use sqllogictest;

/// Every `.slt` file below a folder, in order of their names.
///
/// # Errors
/// When the folder cannot be read.
pub fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|e| e == "slt") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Runs one file. What differs from what is expected is in the error, with its place in the file.
///
/// # Errors
/// The first difference.
pub async fn run(file: &Path, engine: Arc<dyn Engine>, ctx: &Ctx) -> std::result::Result<(), String> {
    let mut runner = Runner::new(|| async {
        Ok::<_, Error>(Session {
            engine: engine.clone(),
            ctx: ctx.clone(),
            tables: BTreeMap::new(),
            timezone: "UTC".to_string(),
        })
    });
    runner
        .run_file_async(file)
        .await
        .map_err(|error| error.display(false).to_string())
}

/// The tables and the zone of one file.
struct Session {
    engine: Arc<dyn Engine>,
    ctx: Ctx,
    tables: BTreeMap<TableKey, Arc<dyn Relation>>,
    timezone: String,
}

impl Session {
    async fn ask(&self, sql: &str) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let query = Query {
            sql: sql.to_string(),
            params: BTreeMap::new(),
            tables: self.tables.clone(),
            timezone: self.timezone.clone(),
        };
        let answer = self.engine.run(&query, &self.ctx).await?;
        Ok((answer.schema, answer.rows.try_collect().await?))
    }
}

#[async_trait]
impl AsyncDB for Session {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>> {
        let words: Vec<&str> = sql.split_whitespace().collect();
        match words.as_slice() {
            ["set", "timezone", "to", zone] => {
                self.timezone = zone.trim_matches('\'').to_string();
                Ok(DBOutput::StatementComplete(0))
            }
            ["create", "table", name, "as", ..] => {
                let (schema, table) = name
                    .split_once('.')
                    .ok_or_else(|| Error::new(Kind::Invalid, "no schema"))?;
                let body = sql.split_once(" as").map(|(_, body)| body).unwrap_or_default();
                let (columns, rows) = self.ask(body).await?;
                let count = rows.iter().map(RecordBatch::num_rows).sum::<usize>() as u64;
                let table = TableKey::new(schema, table.trim_matches('"'));
                self.tables.insert(table, Arc::new(Kept { columns, rows }));
                Ok(DBOutput::StatementComplete(count))
            }
            _ => {
                let (schema, batches) = self.ask(sql).await?;
                let rows = batches
                    .iter()
                    .flat_map(|batch| (0..batch.num_rows()).map(|row| cells(batch, row)))
                    .collect();
                let types = schema.fields().iter().map(|f| column_type(f.data_type())).collect();
                Ok(DBOutput::Rows { types, rows })
            }
        }
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "segue"
    }
}

fn cells(batch: &RecordBatch, row: usize) -> Vec<String> {
    let cell = |column: &Arc<dyn Array>| {
        if column.is_null(row) {
            return "NULL".to_string();
        }
        match array_value_to_string(column, row) {
            Ok(text) if text.is_empty() => "(empty)".to_string(),
            Ok(text) => text,
            Err(error) => error.to_string(),
        }
    };
    batch.columns().iter().map(cell).collect()
}

fn column_type(of: &DataType) -> DefaultColumnType {
    match of {
        of if of.is_integer() => DefaultColumnType::Integer,
        of if of.is_numeric() => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Text,
    }
}

/// An answer as a table.
struct Kept {
    columns: SchemaRef,
    rows: Vec<RecordBatch>,
}

#[async_trait]
impl Relation for Kept {
    fn schema(&self) -> SchemaRef {
        self.columns.clone()
    }

    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches> {
        let rows = self
            .rows
            .iter()
            .map(|batch| match columns {
                Some(columns) => batch
                    .project(columns)
                    .map_err(|e| Error::bug("cannot project").caused_by(e)),
                None => Ok(batch.clone()),
            })
            .collect::<Vec<_>>();
        Ok(futures::stream::iter(rows).boxed())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
