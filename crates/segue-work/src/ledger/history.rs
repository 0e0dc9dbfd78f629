//! What happened to an input since it was read, and which parts of its reader that reopens.

use super::Why;
use crate::ranges::Calendar;
use segue_core::commit::Footprint;
use segue_core::types::Type;
use segue_core::{AssetName, Result, Span, TableId};

/// What a change of an input reopens.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// Everything.
    Everything,
    /// Nothing.
    Ignore,
    /// Everything: what changes is the SQL of a view, and its version is a digest of that.
    Definition,
    /// The ranges in which this column has changed.
    Column {
        /// The input's column.
        column: String,
        /// Its type, which says how instants stand in it.
        of: Type,
    },
}

/// An input, and what happened to it up to the version that is pinned now.
#[derive(Clone, Debug, PartialEq)]
pub struct InputHistory {
    /// Its name.
    pub name: AssetName,
    /// Its table.
    pub table: TableId,
    /// The version that would be read.
    pub pinned: u64,
    /// What its changes reopen.
    pub rule: Rule,
    /// Versions after this one are all in `changes`, but for those that changed no row; of earlier ones nothing is known.
    pub known_since: u64,
    /// Its changes, oldest first.
    pub changes: Vec<Changed>,
}

/// One change of an input.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// The version that it made.
    pub version: u64,
    /// What it changed; `None`: it is nobody's commit, and may have changed anything.
    pub footprint: Option<Footprint>,
}

impl InputHistory {
    /// Why a part that was computed from this version must be again; `None` when it need not. `seen` is the stretch whose changes
    /// reach a ranged part.
    ///
    /// # Errors
    /// Those of the calendar.
    pub fn reopens(
        &self,
        computed_from: Option<u64>,
        seen: Option<Span>,
        calendar: Option<&Calendar>,
    ) -> Result<Option<Why>> {
        if self.rule == Rule::Ignore {
            return Ok(None);
        }
        let Some(since) = computed_from else {
            return Ok(Some(Why::NewInput {
                name: self.name.clone(),
            }));
        };
        if since == self.pinned {
            return Ok(None);
        }
        if self.rule == Rule::Definition {
            return Ok(Some(Why::View {
                name: self.name.clone(),
            }));
        }
        if since > self.pinned || since < self.known_since {
            return Ok(Some(Why::Input {
                name: self.name.clone(),
                version: self.pinned,
            }));
        }
        let first = self.changes.partition_point(|c| c.version <= since);
        for change in self.changes[first..].iter().take_while(|c| c.version <= self.pinned) {
            let (name, version) = (self.name.clone(), change.version);
            match &change.footprint {
                None => return Ok(Some(Why::Foreign { name, version })),
                Some(footprint) if self.meets(footprint, seen, calendar)? => {
                    return Ok(Some(Why::Input { name, version }));
                }
                Some(_) => {}
            }
        }
        Ok(None)
    }

    fn meets(&self, footprint: &Footprint, seen: Option<Span>, calendar: Option<&Calendar>) -> Result<bool> {
        match (&self.rule, seen, calendar) {
            (Rule::Column { column, of }, Some(seen), Some(calendar)) => {
                Ok(footprint.meets(column, &calendar.in_column(seen, of)?))
            }
            _ => Ok(!footprint.is_nothing()),
        }
    }
}
