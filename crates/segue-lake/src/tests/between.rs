//! What another program does in the middle of ours: a store that lets it, just before it lists a log or takes a file.

use super::bed::{Bed, merge, sales, slices};
use super::guard::{KINDS, Kind, carry_out, ids, ids_after, plain};
use crate::{Lake, LakeOptions};
use arrow_array::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use segue_core::Kind as ErrorKind;
use segue_core::sink::{Change, Committed, Sink};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// When the other program has its turn.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    /// Before the log is listed: a commit looks there for the newest version after it has looked whether its plan still fits.
    LogIsListed,
    /// Before a data file is written: a compaction does so after it has loaded the table.
    FileIsWritten,
}

type Turn = (When, BoxFuture<'static, ()>);

#[derive(Default)]
struct Between {
    inner: Arc<InMemory>,
    next: Arc<Mutex<Option<Turn>>>,
}

impl fmt::Debug for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Between")
    }
}

impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Between")
    }
}

impl Between {
    fn turn(&self, now: When) -> Option<BoxFuture<'static, ()>> {
        let mut next = self.next.lock();
        next.take_if(|(when, _)| *when == now).map(|(_, turn)| turn)
    }

    fn listed(&self, prefix: Option<&Path>) -> Option<BoxFuture<'static, ()>> {
        prefix
            .filter(|p| p.as_ref().ends_with("_delta_log"))
            .and_then(|_| self.turn(When::LogIsListed))
    }
}

#[async_trait]
impl ObjectStore for Between {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        if location.as_ref().ends_with(".parquet")
            && let Some(turn) = self.turn(When::FileIsWritten)
        {
            turn.await;
        }
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        if let Some(turn) = self.turn(When::FileIsWritten) {
            turn.await;
        }
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (turn, inner, prefix) = (self.listed(prefix), self.inner.clone(), prefix.cloned());
        async move {
            if let Some(turn) = turn {
                turn.await;
            }
            inner.list(prefix.as_ref())
        }
        .flatten_stream()
        .boxed()
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let (turn, inner) = (self.listed(prefix), self.inner.clone());
        let (prefix, offset) = (prefix.cloned(), offset.clone());
        async move {
            if let Some(turn) = turn {
                turn.await;
            }
            inner.list_with_offset(prefix.as_ref(), &offset)
        }
        .flatten_stream()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// The same lake twice: ours, whose store gives way, and as the other program has it.
struct Two {
    ours: Bed,
    next: Arc<Mutex<Option<Turn>>>,
    inner: Arc<InMemory>,
}

impl Two {
    /// Four small files of one row each.
    async fn new() -> Two {
        let store = Between::default();
        let (inner, next) = (store.inner.clone(), store.next.clone());
        let ours = Bed::on(lake(Arc::new(store)), None);
        for id in 1..=4 {
            ours.run(Change::Append, &sales(&[(id, "old", 0, None)])).await;
        }
        Two { ours, next, inner }
    }

    fn theirs(&self) -> Bed {
        Bed {
            target: self.ours.target.clone(),
            ..Bed::on(lake(self.inner.clone()), None)
        }
    }

    /// The other program does this when it is its turn.
    fn then(&self, when: When, kind: Kind) {
        let theirs = self.theirs();
        let turn = async move {
            let table = plain(&theirs).await;
            carry_out(kind, table).await.unwrap_or_else(|e| panic!("{kind:?}: {e}"));
        };
        *self.next.lock() = Some((when, turn.boxed()));
    }

    #[track_caller]
    fn had_its_turn(&self) {
        assert!(self.next.lock().is_none(), "the other program never had its turn");
    }
}

fn lake(store: Arc<dyn ObjectStore>) -> Lake {
    let url = "memory:///lake".parse().unwrap();
    Lake::with_store(store, url, &LakeOptions::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_of_what_another_one_compacted_meanwhile_begins_again() {
    for kind in KINDS {
        let two = Two::new().await;
        two.then(When::FileIsWritten, kind);
        let done = two.ours.lake.compact(&two.ours.target, 2, &two.ours.ctx).await;
        two.had_its_turn();
        assert_eq!(ids(&two.ours).await, ids_after(&[kind]), "{kind:?}: {done:?}");
        // And of what it joined nothing is there twice.
        done.unwrap_or_else(|e| panic!("{kind:?}: {e}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_that_looked_before_another_one_landed_begins_again() {
    for kind in KINDS {
        let two = Two::new().await;
        two.then(When::LogIsListed, kind);
        let done = two.ours.lake.compact(&two.ours.target, 2, &two.ours.ctx).await;
        two.had_its_turn();
        assert_eq!(ids(&two.ours).await, ids_after(&[kind]), "{kind:?}: {done:?}");
        done.unwrap_or_else(|e| panic!("{kind:?}: {e}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amendment_of_a_table_that_moved_after_it_was_looked_at_is_refused() {
    for kind in KINDS {
        let two = Two::new().await;
        let bed = &two.ours;
        let batch = sales(&[(7, "old", 0, None)]);
        let staged = vec![bed.stage(&batch).await];
        let worked_out = bed.work_out(&slices(&["old"]), &staged, batch.schema()).await.unwrap();
        two.then(When::LogIsListed, kind);
        let refused = bed.lake.amend(&bed.target, &worked_out.plan, &bed.ctx).await;
        two.had_its_turn();
        let refused = refused.expect_err("it was let through");
        assert_eq!(refused.kind(), ErrorKind::Conflict, "{kind:?}: {refused}");
        assert_eq!(ids(bed).await, ids_after(&[kind]), "{kind:?}");
    }
}

/// What ours does, and the ids that it leaves of these.
type Ours = (Change, RecordBatch, fn(Vec<i64>) -> Vec<i64>);

fn ours() -> [Ours; 3] {
    [
        (Change::ReplaceTable, sales(&[(200, "ours", 0, None)]), |_| vec![200]),
        (
            merge(),
            sales(&[(2, "ours", 0, None), (60, "ours", 0, None)]),
            |mut ids| {
                ids.extend([2, 60]);
                ids
            },
        ),
        (slices(&["ours"]), sales(&[(70, "ours", 0, None)]), |mut ids| {
            ids.push(70);
            ids
        }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_plan_fitted_until_the_other_program_landed_is_worked_out_anew() {
    for kind in KINDS {
        for (change, batch, leaves) in ours() {
            let two = Two::new().await;
            let bed = &two.ours;
            let mut record = bed.prepare(change.clone(), &batch).await;
            bed.lake.claim(&record, &bed.ctx).await.unwrap();
            two.then(When::LogIsListed, kind);
            let said = bed.lake.commit(&record, 0, &bed.ctx).await.unwrap();
            two.had_its_turn();
            let name = format!("{change:?}, and {kind:?} in between");
            if matches!(said, Committed::Written(_)) {
                // Rows that were only added may follow whatever came; they were worked out to be rows that were not there.
                assert!(matches!(change, Change::ReplaceSlices { .. }), "{name} was let through");
            } else {
                assert_eq!(said, Committed::Moved, "{name}");
                assert_eq!(
                    ids(bed).await,
                    ids_after(&[kind]),
                    "{name}: nothing of ours is there yet"
                );
                let part = &record.parts[0];
                let schema = part.schema.clone();
                let anew = crate::work::work_out(&bed.lake, &bed.target, schema, &change, &part.staged, &[], &bed.ctx);
                record.parts[0].plan = anew.await.unwrap().plan;
                let said = bed.lake.commit(&record, 0, &bed.ctx).await.unwrap();
                assert!(matches!(said, Committed::Written(_)), "{name}: {said:?}");
            }
            let mut expected = leaves(ids_after(&[kind]));
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(ids(bed).await, expected, "{name}");
        }
    }
}
