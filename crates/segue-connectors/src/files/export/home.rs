//! Where files are written: beside the project, or in a bucket. Each puts a file in place in one step, or not at all.

use super::errors::{anothers, failed, foreign};
use super::written::{At, Footer, Mark, write};
use crate::files::pattern::Pattern;
use crate::files::place::{Place, nameless};
use crate::stores::bucket::{Bucket, Put};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use object_store::{ObjectMeta, PutPayload};
use segue_core::durable::{Durability, make_folders};
use segue_core::meter::blocking;
use segue_core::{Ctx, Error, Kind, Result};
use segue_diag as codes;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// The largest file that goes into a bucket: it is sent in one request, because that is what can have a condition, and lies in memory
/// meanwhile.
const MOST_SENT: u64 = 256 << 20;
/// The pieces of it.
const PIECE: usize = 8 << 20;
/// What stands behind a file's own name while it is written.
const BESIDE: &str = ".segue";

/// Rows on their way into a file.
pub(super) type Coming = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// A place that files are written into.
#[derive(Clone)]
pub(super) enum Home {
    Folder(Folder),
    Bucket(Arc<Bucket>),
}

/// A file that is there.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// What is another as soon as the file is.
    pub state: String,
    /// `None` for what is no Parquet file.
    pub footer: Option<Footer>,
    meta: Option<ObjectMeta>,
}

impl Seen {
    /// Its mark.
    ///
    /// # Errors
    /// `Conflict` where another program made the file.
    pub fn mark(&self, place: &str) -> Result<&Mark> {
        self.footer
            .as_ref()
            .and_then(|footer| footer.mark.as_ref())
            .ok_or_else(|| foreign(place))
    }
}

/// What became of putting a file in place.
pub(super) enum Placed {
    /// It is there.
    Done,
    /// Something else is there than was looked at.
    Moved,
}

impl Home {
    /// What is at this place; `None` where nothing is.
    ///
    /// # Errors
    /// What the place says; `BadData` for a mark of ours that cannot be read.
    pub async fn look(&self, place: &str) -> Result<Option<Seen>> {
        match self {
            Home::Folder(folder) => {
                let (folder, place) = (folder.clone(), place.to_string());
                blocking(move || folder.look(&place)).await?
            }
            Home::Bucket(bucket) => in_bucket(bucket, place).await,
        }
    }

    /// The file that was seen, whole.
    ///
    /// # Errors
    /// `Unavailable` where it is another one by now.
    pub async fn open(&self, place: &str, seen: &Seen, scratch: &Path, ctx: &Ctx) -> Result<At> {
        let moved = || {
            Error::new(
                Kind::Unavailable,
                format!("the file at `{place}` changed while it was read"),
            )
            .hint("run again")
        };
        match self {
            Home::Folder(folder) => {
                let file = File::open(folder.path.join(place)).map_err(failed)?;
                match state(&file.metadata().map_err(failed)?) == seen.state {
                    true => At::of(file).map_err(failed),
                    false => Err(moved()),
                }
            }
            Home::Bucket(bucket) => {
                let listed = bucket.list(&Pattern::parse(place)?, ctx).await?;
                let listed = listed.first().ok_or_else(moved)?;
                let opened = bucket.open(listed, scratch, ctx).await?;
                match opened.mark == seen.state {
                    true => At::of(opened.file).map_err(failed),
                    false => Err(moved()),
                }
            }
        }
    }

    /// Writes these rows and puts them where what was seen is still there. `decided` is asked once more of what is there just before.
    ///
    /// # Errors
    /// What the place says; the rows' own. Nothing is changed then.
    pub async fn put(
        &self,
        place: &str,
        seen: Option<&Seen>,
        schema: SchemaRef,
        rows: Coming,
        mark: Mark,
        scratch: &Path,
    ) -> Result<Placed> {
        match self {
            Home::Folder(folder) => {
                let (folder, place) = (folder.clone(), place.to_string());
                let before = seen.map(|seen| seen.state.clone());
                blocking(move || folder.put(&place, before.as_deref(), schema, rows, &mark)).await?
            }
            Home::Bucket(bucket) => {
                let scratch = scratch.to_path_buf();
                let about = bucket.at().clone();
                let at = place.to_string();
                let payload = blocking(move || {
                    let mut file = write(nameless(&scratch)?, schema, rows, &mark)?;
                    let size = file.metadata().map_err(failed)?.len();
                    if size > MOST_SENT {
                        let what = format!("the file has {size} bytes, and no more than {MOST_SENT} go into a bucket");
                        return Err(about
                            .about(Kind::Unsupported, what, Some(&at))
                            .code(codes::EXPORT_TOO_LARGE)
                            .hint("export fewer rows or columns, or several files; a file of the project may have any size"));
                    }
                    file.seek(SeekFrom::Start(0)).map_err(failed)?;
                    let mut pieces = Vec::new();
                    loop {
                        let mut piece = Vec::new();
                        let read = Read::by_ref(&mut file).take(PIECE as u64).read_to_end(&mut piece);
                        if read.map_err(failed)? == 0 {
                            break;
                        }
                        pieces.push(Bytes::from(piece));
                    }
                    Ok(PutPayload::from_iter(pieces))
                });
                let over = seen.and_then(|seen| seen.meta.as_ref());
                match bucket.put(place, payload.await??, over).await? {
                    Put::Done => Ok(Placed::Done),
                    Put::Unsure => Ok(Placed::Moved),
                }
            }
        }
    }

    /// Removes the file; one that is gone is no error.
    ///
    /// # Errors
    /// What the place says.
    pub async fn remove(&self, place: &str) -> Result<()> {
        match self {
            Home::Folder(folder) => {
                let (folder, place) = (folder.clone(), place.to_string());
                blocking(move || folder.remove(&place)).await?
            }
            Home::Bucket(bucket) => bucket.remove(place).await,
        }
    }

    /// Removes what a process that died left half-written for this place.
    ///
    /// # Errors
    /// What the place says.
    pub async fn sweep(&self, place: &str) -> Result<()> {
        match self {
            Home::Folder(folder) => {
                let (folder, place) = (folder.clone(), place.to_string());
                blocking(move || folder.sweep(&place)).await?
            }
            Home::Bucket(_) => Ok(()),
        }
    }

    /// Every Parquet file there is.
    ///
    /// # Errors
    /// What the place says.
    pub async fn all(&self, ctx: &Ctx) -> Result<Vec<String>> {
        match self {
            Home::Folder(folder) => {
                let folder = folder.clone();
                blocking(move || folder.all()).await?
            }
            Home::Bucket(bucket) => {
                let listed = bucket.list(&Pattern::parse("**/*.parquet")?, ctx).await?;
                Ok(listed.into_iter().map(|file| file.path).collect())
            }
        }
    }
}

/// The project's folder.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub path: PathBuf,
    pub disk: Arc<dyn Durability>,
}

impl Folder {
    fn look(&self, place: &str) -> Result<Option<Seen>> {
        let file = match File::open(self.path.join(place)) {
            Ok(file) => file,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        let is = file.metadata().map_err(failed)?;
        if !is.is_file() {
            return Err(foreign(place));
        }
        let footer = Footer::of_file(&At::of(file).map_err(failed)?)?;
        Ok(Some(Seen {
            state: state(&is),
            footer,
            meta: None,
        }))
    }

    fn put(&self, place: &str, before: Option<&str>, schema: SchemaRef, rows: Coming, mark: &Mark) -> Result<Placed> {
        let path = self.path.join(place);
        let folder = path.parent().unwrap_or(&self.path).to_path_buf();
        make_folders(&folder, &*self.disk).map_err(failed)?;
        let beside = folder.join(format!("{}{}{BESIDE}", beside(&path), Uuid::new_v4()));
        let placed = self.put_from(&beside, place, before, schema, rows, mark);
        if !matches!(placed, Ok(Placed::Done))
            && let Err(e) = std::fs::remove_file(&beside)
            && e.kind() != ErrorKind::NotFound
        {
            tracing::warn!("cannot remove `{}`: {e}", beside.display());
        }
        placed
    }

    fn put_from(
        &self,
        beside: &Path,
        place: &str,
        before: Option<&str>,
        schema: SchemaRef,
        rows: Coming,
        mark: &Mark,
    ) -> Result<Placed> {
        let path = self.path.join(place);
        let file = File::create_new(beside).map_err(failed)?;
        let file = write(file, schema, rows, mark)?;
        self.disk.file(&file, beside).map_err(failed)?;
        // Between looking once more and putting it in place no other of ours may do the same: whoever does holds the folder.
        let folder = path.parent().unwrap_or(&self.path);
        let lock = File::open(folder).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let now = self.look(place)?;
        if now.as_ref().map(|seen| seen.state.as_str()) != before {
            return Ok(Placed::Moved);
        }
        std::fs::rename(beside, &path).map_err(failed)?;
        self.disk.folder(folder).map_err(failed)?;
        Ok(Placed::Done)
    }

    fn remove(&self, place: &str) -> Result<()> {
        let path = self.path.join(place);
        match std::fs::remove_file(&path) {
            Ok(()) => self.disk.folder(path.parent().unwrap_or(&self.path)).map_err(failed),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            Err(e) => Err(failed(e)),
        }
    }

    fn sweep(&self, place: &str) -> Result<()> {
        let path = self.path.join(place);
        let begin = beside(&path);
        let entries = match std::fs::read_dir(path.parent().unwrap_or(&self.path)) {
            Ok(entries) => entries,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
            Err(e) => return Err(failed(e)),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let is_left = name
                .to_str()
                .and_then(|name| name.strip_prefix(&begin)?.strip_suffix(BESIDE))
                .is_some_and(|id| Uuid::parse_str(id).is_ok());
            if is_left {
                std::fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Below the folder, but for hidden folders and the lake's tables.
    fn all(&self) -> Result<Vec<String>> {
        let (mut found, mut ahead) = (Vec::new(), vec![self.path.clone()]);
        while let Some(folder) = ahead.pop() {
            if folder.join("_delta_log").exists() {
                continue;
            }
            for entry in std::fs::read_dir(&folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let (name, is) = (entry.file_name(), entry.file_type().map_err(failed)?);
                let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
                    continue;
                };
                if is.is_dir() {
                    ahead.push(entry.path());
                } else if is.is_file() && name.to_lowercase().ends_with(".parquet") {
                    let path = entry.path();
                    let below = path.strip_prefix(&self.path).unwrap_or(&path);
                    found.push(below.display().to_string());
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// What the names of files begin with that are written beside this one.
fn beside(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.")
}

/// Which file, how large, and when it was changed.
fn state(is: &Metadata) -> String {
    format!("{}-{}@{}.{:09}", is.ino(), is.len(), is.mtime(), is.mtime_nsec())
}

/// What an object's footer says.
async fn in_bucket(bucket: &Bucket, place: &str) -> Result<Option<Seen>> {
    let Some((listed, meta)) = bucket.state(place).await? else {
        return Ok(None);
    };
    let footer = match bucket.footer(place, &meta).await? {
        Some(bytes) => Footer::of_bytes(&bytes)?,
        None => None,
    };
    Ok(Some(Seen {
        state: listed.mark,
        footer,
        meta: Some(meta),
    }))
}

/// Fails where the file is another asset's.
///
/// # Errors
/// `Conflict`.
pub(super) fn own(mark: &Mark, asset: segue_core::AssetId, place: &str) -> Result<()> {
    match mark.record.asset == asset {
        true => Ok(()),
        false => Err(anothers(place, &mark.record.name)),
    }
}
