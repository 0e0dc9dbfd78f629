//! A stretch of the table: which of its rows the source's keys meet, and the stretch without those that go.

use super::super::rows::Digester;
use super::super::values::Values;
use super::super::{Work, filter};
use super::ahead::read_ahead;
use super::columns::KeyColumns;
use super::flags::Flags;
use super::keys::Keys;
use super::source::Source;
use super::stretches::Stretch;
use crate::read::Which;
use crate::write::Writer;
use arrow_array::{BooleanArray, RecordBatch, UInt32Array};
use arrow_buffer::bit_util::{get_bit, set_bit};
use arrow_buffer::{BooleanBuffer, Buffer};
use arrow_schema::SchemaRef;
use arrow_select::take::take_record_batch;
use futures::TryStreamExt;
use object_store::ObjectStore;
use segue_core::sink::Grain;
use segue_core::{Batches, Ctx, Error, Result};
use std::sync::Arc;

/// What all lanes of a merge share.
pub(super) struct Scan {
    pub store: Arc<dyn ObjectStore>,
    /// The table's schema afterwards.
    pub after: SchemaRef,
    /// Its cancellation stops the lanes, and nothing else.
    pub ctx: Ctx,
    pub grains: Vec<Grain>,
    pub target_file_bytes: u64,
    key: KeyColumns,
    of_rows: Digester,
    coming: u32,
    /// Which rows that come are there already.
    pub there: Flags,
}

/// What one lane made of its files.
pub(super) struct Made<'a> {
    pub writer: Writer,
    pub values: Values<'a>,
    /// Whether there is a core for reading ahead while rows are written.
    pub ahead: bool,
}

impl Scan {
    pub fn new(work: &Work<'_>, source: &Source) -> Result<Scan> {
        Ok(Scan {
            store: work.store.clone(),
            after: work.after.clone(),
            ctx: Ctx {
                cancel: work.ctx.cancel.child_token(),
                ..work.ctx.clone()
            },
            grains: work.grains.to_vec(),
            target_file_bytes: work.lake.options().target_file_bytes,
            key: source.key.clone(),
            of_rows: Digester::of_all(&work.after)?,
            coming: source.coming,
            there: source.flags(),
        })
    }

    pub fn made(&self) -> Made<'_> {
        let (store, schema, now) = (self.store.clone(), self.after.clone(), self.ctx.clock.now());
        Made {
            writer: Writer::new(store, "", schema, self.target_file_bytes, now),
            values: Values::new(&self.grains, &self.after),
            ahead: false,
        }
    }

    /// Reads the key of a stretch, and nothing else, up to the first batch in which a row has a key of the source: how many rows stand
    /// before it. `None` where there is no such row.
    async fn before_first(&self, keys: &Keys, stretch: &Stretch) -> Result<Option<u64>> {
        let which = Which {
            groups: stretch.groups.clone(),
            first: None,
        };
        let (store, file) = (self.store.clone(), stretch.file.clone());
        let mut rows = crate::read::some(store, file, self.key.schema.clone(), which).await?;
        let mut before = 0;
        while let Some(key) = self.next(&mut rows).await? {
            let bytes = self.key.bytes(&key)?;
            if bytes.iter().any(|key| keys.find(key.as_ref()).is_some()) {
                return Ok(Some(before));
            }
            before += key.num_rows() as u64;
        }
        Ok(None)
    }

    /// Which rows of the table go: those with a key of the source, but not those that come again as they are. `None`: none. Asked once of
    /// each row and key.
    fn goes(&self, keys: &Keys, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        let bytes = self.key.bytes(&self.key.of(batch)?)?;
        let found = bytes.iter().enumerate();
        let mut hits: Vec<_> = found
            .filter_map(|(at, key)| Some((at as u32, keys.find(key.as_ref())?)))
            .collect();
        let come: UInt32Array = hits
            .iter()
            .filter(|(_, row)| row.number < self.coming)
            .map(|(at, _)| Some(*at))
            .collect();
        let same = take_record_batch(batch, &come).map_err(|e| Error::bug("cannot take rows").caused_by(e))?;
        let mut digests = self.of_rows.digests(&same)?.into_iter();
        hits.retain(|(_, row)| {
            // Where a key came to be there twice, one of its rows stays.
            let is_same = row.number < self.coming && digests.next() == Some(row.digest);
            !(is_same && self.there.set(row.number))
        });
        if hits.is_empty() {
            return Ok(None);
        }
        let mut bits = vec![0; batch.num_rows().div_ceil(8)];
        hits.iter().for_each(|(at, _)| set_bit(&mut bits, *at as usize));
        Ok(Some(mask(bits, 0, batch.num_rows())))
    }

    /// Writes a stretch anew without the rows that go, in one reading of it. Up to the first such row nothing is written: what keeps all
    /// its rows may stay as it is.
    pub async fn merge(&self, keys: &Keys, stretch: &mut Stretch, made: &mut Made<'_>) -> Result<()> {
        let Some(untouched) = self.before_first(keys, stretch).await? else {
            return Ok(());
        };
        let mut read = 0;
        let mut rows = self.rows(stretch, None, made.ahead).await?;
        while let Some(batch) = self.next(&mut rows).await? {
            let goes = match read + batch.num_rows() as u64 <= untouched {
                true => None,
                false => self.goes(keys, &batch)?,
            };
            match goes {
                None if stretch.gone == 0 => {}
                None => made.writer.write(&batch).await?,
                Some(goes) => {
                    if stretch.gone == 0 {
                        self.copy_first(stretch, read, made).await?;
                    }
                    stretch.gone += goes.true_count() as u64;
                    made.values.add(&batch, Some(&goes));
                    made.writer.write(&filter(&batch, &invert(&goes))?).await?;
                }
            }
            read += batch.num_rows() as u64;
        }
        if stretch.gone > 0 {
            made.written(stretch).await?;
        }
        Ok(())
    }

    /// Copies the first rows of a stretch, all of which stay.
    async fn copy_first(&self, stretch: &Stretch, count: u64, made: &mut Made<'_>) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let mut rows = self.rows(stretch, Some(count), made.ahead).await?;
        while let Some(batch) = self.next(&mut rows).await? {
            made.writer.write(&batch).await?;
        }
        Ok(())
    }

    /// Notes which rows of a stretch go by these keys, which are a part of all.
    pub async fn mark(&self, keys: &Keys, stretch: &mut Stretch, made: &mut Made<'_>) -> Result<()> {
        let Some(untouched) = self.before_first(keys, stretch).await? else {
            return Ok(());
        };
        let mut read = 0;
        let mut rows = self.rows(stretch, None, made.ahead).await?;
        while let Some(batch) = self.next(&mut rows).await? {
            if (read + batch.num_rows()) as u64 > untouched
                && let Some(goes) = self.goes(keys, &batch)?
            {
                made.values.add(&batch, Some(&goes));
                let least = (read + batch.num_rows()).div_ceil(8);
                stretch.goes.resize(stretch.goes.len().max(least), 0);
                let rows = goes.values().set_indices();
                rows.for_each(|at| set_bit(&mut stretch.goes, read + at));
                stretch.gone += goes.true_count() as u64;
            }
            read += batch.num_rows();
        }
        Ok(())
    }

    /// Writes a stretch anew without the rows that were noted.
    pub async fn copy(&self, stretch: &mut Stretch, made: &mut Made<'_>) -> Result<()> {
        let mut read = 0;
        let mut rows = self.rows(stretch, None, made.ahead).await?;
        while let Some(batch) = self.next(&mut rows).await? {
            let count = batch.num_rows();
            // Behind the last row that goes there are no bits.
            let stays = |at: usize| (read + at) / 8 >= stretch.goes.len() || !get_bit(&stretch.goes, read + at);
            let stays = BooleanArray::new(BooleanBuffer::collect_bool(count, stays), None);
            made.writer.write(&filter(&batch, &stays)?).await?;
            read += count;
        }
        made.written(stretch).await
    }

    async fn rows(&self, stretch: &Stretch, first: Option<u64>, ahead: bool) -> Result<Batches> {
        let which = Which {
            groups: stretch.groups.clone(),
            first,
        };
        let (store, file) = (self.store.clone(), stretch.file.clone());
        let rows = crate::read::some(store, file, self.after.clone(), which).await?;
        Ok(match ahead {
            true => read_ahead(rows),
            false => rows,
        })
    }

    /// The next batch, if nobody asked to stop. Between two, other work gets its turn.
    async fn next(&self, rows: &mut Batches) -> Result<Option<RecordBatch>> {
        self.ctx.go_on()?;
        tokio::task::yield_now().await;
        rows.try_next().await
    }
}

impl Made<'_> {
    /// A stretch has been written anew. What is large enough to stand alone is not mixed with other files' rows, so that the statistics
    /// of files that were apart stay apart.
    async fn written(&mut self, stretch: &mut Stretch) -> Result<()> {
        stretch.written = true;
        stretch.goes = Vec::new();
        self.writer.end_large().await
    }
}

fn mask(bits: Vec<u8>, from: usize, rows: usize) -> BooleanArray {
    BooleanArray::new(BooleanBuffer::new(Buffer::from_vec(bits), from, rows), None)
}

fn invert(mask: &BooleanArray) -> BooleanArray {
    BooleanArray::new(!mask.values(), None)
}
