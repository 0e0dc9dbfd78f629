//! The tables beside an asset's own: what a commit does to its quarantine and to its kept pages.

use super::aside::{self, EVIDENCE, SetAside, part_key};
use super::group::{Group, Handles};
use super::known;
use super::land::{Lander, Meets, Piece, Rejudge, has_position, replace_parts, slice_columns};
use crate::commit::{Settled, Sinks};
use arrow_schema::SchemaRef;
use futures::{StreamExt, TryStreamExt};
use segue_core::commit::{Footprint, LedgerChange, Role};
use segue_core::sink::{Change, Rows, Sink, Target};
use segue_core::{AsideId, Error, Result};
use segue_diag::CAME_FIRST;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Lander<'_> {
    /// The own table's part of a commit that changes only companions: the number, and no rows.
    pub(super) async fn no_rows(
        &self,
        sink: &Arc<dyn Sink>,
        own: &Target,
        settled: &Settled,
        schema: &SchemaRef,
    ) -> Result<Piece> {
        let schema = settled.schema.clone().unwrap_or_else(|| schema.clone());
        let worked = sink
            .work_out(own, schema.clone(), &Change::Append, &[], &[], self.ctx)
            .await?;
        Ok(Piece {
            role: Role::Table,
            target: own.clone(),
            change: Change::Append,
            schema,
            staged: Vec::new(),
            grains: Vec::new(),
            worked,
        })
    }

    /// The quarantine's part: what is set aside now in place of what was, with the evidence of the last failure gone. `None` when
    /// nothing of it changes.
    pub(super) async fn quarantine(&self, group: &Group, meets: Meets, settled: &Settled) -> Result<Option<Piece>> {
        if let Some(handled) = &group.handled {
            return self.handled_piece(handled, &group.aside, settled.n).await;
        }
        let mut parts: BTreeSet<String> = group.parts.iter().map(|p| part_key(&p.labels, p.range)).collect();
        parts.extend(group.aside.iter().map(|a| a.part.clone()));
        parts.insert(EVIDENCE.into());
        let adds_to_before =
            self.asset.range.is_none() && slice_columns(self.asset).is_empty() && has_position(self.asset);
        let change = match meets {
            Meets::Swap => Change::ReplaceTable,
            Meets::AsWritten if adds_to_before && !group.aside.is_empty() => Change::Append,
            Meets::AsWritten => {
                if adds_to_before {
                    parts = BTreeSet::from([EVIDENCE.to_string()]);
                }
                replace_parts(&parts)
            }
        };
        self.set_aside_piece(group.aside.clone(), change, &parts, settled.n)
            .await
    }

    /// The quarantine's part for these rows, which are set aside by the commit after this one. A row that was there before is the same row.
    pub(super) async fn set_aside_piece(
        &self,
        mut rows: Vec<SetAside>,
        change: Change,
        parts: &BTreeSet<String>,
        after: u64,
    ) -> Result<Option<Piece>> {
        let target = known::companion(self.row, Role::Quarantine);
        let sink = self.deps.places.of(&target)?;
        let head = sink.head(&target, self.ctx).await?;
        if head.schema.is_none() && rows.is_empty() {
            return Ok(None);
        }
        if head.schema.is_some() && !rows.is_empty() {
            let there = sink.at(&target, head.version, self.ctx).await?;
            let mut met = aside::Met::of(&rows, parts);
            let mut batches = there.scan(None).await?;
            while let Some(batch) = batches.try_next().await? {
                met.look(&batch)?;
            }
            met.keep_first(&mut rows, change != Change::Append);
        }
        for row in &mut rows {
            if row.id.is_none() {
                (row.id, row.after) = (Some(AsideId::random()), Some(after));
            }
        }
        self.quarantine_piece(target, change, &rows, head.schema.is_none())
            .await
    }

    /// The quarantine's part of a commit that brings these rows. `None` where that changes nothing of one that is there.
    async fn quarantine_piece(
        &self,
        target: Target,
        change: Change,
        rows: &[SetAside],
        is_new: bool,
    ) -> Result<Option<Piece>> {
        let sink = self.deps.places.of(&target)?;
        let schema = aside::schema();
        let mut staged = Vec::new();
        if !rows.is_empty() {
            let batch = aside::batch(rows)?;
            let stream = futures::stream::iter([Ok(Rows { batch, deletes: None })]).boxed();
            staged.push(sink.stage(&target, schema.clone(), stream, self.ctx).await?);
        }
        let worked = sink
            .work_out(&target, schema.clone(), &change, &staged, &[], self.ctx)
            .await?;
        if !is_new && worked.unchanged {
            self.discard(&sink, &target, &staged, Some(&worked.plan)).await;
            return Ok(None);
        }
        Ok(Some(Piece {
            role: Role::Quarantine,
            target,
            change,
            schema,
            staged,
            grains: Vec::new(),
            worked,
        }))
    }

    /// The quarantine's part of a commit that takes rows out of it: what leaves it is named, one by one, so that doing it twice is as doing it
    /// once; what stays takes its own place, and what was not there before is added.
    pub(super) async fn handled_piece(
        &self,
        handling: &Handles,
        new: &[SetAside],
        after: u64,
    ) -> Result<Option<Piece>> {
        let mut rows = handling.stay.clone();
        rows.extend(new.iter().cloned().map(|mut row| {
            if row.id.is_none() {
                (row.id, row.after) = (Some(AsideId::random()), Some(after));
            }
            row
        }));
        let change = match &handling.parts {
            // Rows of an earlier version of this program have no id: what stays of all that they belong to is written anew.
            Some(parts) => replace_parts(parts),
            None => {
                let left = handling.rows.iter().copied();
                let named = left.chain(rows.iter().filter_map(|r| r.id));
                Change::ReplaceSlices {
                    columns: vec![aside::ID.into()],
                    slices: named.map(aside::id_labels).collect(),
                }
            }
        };
        let target = known::companion(self.row, Role::Quarantine);
        self.quarantine_piece(target, change, &rows, false).await
    }

    /// The kept pages' part: this read's answers beside the older ones.
    pub(super) async fn pages(&self, group: &Group) -> Result<Option<Piece>> {
        if group.pages.is_empty() {
            return Ok(None);
        }
        let target = known::companion(self.row, Role::Pages);
        let sink = self.deps.places.of(&target)?;
        let schema = super::pages::schema();
        let worked = sink
            .work_out(&target, schema.clone(), &Change::Append, &group.pages, &[], self.ctx)
            .await?;
        let staged = group.pages.clone();
        Ok(Some(Piece {
            role: Role::Pages,
            target,
            change: Change::Append,
            schema,
            staged,
            grains: Vec::new(),
            worked,
        }))
    }

    /// Commits what shows why nothing else was to the quarantine; then fails with this error.
    pub(super) async fn keep_evidence(
        &mut self,
        evidence: Vec<SetAside>,
        error: Error,
        schema: SchemaRef,
        settled: &Settled,
    ) -> Result<()> {
        let parts = BTreeSet::from([EVIDENCE.to_string()]);
        let own = known::own(self.row);
        let sink = self.deps.places.of(&own)?;
        let evidence = self
            .set_aside_piece(evidence, replace_parts(&parts), &parts, settled.n)
            .await?;
        if let Some(evidence) = evidence {
            let (target, staged, plan) = (
                evidence.target.clone(),
                evidence.staged.clone(),
                evidence.worked.plan.clone(),
            );
            let pieces = vec![self.no_rows(&sink, &own, settled, &schema).await?, evidence];
            let recheck = Rejudge {
                deps: self.deps,
                asset: self.asset,
            };
            let carried = self
                .carry(
                    settled,
                    pieces,
                    LedgerChange::default(),
                    Footprint::nothing(),
                    None,
                    &recheck,
                )
                .await;
            match carried {
                // What was judged is gone already: the group is not worked out anew, and what is told is why.
                Err(e) if e.error_code() == Some(CAME_FIRST) => {
                    let quarantine = self.deps.places.of(&target)?;
                    self.discard(&quarantine, &target, &staged, Some(&plan)).await;
                }
                carried => carried?,
            }
        }
        Err(error)
    }
}
