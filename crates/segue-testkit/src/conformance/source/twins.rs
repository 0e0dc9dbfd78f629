//! Sources that break one promise each, made from a good one, and the case that is meant for each.

use super::{Ability, Harness, Served, all};
use crate::conformance::{Broken, Held, Report, judge_all, judged};
use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use segue_core::source::{Discovered, Offered, Read, ReadRequest, Source, Wanted};
use segue_core::{Ctx, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

macro_rules! twins {
    ($($(#[$doc:meta])* $fault:ident => $case:ident;)*) => {
        /// What a twin does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault { $($(#[$doc])* $fault),* }

        /// Every twin, with the case that is meant for it.
        pub const TWINS: &[(Fault, &str)] = &[$((Fault::$fault, stringify!($case))),*];
    };
}

twins! {
    /// Forgets to say that a slice is complete.
    ForgetsDone => a_read_ends_with_done_once;
    /// Says it twice.
    SaysDoneTwice => a_read_ends_with_done_once;
    /// Says it before the rows.
    SaysDoneFirst => a_read_ends_with_done_once;
    /// Loses a batch.
    LosesABatch => every_row_comes_once_in_a_quiet_read;
    /// Gives a batch twice.
    DoublesABatch => every_row_comes_once_in_a_quiet_read;
    /// Leaves the last column out.
    DropsAColumn => rows_are_of_the_requests_schema;
    /// Gives less each time.
    GivesLessEachTime => reading_twice_gives_the_same;
    /// Gives all, whatever is asked for.
    KnowsNoLimit => a_limit_is_kept;
    /// Does not hear that it should stop.
    GoesOn => a_read_that_is_cancelled_ends;
    /// Begins although it was told to stop.
    BeginsAnyway => a_read_that_was_cancelled_before_does_not_begin;
    /// Reads everything into memory at once.
    ReadsAhead => what_is_not_polled_is_not_read_ahead;
    /// Reads on when nobody listens any more.
    LivesOn => a_read_that_is_dropped_stops;
    /// Tests nothing.
    TestsNothing => a_test_says_what_was_found;
    /// Loses columns on the way.
    DiscoversHalf => what_is_there_is_discovered;
    /// Says its secret.
    TellsASecret => nothing_tells_a_secret;
    /// Is called otherwise each time.
    ManyNames => the_source_has_one_name;
    /// Is called as every other one.
    OneName => another_place_has_another_name;
    /// Takes what fails for empty.
    FailsAsEmpty => a_place_that_is_not_there_is_no_empty_one;
}

/// Shows of every twin that the case which is meant for it catches it.
pub async fn check(harness: &dyn Harness) -> Report {
    let (mut report, mut applies, cases) = (Report::default(), Vec::new(), all());
    for (fault, name) in TWINS {
        let Some(case) = cases.iter().find(|case| case.name == *name) else {
            report
                .broken
                .push((name, format!("there is no such case for {fault:?}")));
            continue;
        };
        if let Some(lack) = case.needs.iter().find(|need| harness.lacks().contains(need)) {
            report.left_out.push((name, format!("{fault:?}: it lacks {lack:?}")));
            continue;
        }
        let (fault, run) = (*fault, case.run);
        let caught = async move {
            match judged(run(&OfTwins { harness, fault })).await {
                Err(_) => Ok(()),
                Ok(()) => Err(Broken(format!("{fault:?} is not caught"))),
            }
        };
        applies.push((*name, Box::pin(caught) as BoxFuture<'_, Held>));
    }
    judge_all(applies, &mut report).await;
    report
}

struct OfTwins<'a> {
    harness: &'a dyn Harness,
    fault: Fault,
}

#[async_trait]
impl Harness for OfTwins<'_> {
    fn rows(&self) -> u64 {
        self.harness.rows()
    }

    async fn serve(&self) -> Result<Box<dyn Served>> {
        Ok(Box::new(TwinServed {
            served: self.harness.serve().await?,
            fault: self.fault,
            opened: AtomicUsize::new(0),
        }))
    }

    fn lacks(&self) -> &'static [Ability] {
        self.harness.lacks()
    }
}

struct TwinServed {
    served: Box<dyn Served>,
    fault: Fault,
    opened: AtomicUsize,
}

impl TwinServed {
    fn twin(&self, source: Arc<dyn Source>) -> Arc<dyn Source> {
        Arc::new(Wrong {
            source,
            fault: self.fault,
            secret: self.served.secrets().concat(),
            handle: self.opened.fetch_add(1, Ordering::SeqCst),
            read: Mutex::new(0),
        })
    }
}

#[async_trait]
impl Served for TwinServed {
    fn source(&self) -> Result<Arc<dyn Source>> {
        Ok(self.twin(self.served.source()?))
    }

    fn request(&self) -> ReadRequest {
        self.served.request()
    }

    fn slow(&self) -> ReadRequest {
        self.served.slow()
    }

    fn name(&self) -> &str {
        self.served.name()
    }

    fn secrets(&self) -> Vec<String> {
        self.served.secrets()
    }

    async fn is_at_work(&self) -> bool {
        self.served.is_at_work().await
    }

    async fn is_through(&self) -> bool {
        self.served.is_through().await
    }

    fn gone(&self) -> Result<Arc<dyn Source>> {
        Ok(self.twin(self.served.gone()?))
    }
}

struct Wrong {
    source: Arc<dyn Source>,
    fault: Fault,
    secret: String,
    handle: usize,
    /// How often it was read.
    read: Mutex<usize>,
}

#[async_trait]
impl Source for Wrong {
    fn identity(&self) -> String {
        match self.fault {
            Fault::OneName => "the source".into(),
            Fault::ManyNames => format!("{}#{}", self.source.identity(), self.handle),
            Fault::TellsASecret => format!("{}?password={}", self.source.identity(), self.secret),
            _ => self.source.identity(),
        }
    }

    async fn test(&self, ctx: &Ctx) -> Result<String> {
        match self.fault {
            Fault::TestsNothing => Ok("all is well".into()),
            _ => self.source.test(ctx).await,
        }
    }

    async fn discover(&self, wanted: &Wanted<'_>, ctx: &Ctx) -> Result<Vec<Discovered>> {
        let mut found = self.source.discover(wanted, ctx).await?;
        if self.fault == Fault::DiscoversHalf {
            found.iter_mut().for_each(|table| table.columns.truncate(1));
        }
        Ok(found)
    }

    async fn tables(&self, ctx: &Ctx) -> Result<Vec<Offered>> {
        self.source.tables(ctx).await
    }

    async fn read(&self, mut request: ReadRequest, ctx: &Ctx) -> Result<BoxStream<'static, Result<Read>>> {
        let times = {
            let mut read = self.read.lock();
            *read += 1;
            *read
        };
        let deaf = Ctx {
            cancel: Default::default(),
            ..ctx.clone()
        };
        let is_deaf = matches!(self.fault, Fault::GoesOn | Fault::BeginsAnyway);
        if self.fault == Fault::KnowsNoLimit {
            request.limit = None;
        }
        let slices = request.slices.len();
        let reads = match self.source.read(request, if is_deaf { &deaf } else { ctx }).await {
            Ok(reads) => reads,
            Err(_) if self.fault == Fault::FailsAsEmpty => stream::empty().boxed(),
            Err(e) => return Err(e),
        };
        Ok(damaged(self.fault, reads, slices, times))
    }
}

fn damaged(
    fault: Fault,
    reads: BoxStream<'static, Result<Read>>,
    slices: usize,
    times: usize,
) -> BoxStream<'static, Result<Read>> {
    let is_done = |read: &Result<Read>| matches!(read, Ok(Read::Done { .. }));
    let is_rows = |read: &Result<Read>| matches!(read, Ok(Read::Rows { .. }));
    let all_done = move || stream::iter((0..slices).map(|slice| Ok(Read::Done { slice })));
    match fault {
        Fault::ForgetsDone => reads.filter(move |r| futures::future::ready(!is_done(r))).boxed(),
        Fault::SaysDoneTwice => reads.chain(all_done()).boxed(),
        Fault::SaysDoneFirst => all_done()
            .chain(reads.filter(move |r| futures::future::ready(!is_done(r))))
            .boxed(),
        Fault::FailsAsEmpty => reads
            .take_while(|r| futures::future::ready(r.is_ok()))
            .chain(all_done())
            .boxed(),
        Fault::LosesABatch | Fault::GivesLessEachTime => {
            let mut left = if fault == Fault::LosesABatch { 1 } else { times - 1 };
            let keep = move |read: &Result<Read>| {
                let loses = is_rows(read) && left > 0;
                left -= usize::from(loses);
                futures::future::ready(!loses)
            };
            reads.filter(keep).boxed()
        }
        Fault::DoublesABatch => {
            let mut first = true;
            let twice = move |read: Result<Read>| {
                let again = match &read {
                    Ok(Read::Rows { slice, batch }) if std::mem::take(&mut first) => Some(Read::Rows {
                        slice: *slice,
                        batch: batch.clone(),
                    }),
                    _ => None,
                };
                stream::iter(again.map(Ok).into_iter().chain([read]))
            };
            reads.flat_map(twice).boxed()
        }
        Fault::DropsAColumn => reads
            .map(|read| match read {
                Ok(Read::Rows { slice, mut batch }) => {
                    batch.remove_column(batch.num_columns() - 1);
                    Ok(Read::Rows { slice, batch })
                }
                other => other,
            })
            .boxed(),
        Fault::ReadsAhead | Fault::LivesOn => {
            let (sender, receiver) = futures::channel::mpsc::unbounded();
            tokio::spawn(reads.for_each(move |read| {
                let _nobody_listens = sender.unbounded_send(read);
                futures::future::ready(())
            }));
            receiver.boxed()
        }
        _ => reads,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_twin() {
        let has_twin = |name: &str| TWINS.iter().any(|(_, case)| *case == name);
        let without: Vec<_> = all().iter().map(|c| c.name).filter(|name| !has_twin(name)).collect();
        assert_eq!(without, Vec::<&str>::new());
    }
}
