//! Rows that a whole read of the source no longer brought: what becomes of them, and how many may go at once.

use super::group::Group;
use super::land::Lander;
use segue_core::commit::Outcome;
use segue_core::sink::{Change, Missing, MissingRows};
use segue_core::{Error, Kind, Result};
use segue_diag::TOO_MANY_MISSING;
use segue_spec::model::{Asset, DeleteMissing};

impl Lander<'_> {
    /// What becomes of rows that did not come. Only a read that ended whole tells which they are; and of a row that was set aside nobody knows
    /// which it would have been.
    pub(super) fn missing(&self, group: &Group) -> Missing {
        let is_whole = !group.parts.is_empty() && group.parts.iter().all(|p| p.outcome == Outcome::Done);
        let is_known = is_whole && group.aside.is_empty();
        match (self.asset.write.delete_missing, is_known) {
            (DeleteMissing::Keep, _) | (DeleteMissing::Hard, false) => Missing::Keep,
            (DeleteMissing::Soft, false) => Missing::Unknown,
            (DeleteMissing::Hard, true) => Missing::Delete,
            (DeleteMissing::Soft, true) => Missing::Mark {
                at: self.read_at(group),
            },
        }
    }

    /// Says what becomes of them.
    ///
    /// # Errors
    /// `BadData` when there are more of them than may go at once.
    pub(super) fn judge_missing(&mut self, group: &Group, change: &Change, found: MissingRows) -> Result<()> {
        let Change::Merge { missing, .. } = change else {
            return Ok(());
        };
        let write = &self.asset.write;
        if !missing.is_told() {
            let rows = group.aside.len();
            if write.delete_missing != DeleteMissing::Keep && rows > 0 {
                self.note(format!(
                    "which rows are no longer at the source was not looked at, because {rows} of those that came were set aside"
                ));
            }
            return Ok(());
        }
        refuse_too_many(self.asset, change, found)?;
        let MissingRows { gone, .. } = found;
        if gone > 0 {
            let rows = if gone == 1 { "row is" } else { "rows are" };
            self.note(format!("{gone} {rows} no longer at the source: {}", what(missing)));
        }
        Ok(())
    }
}

/// Fails when more rows are missing than may go at once.
///
/// # Errors
/// `BadData`, with the numbers.
pub(super) fn refuse_too_many(asset: &Asset, change: &Change, found: MissingRows) -> Result<()> {
    let Change::Merge { missing, .. } = change else {
        return Ok(());
    };
    let (MissingRows { gone, of }, most) = (found, asset.write.max_deleted);
    if gone as f64 <= most.fraction() * of as f64 {
        return Ok(());
    }
    let share = (gone as f64 * 10_000.0 / of as f64).ceil() / 100.0;
    let message = format!(
        "{gone} of the {of} rows of {} did not come and would be {}: {share}%, more than the {most} of `max_deleted`",
        asset.name,
        what(missing)
    );
    Err(Error::new(Kind::BadData, message).code(TOO_MANY_MISSING).hint(format!(
        "nothing was committed; look at the source with `segue preview {}`, and if the rows are really gone raise `max_deleted` in `write:`",
        asset.name
    )))
}

fn what(missing: &Missing) -> &'static str {
    match missing {
        Missing::Mark { .. } => "marked as deleted",
        _ => "deleted",
    }
}
