//! The rows of a merge: their keys, part by part where not all fit into memory, and which of them the table has already.

use super::super::Work;
use super::super::reach::Reach;
use super::super::rows::Digester;
use super::ahead::read_ahead;
use super::columns::KeyColumns;
use super::flags::Flags;
use super::keys::{Added, Found, Keys, Part, ROW_BYTES};
use crate::file::DataFile;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use datafusion::common::hash_utils::RandomState;
use futures::TryStreamExt;
use segue_core::{Error, Kind, Result, Type};
use segue_diag::{LAKE_MEMORY, MERGE_KEY};
use uuid::Uuid;

/// Files that are larger are read by a task of their own.
const AHEAD_BYTES: u64 = 1 << 20;

/// What a merge is fed with. Rows are numbered: those that come, in the order of their files, then those that go.
pub(super) struct Source {
    /// With each, whether the table can take it as it is.
    pub comes: Vec<(DataFile, bool)>,
    goes: Vec<DataFile>,
    /// How many rows come; the numbers from there on are of keys that go.
    pub coming: u32,
    rows: u32,
    pub key: KeyColumns,
    of_rows: Digester,
    hasher: RandomState,
    reach: Vec<Reach>,
}

impl Source {
    /// What lies staged for this merge.
    ///
    /// # Errors
    /// `Invalid` for a key that is none of the table's; `Unsupported` for more rows than a bit each fits into memory.
    pub fn new(work: &Work<'_>, key: &[String]) -> Result<Source> {
        let (comes, key) = (work.comes(), KeyColumns::new(work, key)?);
        let goes: Vec<DataFile> = work.places.iter().flat_map(|p| p.deletes.iter().cloned()).collect();
        let count = |files: &mut dyn Iterator<Item = &DataFile>| files.filter_map(DataFile::row_count).sum::<u64>();
        let coming = count(&mut comes.iter().map(|(file, _)| file));
        let rows = coming + count(&mut goes.iter());
        let bits = rows / 8;
        let (Ok(coming), Ok(all), true) = (
            u32::try_from(coming),
            u32::try_from(rows),
            bits <= work.ctx.limits.memory / 2,
        ) else {
            return Err(too_many(work, rows));
        };
        Ok(Source {
            reach: vec![Reach::default(); key.schema.fields().len()],
            of_rows: Digester::of_all(&work.after)?,
            hasher: RandomState::with_seed(Uuid::new_v4().as_u64_pair().0),
            rows: all,
            coming,
            comes,
            goes,
            key,
        })
    }

    /// A bit for each row that comes.
    pub fn flags(&self) -> Flags {
        Flags::new(self.coming)
    }

    /// The first part of the keys, as many of them as fit into memory.
    pub async fn first(&mut self, work: &Work<'_>) -> Result<(Keys, u64)> {
        let room = work.ctx.limits.memory / 2;
        let mut of = (u64::from(self.rows) * ROW_BYTES).div_ceil(room.max(1)).max(1);
        loop {
            // Parts of one row are not parted any further.
            let is_least = of > u64::from(self.rows);
            let room = if is_least { u64::MAX } else { room };
            match self.read(work, Part { at: 0, of }, room).await? {
                Some(keys) => return Ok((keys, of)),
                None if is_least => return Err(too_many(work, self.rows.into())),
                None => of *= 2,
            }
        }
    }

    /// One part of the keys; `None` where they do not fit.
    pub async fn read(&mut self, work: &Work<'_>, part: Part, room: u64) -> Result<Option<Keys>> {
        let rows = usize::try_from(u64::from(self.rows) / part.of).unwrap_or(0);
        let (mut keys, mut number) = (Keys::new(self.hasher.clone(), part, rows), 0);
        for at in 0..self.comes.len() {
            let file = &self.comes[at].0;
            let rows = work.incoming(file).await?;
            let mut rows = if file.size > AHEAD_BYTES {
                read_ahead(rows)
            } else {
                rows
            };
            while let Some(batch) = rows.try_next().await? {
                let key = self.key.of(&batch)?;
                if !self.take(work, &key, Some(&batch), &mut number, &mut keys, room)? {
                    return Ok(None);
                }
            }
        }
        for at in 0..self.goes.len() {
            // Such rows need no values beside the key, so nothing else is read.
            let (store, file) = (work.store.clone(), self.goes[at].clone());
            let mut rows = crate::read::one(store, file, self.key.schema.clone()).await?;
            while let Some(key) = rows.try_next().await? {
                if !self.take(work, &key, None, &mut number, &mut keys, room)? {
                    return Ok(None);
                }
            }
        }
        Ok(Some(keys))
    }

    /// Remembers rows by their keys: non-null, and each once. False where there is no more room.
    fn take(
        &mut self,
        work: &Work<'_>,
        key: &RecordBatch,
        batch: Option<&RecordBatch>,
        number: &mut u32,
        keys: &mut Keys,
        room: u64,
    ) -> Result<bool> {
        work.ctx.go_on()?;
        self.check(work, key)?;
        let bytes = self.key.bytes(key)?;
        let here: BooleanBuffer = bytes.iter().map(|key| keys.is_here(key.as_ref())).collect();
        let digests = match batch {
            Some(batch) => {
                let mask = BooleanArray::new(here.clone(), None);
                self.of_rows.digests(&super::super::filter(batch, &mask)?)?
            }
            None => vec![0; here.count_set_bits()],
        };
        for (at, digest) in here.set_indices().zip(digests) {
            let row = Found {
                number: *number + at as u32,
                digest,
            };
            match keys.add(bytes.row(at).as_ref(), row) {
                Added::New => {}
                Added::Twice => return Err(self.twice(work, key, at)),
                Added::Full => return Ok(false),
            }
        }
        *number += key.num_rows() as u32;
        Ok(keys.held() <= room)
    }

    fn check(&mut self, work: &Work<'_>, key: &RecordBatch) -> Result<()> {
        if let Some(at) = key.columns().iter().position(|c| c.null_count() > 0) {
            let column = self.key.schema.field(at).name();
            return Err(Error::new(
                Kind::BadData,
                format!("the key's column `{column}` of {} is empty in a row", work.target.name),
            )
            .code(MERGE_KEY)
            .hint("set such rows aside with a check `not_null` at `on_failure: quarantine`"));
        }
        for (reach, column) in self.reach.iter_mut().zip(key.columns()) {
            reach.add(column);
        }
        Ok(())
    }

    fn twice(&self, work: &Work<'_>, key: &RecordBatch, row: usize) -> Error {
        let shown = |column: &ArrayRef| {
            arrow_cast::display::array_value_to_string(column, row).unwrap_or_else(|_| "a value".to_string())
        };
        let names: Vec<_> = self.key.schema.fields().iter().map(|f| f.name().as_str()).collect();
        let values: Vec<_> = key.columns().iter().map(shown).collect();
        Error::new(
            Kind::BadData,
            format!(
                "the key ({}) of {} is not unique: {} comes twice",
                names.join(", "),
                work.target.name,
                values.join(", ")
            ),
        )
        .code(MERGE_KEY)
        .hint("set such rows aside with a check `unique` at `on_failure: quarantine`, or choose another key")
    }

    /// Whether a file of the table may hold a key of the source, as far as the file's statistics tell.
    pub fn may_be_in(&self, file: &DataFile) -> bool {
        let stats = file.stats();
        self.rows > 0
            && self.key.schema.fields().iter().zip(&self.reach).all(|(field, reach)| {
                let of = Type::of(field).ok();
                let bounds = of.and_then(|of| stats.bounds(field.name(), &of));
                bounds.is_none_or(|bounds| reach.meets(&bounds))
            })
    }
}

fn too_many(work: &Work<'_>, rows: u64) -> Error {
    Error::new(
        Kind::Unsupported,
        format!(
            "a merge of {rows} rows into {} needs more memory than allowed",
            work.target.name
        ),
    )
    .code(LAKE_MEMORY)
    .hint("raise the memory limit, or commit smaller slices or ranges")
}
