//! House-keeping: what happened, compaction, vacuum, checkpoints, dropping a table.

mod amend;
mod vacuum;

use crate::claims;
use crate::errors::{delta, storage};
use crate::file::DataFile;
use crate::lake::Lake;
use crate::log;
use crate::table::Table;
use crate::write::{Writer, is_small};
use deltalake_core::DeltaTable;
use deltalake_core::checkpoints::{cleanup_expired_logs_for, create_checkpoint};
use deltalake_core::kernel::Action;
use deltalake_core::protocol::DeltaOperation;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::ObjectStore;
use object_store::path::Path;
use segue_core::fault::{Boundary, reach};
use segue_core::sink::Target;
use segue_core::{CommitId, Ctx, Error, Kind, Result};
use segue_diag::{LAKE_STALE, VERSION_GONE};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

use amend::Beside;
pub use vacuum::{Vacuum, Vacuumed};

/// Small files that are joined at the end of a run.
const MANY_FILES: usize = 8;
/// Entries of a log since its last checkpoint that are too many to read again and again.
const LONG_LOG: u64 = 20;
/// Versions among which the one before a run's own is looked for.
const MOST_COMMITS_OF_A_RUN: usize = 200;
/// How often a compaction begins again because the table moved.
const MOST_TRIES: usize = 3;
/// Files of the target size that one compaction writes at most: the rest is the next one's.
const MOST_FILES: usize = 16;

/// One version of a table, as its log tells it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct HistoryEntry {
    /// The version.
    pub version: u64,
    /// When it was committed, by the writer's clock.
    pub at: Option<Timestamp>,
    /// What the writer called it.
    pub operation: Option<String>,
    /// The asset's commit; `None` where it was none of ours.
    pub n: Option<u64>,
    /// The attempt that landed.
    pub id: Option<CommitId>,
    /// The run that it belonged to.
    pub run: Option<String>,
    /// Files that came.
    pub files_added: usize,
    /// Files that went.
    pub files_removed: usize,
    /// Whether rows changed.
    pub data_changed: bool,
}

/// What tidying did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tidied {
    /// Small files that were joined.
    pub compacted: Compacted,
    /// The version of which a checkpoint was written; `None` when the log was short.
    pub checkpoint: Option<u64>,
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Compacted {
    /// The version that it made; `None` when there was nothing to do.
    pub version: Option<u64>,
    /// Small files that went.
    pub files_removed: usize,
    /// Files that came for them.
    pub files_added: usize,
    /// Their size, in bytes.
    pub bytes_written: u64,
}

impl Lake {
    /// The table's newest versions, newest first, as far as the log reaches back.
    ///
    /// # Errors
    /// `NotFound` where there is no table.
    pub async fn history(&self, target: &Target, limit: usize) -> Result<Vec<HistoryEntry>> {
        let table = self.present_table(target).await?;
        let mut entries = Vec::new();
        for version in (0..=table.version()).rev().take(limit) {
            let Some(entry) = log::entry(table.log.as_ref(), version).await? else {
                break;
            };
            let note = entry.info.get("segue").cloned().unwrap_or_default();
            entries.push(HistoryEntry {
                version,
                at: committed_at(&entry),
                operation: entry.info.get("operation").and_then(Value::as_str).map(str::to_string),
                n: entry.number(target.asset),
                id: note.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok()),
                run: note.get("run").and_then(Value::as_str).map(str::to_string),
                files_added: entry.adds.len(),
                files_removed: entry.removes.len(),
                data_changed: entry.data_changed,
            });
        }
        Ok(entries)
    }

    /// The version that was the newest at this time.
    ///
    /// # Errors
    /// `NotFound` where there was no table yet, or the log no longer tells.
    pub async fn version_at(&self, target: &Target, at: Timestamp) -> Result<u64> {
        let newest = self.present_table(target).await?.version();
        let entries = self
            .history(target, usize::try_from(newest).unwrap_or(usize::MAX).saturating_add(1))
            .await?;
        let found = entries.iter().find(|e| e.at.is_some_and(|committed| committed <= at));
        found.map(|e| e.version).ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                format!("no version of {} is known that was there at {at}", target.name),
            )
            .code(VERSION_GONE)
        })
    }

    /// What the end of a run owes a table: many small files are joined, and a long log gets a checkpoint. Cheap where there is nothing to do.
    ///
    /// # Errors
    /// As for [`Lake::compact`]. The table is right whether it succeeded or not.
    pub async fn tidy(&self, target: &Target, ctx: &Ctx) -> Result<Tidied> {
        let compacted = self.compact(target, MANY_FILES, ctx).await?;
        let newest = self.present_table(target).await?.version();
        // A log that is shorter than that has no checkpoint, and needs none.
        if newest + 1 < LONG_LOG {
            return Ok(Tidied {
                compacted,
                checkpoint: None,
            });
        }
        let since = self
            .last_checkpoint(target)
            .await?
            .map_or(newest + 1, |at| newest.saturating_sub(at));
        let checkpoint = match since >= LONG_LOG {
            true => Some(self.checkpoint(target).await?),
            false => None,
        };
        Ok(Tidied { compacted, checkpoint })
    }

    /// Whether this run is the first of its day (in UTC) that changed the table, and not the first of all: what is owed once a day is
    /// owed now.
    ///
    /// # Errors
    /// `NotFound` where there is no table.
    pub async fn is_first_of_day(&self, target: &Target, ctx: &Ctx) -> Result<bool> {
        let day = |at: Timestamp| at.as_second().div_euclid(86_400);
        let this = ctx.trace.run.map(|run| run.to_string());
        let newest = self.history(target, MOST_COMMITS_OF_A_RUN).await?;
        let before = newest.iter().find(|e| e.run.is_some() && e.run != this);
        Ok(before
            .and_then(|e| e.at)
            .is_some_and(|at| day(at) < day(ctx.clock.now())))
    }

    /// The newest version of which there is a checkpoint.
    async fn last_checkpoint(&self, target: &Target) -> Result<Option<u64>> {
        let store = self.store_of(&target.place);
        let listed: Vec<_> = store
            .list(Some(&Path::from("_delta_log")))
            .try_collect()
            .await
            .map_err(|e| storage(e, format!("cannot list the log of {}", target.name)))?;
        let names = listed.iter().filter_map(|meta| meta.location.filename());
        let versions = names
            .filter(|n| n.contains(".checkpoint."))
            .filter_map(|n| n.get(..20)?.parse().ok());
        Ok(versions.max())
    }

    /// Joins small files where there are at least so many, and changes no row. Bounded: what is left over is the next one's.
    ///
    /// # Errors
    /// `Conflict` when the table keeps moving; `NotFound` where there is no table.
    pub async fn compact(&self, target: &Target, at_least: usize, ctx: &Ctx) -> Result<Compacted> {
        let mut last = None;
        for _ in 0..MOST_TRIES {
            let table = self.present_table(target).await?;
            let bins = self.bins(table.files(&target.name.to_string())?, at_least);
            if bins.is_empty() {
                return Ok(Compacted::default());
            }
            match self.compact_once(target, &table, bins, ctx).await {
                Err(e) if e.kind() == Kind::Conflict => last = Some(e),
                done => return done,
            }
        }
        Err(last.unwrap_or_else(|| Error::bug("a compaction was not tried")))
    }

    /// Small files, in groups that make one file each.
    fn bins(&self, mut files: Vec<DataFile>, at_least: usize) -> Vec<Vec<DataFile>> {
        let target = self.options().target_file_bytes;
        files.retain(|f| is_small(f.size, target));
        if files.len() < at_least.max(2) {
            return Vec::new();
        }
        // In the order in which they were written, so that what belongs together by time stays together.
        files.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
        let mut bins: Vec<(u64, Vec<DataFile>)> = Vec::new();
        for file in files {
            match bins.last_mut() {
                Some((size, bin)) if *size + file.size <= target => {
                    *size += file.size;
                    bin.push(file);
                }
                _ => bins.push((file.size, vec![file])),
            }
        }
        let bins = bins.into_iter().map(|(_, bin)| bin);
        bins.filter(|bin| bin.len() > 1).take(MOST_FILES).collect()
    }

    async fn compact_once(
        &self,
        target: &Target,
        table: &Table,
        bins: Vec<Vec<DataFile>>,
        ctx: &Ctx,
    ) -> Result<Compacted> {
        let store = self.store_of(&target.place);
        let schema = table.schema()?;
        let (mut adds, mut removes) = (Vec::new(), Vec::new());
        for bin in bins {
            // One writer a group, that does not part what belongs into one file.
            let mut writer = Writer::new(store.clone(), "", schema.clone(), u64::MAX, ctx.clock.now());
            let mut rows = crate::read::files(store.clone(), bin.clone(), schema.clone());
            while let Some(batch) = rows.try_next().await? {
                ctx.go_on()?;
                writer.write(&batch).await?;
            }
            adds.extend(writer.finish().await?);
            removes.extend(bin);
        }
        let now = ctx.clock.now().as_millisecond();
        let mut actions: Vec<Action> = removes.iter().map(|f| Action::Remove(f.remove(now, false))).collect();
        actions.extend(adds.iter().map(|f| Action::Add(f.add(false))));
        let change = Beside {
            actions,
            comes: &adds,
            goes: &removes,
            operation: DeltaOperation::Optimize {
                predicate: None,
                target_size: i64::try_from(self.options().target_file_bytes).unwrap_or(i64::MAX),
            },
        };
        let doing = format!("cannot compact {}", target.name);
        let version = match self.land_beside(target, table, change, ctx, doing).await {
            Ok(version) => version,
            Err(e) => {
                if e.error_code() == Some(LAKE_STALE) {
                    self.forget(&store, &adds).await;
                }
                return Err(e);
            }
        };
        reach(Boundary::Compacted);
        Ok(Compacted {
            version: Some(version),
            files_removed: removes.len(),
            files_added: adds.len(),
            bytes_written: adds.iter().map(|f| f.size).sum(),
        })
    }

    async fn forget(&self, store: &Arc<dyn ObjectStore>, files: &[DataFile]) {
        use object_store::ObjectStoreExt;
        for file in files {
            if let Err(e) = store.delete(&crate::read::location(&file.path)).await {
                tracing::debug!(path = file.path, error = %e, "a file of a refused compaction stays until a vacuum");
            }
        }
    }

    /// Writes a checkpoint of the newest version, from which the log can be read on.
    ///
    /// # Errors
    /// `NotFound` where there is no table.
    pub async fn checkpoint(&self, target: &Target) -> Result<u64> {
        let table = self.present_table(target).await?;
        let mut loaded = DeltaTable::new(table.log.clone());
        let failed = |e| delta(e, format!("cannot write a checkpoint of {}", target.name));
        loaded.load().await.map_err(failed)?;
        create_checkpoint(&loaded, None).await.map_err(failed)?;
        loaded
            .version()
            .ok_or_else(|| Error::bug("a loaded table has no version"))
    }

    /// Removes entries of the log that are older than this and no longer needed since a checkpoint; how many went. Commits' records stay.
    ///
    /// # Errors
    /// `NotFound` where there is no table.
    pub async fn clean_log(&self, target: &Target, keep: Duration, ctx: &Ctx) -> Result<usize> {
        let table = self.present_table(target).await?;
        let cutoff = before(ctx, keep).as_millisecond();
        cleanup_expired_logs_for(table.version(), table.log.as_ref(), cutoff, None)
            .await
            .map_err(|e| delta(e, format!("cannot clean up the log of {}", target.name)))
    }

    pub(super) async fn present_table(&self, target: &Target) -> Result<Arc<Table>> {
        let table = self.load_target(target).await?;
        table.ok_or_else(|| Error::new(Kind::NotFound, format!("there is no table {} yet", target.name)))
    }

    /// Removes everything in a table's folder: its log first, so that no reader finds a table without files, and its claims last.
    pub(crate) async fn remove_table(&self, target: &Target) -> Result<()> {
        self.load_target(target).await?;
        let store = self.store_of(&target.place);
        let failed = |e| storage(e, format!("cannot remove {}", target.name));
        let listed: Vec<Path> = store
            .list(None)
            .map_ok(|meta| meta.location)
            .try_collect()
            .await
            .map_err(failed)?;
        let turn = |path: &Path| match path.as_ref() {
            p if p.starts_with("_delta_log/") => 0,
            p if p.starts_with(claims::FOLDER) => 2,
            _ => 1,
        };
        for at in 0..3 {
            let paths: Vec<_> = listed.iter().filter(|p| turn(p) == at).cloned().map(Ok).collect();
            let mut removed = store.delete_stream(futures::stream::iter(paths).boxed());
            while let Some(path) = removed.next().await {
                match path {
                    Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(e) => return Err(failed(e)),
                }
            }
        }
        Ok(())
    }
}

/// When an entry was committed, by its writer's clock.
fn committed_at(entry: &log::Entry) -> Option<Timestamp> {
    let millis = entry.info.get("timestamp").and_then(Value::as_i64)?;
    Timestamp::from_millisecond(millis).ok()
}

/// So long before now.
fn before(ctx: &Ctx, keep: Duration) -> Timestamp {
    let now = ctx.clock.now();
    now.checked_sub(keep).unwrap_or(Timestamp::MIN)
}
