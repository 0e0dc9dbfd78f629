//! Rows that the table itself does not let in: set aside with the rule that they break, unless they are too many.

use super::aside::{EVIDENCE, SetAside};
use super::gather::{Whose, room, row_aside};
use super::group::Group;
use super::judge::{Judge, MOST_EVIDENCE, committed_before};
use super::known;
use super::land::Lander;
use crate::commit::{Settled, Sinks};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;
use futures::TryStreamExt;
use segue_core::sink::{Change, REFUSED_AS, REFUSED_BY, REFUSED_FOR, Sink, Staged, Target};
use segue_core::{Error, Kind, Result};
use segue_diag::TOO_MANY_VIOLATIONS;
use segue_spec::model::Asset;
use std::sync::Arc;

/// How many rows of a commit the table did not let in so far.
pub(super) struct Violations {
    came: u64,
    refused: u64,
}

impl Violations {
    /// Of a commit to which so many rows came.
    pub fn of(came: u64) -> Violations {
        Violations { came, refused: 0 }
    }

    /// Counts some more, for a table of so many rows.
    ///
    /// # Errors
    /// `BadData` when they are more than the asset allows.
    fn count(&mut self, more: u64, there: u64, asset: &Asset) -> Result<()> {
        self.refused += more;
        let (refused, most, of) = (self.refused, asset.write.max_violations, self.came.max(there));
        if refused as f64 <= most.fraction() * of as f64 {
            return Ok(());
        }
        let share = (refused as f64 * 10_000.0 / of.max(1) as f64).ceil() / 100.0;
        let breaks = match refused {
            1 => "breaks a rule",
            _ => "break rules",
        };
        let message = format!(
            "{refused} of the {} rows for {} {breaks} of its table: {share}% of {of}, more than the {most} of `max_violations`",
            self.came, asset.name
        );
        Err(Error::new(Kind::BadData, message)
            .code(TOO_MANY_VIOLATIONS)
            .hint(format!(
                "look at the rows with `segue quarantine show {}`, and if they are to be set aside raise `max_violations` in `write:`",
                asset.name
            )))
    }
}

impl Lander<'_> {
    /// Takes the rows out of the group that break a rule of the table, where the asset wants that. Whether there were any.
    ///
    /// # Errors
    /// `BadData` when they are too many, with the first of them in the quarantine as evidence; the sink's own.
    pub(super) async fn sift(
        &mut self,
        group: &mut Group,
        change: &Change,
        schema: &SchemaRef,
        violations: &mut Violations,
        settled: &Settled,
    ) -> Result<bool> {
        if self.asset.write.on_violation.fails() || group.staged.is_empty() {
            return Ok(false);
        }
        let own = known::own(self.row);
        let sink = self.deps.places.of(&own)?;
        let sifted = sink.sift(&own, schema.clone(), change, &group.staged, self.ctx).await?;
        group.staged = sifted.staged;
        let refused: u64 = sifted.refused.iter().map(|s| s.rows).sum();
        if refused == 0 {
            return Ok(false);
        }
        group.rows = group.staged.iter().map(|s| s.rows).sum();
        let too_many = violations.count(refused, sifted.there, self.asset).err();
        let most = too_many.as_ref().map_or(usize::MAX, |_| MOST_EVIDENCE);
        let rows = self.judge(group)?.refused(&sink, &own, &sifted.refused, most).await;
        self.discard(&sink, &own, &sifted.refused, None).await;
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                self.forget(&sink, &own, group, None).await;
                return Err(error);
            }
        };
        if let Some(error) = too_many {
            let error = error.with("committed", committed_before(self.figures.commits));
            self.forget(&sink, &own, group, None).await;
            let evidence = rows.into_iter().map(|row| SetAside {
                part: EVIDENCE.into(),
                form: None,
                ..row
            });
            let failed = self.keep_evidence(evidence.collect(), error, schema.clone(), settled);
            return failed.await.map(|()| false);
        }
        group.aside.extend(rows);
        Ok(true)
    }
}

impl Judge<'_> {
    /// The first so many of the rows that the table refused, as they are set aside.
    ///
    /// # Errors
    /// `BadData` when they are more than can be held; the sink's own.
    async fn refused(
        &self,
        sink: &Arc<dyn Sink>,
        target: &Target,
        refused: &[Staged],
        most: usize,
    ) -> Result<Vec<SetAside>> {
        let (mut aside, mut room) = (Vec::new(), room(self.ctx));
        let mut batches = sink.staged(target, refused, self.ctx).await?.scan(None).await?;
        while let Some(batch) = batches.try_next().await? {
            let own = batch.schema_ref().fields().iter().enumerate();
            let own = own.filter(|(_, f)| ![REFUSED_BY, REFUSED_FOR, REFUSED_AS].contains(&f.name().as_str()));
            let rows = batch
                .project(&own.map(|(at, _)| at).collect::<Vec<_>>())
                .map_err(|e| Error::bug("rows cannot be projected").caused_by(e))?;
            for row in 0..batch.num_rows() {
                if aside.len() == most {
                    return Ok(aside);
                }
                let row = self.refused_row(&batch, &rows, row)?;
                room.take(&row)?;
                aside.push(row);
            }
        }
        Ok(aside)
    }

    fn refused_row(&self, batch: &RecordBatch, rows: &RecordBatch, row: usize) -> Result<SetAside> {
        let told = |name: &str| {
            let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
            column.is_valid(row).then(|| column.value(row).to_string())
        };
        let whose = Whose {
            labels: self.labels_of(rows, row),
            range: self.range_of(rows, row),
        };
        let reason = told(REFUSED_AS).ok_or_else(|| Error::bug("a row is refused without a reason"))?;
        let now = self.ctx.clock.now();
        Ok(SetAside {
            path: told(REFUSED_FOR),
            check: told(REFUSED_BY),
            ..row_aside(&whose, reason, rows, row, now, self.ctx.trace.run)
        })
    }
}
