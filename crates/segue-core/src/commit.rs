//! What a commit is, and what it says about the ledger: the record that is prepared, claimed, committed and recovered.

use crate::names::id;
use crate::sink::{Change, Grain, Staged, Target};
use crate::source::Column;
use crate::{AssetId, AssetName, Error, Kind, Labels, Result, Span, Spans, TableId};
use arrow_schema::SchemaRef;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

id!(
    /// The one attempt that owns a commit's number.
    CommitId
);

id!(
    /// One row of a quarantine, for as long as it lies there.
    AsideId
);

/// A commit's whole record: what is written to the state as *prepared*, to the lake as a claim, to an SQL target's `_segue_commits`.
/// Whoever finds it can carry the commit out, without the source and without the process that made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommitRecord {
    /// The version of this format; 1.
    pub format: u32,
    /// The number: one of the asset's, never used twice, above every one seen.
    pub n: u64,
    /// The attempt that owns the number.
    pub id: CommitId,
    /// The commit that it follows on its own table; 0 for the first.
    pub predecessor: u64,
    /// Whose commit it is.
    pub asset: AssetId,
    /// The asset's name when it was prepared.
    pub name: AssetName,
    /// The table that decides.
    pub table: TableId,
    /// When the read that it carries began.
    pub read_at: Timestamp,
    /// The run that prepared it.
    pub run: Option<crate::RunId>,
    /// Where the source was read to, for assets with a position.
    pub position: Option<Value>,
    /// The version of each input that it was computed from.
    pub inputs: Vec<InputVersion>,
    /// What it does to the ledger.
    pub ledger: LedgerChange,
    /// What it changed, for those who read the table.
    pub footprint: Footprint,
    /// The asset's whole ledger after this commit; in every hundredth record, so that claims can be read from there on.
    pub whole_ledger: Option<Vec<Entry>>,
    /// The columns as they are read, where its tables have them otherwise: objects flattened, and lists of them in tables of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<Column>>,
    /// What it does to rows that were set aside, where somebody asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled: Option<Handled>,
    /// The own table first, which decides; then its companions: children, quarantine, kept pages.
    pub parts: Vec<Part>,
}

/// Rows that leave the quarantine because somebody said so, by whom and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handled {
    /// What becomes of them.
    pub how: Handling,
    /// Which, by their ids: they leave the quarantine with this commit and no other.
    pub rows: Vec<AsideId>,
    /// Rows without an id, of an earlier version of this program, that leave with them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_id: u64,
    /// Who asked for it: user and process.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, as whoever asked said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What becomes of rows that were set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// They are in the table with this commit, or were there already.
    Replayed,
    /// Nobody wants them.
    Discarded,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// One table of a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What the table is to the asset.
    pub role: Role,
    /// The table.
    pub target: Target,
    /// The last of the asset's commits on this table before this one; 0 for none.
    pub predecessor: u64,
    /// What is to happen to it.
    pub change: Change,
    /// The table's schema after it.
    pub schema: SchemaRef,
    /// Rows that lie ready.
    pub staged: Vec<Staged>,
    /// What readers range over, for working the change out anew.
    pub grains: Vec<Grain>,
    /// The sink's own plan of the change, worked out on the version named there; worked out anew if the table moved.
    pub plan: Value,
}

/// What a table is to its asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The asset's own table.
    Table,
    /// The rows that were set aside, or kept as evidence.
    Quarantine,
    /// The answers themselves, for replaying the mapping.
    Pages,
    /// The objects of a list in its rows.
    Child,
}

/// An input as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InputVersion {
    /// The table.
    pub table: TableId,
    /// Its asset's name then.
    pub name: AssetName,
    /// The version that was read, and nothing newer.
    pub version: u64,
}

/// One fact of the ledger: this part of the table is done, by this definition, from this source, as of this commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// The stretch that is done; `None` where the asset has no range.
    pub range: Option<Span>,
    /// The slice that is done; none where the asset has no `for_each`.
    pub labels: Labels,
    /// Whether its rows are there, or it is known that they are not ours to read.
    pub outcome: Outcome,
    /// The commit that carried it; through it, the version of each input.
    pub n: u64,
    /// The data hash of the definition that made it.
    pub data_hash: String,
    /// A hash of the slice's values beyond its labels, and of parameters that are not labels; when it differs the entry is stale.
    pub values_hash: String,
    /// The versions of its inputs that a later computation saw which gave the rows that are there: it committed nothing, so no record
    /// tells them. An input that is not named stands at the version that commit `n` was computed from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<TableId, u64>,
    /// Where it was read from: scheme, host, database, account; no secret. `None` where the lake was read.
    pub source: Option<String>,
    /// When the read began that this is the state of: of the commit, or of a later read that found the same.
    pub read_at: Timestamp,
    /// Kept as it was under an older definition (`forward_only`, a new nullable column).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

/// How a part of a table ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its rows are in the table.
    Done,
    /// It is not ours to read.
    Closed,
}

/// What a commit does to its asset's ledger. A commit drops every entry whose rows it replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LedgerChange {
    /// Everything that was done is no longer (a whole table replaced, a rebuild).
    pub drop_all: bool,
    /// These stretches are no longer done as they were.
    pub drop_ranges: Spans,
    /// These slices are no longer done as they were.
    pub drop_labels: BTreeSet<Labels>,
    /// What is done now.
    pub add: Vec<Entry>,
}

/// What a commit changed, as far as a reader of the table may need it to know whether it must read again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Footprint {
    /// It is not known; every reader must assume that everything changed.
    #[default]
    Everything,
    /// Exactly this.
    Parts {
        /// The slices whose rows changed.
        labels: BTreeSet<Labels>,
        /// For each column that a reader ranges over: the values of the changed rows, old and new, in that reader's grain;
        /// at most [`Footprint::MOST_SPANS`] intervals, else their hull. A column that is not named is everything.
        columns: BTreeMap<String, Spans>,
        /// How many rows changed; 0 means that nothing did.
        rows: u64,
    },
}

impl Footprint {
    /// The most intervals that a column of a footprint has.
    pub const MOST_SPANS: usize = 1000;

    /// Nothing changed.
    pub fn nothing() -> Footprint {
        Footprint::Parts {
            labels: BTreeSet::new(),
            columns: BTreeMap::new(),
            rows: 0,
        }
    }

    /// Whether nothing changed.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Footprint::Parts { rows: 0, .. })
    }

    /// Whether a reader of this stretch of this column sees a change. A column that is not known is everything.
    pub fn meets(&self, column: &str, span: &Span) -> bool {
        match self {
            Footprint::Everything => true,
            Footprint::Parts { rows: 0, .. } => false,
            Footprint::Parts { columns, .. } => columns.get(column).is_none_or(|spans| spans.meets(span)),
        }
    }
}

impl LedgerChange {
    /// The ledger after this change. Neighbouring ranges of one commit, alike in all else, are one entry.
    pub fn apply(&self, ledger: Vec<Entry>) -> Vec<Entry> {
        let mut after: Vec<Entry> = Vec::with_capacity(ledger.len() + self.add.len());
        for entry in ledger {
            let replaced = self.drop_all || self.drop_labels.contains(&entry.labels);
            match entry.range {
                _ if replaced => {}
                Some(range) if self.drop_ranges.meets(&range) => {
                    let left = Spans::of([range]).minus(&self.drop_ranges);
                    after.extend(left.as_slice().iter().map(|span| Entry {
                        range: Some(*span),
                        ..entry.clone()
                    }));
                }
                _ => after.push(entry),
            }
        }
        after.extend(self.add.iter().cloned());
        after.sort_by(|a, b| (&a.labels, a.range).cmp(&(&b.labels, b.range)));
        after.dedup_by(|next, entry| match (entry.range, next.range) {
            (Some(a), Some(b))
                if a.to == b.from
                    && *entry
                        == (Entry {
                            range: Some(a),
                            ..next.clone()
                        }) =>
            {
                entry.range = Some(Span::new(a.from, b.to));
                true
            }
            _ => false,
        });
        after
    }
}

impl CommitRecord {
    /// The version of the record's format that this program writes.
    pub const FORMAT: u32 = 1;

    /// The record as it is written down.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|e| unreachable!("a record of plain values is JSON: {e}"))
    }

    /// The record that was written down.
    ///
    /// # Errors
    /// `BadData` when it is not a record, or one of a later format.
    pub fn from_json(text: &str) -> Result<CommitRecord> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let bad = |e| Error::new(Kind::BadData, "cannot read a commit's record").caused_by(e);
        let Format { format } = serde_json::from_str(text).map_err(bad)?;
        if format > CommitRecord::FORMAT {
            return Err(Error::new(
                Kind::Unsupported,
                format!(
                    "a commit's record has format {format}, and this program knows {}",
                    CommitRecord::FORMAT
                ),
            )
            .hint("use the version of Segue that wrote it, or a later one"));
        }
        serde_json::from_str(text).map_err(bad)
    }

    /// The asset's own table.
    pub fn own(&self) -> &Part {
        &self.parts[0]
    }
}

impl fmt::Display for CommitRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "commit {} of {}", self.n, self.name)
    }
}
