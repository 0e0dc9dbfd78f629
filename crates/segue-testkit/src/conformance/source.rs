//! The suite for sources: each promise of [`Source`] is a case.
//!
//! **How a source is put under it.** Write a [`Harness`] that sets up a [`Served`] table of [`Harness::rows`] rows, whose column `id` counts
//! them from 0, larger than what a source may hold in memory; with a request for all of it in declared columns. One test is the suite:
//!
//! ```ignore
//! segue_testkit::conformance::source::check(&MyHarness).await.expect_held();
//! ```
//!
//! [`twins`] has sources that break one promise each: `twins::check(&MyHarness)` shows that each is caught.

mod cases;
pub mod twins;

pub use cases::{Case, all};

use super::grid::{Cell, Grid};
use super::{Broken, Held, Report, judge_all};
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use segue_core::source::{Read, ReadRequest, Source};
use segue_core::{Ctx, Result, SystemClock};
use std::sync::Arc;

/// What some harnesses have and some lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// [`Served::is_at_work`] and [`Served::is_through`] see what goes on at the place that is read from.
    SeenAtWork,
    /// Two places are two sources, by their identities.
    Places,
    /// There are secrets.
    Secrets,
    /// [`Source::discover`] finds the table.
    Discovers,
}

/// How the suite gets a source.
#[async_trait]
pub trait Harness: Send + Sync {
    /// How many rows a read gives.
    fn rows(&self) -> u64;

    /// A table of its own, served.
    async fn serve(&self) -> Result<Box<dyn Served>>;

    /// What it cannot do; every case that needs none of it applies.
    fn lacks(&self) -> &'static [Ability] {
        &[]
    }
}

/// A table that is served until the value is dropped.
#[async_trait]
pub trait Served: Send + Sync {
    /// A source on it, a new one each time.
    fn source(&self) -> Result<Arc<dyn Source>>;

    /// A request for all rows, in declared columns.
    fn request(&self) -> ReadRequest;

    /// A request that would take minutes. See [`Ability::SeenAtWork`].
    fn slow(&self) -> ReadRequest {
        self.request()
    }

    /// A source on a place that is not there.
    fn gone(&self) -> Result<Arc<dyn Source>>;

    /// What discovery calls the table. See [`Ability::Discovers`].
    fn name(&self) -> &str {
        ""
    }

    /// What must never be told. See [`Ability::Secrets`].
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether something is done for a reader right now: a query runs, pages are being asked for. See [`Ability::SeenAtWork`].
    async fn is_at_work(&self) -> bool {
        false
    }

    /// Whether everything has been taken from it. See [`Ability::SeenAtWork`].
    async fn is_through(&self) -> bool {
        false
    }
}

/// Runs every case that applies.
pub async fn check(harness: &dyn Harness) -> Report {
    let (mut report, mut applies) = (Report::default(), Vec::new());
    for case in all() {
        if let Some(lack) = case.needs.iter().find(|need| harness.lacks().contains(need)) {
            report.left_out.push((case.name, format!("it lacks {lack:?}")));
            continue;
        }
        applies.push((case.name, (case.run)(harness)));
    }
    judge_all(applies, &mut report).await;
    report
}

/// What each case stands on.
pub(crate) struct Bed<'a> {
    pub harness: &'a dyn Harness,
    pub served: Box<dyn Served>,
    pub ctx: Ctx,
}

/// What a read came to.
pub(crate) struct Told {
    /// The rows of slices that were done, with their columns.
    pub rows: Grid,
    /// How often each slice's end was told.
    pub ends: Vec<usize>,
    /// Whether something of a slice came after its end.
    pub late: bool,
    /// The error that ended it.
    pub error: Option<segue_core::Error>,
}

impl<'a> Bed<'a> {
    pub async fn new(harness: &'a dyn Harness) -> Held<Bed<'a>> {
        Ok(Bed {
            harness,
            served: harness.serve().await?,
            ctx: Ctx::new("test", Arc::new(SystemClock::default())),
        })
    }

    pub async fn begin(&self, request: ReadRequest) -> Result<BoxStream<'static, Result<Read>>> {
        self.served.source()?.read(request, &self.ctx).await
    }

    /// Reads to the end.
    pub async fn read(&self, request: ReadRequest) -> Held<Told> {
        let slices = request.slices.len();
        told(self.begin(request).await?, slices).await
    }
}

/// Everything that a read hands out.
pub(crate) async fn told(mut reads: BoxStream<'static, Result<Read>>, slices: usize) -> Held<Told> {
    let mut told = Told {
        rows: Grid::default(),
        ends: vec![0; slices],
        late: false,
        error: None,
    };
    while let Some(read) = reads.next().await {
        match read {
            Ok(Read::Rows { slice, batch }) => {
                let grid = Grid::read(&batch.schema(), std::slice::from_ref(&batch))?;
                told.late |= told.ends[slice] > 0;
                told.rows.columns = grid.columns;
                told.rows.rows.extend(grid.rows);
            }
            Ok(Read::Done { slice }) => told.ends[slice] += 1,
            Ok(Read::Rejected { rows, .. }) => return Err(Broken(format!("set aside: {rows:?}"))),
            Ok(Read::Unique | Read::Note(_) | Read::Position(_) | Read::Page { .. }) => {}
            Ok(other) => return Err(Broken(format!("it told {other:?}"))),
            Err(error) => {
                told.error = Some(error);
                let more = reads.next().await;
                super::hold!(more.is_none(), "something comes after the error that ends it");
                break;
            }
        }
    }
    Ok(told)
}

/// The values of the column `id`, sorted.
pub(crate) fn ids(rows: &Grid) -> Held<Vec<i64>> {
    let at = rows.at("id").ok_or_else(|| Broken("there is no column `id`".into()))?;
    let id = |row: &Vec<Cell>| row[at].as_deref().and_then(|id| id.parse().ok());
    let mut ids: Vec<i64> = rows.rows.iter().filter_map(id).collect();
    ids.sort_unstable();
    Ok(ids)
}
