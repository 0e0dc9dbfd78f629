//! The cases.

use super::{Ability, Bed, Harness, ids, told};
use crate::conformance::{Held, hold, same};
use futures::StreamExt;
use futures::future::BoxFuture;
use segue_core::source::Read;
use segue_core::{Ctx, Kind};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How soon a source that is told to stop has stopped.
const SOON: Duration = Duration::from_secs(5);

/// A promise that is looked at.
pub struct Case {
    /// What is promised.
    pub name: &'static str,
    /// What a harness needs for it to apply.
    pub needs: &'static [Ability],
    pub(super) run: for<'a> fn(&'a dyn Harness) -> BoxFuture<'a, Held>,
}

macro_rules! cases {
    ($($name:ident $(needs $need:ident)*),* $(,)?) => {
        /// Every case there is.
        pub fn all() -> Vec<Case> {
            vec![$(
                Case {
                    name: stringify!($name),
                    needs: &[$(Ability::$need),*],
                    run: {
                        fn run(harness: &dyn Harness) -> BoxFuture<'_, Held> {
                            Box::pin(async move { $name(Bed::new(harness).await?).await })
                        }
                        run
                    },
                }
            ),*]
        }
    };
}

cases! {
    a_read_ends_with_done_once,
    every_row_comes_once_in_a_quiet_read,
    rows_are_of_the_requests_schema,
    reading_twice_gives_the_same,
    a_limit_is_kept,
    a_read_that_is_cancelled_ends,
    a_read_that_was_cancelled_before_does_not_begin,
    what_is_not_polled_is_not_read_ahead needs SeenAtWork,
    a_read_that_is_dropped_stops needs SeenAtWork,
    a_test_says_what_was_found,
    what_is_there_is_discovered needs Discovers,
    nothing_tells_a_secret needs Secrets,
    the_source_has_one_name,
    another_place_has_another_name needs Places,
    a_place_that_is_not_there_is_no_empty_one,
}

/// Once for each slice, with nothing of it afterwards, and no error.
async fn a_read_ends_with_done_once(bed: Bed<'_>) -> Held {
    let told = bed.read(bed.served.request()).await?;
    same!("errors", told.error.map(|e| e.to_text()), None);
    same!(
        "how often each slice ended",
        told.ends,
        vec![1; bed.served.request().slices.len()]
    );
    hold!(!told.late, "rows of a slice came after its end");
    Ok(())
}

/// None is missing and, where nothing fails, none is doubled.
async fn every_row_comes_once_in_a_quiet_read(bed: Bed<'_>) -> Held {
    let ids = ids(&bed.read(bed.served.request()).await?.rows)?;
    let expected: Vec<i64> = (0..bed.harness.rows() as i64).collect();
    same!("how many rows", ids.len(), expected.len());
    hold!(ids == expected, "rows are missing or doubled");
    Ok(())
}

/// The declared columns, in their order and of their types, in every batch.
async fn rows_are_of_the_requests_schema(bed: Bed<'_>) -> Held {
    let request = bed.served.request();
    let columns = request.schema.columns.clone().unwrap_or_default();
    let expected: Vec<_> = columns.iter().map(|c| (c.name.clone(), c.of.clone())).collect();
    hold!(!expected.is_empty(), "the harness declares no columns");
    let mut reads = bed.begin(request).await?;
    while let Some(read) = reads.next().await {
        if let Read::Rows { batch, .. } = read? {
            let found = crate::conformance::grid::columns_of(&batch.schema())?;
            same!("the columns", found, expected);
            crate::conformance::grid::Grid::read(&batch.schema(), &[batch])?;
        }
    }
    Ok(())
}

/// By the same source and by another one.
async fn reading_twice_gives_the_same(bed: Bed<'_>) -> Held {
    let source = bed.served.source()?;
    let mut first = None;
    for source in [source.clone(), source, bed.served.source()?] {
        let request = bed.served.request();
        let slices = request.slices.len();
        let rows = told(source.read(request, &bed.ctx).await?, slices).await?.rows.sorted();
        match &first {
            None => first = Some(rows),
            Some(first) => hold!(
                *first == rows,
                "{} rows, then {} others",
                first.rows.len(),
                rows.rows.len()
            ),
        }
    }
    Ok(())
}

/// About so many: not fewer, and far from all.
async fn a_limit_is_kept(bed: Bed<'_>) -> Held {
    let rows = bed.harness.rows();
    for limit in [1, 10] {
        let mut request = bed.served.request();
        request.limit = Some(limit);
        let told = bed.read(request).await?;
        let count = told.rows.rows.len() as u64;
        hold!(
            count >= limit && count < rows / 2,
            "asked for {limit} of {rows} rows, {count} came"
        );
    }
    Ok(())
}

/// In the middle of it, with an error that says so.
async fn a_read_that_is_cancelled_ends(bed: Bed<'_>) -> Held {
    let mut reads = bed.begin(bed.served.request()).await?;
    let mut rows = 0;
    while rows == 0 {
        match reads.next().await {
            Some(Ok(Read::Rows { batch, .. })) => rows += batch.num_rows() as u64,
            Some(Ok(_)) => {}
            other => hold!(false, "before any row came {other:?}"),
        }
    }
    bed.ctx.cancel.cancel();
    let rest = async {
        while let Some(read) = reads.next().await {
            match read {
                Ok(Read::Rows { batch, .. }) => rows += batch.num_rows() as u64,
                Ok(_) => {}
                Err(e) => return Some(e.kind()),
            }
        }
        None
    };
    let Ok(end) = timeout(SOON, rest).await else {
        hold!(false, "it goes on {SOON:?} after it was told to stop");
        return Ok(());
    };
    same!("how it ended", end, Some(Kind::Cancelled));
    hold!(rows < bed.harness.rows(), "all rows came although it was told to stop");
    Ok(())
}

/// Nobody is asked any more.
async fn a_read_that_was_cancelled_before_does_not_begin(bed: Bed<'_>) -> Held {
    bed.ctx.cancel.cancel();
    let slices = bed.served.request().slices.len();
    let read = async {
        match bed.begin(bed.served.request()).await {
            Err(e) => Ok((Some(e.kind()), 0)),
            Ok(reads) => told(reads, slices)
                .await
                .map(|told| (told.error.map(|e| e.kind()), told.ends.iter().sum())),
        }
    };
    let Ok(end) = timeout(SOON, read).await else {
        hold!(false, "it goes on {SOON:?} after it was told to stop");
        return Ok(());
    };
    same!("how it ended", end?, (Some(Kind::Cancelled), 0));
    Ok(())
}

async fn first_rows(bed: &Bed<'_>) -> Held<futures::stream::BoxStream<'static, segue_core::Result<Read>>> {
    let mut reads = bed.begin(bed.served.request()).await?;
    loop {
        match reads.next().await {
            Some(Ok(Read::Rows { .. })) => return Ok(reads),
            Some(Ok(_)) => {}
            other => hold!(false, "before any row came {other:?}"),
        }
    }
}

/// After a while in which nobody polled, the source is not through: it was not read into memory.
async fn what_is_not_polled_is_not_read_ahead(bed: Bed<'_>) -> Held {
    let reads = first_rows(&bed).await?;
    sleep(Duration::from_millis(1500)).await;
    hold!(
        !bed.served.is_through().await,
        "all of it was read although nobody polled"
    );
    let slices = bed.served.request().slices.len();
    let told = told(reads, slices).await?;
    same!("errors after the pause", told.error.map(|e| e.to_text()), None);
    same!("ends after the pause", told.ends, vec![1; slices]);
    Ok(())
}

/// What was under way at the source ends, too.
async fn a_read_that_is_dropped_stops(bed: Bed<'_>) -> Held {
    let mut reads = bed.begin(bed.served.slow()).await?;
    let begun = Instant::now();
    while !bed.served.is_at_work().await {
        hold!(begun.elapsed() < SOON, "the harness does not see that it is read from");
        let _not_yet = timeout(Duration::from_millis(50), reads.next()).await;
    }
    drop(reads);
    let begun = Instant::now();
    while bed.served.is_at_work().await {
        hold!(
            begun.elapsed() < SOON,
            "it works on {SOON:?} after the read was dropped"
        );
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// In a line; of a place that is not there it is an error.
async fn a_test_says_what_was_found(bed: Bed<'_>) -> Held {
    let line = bed.served.source()?.test(&bed.ctx).await?;
    hold!(!line.is_empty() && line.lines().count() == 1, "it says {line:?}");
    let gone = bed.served.gone()?.test(&bed.ctx).await.ok();
    same!("of a place that is not there", gone, None);
    Ok(())
}

/// The table is among what is offered, with the columns that are asked for.
async fn what_is_there_is_discovered(bed: Bed<'_>) -> Held {
    let found = bed.served.source()?.discover(&|_| true, &bed.ctx).await?;
    let names: Vec<_> = found.iter().map(|t| t.table.name.clone()).collect();
    let Some(table) = found.into_iter().find(|found| found.table.name == bed.served.name()) else {
        hold!(false, "`{}` is not among {names:?}", bed.served.name());
        return Ok(());
    };
    let columns = table.columns.into_iter().map(|c| (c.name, c.of)).collect::<Vec<_>>();
    let asked = bed.served.request().schema.columns.unwrap_or_default();
    same!(
        "its columns",
        columns,
        asked.into_iter().map(|c| (c.name, c.of)).collect::<Vec<_>>()
    );
    Ok(())
}

/// Not by its identity, not by its answer to a test, and not by what goes wrong.
async fn nothing_tells_a_secret(bed: Bed<'_>) -> Held {
    let secrets = bed.served.secrets();
    hold!(!secrets.is_empty(), "the harness has no secret");
    let quiet = Ctx::new("test", bed.ctx.clock.clone());
    let mut said = Vec::new();
    for source in [bed.served.source()?, bed.served.gone()?] {
        said.push(source.identity());
        said.push(match source.test(&quiet).await {
            Ok(line) => line,
            Err(e) => format!("{}{:?}", e.to_text(), e.to_json()),
        });
        match source.read(bed.served.request(), &quiet).await {
            Ok(mut reads) => {
                while let Some(read) = reads.next().await {
                    match read {
                        Ok(Read::Rows { .. }) => break,
                        Ok(other) => said.push(format!("{other:?}")),
                        Err(e) => said.push(format!("{}{:?}", e.to_text(), e.to_json())),
                    }
                }
            }
            Err(e) => said.push(format!("{}{:?}", e.to_text(), e.to_json())),
        }
    }
    for secret in secrets {
        let told = said.iter().find(|text| text.contains(&secret));
        hold!(told.is_none(), "`{secret}` is told: {told:?}");
    }
    Ok(())
}

/// The same each time that it is opened.
async fn the_source_has_one_name(bed: Bed<'_>) -> Held {
    let name = bed.served.source()?.identity();
    hold!(!name.is_empty(), "it has no name");
    same!("its name again", bed.served.source()?.identity(), name);
    Ok(())
}

/// So that what was read there is not taken for this one's.
async fn another_place_has_another_name(bed: Bed<'_>) -> Held {
    let (name, other) = (bed.served.source()?.identity(), bed.harness.serve().await?);
    hold!(other.source()?.identity() != name, "two sources are called `{name}`");
    Ok(())
}

/// It is an error, of the whole or of each slice, or the slices are put off; none of them is done.
async fn a_place_that_is_not_there_is_no_empty_one(bed: Bed<'_>) -> Held {
    let request = bed.served.request();
    let slices = request.slices.len();
    let (told, ends) = match bed.served.gone()?.read(request, &bed.ctx).await {
        Err(_) => (true, 0),
        Ok(mut reads) => {
            let (mut told, mut ends) = (false, 0);
            while let Some(read) = reads.next().await {
                match read {
                    Ok(Read::Done { .. }) => ends += 1,
                    Ok(Read::Failed { .. } | Read::Parked { .. }) | Err(_) => told = true,
                    Ok(_) => {}
                }
            }
            (told, ends)
        }
    };
    hold!(told, "it told nothing of it");
    same!(format!("how many of {slices} slices are done"), ends, 0);
    Ok(())
}
