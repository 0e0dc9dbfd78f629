//! What ran: runs, their steps, and what was said meanwhile.

mod forget;

use crate::error::failed;
use crate::leases::{lock_failed, try_lock};
use crate::store::Store;
use crate::values::{Columns, to_json};
use jiff::Timestamp;
use segue_core::fault::{Boundary, reach};
use segue_core::{AssetId, AssetName, Error, Kind, Result, RunId, Span};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite};
use std::path::PathBuf;

/// A run as it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// Which.
    pub id: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// What was asked for, as it was written.
    pub selector: String,
    /// The parameters that were given.
    pub params: Value,
    /// The resolved definitions that it carries out, for resuming it.
    pub plan: Value,
    /// What started it: `run`, `backfill`, `apply`, `resume`, `demo`.
    pub kind: String,
}

/// A run as it is remembered; its plan is read by [`Store::plan_of_run`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// Which.
    pub id: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// What was asked for, as it was written.
    pub selector: String,
    /// The parameters that were given.
    pub params: Value,
    /// What started it.
    pub kind: String,
    /// The process that carried it out.
    pub pid: u64,
    /// When it ended; `None` while it is under way.
    pub ended_at: Option<Timestamp>,
    /// How it ended; `interrupted` where its process died.
    pub outcome: Option<String>,
}

/// A try of a step as it begins.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepRow {
    /// Part of this run.
    pub run: RunId,
    /// The asset's name then: what a step is known by.
    pub name: AssetName,
    /// Which asset; `None` where it was not written down yet.
    pub asset: Option<AssetId>,
    /// When it began.
    pub started_at: Timestamp,
    /// Which try, from 1.
    pub attempt: u32,
}

/// How a step ended and what it used; what was not measured is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepEnd {
    /// When.
    pub ended_at: Timestamp,
    /// `done`, `partial`, `failed`, `cancelled`, `skipped`, or `interrupted` where its process died.
    pub outcome: String,
    /// What a person should know about it, in a line.
    pub message: Option<String>,
    /// The error as a program reads it.
    pub error: Option<Value>,
    /// The stretch that holds every range which it computed; `None` where it computed none.
    pub range: Option<Span>,
    /// Rows taken in.
    pub rows_in: Option<u64>,
    /// Rows written into the table.
    pub rows_written: Option<u64>,
    /// Rows of the table that are not as they were.
    pub rows_changed: Option<u64>,
    /// Rows set aside.
    pub rows_quarantined: Option<u64>,
    /// Rows equal to another of the same read, and counted once.
    pub rows_doubled: Option<u64>,
    /// Bytes taken in.
    pub bytes_in: Option<u64>,
    /// Bytes written into the target.
    pub bytes_written: Option<u64>,
    /// Requests sent.
    pub calls: Option<u64>,
    /// CPU time, in microseconds.
    pub cpu_us: Option<u64>,
    /// The most memory reserved at once, in bytes.
    pub peak_memory: Option<u64>,
    /// How long it took, in microseconds.
    pub duration_us: Option<u64>,
    /// Commits that landed.
    pub commits: Option<u64>,
    /// Slices that are listed.
    pub slices_listed: Option<u64>,
    /// Slices that ended done.
    pub slices_done: Option<u64>,
    /// Slices that were put off.
    pub slices_parked: Option<u64>,
    /// Slices that failed.
    pub slices_failed: Option<u64>,
    /// Slices that are not ours to read.
    pub slices_closed: Option<u64>,
    /// Slices that are done and no longer listed, and whose rows are kept.
    pub slices_gone: Option<u64>,
    /// Things worth saying that changed nothing.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// A try of a step as it is remembered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// As it began.
    pub row: StepRow,
    /// How it ended; `None` while it is under way.
    pub end: Option<StepEnd>,
}

/// Something that was said during a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogRow {
    /// Part of this run.
    pub run: RunId,
    /// The step, by its asset's name; `None` for the run as a whole.
    pub step: Option<String>,
    /// `error`, `warn`, `info`, `debug`.
    pub level: String,
    /// The words, without secrets.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Writes down that a run begins. From now on it is found by every process, and `interrupted` by the next one that opens the state
    /// after this process has died.
    pub async fn start_run(&self, run: &RunRow) -> Result<()> {
        let doing = "begin a run";
        // The lock first: a run that is in the state and has no lock is one whose process is dead.
        let path = self.run_lock(run.id);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| lock_failed(folder, e))?;
        }
        let lock = try_lock(&path)?
            .ok_or_else(|| Error::new(Kind::Conflict, format!("run {} is under way already", run.id)))?;
        let mut tx = self.write(doing).await?;
        sqlx::query(
            "insert into runs (id, kind, selector, params, plan, pid, started_at) values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(run.id.to_string())
        .bind(&run.kind)
        .bind(&run.selector)
        .bind(to_json(&run.params)?)
        .bind(to_json(&run.plan)?)
        .bind(i64::from(std::process::id()))
        .bind(run.started_at.as_microsecond())
        .execute(&mut *tx)
        .await
        .map_err(failed(doing))?;
        tx.commit().await?;
        self.0.run_locks.lock().insert(run.id, lock);
        reach(Boundary::RunStarted);
        Ok(())
    }

    /// Writes down how a run ended: `done`, `partial`, `failed`, `cancelled`. A step of it that has no end is `interrupted` with it.
    ///
    /// # Errors
    /// `NotFound` when there is no such run.
    pub async fn end_run(&self, run: RunId, outcome: &str, at: Timestamp) -> Result<()> {
        let doing = "end a run";
        let mut tx = self.write(doing).await?;
        let changed = sqlx::query("update runs set outcome = $2, ended_at = $3 where id = $1")
            .bind(run.to_string())
            .bind(outcome)
            .bind(at.as_microsecond())
            .execute(&mut *tx)
            .await
            .map_err(failed(doing))?;
        if changed.rows_affected() == 0 {
            return Err(Error::new(Kind::NotFound, format!("the state has no run {run}")));
        }
        // A step that came to no end of its own, because its task broke, must not look as if it went on for ever.
        sqlx::query("update steps set outcome = 'interrupted', ended_at = $2 where run = $1 and ended_at is null")
            .bind(run.to_string())
            .bind(at.as_microsecond())
            .execute(&mut *tx)
            .await
            .map_err(failed(doing))?;
        tx.commit().await?;
        if self.0.run_locks.lock().remove(&run).is_some() {
            // Left over by a crash just here it is in nobody's way: the run has an end.
            let _may_be_gone = std::fs::remove_file(self.run_lock(run));
        }
        reach(Boundary::RunEnded);
        Ok(())
    }

    /// The run, if the state knows it.
    pub async fn run(&self, id: RunId) -> Result<Option<Run>> {
        let row = sqlx::query(
            "select id, kind, selector, params, pid, started_at, ended_at, outcome from runs where id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(self.reader())
        .await
        .map_err(failed("read a run"))?;
        row.as_ref().map(run_row).transpose()
    }

    /// The resolved definitions that a run carries out.
    pub async fn plan_of_run(&self, id: RunId) -> Result<Option<Value>> {
        let row = sqlx::query("select plan from runs where id = $1")
            .bind(id.to_string())
            .fetch_optional(self.reader())
            .await
            .map_err(failed("read a run's plan"))?;
        row.as_ref().map(|row| Columns(row).json("plan")).transpose()
    }

    /// The last runs, newest first.
    pub async fn runs(&self, limit: u32) -> Result<Vec<Run>> {
        let rows = sqlx::query(
            "select id, kind, selector, params, pid, started_at, ended_at, outcome from runs order by started_at desc, id limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await
        .map_err(failed("read the runs"))?;
        rows.iter().map(run_row).collect()
    }

    /// When the oldest run began that has no end; `None` where nothing runs.
    pub async fn running_since(&self) -> Result<Option<Timestamp>> {
        let row = sqlx::query("select min(started_at) as since from runs where ended_at is null")
            .fetch_one(self.reader())
            .await
            .map_err(failed("read which runs are under way"))?;
        Columns(&row).maybe_instant("since")
    }

    /// Writes down that a try of a step begins.
    pub async fn start_step(&self, step: &StepRow) -> Result<()> {
        let doing = "begin a step";
        let mut tx = self.write(doing).await?;
        sqlx::query("insert into steps (run, asset, attempt, name, started_at) values ($1, $2, $3, $4, $5)")
            .bind(step.run.to_string())
            .bind(step.asset.map(|asset| asset.to_string()))
            .bind(i64::from(step.attempt))
            .bind(step.name.to_string())
            .bind(step.started_at.as_microsecond())
            .execute(&mut *tx)
            .await
            .map_err(failed(doing))?;
        tx.commit().await
    }

    /// Writes down how the last try of a step ended, and which asset it was of, where that is known only now.
    ///
    /// # Errors
    /// `NotFound` when it never began.
    pub async fn end_step(&self, run: RunId, name: &AssetName, asset: Option<AssetId>, end: &StepEnd) -> Result<()> {
        let doing = "end a step";
        let number = |n: Option<u64>| n.map(|n| n as i64);
        let mut tx = self.write(doing).await?;
        let changed = sqlx::query(
            "update steps set ended_at = $3, outcome = $4, message = $5, error = $6, rows_in = $7, rows_written = $8,
                rows_changed = $9, rows_quarantined = $10, bytes_in = $11, bytes_written = $12, calls = $13, cpu_us = $14,
                peak_memory = $15, duration_us = $16, slices_done = $17, slices_parked = $18, slices_failed = $19,
                slices_closed = $20, notes = $21, asset = coalesce($22, asset), range_from = $23, range_to = $24, rows_doubled = $25,
                commits = $26, slices_listed = $27, slices_gone = $28
             where run = $1 and name = $2
                and attempt = (select max(attempt) from steps s where s.run = $1 and s.name = $2)",
        )
        .bind(run.to_string())
        .bind(name.to_string())
        .bind(end.ended_at.as_microsecond())
        .bind(&end.outcome)
        .bind(&end.message)
        .bind(end.error.as_ref().map(to_json).transpose()?)
        .bind(number(end.rows_in))
        .bind(number(end.rows_written))
        .bind(number(end.rows_changed))
        .bind(number(end.rows_quarantined))
        .bind(number(end.bytes_in))
        .bind(number(end.bytes_written))
        .bind(number(end.calls))
        .bind(number(end.cpu_us))
        .bind(number(end.peak_memory))
        .bind(number(end.duration_us))
        .bind(number(end.slices_done))
        .bind(number(end.slices_parked))
        .bind(number(end.slices_failed))
        .bind(number(end.slices_closed))
        .bind(to_json(&end.notes)?)
        .bind(asset.map(|asset| asset.to_string()))
        .bind(end.range.map(|r| r.from))
        .bind(end.range.map(|r| r.to))
        .bind(number(end.rows_doubled))
        .bind(number(end.commits))
        .bind(number(end.slices_listed))
        .bind(number(end.slices_gone))
        .execute(&mut *tx)
        .await
        .map_err(failed(doing))?;
        if changed.rows_affected() == 0 {
            return Err(Error::new(Kind::NotFound, format!("run {run} has no step of {name}")));
        }
        tx.commit().await?;
        reach(Boundary::StepEnded);
        Ok(())
    }

    /// Every try of every step of a run, in the order in which they began.
    pub async fn steps(&self, run: RunId) -> Result<Vec<Step>> {
        let rows = sqlx::query("select * from steps where run = $1 order by started_at, name, attempt")
            .bind(run.to_string())
            .fetch_all(self.reader())
            .await
            .map_err(failed("read the steps"))?;
        rows.iter().map(step_row).collect()
    }

    /// The last try of each asset's step, of whichever run; one of an asset that was not written down yet by its name. A step that was
    /// skipped says nothing of its asset, and is passed over; so is one that took rows in hand that were set aside.
    pub async fn last_steps(&self) -> Result<Vec<Step>> {
        let rows = sqlx::query(
            "select s.* from steps s join (
                select coalesce(asset, name) as of, max(started_at) as last from steps
                where (outcome is null or outcome <> 'skipped')
                  and run not in (select id from runs where kind in ('replay', 'discard'))
                group by coalesce(asset, name)) newest
                on newest.of = coalesce(s.asset, s.name) and newest.last = s.started_at
             where (s.outcome is null or s.outcome <> 'skipped')
               and s.run not in (select id from runs where kind in ('replay', 'discard'))
             order by s.name, s.attempt",
        )
        .fetch_all(self.reader())
        .await
        .map_err(failed("read the steps"))?;
        rows.iter().map(step_row).collect()
    }

    /// Keeps what was said, in order. Several lines at once are one write.
    pub async fn log(&self, lines: &[LogRow]) -> Result<()> {
        let doing = "keep what was said";
        let mut tx = self.write(doing).await?;
        for some in lines.chunks(1000) {
            let mut query = QueryBuilder::<Sqlite>::new("insert into logs (run, step, level, message, at) ");
            query.push_values(some, |mut row, line| {
                row.push_bind(line.run.to_string())
                    .push_bind(line.step.as_deref())
                    .push_bind(line.level.as_str())
                    .push_bind(line.message.as_str())
                    .push_bind(line.at.as_microsecond());
            });
            query
                .build()
                .persistent(false)
                .execute(&mut *tx)
                .await
                .map_err(failed(doing))?;
        }
        tx.commit().await
    }

    /// What was said during a run, or one step of it (by its asset's name), in order.
    pub async fn logs(&self, run: RunId, step: Option<&str>) -> Result<Vec<LogRow>> {
        let rows = sqlx::query("select * from logs where run = $1 and ($2 is null or step = $2) order by seq")
            .bind(run.to_string())
            .bind(step)
            .fetch_all(self.reader())
            .await
            .map_err(failed("read what was said"))?;
        rows.iter()
            .map(|row| {
                let c = Columns(row);
                Ok(LogRow {
                    run: c.parsed("run")?,
                    step: c.get("step")?,
                    level: c.get("level")?,
                    message: c.get("message")?,
                    at: c.instant("at")?,
                })
            })
            .collect()
    }

    fn run_lock(&self, run: RunId) -> PathBuf {
        self.folder().join("runs").join(format!("{run}.lock"))
    }
}

/// Ends the runs whose process has died: they are in the state without an end, and nobody holds their lock.
pub(crate) async fn end_interrupted(store: &Store) -> Result<()> {
    let doing = "end interrupted runs";
    let rows = sqlx::query("select id from runs where ended_at is null")
        .fetch_all(store.reader())
        .await
        .map_err(failed(doing))?;
    for row in &rows {
        let run: RunId = Columns(row).parsed("id")?;
        let path = store.run_lock(run);
        if path.parent().is_some_and(|folder| !folder.is_dir()) {
            // A copy of the state without its locks: nobody works on this one.
            std::fs::create_dir_all(store.folder().join("runs")).map_err(|e| lock_failed(&path, e))?;
        }
        let Some(_lock) = try_lock(&path)? else { continue };
        let mut tx = store.write(doing).await?;
        for sql in [
            "update steps set outcome = 'interrupted', ended_at = $2 where run = $1 and ended_at is null
                and exists (select 1 from runs where id = $1 and ended_at is null)",
            "update runs set outcome = 'interrupted', ended_at = $2 where id = $1 and ended_at is null",
        ] {
            sqlx::query(sql)
                .bind(run.to_string())
                .bind(store.now_us())
                .execute(&mut *tx)
                .await
                .map_err(failed(doing))?;
        }
        tx.commit().await?;
        let _may_be_gone = std::fs::remove_file(&path);
    }
    Ok(())
}

fn run_row(row: &SqliteRow) -> Result<Run> {
    let c = Columns(row);
    Ok(Run {
        id: c.parsed("id")?,
        started_at: c.instant("started_at")?,
        selector: c.get("selector")?,
        params: c.json("params")?,
        kind: c.get("kind")?,
        pid: c.number("pid")?,
        ended_at: c.maybe_instant("ended_at")?,
        outcome: c.get("outcome")?,
    })
}

fn step_row(row: &SqliteRow) -> Result<Step> {
    let c = Columns(row);
    let (from, to): (Option<i64>, Option<i64>) = (c.get("range_from")?, c.get("range_to")?);
    let begun = StepRow {
        run: c.parsed("run")?,
        name: c.parsed("name")?,
        asset: match c.get::<Option<String>>("asset")? {
            Some(_) => Some(c.parsed("asset")?),
            None => None,
        },
        started_at: c.instant("started_at")?,
        attempt: c.number("attempt")?.try_into().unwrap_or(u32::MAX),
    };
    let Some(ended_at) = c.maybe_instant("ended_at")? else {
        return Ok(Step { row: begun, end: None });
    };
    let end = StepEnd {
        ended_at,
        outcome: c.get::<Option<String>>("outcome")?.unwrap_or_default(),
        message: c.get("message")?,
        error: c.maybe_json("error")?,
        range: from.zip(to).map(|(from, to)| Span::new(from, to)),
        rows_in: c.numbers("rows_in")?,
        rows_written: c.numbers("rows_written")?,
        rows_changed: c.numbers("rows_changed")?,
        rows_quarantined: c.numbers("rows_quarantined")?,
        rows_doubled: c.numbers("rows_doubled")?,
        bytes_in: c.numbers("bytes_in")?,
        bytes_written: c.numbers("bytes_written")?,
        calls: c.numbers("calls")?,
        cpu_us: c.numbers("cpu_us")?,
        peak_memory: c.numbers("peak_memory")?,
        duration_us: c.numbers("duration_us")?,
        commits: c.numbers("commits")?,
        slices_listed: c.numbers("slices_listed")?,
        slices_done: c.numbers("slices_done")?,
        slices_parked: c.numbers("slices_parked")?,
        slices_failed: c.numbers("slices_failed")?,
        slices_closed: c.numbers("slices_closed")?,
        slices_gone: c.numbers("slices_gone")?,
        notes: c.maybe_json("notes")?.unwrap_or_default(),
    };
    Ok(Step {
        row: begun,
        end: Some(end),
    })
}

#[cfg(test)]
mod tests;
