//! The step of a view: nothing is stored. Its SQL is tried on its inputs as they are now, and its checks are judged on what it gives.

use super::judge::{Failure, Judge};
use super::{Step, query, views};
use crate::report::{Ended, StepReport};
use crate::step::Survey;
use segue_core::commit::{Entry, LedgerChange, Outcome};
use segue_core::engine::{Relation, View};
use segue_core::{Error, Kind, Result};
use segue_diag::CHECK_FAILED;
use segue_spec::model::Asset;
use std::sync::Arc;

impl Step<'_> {
    /// Looks at a view where its inputs, its SQL or its checks are others than when it was last looked at.
    pub(super) async fn look(&self, seen: &Survey, report: &mut StepReport) -> Result<Ended> {
        let (deps, asset, ctx) = (self.deps, self.asset, self.ctx);
        let due = seen.to_do();
        let Some(part) = due.first().map(|at| &seen.parts[*at]) else {
            self.define(seen, None).await?;
            return Ok(Ended::Done);
        };
        let read_at = ctx.clock.now();
        let sql = query::statement(asset).ok_or_else(|| Error::bug("a view has no statement"))?;
        let question = query::query(deps, asset, &sql, &seen.inputs, part, &seen.params)?;
        let rows = ctx.or_cancelled(View::of(question, deps.engine.clone(), ctx)).await;
        let rows: Arc<dyn Relation> = Arc::new(rows.map_err(|error| query::located(error, asset))?);
        query::table_schema(&rows.schema())?;
        let judge = Judge {
            deps,
            asset,
            ctx,
            ranges: Vec::new(),
        };
        let judgement = ctx
            .or_cancelled(judge.table_as_it_would_be(rows, None, |_| false))
            .await?;
        report.notes.extend(judgement.warnings);
        if let Some(failure) = judgement.failure {
            return Err(of_view(&failure, asset));
        }
        let looked = LedgerChange {
            drop_all: true,
            add: vec![Entry {
                range: None,
                labels: part.labels.clone(),
                outcome: Outcome::Done,
                n: 0,
                data_hash: views::entered_hash(asset, &seen.data_hash),
                values_hash: part.values_hash.clone(),
                inputs: seen
                    .inputs
                    .versions()
                    .into_iter()
                    .map(|i| (i.table, i.version))
                    .collect(),
                source: None,
                read_at,
                kept: false,
            }],
            ..LedgerChange::default()
        };
        deps.store.enter(&self.lease.lease, &looked).await?;
        self.define(seen, None).await?;
        Ok(Ended::Done)
    }
}

/// The error that ends the step of a view: there is no quarantine in which its offenders could lie.
fn of_view(failure: &Failure, asset: &Asset) -> Error {
    let message = format!(
        "check `{}` of {} does not hold: {}",
        failure.check, asset.name, failure.found
    );
    let error = Error::new(Kind::BadData, message).code(CHECK_FAILED);
    let error = match failure.evidence.first() {
        Some(first) => error.with("such as", &first.row),
        None => error,
    };
    error.hint(format!(
        "nothing of a view is stored: what offends it is in what it reads; look at it with `segue sql \"select * from {}\"`",
        asset.name
    ))
}
