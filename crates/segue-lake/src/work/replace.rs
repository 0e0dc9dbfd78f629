//! Replacing the table, some of its slices, or some of its ranges.
//!
//! Old and new rows are compared group by group as multisets of digests, in one pass over both; groups that are equal are left out. Files
//! with rows of groups that differ are written anew without those rows, and staged files are added as they are unless they also hold
//! rows of groups that are equal.

use super::groups::{Groups, NONE, Ranges, Slices, mask};
use super::rows::{Bag, Difference, Digester};
use super::values::Values;
use super::{Outcome, Work};
use crate::file::DataFile;
use arrow_array::{BooleanArray, RecordBatch};
use futures::TryStreamExt;
use segue_core::sink::Change;
use segue_core::{Error, Kind, Result};
use segue_diag::ROWS_OUTSIDE;
use std::collections::BTreeSet;

/// Different rows that are kept apart for exact footprints, at most.
const MOST_DIFFERENT: usize = 2_000_000;

/// A file and the groups of its rows.
struct Grouped {
    file: DataFile,
    groups: BTreeSet<u32>,
    outside: bool,
    fits: bool,
}

/// Old and new, compared.
struct Compared {
    old: Vec<Bag>,
    new: Vec<Bag>,
    present: Vec<Grouped>,
    incoming: Vec<Grouped>,
    difference: Difference,
}

pub(super) async fn work_out(work: &Work<'_>, change: &Change) -> Result<Outcome> {
    let mut groups = match change {
        Change::ReplaceSlices { columns, slices } => Groups::Slices(Slices::new(&work.after, columns, slices)?),
        Change::ReplaceRanges { column, ranges } => Groups::Ranges(Ranges::new(&work.after, column, ranges)?),
        _ => Groups::Table,
    };
    let whole = matches!(groups, Groups::Table);
    if whole && work.reshapes {
        return anew(work).await;
    }
    if whole && work.files.is_empty() {
        // There is nothing to compare the rows with, and so no need to read them again.
        return super::append::work_out(work).await;
    }
    let compared = match compare(work, &mut groups).await? {
        Some(compared) => compared,
        None => {
            groups.coarsen();
            let again = compare(work, &mut groups).await?;
            again.ok_or_else(|| Error::bug("there are too many ranges even when they are told apart as a whole"))?
        }
    };
    let changed: Vec<bool> = (0..groups.len())
        .map(|g| compared.old.get(g).copied().unwrap_or_default() != compared.new.get(g).copied().unwrap_or_default())
        .collect();
    let is = |group: u32| changed.get(group as usize).copied().unwrap_or(false);
    let mut outcome = Outcome::default();
    match &groups {
        Groups::Slices(slices) => {
            for group in 0..groups.len() as u32 {
                let labels = slices.labels(group).clone();
                if is(group) {
                    outcome.labels.insert(labels)
                } else {
                    outcome.unchanged_slices.insert(labels)
                };
            }
        }
        Groups::Ranges(ranges) => outcome.unchanged_ranges = ranges.unchanged(&changed),
        Groups::Table => {}
    }
    count(work, &mut groups, &compared, &is, &mut outcome).await?;
    let mut writer = work.writer();
    for Grouped {
        file,
        groups: has,
        outside,
        ..
    } in &compared.present
    {
        if !has.iter().any(|g| is(*g)) {
            continue;
        }
        outcome.removes.push(file.clone());
        if *outside || has.iter().any(|g| !is(*g)) {
            let rows = work.present(file).await?;
            let keep = |batch: &RecordBatch| Ok(Some(invert(&mask(&of(&mut groups, batch)?, is))));
            work.copy(&mut writer, rows, keep).await?;
        }
    }
    for Grouped {
        file,
        groups: has,
        fits,
        ..
    } in &compared.incoming
    {
        if !has.iter().any(|g| is(*g)) {
            continue;
        }
        if *fits && has.iter().all(|g| is(*g)) {
            outcome.adds.push(file.clone());
        } else {
            let rows = work.incoming(file).await?;
            let keep = |batch: &RecordBatch| Ok(Some(mask(&of(&mut groups, batch)?, is)));
            work.copy(&mut writer, rows, keep).await?;
        }
    }
    if changed.contains(&true) || work.reshapes {
        work.widen(&mut outcome, &mut writer).await?;
    }
    work.wrote(&mut outcome, writer).await?;
    Ok(outcome)
}

/// A table in other columns: nothing is compared, every old row goes.
async fn anew(work: &Work<'_>) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut writer = work.writer();
    for (file, fits) in work.comes() {
        outcome.rows_written += file.row_count().unwrap_or(0);
        if fits {
            outcome.adds.push(file);
        } else {
            work.copy(&mut writer, work.incoming(&file).await?, |_| Ok(None))
                .await?;
        }
    }
    work.wrote(&mut outcome, writer).await?;
    outcome.rows_removed = work.files.iter().filter_map(DataFile::row_count).sum();
    outcome.removes.clone_from(&work.files);
    Ok(outcome)
}

/// The groups of rows that were grouped before.
fn of(groups: &mut Groups, batch: &RecordBatch) -> Result<Vec<u32>> {
    groups
        .of(batch)?
        .ok_or_else(|| Error::bug("the groups of a table changed while it was read"))
}

/// Reads old and new rows once. `None` when there are too many groups.
async fn compare(work: &Work<'_>, groups: &mut Groups) -> Result<Option<Compared>> {
    let digester = Digester::of_all(&work.after)?;
    let mut compared = Compared {
        old: Vec::new(),
        new: Vec::new(),
        present: Vec::new(),
        incoming: Vec::new(),
        difference: Difference::new(MOST_DIFFERENT.min(work.ctx.limits.memory as usize / 64)),
    };
    for file in &work.files {
        if !groups.may_be_in(&file.stats()) {
            continue;
        }
        let mut grouped = Grouped::new(file.clone(), false);
        let mut rows = work.present(file).await?;
        while let Some(batch) = rows.try_next().await? {
            let Some(of) = groups.of(&batch)? else { return Ok(None) };
            grouped.count(
                &of,
                &digester.digests(&batch)?,
                &mut compared.old,
                &mut compared.difference,
                1,
            );
        }
        compared.present.push(grouped);
    }
    for (file, fits) in work.comes() {
        let mut grouped = Grouped::new(file.clone(), fits);
        let mut rows = work.incoming(&file).await?;
        while let Some(batch) = rows.try_next().await? {
            let Some(of) = groups.of(&batch)? else { return Ok(None) };
            if of.contains(&NONE) {
                return Err(outside(work, groups));
            }
            grouped.count(
                &of,
                &digester.digests(&batch)?,
                &mut compared.new,
                &mut compared.difference,
                -1,
            );
        }
        compared.incoming.push(grouped);
    }
    Ok(Some(compared))
}

fn outside(work: &Work<'_>, groups: &Groups) -> Error {
    let what = if matches!(groups, Groups::Ranges(_)) {
        "ranges"
    } else {
        "slices"
    };
    Error::new(
        Kind::BadData,
        format!("a row of {} lies outside the {what} that it replaces", work.target.name),
    )
    .code(ROWS_OUTSIDE)
    .hint("each row must carry the labels of its slice, or lie between $from and $to")
}

impl Grouped {
    fn new(file: DataFile, fits: bool) -> Grouped {
        Grouped {
            file,
            groups: BTreeSet::new(),
            outside: false,
            fits,
        }
    }

    fn count(&mut self, of: &[u32], digests: &[u128], bags: &mut Vec<Bag>, difference: &mut Difference, by: i64) {
        let mut previous = NONE;
        for (group, digest) in of.iter().zip(digests) {
            if *group == NONE {
                self.outside = true;
                continue;
            }
            if *group != previous {
                self.groups.insert(*group);
                previous = *group;
            }
            if bags.len() <= *group as usize {
                bags.resize(*group as usize + 1, Bag::default());
            }
            bags[*group as usize].add(*digest);
            difference.add(*digest, by);
        }
    }
}

/// Counts the rows that differ, and collects their values where somebody ranges over them.
async fn count(
    work: &Work<'_>,
    groups: &mut Groups,
    compared: &Compared,
    is: &impl Fn(u32) -> bool,
    outcome: &mut Outcome,
) -> Result<()> {
    let rows = |bags: &[Bag]| -> u64 {
        let all = bags.iter().enumerate();
        all.filter(|(g, _)| is(*g as u32)).map(|(_, bag)| bag.rows()).sum()
    };
    (outcome.rows_written, outcome.rows_removed) = match compared.difference.totals() {
        Some(totals) => totals,
        None => (rows(&compared.new), rows(&compared.old)),
    };
    let mut values = Values::new(work.grains, &work.after);
    if !values.is_empty() {
        let digester = Digester::of_all(&work.after)?;
        let sides = [(&compared.present, true), (&compared.incoming, false)];
        for (files, was_there) in sides {
            for grouped in files.iter().filter(|f| f.groups.iter().any(|g| is(*g))) {
                let mut rows = match was_there {
                    true => work.present(&grouped.file).await?,
                    false => work.incoming(&grouped.file).await?,
                };
                while let Some(batch) = rows.try_next().await? {
                    let of = of(groups, &batch)?;
                    let differs = of.iter().zip(digester.digests(&batch)?);
                    let differs: BooleanArray = differs
                        .map(|(g, d)| Some(*g != NONE && is(*g) && compared.difference.differs(d, was_there)))
                        .collect();
                    values.add(&batch, Some(&differs));
                }
            }
        }
    }
    outcome.values = values.finish();
    Ok(())
}

fn invert(mask: &BooleanArray) -> BooleanArray {
    mask.iter().map(|m| Some(!m.unwrap_or(false))).collect()
}
