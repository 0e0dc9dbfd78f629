//! What a commit, or a read that changed nothing, says of the asset's ledger.

use super::group::{DonePart, Group};
use super::land::{Lander, Meets, slice_columns};
use crate::commit::Settled;
use segue_core::commit::{Entry, LedgerChange};
use segue_core::{Labels, Result, Span, Spans, TableId};
use std::collections::BTreeMap;

impl Lander<'_> {
    /// What the commit says of the ledger: every part of the group is of this commit now.
    pub(super) fn ledger_change(&self, group: &Group, meets: Meets) -> LedgerChange {
        // What is read again from the quarantine is of what is done already.
        if group.handled.is_some() {
            return LedgerChange::default();
        }
        let is_whole = self.asset.range.is_none() && slice_columns(self.asset).is_empty();
        let mut change = LedgerChange {
            drop_all: is_whole || meets == Meets::Swap,
            ..LedgerChange::default()
        };
        change.drop_ranges = Spans::of(group.parts.iter().filter_map(|p| p.range));
        if !change.drop_all && self.asset.range.is_none() {
            change.drop_labels = group.parts.iter().map(|p| p.labels.clone()).collect();
        }
        change.add = group
            .parts
            .iter()
            .filter(|p| p.is_entered)
            .map(|p| self.entry(p, 0, BTreeMap::new()))
            .collect();
        change
    }

    fn entry(&self, part: &DonePart, n: u64, inputs: BTreeMap<TableId, u64>) -> Entry {
        Entry {
            range: part.range,
            labels: part.labels.clone(),
            outcome: part.outcome,
            n,
            data_hash: self.data_hash.to_string(),
            values_hash: part.values_hash.clone(),
            inputs,
            source: self.source.map(str::to_string),
            read_at: part.read_at,
            kept: false,
        }
    }

    /// Nothing changed: the state alone remembers that these parts were read again, and what they were computed from.
    pub(super) async fn enter_unchanged(&mut self, group: &Group, settled: &Settled) -> Result<()> {
        let ledger = self.deps.store.ledger(self.row.id).await?;
        let before: BTreeMap<(Option<Span>, &Labels), &Entry> =
            ledger.iter().map(|e| ((e.range, &e.labels), e)).collect();
        // A source's slice needs no versions: its age alone makes it old.
        let seen: BTreeMap<TableId, u64> = match self.source {
            Some(_) => BTreeMap::new(),
            None => self.inputs.versions().iter().map(|i| (i.table, i.version)).collect(),
        };
        let mut change = LedgerChange::default();
        let mut touched = Vec::new();
        for part in group.parts.iter().filter(|p| p.is_entered) {
            let there = before.get(&(part.range, &part.labels));
            let n = there.map_or(settled.n, |e| e.n);
            let entry = self.entry(part, n, seen.clone());
            match there {
                Some(same)
                    if **same
                        == (Entry {
                            read_at: same.read_at,
                            ..entry.clone()
                        }) =>
                {
                    touched.push((part.range, part.labels.clone()))
                }
                _ => {
                    match part.range {
                        Some(range) => change.drop_ranges = change.drop_ranges.union(&Spans::of([range])),
                        None => {
                            change.drop_labels.insert(part.labels.clone());
                        }
                    }
                    change.add.push(entry);
                }
            }
        }
        if !touched.is_empty() {
            let read_at = group
                .parts
                .iter()
                .map(|p| p.read_at)
                .min()
                .unwrap_or_else(|| self.ctx.clock.now());
            self.deps.store.touch(&self.lease.lease, &touched, read_at).await?;
        }
        if !change.add.is_empty() {
            self.deps.store.enter(&self.lease.lease, &change).await?;
        }
        // Only how far the source was looked at has moved: no row belongs to it, and what a rebuilt state knows instead is as true.
        if let Some(position) = &group.position {
            self.deps.store.move_position(&self.lease.lease, position).await?;
        }
        self.figures.rows_doubled += group.doubled;
        Ok(())
    }
}
