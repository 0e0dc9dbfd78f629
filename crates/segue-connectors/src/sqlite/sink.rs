//! The sink: what [`Sink`] promises, with one transaction as its decision.
//!
//! A commit opens a transaction that writes (BEGIN IMMEDIATE), reads the asset's mark in `_segue_heads`, and only if that is the
//! predecessor changes the rows, moves the mark and keeps the record. SQLite makes it last, or not have been. Another writer waits.

use super::change::{self, prepare};
use super::errors::failed;
use super::file::Database;
use super::{marks, table};
use crate::Deps;
use crate::plan::Plan;
use crate::staged::{self, FileRows, Spool, Staging};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::stream::BoxStream;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use segue_core::commit::CommitRecord;
use segue_core::durable::Fsync;
use segue_core::engine::Relation;
use segue_core::fault::{self, Boundary, Rule, reach};
use segue_core::meter::blocking;
use segue_core::sink::*;
use segue_core::{Batches, Ctx, Error, Kind, Result};
use segue_diag as codes;
use serde_json::Value;
use std::any::Any;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Tables in one SQLite database.
#[derive(Clone)]
pub(super) struct Sqlite {
    database: Database,
    pub(super) staging: Staging,
}

impl Sqlite {
    /// The database of this path. Nothing is opened yet.
    pub fn new(path: &str, deps: &Deps) -> Result<Sqlite> {
        if path.is_empty() || path.contains('\0') {
            return Err(Error::new(Kind::Invalid, "the database has no path").with("connection", &deps.connection));
        }
        let path = deps.project_dir.join(path);
        let path = std::path::absolute(&path).unwrap_or(path);
        Ok(Sqlite {
            database: Database {
                path,
                connection: deps.connection.clone(),
            },
            staging: Staging {
                dir: deps.staging_dir.join("sqlite"),
                top: deps.staging_dir.clone(),
                disk: Arc::new(Fsync),
            },
        })
    }

    /// Runs this on a blocking thread, with the target in what it says.
    async fn work<T: Send + 'static>(
        &self,
        about: Option<&Target>,
        work: impl FnOnce(&Sqlite) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let sink = self.clone();
        let done = blocking(move || work(&sink)).await?;
        done.map_err(|e| {
            match (
                about,
                e.context()
                    .iter()
                    .any(|(name, _)| *name == "table" || *name == "database"),
            ) {
                (Some(target), false) => e
                    .with("table", &target.place)
                    .with("database", self.database.path.display()),
                _ => e,
            }
        })
    }

    /// Writes all rows of a table into a file that goes with its last reader.
    fn spooled(&self, db: &Connection, quoted: &str, schema: &SchemaRef) -> Result<FileRows> {
        let spool = Spool::new(&self.staging.dir, schema, |file| {
            table::read(db, quoted, schema, &mut |batch| file.write(&batch))
        })?;
        Ok(FileRows::spool(schema.clone(), spool))
    }

    fn head_of(&self, db: &Connection, target: &Target) -> Result<Head> {
        let (own, place) = match marks::exist(db)? {
            true => (marks::of_asset(db, target.asset)?, marks::of_place(db, &target.place)?),
            false => (None, None),
        };
        let found = table::find(db, &target.place)?;
        let is_foreign = found.is_some() && !place.as_ref().is_some_and(|m| m.created);
        let schema = found.map(|t| t.schema(db, place.as_ref())).transpose()?;
        let n = own.as_ref().map_or(0, |m| m.n);
        Ok(Head {
            is_foreign,
            n,
            id: own.as_ref().map(|m| m.id),
            version: n,
            schema,
            table: own.or(place).map(|m| m.table),
        })
    }

    /// The table as it would be, in a transaction that is taken back.
    fn as_it_would_be(&self, target: &Target, plan: &Plan) -> Result<FileRows> {
        let mut db = self.database.open()?;
        let tx = immediate(&mut db)?;
        let prepared = prepare(&tx, &self.staging.dir, target, plan)?;
        prepared.apply()?;
        let rows = self.spooled(&tx, &prepared.quoted, &plan.schema)?;
        drop(prepared);
        tx.rollback().map_err(failed("take a transaction back"))?;
        Ok(rows)
    }

    fn commit_part(&self, record: &CommitRecord, part: usize, now: jiff::Timestamp) -> Result<Committed> {
        let part = record
            .parts
            .get(part)
            .ok_or_else(|| Error::bug(format!("{record} has no part {part}")))?;
        let target = &part.target;
        let mut db = self.database.open()?;
        let tx = immediate(&mut db)?;
        marks::create(&tx)?;
        if let Some(n) = marks::landed(&tx, record.asset, record.id)? {
            drop(tx);
            self.staging.forget(&part.staged);
            return Ok(Committed::AlreadyThere(n));
        }
        let found = table::find(&tx, &target.place)?;
        // A table that is gone and built anew under another id begins again; the mark of the old one stands in nobody's way.
        let head = marks::of_asset(&tx, record.asset)?.filter(|m| found.is_some() || m.table == target.table);
        let follows = head.as_ref().map_or(0, |m| m.n) == part.predecessor || !fault::keeps(Rule::Predecessor);
        if !follows || head.as_ref().is_some_and(|m| m.table != target.table) {
            return Ok(Committed::ShutOut);
        }
        let plan = Plan::read(&part.plan)?;
        if table::fingerprint(found.as_ref()) != plan.on {
            return Ok(Committed::Moved);
        }
        let prepared = prepare(&tx, &self.staging.dir, target, &plan)?;
        prepared.apply()?;
        marks::write(&tx, target, record, (prepared.created, prepared.is_made), now)?;
        drop(prepared);
        tx.commit().map_err(failed("commit"))?;
        reach(Boundary::SqlCommitted);
        // The rows are in the table: whoever finds this record again finds its mark.
        self.staging.forget(&part.staged);
        Ok(Committed::Written(record.n))
    }
}

fn immediate(db: &mut Connection) -> Result<Transaction<'_>> {
    db.transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed("begin a transaction"))
}

#[async_trait]
impl Sink for Sqlite {
    fn identity(&self) -> String {
        // The folder by its one true name, so that a link to it is no other place.
        let path = &self.database.path;
        let folder = path.parent().and_then(|f| f.canonicalize().ok());
        let path = folder
            .zip(path.file_name())
            .map_or_else(|| path.clone(), |(folder, name)| folder.join(name));
        format!("sqlite:{}", path.display())
    }

    fn claims(&self) -> bool {
        false
    }

    async fn head(&self, target: &Target, _ctx: &Ctx) -> Result<Head> {
        let about = target.clone();
        self.work(Some(target), move |sink| match sink.database.open_existing()? {
            Some(mut db) => {
                let tx = db.transaction().map_err(failed("read the table"))?;
                sink.head_of(&tx, &about)
            }
            None => Ok(Head {
                n: 0,
                id: None,
                version: 0,
                schema: None,
                table: None,
                is_foreign: false,
            }),
        })
        .await
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

    async fn sift(
        &self,
        target: &Target,
        schema: SchemaRef,
        change: &Change,
        staged: &[Staged],
        _ctx: &Ctx,
    ) -> Result<Sifted> {
        let whole = Sifted {
            staged: staged.to_vec(),
            ..Sifted::default()
        };
        // Without one of its rows a history would tell of a time that was not.
        if staged.is_empty() || matches!(change, Change::History { .. }) {
            return Ok(whole);
        }
        let about = target.clone();
        let plan = Plan {
            on: None,
            schema,
            change: change.clone(),
            staged: staged.to_vec(),
        };
        let sifted = self.work(Some(target), move |sink| {
            let Some(mut db) = sink.database.open_existing()? else {
                return Ok(None);
            };
            let tx = immediate(&mut db)?;
            if table::find(&tx, &about.place)?.is_none() {
                return Ok(None);
            }
            // Taken back at the end: what the table makes of the rows is tried on it.
            let prepared = prepare(&tx, &sink.staging.dir, &about, &plan)?;
            let refused = prepared.sift(&about.place)?;
            let there = prepared.count(&format!("select count(*) from main.{}", prepared.quoted))?;
            let there = prepared.lost.unwrap_or(there);
            drop(prepared);
            tx.rollback().map_err(failed("take a transaction back"))?;
            if refused.is_empty() {
                return Ok(None);
            }
            let (staged, refused) = staged::split(&sink.staging, &about, &plan.staged, &refused)?;
            reach(Boundary::SqlStaged);
            Ok(Some(Sifted { staged, refused, there }))
        });
        Ok(sifted.await?.unwrap_or(whole))
    }

    async fn work_out(
        &self,
        target: &Target,
        schema: SchemaRef,
        change: &Change,
        staged: &[Staged],
        grains: &[Grain],
        _ctx: &Ctx,
    ) -> Result<WorkedOut> {
        let (about, grains) = (target.clone(), grains.to_vec());
        let mut plan = Plan {
            on: None,
            schema,
            change: change.clone(),
            staged: staged.to_vec(),
        };
        self.work(Some(target), move |sink| {
            let mut db = sink.database.open()?;
            // Taken back at the end: a table that does not exist yet, or has to change, is compared as it would be.
            let tx = immediate(&mut db)?;
            plan.on = table::fingerprint(table::find(&tx, &about.place)?.as_ref());
            let bytes = plan.staged.iter().map(|s| s.bytes).sum();
            let prepared = prepare(&tx, &sink.staging.dir, &about, &plan)?;
            let worked = prepared.difference(&plan.schema, &grains, bytes, plan.to_json()?)?;
            drop(prepared);
            tx.rollback().map_err(failed("take a transaction back"))?;
            Ok(worked)
        })
        .await
    }

    async fn view(&self, target: &Target, plan: &Value, _ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        let plan = Plan::read(plan)?;
        Ok(Arc::new(View {
            sink: self.clone(),
            target: target.clone(),
            schema: plan.schema.clone(),
            plan,
            rows: tokio::sync::OnceCell::new(),
        }))
    }

    async fn staged(&self, target: &Target, staged: &[Staged], _ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        let staged = staged.to_vec();
        let rows = self.work(Some(target), move |sink| FileRows::staged(&sink.staging.dir, &staged));
        Ok(Arc::new(rows.await?))
    }

    async fn at(&self, target: &Target, version: u64, _ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        let about = target.clone();
        let rows = self.work(Some(target), move |sink| {
            let missing = || {
                Error::new(
                    Kind::NotFound,
                    format!("{} has no version {version} in SQLite", about.name),
                )
                .hint("SQLite keeps the newest version alone")
            };
            let mut db = sink.database.open_existing()?.ok_or_else(missing)?;
            let tx = db.transaction().map_err(failed("read the table"))?;
            let head = sink.head_of(&tx, &about)?;
            match (head.schema, table::find(&tx, &about.place)?) {
                (Some(schema), Some(table)) if head.version == version => sink.spooled(&tx, &table.quoted, &schema),
                _ => Err(missing()),
            }
        });
        Ok(Arc::new(rows.await?))
    }

    async fn claim(&self, _record: &CommitRecord, _ctx: &Ctx) -> Result<Claim> {
        Ok(Claim::Ours)
    }

    async fn highest(&self, target: &Target, ctx: &Ctx) -> Result<u64> {
        Ok(self.head(target, ctx).await?.n)
    }

    async fn commit(&self, record: &CommitRecord, part: usize, ctx: &Ctx) -> Result<Committed> {
        let (record, now) = (record.clone(), ctx.clock.now());
        let target = record.parts.get(part).map(|p| p.target.clone());
        self.work(target.as_ref(), move |sink| sink.commit_part(&record, part, now))
            .await
    }

    async fn discard(&self, target: &Target, staged: &[Staged], _plan: Option<&Value>, _ctx: &Ctx) -> Result<()> {
        let staged = staged.to_vec();
        self.work(Some(target), move |sink| {
            sink.staging.forget(&staged);
            Ok(())
        })
        .await
    }

    async fn sweep(&self, target: &Target, named: &[Staged], _ctx: &Ctx) -> Result<()> {
        let folder = self.staging.dir.join(target.asset.to_string());
        let named: BTreeSet<PathBuf> = named
            .iter()
            .map(|s| staged::path(&self.staging.dir, s))
            .collect::<Result<_>>()?;
        self.work(Some(target), move |_| staged::sweep(&folder, &named)).await
    }

    async fn records(&self, target: &Target, _ctx: &Ctx) -> Result<Vec<CommitRecord>> {
        let about = target.clone();
        self.work(Some(target), move |sink| {
            let Some(db) = sink.database.open_existing()? else {
                return Ok(Vec::new());
            };
            if !marks::exist(&db)? {
                return Ok(Vec::new());
            }
            let mut n = marks::of_asset(&db, about.asset)?.map_or(0, |m| m.n);
            let mut along = Vec::new();
            while n > 0 {
                let Some(record) = marks::record(&db, about.asset, n)? else {
                    break;
                };
                n = record.predecessor;
                along.push(record);
            }
            along.reverse();
            Ok(along)
        })
        .await
    }

    async fn tables(&self, _ctx: &Ctx) -> Result<Vec<Result<Target>>> {
        self.work(None, |sink| {
            let Some(db) = sink.database.open_existing()? else {
                return Ok(Vec::new());
            };
            if !marks::exist(&db)? {
                return Ok(Vec::new());
            }
            let mut found = Vec::new();
            for mark in marks::all(&db)? {
                let record = marks::record(&db, mark.asset, mark.n).and_then(|record| {
                    record.ok_or_else(|| {
                        Error::new(
                            Kind::BadData,
                            format!("the record of commit {} of asset {} is gone", mark.n, mark.asset),
                        )
                        .hint("put the table _segue_commits back from a backup, or the whole database")
                    })
                });
                // The connection may be called otherwise in this project than in the one that wrote it.
                found.push(record.map(|record| Target {
                    connection: Some(sink.database.connection.clone()),
                    ..record.own().target.clone()
                }));
            }
            Ok(found)
        })
        .await
    }

    async fn changes(&self, target: &Target, since: u64, until: u64, _ctx: &Ctx) -> Result<Vec<LoggedChange>> {
        let about = target.clone();
        self.work(Some(target), move |sink| {
            let Some(db) = sink.database.open_existing()? else {
                return Ok(Vec::new());
            };
            if !marks::exist(&db)? {
                return Ok(Vec::new());
            }
            let mut changes = Vec::new();
            marks::each_record(&db, about.asset, (since, until), |record| {
                changes.push(LoggedChange {
                    version: record.n,
                    n: Some(record.n),
                    data_changed: !record.footprint.is_nothing(),
                });
            })?;
            Ok(changes)
        })
        .await
    }

    async fn drop_table(&self, target: &Target, _ctx: &Ctx) -> Result<()> {
        let about = target.clone();
        self.work(Some(target), move |sink| {
            if let Some(mut db) = sink.database.open_existing()? {
                let tx = immediate(&mut db)?;
                let mark = change::mark(&tx, &about)?;
                match (mark, table::find(&tx, &about.place)?) {
                    (Some(mark), Some(table)) if mark.made(&table) => {
                        tx.execute_batch(&format!("drop table main.{}", table.quoted))
                            .map_err(failed("drop the table"))?;
                    }
                    (None, Some(_)) => {
                        return Err(Error::new(
                            Kind::Conflict,
                            format!("the table `{}` has no mark of Segue", about.place),
                        )
                        .code(codes::SQLITE_OTHER_TABLE)
                        .hint("another program made it; drop it there"));
                    }
                    // A table that was there before stays, with its rows.
                    _ => {}
                }
                if marks::exist(&tx)? {
                    marks::forget(&tx, about.asset)?;
                }
                tx.commit().map_err(failed("drop the table"))?;
            }
            match std::fs::remove_dir_all(sink.staging.dir.join(about.asset.to_string())) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    Err(Error::new(Kind::Unavailable, "cannot remove the table's staged rows").caused_by(e))
                }
                _ => Ok(()),
            }
        })
        .await
    }
}

/// The table as it would be after a change: worked out when it is first read, and then kept in a file until nobody reads it any more.
struct View {
    sink: Sqlite,
    target: Target,
    schema: SchemaRef,
    plan: Plan,
    rows: tokio::sync::OnceCell<FileRows>,
}

#[async_trait]
impl Relation for View {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches> {
        let rows = self.rows.get_or_try_init(|| {
            let (target, plan) = (self.target.clone(), self.plan.clone());
            self.sink
                .work(Some(&self.target), move |sink| sink.as_it_would_be(&target, &plan))
        });
        rows.await?.scan(columns).await
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
