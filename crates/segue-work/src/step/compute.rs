//! A step that computes its rows from the lake.

use super::Step;
use super::doing::Doing;
use super::group::DonePart;
use super::query;
use super::read::done_part;
use crate::report::Ended;
use segue_core::commit::Outcome;
use segue_core::{Error, Result};

impl Doing<'_> {
    /// Computes what is made from the lake.
    pub(super) async fn compute(mut self, due: Vec<usize>) -> Result<Ended> {
        let Step { deps, asset, .. } = self.step;
        let Some(sql) = query::statement(asset) else {
            return Err(Error::bug("a step that computes has no statement"));
        };
        let ctx = self.step.ctx.clone();
        let read_at = ctx.clock.now();
        let mut gather = self.gather(false)?;
        let mut begun = ctx.clock.elapsed();
        let mut rows = 0;
        let mut broken = None;
        for at in due {
            let part = self.seen.parts[at].clone();
            let open = match (part.range, &self.seen.calendar) {
                (Some(range), Some(calendar)) => !calendar.is_due(&range, self.seen.now),
                _ => false,
            };
            let done = DonePart {
                is_entered: !open,
                ..done_part(&part, read_at, Outcome::Done)
            };
            let question = query::query(deps, asset, &sql, &self.seen.inputs, &part, &self.seen.params)?;
            let calendar = self.seen.calendar.as_ref();
            let asked = query::Asked {
                deps,
                asset,
                calendar,
                question: &question,
                part: &part,
            };
            match query::compute(&asked, at, done, &mut gather, &ctx).await {
                Ok(count) => rows += count,
                Err(error) => {
                    gather.forget_all().await;
                    broken = Some(error);
                    break;
                }
            }
            self.report.ranges.extend(part.range);
            let batching = self.step.how.batching;
            if gather.complete_bytes() >= batching.bytes || ctx.clock.elapsed().saturating_sub(begun) >= batching.time {
                let group = gather.take().await?;
                self.flush(group).await?;
                begun = ctx.clock.elapsed();
            }
        }
        let group = gather.take().await?;
        self.flush(group).await?;
        if let Some(error) = broken {
            return Err(error);
        }
        self.report.figures.rows_in.get_or_insert(rows);
        self.commit_shelved().await?;
        let ledger = self.step.deps.store.ledger(self.step.row.id).await?;
        if ledger.iter().all(|e| e.data_hash == self.seen.data_hash) {
            self.step.define(&self.seen, None).await?;
        }
        Ok(Ended::Done)
    }
}
