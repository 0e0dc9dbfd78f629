//! From a group that lies ready to a commit that landed: worked out, judged, carried out with its companions, and entered in the ledger.

use super::aside::{self, EVIDENCE, SetAside, part_key, part_labels};
use super::group::Group;
use super::inputs::Inputs;
use super::judge::{Judge, MOST_EVIDENCE};
use super::known;
use super::missing::refuse_too_many;
use super::shelf::Shelf;
use super::sift::Violations;
use super::watch::is_watched;
use crate::commit::{Draft, DraftPart, Protocol, Recheck, Rules, Settled, Sinks, carry_out, settle};
use crate::deps::Deps;
use crate::names::{self, asset_name};
use crate::ranges::Calendar;
use crate::report::Figures;
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use jiff::Timestamp;
use segue_core::commit::{CommitRecord, Footprint, LedgerChange, Part, Role};
use segue_core::sink::{Change, Grain, MissingRows, Sink, Staged, Target, WorkedOut};
use segue_core::source::Column;
use segue_core::{Ctx, Error, Kind, Labels, Result, Span, Spans, Type, align};
use segue_diag::{ALL_ASIDE, CAME_FIRST, EMPTY_REPLACE, SCHEMA_CLASH};
use segue_spec::model::{Asset, Check, How, Scope, WriteMode};
use segue_store::{AssetRow, LeaseGuard};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How often a commit is worked out anew because another came first.
pub(super) const MOST_TRIES: u32 = 3;

/// What the commits of one step have in common.
pub struct Lander<'a> {
    /// What the run works with.
    pub deps: &'a Deps,
    /// The step's asset.
    pub asset: &'a Asset,
    /// As the state knows it.
    pub row: &'a AssetRow,
    /// The right to commit.
    pub lease: &'a LeaseGuard,
    /// A context that is not cancelled with the step: a commit that began is finished.
    pub ctx: &'a Ctx,
    /// The definition's data hash.
    pub data_hash: &'a str,
    /// Where it is read from; `None` for the lake.
    pub source: Option<&'a str>,
    /// What it is computed from.
    pub inputs: &'a Inputs,
    /// Its ranges.
    pub calendar: Option<&'a Calendar>,
    /// Readers' grains on its table.
    pub grains: &'a [Grain],
    /// The notes that name the group's rows, where there are some.
    pub(super) shelf: Option<&'a Shelf>,
    /// What was counted so far.
    pub figures: &'a mut Figures,
    /// What is worth saying.
    pub notes: &'a mut Vec<String>,
    /// The columns as they are read, where nested rows are flattened.
    pub(super) columns: Option<Vec<Column>>,
}

/// How a group meets the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meets {
    /// As the asset's write mode says.
    AsWritten,
    /// It is the table from now on: a rebuild that is swapped in.
    Swap,
}

/// What is to be done to one table of the commit.
pub(super) struct Piece {
    pub(super) role: Role,
    pub(super) target: Target,
    pub(super) change: Change,
    pub(super) schema: SchemaRef,
    pub(super) staged: Vec<Staged>,
    pub(super) grains: Vec<Grain>,
    pub(super) worked: WorkedOut,
}

impl Lander<'_> {
    /// Commits the group, or enters in the state alone that everything is as it was.
    ///
    /// # Errors
    /// Those of checks (`BadData`, with evidence committed to the quarantine), of the sinks and of the state.
    pub async fn land(&mut self, mut group: Group, meets: Meets) -> Result<()> {
        let own = known::own(self.row);
        let sink = self.deps.places.of(&own)?;
        let (staged, mut bad) = self
            .judge(&group)?
            .set_aside(&sink, &own, std::mem::take(&mut group.staged))
            .await?;
        if !bad.is_empty() {
            group.rows = staged.iter().map(|s| s.rows).sum();
        }
        group.staged = staged;
        group.aside.append(&mut bad);
        self.take_apart(&mut group, meets).await?;
        let mut violations = Violations::of(group.rows);
        for tries in 1.. {
            match self.try_to_land(&mut group, meets, &mut violations).await {
                // Only a commit that never lands is worked out anew: one that stayed prepared lands with these very rows.
                Err(error) if error.error_code() == Some(CAME_FIRST) && tries < MOST_TRIES && !self.lease.is_lost() => {
                    tracing::debug!(asset = %self.asset.name, %error, "another commit came first: working the change out anew");
                }
                done => return done,
            }
        }
        Ok(())
    }

    async fn try_to_land(&mut self, group: &mut Group, meets: Meets, violations: &mut Violations) -> Result<()> {
        let recheck = Rejudge {
            deps: self.deps,
            asset: self.asset,
        };
        let settled = self.settle(&recheck).await?;
        let own = known::own(self.row);
        let sink = self.deps.places.of(&own)?;
        let (change, schema) = loop {
            let change = self.change(group, meets, &settled)?;
            let schema = schema_after(self.asset, &change, &settled, group.schema.as_ref())?;
            // Where a row is set aside, which ones are missing is no longer known, and that is another change.
            if !self.sift(group, &change, &schema, violations, &settled).await? {
                break (change, schema);
            }
        };
        group.leave_refused();
        let group = &*group;
        let worked = sink
            .work_out(&own, schema.clone(), &change, &group.staged, self.grains, self.ctx)
            .await?;
        let missing = match &group.handled {
            Some(_) => Ok(()),
            None => self.judge_missing(group, &change, worked.missing),
        };
        if let Err(error) = missing {
            self.forget(&sink, &own, group, Some(&worked.plan)).await;
            return Err(error);
        }
        if change == Change::ReplaceTable
            && group.rows == 0
            && worked.rows_removed > 0
            && !self.asset.write.allow_empty
            && meets == Meets::AsWritten
        {
            self.forget(&sink, &own, group, Some(&worked.plan)).await;
            if let Some(first) = group.aside.first() {
                let error = Error::new(
                    Kind::BadData,
                    format!("every row that was read of {} was set aside", self.asset.name),
                )
                .code(ALL_ASIDE)
                .with("first reason", &first.reason)
                .with("rows", group.aside.len())
                .hint(format!(
                    "nothing was committed, and the table serves on as it was; look at the rows: segue quarantine show {}",
                    self.asset.name
                ));
                let evidence = group.aside.iter().take(MOST_EVIDENCE).cloned();
                let evidence = evidence
                    .map(|row| SetAside {
                        part: EVIDENCE.into(),
                        form: None,
                        ..row
                    })
                    .collect();
                return self.keep_evidence(evidence, error, schema, &settled).await;
            }
            return Err(Error::new(
                Kind::BadData,
                format!(
                    "{} would lose all its {} rows: nothing was read",
                    self.asset.name, worked.rows_removed
                ),
            )
            .code(EMPTY_REPLACE)
            .hint("if that may be, write `allow_empty: true` in `write:`"));
        }
        let is_new = settled.schema.is_none();
        let changes_rows = is_new || !worked.unchanged;
        if changes_rows {
            let view = sink.view(&own, &worked.plan, self.ctx).await?;
            let changed = match group.staged.is_empty() {
                true => None,
                false => Some(sink.staged(&own, &group.staged, self.ctx).await?),
            };
            // Of a table that is these rows, what holds of each of them holds.
            let is_all = is_new || change == Change::ReplaceTable;
            let is_clear =
                |check: &Check| group.is_clear && is_watched(check) && (is_all || check.scope == Scope::Changed);
            let judgement = self.judge(group)?.table_as_it_would_be(view, changed, is_clear).await?;
            for warning in judgement.warnings {
                self.note(warning);
            }
            if let Some(failure) = judgement.failure {
                self.forget(&sink, &own, group, Some(&worked.plan)).await;
                let error = failure.error(self.asset, self.figures.commits);
                return self.keep_evidence(failure.evidence, error, schema, &settled).await;
            }
        }
        let (rows_written, rows_removed, bytes) = (worked.rows_written, worked.rows_removed, worked.bytes_written);
        let mut pieces = vec![Piece {
            role: Role::Table,
            target: own.clone(),
            change,
            schema,
            staged: group.staged.clone(),
            grains: self.grains.to_vec(),
            worked,
        }];
        let mut children = self.children(group, &pieces[0].change, meets).await?;
        let quarantine = self.quarantine(group, meets, &settled).await?;
        let is_commit =
            changes_rows || quarantine.is_some() || !children.pieces.is_empty() || self.are_first_pages(group).await?;
        if !is_commit {
            self.forget_unneeded(children).await;
            self.keep_pages_of(group).await?;
            self.forget_rows(&sink, &own, group, &pieces[0].worked.plan).await;
            self.enter_unchanged(group, &settled).await?;
            return Ok(());
        }
        let mut unneeded = None;
        if !changes_rows {
            let no_rows = self.no_rows(&sink, &own, &settled, &pieces[0].schema).await?;
            unneeded = Some(std::mem::replace(&mut pieces[0], no_rows).worked.plan);
        }
        pieces.append(&mut children.pieces);
        pieces.extend(quarantine);
        pieces.extend(self.pages(group).await?);
        let ledger = self.ledger_change(group, meets);
        let footprint = if changes_rows {
            pieces[0].worked.footprint.clone()
        } else {
            Footprint::nothing()
        };
        self.carry(&settled, pieces, ledger, footprint, Some(group), &recheck)
            .await?;
        if let Some(plan) = unneeded {
            self.forget_rows(&sink, &own, group, &plan).await;
        }
        self.forget_unneeded(children).await;
        self.figures.commits += 1;
        let stay = group.handled.as_ref().map_or(0, |handled| handled.stay.len());
        self.figures.rows_quarantined += (group.aside.len() + stay) as u64;
        self.figures.rows_doubled += group.doubled;
        if changes_rows {
            self.figures.rows_written += group.rows;
            // A row that is otherwise now is one that came and one that went.
            self.figures.rows_changed += rows_written.max(rows_removed);
            self.figures.bytes_written += bytes;
        }
        Ok(())
    }

    /// Keeps the answers of a group that changed nothing. They are named without the state being asked for the lease: whoever took the
    /// notes over has them.
    async fn keep_pages_of(&self, group: &Group) -> Result<()> {
        let Some(shelf) = self.shelf.filter(|_| !group.pages.is_empty()) else {
            return self.keep_pages_alone(group).await;
        };
        if !shelf.let_go().await? {
            return Err(shelf.taken_over());
        }
        let kept = self.keep_pages_alone(group).await;
        if kept.as_ref().is_err_and(|e| e.kind().is_transient()) {
            // The next try need not ask for any of it again.
            shelf.put(group).await?;
        }
        kept
    }

    pub(super) async fn settle(&self, recheck: &Rejudge<'_>) -> Result<Settled> {
        settle(&self.protocol(recheck), &self.lease.lease, &known::own(self.row)).await
    }

    /// Deletes the rows of these slices, which are no longer listed.
    ///
    /// # Errors
    /// As [`Lander::land`].
    pub async fn delete(&mut self, gone: &[Labels]) -> Result<()> {
        let recheck = Rejudge {
            deps: self.deps,
            asset: self.asset,
        };
        let settled = self.settle(&recheck).await?;
        let Some(schema) = settled.schema.clone() else {
            return Ok(());
        };
        let own = known::own(self.row);
        let sink = self.deps.places.of(&own)?;
        let slices: BTreeSet<Labels> = gone.iter().cloned().collect();
        let change = Change::ReplaceSlices {
            columns: slice_columns(self.asset).to_vec(),
            slices: slices.clone(),
        };
        let worked = sink
            .work_out(&own, schema.clone(), &change, &[], self.grains, self.ctx)
            .await?;
        let (footprint, removed) = (worked.footprint.clone(), worked.rows_removed);
        let target = own.clone();
        let mut pieces = vec![Piece {
            role: Role::Table,
            target,
            change,
            schema,
            staged: Vec::new(),
            grains: self.grains.to_vec(),
            worked,
        }];
        pieces.extend(self.children_go(&pieces[0].change).await?);
        let parts: BTreeSet<String> = slices.iter().map(|l| part_key(l, None)).collect();
        let aside = self
            .set_aside_piece(Vec::new(), replace_parts(&parts), &parts, settled.n)
            .await?;
        pieces.extend(aside);
        let ledger = LedgerChange {
            drop_labels: slices,
            ..LedgerChange::default()
        };
        self.carry(&settled, pieces, ledger, footprint, None, &recheck).await?;
        self.figures.commits += 1;
        self.figures.rows_changed += removed;
        Ok(())
    }

    fn protocol<'p>(&'p self, recheck: &'p Rejudge<'p>) -> Protocol<'p> {
        Protocol {
            state: &self.deps.store,
            sinks: &self.deps.places,
            recheck,
            ctx: self.ctx,
            rules: Rules::default(),
        }
    }

    pub(super) fn judge(&self, group: &Group) -> Result<Judge<'_>> {
        let mut ranges = Vec::new();
        for range in group.parts.iter().filter_map(|p| p.range) {
            ranges.push((range, self.in_output(range, group.schema.as_ref())?));
        }
        Ok(Judge {
            deps: self.deps,
            asset: self.asset,
            ctx: self.ctx,
            ranges,
        })
    }

    /// A range as the output column holds it.
    fn in_output(&self, range: Span, schema: Option<&SchemaRef>) -> Result<Span> {
        let (Some(calendar), Some(written)) = (self.calendar, &self.asset.range) else {
            return Ok(range);
        };
        let field = schema.and_then(|s| s.field_with_name(&written.output).ok());
        match field {
            Some(field) => calendar.in_column(range, &Type::of(field)?),
            None => Ok(range),
        }
    }

    /// What is to happen to the own table.
    fn change(&self, group: &Group, meets: Meets, settled: &Settled) -> Result<Change> {
        if meets == Meets::Swap {
            return Ok(Change::ReplaceTable);
        }
        // Rows that were never there are added; by a key that has one row at a time, each meets its own.
        let only_adds = matches!(
            self.asset.write.mode,
            WriteMode::Append | WriteMode::Replace | WriteMode::DeleteInsert
        );
        if group.handled.is_some() && only_adds {
            return Ok(Change::Append);
        }
        Ok(match self.asset.write.mode {
            WriteMode::View => return Err(Error::bug("a view has a table")),
            WriteMode::Append => Change::Append,
            WriteMode::Merge => Change::Merge {
                key: self.asset.write.key.clone(),
                missing: self.missing(group),
            },
            WriteMode::DeleteInsert => Change::DeleteInsert {
                key: self.asset.write.key.clone(),
            },
            WriteMode::History => Change::History {
                key: self.asset.write.key.clone(),
                at: self.read_at(group),
            },
            WriteMode::Replace => match (&self.asset.range, slice_columns(self.asset)) {
                (Some(range), _) => {
                    let schema = group.schema.as_ref().or(settled.schema.as_ref());
                    let held = group
                        .parts
                        .iter()
                        .filter_map(|p| p.range)
                        .map(|r| self.in_output(r, schema))
                        .collect::<Result<Vec<_>>>()?;
                    Change::ReplaceRanges {
                        column: range.output.clone(),
                        ranges: Spans::of(held),
                    }
                }
                (None, []) => Change::ReplaceTable,
                (None, columns) => Change::ReplaceSlices {
                    columns: columns.to_vec(),
                    slices: group.parts.iter().map(|p| p.labels.clone()).collect(),
                },
            },
        })
    }

    /// When the read began that these rows are of: the latest, where there are several.
    pub(super) fn read_at(&self, group: &Group) -> Timestamp {
        let read_at = group.parts.iter().map(|p| p.read_at).max();
        micros(read_at.unwrap_or_else(|| self.ctx.clock.now()))
    }

    pub(super) async fn carry(
        &self,
        settled: &Settled,
        pieces: Vec<Piece>,
        ledger: LedgerChange,
        footprint: Footprint,
        group: Option<&Group>,
        recheck: &Rejudge<'_>,
    ) -> Result<()> {
        let read_at = ledger
            .add
            .iter()
            .map(|e| e.read_at)
            .min()
            .unwrap_or_else(|| self.ctx.clock.now());
        let position = match group.and_then(|group| group.position.clone()) {
            Some(position) => Some(position),
            None => self.deps.store.position(self.row.id).await?,
        };
        let draft = Draft {
            asset: self.row.id,
            name: self.row.name.clone(),
            table: self.row.table,
            read_at,
            run: self.ctx.trace.run,
            position,
            inputs: self.inputs.versions(),
            ledger,
            footprint,
            columns: self.columns.clone(),
            handled: group
                .and_then(|group| group.handled.as_ref())
                .map(|handled| handled.record(self.ctx.clock.now())),
            parts: pieces
                .into_iter()
                .map(|p| DraftPart {
                    role: p.role,
                    target: p.target,
                    change: p.change,
                    schema: p.schema,
                    staged: p.staged,
                    grains: p.grains,
                    plan: p.worked.plan,
                })
                .collect(),
        };
        carry_out(&self.protocol(recheck), &self.lease.lease, settled, draft).await?;
        Ok(())
    }

    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Removes a group's rows, whose answers are kept all the same.
    async fn forget_rows(&self, sink: &Arc<dyn Sink>, own: &Target, group: &Group, plan: &Value) {
        if self.may_forget().await {
            self.discard(sink, own, &group.staged, Some(plan)).await;
        }
    }

    /// Removes everything of a group that no commit will name.
    pub(super) async fn forget(&self, sink: &Arc<dyn Sink>, own: &Target, group: &Group, plan: Option<&Value>) {
        if !self.may_forget().await {
            return;
        }
        self.discard(sink, own, &group.staged, plan).await;
        for child in &group.children {
            let target = known::child(self.row, &child.path);
            self.discard(&self.deps.places.lake, &target, &child.staged, None).await;
        }
        if !group.pages.is_empty() {
            let pages = known::companion(self.row, Role::Pages);
            if let Ok(lake) = self.deps.places.of(&pages) {
                self.discard(&lake, &pages, &group.pages, None).await;
            }
        }
    }

    /// Whether what lies staged is still this holder's: another that took the lease has taken the notes, and may have committed the rows.
    async fn may_forget(&self) -> bool {
        match self.shelf {
            None => true,
            Some(shelf) => shelf.let_go().await.unwrap_or_else(|error| {
                tracing::warn!(asset = %self.asset.name, %error, "staged rows that no commit will name were left behind");
                false
            }),
        }
    }

    pub(super) async fn discard(&self, sink: &Arc<dyn Sink>, target: &Target, staged: &[Staged], plan: Option<&Value>) {
        if let Err(error) = sink.discard(target, staged, plan, self.ctx).await {
            tracing::warn!(table = %target.name, %error, "staged rows that no commit will name were left behind");
        }
    }
}

/// An instant as tables keep it.
pub(super) fn micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// The columns that hold a slice's labels.
pub fn slice_columns(asset: &Asset) -> &[String] {
    match &asset.how {
        How::Copy(copy) => &copy.slice,
        How::Sql(_) => &[],
    }
}

pub(super) fn has_position(asset: &Asset) -> bool {
    matches!(&asset.how, How::Copy(copy) if copy.has_position())
}

pub(super) fn replace_parts(parts: &BTreeSet<String>) -> Change {
    Change::ReplaceSlices {
        columns: vec![aside::PART.into()],
        slices: parts.iter().map(|p| part_labels(p)).collect(),
    }
}

/// The schema with the columns that the write mode keeps beside the rows' own.
fn with_own(asset: &Asset, schema: &SchemaRef) -> SchemaRef {
    let own = names::own_columns(&asset.write);
    let new: Vec<_> = (own.into_iter())
        .filter(|f| schema.field_with_name(f.name()).is_err())
        .map(Arc::new)
        .collect();
    match new.is_empty() {
        true => schema.clone(),
        false => Arc::new(Schema::new(
            schema.fields().iter().cloned().chain(new).collect::<Vec<_>>(),
        )),
    }
}

/// The table's schema after the change.
fn schema_after(asset: &Asset, change: &Change, settled: &Settled, coming: Option<&SchemaRef>) -> Result<SchemaRef> {
    let coming = coming.map(|schema| with_own(asset, schema));
    let before = settled.schema.as_ref().map(|schema| match coming {
        // What is common to both has them.
        Some(_) => schema.clone(),
        None => with_own(asset, schema),
    });
    let schema = match (&before, &coming) {
        (None, Some(coming)) => coming.clone(),
        (Some(_), Some(coming)) if *change == Change::ReplaceTable => coming.clone(),
        (Some(before), None) => before.clone(),
        (Some(before), Some(coming)) if settled.is_foreign => beside(before, coming),
        (Some(before), Some(coming)) => align::common(before, coming).map_err(|e| {
            Error::new(
                Kind::BadData,
                format!(
                    "the table of {} cannot hold its old rows and the new ones together",
                    asset.name
                ),
            )
            .code(SCHEMA_CLASH)
            .hint("build it anew: segue run --rebuild")
            .caused_by(e)
        })?,
        (None, None) => {
            return Err(Error::new(
                Kind::BadData,
                format!(
                    "nothing tells the columns of {}: no row came, and none are declared",
                    asset.name
                ),
            )
            .hint("declare them under `columns:`"));
        }
    };
    Ok(schema)
}

/// The columns of another program's table, those that come as they come: it takes them as it is.
fn beside(table: &SchemaRef, coming: &SchemaRef) -> SchemaRef {
    let left = table.fields().iter();
    let left = left.filter(|f| coming.field_with_name(f.name()).is_err());
    // What does not come is filled there, or is as it was.
    let left = left.map(|f| Arc::new(f.as_ref().clone().with_nullable(true)));
    Arc::new(Schema::new(
        coming.fields().iter().cloned().chain(left).collect::<Vec<_>>(),
    ))
}

/// Judges an asset's checks again on a table that moved between preparing and committing.
pub struct Rejudge<'a> {
    /// What the run works with.
    pub deps: &'a Deps,
    /// Whose checks.
    pub asset: &'a Asset,
}

#[async_trait]
impl Recheck for Rejudge<'_> {
    async fn judge(&self, record: &CommitRecord, part: &Part, missing: MissingRows, ctx: &Ctx) -> Result<()> {
        let changes_nothing = part.change == Change::Append && part.staged.is_empty();
        if part.role != Role::Table || changes_nothing || record.name != asset_name(&self.asset.name) {
            return Ok(());
        }
        refuse_too_many(self.asset, &part.change, missing)?;
        let sink = self.deps.places.of(&part.target)?;
        let view = sink.view(&part.target, &part.plan, ctx).await?;
        let changed = match part.staged.is_empty() {
            true => None,
            false => Some(sink.staged(&part.target, &part.staged, ctx).await?),
        };
        let judge = Judge {
            deps: self.deps,
            asset: self.asset,
            ctx,
            ranges: Vec::new(),
        };
        match judge.table_as_it_would_be(view, changed, |_| false).await?.failure {
            Some(failure) => Err(failure.error(self.asset, 0)),
            None => Ok(()),
        }
    }
}
