//! The lake tables that an asset is made from: pinned to one version each, and what happened to them since they were last read.

use super::known;
use crate::deps::Deps;
use crate::ledger::{Changed, InputHistory, Rule};
use crate::names::asset_name;
use segue_core::commit::InputVersion;
use segue_core::engine::{Relation, TableKey};
use segue_core::sink::{LoggedChange, Target};
use segue_core::{AssetName, Ctx, Result, Type};
use segue_spec::model::{Asset, How, InputRule};
use std::collections::{BTreeMap, HashMap};
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
}

/// The inputs of a step.
#[derive(Clone, Default)]
pub struct Inputs(pub Vec<Input>);

impl Inputs {
    /// Pins each of these to its newest version.
    ///
    /// # Errors
    /// `NotFound` for one that has no table yet.
    pub async fn pin(deps: &Deps, names: impl IntoIterator<Item = AssetName>, ctx: &Ctx) -> Result<Inputs> {
        let mut inputs = Vec::new();
        for name in names {
            let target = known::input(deps, &name, ctx).await?;
            let sink = {
                use crate::commit::Sinks;
                deps.places.of(&target)?
            };
            let head = sink.head(&target, ctx).await?;
            if head.schema.is_none() {
                return Err(known::not_yet(&name));
            }
            let rows = sink.at(&target, head.version, ctx).await?;
            inputs.push(Input {
                version: InputVersion {
                    table: target.table,
                    name,
                    version: head.version,
                },
                target,
                rows,
            });
        }
        Ok(Inputs(inputs))
    }

    /// The versions, as a commit's record holds them.
    pub fn versions(&self) -> Vec<InputVersion> {
        self.0.iter().map(|i| i.version.clone()).collect()
    }

    /// The tables, as a query names them.
    pub fn tables(&self) -> BTreeMap<TableKey, Arc<dyn Relation>> {
        self.0
            .iter()
            .map(|i| (TableKey::from(&i.version.name), i.rows.clone()))
            .collect()
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
        for input in &self.0 {
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
        Ok(histories)
    }
}

async fn history(deps: &Deps, asset: &Asset, input: &Input, since: u64, ctx: &Ctx) -> Result<InputHistory> {
    let pinned = input.version.version;
    let mut history = InputHistory {
        name: input.version.name.clone(),
        table: input.version.table,
        pinned,
        rule: rule(asset, input),
        known_since: since,
        changes: Vec::new(),
    };
    if since == pinned {
        return Ok(history);
    }
    let sink = {
        use crate::commit::Sinks;
        deps.places.of(&input.target)?
    };
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

/// What a change of this input reopens.
fn rule(asset: &Asset, input: &Input) -> Rule {
    let column = |name: &str| {
        let schema = input.rows.schema();
        let of = schema
            .field_with_name(name)
            .ok()
            .and_then(|f| Type::of(f).ok())
            .unwrap_or(Type::Timestamp);
        Rule::Column {
            column: name.to_string(),
            of,
        }
    };
    if let Some(range) = asset
        .range
        .as_ref()
        .filter(|r| asset_name(&r.input.table) == input.version.name)
    {
        return column(&range.input.column);
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
        Some((_, InputRule::Column(name))) if asset.range.is_some() => column(name),
        _ => Rule::Everything,
    }
}
