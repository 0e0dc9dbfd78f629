//! The engine in this process.

use crate::failure::{at, failure};
use crate::find::{Indexes, NameOptions};
use crate::functions::Planning;
use crate::params::Params;
use crate::place::Place;
use crate::resolve::Finding;
use crate::rows::{Rows, kept};
use crate::session::{self, Ready};
use crate::spill::Spill;
use crate::statement::Statement;
use crate::tables::Tables;
use crate::{metering, planner};
use async_trait::async_trait;
use datafusion::execution::session_state::SessionState;
use segue_core::engine::{Answer, Described, Engine, Query, Relation, TableKey};
use segue_core::{Ctx, TableId};
use segue_diag::{Context, Error, Kind, Result};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The stack of the thread that plans. Trees of a statement are read, compared and dropped by recursion.
const PLANNING_STACK: usize = 64 << 20;

/// What the engine is given by whoever starts it.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// The folder in which queries spill, made when it is needed. Files in it live no longer than their query; what a killed process
    /// left there is cleared away.
    pub spill: PathBuf,
    /// Into how many parts a query is cut: the number of cores.
    pub partitions: usize,
    /// Which tables' rows are found by a name.
    pub names: NameOptions,
}

/// Answers SQL with DataFusion, in this process.
///
/// Every query has a session of its own: exactly its tables, its zone, its limits. Queries only read. Rows come as they are made;
/// dropping them, or cancelling the context, ends the query.
pub struct LocalEngine {
    base: SessionState,
    partitions: usize,
    spill: Spill,
    indexes: Arc<Indexes>,
}

impl LocalEngine {
    /// An engine with these options. Does not touch the disk yet.
    pub fn new(options: LocalOptions) -> LocalEngine {
        metering::install();
        let partitions = options.partitions.max(1);
        LocalEngine {
            base: session::base(partitions),
            partitions,
            spill: Spill::below(options.spill),
            indexes: Arc::new(Indexes::new(options.names)),
        }
    }

    /// What a text means among the rows of this table.
    ///
    /// # Errors
    /// `Invalid` for a table that does not say how its rows are found by a name, or whose columns do not fit what it says, and for more names
    /// than the context's memory allows; `Cancelled`, and those of reading the rows.
    pub async fn resolve(
        &self,
        table: &TableKey,
        rows: &Arc<dyn Relation>,
        text: &str,
        ctx: &Ctx,
    ) -> Result<segue_names::Answer> {
        ctx.go_on()?;
        self.indexes.resolve(table, rows, text, ctx).await
    }

    /// The name of the thing with this id among the rows of this table; `None` where there is no such thing.
    ///
    /// # Errors
    /// As [`LocalEngine::resolve`].
    pub async fn name_of(
        &self,
        table: &TableKey,
        rows: &Arc<dyn Relation>,
        id: &str,
        ctx: &Ctx,
    ) -> Result<Option<String>> {
        ctx.go_on()?;
        self.indexes.name_of(table, rows, id, ctx).await
    }

    /// Forgets the names of a table that is gone.
    pub fn forget(&self, table: TableId) {
        self.indexes.forget(table);
    }

    async fn prepare(&self, query: &Query, ctx: &Ctx) -> Result<Prepared> {
        jiff::tz::TimeZone::get(&query.timezone)
            .context(Kind::Invalid, format!("there is no time zone `{}`", query.timezone))?;
        let runtime = session::runtime(&ctx.limits, self.spill.folder()?, ctx.meter.clone())
            .map_err(|e| failure(e, &ctx.limits))?;
        let zone: Arc<str> = query.timezone.as_str().into();
        let planning = Planning::default();
        let state = session::session(
            &self.base,
            &zone,
            ctx.clock.now(),
            self.partitions,
            &ctx.limits,
            runtime,
            &planning,
        );
        let finding = Finding {
            indexes: self.indexes.clone(),
            ctx: ctx.clone(),
        };
        let work = prepare(query.clone(), zone, state, finding);
        let prepared = on_a_big_stack(work, ctx).await;
        planning.ends();
        prepared
    }
}

#[async_trait]
impl Engine for LocalEngine {
    async fn run(&self, query: &Query, ctx: &Ctx) -> Result<Answer> {
        ctx.go_on()?;
        let prepared = self.prepare(query, ctx).await?;
        let schema = kept(&prepared.ready.schema());
        let rows = ctx
            .meter
            .measured(|| prepared.ready.start())
            .map_err(|e| failure(e, &ctx.limits))?;
        Ok(Answer {
            rows: Rows::stream(rows, schema.clone(), prepared.words, ctx),
            schema,
        })
    }

    async fn describe(&self, query: &Query, ctx: &Ctx) -> Result<Described> {
        ctx.go_on()?;
        let prepared = self.prepare(query, ctx).await?;
        Ok(Described {
            schema: kept(&prepared.ready.schema()),
            reads: prepared.reads,
        })
    }
}

struct Prepared {
    ready: Ready,
    reads: Vec<TableKey>,
    words: BTreeMap<String, Place>,
}

/// Reads, plans and optimises a statement.
async fn prepare(query: Query, zone: Arc<str>, state: SessionState, finding: Finding) -> Result<Prepared> {
    let ctx = &finding.ctx;
    let statement = Statement::read(&query.sql)?;
    let words = statement.words.clone();
    let params = Params::new(&statement.params, &query.params, &zone)?;
    let tables = Tables::new(query.tables, zone);
    let place = |e| placed(failure(e, &ctx.limits), &words);
    let plan = planner::plan(statement, &params, &tables, &finding, &state).map_err(place)?;
    ctx.go_on()?;
    let plan = state.create_physical_plan(&plan).await.map_err(place)?;
    Ok(Prepared {
        ready: Ready {
            plan,
            context: state.task_ctx(),
        },
        reads: tables.read(),
        words,
    })
}

/// Adds the place of the first function that the error names, where the planner knew none.
pub fn placed(error: Error, words: &BTreeMap<String, Place>) -> Error {
    let names = |word: &str| {
        let message = error.message().to_lowercase();
        message.contains(&format!("{word}("))
            || message.contains(&format!("'{word}'"))
            || message.contains(&format!("`{word}`"))
    };
    match words.iter().find(|(word, _)| names(word)).map(|(_, place)| *place) {
        Some(place) => at(error, place),
        None => error,
    }
}

/// Runs this on a thread with a big stack, counted for the context and stopped with it or when nobody waits for it any more.
async fn on_a_big_stack<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
    ctx: &Ctx,
) -> Result<T> {
    let (send, receive) = oneshot::channel();
    let (handle, meter) = (tokio::runtime::Handle::current(), ctx.meter.clone());
    let stop = ctx.cancel.child_token();
    let _stopped_when_dropped = stop.clone().drop_guard();
    std::thread::Builder::new()
        .name("segue-sql-plan".to_string())
        .stack_size(PLANNING_STACK)
        .spawn(move || {
            let done = meter.measured(|| {
                handle.block_on(async {
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => Err(Error::new(Kind::Cancelled, "stopped, as asked")),
                        done = work => done,
                    }
                })
            });
            // Nobody waits any more: there is nothing left to tell.
            let _ = send.send(done);
        })
        .context(Kind::Unavailable, "cannot start a thread to plan the query")?;
    receive
        .await
        .map_err(|e| Error::bug("planning the query ended without an answer").caused_by(e))?
}

#[cfg(test)]
pub(crate) mod tests;
