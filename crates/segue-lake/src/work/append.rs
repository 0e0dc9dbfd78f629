//! Adding rows.

use super::values::Values;
use super::{Outcome, Work};
use futures::TryStreamExt;
use segue_core::Result;
use std::sync::Arc;

/// Staged files are added as they are, where their columns are the table's.
pub(super) async fn work_out(work: &Work<'_>) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut writer = work.writer();
    let mut values = Values::new(work.grains, &work.strict);
    for (file, fits) in work.comes() {
        outcome.rows_written += file.row_count().unwrap_or(0);
        if fits {
            add_values(work, &file, &mut values).await?;
            outcome.adds.push(file);
        } else {
            let rows = work.incoming(&file).await?;
            work.copy(&mut writer, rows, |batch| {
                values.add(batch, None);
                Ok(None)
            })
            .await?;
        }
    }
    if outcome.rows_written > 0 || work.reshapes {
        work.widen(&mut outcome, &mut writer).await?;
    }
    work.wrote(&mut outcome, writer).await?;
    outcome.values = values.finish();
    Ok(outcome)
}

/// Reads only the columns that somebody ranges over.
async fn add_values(work: &Work<'_>, file: &crate::file::DataFile, values: &mut Values<'_>) -> Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    let columns = values.columns();
    let few = Arc::new(
        work.strict
            .project(&columns)
            .map_err(|e| segue_core::Error::bug("a column is gone").caused_by(e))?,
    );
    let mut narrow = Values::new(work.grains, &few);
    let mut rows = crate::read::one(work.store.clone(), file.clone(), few).await?;
    while let Some(batch) = rows.try_next().await? {
        work.ctx.go_on()?;
        narrow.add(&batch, None);
    }
    values.join(narrow);
    Ok(())
}
