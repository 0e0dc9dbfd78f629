//! The tables that a question may name: the assets' own, `quarantine."…"`, `pages."…"`, `system.…` and `information_schema.…`.

use crate::app::App;
use crate::listing::INFORMATION;
use arrow_array::builder::{BooleanBuilder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::Schema;
use segue_core::commit::Role;
use segue_core::engine::{InMemory, Relation, TableKey};
use segue_core::sink::Target;
use segue_core::{AssetName, Error, Kind, Result, Type};
use segue_diag::{SQL_UNKNOWN_TABLE, UNKNOWN_ASSET, closest};
use segue_spec::model::Asset;
use segue_store::{AssetRow, SystemTable};
use segue_work::asset_name;
use segue_work::commit::Sinks;
use segue_work::deps::{Deps, Places};
use segue_work::step::known;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The folders of companions, as schemas of SQL.
pub(crate) const COMPANIONS: [(&str, Role); 2] = [("quarantine", Role::Quarantine), ("pages", Role::Pages)];

impl App {
    /// Every table that this statement may mean: each at its newest version, and where it says `"table@VERSION"` or `"table@TIME"`, as it
    /// was then. A name that does not occur in the text is not opened.
    ///
    /// # Errors
    /// Those of the state, the lake and the connections, for tables that the text names in full; `NotFound` for a version that is gone.
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
            let own = known::own(&row);
            let is_view = self.view_called(&row.name.to_string()).is_some();
            if !is_view && known::has_answer(&self.store, &row).await? {
                match self.newest(&row, &own).await {
                    Ok(Some(rows)) => {
                        tables.insert(TableKey::from(&row.name), rows);
                    }
                    Ok(None) => {}
                    // Another table whose name stands in the text by chance may be damaged: that is not this question's business.
                    Err(error) if names(&text, &row.name) => return Err(error),
                    Err(error) => tracing::debug!(asset = %row.name, %error, "not opened"),
                }
            }
            for at in versions_named(sql, row.name.table()) {
                let key = TableKey::new(row.name.schema(), format!("{}@{at}", row.name.table()));
                match self.as_it_was(&own, at).await {
                    Ok(rows) => drop(tables.insert(key, rows)),
                    // One of the same name in another schema may be meant.
                    Err(error) if names_as_it_was(&text, &row.name) => return Err(error.with("asset", &row.name)),
                    Err(error) => tracing::debug!(asset = %row.name, %error, "not opened as it was"),
                }
            }
            for (key, target) in child_tables(&row)
                .into_iter()
                .filter(|(key, _)| text.contains(&key.table))
            {
                match self.newest(&row, &target).await? {
                    Some(rows) => tables.insert(key, rows),
                    None => None,
                };
            }
            for (schema, role) in COMPANIONS.into_iter().filter(|(schema, _)| text.contains(schema)) {
                let name = TableKey::new(schema, row.name.to_string());
                match self.newest(&row, &known::companion(&row, role)).await? {
                    Some(rows) => tables.insert(name, rows),
                    None => None,
                };
            }
        }
        let others = self.others();
        let views: Vec<&Asset> = self.views().filter(|v| text.contains(v.name.table())).collect();
        if !views.is_empty() {
            let deps = self.lake_deps_beside(others.clone());
            for name in views.into_iter().map(|view| asset_name(&view.name)) {
                match self.view(&deps, &name).await {
                    Ok(rows) => drop(tables.insert(TableKey::from(&name), rows)),
                    Err(error) if names(&text, &name) => return Err(error),
                    Err(error) => tracing::debug!(asset = %name, %error, "not opened"),
                }
            }
        }
        if !others.is_empty() {
            let before: Vec<TableKey> = tables.keys().cloned().collect();
            match others.named_in(&text, &mut tables, &self.ctx).await {
                Ok(()) => {}
                // Where the statement names an asset of the project that is not built here, it needs what is not there.
                Err(error) if self.misses(&text, &before) => return Err(error),
                Err(error) => tracing::debug!(%error, "other environments were not looked at"),
            }
        }
        if text.contains("system") {
            for name in segue_store::system::names() {
                if let Some(table) = self.store.system_table(name).await? {
                    tables.insert(TableKey::new("system", name), Arc::new(rows_of(table)?));
                }
            }
        }
        if text.contains(INFORMATION) {
            tables.extend(self.information().await?);
        }
        Ok(tables)
    }

    /// The views of the project.
    pub(crate) fn views(&self) -> impl Iterator<Item = &Asset> {
        self.project.assets.values().filter(|asset| asset.is_view())
    }

    /// The view of this name, if it is one.
    pub(crate) fn view_called(&self, name: &str) -> Option<&Asset> {
        self.views().find(|view| view.name.as_str() == name)
    }

    /// What a view gives, over the newest versions of the tables that it stands on.
    pub(crate) async fn view(&self, deps: &Deps, name: &AssetName) -> Result<Arc<dyn Relation>> {
        segue_work::step::view(deps, name, &self.ctx).await
    }

    /// Whether the text names an asset of the project in full that is none of these.
    fn misses(&self, text: &str, here: &[TableKey]) -> bool {
        let named = self.project.assets.values().filter(|a| a.into.is_none());
        named
            .map(|a| segue_work::asset_name(&a.name))
            .any(|name| names(text, &name) && !here.contains(&TableKey::from(&name)))
    }

    /// A lake table as it was, by its version or by a time.
    async fn as_it_was(&self, target: &Target, at: &str) -> Result<Arc<dyn Relation>> {
        if target.connection.is_some() {
            return Err(Error::new(
                Kind::Unsupported,
                format!("{} lies in a database, which keeps no versions", target.name),
            ));
        }
        let version = match (at.parse::<u64>(), at.parse::<jiff::Timestamp>()) {
            (Ok(version), _) => version,
            (_, Ok(time)) => self.lake.version_at(target, time).await?,
            _ => {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("`{at}` is neither a version nor a time of {}", target.name),
                )
                .hint(format!(
                    "write \"{0}@3\" or \"{0}@2026-01-31T00:00:00Z\"; `segue lake history {1}` lists the versions",
                    target.name.table(),
                    target.name
                )));
            }
        };
        use segue_core::sink::Sink as _;
        self.lake.at(target, version, &self.ctx).await
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
    /// `NotFound` for an asset that never ran, and for a name that no asset has, with a suggestion.
    pub(crate) async fn row(&self, name: &str) -> Result<AssetRow> {
        let row = match name.parse() {
            Ok(parsed) => self.store.asset(&parsed).await?,
            Err(_) => None,
        };
        match row {
            Some(row) => Ok(row),
            None if self.is_in_project(name) => {
                let error = Error::new(Kind::NotFound, format!("{name} has no table"));
                Err(error.hint(format!("run it first: segue run {name}")))
            }
            None => Err(self.no_asset(name).await?),
        }
    }

    /// Whether a name that a person wrote is an asset's: of the project, or of one that ran before.
    ///
    /// # Errors
    /// `NotFound`, with a suggestion, when it is none.
    pub async fn known(&self, name: &str) -> Result<()> {
        match self.is_in_project(name) || self.in_state().await?.iter().any(|n| n == name) {
            true => Ok(()),
            false => Err(self.no_asset(name).await?),
        }
    }

    /// An error about a table that does not exist, with what was most likely meant among all tables of the lake and of the project. Other
    /// errors stay as they are.
    pub async fn with_suggestion(&self, error: Error) -> Error {
        let name = error.message().split('`').nth(1).unwrap_or_default().to_string();
        if error.error_code() != Some(SQL_UNKNOWN_TABLE) || name.is_empty() {
            return error;
        }
        if self.is_in_project(&name) {
            return error.hint(format!("run it first: segue run {name}"));
        }
        let Ok(mut names) = self.in_state().await else {
            return error;
        };
        names.extend(self.project.assets.keys().map(ToString::to_string));
        names.extend(segue_store::system::names().map(|n| format!("system.{n}")));
        let same = names
            .iter()
            .find(|n| n.split_once('.').is_some_and(|(_, table)| table == name));
        match same
            .map(String::as_str)
            .or_else(|| closest(&name, names.iter().map(String::as_str)))
        {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`show tables` lists them"),
        }
    }

    pub(crate) fn is_in_project(&self, name: &str) -> bool {
        self.project.assets.keys().any(|a| a.as_str() == name)
    }

    /// The names of the assets that the state knows.
    async fn in_state(&self) -> Result<Vec<String>> {
        let rows = self.store.assets().await?;
        Ok(rows.iter().filter(|r| !r.dropped).map(|r| r.name.to_string()).collect())
    }

    async fn no_asset(&self, name: &str) -> Result<Error> {
        let mut names = self.in_state().await?;
        names.extend(self.project.assets.keys().map(ToString::to_string));
        let same = names
            .iter()
            .find(|n| n.split_once('.').is_some_and(|(_, table)| table == name));
        let near = same
            .map(String::as_str)
            .or_else(|| closest(name, names.iter().map(String::as_str)));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`segue status` shows the assets that there are".to_string(),
        };
        let error = Error::new(Kind::NotFound, format!("there is no asset `{name}`"));
        Ok(error.code(UNKNOWN_ASSET).hint(hint))
    }
}

/// The child tables that an asset may have, as SQL names them.
pub(crate) fn child_tables(row: &AssetRow) -> Vec<(TableKey, Target)> {
    let name = |path: &str| TableKey::new(row.name.schema(), format!("{}__{path}", row.name.table()));
    let children = known::children(row).into_iter();
    children.map(|(path, target)| (name(&path), target)).collect()
}

/// Whether the text names this asset's table in full, quoted or not.
fn names(text: &str, name: &AssetName) -> bool {
    text.replace('"', "").contains(&name.to_string())
}

/// Whether the text names the table of this asset in full, as it was.
fn names_as_it_was(text: &str, name: &AssetName) -> bool {
    let (schema, begins) = (name.schema(), format!("\"{}@", name.table()));
    text.contains(&format!("{schema}.{begins}")) || text.contains(&format!("\"{schema}\".{begins}"))
}

/// What follows `table@` inside quotes in this text, each once.
fn versions_named<'t>(text: &'t str, table: &str) -> BTreeSet<&'t str> {
    let begins = format!("\"{table}@");
    let after = text.match_indices(&begins).map(|(at, _)| &text[at + begins.len()..]);
    after.filter_map(|rest| Some(rest.split_once('"')?.0)).collect()
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
