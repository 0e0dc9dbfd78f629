//! The lake tables that an asset is made from: pinned to one version each, and what happened to them since they were last read.

use super::views::ViewInput;
use super::{known, optional, views};
use crate::commit::Sinks;
use crate::deps::Deps;
use crate::ledger::{Changed, InputHistory, Rule};
use crate::names::asset_name;
use crate::plan::is_not_yet;
use segue_core::commit::InputVersion;
use segue_core::engine::{Relation, TableKey};
use segue_core::sink::{LoggedChange, Target};
use segue_core::{AssetName, Ctx, Result, Type};
use segue_spec::Project;
use segue_spec::model::{Asset, How, InputRule};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// An input, pinned.
#[derive(Clone)]
pub struct Input {
    /// Its table.
    pub target: Target,
    /// What is read, and nothing newer.
    pub version: InputVersion,
    /// Its rows in that version.
    pub rows: Arc<dyn Relation>,
    /// The names that read it: its own, and those of views that stand on it.
    pub via: BTreeSet<AssetName>,
}

impl Input {
    async fn pin(deps: &Deps, name: &AssetName, via: BTreeSet<AssetName>, ctx: &Ctx) -> Result<Input> {
        let target = known::input(deps, name, ctx).await?;
        let sink = deps.places.of(&target)?;
        let head = sink.head(&target, ctx).await?;
        if head.schema.is_none() {
            return Err(known::not_yet(name));
        }
        let rows = sink.at(&target, head.version, ctx).await?;
        Ok(Input {
            version: InputVersion {
                table: target.table,
                name: name.clone(),
                version: head.version,
            },
            target,
            rows,
            via,
        })
    }
}

/// The inputs of a step.
#[derive(Clone, Default)]
pub struct Inputs {
    /// What a statement reads, by the names in it.
    named: Vec<AssetName>,
    /// The tables, each pinned once: those that are read, and those that views which are read stand on.
    tables: Vec<Input>,
    /// Optional ones that have no table yet, with their columns and no rows. They have no version: what was computed without one is computed
    /// again when it is there.
    not_yet: Vec<(AssetName, Arc<dyn Relation>)>,
    /// The views, each after those that it reads.
    views: Vec<ViewInput>,
}

impl Inputs {
    /// Pins each of these to its newest version, and of a view each table that it stands on. An asset that says `optional: true` and has no
    /// table yet is an empty one of its columns.
    ///
    /// # Errors
    /// `NotFound` for another one that has no table yet; those of the SQL of a view.
    pub async fn pin(deps: &Deps, names: impl IntoIterator<Item = AssetName>, ctx: &Ctx) -> Result<Inputs> {
        let mut inputs = Inputs {
            named: names.into_iter().collect(),
            ..Inputs::default()
        };
        let reads = views::behind(&deps.project, &inputs.named);
        for (name, via) in reads.tables {
            match Input::pin(deps, &name, via, ctx).await {
                Ok(input) => inputs.tables.push(input),
                Err(error) if is_not_yet(&error) => match optional::empty(&deps.project, &name)? {
                    Some(empty) => inputs.not_yet.push((name, empty)),
                    None => return Err(optional::with_columns_wanted(error, &deps.project, &name)),
                },
                Err(error) => return Err(error),
            }
        }
        for (view, via) in reads.views {
            let view = ViewInput::over(deps, view, via, |name| inputs.rows_of(name), ctx).await?;
            inputs.views.push(view);
        }
        Ok(inputs)
    }

    /// The rows that a name stands for.
    fn rows_of(&self, name: &AssetName) -> Option<Arc<dyn Relation>> {
        let of_table = self.tables.iter().find(|i| i.version.name == *name).map(|i| &i.rows);
        let not_yet = || {
            self.not_yet
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, rows)| rows)
        };
        let of_view = || self.views.iter().find(|v| v.version.name == *name).map(|v| &v.rows);
        of_table.or_else(not_yet).or_else(of_view).cloned()
    }

    /// The versions, as a commit's record holds them: of tables, and of the SQL of views.
    pub fn versions(&self) -> Vec<InputVersion> {
        let views = self.views.iter().map(|v| v.version.clone());
        self.of_tables().into_iter().chain(views).collect()
    }

    /// The versions of the tables alone, those that views stand on among them.
    pub fn of_tables(&self) -> Vec<InputVersion> {
        self.tables.iter().map(|i| i.version.clone()).collect()
    }

    /// What a statement names, as a query takes it.
    pub fn tables(&self) -> BTreeMap<TableKey, Arc<dyn Relation>> {
        let rows = |name: &AssetName| Some((TableKey::from(name), self.rows_of(name)?));
        self.named.iter().filter_map(rows).collect()
    }

    /// What happened to each since the oldest of these versions that a part was computed from.
    ///
    /// # Errors
    /// Those of the state.
    pub async fn history(
        &self,
        deps: &Deps,
        asset: &Asset,
        computed_from: &HashMap<u64, Vec<InputVersion>>,
        ctx: &Ctx,
    ) -> Result<Vec<InputHistory>> {
        let mut histories = Vec::new();
        for input in &self.tables {
            let versions = computed_from
                .values()
                .flatten()
                .filter(|v| v.table == input.version.table)
                .map(|v| v.version);
            let since = versions
                .min()
                .unwrap_or(input.version.version)
                .min(input.version.version);
            histories.push(history(deps, asset, input, since, ctx).await?);
        }
        histories.extend(
            self.views
                .iter()
                .map(|view| view.history(|name| is_ignored(asset, name))),
        );
        Ok(histories)
    }
}

async fn history(deps: &Deps, asset: &Asset, input: &Input, since: u64, ctx: &Ctx) -> Result<InputHistory> {
    let pinned = input.version.version;
    let mut history = InputHistory {
        name: input.version.name.clone(),
        table: input.version.table,
        pinned,
        rule: rule(&deps.project, asset, input),
        known_since: since,
        changes: Vec::new(),
    };
    if since == pinned {
        return Ok(history);
    }
    let sink = deps.places.of(&input.target)?;
    let logged: Vec<LoggedChange> = match sink.changes(&input.target, since, pinned, ctx).await {
        Ok(logged) => logged,
        Err(error) if !error.kind().is_for_good() => return Err(error),
        // The log no longer reaches back: whoever read before it must read all of it again.
        Err(_) => {
            history.known_since = pinned;
            return Ok(history);
        }
    };
    let marked = deps.store.footprints(input.version.table, since, pinned).await?;
    let marked: HashMap<u64, _> = marked.into_iter().map(|f| (f.version, f)).collect();
    for change in logged {
        let ours = marked
            .get(&change.version)
            .filter(|f| Some(f.n) == change.n)
            .map(|f| f.footprint.clone());
        if ours.is_some() || change.data_changed {
            history.changes.push(Changed {
                version: change.version,
                footprint: ours,
            });
        }
    }
    Ok(history)
}

/// What a change of this input reopens: the most of what it does to any of the names that read it.
fn rule(project: &Project, asset: &Asset, input: &Input) -> Rule {
    let own = &input.version.name;
    let mut rules: Vec<Rule> = input
        .via
        .iter()
        .map(|name| match name == own {
            true => rule_of(asset, input),
            false if is_ignored(asset, name) => Rule::Ignore,
            false => through_view(project, asset, input, name),
        })
        .collect();
    if rules.contains(&Rule::Everything) {
        return Rule::Everything;
    }
    rules.retain(|rule| *rule != Rule::Ignore);
    rules.pop().unwrap_or(Rule::Ignore)
}

/// What a change of this input reopens of an asset that reads it through a view: the ranges that follow the view's column, where that is a
/// column of the input as it is.
fn through_view(project: &Project, asset: &Asset, input: &Input, view: &AssetName) -> Rule {
    let ranged = asset.range.as_ref().filter(|r| asset_name(&r.input.table) == *view);
    let behind = ranged.and_then(|r| project.column_behind(&r.input.table, &r.input.column));
    match behind {
        Some((table, column)) if asset_name(&table) == input.version.name => column_rule(input, &column),
        _ => Rule::Everything,
    }
}

/// Whether the asset says that no change of what it reads by this name reopens anything.
fn is_ignored(asset: &Asset, name: &AssetName) -> bool {
    let How::Sql(sql) = &asset.how else { return false };
    let mut said = sql.inputs.iter();
    said.any(|(said, rule)| asset_name(said) == *name && matches!(rule, InputRule::Ignore(_)))
}

/// What a change of an input reopens where the statement reads it by its own name.
fn rule_of(asset: &Asset, input: &Input) -> Rule {
    if let Some(range) = asset
        .range
        .as_ref()
        .filter(|r| asset_name(&r.input.table) == input.version.name)
    {
        return column_rule(input, &range.input.column);
    }
    let How::Sql(sql) = &asset.how else {
        return Rule::Everything;
    };
    let said = sql
        .inputs
        .iter()
        .find(|(name, _)| asset_name(name) == input.version.name);
    match said {
        Some((_, InputRule::Ignore(_))) => Rule::Ignore,
        Some((_, InputRule::Column(name))) if asset.range.is_some() => column_rule(input, name),
        _ => Rule::Everything,
    }
}

/// That a change reopens the ranges in which this column has changed.
fn column_rule(input: &Input, name: &str) -> Rule {
    let schema = input.rows.schema();
    let field = schema.field_with_name(name).ok();
    Rule::Column {
        column: name.to_string(),
        of: field.and_then(|f| Type::of(f).ok()).unwrap_or(Type::Timestamp),
    }
}
