//! Removing files that nobody needs any more.

use super::{before, committed_at};
use crate::claims;
use crate::errors::{delta, storage};
use crate::lake::Lake;
use crate::log;
use crate::plan::Plan;
use crate::staged::Place;
use crate::table::Table;
use futures::TryStreamExt;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use segue_core::commit::CommitRecord;
use segue_core::sink::{Staged, Target};
use segue_core::{Ctx, Error, Kind, Result, TableId};
use std::collections::BTreeSet;
use std::time::Duration;

/// What a vacuum must leave alone. Whatever stands here, files of the newest version, files named by a claim that has not landed,
/// and the claims themselves stay.
#[derive(Clone, Debug, Default)]
pub struct Vacuum {
    /// How far back the table stays readable; and how old a file must be that nobody names.
    pub keep: Duration,
    /// When the oldest step began that is still running: what is younger may be its own.
    pub running_since: Option<Timestamp>,
    /// Files, below the table's folder, that a prepared record or a note names: see [`Lake::files_named_by`] and [`Lake::files_staged`].
    pub protect: BTreeSet<String>,
    /// Only says what would go.
    pub dry_run: bool,
}

/// What went, or would go.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Vacuumed {
    /// Files, below the table's folder, sorted.
    pub files: Vec<String>,
    /// Their size, in bytes.
    pub bytes: u64,
}

impl Lake {
    /// Removes files that no version within the promised time travel needs: replaced ones, and orphans of steps that failed.
    ///
    /// # Errors
    /// Those of the storage. What was removed before one stays removed; the next vacuum goes on.
    pub async fn vacuum(&self, target: &Target, what: &Vacuum, ctx: &Ctx) -> Result<Vacuumed> {
        let cutoff = before(ctx, what.keep);
        let needed = self.needed(target, what, cutoff).await?;
        let young = what.running_since.map_or(cutoff, |since| since.min(cutoff));
        let store = self.store_of(&target.place);
        let failed = |e| storage(e, format!("cannot list the files of {}", target.name));
        let listed: Vec<_> = store.list(None).try_collect().await.map_err(failed)?;
        let mut gone = Vacuumed::default();
        for meta in listed {
            let path = meta.location.to_string();
            let kept = path.starts_with("_delta_log/") || path.starts_with(claims::FOLDER) || needed.contains(&path);
            if !kept && meta.last_modified.timestamp_micros() < young.as_microsecond() {
                gone.bytes += meta.size;
                gone.files.push(path);
            }
        }
        for (path, bytes, modified) in self.unnamed_files(&target.place)? {
            if modified < young {
                gone.bytes += bytes;
                gone.files.push(path);
            }
        }
        gone.files.sort();
        if !what.dry_run {
            for path in &gone.files {
                ctx.go_on()?;
                if self.remove_unnamed(&target.place, path)? {
                    continue;
                }
                match store
                    .delete(&Path::parse(path).unwrap_or_else(|_| Path::from(path.as_str())))
                    .await
                {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(e) => return Err(storage(e, format!("cannot remove {path}"))),
                }
            }
        }
        Ok(gone)
    }

    /// The files that a record names on one of its tables: what is staged for it, and what its plan adds.
    ///
    /// # Errors
    /// `Bug` for a record whose notes are none of the lake's.
    pub fn files_named_by(record: &CommitRecord, table: TableId) -> Result<BTreeSet<String>> {
        let mut files = BTreeSet::new();
        for part in record
            .parts
            .iter()
            .filter(|p| p.target.table == table && p.target.connection.is_none())
        {
            files.extend(Lake::files_staged(&part.staged)?);
            if !part.plan.is_null() {
                let plan = Plan::from_json(&part.plan)?;
                files.extend(plan.adds.into_iter().map(|f| f.path).chain(plan.wrote));
            }
        }
        Ok(files)
    }

    /// The files of rows that lie staged for a table of the lake.
    ///
    /// # Errors
    /// `Bug` for notes that are none of the lake's.
    pub fn files_staged(staged: &[Staged]) -> Result<BTreeSet<String>> {
        let mut files = BTreeSet::new();
        for staged in staged {
            let place = Place::of(staged)?;
            files.extend(place.files.into_iter().chain(place.deletes).map(|f| f.path));
        }
        Ok(files)
    }

    /// Files that a writer of this machine was killed over before they had their names: listings do not show them.
    fn unnamed_files(&self, place: &str) -> Result<Vec<(String, u64, Timestamp)>> {
        let Some(root) = self.folder_of(place) else {
            return Ok(Vec::new());
        };
        let failed =
            |e: std::io::Error| Error::new(Kind::Unavailable, format!("cannot list {}", root.display())).caused_by(e);
        let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                entries => entries.map_err(failed)?,
            };
            for entry in entries {
                let entry = entry.map_err(failed)?;
                // A file that is given its name at this moment is none of ours to judge.
                let Ok(meta) = entry.metadata() else { continue };
                if meta.is_dir() {
                    folders.push(entry.path());
                } else if is_unnamed(&entry.file_name().to_string_lossy())
                    && let Ok(path) = entry.path().strip_prefix(&root)
                    && let Ok(modified) = meta.modified().map_err(failed)
                    && let Ok(modified) = Timestamp::try_from(modified)
                {
                    found.push((path.to_string_lossy().into_owned(), meta.len(), modified));
                }
            }
        }
        Ok(found)
    }

    /// Removes such a file; false when it is not one.
    fn remove_unnamed(&self, place: &str, path: &str) -> Result<bool> {
        let Some(root) = self.folder_of(place).filter(|_| is_unnamed(path)) else {
            return Ok(false);
        };
        match std::fs::remove_file(root.join(path)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::new(Kind::Unavailable, format!("cannot remove {path}")).caused_by(e))
            }
            _ => Ok(true),
        }
    }

    /// Everything that must stay.
    async fn needed(&self, target: &Target, what: &Vacuum, cutoff: Timestamp) -> Result<BTreeSet<String>> {
        let mut needed = what.protect.clone();
        let mut landed = 0;
        // Whose table it is has been looked at; what was removed from it is read from the log as it is now.
        self.load_target(target).await?;
        let name = target.name.to_string();
        if let Some(table) = Table::load(self.log_of(&target.place)?, None, &name).await? {
            landed = table.last(target.asset).await?;
            needed.extend(table.files(&name)?.into_iter().map(|f| f.path));
            removed_since(&table, cutoff, &mut needed).await?;
        }
        let store = self.store_of(&target.place);
        let claims: Vec<_> = store
            .list(Some(&Path::from(claims::FOLDER)))
            .try_collect()
            .await
            .map_err(|e| storage(e, format!("cannot list the commits of {}", target.name)))?;
        for n in claims
            .iter()
            .filter_map(|meta| claims::number_of(&meta.location))
            .filter(|n| *n > landed)
        {
            if let Some(record) = self.claim_of(&target.place, n).await? {
                needed.extend(Lake::files_named_by(&record, target.table)?);
            }
        }
        Ok(needed)
    }
}

/// Whether a file's name is one that listings do not show: ends with `#` and digits.
fn is_unnamed(name: &str) -> bool {
    name.rsplit_once('#')
        .is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Files that were removed since, and that versions of then still need. The log's entries tell, and where a checkpoint took their place
/// the tombstones in it.
async fn removed_since(table: &Table, cutoff: Timestamp, needed: &mut BTreeSet<String>) -> Result<()> {
    let failed = |e| delta(e, "cannot read the files that were removed");
    let mut tombstones = table.state.all_tombstones(&table.log);
    while let Some(gone) = tombstones.try_next().await.map_err(failed)? {
        if gone.deletion_timestamp().is_none_or(|at| at >= cutoff.as_millisecond()) {
            needed.insert(gone.path().to_string());
        }
    }
    for version in (0..=table.version()).rev() {
        let Some(entry) = log::entry(table.log.as_ref(), version).await? else {
            break;
        };
        if committed_at(&entry).is_some_and(|at| at < cutoff) {
            break;
        }
        for path in entry.removes {
            let decoded = Path::from_url_path(&path).map_or(path, |p| p.to_string());
            needed.insert(decoded);
        }
    }
    Ok(())
}
