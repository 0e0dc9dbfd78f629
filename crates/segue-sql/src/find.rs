//! Finding rows by a name: for each table that says how, an index of names that follows the table's versions.
//!
//! An index is of one version. It is kept in memory, and in a file for the next process; a version that is not the one that is wanted is
//! followed by what differs, and one is built anew only where there is none, or none that can be read. Whoever asks of a version gets
//! the answer of that very version.
//!
//! Indexes hold what their tables hold: where a policy will hide rows from a reader, it has to stand here too.

mod entries;
mod kept;

use arrow_schema::{DataType, SchemaRef};
use entries::Columns;
use kept::Kept;
use parking_lot::Mutex;
use segue_core::engine::{Pinned, Relation, TableKey};
use segue_core::{Ctx, Error, Kind, Result, TableId};
use segue_names::{Answer, Entry, Index};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// How many tables' indexes are held in memory at once. Files have the others.
const MOST_HELD: usize = 4;

/// Which tables' rows are found by a name, and where their indexes are kept.
#[derive(Clone, Debug, Default)]
pub struct NameOptions {
    /// The folder of the indexes' files, made when it is needed; without one they live no longer than the process.
    pub folder: Option<PathBuf>,
    /// How the rows of a table are found.
    pub tables: BTreeMap<TableKey, FindBy>,
}

/// The columns by which a table's rows are found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindBy {
    /// The column that says which thing a row is: text, a UUID or a whole number.
    pub id: String,
    /// The column of its name: text.
    pub name: String,
    /// The columns of what else it is called: text, or lists of text.
    pub aliases: Vec<String>,
    /// The column of how well known it is: a number.
    pub popularity: Option<String>,
    /// Which rows count; all where it is not said.
    pub only: Option<Only>,
}

/// Rows that count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Only {
    /// Those in which this column is true.
    True(String),
    /// Those in which this column is null.
    Null(String),
}

/// The indexes of an engine.
pub struct Indexes {
    options: NameOptions,
    /// By their tables, the one that was asked for last at the end. Each is locked while it is brought to a version.
    held: Mutex<Vec<(TableId, Slot)>>,
}

type Slot = Arc<tokio::sync::Mutex<Option<Held>>>;

/// An index, and what it was made of.
#[derive(Clone)]
struct Held {
    of: Of,
    index: Arc<Index>,
}

/// What an index is made of: another version, or other columns, and it is another index.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Of {
    pinned: Pinned,
    by: FindBy,
}

impl Indexes {
    /// None yet.
    pub fn new(options: NameOptions) -> Indexes {
        Indexes {
            options,
            held: Mutex::default(),
        }
    }

    /// How the rows of this table are found, which may be named as it was: `raw."artists@3"`.
    ///
    /// # Errors
    /// `Invalid` for a table that does not say it.
    pub fn by(&self, key: &TableKey) -> Result<&FindBy> {
        let table = key.table.split('@').next().unwrap_or_default();
        let key = TableKey::new(&key.schema, table);
        self.options.tables.get(&key).ok_or_else(|| {
            let message = format!("`{key}` does not say how its rows are found by a name");
            Error::new(Kind::Invalid, message)
                .code(segue_diag::NO_FIND)
                .hint(format!(
                    "write `find: {{ id: …, name: … }}` into the file of `{key}`, with its columns"
                ))
        })
    }

    /// What a text means among these rows.
    ///
    /// # Errors
    /// `Invalid` for a table that does not say how its rows are found or whose columns do not fit, and for more names than the context's
    /// memory allows; those of reading the rows; `Cancelled`.
    pub async fn resolve(&self, key: &TableKey, rows: &Arc<dyn Relation>, text: &str, ctx: &Ctx) -> Result<Answer> {
        let index = self.index(key, rows, ctx).await?;
        Ok(ctx.meter.measured(|| index.resolve(text)))
    }

    /// The name of the thing with this id among these rows; `None` where there is none that is found by a name.
    ///
    /// # Errors
    /// As [`Indexes::resolve`].
    pub async fn name_of(
        &self,
        key: &TableKey,
        rows: &Arc<dyn Relation>,
        id: &str,
        ctx: &Ctx,
    ) -> Result<Option<String>> {
        let index = self.index(key, rows, ctx).await?;
        Ok(index.get(id).map(|entry| entry.name))
    }

    /// Forgets what was kept of a table that is gone. Best effort: a file that stays is only room on the disk.
    pub fn forget(&self, table: TableId) {
        self.held.lock().retain(|(held, _)| *held != table);
        if let Some(folder) = &self.options.folder {
            Kept::new(folder, table).remove();
        }
    }

    /// The index of these rows.
    async fn index(&self, key: &TableKey, rows: &Arc<dyn Relation>, ctx: &Ctx) -> Result<Arc<Index>> {
        let by = self.by(key)?;
        let columns = Columns::of(key, by, &rows.schema())?;
        let Some(pinned) = rows.pinned() else {
            let entries = columns.read(rows, ctx).await?;
            return brought(None, String::new(), entries, ctx).await;
        };
        let slot = self.slot(pinned.table);
        let mut held = ctx.or_cancelled(async { Ok(slot.lock().await) }).await?;
        let of = Of { pinned, by: by.clone() };
        if let Some(index) = held.as_ref().and_then(|held| held.is_of(&of)) {
            return Ok(index);
        }
        let kept = self
            .options
            .folder
            .as_ref()
            .map(|folder| Kept::new(folder, of.pinned.table));
        if let Some(read) = self.kept(kept.clone(), &of, held.is_none(), ctx).await? {
            let index = read.is_of(&of);
            *held = Some(read);
            if let Some(index) = index {
                return Ok(index);
            }
        }
        let before = held
            .as_ref()
            .filter(|held| held.of.by == of.by)
            .map(|held| held.index.clone());
        let entries = columns.read(rows, ctx).await?;
        let index = brought(before, of.pinned.version.to_string(), entries, ctx).await?;
        // What is asked of as it was is asked once; the newest version is asked for again, by this process and by the next.
        if !key.table.contains('@') {
            let now = Held {
                of,
                index: index.clone(),
            };
            *held = Some(now.clone());
            if let Some(kept) = kept {
                let written = blocking(ctx, move || {
                    kept.write(&now);
                    Ok(())
                });
                ctx.or_cancelled(written).await?;
            }
        }
        Ok(index)
    }

    /// What the disk has, where that is of use: the very index, or any of the same columns where memory has none.
    async fn kept(&self, kept: Option<Kept>, of: &Of, any: bool, ctx: &Ctx) -> Result<Option<Held>> {
        let Some(kept) = kept else { return Ok(None) };
        let of = of.clone();
        let read = blocking(ctx, move || {
            Ok(kept.read(|found| *found == of || (any && found.by == of.by)))
        });
        ctx.or_cancelled(read).await
    }

    /// The place of a table's index in memory; the one that was asked for longest ago gives way.
    fn slot(&self, table: TableId) -> Slot {
        let mut held = self.held.lock();
        let slot = match held.iter().position(|(other, _)| *other == table) {
            Some(at) => held.remove(at).1,
            None => Slot::default(),
        };
        held.push((table, slot.clone()));
        if held.len() > MOST_HELD {
            held.remove(0);
        }
        slot
    }
}

impl Held {
    fn is_of(&self, of: &Of) -> Option<Arc<Index>> {
        (self.of == *of).then(|| self.index.clone())
    }
}

/// The index of these entries: the one before, followed to them, or a new one.
async fn brought(before: Option<Arc<Index>>, version: String, entries: Vec<Entry>, ctx: &Ctx) -> Result<Arc<Index>> {
    let work = move || {
        let Some(before) = before else {
            return Ok(Arc::new(Index::build(version, entries)));
        };
        let mut index = Arc::unwrap_or_clone(before);
        let followed = index.follow(version, entries);
        tracing::debug!(?followed, "an index of names followed its table");
        Ok(Arc::new(index))
    };
    ctx.or_cancelled(blocking(ctx, work)).await
}

/// Runs this on a thread for such work, counted for the context.
async fn blocking<T: Send + 'static>(ctx: &Ctx, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let meter = ctx.meter.clone();
    tokio::task::spawn_blocking(move || meter.measured(work))
        .await
        .map_err(|e| Error::bug("the work on an index of names did not end").caused_by(e))?
}

/// The type of the ids that these rows are found by.
///
/// # Errors
/// `Invalid` for columns that are not there, or in which nothing can be looked for.
pub fn id_of(key: &TableKey, by: &FindBy, schema: &SchemaRef) -> Result<DataType> {
    Columns::of(key, by, schema).map(|columns| columns.id_type().clone())
}

#[cfg(test)]
pub(crate) mod tests;
