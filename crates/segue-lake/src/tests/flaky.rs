//! A store that does what it is asked and then says that it failed, or fails before: what is there decides, not what was said.

use super::bed::{Bed, merge, sales};
use crate::{Lake, LakeOptions};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use segue_core::sink::{Change, Claim, Committed, Sink};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// When the next write into such a folder fails.
#[derive(Clone, Copy, Debug)]
enum When {
    Before,
    After,
    /// It says that the file exists: a store's own retry of a write that had succeeded.
    Exists,
}

#[derive(Debug)]
struct Flaky {
    inner: InMemory,
    next: Mutex<Option<(&'static str, When)>>,
}

impl fmt::Display for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flaky")
    }
}

#[async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let when = self
            .next
            .lock()
            .take_if(|(folder, _)| location.as_ref().contains(*folder))
            .map(|(_, when)| when);
        let lost = || Error::Generic {
            store: "flaky",
            source: "the connection was lost".into(),
        };
        match when {
            None => self.inner.put_opts(location, payload, opts).await,
            Some(When::Before) => Err(lost()),
            Some(When::After) => {
                self.inner.put_opts(location, payload, opts).await?;
                Err(lost())
            }
            Some(When::Exists) => {
                self.inner.put_opts(location, payload, opts).await?;
                Err(Error::AlreadyExists {
                    path: location.to_string(),
                    source: "it exists".into(),
                })
            }
        }
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
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
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

fn flaky() -> (Bed, Arc<Flaky>) {
    let store = Arc::new(Flaky {
        inner: InMemory::new(),
        next: Mutex::new(None),
    });
    let lake = Lake::with_store(
        store.clone(),
        "memory:///lake".parse().unwrap(),
        &LakeOptions::default(),
    )
    .unwrap();
    (Bed::on(lake, None), store)
}

#[tokio::test]
async fn an_error_after_the_commit_began_is_looked_at_again() {
    for when in [When::Before, When::After, When::Exists] {
        for first in [true, false] {
            let (bed, store) = flaky();
            if !first {
                bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
            }
            let record = bed.prepare(merge(), &sales(&[(1, "b", 0, None)])).await;
            bed.lake.claim(&record, &bed.ctx).await.unwrap();
            *store.next.lock() = Some(("_delta_log", when));
            let said = bed.lake.commit(&record, 0, &bed.ctx).await;
            let version = u64::from(!first);
            match when {
                When::Before => assert!(said.is_err_and(|e| e.kind().is_transient()), "{when:?}"),
                _ => assert_eq!(said.unwrap(), Committed::Written(version), "{when:?}"),
            }
            let again = bed.lake.commit(&record, 0, &bed.ctx).await.unwrap();
            match when {
                When::Before => assert_eq!(again, Committed::Written(version)),
                _ => assert_eq!(again, Committed::AlreadyThere(version)),
            }
            assert_eq!(bed.rows().await, "1|b|2024-01-01T00:00:00Z|", "{when:?}");
        }
    }
}

#[tokio::test]
async fn an_error_after_the_claim_is_looked_at_again() {
    for when in [When::Before, When::After, When::Exists] {
        let (bed, store) = flaky();
        let record = bed.prepare(Change::Append, &sales(&[(1, "a", 0, None)])).await;
        *store.next.lock() = Some(("_segue/commits", when));
        let said = bed.lake.claim(&record, &bed.ctx).await;
        match when {
            When::Before => assert!(said.is_err_and(|e| e.kind().is_transient()), "{when:?}"),
            _ => assert_eq!(said.unwrap(), Claim::Ours, "{when:?}"),
        }
        assert_eq!(bed.lake.claim(&record, &bed.ctx).await.unwrap(), Claim::Ours);
    }
}

#[tokio::test]
async fn a_compaction_that_landed_though_it_failed_is_one() {
    for when in [When::After, When::Exists] {
        let (bed, store) = flaky();
        bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
        bed.run(Change::Append, &sales(&[(2, "a", 0, None)])).await;
        *store.next.lock() = Some(("_delta_log", when));
        let done = bed.lake.compact(&bed.target, 2, &bed.ctx).await.unwrap();
        assert_eq!((done.version, done.files_added), (Some(2), 1), "{when:?}");
        assert_eq!(bed.rows().await.lines().count(), 2);
    }
}
