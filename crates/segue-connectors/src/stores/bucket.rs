//! A bucket, or a folder of one, as a place for files.

use super::errors::Where;
use super::wire::{Failure, Wire};
use crate::files::pattern::{Pattern, Step};
use crate::files::place::{Listed, Opened, Place, nameless};
use crate::http::retry;
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, PutMode, PutPayload, UpdateVersion};
use segue_core::{Clock, Ctx, Error, Kind, Result};
use segue_diag as codes;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// The most files that one path may mean.
const MOST_FILES: usize = 1_000_000;
/// The most times that one download goes on where it broke off.
const MOST_RESUMED: u32 = 100;
/// What is asked for first of the end of an object, in bytes, and the most that its footer may have.
const FOOTER: u64 = 256 << 10;
const MOST_FOOTER: u64 = 64 << 20;
/// Questions about single objects at once.
const AT_ONCE: usize = 8;

/// What every store here can do.
pub(crate) trait Store: ObjectStore + PaginatedListStore {}
impl<T: ObjectStore + PaginatedListStore> Store for T {}

/// A bucket.
pub(crate) struct Bucket {
    pub(super) store: Arc<dyn Store>,
    pub(super) wire: Wire,
    pub(super) identity: String,
    pub(super) at: Where,
    /// The folder below which paths begin, without slashes around it.
    pub(super) prefix: String,
    pub(super) max_object: u64,
    pub(super) tries: u32,
    pub(super) clock: Arc<dyn Clock>,
}

/// What became of writing an object.
pub(crate) enum Put {
    /// It is there.
    Done,
    /// Another one is there by now, or none any more; or that it was written and the answer was lost.
    Unsure,
}

/// An object while it is brought here.
struct Download {
    file: File,
    at: u64,
    /// What it has to be; `None` until the first answer says it.
    mark: Option<String>,
}

/// Why a part of it did not come to its end.
enum Stop {
    /// It is another object by now.
    Changed,
    /// It may go on from there.
    Broke(Error),
    /// What came is not what the store says that it has.
    Wrong(Error),
    Failed(Error),
}

impl Bucket {
    /// The key of a path.
    pub(crate) fn key(&self, path: &str) -> Result<Key> {
        let whole = match self.prefix.as_str() {
            "" => path.to_string(),
            prefix => format!("{prefix}/{path}"),
        };
        let key = Key::parse(&whole);
        key.map_err(|e| {
            self.at
                .about(Kind::Invalid, "this path is no name of an object", Some(path))
                .caused_by(e)
        })
    }

    /// The path of a key, where it lies below the folder.
    fn path<'k>(&self, key: &'k Key) -> Option<&'k str> {
        match self.prefix.as_str() {
            "" => Some(key.as_ref()),
            prefix => key.as_ref().strip_prefix(prefix)?.strip_prefix('/'),
        }
    }

    /// What is known of an object; `None` where there is none.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn meta(&self, path: &str) -> Result<Option<ObjectMeta>> {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        match self.store.get_opts(&self.key(path)?, options).await {
            Ok(got) => Ok(Some(got.meta)),
            // A question without a body is not told whether it is the bucket that is missing: listing says so.
            Err(e) if matches!(Failure::of(&e), Some(Failure::Refused(no)) if no.status == 404) => Ok(None),
            Err(e) => Err(self.at.failed(&self.wire, "look at the object", Some(path), &e)),
        }
    }

    /// An object as it would be listed, and what the store knows of it; `None` where there is none.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn state(&self, path: &str) -> Result<Option<(Listed, ObjectMeta)>> {
        let found = self.meta(path).await?;
        Ok(found.map(|meta| (listed(path.to_string(), &meta), meta)))
    }

    /// The bytes of an object's Parquet footer, without the eight that stand at its end; `None` for what is no Parquet file.
    ///
    /// # Errors
    /// What the store says; `Unavailable` where it is another object by now.
    pub(crate) async fn footer(&self, path: &str, meta: &ObjectMeta) -> Result<Option<Bytes>> {
        if meta.size < 12 {
            return Ok(None);
        }
        let begin = meta.size - meta.size.min(FOOTER);
        let tail = self.range(path, meta, begin).await?;
        let Some((rest, end)) = tail.split_last_chunk::<8>() else {
            return Ok(None);
        };
        let length = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
        if end[4..] != *b"PAR1" || length + 12 > meta.size || length > MOST_FOOTER {
            return Ok(None);
        }
        let rest = match length as usize <= rest.len() {
            true => tail.slice(rest.len() - length as usize..rest.len()),
            false => {
                let whole = self.range(path, meta, meta.size - 8 - length).await?;
                whole.slice(..length as usize)
            }
        };
        Ok(Some(rest))
    }

    /// The bytes of an object from here to its end.
    async fn range(&self, path: &str, meta: &ObjectMeta, from: u64) -> Result<Bytes> {
        let options = GetOptions {
            if_match: meta.e_tag.clone(),
            range: Some(GetRange::Bounded(from..meta.size)),
            ..GetOptions::default()
        };
        let got = self.store.get_opts(&self.key(path)?, options).await;
        let bytes = match got {
            Ok(got) => got.bytes().await,
            Err(e) => Err(e),
        };
        let bytes = bytes.map_err(|e| match Failure::of(&e) {
            Some(Failure::Refused(no)) if matches!(no.status, 404 | 412 | 416) => self.changed(path),
            _ => self.at.failed(&self.wire, "read the object", Some(path), &e),
        })?;
        match bytes.len() as u64 == meta.size - from {
            true => Ok(bytes),
            false => Err(self.cut(path, "less", meta.size)),
        }
    }

    /// Writes an object in one request, where there is none, or where it is still the one that was looked at.
    ///
    /// # Errors
    /// What the store says; `Unsupported` where it does not know conditions.
    pub(crate) async fn put(&self, path: &str, payload: PutPayload, over: Option<&ObjectMeta>) -> Result<Put> {
        let mode = match over {
            None => PutMode::Create,
            Some(meta) => PutMode::Update(UpdateVersion {
                e_tag: meta.e_tag.clone(),
                version: meta.version.clone(),
            }),
        };
        match self.store.put_opts(&self.key(path)?, payload, mode.into()).await {
            Ok(_) => Ok(Put::Done),
            Err(e) => match Failure::of(&e) {
                Some(Failure::Refused(no)) if matches!(no.status, 404 | 409 | 412) && no.code != "NoSuchBucket" => {
                    Ok(Put::Unsure)
                }
                Some(Failure::Refused(no)) if no.status == 501 => Err(self
                    .at
                    .about(Kind::Unsupported, "the store does not write on conditions", Some(path))
                    .code(codes::EXPORT_STORE)
                    .hint("write into the lake, or into a folder, and copy the file there")),
                _ => Err(self.at.failed(&self.wire, "write the object", Some(path), &e)),
            },
        }
    }

    /// Removes an object; one that is gone is no error.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn remove(&self, path: &str) -> Result<()> {
        let keys = stream::iter([Ok(self.key(path)?)]).boxed();
        let removed: std::result::Result<Vec<_>, _> = self.store.delete_stream(keys).try_collect().await;
        match removed {
            Ok(_) => Ok(()),
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) if matches!(Failure::of(&e), Some(Failure::Refused(no)) if no.status == 404) => Ok(()),
            Err(e) => Err(self.at.failed(&self.wire, "remove the object", Some(path), &e)),
        }
    }

    /// Where it is, for messages.
    pub(crate) fn at(&self) -> &Where {
        &self.at
    }

    async fn listing(&self, pattern: &Pattern) -> Result<Vec<Listed>> {
        if let Some(path) = pattern.one() {
            let found = self.meta(&path).await?;
            // Where a bucket is missing, an object is, too; only one of them is worth an empty answer.
            if found.is_none() {
                self.look().await?;
            }
            return Ok(found.iter().map(|meta| listed(path.clone(), meta)).collect());
        }
        let prefix = match (self.prefix.as_str(), pattern.prefix()) {
            ("", prefix) => prefix,
            (folder, prefix) => format!("{folder}/{prefix}"),
        };
        let is_flat = is_flat(pattern);
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let options = PaginatedListOptions {
                delimiter: is_flat.then(|| "/".into()),
                page_token: token.clone(),
                ..PaginatedListOptions::default()
            };
            let wanted = Some(prefix.as_str()).filter(|prefix| !prefix.is_empty());
            let page = self.store.list_paginated(wanted, options).await;
            let page = page.map_err(|e| self.at.failed(&self.wire, "list what is there", None, &e))?;
            for meta in &page.result.objects {
                let Some(path) = self.path(&meta.location).filter(|path| pattern.fits(path)) else {
                    continue;
                };
                if found.len() == MOST_FILES {
                    return Err(self.too_many(pattern));
                }
                found.push(listed(path.to_string(), meta));
            }
            match page.page_token {
                None => break,
                Some(next) if token.as_ref() == Some(&next) => {
                    return Err(self
                        .at
                        .about(Kind::BadData, "the store's listing goes in circles", None)
                        .code(codes::STORE_ANSWER)
                        .hint("look at the connection's `endpoint`: what answers there may be no store of this kind"));
                }
                next => token = next,
            }
        }
        self.without_folders(found).await
    }

    /// Leaves out what only stands for a folder: an object `reports/` is listed as `reports`, and there is none of that name.
    async fn without_folders(&self, found: Vec<Listed>) -> Result<Vec<Listed>> {
        let looked = stream::iter(found).map(|file| async move {
            match file.size {
                0 => Ok(self.meta(&file.path).await?.map(|_| file)),
                _ => Ok::<_, Error>(Some(file)),
            }
        });
        let looked = looked.buffered(AT_ONCE).try_filter_map(|file| async move { Ok(file) });
        looked.try_collect().await
    }

    fn too_many(&self, pattern: &Pattern) -> Error {
        self.at
            .about(
                Kind::Invalid,
                format!("`{}` means more than {MOST_FILES} files", pattern.text()),
                None,
            )
            .code(codes::STORE_TOO_MANY)
            .hint("name fewer: a folder of a day, or of a month")
    }

    /// Whether there is anything; that there is a bucket, and that it may be listed.
    async fn look(&self) -> Result<bool> {
        let wanted = Some(format!("{}/", self.prefix)).filter(|_| !self.prefix.is_empty());
        let options = PaginatedListOptions {
            max_keys: Some(1),
            ..PaginatedListOptions::default()
        };
        let page = self.store.list_paginated(wanted.as_deref(), options).await;
        let page = page.map_err(|e| self.at.failed(&self.wire, "list what is there", None, &e))?;
        Ok(!page.result.objects.is_empty())
    }

    async fn fetch(&self, listed: &Listed, scratch: &Path, ctx: &Ctx) -> Result<Opened> {
        self.admit(&listed.path, listed.size)?;
        let mut got = Download {
            file: nameless(scratch)?,
            at: 0,
            mark: Some(listed.mark.clone()).filter(|mark| is_tag(mark)),
        };
        let (mut anew, mut idle, mut resumed) = (false, 0, 0);
        loop {
            let before = got.at;
            match self.part(&listed.path, &mut got, ctx).await {
                Ok(()) => break,
                Err(Stop::Failed(error)) => return Err(error),
                // It changed between the listing and now: what it is now is as good, and says so by its mark.
                Err(Stop::Changed) if !anew => {
                    (anew, got.mark) = (true, None);
                    begin_anew(&mut got).map_err(|e| no_room(&listed.path, e))?;
                }
                Err(Stop::Changed) => return Err(self.changed(&listed.path)),
                Err(Stop::Wrong(_)) if !anew => {
                    anew = true;
                    begin_anew(&mut got).map_err(|e| no_room(&listed.path, e))?;
                }
                Err(Stop::Wrong(error)) => return Err(error),
                Err(Stop::Broke(error)) => {
                    idle = if got.at > before { 0 } else { idle + 1 };
                    resumed += 1;
                    if idle >= self.tries || resumed > MOST_RESUMED {
                        return Err(error);
                    }
                    tracing::debug!("going on with {} at byte {}: {}", listed.path, got.at, error.message());
                    let wait = retry::backoff(idle + 1, &listed.path);
                    ctx.or_cancelled(async {
                        self.clock.sleep(wait).await;
                        Ok(())
                    })
                    .await?;
                }
            }
        }
        let mark = got.mark.unwrap_or_else(|| listed.mark.clone());
        let mut file = got.file;
        file.seek(SeekFrom::Start(0)).map_err(|e| no_room(&listed.path, e))?;
        Opened::of(file, mark).map_err(|e| no_room(&listed.path, e))
    }

    /// What follows behind what is there of it, to its end.
    async fn part(&self, path: &str, got: &mut Download, ctx: &Ctx) -> std::result::Result<(), Stop> {
        let doing = "read the object";
        let options = GetOptions {
            if_match: got.mark.as_ref().map(|mark| format!("\"{mark}\"")),
            range: (got.at > 0).then_some(GetRange::Offset(got.at)),
            ..GetOptions::default()
        };
        let key = self.key(path).map_err(Stop::Failed)?;
        let asked = ctx.or_cancelled(async { Ok(self.store.get_opts(&key, options).await) });
        let answer = asked.await.map_err(Stop::Failed)?.map_err(|e| match Failure::of(&e) {
            Some(Failure::Refused(no)) if matches!(no.status, 412 | 416) => Stop::Changed,
            _ => Stop::Failed(self.at.failed(&self.wire, doing, Some(path), &e)),
        })?;
        let is = answer.meta.e_tag.as_deref().map(tag);
        match (&got.mark, is) {
            (Some(mark), Some(is)) if *mark != is => return Err(Stop::Changed),
            (None, Some(is)) => got.mark = Some(is),
            _ => {}
        }
        let size = answer.meta.size;
        self.admit(path, size).map_err(Stop::Failed)?;
        let mut body = answer.into_stream();
        loop {
            let next = ctx.or_cancelled(async { Ok(body.next().await) });
            let chunk = match next.await.map_err(Stop::Failed)? {
                None => break,
                Some(Ok(chunk)) => chunk,
                Some(Err(e)) => {
                    let error = self.at.failed(&self.wire, doing, Some(path), &e);
                    return Err(match Failure::of(&e) {
                        Some(Failure::Broken {
                            kind: Kind::BadData, ..
                        }) => Stop::Wrong(error.code(codes::STORE_CUT)),
                        Some(Failure::Broken { .. }) => Stop::Broke(error),
                        _ => Stop::Failed(error),
                    });
                }
            };
            if got.at + chunk.len() as u64 > size {
                return Err(Stop::Wrong(self.cut(path, "more", size)));
            }
            got.file.write_all(&chunk).map_err(|e| Stop::Failed(no_room(path, e)))?;
            got.at += chunk.len() as u64;
        }
        match got.at < size {
            true => Err(Stop::Broke(self.cut(path, "less", size))),
            false => Ok(()),
        }
    }

    fn admit(&self, path: &str, size: u64) -> Result<()> {
        if size <= self.max_object {
            return Ok(());
        }
        let what = format!(
            "the object has {size} bytes, and no more than {} are read",
            self.max_object
        );
        Err(self
            .at
            .about(Kind::Invalid, what, Some(path))
            .code(codes::STORE_TOO_LARGE)
            .hint("raise the connection's `max_object`, if there is room on the disk that the state is on"))
    }

    fn changed(&self, path: &str) -> Error {
        self.at
            .about(Kind::Unavailable, "the object changed while it was read", Some(path))
            .code(codes::STORE_CHANGED)
            .hint("run again when nobody writes it; a new name for each state of it avoids this")
    }

    fn cut(&self, path: &str, how: &str, size: u64) -> Error {
        let what = format!("{how} came of the object than the {size} bytes that the store says it has");
        self.at
            .about(Kind::Unavailable, what, Some(path))
            .code(codes::STORE_CUT)
            .hint("run again; if it stays so, ask whoever keeps the store, or what stands in between")
    }
}

#[async_trait]
impl Place for Bucket {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn root(&self) -> String {
        self.at.root.clone()
    }

    async fn test(&self, ctx: &Ctx) -> Result<String> {
        let any = ctx.or_cancelled(self.look()).await?;
        Ok(match any {
            true => format!("files below {}", self.at.root),
            false => format!("{} is there, and holds no files yet", self.at.root),
        })
    }

    async fn list(&self, pattern: &Pattern, ctx: &Ctx) -> Result<Vec<Listed>> {
        ctx.or_cancelled(self.listing(pattern)).await
    }

    async fn open(&self, file: &Listed, scratch: &Path, ctx: &Ctx) -> Result<Opened> {
        self.fetch(file, scratch, ctx).await
    }
}

/// Whether what fits lies in one folder: then the folders in it need not be listed.
fn is_flat(pattern: &Pattern) -> bool {
    let is_name = |step: &&Step| matches!(step, Step::Name(_));
    let behind = pattern.steps().len() - pattern.steps().iter().take_while(is_name).count();
    behind == 1 && matches!(pattern.steps().last(), Some(Step::Like(_)))
}

fn listed(path: String, meta: &ObjectMeta) -> Listed {
    let seconds = meta.last_modified.timestamp();
    Listed {
        path,
        size: meta.size,
        mark: match &meta.e_tag {
            Some(e_tag) => tag(e_tag),
            None => format!("{}@{}", meta.size, meta.last_modified.timestamp_millis()),
        },
        modified: Timestamp::from_second(seconds).ok(),
    }
}

/// An ETag without its quotes: Azure writes them in answers and not in listings.
fn tag(e_tag: &str) -> String {
    e_tag.trim_start_matches("W/").trim_matches('"').to_string()
}

/// Whether a mark is an ETag, and not made up from size and time.
fn is_tag(mark: &str) -> bool {
    !mark.contains('@')
}

fn begin_anew(got: &mut Download) -> io::Result<()> {
    got.file.set_len(0)?;
    got.file.seek(SeekFrom::Start(0))?;
    got.at = 0;
    Ok(())
}

/// That a file cannot be kept here while it is read.
pub(crate) fn no_room(path: &str, e: io::Error) -> Error {
    let error = Error::new(Kind::Unavailable, "a file cannot be kept on disk while it is read").with("object", path);
    match e.kind() {
        io::ErrorKind::StorageFull => error.hint("the disk is full: make room where the state is kept"),
        _ => error.hint("look after the disk that the state is on"),
    }
    .caused_by(e)
}
