//! Merging by key: each row that comes replaces the row of its key, or is added; a deleting row removes it.
//!
//! What is kept in memory is the key of each source row with a digest of the row ([`source`], [`keys`]), and nothing of the table: its
//! files are pruned by where the source's keys lie ([`reach`]), looked through by their keys alone until one is met, and then read once
//! and written anew without the rows that go ([`scan`]), several at once ([`lanes`], [`stretches`]). A row that is equal in all columns is
//! left where it is.
//!
//! Where the keys do not fit into memory, they are taken part by part: with each part it is noted which rows go, a bit for each, and at
//! the end the files are written once.

mod ahead;
mod columns;
mod flags;
mod keys;
mod lanes;
mod scan;
mod source;
mod stretches;

use super::values::Values;
use super::{Outcome, Work};
use crate::file::DataFile;
use crate::write::Writer;
use arrow_array::RecordBatch;
use keys::{Keys, Part};
use lanes::{Done, Job, most_lanes, work_off};
use scan::Scan;
use segue_core::{Error, Result};
use source::Source;
use std::collections::HashSet;
use std::sync::Arc;
use stretches::{Stretch, losing, stretches};

pub(super) async fn work_out(work: &Work<'_>, key: &[String]) -> Result<Outcome> {
    let mut source = Source::new(work, key)?;
    let (keys, parts) = source.first(work).await?;
    let may_be_in = |file: &&DataFile| source.may_be_in(file);
    let files: Vec<DataFile> = work.files.iter().filter(may_be_in).cloned().collect();
    let scan = Arc::new(Scan::new(work, &source)?);
    let done = match parts {
        1 => at_once(&scan, keys, files).await?,
        _ => in_parts(work, &mut source, keys, parts, &scan, files).await?,
    };
    let mut outcome = Outcome::default();
    let mut values = Values::new(work.grains, &work.after);
    let mut losing = HashSet::new();
    for done in done {
        outcome.rows_removed += done.stretches.iter().map(|s| s.gone).sum::<u64>();
        losing.extend(stretches::losing(&done.stretches));
        outcome.wrote.extend(done.wrote.iter().map(|f| f.path.clone()));
        outcome.adds.extend(done.wrote);
        values.join(done.values);
    }
    let goes = |file: &&DataFile| losing.contains(&file.path);
    outcome.removes = work.files.iter().filter(goes).cloned().collect();
    let mut writer = work.writer();
    let mut number = 0;
    for (file, fits) in std::mem::take(&mut source.comes) {
        number += add(work, &scan, file, fits, number, &mut values, &mut writer, &mut outcome).await?;
    }
    work.end(outcome, values, writer).await
}

/// With all keys in memory: each stretch is read once. Only where a file loses rows in one stretch and none in another, the other one
/// is copied afterwards.
async fn at_once(scan: &Arc<Scan>, keys: Keys, files: Vec<DataFile>) -> Result<Vec<Done>> {
    let lanes = most_lanes(scan, files.iter().map(|f| f.size).sum());
    let stretches = stretches(scan, &files, lanes).await?;
    let mut done = work_off(scan, Job::Merge(keys), stretches).await?;
    let all = done.iter_mut().flat_map(|d| std::mem::take(&mut d.stretches)).collect();
    done.extend(copied(scan, all).await?);
    Ok(done)
}

/// Writes what is left to be written of the files that lose rows.
async fn copied(scan: &Arc<Scan>, stretches: Vec<Stretch>) -> Result<Vec<Done>> {
    let losing = losing(&stretches);
    let is_left = |s: &Stretch| !s.written && losing.contains(&s.file.path);
    let (left, mut stretches): (Vec<_>, Vec<_>) = stretches.into_iter().partition(is_left);
    let mut done = match left.is_empty() {
        true => Vec::new(),
        false => work_off(scan, Job::Copy, left).await?,
    };
    stretches.extend(done.iter_mut().flat_map(|d| std::mem::take(&mut d.stretches)));
    done.push(Done {
        stretches,
        ..Done::default()
    });
    Ok(done)
}

/// The same with a source whose keys do not fit into memory at once. The table's files are taken in portions for which a bit a row does.
async fn in_parts(
    work: &Work<'_>,
    source: &mut Source,
    first: Keys,
    of: u64,
    scan: &Arc<Scan>,
    files: Vec<DataFile>,
) -> Result<Vec<Done>> {
    let (mut all, mut first) = (Vec::new(), Some(first));
    for portion in portions(files, work.ctx.limits.memory.saturating_mul(2)) {
        let lanes = most_lanes(scan, portion.iter().map(|f| f.size).sum());
        let mut stretches = stretches(scan, &portion, lanes).await?;
        for at in 0..of {
            let keys = match first.take() {
                Some(keys) => keys,
                // By their hashes the parts are as large as each other.
                None => (source.read(work, Part { at, of }, u64::MAX).await?)
                    .ok_or_else(|| Error::bug("a part of the keys does not fit"))?,
            };
            let mut marked = work_off(scan, Job::Mark(keys), stretches).await?;
            stretches = marked
                .iter_mut()
                .flat_map(|d| std::mem::take(&mut d.stretches))
                .collect();
            all.append(&mut marked);
        }
        all.extend(copied(scan, stretches).await?);
    }
    Ok(all)
}

/// The files in portions of at most so many rows, or of one file.
fn portions(files: Vec<DataFile>, most: u64) -> Vec<Vec<DataFile>> {
    let (mut portions, mut rows) = (vec![Vec::new()], 0_u64);
    for file in files {
        // A row takes more than a byte, but for those that are all alike.
        let more = file.row_count().unwrap_or(file.size);
        if rows > 0 && rows.saturating_add(more) > most {
            portions.push(Vec::new());
            rows = 0;
        }
        rows = rows.saturating_add(more);
        if let Some(portion) = portions.last_mut() {
            portion.push(file);
        }
    }
    portions
}

/// Adds the rows of a staged file that the table has not: the file as it is, where that is all of them. Says how many rows it has.
#[allow(clippy::too_many_arguments, reason = "they are what is being gathered")]
async fn add(
    work: &Work<'_>,
    scan: &Scan,
    file: DataFile,
    fits: bool,
    from: u32,
    values: &mut Values<'_>,
    writer: &mut Writer,
    outcome: &mut Outcome,
) -> Result<u32> {
    let rows = file.row_count().and_then(|rows| u32::try_from(rows).ok());
    let rows = rows.ok_or_else(|| Error::bug("a staged file does not say how many rows it has"))?;
    let new = scan.there.missing(from, rows as usize);
    let count = new.true_count() as u64;
    outcome.rows_written += count;
    if count == 0 {
        return Ok(rows);
    }
    values.add_of_file(work, &file, Some(&new)).await?;
    if fits && count == u64::from(rows) {
        outcome.adds.push(file);
        return Ok(rows);
    }
    let (incoming, mut read) = (work.incoming(&file).await?, 0);
    let keep = |batch: &RecordBatch| {
        let mask = new.slice(read, batch.num_rows());
        read += batch.num_rows();
        Ok(Some(mask))
    };
    work.copy(writer, incoming, keep).await?;
    Ok(rows)
}
