//! A folder as an object store whose writes are on the disk before they count.
//!
//! `object_store` never syncs local files, so a power cut could leave a commit of length zero. Here a file is written under a name that
//! listings do not show, synced, given its name, and then its folder and every folder above it up to the lake's are synced.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};
use parking_lot::Mutex;
use segue_core::durable::{Durability, Fsync};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

/// The local file system as an object store, rooted at `/`, that syncs what it writes.
#[derive(Clone, Debug)]
pub struct SyncedLocal {
    inner: Arc<LocalFileSystem>,
    top: PathBuf,
    durability: Arc<dyn Durability>,
}

impl SyncedLocal {
    /// The file system, of which folders are synced up to the one that holds `top`.
    pub fn new(top: &FsPath) -> SyncedLocal {
        SyncedLocal::with(top, Arc::new(Fsync))
    }

    /// The same, with another way to make things durable; for tests that cut the power.
    pub fn with(top: &FsPath, durability: Arc<dyn Durability>) -> SyncedLocal {
        SyncedLocal {
            inner: Arc::new(LocalFileSystem::new()),
            top: top.to_path_buf(),
            durability,
        }
    }

    /// Makes a file durable that somebody else may have left in the system's memory: a killed writer's commit that we have just found.
    pub async fn settle(&self, location: &Path) -> Result<()> {
        let (path, me) = (self.inner.path_to_filesystem(location)?, self.clone());
        blocking(move || {
            let file = File::open(&path).map_err(|e| at(&path, e))?;
            me.durability.file(&file, &path).map_err(|e| at(&path, e))?;
            me.sync_folders(&path)
        })
        .await
    }

    fn sync_folders(&self, path: &FsPath) -> Result<()> {
        self.durability.names(path, &self.top).map_err(|e| at(path, e))
    }

    /// A new file under a name that listings do not show; the folders above it are made.
    fn unnamed(&self, path: &FsPath) -> Result<(File, PathBuf)> {
        let mut name = path.as_os_str().to_os_string();
        name.push(format!("#{}", uuid::Uuid::new_v4().as_u64_pair().0));
        let name = PathBuf::from(name);
        let open = || OpenOptions::new().read(true).write(true).create_new(true).open(&name);
        let file = match open() {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or(path);
                std::fs::create_dir_all(folder).map_err(|e| at(folder, e))?;
                open()
            }
            other => other,
        };
        Ok((file.map_err(|e| at(&name, e))?, name))
    }

    /// Gives a finished file its name, durably.
    fn name(&self, file: &File, unnamed: &FsPath, path: &FsPath, create: bool) -> Result<PutResult> {
        let named = self.durability.file(file, unnamed).and_then(|()| {
            if create {
                std::fs::hard_link(unnamed, path)?;
                std::fs::remove_file(unnamed)
            } else {
                std::fs::rename(unnamed, path)
            }
        });
        if let Err(e) = named {
            drop(std::fs::remove_file(unnamed));
            return Err(match e.kind() {
                ErrorKind::AlreadyExists => Error::AlreadyExists {
                    path: path.display().to_string(),
                    source: e.into(),
                },
                _ => at(path, e),
            });
        }
        self.sync_folders(path)?;
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }
}

fn at(path: &FsPath, e: std::io::Error) -> Error {
    match e.kind() {
        ErrorKind::NotFound => Error::NotFound {
            path: path.display().to_string(),
            source: e.into(),
        },
        ErrorKind::PermissionDenied => Error::PermissionDenied {
            path: path.display().to_string(),
            source: e.into(),
        },
        _ => Error::Generic {
            store: "local",
            // With its kind: a disk that is full is told from one that is broken.
            source: std::io::Error::new(e.kind(), format!("{}: {e}", path.display())).into(),
        },
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    segue_core::meter::blocking(work).await.unwrap_or_else(|e| {
        Err(Error::Generic {
            store: "local",
            source: e.into(),
        })
    })
}

impl fmt::Display for SyncedLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SyncedLocal({})", self.top.display())
    }
}

#[async_trait]
impl ObjectStore for SyncedLocal {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let create = match opts.mode {
            PutMode::Create => true,
            PutMode::Overwrite => false,
            PutMode::Update(_) => return self.inner.put_opts(location, payload, opts).await,
        };
        let (path, me) = (self.inner.path_to_filesystem(location)?, self.clone());
        blocking(move || {
            let (mut file, unnamed) = me.unnamed(&path)?;
            if let Err(e) = payload.iter().try_for_each(|bytes| file.write_all(bytes)) {
                drop(std::fs::remove_file(&unnamed));
                return Err(at(&path, e));
            }
            me.name(&file, &unnamed, &path, create)
        })
        .await
    }

    async fn put_multipart_opts(&self, location: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let (path, me) = (self.inner.path_to_filesystem(location)?, self.clone());
        let upload = blocking(move || {
            let (file, unnamed) = me.unnamed(&path)?;
            Ok(Upload {
                store: me,
                file: Arc::new(Mutex::new(file)),
                unnamed: Some(unnamed),
                path,
                offset: 0,
            })
        })
        .await?;
        Ok(Box::new(upload))
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

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        self.settle(to).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await?;
        self.settle(to).await
    }
}

/// A large file on its way in.
#[derive(Debug)]
struct Upload {
    store: SyncedLocal,
    file: Arc<Mutex<File>>,
    unnamed: Option<PathBuf>,
    path: PathBuf,
    offset: u64,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (file, path, offset) = (self.file.clone(), self.path.clone(), self.offset);
        self.offset += data.content_length() as u64;
        Box::pin(blocking(move || {
            let mut file = file.lock();
            file.seek(SeekFrom::Start(offset)).map_err(|e| at(&path, e))?;
            data.iter()
                .try_for_each(|bytes| file.write_all(bytes))
                .map_err(|e| at(&path, e))
        }))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let Some(unnamed) = self.unnamed.take() else {
            return Err(Error::Generic {
                store: "local",
                source: "an upload was completed twice".into(),
            });
        };
        let (store, file, path) = (self.store.clone(), self.file.clone(), self.path.clone());
        blocking(move || store.name(&file.lock(), &unnamed, &path, false)).await
    }

    async fn abort(&mut self) -> Result<()> {
        if let Some(unnamed) = self.unnamed.take() {
            std::fs::remove_file(&unnamed).map_err(|e| at(&unnamed, e))?;
        }
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(unnamed) = self.unnamed.take() {
            drop(std::fs::remove_file(unnamed));
        }
    }
}
