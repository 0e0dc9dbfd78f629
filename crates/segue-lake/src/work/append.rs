//! Adding rows.

use super::values::Values;
use super::{Outcome, Work};
use segue_core::Result;

/// Staged files are added as they are, where their columns are the table's.
pub(super) async fn work_out(work: &Work<'_>) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut writer = work.writer();
    let mut values = Values::new(work.grains, &work.strict);
    for (file, fits) in work.comes() {
        outcome.rows_written += file.row_count().unwrap_or(0);
        if fits {
            values.add_of_file(work, &file, None).await?;
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
    work.end(outcome, values, writer).await
}
