//! An engine for tests: SQLite in memory, filled with the query's tables.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use rusqlite::types::{Value as Sql, ValueRef};
use segue_core::engine::{Answer, Described, Engine, Param, Query};
use segue_core::{Ctx, Error, Kind, Result};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Answers by SQLite. Columns named as a column of an input have its type.
pub struct SqliteEngine;

fn wrong(e: rusqlite::Error) -> Error {
    Error::new(Kind::Invalid, "the SQL is wrong").caused_by(e)
}

async fn answer(query: &Query) -> Result<RecordBatch> {
    let mut tables = Vec::new();
    let mut types: BTreeMap<String, Field> = BTreeMap::new();
    for (key, relation) in &query.tables {
        for field in relation.schema().fields() {
            types
                .entry(field.name().clone())
                .or_insert_with(|| field.as_ref().clone());
        }
        let batches: Vec<RecordBatch> = relation.scan(None).await?.try_collect().await?;
        tables.push((key.clone(), relation.schema(), batches));
    }
    let db = rusqlite::Connection::open_in_memory().map_err(wrong)?;
    let schemas: BTreeSet<&str> = tables.iter().map(|(k, ..)| k.schema.as_str()).collect();
    for schema in schemas {
        db.execute_batch(&format!("attach ':memory:' as \"{schema}\""))
            .map_err(wrong)?;
    }
    for (key, schema, batches) in &tables {
        let names: Vec<String> = schema.fields().iter().map(|f| format!("\"{}\"", f.name())).collect();
        let table = format!("\"{}\".\"{}\"", key.schema, key.table);
        db.execute_batch(&format!("create table {table} ({})", names.join(", ")))
            .map_err(wrong)?;
        let marks = vec!["?"; names.len()].join(", ");
        for batch in batches {
            for row in 0..batch.num_rows() {
                let values = batch.columns().iter().map(|c| to_sql(c, row));
                db.execute(
                    &format!("insert into {table} values ({marks})"),
                    rusqlite::params_from_iter(values),
                )
                .map_err(wrong)?;
            }
        }
    }
    let mut statement = db.prepare(&query.sql).map_err(wrong)?;
    for (name, param) in &query.params {
        let value = match param {
            Param::Timestamp(at) => Sql::Integer(*at),
            Param::Decimal { digits, scale, .. } => Sql::Real(*digits as f64 / 10_f64.powi(i32::from(*scale))),
            Param::Value(Value::String(text)) => Sql::Text(text.clone()),
            Param::Value(other) => other.as_i64().map_or(Sql::Null, Sql::Integer),
        };
        if let Some(at) = statement.parameter_index(&format!("${name}")).map_err(wrong)? {
            statement.raw_bind_parameter(at, value).map_err(wrong)?;
        }
    }
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_string).collect();
    let mut found: Vec<Value> = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(wrong)? {
        let value = |i: usize| match row.get_ref(i) {
            Ok(ValueRef::Integer(n)) => json!(n),
            Ok(ValueRef::Real(n)) => json!(n),
            Ok(ValueRef::Text(t)) => json!(String::from_utf8_lossy(t)),
            Ok(ValueRef::Blob(b)) => json!(String::from_utf8_lossy(b)),
            _ => Value::Null,
        };
        found.push(Value::Object(
            names.iter().enumerate().map(|(i, n)| (n.clone(), value(i))).collect(),
        ));
    }
    batch(&names, &found, &types)
}

fn to_sql(column: &ArrayRef, row: usize) -> Sql {
    if let Some(bytes) = column.as_any().downcast_ref::<arrow_array::BinaryArray>() {
        return Sql::Blob(bytes.value(row).to_vec());
    }
    match crate::json::value(column, row) {
        Value::Null => Sql::Null,
        _ if matches!(column.data_type(), DataType::Timestamp(..) | DataType::Date32) => {
            crate::rows::instant(column, row).map_or(Sql::Null, Sql::Integer)
        }
        Value::Bool(b) => Sql::Integer(i64::from(b)),
        Value::Number(n) => n
            .as_i64()
            .map_or_else(|| Sql::Real(n.as_f64().unwrap_or(0.0)), Sql::Integer),
        Value::String(text) => Sql::Text(text),
        other => Sql::Text(other.to_string()),
    }
}

fn batch(names: &[String], rows: &[Value], types: &BTreeMap<String, Field>) -> Result<RecordBatch> {
    use arrow_array::{Float64Array, Int64Array, StringArray};
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for name in names {
        let values: Vec<&Value> = rows.iter().map(|r| &r[name]).collect();
        let plain: ArrayRef = if values.iter().any(|v| v.is_string()) {
            Arc::new(values.iter().map(|v| v.as_str()).collect::<StringArray>())
        } else if values.iter().any(|v| v.is_f64()) {
            Arc::new(values.iter().map(|v| v.as_f64()).collect::<Float64Array>())
        } else {
            Arc::new(values.iter().map(|v| v.as_i64()).collect::<Int64Array>())
        };
        let typed = types
            .get(name)
            .and_then(|f| Some((f.clone(), arrow_cast::cast(&plain, f.data_type()).ok()?)));
        let (field, column) = typed.unwrap_or_else(|| (Field::new(name, plain.data_type().clone(), true), plain));
        fields.push(field.with_nullable(true));
        columns.push(column);
    }
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, columns).map_err(|e| Error::bug("an answer does not make a batch").caused_by(e))
}

#[async_trait]
impl Engine for SqliteEngine {
    async fn run(&self, query: &Query, _ctx: &Ctx) -> Result<Answer> {
        let batch = answer(query).await?;
        Ok(Answer {
            schema: batch.schema(),
            rows: futures::stream::iter([Ok(batch)]).boxed(),
        })
    }

    async fn describe(&self, query: &Query, _ctx: &Ctx) -> Result<Described> {
        let batch = answer(query).await?;
        Ok(Described {
            schema: batch.schema(),
            reads: query.tables.keys().cloned().collect(),
        })
    }
}
