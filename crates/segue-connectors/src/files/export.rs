//! Files as targets: a whole table as one Parquet file, beside the project or in a bucket.
//!
//! The file itself says which commit it holds ([`written`]), so that it is put in place and decided in one step ([`home`]): a rename, or a
//! request on the condition that nothing else came in between. A file is replaced as a whole, and in no other way.

mod differs;
mod errors;
mod home;
mod written;

use crate::connector::{ConnectionSettings, Deps, schema_of};
use crate::plan::Plan;
use crate::staged::{self, FileRows, Staging};
use crate::stores::bucket::Bucket;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use differs::difference;
use errors::only_whole;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use home::{Coming, Folder, Home, Placed, Seen};
use schemars::JsonSchema;
use segue_core::commit::{CommitRecord, Part};
use segue_core::durable::Fsync;
use segue_core::engine::Relation;
use segue_core::fault::{self, Boundary, Rule, reach};
use segue_core::meter::blocking;
use segue_core::sink::*;
use segue_core::{Batches, Ctx, Error, Kind, Result, Spans};
use segue_diag as codes;
use serde::Deserialize;
use serde_json::Value;
use std::any::Any;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use written::{At, Mark};

/// The keys of an `into:` of files.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-without" = ["table", "adopt"], "x-writes" = "whole"))]
struct IntoFile {
    /// The file: below the project's folder, or below the connection's. It ends with `.parquet`, and is replaced as a whole.
    #[schemars(length(min = 1))]
    #[allow(dead_code)] // it is the target's place
    path: String,
}

/// The schema of the keys.
pub(crate) fn schema() -> Value {
    schema_of::<IntoFile>()
}

/// Opens the project's folder to write into.
pub(crate) fn beside_project(settings: ConnectionSettings, deps: Deps) -> Result<Arc<dyn Sink>> {
    settings.read::<super::NoSettings>(&deps.connection)?;
    let folder = Folder {
        path: std::path::absolute(&deps.project_dir).unwrap_or_else(|_| deps.project_dir.clone()),
        disk: Arc::new(Fsync),
    };
    let real = folder.path.canonicalize().unwrap_or_else(|_| folder.path.clone());
    Ok(Arc::new(Export::new(
        Home::Folder(folder),
        format!("files:{}", real.display()),
        &deps,
    )))
}

/// Files that are written.
#[derive(Clone)]
pub(crate) struct Export {
    home: Home,
    identity: String,
    connection: String,
    staging: Staging,
}

impl Export {
    fn new(home: Home, identity: String, deps: &Deps) -> Export {
        Export {
            home,
            identity,
            connection: deps.connection.clone(),
            staging: Staging {
                dir: deps.staging_dir.join("files"),
                top: deps.staging_dir.clone(),
                disk: Arc::new(Fsync),
            },
        }
    }

    /// Into this bucket.
    pub(crate) fn into_bucket(bucket: Bucket, deps: &Deps) -> Export {
        let identity = super::place::Place::identity(&bucket);
        Export::new(Home::Bucket(Arc::new(bucket)), identity, deps)
    }

    /// What is at the target's place, if it is the asset's own file or none.
    ///
    /// # Errors
    /// `Invalid` for a place that is no path of a file; `Conflict` for somebody else's file.
    async fn own(&self, target: &Target) -> Result<Option<Seen>> {
        let place = checked(&target.place)?;
        let seen = self.home.look(place).await.map_err(|e| e.with("file", place))?;
        if let Some(seen) = &seen {
            home::own(seen.mark(place)?, target.asset, place)?;
        }
        Ok(seen)
    }

    /// The staged rows, one after the other, in this schema.
    fn coming(&self, staged: &[Staged], schema: &SchemaRef) -> Coming {
        let (dir, schema, staged) = (self.staging.dir.clone(), schema.clone(), staged.to_vec());
        let rows = staged.into_iter().flat_map(move |one| -> Coming {
            let schema = schema.clone();
            match staged::read(&dir, &one) {
                Ok(rows) => Box::new(rows.map(move |pair| segue_core::align::align(&pair?.0, &schema))),
                Err(e) => Box::new(std::iter::once(Err(e))),
            }
        });
        Box::new(rows)
    }

    async fn commit_part(&self, record: &CommitRecord, part: &Part) -> Result<Committed> {
        let plan = Plan::read(&part.plan)?;
        if plan.change != Change::ReplaceTable {
            return Err(only_whole());
        }
        let seen = self.own(&part.target).await?;
        let place = part.target.place.as_str();
        if let Some(decided) = decided(record, part, seen.as_ref())? {
            return Ok(decided);
        }
        if seen.as_ref().map(|seen| seen.state.as_str()) != plan.on.as_deref() {
            return Ok(Committed::Moved);
        }
        let before = match &seen {
            Some(seen) => Some(seen.mark(place)?.clone()),
            None => None,
        };
        let rows = self.coming(&plan.staged, &plan.schema);
        let mark = Mark::after(before, record);
        let put = self
            .home
            .put(place, seen.as_ref(), plan.schema.clone(), rows, mark, &self.staging.top);
        match put.await {
            Ok(Placed::Done) => {
                reach(Boundary::SqlCommitted);
                Ok(Committed::Written(record.n))
            }
            // It may have landed although the answer says nothing of it, or says no: what is there decides.
            Ok(Placed::Moved) => match decided(record, part, self.own(&part.target).await?.as_ref())? {
                Some(decided) => Ok(decided),
                None => Ok(Committed::Moved),
            },
            Err(e) => match self.own(&part.target).await {
                Ok(seen) => decided(record, part, seen.as_ref())?.ok_or(e),
                Err(_) => Err(e),
            },
        }
    }
}

/// What is decided of a commit by what is there; `None`: it may land.
fn decided(record: &CommitRecord, part: &Part, seen: Option<&Seen>) -> Result<Option<Committed>> {
    let Some(seen) = seen else {
        // A file that is gone is begun again under another id, with no predecessor.
        let follows = part.predecessor == 0 || !fault::keeps(Rule::Predecessor);
        return Ok((!follows).then_some(Committed::ShutOut));
    };
    let mark = seen.mark(&part.target.place)?;
    if let Some(there) = mark.records().find(|there| there.id == record.id) {
        return Ok(Some(Committed::AlreadyThere(there.n)));
    }
    let follows = mark.record.n == part.predecessor || !fault::keeps(Rule::Predecessor);
    let is_same = mark.record.table == part.target.table;
    Ok((!follows || !is_same).then_some(Committed::ShutOut))
}

/// A place that is the path of a file.
///
/// # Errors
/// `Invalid` for another.
fn checked(place: &str) -> Result<&str> {
    match segue_spec::export_path(place) {
        Ok(()) => Ok(place),
        Err((what, hint)) => Err(Error::new(Kind::Invalid, what).code(codes::EXPORT_PATH).hint(hint)),
    }
}

#[async_trait]
impl Sink for Export {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn claims(&self) -> bool {
        false
    }

    async fn head(&self, target: &Target, _ctx: &Ctx) -> Result<Head> {
        let place = checked(&target.place)?;
        let seen = self.home.look(place).await.map_err(|e| e.with("file", place))?;
        let Some(seen) = seen else {
            return Ok(Head {
                n: 0,
                id: None,
                version: 0,
                schema: None,
                table: None,
                is_foreign: false,
            });
        };
        let mark = seen.mark(place)?;
        let is_own = mark.record.asset == target.asset;
        Ok(Head {
            n: if is_own { mark.record.n } else { 0 },
            id: is_own.then_some(mark.record.id),
            version: if is_own { mark.record.n } else { 0 },
            schema: seen.footer.as_ref().map(|footer| footer.schema.clone()),
            table: Some(mark.record.table),
            is_foreign: false,
        })
    }

    async fn stage(
        &self,
        target: &Target,
        schema: SchemaRef,
        rows: BoxStream<'static, Result<Rows>>,
        ctx: &Ctx,
    ) -> Result<Staged> {
        staged::write(&self.staging, target, schema, rows, ctx).await
    }

    async fn work_out(
        &self,
        target: &Target,
        schema: SchemaRef,
        change: &Change,
        staged: &[Staged],
        grains: &[Grain],
        ctx: &Ctx,
    ) -> Result<WorkedOut> {
        let seen = self.own(target).await?;
        if *change != Change::ReplaceTable {
            return Err(only_whole());
        }
        let plan = Plan {
            on: seen.as_ref().map(|seen| seen.state.clone()),
            schema: schema.clone(),
            change: change.clone(),
            staged: staged.to_vec(),
        };
        let there = match &seen {
            Some(seen) => Some(self.home.open(&target.place, seen, &self.staging.top, ctx).await?),
            None => None,
        };
        let before = seen
            .as_ref()
            .and_then(|seen| seen.footer.as_ref())
            .map(|f| f.schema.clone());
        let is_reshaped = before.as_ref().is_some_and(|before| before.fields() != schema.fields());
        let (sink, staged, grains) = (self.clone(), staged.to_vec(), grains.to_vec());
        // What is kept of a row is a digest of sixteen bytes, of what is there and of what comes.
        let most = (ctx.limits.copy() / 64) as usize;
        let found = blocking(move || {
            let own = before.filter(|_| !is_reshaped).unwrap_or_else(|| schema.clone());
            let old = || -> Result<Box<dyn Iterator<Item = Result<RecordBatch>>>> {
                match &there {
                    Some(at) if !is_reshaped => Ok(Box::new(at.rows(own.clone())?)),
                    _ => Ok(Box::new(std::iter::empty())),
                }
            };
            let new = || -> Result<Box<dyn Iterator<Item = Result<RecordBatch>>>> { Ok(sink.coming(&staged, &schema)) };
            let mut found = difference(&old, &new, &schema, &grains, most)?;
            if is_reshaped && let Some(at) = &there {
                found.footprint = segue_core::commit::Footprint::Everything;
                found.removed = at.count()?;
            }
            Ok::<_, Error>(found)
        });
        let found = found.await?.map_err(|e| e.with("file", &target.place))?;
        Ok(WorkedOut {
            unchanged: found.same && seen.is_some() && !is_reshaped,
            unchanged_slices: BTreeSet::new(),
            unchanged_ranges: Spans::none(),
            rows_written: found.written,
            rows_removed: found.removed,
            missing: MissingRows::default(),
            bytes_written: plan.staged.iter().map(|s| s.bytes).sum(),
            footprint: found.footprint,
            plan: plan.to_json()?,
        })
    }

    async fn view(&self, _target: &Target, plan: &Value, _ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        let plan = Plan::read(plan)?;
        let dir = self.staging.dir.clone();
        let rows = blocking(move || FileRows::staged_as(&dir, &plan.staged, plan.schema.clone()));
        Ok(Arc::new(rows.await?))
    }

    async fn staged(&self, _target: &Target, staged: &[Staged], _ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        let (dir, staged) = (self.staging.dir.clone(), staged.to_vec());
        let rows = blocking(move || FileRows::staged(&dir, &staged));
        Ok(Arc::new(rows.await??))
    }

    async fn at(&self, target: &Target, version: u64, ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        let seen = self.own(target).await?;
        let found = seen
            .as_ref()
            .and_then(|seen| Some((seen, seen.footer.as_ref()?)))
            .filter(|(_, footer)| footer.mark.as_ref().is_some_and(|mark| mark.record.n == version));
        let Some((seen, footer)) = found else {
            return Err(Error::new(
                Kind::NotFound,
                format!("{} has no version {version} in its file", target.name),
            )
            .hint("a file keeps the newest version alone"));
        };
        Ok(Arc::new(InFile {
            at: self.home.open(&target.place, seen, &self.staging.top, ctx).await?,
            schema: footer.schema.clone(),
        }))
    }

    async fn claim(&self, _record: &CommitRecord, _ctx: &Ctx) -> Result<Claim> {
        Ok(Claim::Ours)
    }

    async fn highest(&self, target: &Target, ctx: &Ctx) -> Result<u64> {
        Ok(self.head(target, ctx).await?.n)
    }

    async fn commit(&self, record: &CommitRecord, part: usize, _ctx: &Ctx) -> Result<Committed> {
        let part = record
            .parts
            .get(part)
            .ok_or_else(|| Error::bug(format!("{record} has no part {part}")))?;
        let done = self.commit_part(record, part).await.map_err(|e| {
            let is_placed = e.context().iter().any(|(name, _)| matches!(*name, "file" | "object"));
            if is_placed {
                e
            } else {
                e.with("file", &part.target.place)
            }
        })?;
        // The rows are in the file: whoever finds this record again finds its mark.
        if matches!(done, Committed::Written(_) | Committed::AlreadyThere(_)) {
            self.staging.forget(&part.staged);
        }
        Ok(done)
    }

    async fn discard(&self, _target: &Target, staged: &[Staged], _plan: Option<&Value>, _ctx: &Ctx) -> Result<()> {
        self.staging.forget(staged);
        Ok(())
    }

    async fn sweep(&self, target: &Target, named: &[Staged], _ctx: &Ctx) -> Result<()> {
        let folder = self.staging.dir.join(target.asset.to_string());
        let named: BTreeSet<PathBuf> = named
            .iter()
            .map(|s| staged::path(&self.staging.dir, s))
            .collect::<Result<_>>()?;
        blocking(move || staged::sweep(&folder, &named)).await??;
        self.home.sweep(checked(&target.place)?).await
    }

    async fn records(&self, target: &Target, _ctx: &Ctx) -> Result<Vec<CommitRecord>> {
        let seen = self.own(target).await?;
        match seen {
            Some(seen) => Ok(seen.mark(&target.place)?.records().cloned().collect()),
            None => Ok(Vec::new()),
        }
    }

    async fn tables(&self, ctx: &Ctx) -> Result<Vec<Result<Target>>> {
        let mut found = Vec::new();
        for place in self.home.all(ctx).await? {
            let seen = match self.home.look(&place).await {
                Ok(Some(seen)) => seen,
                Ok(None) => continue,
                // What is ours and cannot be read is worth saying; what is not there, or may not be read, ends the search.
                Err(e) if e.kind() == Kind::BadData => {
                    found.push(Err(e.with("file", &place)));
                    continue;
                }
                Err(e) => return Err(e.with("file", &place)),
            };
            // The connection may be called otherwise in this project than in the one that wrote it, and the file may have been moved.
            if let Ok(mark) = seen.mark(&place) {
                found.push(Ok(Target {
                    connection: Some(self.connection.clone()),
                    place,
                    ..mark.record.own().target.clone()
                }));
            }
        }
        Ok(found)
    }

    async fn changes(&self, target: &Target, since: u64, until: u64, _ctx: &Ctx) -> Result<Vec<LoggedChange>> {
        let seen = self.own(target).await?;
        let Some(seen) = seen else { return Ok(Vec::new()) };
        let mark = seen.mark(&target.place)?;
        let oldest = mark.records().next().map_or(0, |first| first.predecessor);
        if since < oldest {
            return Err(Error::new(
                Kind::NotFound,
                format!(
                    "the file of {} tells no more what it was before commit {oldest}",
                    target.name
                ),
            ));
        }
        let told = mark.records().filter(|r| r.n > since && r.n <= until);
        Ok(told
            .map(|r| LoggedChange {
                version: r.n,
                n: Some(r.n),
                data_changed: !r.footprint.is_nothing(),
            })
            .collect())
    }

    async fn drop_table(&self, target: &Target, _ctx: &Ctx) -> Result<()> {
        let place = checked(&target.place)?;
        if self.own(target).await?.is_some() {
            self.home.remove(place).await.map_err(|e| e.with("file", place))?;
        }
        self.home.sweep(place).await?;
        match std::fs::remove_dir_all(self.staging.dir.join(target.asset.to_string())) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::new(Kind::Unavailable, "cannot remove the file's staged rows").caused_by(e))
            }
            _ => Ok(()),
        }
    }
}

/// The rows of a file.
struct InFile {
    at: At,
    schema: SchemaRef,
}

#[async_trait]
impl Relation for InFile {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches> {
        let columns = columns.map(<[usize]>::to_vec);
        let rows = self.at.rows(self.schema.clone())?.map(move |batch| match &columns {
            Some(columns) => batch?
                .project(columns)
                .map_err(|e| Error::bug("a projection of columns that are not there").caused_by(e)),
            None => batch,
        });
        Ok(stream::iter(rows).boxed())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests;
