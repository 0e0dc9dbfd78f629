//! What there is to do for an asset: its parts and their states, as a plan shows them and a step acts on them.

use super::inputs::Inputs;
use super::land::slice_columns;
use super::{known, query, slices};
use crate::definition::Definition;
use crate::deps::Deps;
use crate::ledger::{ParkedUntil, Part, Question, Reading, State, Why, values_hash};
use crate::names::asset_name;
use crate::params;
use crate::plan::class::{Action, Class, DefinitionChange, Difference, classify};
use crate::plan::rules;
use crate::ranges::Calendar;
use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use segue_core::commit::{Entry, InputVersion};
use segue_core::engine::Query;
use segue_core::gate::is_key_of;
use segue_core::source::Unfinished;
use segue_core::state::CommitState;
use segue_core::{AssetName, Ctx, Error, Kind, Labels, Result, Slice, Span};
use segue_diag::REBUILD_IN_PART;
use segue_spec::model::{Asset, Copy, ForEach, From, How, OnGone, WriteMode};
use segue_store::{AssetRow, Parked};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Read and compute though fresh.
    pub again: bool,
    /// Build the whole table anew and swap it in.
    pub rebuild: bool,
    /// Only what meets this stretch, of assets with ranges; also before their start.
    pub stretch: Option<Span>,
    /// Parameters that were given.
    pub params: Map<String, Value>,
    /// When the run began that asks: what was read since is not read again.
    pub since: Option<Timestamp>,
}

/// An asset's parts, and what each is.
pub struct Survey {
    /// What the asset is now.
    pub definition: Definition,
    /// Its data hash.
    pub data_hash: String,
    /// What changed since it last ran.
    pub change: DefinitionChange,
    /// Its parameters.
    pub params: Map<String, Value>,
    /// The inputs, pinned: those that rows are computed from.
    pub inputs: Inputs,
    /// The asset's ranges.
    pub calendar: Option<Calendar>,
    /// What is done.
    pub ledger: Vec<Entry>,
    /// What is parked.
    pub parked: Vec<Parked>,
    /// The slices, for a copy from a source; one whole without `for_each`.
    pub slices: Vec<Slice>,
    /// All parts; of a copy from a source those of `slices`, in their order.
    pub parts: Vec<Part>,
    /// Their states.
    pub states: Vec<State>,
    /// Slices that are done and no longer listed.
    pub gone: Vec<Labels>,
    /// Whether the table is built anew and swapped in.
    pub is_rebuild: bool,
    /// When it was looked at.
    pub now: Timestamp,
}

/// The source copy that this asset is; `None` for what is computed from the lake.
pub fn source_copy(asset: &Asset) -> Option<&Copy> {
    match &asset.how {
        How::Copy(copy) if !matches!(copy.from, From::Lake(_)) => Some(copy),
        _ => None,
    }
}

/// The lake tables whose rows this asset is computed from; the list of a `for_each` is not among them.
pub fn computed_from(asset: &Asset) -> Vec<AssetName> {
    if source_copy(asset).is_some() {
        Vec::new()
    } else {
        asset.reads.iter().map(asset_name).collect()
    }
}

/// Looks at an asset. `row` is what the state knows of it.
///
/// # Errors
/// `NotFound` for an input that has no table yet, `Invalid` for parameters and lists that do not fit, those of state, lake and engine.
pub async fn survey(deps: &Deps, asset: &Asset, row: Option<&AssetRow>, wanted: &Wanted, ctx: &Ctx) -> Result<Survey> {
    let definition = Definition::of(asset, &deps.project.timezone);
    let data_hash = definition.data_hash();
    let params = params::values(asset.name.as_str(), &asset.params, &wanted.params)?;
    let calendar = asset
        .range
        .as_ref()
        .map(|r| Calendar::new(r, &deps.project.timezone))
        .transpose()?;
    let (ledger, parked) = match row {
        Some(row) => (deps.store.ledger(row.id).await?, deps.store.parked(row.id).await?),
        None => (Vec::new(), Vec::new()),
    };
    let change = change(asset, row, &definition, &data_hash, &ledger);
    let has_commits = match row {
        Some(row) => {
            let commits = deps.store.commits(row.id).await?;
            commits.last.0 > 0 || commits.prepared.is_some()
        }
        None => false,
    };
    let is_rebuild = rules::is_rebuild(&change, wanted, has_commits);
    if is_rebuild && calendar.is_some() && wanted.stretch.is_some() {
        return Err(rebuilt_in_part(asset, &change));
    }
    let inputs = Inputs::pin(deps, computed_from(asset), ctx).await?;
    let now = ctx.clock.now();
    let mut survey = Survey {
        definition,
        data_hash,
        change,
        params,
        inputs,
        calendar,
        ledger,
        parked,
        slices: Vec::new(),
        parts: Vec::new(),
        states: Vec::new(),
        gone: Vec::new(),
        is_rebuild,
        now,
    };
    survey.list(deps, asset, wanted, ctx).await?;
    if let Some(row) = row.filter(|_| survey.change.class == Some(Class::Recompute)) {
        survey.columns(deps, asset, row, ctx).await?;
    }
    survey.judge(deps, asset, row, wanted, ctx).await?;
    Ok(survey)
}

/// What became of the asset's definition since it last ran, told without its inputs.
///
/// # Errors
/// Those of the state.
pub async fn definition_change(deps: &Deps, asset: &Asset, row: &AssetRow) -> Result<DefinitionChange> {
    let definition = Definition::of(asset, &deps.project.timezone);
    let ledger = deps.store.ledger(row.id).await?;
    Ok(change(asset, Some(row), &definition, &definition.data_hash(), &ledger))
}

fn rebuilt_in_part(asset: &Asset, change: &DefinitionChange) -> Error {
    let what: Vec<&str> = change.differences.iter().map(|d| d.what.as_str()).collect();
    let error = Error::new(
        Kind::Invalid,
        format!(
            "{} has to be built anew as a whole: a part of it would replace all of it",
            asset.name
        ),
    )
    .code(REBUILD_IN_PART)
    .hint(format!(
        "run it without --from and --to first: segue run {} --rebuild",
        asset.name
    ));
    match what.is_empty() {
        true => error,
        false => error.with("changed", what.join(", ")),
    }
}

/// What became of the definition since the asset last ran.
fn change(
    asset: &Asset,
    row: Option<&AssetRow>,
    definition: &Definition,
    data_hash: &str,
    ledger: &[Entry],
) -> DefinitionChange {
    let old = row.and_then(|r| r.definition.as_ref());
    if let Some(old) = old.and_then(Definition::from_json) {
        return classify(&old, definition);
    }
    // A rebuilt state knows no definition, and one of another version of this program cannot be read: the hashes alone tell.
    if ledger.iter().all(|e| e.data_hash == data_hash) {
        return DefinitionChange::none();
    }
    let action = match asset.write.mode {
        WriteMode::Replace => Action::Recompute,
        WriteMode::Append | WriteMode::Merge | WriteMode::DeleteInsert | WriteMode::History => Action::Rebuild,
    };
    let what = Difference {
        what: "something in its definition".into(),
        class: Class::Recompute,
    };
    DefinitionChange {
        class: Some(Class::Recompute),
        action,
        differences: vec![what],
        ..DefinitionChange::none()
    }
}

impl Survey {
    /// Finds the parts.
    async fn list(&mut self, deps: &Deps, asset: &Asset, wanted: &Wanted, ctx: &Ctx) -> Result<()> {
        if let Some(copy) = source_copy(asset) {
            let elements = elements(deps, asset, copy, &self.params, ctx).await?;
            self.slices = slices::slices(asset, copy, elements, &self.params)?;
            let params = slices::other_params(copy, &self.params);
            self.parts = self
                .slices
                .iter()
                .map(|s| Part {
                    range: None,
                    labels: s.labels.clone(),
                    values_hash: values_hash(&slices::other_values(copy, s), &params),
                })
                .collect();
            let listed: HashSet<&Labels> = self.parts.iter().map(|p| &p.labels).collect();
            let done = self.ledger.iter().map(|e| &e.labels);
            self.gone = done.filter(|l| !l.is_none() && !listed.contains(l)).cloned().collect();
            // What the state holds was read from texts: from here on each slice is called by one value.
            let shared = |labels: &mut Labels| {
                if let Some(same) = listed.get(labels) {
                    *labels = (*same).clone();
                }
            };
            self.ledger.iter_mut().for_each(|e| shared(&mut e.labels));
            self.parked.iter_mut().for_each(|p| shared(&mut p.labels));
            return Ok(());
        }
        let hash = values_hash(&Map::new(), &self.params);
        let ranges = match (&self.calendar, wanted.stretch) {
            (None, _) => vec![None],
            // What replaces the table holds all that the table held, also what was filled in before the start.
            (Some(calendar), None) if self.is_rebuild => {
                let mut all = calendar.due(self.now)?;
                for done in self.ledger.iter().filter_map(|e| e.range) {
                    let ranges = calendar.meeting(done)?.into_iter();
                    all.extend(ranges.filter(|r| r.from < calendar.start() && calendar.is_due(r, self.now)));
                }
                all.sort_unstable();
                all.dedup();
                all.into_iter().map(Some).collect()
            }
            (Some(calendar), None) => calendar.due(self.now)?.into_iter().map(Some).collect(),
            (Some(calendar), Some(stretch)) => calendar.meeting(stretch)?.into_iter().map(Some).collect(),
        };
        self.parts = ranges
            .into_iter()
            .map(|range| Part {
                range,
                labels: Labels::none(),
                values_hash: hash.clone(),
            })
            .collect();
        Ok(())
    }

    /// Compares the columns that changed SQL gives with those of the table.
    async fn columns(&mut self, deps: &Deps, asset: &Asset, row: &AssetRow, ctx: &Ctx) -> Result<()> {
        let Some(sql) = query::statement(asset) else {
            return Ok(());
        };
        let before = known::head(deps, row, ctx).await?.schema;
        // Which range is asked for decides no column.
        let part = Part {
            range: self.calendar.as_ref().map(|c| c.range_at(c.start())).transpose()?,
            ..Part::default()
        };
        let question = query::query(deps, asset, &sql, &self.inputs, &part, &self.params)?;
        let after = deps.engine.describe(&question, ctx).await;
        let after = after.map_err(|error| query::located(error, asset))?.schema;
        if let Some(before) = before {
            self.change.columns(asset, &before, &after)?;
        }
        Ok(())
    }

    /// Asks the ledger.
    async fn judge(
        &mut self,
        deps: &Deps,
        asset: &Asset,
        row: Option<&AssetRow>,
        wanted: &Wanted,
        ctx: &Ctx,
    ) -> Result<()> {
        // What a source's slices were computed from does not matter: their age alone makes them old.
        let from = match source_copy(asset) {
            Some(_) => HashMap::new(),
            None => computed_from_versions(deps, row, &self.ledger).await?,
        };
        let histories = self.inputs.history(deps, asset, &from, ctx).await?;
        let parked = self.waiting(deps, asset).await?;
        let reading = match source_copy(asset) {
            Some(copy) => {
                let fresh = asset.fresh.filter(|_| !copy.has_position());
                Reading::Source {
                    fresh: fresh.map(|d| SignedDuration::try_from(d.get()).unwrap_or(SignedDuration::MAX)),
                }
            }
            None => Reading::Inputs {
                inputs: &histories,
                calendar: self.calendar.as_ref(),
                computed_from: &from,
            },
        };
        // What only has to be marked is not stale: the step marks it before anything else.
        let marked: Vec<Entry>;
        let ledger = if self.change.action == Action::Mark {
            marked = self
                .ledger
                .iter()
                .map(|e| Entry {
                    data_hash: self.data_hash.clone(),
                    ..e.clone()
                })
                .collect();
            &marked
        } else {
            &self.ledger
        };
        let question = Question {
            ledger,
            parked: &parked,
            data_hash: &self.data_hash,
            reading,
            since: wanted.since,
            again: wanted.again || wanted.rebuild || self.is_rebuild,
            now: self.now,
        };
        self.states = question.answer(&self.parts)?;
        if let Some(unfinished) = self.unfinished(deps, asset, row).await? {
            let missing = self.states.iter_mut().filter(|state| **state == State::Missing);
            missing.for_each(|state| *state = State::Stale(Why::Unfinished(unfinished.clone())));
        }
        Ok(())
    }

    /// How far a first read came that was cut off, where the next one goes on from there.
    async fn unfinished(&self, deps: &Deps, asset: &Asset, row: Option<&AssetRow>) -> Result<Option<Unfinished>> {
        let has_position = source_copy(asset).is_some_and(|copy| copy.has_position());
        let Some(row) = row.filter(|_| has_position && self.ledger.is_empty() && !self.is_rebuild) else {
            return Ok(None);
        };
        Ok(deps.store.position(row.id).await?.as_ref().and_then(Unfinished::of))
    }

    /// What must not be asked yet. A slice that a block put off waits for as long as that block holds and is one of the source that is read
    /// now: new credentials, another server and a lifted block end it at once.
    async fn waiting(&self, deps: &Deps, asset: &Asset) -> Result<Vec<ParkedUntil>> {
        let later = |p: &&Parked| p.until.is_some_and(|until| until > self.now);
        let is_by_block = self.parked.iter().filter(later).any(|p| p.block.is_some());
        let (blocks, identity) = match source_copy(asset).filter(|_| is_by_block) {
            Some(copy) => {
                let identity = deps.sources.open(copy).ok().map(|opened| opened.source.identity());
                (deps.store.blocks().await?, identity)
            }
            None => (Vec::new(), None),
        };
        let holding: HashSet<&str> = blocks
            .iter()
            .map(|b| b.key.as_str())
            // Where the connection cannot be opened now, nobody knows: that is said when it is read.
            .filter(|key| identity.as_deref().is_none_or(|identity| is_key_of(key, identity)))
            .collect();
        let waits = |p: &&Parked| p.block.as_deref().is_none_or(|key| holding.contains(key));
        let waiting = self.parked.iter().filter(later).filter(waits);
        Ok(waiting
            .map(|p| ParkedUntil {
                labels: p.labels.clone(),
                until: p.until,
            })
            .collect())
    }

    /// The parts that a run does now, by their index: what is due; all of a table that is built anew, but for what must not be asked yet.
    pub fn to_do(&self) -> Vec<usize> {
        let is_done = |state: &State| match self.is_rebuild {
            true => !matches!(state, State::Parked { .. }),
            false => state.is_due(),
        };
        (0..self.parts.len()).filter(|i| is_done(&self.states[*i])).collect()
    }

    /// Whether what is due is computed from the answers that were kept.
    pub fn replays(&self, asset: &Asset) -> bool {
        self.change.is_mapping_alone && source_copy(asset).is_some_and(|copy| copy.keep_raw.is_some())
    }

    /// Whether the rows of slices that are no longer listed are deleted. A table that is built anew does not have them.
    pub fn deletes_gone(&self, asset: &Asset) -> bool {
        asset.write.on_gone == OnGone::Delete && !slice_columns(asset).is_empty() && !self.is_rebuild
    }
}

/// The versions that each commit in the ledger was computed from.
async fn computed_from_versions(
    deps: &Deps,
    row: Option<&AssetRow>,
    ledger: &[Entry],
) -> Result<HashMap<u64, Vec<InputVersion>>> {
    let mut from = HashMap::new();
    let Some(row) = row else { return Ok(from) };
    let numbers: BTreeSet<u64> = ledger.iter().map(|e| e.n).filter(|n| *n > 0).collect();
    for n in numbers {
        if let Some(record) = deps.store.record(row.id, n).await? {
            from.insert(n, record.inputs);
        }
    }
    Ok(from)
}

/// The elements of a copy's list; `None` without one.
async fn elements(
    deps: &Deps,
    asset: &Asset,
    copy: &Copy,
    params: &Map<String, Value>,
    ctx: &Ctx,
) -> Result<Option<Vec<Map<String, Value>>>> {
    match &copy.for_each {
        None => Ok(None),
        Some(ForEach::List { list, .. }) => {
            let element = |v: &Value| match v {
                Value::Object(map) => map.clone(),
                plain => Map::from_iter([("value".to_string(), plain.clone())]),
            };
            Ok(Some(list.iter().map(element).collect()))
        }
        Some(ForEach::Sql { sql, reads, .. }) => {
            let tables = Inputs::pin(deps, reads.iter().map(asset_name), ctx).await?.tables();
            let query = Query {
                sql: sql.clone(),
                params: params::for_sql(&asset.params, params)?,
                tables,
                timezone: deps.project.timezone.clone(),
            };
            let wrong = |error| query::of_list(error, asset);
            let mut rows = deps.engine.run(&query, ctx).await.map_err(wrong)?.rows;
            let mut elements = Vec::new();
            while let Some(batch) = rows.try_next().await.map_err(wrong)? {
                elements.extend((0..batch.num_rows()).map(|row| crate::json::row(&batch, row)));
                if elements.len() > MOST_SLICES {
                    return Err(Error::new(
                        Kind::Unsupported,
                        format!("a `for_each` lists more than {MOST_SLICES} slices"),
                    ));
                }
            }
            Ok(Some(elements))
        }
    }
}

/// The most slices of one asset: all of them are in memory while it runs.
const MOST_SLICES: usize = 5_000_000;
