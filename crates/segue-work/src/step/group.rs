//! What was gathered for one commit: the parts that are complete, and where their rows lie ready.

use super::aside::SetAside;
use arrow_schema::SchemaRef;
use jiff::Timestamp;
use segue_core::commit::{Handled, Handling, Outcome};
use segue_core::sink::Staged;
use segue_core::{AsideId, Labels, Result, Span, align};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// A part that is complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DonePart {
    /// The stretch.
    pub range: Option<Span>,
    /// The slice.
    pub labels: Labels,
    /// The hash of its values and parameters.
    pub values_hash: String,
    /// When the read began that it is the state of.
    pub read_at: Timestamp,
    /// Whether its rows are there, or it is not ours to read.
    pub outcome: Outcome,
    /// False for an open range, computed because it was asked for and never done; and for some of a part, of which more follows.
    pub is_entered: bool,
}

/// What one commit will carry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The parts that it completes.
    pub parts: Vec<DonePart>,
    /// Their rows.
    pub staged: Vec<Staged>,
    /// The schema that takes all those rows; `None` where nothing tells the columns.
    pub schema: Option<SchemaRef>,
    /// The columns as they are read, where nested rows are flattened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<SchemaRef>,
    /// Rows of child tables: filled when the rows are taken apart, just before they are committed.
    #[serde(skip)]
    pub children: Vec<ChildRows>,
    /// Rows that were set aside with these parts.
    pub aside: Vec<SetAside>,
    /// Answers to keep.
    pub pages: Vec<Staged>,
    /// How many rows are staged.
    pub rows: u64,
    /// How large they are.
    pub bytes: u64,
    /// Rows that were equal to another of their read.
    pub doubled: u64,
    /// Whether none of the rows offends a check that judges rows one by one, as was found when they came.
    #[serde(skip)]
    pub is_clear: bool,
    /// Where the source was read to, when this is all of what came before.
    pub position: Option<Value>,
    /// The rows that it takes out of the quarantine, where it is no read.
    #[serde(skip)]
    pub handled: Option<Handles>,
}

/// Rows that are taken out of the quarantine because somebody asked for that.
#[derive(Clone, Debug, PartialEq)]
pub struct Handles {
    /// What becomes of them.
    pub how: Handling,
    /// Those that leave, by their ids.
    pub rows: Vec<AsideId>,
    /// How many leave that have none.
    pub without_id: u64,
    /// Those that stay otherwise than they were.
    pub stay: Vec<SetAside>,
    /// What is written anew in whole, because rows of it have no id: what stays of it is all among `stay`.
    pub parts: Option<BTreeSet<String>>,
    /// Those that go into the table, each with its text as a row of it.
    pub going: Vec<(String, SetAside)>,
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub why: Option<String>,
}

/// Rows of one child table.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildRows {
    /// Its name behind the asset's.
    pub path: String,
    /// Its columns.
    pub schema: SchemaRef,
    /// Its rows.
    pub staged: Vec<Staged>,
}

impl Handles {
    /// What the commit's record says of it.
    pub fn record(&self, at: Timestamp) -> Handled {
        Handled {
            how: self.how,
            rows: self.rows.clone(),
            without_id: self.without_id,
            by: self.by.clone(),
            at,
            why: self.why.clone(),
        }
    }
}

impl Group {
    /// Rows that were to go into the table and that it did not let in stay where they are, for the reason that was found now.
    pub fn leave_refused(&mut self) {
        let Some(handled) = &mut self.handled else { return };
        let mut by_text: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, (text, _)) in handled.going.iter().enumerate() {
            by_text.entry(text).or_default().push(at);
        }
        let (mut refused, mut new) = (BTreeSet::new(), Vec::new());
        let mut stay = Vec::new();
        for row in std::mem::take(&mut self.aside) {
            match by_text.get_mut(row.row.as_str()).and_then(Vec::pop) {
                Some(at) => {
                    let before = handled.going[at].1.clone();
                    refused.insert(at);
                    stay.push(SetAside {
                        reason: row.reason,
                        path: row.path,
                        check: row.check,
                        ..before
                    });
                }
                None => new.push(row),
            }
        }
        let left: BTreeSet<AsideId> = stay.iter().filter_map(|r| r.id).collect();
        handled.rows.retain(|id| !left.contains(id));
        let mut at = 0;
        handled.going.retain(|_| {
            at += 1;
            !refused.contains(&(at - 1))
        });
        handled.stay.extend(stay);
        self.aside = new;
    }

    /// Whether there is nothing in it to commit. It may have pages all the same.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.staged.is_empty() && self.aside.is_empty()
    }

    /// Adds rows that lie ready.
    ///
    /// # Errors
    /// `BadData` when their columns and those of the rows before have no common type.
    pub fn add_staged(&mut self, staged: Staged, schema: &SchemaRef) -> Result<()> {
        self.widen(schema)?;
        self.rows += staged.rows;
        self.bytes += staged.bytes;
        self.staged.push(staged);
        Ok(())
    }

    /// Makes the schema take rows of this one too.
    ///
    /// # Errors
    /// `BadData` when there is no common type for a column.
    pub fn widen(&mut self, schema: &SchemaRef) -> Result<()> {
        self.schema = Some(match &self.schema {
            None => schema.clone(),
            Some(mine) if mine == schema => return Ok(()),
            Some(mine) => align::common(mine, schema)?,
        });
        Ok(())
    }

    /// Makes the columns that are read take those of this schema too.
    ///
    /// # Errors
    /// As [`Group::widen`].
    pub fn read(&mut self, schema: &SchemaRef) -> Result<()> {
        self.columns = Some(match &self.columns {
            None => schema.clone(),
            Some(mine) if mine == schema => return Ok(()),
            Some(mine) => align::common(mine, schema)?,
        });
        Ok(())
    }

    /// Takes another group into this one.
    ///
    /// # Errors
    /// As [`Group::widen`].
    pub fn join(&mut self, other: Group) -> Result<()> {
        if let Some(schema) = &other.schema {
            self.widen(schema)?;
        }
        if let Some(columns) = &other.columns {
            self.read(columns)?;
        }
        self.is_clear = other.is_clear && (self.is_clear || self.staged.is_empty());
        self.parts.extend(other.parts);
        self.staged.extend(other.staged);
        self.aside.extend(other.aside);
        self.pages.extend(other.pages);
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.doubled += other.doubled;
        self.position = other.position.or(self.position.take());
        Ok(())
    }
}
