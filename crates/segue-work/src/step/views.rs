//! Views: what stands behind a name that is one, and what of it is remembered by those that read it.
//!
//! A view has no table, so that a reader's footprints and versions are those of the tables that the view stands on. What its SQL is, is an
//! input too: its version is a digest of the view's definition.

use super::inputs::Inputs;
use super::query;
use super::survey::computed_from;
use crate::definition::Definition;
use crate::deps::Deps;
use crate::ledger::{InputHistory, Rule};
use crate::names::{asset_name, asset_of};
use arrow_schema::SchemaRef;
use segue_core::commit::InputVersion;
use segue_core::engine::{Query, Relation, TableKey};
use segue_core::hash::sha256;
use segue_core::{AssetName, Ctx, Error, Result, TableId};
use segue_spec::Project;
use segue_spec::hash::data_hash;
use segue_spec::model::Asset;
use segue_store::AssetRow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// What names stand for.
#[derive(Default)]
pub(super) struct Behind<'p> {
    /// The tables, each with those of the names that read it.
    pub tables: BTreeMap<AssetName, BTreeSet<AssetName>>,
    /// The views, each after those that it reads, with those of the names that read it.
    pub views: Vec<(&'p Asset, BTreeSet<AssetName>)>,
}

/// The tables and views that these names stand for.
pub(super) fn behind<'p>(project: &'p Project, names: &[AssetName]) -> Behind<'p> {
    let mut found = Behind::default();
    for name in names {
        follow(project, name, name, &mut BTreeSet::new(), &mut found);
    }
    found
}

/// Follows one of the names; `seen` are the views behind it that have been followed.
fn follow<'p>(
    project: &'p Project,
    name: &AssetName,
    via: &AssetName,
    seen: &mut BTreeSet<AssetName>,
    found: &mut Behind<'p>,
) {
    let Some(view) = asset_of(project, name).filter(|asset| asset.is_view()) else {
        found.tables.entry(name.clone()).or_default().insert(via.clone());
        return;
    };
    if !seen.insert(name.clone()) {
        return;
    }
    for read in &view.reads {
        follow(project, &asset_name(read), via, seen, found);
    }
    match found.views.iter_mut().find(|(known, _)| known.name == view.name) {
        Some((_, names)) => drop(names.insert(via.clone())),
        None => found.views.push((view, BTreeSet::from([via.clone()]))),
    }
}

/// A view that is read, as its SQL is now.
#[derive(Clone)]
pub(super) struct ViewInput {
    /// Under which id and version its SQL stands in a record.
    pub version: InputVersion,
    /// What it gives, over tables that are pinned.
    pub rows: Arc<dyn Relation>,
    /// The names that read it.
    via: BTreeSet<AssetName>,
}

impl ViewInput {
    /// The view over the rows that its names stand for.
    pub async fn over(
        deps: &Deps,
        view: &Asset,
        via: BTreeSet<AssetName>,
        rows_of: impl Fn(&AssetName) -> Option<Arc<dyn Relation>>,
        ctx: &Ctx,
    ) -> Result<ViewInput> {
        let names = view.reads.iter().map(asset_name);
        let tables = names.filter_map(|name| Some((TableKey::from(&name), rows_of(&name)?)));
        let rows = query::over(deps, view, tables.collect(), ctx).await?;
        let name = asset_name(&view.name);
        Ok(ViewInput {
            version: InputVersion {
                table: id(&name),
                version: digest(view),
                name,
            },
            rows,
            via,
        })
    }

    /// What its changes reopen. `is_ignored` tells whether those of one of the names reopen nothing.
    pub fn history(&self, is_ignored: impl Fn(&AssetName) -> bool) -> InputHistory {
        InputHistory {
            name: self.version.name.clone(),
            table: self.version.table,
            pinned: self.version.version,
            rule: match self.via.iter().all(is_ignored) {
                true => Rule::Ignore,
                false => Rule::Definition,
            },
            known_since: 0,
            changes: Vec::new(),
        }
    }
}

/// Under which id the SQL of a view stands in records: the same in every process, and before the view ever ran.
fn id(name: &AssetName) -> TableId {
    let digest = sha256(format!("view/{name}"));
    let id = u128::from_str_radix(&digest[..32], 16).unwrap_or_else(|e| unreachable!("a digest is hexadecimal: {e}"));
    TableId(Uuid::from_u128(id))
}

/// What its SQL is, as a number: 48 bits of a digest, which any reader of JSON keeps.
fn digest(view: &Asset) -> u64 {
    let digest = sha256(data_hash(view));
    u64::from_str_radix(&digest[..12], 16).unwrap_or_else(|e| unreachable!("a digest is hexadecimal: {e}"))
}

/// The hash under which the ledger holds what is done. Of a view that is a look at its checks, so that another check is another look.
pub(super) fn entered_hash(asset: &Asset, data_hash: &str) -> String {
    match asset.is_view() {
        true => sha256(format!("{data_hash}/{:?}", asset.checks)),
        false => data_hash.to_string(),
    }
}

/// The columns that a view gave by the definition that ran last; `None` where that cannot be told now.
pub(super) async fn columns_before(deps: &Deps, row: &AssetRow, ctx: &Ctx) -> Option<SchemaRef> {
    let before = Definition::from_json(row.definition.as_ref()?)?.asset;
    let question = Query {
        sql: query::statement(&before)?,
        params: BTreeMap::new(),
        tables: Inputs::pin(deps, computed_from(&before), ctx).await.ok()?.tables(),
        timezone: deps.project.timezone.clone(),
    };
    Some(deps.engine.describe(&question, ctx).await.ok()?.schema)
}

/// What a view of the project gives, over the newest versions of the tables that it stands on.
///
/// # Errors
/// `NotFound` for a name that is no asset, and where a table behind it is not there yet; those of its SQL.
pub async fn view(deps: &Deps, name: &AssetName, ctx: &Ctx) -> Result<Arc<dyn Relation>> {
    let tables = Inputs::pin(deps, [name.clone()], ctx).await?.tables();
    let rows = tables.into_values().next();
    rows.ok_or_else(|| Error::bug(format!("nothing stands for {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Why;
    use crate::testing::project;
    use segue_spec::AssetName as Name;

    #[test]
    fn another_sql_is_another_version_and_reopens_what_was_computed() {
        let name: AssetName = "v.low".parse().unwrap();
        let history = |rule: Rule| InputHistory {
            name: name.clone(),
            table: id(&name),
            pinned: 7,
            rule,
            known_since: 0,
            changes: Vec::new(),
        };
        let reopens = |rule: Rule, from: Option<u64>| history(rule).reopens(from, None, None).unwrap();
        assert_eq!(reopens(Rule::Definition, Some(7)), None);
        assert_eq!(
            reopens(Rule::Definition, Some(6)),
            Some(Why::View { name: name.clone() })
        );
        assert_eq!(
            reopens(Rule::Definition, Some(8)),
            Some(Why::View { name: name.clone() })
        );
        assert_eq!(
            reopens(Rule::Definition, None),
            Some(Why::NewInput { name: name.clone() })
        );
        assert_eq!(reopens(Rule::Ignore, Some(6)), None);
    }

    #[test]
    fn what_stands_behind_a_name_is_found_once() {
        let copy = |name: &str| {
            format!(
                "asset: {name}\ncopy:\n  from: api\n  request: {{}}\n  records: {{}}\n  columns: {{ id: {{ type: string }} }}\n"
            )
        };
        let view = |name: &str, sql: &str| format!("/* asset: {name}\n   write: {{ mode: view }} */\n{sql}\n");
        let (a, b) = (copy("raw.a"), copy("raw.b"));
        let low = view("v.low", "select id from raw.a");
        let left = view("v.left", "select id from v.low");
        let right = view("v.right", "select l.id from v.low l join raw.b on raw.b.id = l.id");
        let top = view("v.top", "select l.id from v.left l join v.right r on r.id = l.id");
        let project = project(&[
            ("assets/a.yaml", &a),
            ("assets/b.yaml", &b),
            ("assets/low.sql", &low),
            ("assets/left.sql", &left),
            ("assets/right.sql", &right),
            ("assets/top.sql", &top),
        ]);
        let name = |text: &str| -> AssetName { text.parse().unwrap() };
        let found = behind(&project, &[name("v.top"), name("raw.b")]);
        let tables: Vec<String> = found
            .tables
            .iter()
            .map(|(table, via)| {
                format!(
                    "{table} via {}",
                    via.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                )
            })
            .collect();
        assert_eq!(tables, ["raw.a via v.top", "raw.b via raw.b, v.top"]);
        let views: Vec<String> = found.views.iter().map(|(v, _)| v.name.to_string()).collect();
        assert_eq!(views, ["v.low", "v.left", "v.right", "v.top"]);
        let top = &project.assets[&"v.top".parse::<Name>().unwrap()];
        let names: Vec<String> = project.reads_behind(top).into_iter().map(ToString::to_string).collect();
        assert_eq!(names, ["raw.a", "raw.b", "v.left", "v.low", "v.right"]);
    }
}
