//! The tables that a question may name: the assets' own, `quarantine."…"`, `pages."…"` and `system.…`.

use crate::app::App;
use arrow_array::builder::{BooleanBuilder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::Schema;
use segue_core::commit::Role;
use segue_core::engine::{InMemory, Relation, TableKey};
use segue_core::sink::Target;
use segue_core::{Error, Kind, Result, Type};
use segue_store::{AssetRow, SystemTable};
use segue_work::commit::Sinks;
use segue_work::deps::Places;
use segue_work::step::known;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The folders of companions, as schemas of SQL.
const COMPANIONS: [(&str, Role); 2] = [("quarantine", Role::Quarantine), ("pages", Role::Pages)];

impl App {
    /// Every table that this statement may mean, each at its newest version. A name that does not occur in the text is not opened.
    ///
    /// # Errors
    /// Those of the state, the lake and the connections.
    pub async fn tables_of(&self, sql: &str) -> Result<BTreeMap<TableKey, Arc<dyn Relation>>> {
        let text = sql.to_lowercase();
        let mut tables: BTreeMap<TableKey, Arc<dyn Relation>> = BTreeMap::new();
        for row in self
            .store
            .assets()
            .await?
            .into_iter()
            .filter(|r| !r.dropped && text.contains(r.name.table()))
        {
            if let Some(rows) = self.newest(&row, &known::own(&row)).await? {
                tables.insert(TableKey::from(&row.name), rows);
            }
            for (schema, role) in COMPANIONS.into_iter().filter(|(schema, _)| text.contains(schema)) {
                let name = TableKey::new(schema, row.name.to_string());
                match self.newest(&row, &known::companion(&row, role)).await? {
                    Some(rows) => tables.insert(name, rows),
                    None => None,
                };
            }
        }
        if text.contains("system") {
            for name in segue_store::system::names() {
                if let Some(table) = self.store.system_table(name).await? {
                    tables.insert(TableKey::new("system", name), Arc::new(rows_of(table)?));
                }
            }
        }
        Ok(tables)
    }

    /// The newest version of a table; `None` where there is none yet.
    pub(crate) async fn newest(&self, row: &AssetRow, target: &Target) -> Result<Option<Arc<dyn Relation>>> {
        let sink = match &target.connection {
            None => self.places(None)?.of(target)?,
            Some(connection) if self.project.connections.contains_key(connection) => {
                self.places(Some(connection))?.of(target)?
            }
            Some(_) => return Ok(None),
        };
        let head = sink
            .head(target, &self.ctx)
            .await
            .map_err(|e| e.with("asset", &row.name))?;
        match head.schema {
            Some(_) => Ok(Some(sink.at(target, head.version, &self.ctx).await?)),
            None => Ok(None),
        }
    }

    /// The lake, and one connection's sink.
    pub(crate) fn places(&self, connection: Option<&str>) -> Result<Places> {
        let mut sinks: BTreeMap<String, Arc<dyn segue_core::sink::Sink>> = BTreeMap::new();
        if let Some(connection) = connection {
            sinks.insert(connection.to_string(), self.sources().sink(connection)?);
        }
        let lake: Arc<dyn segue_core::sink::Sink> = self.lake.clone();
        Ok(Places { lake, sinks })
    }

    /// What the state knows of an asset, by the name that a person wrote.
    ///
    /// # Errors
    /// `Invalid` for what is no name, `NotFound` for an asset that never ran, with a suggestion.
    pub(crate) async fn row(&self, name: &str) -> Result<AssetRow> {
        let parsed = name.parse()?;
        if let Some(row) = self.store.asset(&parsed).await? {
            return Ok(row);
        }
        let known: Vec<String> = self
            .store
            .assets()
            .await?
            .iter()
            .filter(|r| !r.dropped)
            .map(|r| r.name.to_string())
            .collect();
        let in_project = self.project.assets.keys().any(|a| a.as_str() == name);
        let hint = match segue_diag::closest(name, known.iter().map(String::as_str)) {
            _ if in_project => format!("run it first: segue run {name}"),
            Some(near) => format!("did you mean `{near}`?"),
            None => "`segue status` shows the assets that there are".to_string(),
        };
        Err(Error::new(Kind::NotFound, format!("{name} has no table")).hint(hint))
    }
}

/// The rows of a system table as columns.
fn rows_of(table: SystemTable) -> Result<InMemory> {
    let fields: Vec<_> = table.columns.iter().map(|(name, of)| of.field(name, true)).collect();
    let columns: Vec<ArrayRef> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, (_, of))| column(of, table.rows.iter().map(|row| &row[at])))
        .collect::<Result<_>>()?;
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
    batch
        .map(InMemory::new)
        .map_err(|e| Error::bug("a system table's columns differ in length").caused_by(e))
}

fn column<'a>(of: &Type, values: impl Iterator<Item = &'a serde_json::Value>) -> Result<ArrayRef> {
    Ok(match of {
        Type::Int64 => {
            let mut column = Int64Builder::new();
            values.for_each(|v| column.append_option(v.as_i64()));
            Arc::new(column.finish())
        }
        Type::Bool => {
            let mut column = BooleanBuilder::new();
            values.for_each(|v| column.append_option(v.as_bool()));
            Arc::new(column.finish())
        }
        Type::Timestamp => {
            let mut column = TimestampMicrosecondBuilder::new().with_timezone("UTC");
            values.for_each(|v| {
                let instant = v.as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok());
                column.append_option(instant.map(|t| t.as_microsecond()));
            });
            Arc::new(column.finish())
        }
        Type::String | Type::Json => {
            let mut column = StringBuilder::new();
            values.for_each(|v| column.append_option(v.as_str()));
            Arc::new(column.finish())
        }
        other => return Err(Error::bug(format!("a system table has a column of type {other}"))),
    })
}
