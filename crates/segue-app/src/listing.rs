//! Which tables there are and what their columns are: `information_schema`, and the two statements that ask it.

use crate::app::App;
use crate::tables::{COMPANIONS, child_tables};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{Field, SchemaRef};
use segue_core::engine::{InMemory, Relation, TableKey};
use segue_core::{Error, Kind, Result, Type};
use segue_diag::SQL_UNKNOWN_TABLE;
use segue_spec::model::Asset;
use segue_work::asset_name;
use segue_work::step::known;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The schema in which tables and columns are listed.
pub(crate) const INFORMATION: &str = "information_schema";

/// A table that can be asked.
struct Listed {
    key: TableKey,
    /// Where it is: the lake, the state, or a connection; [`VIEW`] for what is nowhere.
    place: String,
    columns: Vec<(String, String, bool)>,
}

/// Where a view is: nowhere.
const VIEW: &str = "view";

impl Listed {
    /// What the standard calls it.
    fn kind(&self) -> &'static str {
        match self.place == VIEW {
            true => "VIEW",
            false => "BASE TABLE",
        }
    }
}

impl App {
    /// The question that a statement stands for: `show tables` and `describe schema.table` ask `information_schema`, and any other
    /// statement is its own.
    ///
    /// # Errors
    /// `Invalid` for `describe` of a table that does not exist, with a suggestion; those of state and lake.
    pub async fn question(&self, sql: &str) -> Result<String> {
        let words: Vec<&str> = sql
            .trim_end_matches([';', ' ', '\n', '\r', '\t'])
            .split_whitespace()
            .collect();
        let lower: Vec<String> = words.iter().map(|w| w.to_lowercase()).collect();
        let table = match lower.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["show", "tables"] => {
                return Ok(format!(
                    "select table_schema || '.' || table_name as \"table\", place from {INFORMATION}.tables order by 1"
                ));
            }
            ["describe" | "desc", _] => words[1],
            ["describe" | "desc", "table", _] | ["show", "columns", "from" | "in", _] => words[words.len() - 1],
            _ => return Ok(sql.to_string()),
        };
        let name = table.replace('"', "");
        let Some(found) = self
            .listed()
            .await?
            .into_iter()
            .find(|l| l.key.to_string().replace('"', "") == name)
        else {
            let error = Error::new(Kind::Invalid, format!("there is no table `{name}`")).code(SQL_UNKNOWN_TABLE);
            return Err(self.with_suggestion(error).await);
        };
        let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
        Ok(format!(
            "select column_name as \"column\", data_type as type, is_nullable as nullable from {INFORMATION}.columns \
             where table_schema = {} and table_name = {} order by ordinal_position",
            text(&found.key.schema),
            text(&found.key.table)
        ))
    }

    /// `information_schema.tables` and `information_schema.columns`.
    ///
    /// # Errors
    /// Those of the state.
    pub(crate) async fn information(&self) -> Result<BTreeMap<TableKey, Arc<dyn Relation>>> {
        let all = self.listed().await?;
        let text = |of: &dyn Fn(&Listed) -> String| -> ArrayRef {
            Arc::new(all.iter().map(|l| Some(of(l))).collect::<StringArray>())
        };
        let tables = rows(vec![
            ("table_schema", text(&|l| l.key.schema.clone())),
            ("table_name", text(&|l| l.key.table.clone())),
            ("table_type", text(&|l| l.kind().into())),
            ("place", text(&|l| l.place.clone())),
        ])?;
        let each: Vec<(&Listed, i64, &(String, String, bool))> = all
            .iter()
            .flat_map(|l| l.columns.iter().zip(1..).map(move |(c, at)| (l, at, c)))
            .collect();
        let text = |of: &dyn Fn(&Listed, &(String, String, bool)) -> String| -> ArrayRef {
            Arc::new(each.iter().map(|(l, _, c)| Some(of(l, c))).collect::<StringArray>())
        };
        let positions: ArrayRef = Arc::new(each.iter().map(|(_, at, _)| *at).collect::<Int64Array>());
        let columns = rows(vec![
            ("table_schema", text(&|l, _| l.key.schema.clone())),
            ("table_name", text(&|l, _| l.key.table.clone())),
            ("column_name", text(&|_, c| c.0.clone())),
            ("ordinal_position", positions),
            ("data_type", text(&|_, c| c.1.clone())),
            ("is_nullable", text(&|_, c| if c.2 { "YES" } else { "NO" }.into())),
        ])?;
        let named = [("tables", tables), ("columns", columns)];
        Ok(named
            .into_iter()
            .map(|(name, rows)| (TableKey::new(INFORMATION, name), rows))
            .collect())
    }

    /// Every table that can be asked now, in order of their names. One whose place cannot be reached stands there without columns.
    async fn listed(&self) -> Result<Vec<Listed>> {
        let mut all = Vec::new();
        for row in self.store.assets().await?.into_iter().filter(|r| !r.dropped) {
            let own = (TableKey::from(&row.name), known::own(&row));
            let companions = COMPANIONS.map(|(schema, role)| {
                (
                    TableKey::new(schema, row.name.to_string()),
                    known::companion(&row, role),
                )
            });
            let children = child_tables(&row).into_iter();
            for (at, (key, target)) in std::iter::once(own).chain(children).chain(companions).enumerate() {
                let is_view = || self.view_called(&row.name.to_string()).is_some();
                if at == 0 && (is_view() || !known::has_answer(&self.store, &row).await?) {
                    continue;
                }
                let columns = match self.newest(&row, &target).await {
                    Ok(Some(rows)) => columns(&rows.schema()),
                    Ok(None) => continue,
                    Err(_) => Vec::new(),
                };
                let place = target.connection.clone().unwrap_or_else(|| "lake".into());
                all.push(Listed { key, place, columns });
            }
        }
        let views: Vec<&Asset> = self.views().collect();
        if !views.is_empty() {
            let deps = self.lake_deps();
            for name in views.into_iter().map(|view| asset_name(&view.name)) {
                let columns = match self.view(&deps, &name).await {
                    Ok(rows) => columns(&rows.schema()),
                    Err(_) => Vec::new(),
                };
                let (key, place) = (TableKey::from(&name), VIEW.to_string());
                all.push(Listed { key, place, columns });
            }
        }
        for name in segue_store::system::names() {
            let fields = segue_store::system::columns(name).unwrap_or_default();
            all.push(Listed {
                key: TableKey::new("system", name),
                place: "state".into(),
                columns: fields
                    .into_iter()
                    .map(|(n, of)| (n.to_string(), of.to_string(), true))
                    .collect(),
            });
        }
        all.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(all)
    }
}

/// The columns that people see: name, type in our words, whether it may be null.
fn columns(schema: &SchemaRef) -> Vec<(String, String, bool)> {
    let shown = schema.fields().iter().filter(|f| !f.name().starts_with("_segue"));
    shown
        .map(|f| {
            let of = Type::of(f).map_or_else(|_| f.data_type().to_string(), |of| of.to_string());
            (f.name().clone(), of, f.is_nullable())
        })
        .collect()
}

fn rows(columns: Vec<(&str, ArrayRef)>) -> Result<Arc<dyn Relation>> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, values)| Field::new(*name, values.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, values)| values).collect();
    let batch = RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), arrays)
        .map_err(|e| Error::bug("the columns of a listing differ in length").caused_by(e))?;
    Ok(Arc::new(InMemory::new(batch)))
}
