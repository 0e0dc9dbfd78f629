//! Where rows go to: tables that take a commit once, and only after its predecessor.

mod ranged;

pub use ranged::{is_ranged, numbers};

use crate::commit::{CommitRecord, Footprint};
use crate::engine::Relation;
use crate::wire::{Wire, WireRows};
use crate::{AssetId, AssetName, CommitId, Ctx, Error, Labels, Result, Span, Spans, TableId, Type};
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{Field, SchemaRef};
use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One table of an asset in one sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Whose table it is.
    pub asset: AssetId,
    /// The table's identity.
    pub table: TableId,
    /// What people call it; for messages.
    pub name: AssetName,
    /// Where it is: in the lake the path below the lake's root (`raw/artists`), in a database the table's name.
    pub place: String,
    /// The connection that holds it; `None` is the lake.
    pub connection: Option<String>,
}

/// Rows on their way in: with merges, which of them delete.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The rows, all of one schema within one [`Sink::stage`].
    pub batch: RecordBatch,
    /// True where the row deletes its key. `None`: no row does.
    pub deletes: Option<BooleanArray>,
}

/// What is to happen to a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The staged rows are added.
    Append,
    /// The staged rows are the table, in their schema. Old versions stay readable.
    ReplaceTable,
    /// The staged rows replace all rows whose `column` is in the ranges. Rows outside them are an error.
    ReplaceRanges {
        /// The output column of the range, a date or a timestamp or a number.
        column: String,
        /// Which stretches.
        ranges: Spans,
    },
    /// The staged rows replace all rows of these slices. Rows of other slices are an error.
    ReplaceSlices {
        /// The columns that hold the labels.
        columns: Vec<String>,
        /// Which slices, those without any row included.
        slices: BTreeSet<Labels>,
    },
    /// Each staged row replaces the row of its key, or is added; rows marked as deleting remove it.
    /// Keys are non-null and unique within what is staged.
    Merge {
        /// The key's columns.
        key: Vec<String>,
        /// What becomes of the table's rows whose key is not among the staged ones.
        #[serde(default, skip_serializing_if = "Missing::keeps")]
        missing: Missing,
    },
    /// All rows whose key occurs among the staged rows are taken away, and the staged rows are added. A key may come several times; a
    /// row marked as deleting has its key's rows taken away, and is not added. Keys whose rows are equal, as often as they come, are left
    /// as they are. Keys are non-null.
    DeleteInsert {
        /// The key's columns.
        key: Vec<String>,
    },
    /// The table keeps what was ([`valid_columns`] stand in its schema, and in no staged row). A staged row whose key has no current row is
    /// added as current from `at` on. One that is equal to its current row in all other columns changes nothing; one that differs closes
    /// it at `at`, and is added. A row marked as deleting closes it. Keys are non-null and unique within what is staged.
    ///
    /// No stretch is empty or runs backwards, and no two of a key overlap, also where a clock was set back: where `at` is not above the
    /// current row's [`VALID_FROM`], a microsecond after that stands for it; and where a key has no current row, its new one begins no
    /// earlier than its last [`VALID_TO`]. That goes for the one key alone.
    History {
        /// The key's columns.
        key: Vec<String>,
        /// When the read began whose rows these are.
        at: Timestamp,
    },
}

/// What becomes of rows of a merged table whose key did not come, where everything that there is came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// They stay.
    #[default]
    Keep,
    /// Which they are is not known this time: they stay as they are. As with [`Missing::Mark`], a row whose key comes has its
    /// [`DELETED_AT`] empty.
    Unknown,
    /// They are deleted.
    Delete,
    /// Their [`DELETED_AT`], which stands in the table's schema and in no staged row, becomes `at` where it is empty. A row whose key comes
    /// has it empty.
    Mark {
        /// When the read began in which they did not come.
        at: Timestamp,
    },
}

impl Missing {
    /// Whether nothing was said of them.
    pub fn keeps(&self) -> bool {
        *self == Missing::Keep
    }

    /// Whether they are looked for.
    pub fn is_told(&self) -> bool {
        matches!(self, Missing::Delete | Missing::Mark { .. })
    }
}

/// Since when a row of a history is so; required.
pub const VALID_FROM: &str = "valid_from";
/// Until when it was so, exclusively; empty while it is.
pub const VALID_TO: &str = "valid_to";
/// Whether it is so now; required.
pub const CURRENT: &str = "current";
/// When a row was first seen to be gone at its source; empty while it is there.
pub const DELETED_AT: &str = "deleted_at";

/// The columns of a history beside the rows' own, in their order.
pub fn valid_columns() -> [Field; 3] {
    [
        Type::Timestamp.field(VALID_FROM, false),
        Type::Timestamp.field(VALID_TO, true),
        Type::Bool.field(CURRENT, false),
    ]
}

/// The column in which rows are marked that are gone.
pub fn deleted_column() -> Field {
    Type::Timestamp.field(DELETED_AT, true)
}

impl Change {
    /// A merge that leaves alone what did not come.
    pub fn merge(key: impl IntoIterator<Item = impl Into<String>>) -> Change {
        Change::Merge {
            key: key.into_iter().map(Into::into).collect(),
            missing: Missing::Keep,
        }
    }

    /// The key by which rows meet; empty where they do not meet by one.
    pub fn key(&self) -> &[String] {
        match self {
            Change::Merge { key, .. } | Change::DeleteInsert { key } | Change::History { key, .. } => key,
            Change::Append | Change::ReplaceTable | Change::ReplaceRanges { .. } | Change::ReplaceSlices { .. } => &[],
        }
    }

    /// The columns that the change fills by itself: the table's schema has them, staged rows do not.
    pub fn own_columns(&self) -> Vec<Field> {
        match self {
            Change::History { .. } => valid_columns().to_vec(),
            Change::Merge {
                missing: Missing::Mark { .. } | Missing::Unknown,
                ..
            } => vec![deleted_column()],
            _ => Vec::new(),
        }
    }
}

/// Rows that lie ready in the sink, durable, and invisible until a commit names them. Plain data: another process can commit or discard them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Staged {
    /// How many rows.
    pub rows: u64,
    /// Their size on disk.
    pub bytes: u64,
    /// The sink's own note of where they are.
    pub place: Value,
}

/// Rows that lay ready, without those that the table's own rules do not let in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sifted {
    /// What is left, in place of the pieces that were handed in.
    pub staged: Vec<Staged>,
    /// The rows that were taken out, as they were staged, with [`refused_columns`] behind their own.
    pub refused: Vec<Staged>,
    /// How many rows the table has, where any was taken out.
    pub there: u64,
}

/// The rule that a refused row breaks, as the table calls it; empty where it has no name.
pub const REFUSED_BY: &str = "_segue_rule";
/// The column that is to blame; empty where it is no one column.
pub const REFUSED_FOR: &str = "_segue_column";
/// Why it is refused, as a short phrase; required.
pub const REFUSED_AS: &str = "_segue_reason";

/// The columns of refused rows beside their own, in their order.
pub fn refused_columns() -> [Field; 3] {
    [
        Type::String.field(REFUSED_BY, true),
        Type::String.field(REFUSED_FOR, true),
        Type::String.field(REFUSED_AS, false),
    ]
}

/// What a reader ranges over, so that footprints can be kept in its grain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grain {
    /// The column of the written table.
    pub column: String,
    /// The boundaries of the reader's ranges within the values that occur, sorted; a value belongs to the interval that
    /// begins at the last boundary not above it. Empty: the exact values are kept.
    pub bounds: Vec<i64>,
}

/// Rows that a merge found missing ([`Missing`]); zeros where it did not look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissingRows {
    /// Rows that it deletes or marks because their key did not come.
    pub gone: u64,
    /// Rows that the table had, without those that were marked before.
    pub of: u64,
}

/// A change that was worked out on one version of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkedOut {
    /// Nothing would change: the rows are equal to those that are there.
    pub unchanged: bool,
    /// The slices among those replaced whose rows are equal: left out of the change.
    pub unchanged_slices: BTreeSet<Labels>,
    /// The stretches among those replaced whose rows are equal: left out of the change. To know of one range, ask whether it is
    /// covered: around a single changed value the rest of its range is still told as unchanged.
    pub unchanged_ranges: Spans,
    /// Rows added or changed.
    pub rows_written: u64,
    /// Rows that were there and are no longer, or no longer so.
    pub rows_removed: u64,
    /// Of a merge that tells what is missing: what it found.
    pub missing: MissingRows,
    /// Bytes that are added to the target.
    pub bytes_written: u64,
    /// What the change would do to readers; labels and columns as asked for.
    pub footprint: Footprint,
    /// The sink's own plan; goes into the record's part.
    pub plan: Value,
}

/// The last mark of an asset on one of its tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The last commit's number; 0 when there is none.
    pub n: u64,
    /// The attempt that landed there; `None` with 0, and where the claim that would name it is gone.
    pub id: Option<CommitId>,
    /// The table's version: grows with every change, whoever made it. 0 where the table does not exist.
    pub version: u64,
    /// The table's schema; `None` where it does not exist.
    pub schema: Option<SchemaRef>,
    /// The id that the table carries, where the sink keeps one; another than the target's is another table.
    pub table: Option<TableId>,
    /// Whether another program made the table: its columns stay what they are, and rows come into them as these take them.
    pub is_foreign: bool,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The number is this record's, now or since before.
    Ours,
    /// The number belongs to another attempt: this one is over.
    Taken,
}

/// What became of a commit on one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is there now; the table's version.
    Written(u64),
    /// It had been there before; the version at which it landed, as far as it is known.
    AlreadyThere(u64),
    /// The table's last commit is not the predecessor: it can never land.
    ShutOut,
    /// Another program moved the table: work the change out anew on the newest version and try again.
    Moved,
}

/// One change of a table as its own log tells it, for readers' staleness.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedChange {
    /// The table's version.
    pub version: u64,
    /// The asset's commit that made it; `None` for a version that no commit of ours made.
    pub n: Option<u64>,
    /// Whether rows changed (compaction and metadata change none).
    pub data_changed: bool,
}

/// A place that keeps tables and takes commits.
///
/// What every sink guarantees:
/// * **Once.** [`Sink::commit`] of one (n, id) lands at most once, however often and by however many processes it is called.
/// * **In order.** It lands only if the asset's last number on that table is the part's predecessor, compared and written in one atomic step.
/// * **Durable.** When `stage`, `claim` or `commit` has returned, a power cut does not take it back.
/// * **Invisible.** What is staged and claimed is seen by no reader.
/// * **After a crash** at any point the table is as before or as after, and the same call with the same record finishes or finds it done.
///
/// Staging is parallel; commits of one asset are called one after the other by whoever holds the asset's lease, and may be called
/// by one who lost it: the predecessor rule alone keeps the table right.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Where it is, without secrets: part of every target's identity.
    fn identity(&self) -> String;

    /// Whether numbers are claimed beside the table (a lake), or owned by the target's own transaction (a database).
    fn claims(&self) -> bool;

    /// The last mark of the asset on this table, read from the table itself.
    async fn head(&self, target: &Target, ctx: &Ctx) -> Result<Head>;

    /// Makes these rows lie ready. The schema is that of every batch; types are checked against nothing yet.
    async fn stage(
        &self,
        target: &Target,
        schema: SchemaRef,
        rows: BoxStream<'static, Result<Rows>>,
        ctx: &Ctx,
    ) -> Result<Staged>;

    /// Takes the rows out of what lies staged that the table would not let in by rules of its own: constraints, unique indexes, references to
    /// other tables, triggers that raise an error, types that do not hold the value. What is left is let in by the table as it is now. Of
    /// rows that come and cannot both be there because of equal values none is left. A row that would be deleted is no reason.
    ///
    /// What was handed in is no longer to be named; without rows to refuse it may be what is handed back. Nothing else is changed, and after a
    /// crash the pieces are the sink's to sweep. A sink whose tables have no rules but those that [`Sink::work_out`] judges has nothing to
    /// refuse.
    ///
    /// # Errors
    /// As [`Sink::work_out`], but for rows. `BadData` where a rule is broken, and which row breaks it cannot be told.
    async fn sift(
        &self,
        _target: &Target,
        _schema: SchemaRef,
        _change: &Change,
        staged: &[Staged],
        _ctx: &Ctx,
    ) -> Result<Sifted> {
        Ok(Sifted {
            staged: staged.to_vec(),
            ..Sifted::default()
        })
    }

    /// The form in which it takes rows as they are, by its name; `None`: it takes values.
    fn wire_form(&self) -> Option<&'static str> {
        None
    }

    /// Why the table does not take these rows as they are; `None`: it does. `anew` where it is made anew, with these rows alone.
    async fn refuses(&self, _target: &Target, _wire: &Wire, _anew: bool, _ctx: &Ctx) -> Result<Option<String>> {
        Err(Error::bug("a sink was asked about a form that it does not speak"))
    }

    /// Makes rows lie ready that come as they are, in a form that [`Sink::refuses`] did not refuse. They are the rows of its schema to all
    /// that follows.
    async fn stage_wire(
        &self,
        _target: &Target,
        _wire: Wire,
        _rows: BoxStream<'static, Result<WireRows>>,
        _ctx: &Ctx,
    ) -> Result<Staged> {
        Err(Error::bug("a sink was given a form that it does not speak"))
    }

    /// Works out what the change would do to the newest version of the table: aligns types, finds what to add and remove, leaves
    /// out slices and ranges whose rows are equal. Writes no more than further staged files. `schema` is that of the table afterwards;
    /// it holds every column of the staged rows and, but for [`Change::ReplaceTable`], of the table.
    ///
    /// # Errors
    /// `BadData` for null or doubled keys of a merge or history, null keys of a delete-insert, rows outside their ranges or slices, staged
    /// rows with a column that the change fills by itself, types that would have to be narrowed.
    async fn work_out(
        &self,
        target: &Target,
        schema: SchemaRef,
        change: &Change,
        staged: &[Staged],
        grains: &[Grain],
        ctx: &Ctx,
    ) -> Result<WorkedOut>;

    /// The table as it would be after this plan.
    async fn view(&self, target: &Target, plan: &Value, ctx: &Ctx) -> Result<Arc<dyn Relation>>;

    /// The staged rows alone, but for those that delete: of them the key is all that counts.
    async fn staged(&self, target: &Target, staged: &[Staged], ctx: &Ctx) -> Result<Arc<dyn Relation>>;

    /// The table at one of its versions.
    async fn at(&self, target: &Target, version: u64, ctx: &Ctx) -> Result<Arc<dyn Relation>>;

    /// Claims the record's number beside its own table: must not exist, is synced, is never removed. Where [`Sink::claims`] is false: nothing to do.
    async fn claim(&self, record: &CommitRecord, ctx: &Ctx) -> Result<Claim>;

    /// The highest number that is claimed or committed on this table, whoever did it; a new number must be above it.
    async fn highest(&self, target: &Target, ctx: &Ctx) -> Result<u64>;

    /// Whether everything that this part of the record names lies there in full, so that [`Sink::commit`] would find it. Asked of companions
    /// while the own table has not decided: afterwards nothing of the record can be given up.
    ///
    /// # Errors
    /// `BadData` when some of it is gone.
    async fn lies_ready(&self, _record: &CommitRecord, _part: usize, _ctx: &Ctx) -> Result<()> {
        Ok(())
    }

    /// Carries one part of the record out.
    async fn commit(&self, record: &CommitRecord, part: usize, ctx: &Ctx) -> Result<Committed>;

    /// Removes staged rows that no commit will name, and the further files of a plan, if given. Missing ones are no error.
    async fn discard(&self, target: &Target, staged: &[Staged], plan: Option<&Value>, ctx: &Ctx) -> Result<()>;

    /// Removes what lies staged for the asset's tables and is not named here: a step that died left it behind. Called under the asset's
    /// lease, by a step that has staged nothing yet. A place that is swept otherwise does nothing.
    async fn sweep(&self, _target: &Target, _named: &[Staged], _ctx: &Ctx) -> Result<()> {
        Ok(())
    }

    /// The records of the commits that are on this table, oldest first, along the predecessors from its head: for rebuilding a state.
    async fn records(&self, target: &Target, ctx: &Ctx) -> Result<Vec<CommitRecord>>;

    /// Every asset's own table that this sink holds, by its claims or heads; companions are found through them. A table that says no longer
    /// whose it is is an error among them, naming its place. For rebuilding a state.
    async fn tables(&self, ctx: &Ctx) -> Result<Vec<Result<Target>>>;

    /// What happened to the table after `since` and up to `until` (versions), oldest first. Where the log no longer reaches back, an error.
    async fn changes(&self, target: &Target, since: u64, until: u64, ctx: &Ctx) -> Result<Vec<LoggedChange>>;

    /// Removes the table with its marks and files. For `asset drop` alone.
    async fn drop_table(&self, target: &Target, ctx: &Ctx) -> Result<()>;
}

/// Footprint values of a column, put into a reader's grain.
pub fn grained(values: impl IntoIterator<Item = i64>, grain: &Grain) -> Spans {
    let spans = values.into_iter().map(|v| {
        let at = grain.bounds.partition_point(|b| *b <= v);
        let from = if at == 0 { v } else { grain.bounds[at - 1] };
        let to = if at == 0 || at == grain.bounds.len() {
            v.saturating_add(1)
        } else {
            grain.bounds[at]
        };
        Span::new(if at == grain.bounds.len() { v } else { from }, to)
    });
    Spans::of(spans).at_most(Footprint::MOST_SPANS)
}

#[cfg(test)]
mod tests;
