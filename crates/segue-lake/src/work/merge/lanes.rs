//! Working files off, several at once: as many as there are cores and as memory allows.

use super::keys::Keys;
use super::scan::{Made, Scan};
use super::stretches::Stretch;
use crate::file::DataFile;
use object_store::ObjectStoreExt;
use parking_lot::Mutex;
use segue_core::{Error, Kind, Result, Spans, meter};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::thread::available_parallelism;

/// What one lane takes: the columns of a row group that is read and of one that is written, and what is on its way to the store.
const LANE_BYTES: u64 = 64 << 20;
/// Files that are together smaller than this are not worth a lane of their own, nor files of their own that it would write.
const LEAST_BYTES: u64 = 4 << 20;

/// What is done with each.
pub(super) enum Job {
    /// All keys are here: their rows are found, and files written without them, in one reading.
    Merge(Keys),
    /// A part of the keys: it is noted which rows go.
    Mark(Keys),
    /// What was noted goes, and the rest is written.
    Copy,
}

/// What became of the files.
#[derive(Default)]
pub(super) struct Done {
    pub stretches: Vec<Stretch>,
    pub wrote: Vec<DataFile>,
    pub values: BTreeMap<String, Spans>,
}

/// Does it with all files. On an error nothing of what was written stays, as well as that can be.
pub(super) async fn work_off(scan: &Arc<Scan>, job: Job, stretches: Vec<Stretch>) -> Result<Vec<Done>> {
    let bytes = stretches.iter().map(|stretch| stretch.bytes).sum();
    let lanes = most_lanes(scan, bytes).min(stretches.len());
    // A core that has no lane reads for another one.
    let ahead = lanes < cores() && bytes > LEAST_BYTES;
    let (job, queue) = (Arc::new(job), Arc::new(Mutex::new(VecDeque::from(stretches))));
    if lanes <= 1 {
        return Ok(vec![lane(scan.clone(), job, queue, ahead).await?]);
    }
    // Whoever waits no longer, or fails, stops them all.
    let stopped_when_dropped = scan.ctx.cancel.clone().drop_guard();
    let running: Vec<_> = (0..lanes)
        .map(|_| meter::spawn(lane(scan.clone(), job.clone(), queue.clone(), ahead)))
        .collect();
    let (mut done, mut failed) = (Vec::new(), None);
    for lane in running {
        match lane.await {
            Ok(Ok(of_lane)) => done.push(of_lane),
            Ok(Err(e)) => failed = Some(cause(failed, e)),
            Err(e) => {
                failed = Some(cause(
                    failed,
                    Error::bug("a lane of a merge did not finish").caused_by(e),
                ))
            }
        }
    }
    match failed {
        None => {
            stopped_when_dropped.disarm();
            Ok(done)
        }
        Some(error) => {
            for file in done.iter().flat_map(|of_lane| &of_lane.wrote) {
                if let Err(e) = scan.store.delete(&crate::read::location(&file.path)).await {
                    tracing::debug!(path = file.path, error = %e, "a file of a failed merge stays until a vacuum");
                }
            }
            Err(error)
        }
    }
}

/// Of two errors the one that is not there because of the other.
fn cause(known: Option<Error>, new: Error) -> Error {
    match known {
        Some(known) if known.kind() != Kind::Cancelled => known,
        _ => new,
    }
}

/// How many lanes so many bytes of files are worth, at most.
pub(super) fn most_lanes(scan: &Scan, bytes: u64) -> usize {
    let room = usize::try_from(scan.ctx.limits.memory / 2 / LANE_BYTES).unwrap_or(usize::MAX);
    let worth = usize::try_from(bytes / LEAST_BYTES).unwrap_or(usize::MAX);
    cores().min(room).min(worth).max(1)
}

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Takes files from the queue until there are none.
async fn lane(scan: Arc<Scan>, job: Arc<Job>, queue: Arc<Mutex<VecDeque<Stretch>>>, ahead: bool) -> Result<Done> {
    let (mut made, mut stretches) = (scan.made(), Vec::new());
    made.ahead = ahead;
    let outcome = async {
        loop {
            let next = queue.lock().pop_front();
            let Some(mut stretch) = next else { return Ok(()) };
            one(&scan, &job, &mut stretch, &mut made).await?;
            stretches.push(stretch);
        }
    };
    if let Err(e) = outcome.await {
        scan.ctx.cancel.cancel();
        made.writer.abandon().await;
        return Err(e);
    }
    let finished = made.writer.finish().await;
    Ok(Done {
        stretches,
        wrote: finished.inspect_err(|_| scan.ctx.cancel.cancel())?,
        values: made.values.finish(),
    })
}

async fn one(scan: &Scan, job: &Job, stretch: &mut Stretch, made: &mut Made<'_>) -> Result<()> {
    match job {
        Job::Merge(keys) => scan.merge(keys, stretch, made).await,
        Job::Mark(keys) => scan.mark(keys, stretch, made).await,
        Job::Copy => scan.copy(stretch, made).await,
    }
}
