//! What makes files and folders outlive a power cut.
//!
//! A file that was written is in the system's memory; its name is in a folder that is in memory too. Both count once they are synced, and a
//! new folder's name stands in the folder above it. `segue_testkit::power` has a disk that forgets the rest.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

/// A disk, as far as it is asked to keep something.
pub trait Durability: Send + Sync + fmt::Debug {
    /// The bytes of this open file are durable when it returns.
    ///
    /// # Errors
    /// What the disk says.
    fn file(&self, file: &File, path: &Path) -> io::Result<()>;

    /// The names in this folder are durable when it returns.
    ///
    /// # Errors
    /// What the disk says.
    fn folder(&self, path: &Path) -> io::Result<()>;

    /// The name of this file or folder is durable when it returns, with those of the folders above it up to `top`, which is one of them, and
    /// its own.
    ///
    /// # Errors
    /// What the disk says.
    fn names(&self, path: &Path, top: &Path) -> io::Result<()> {
        let end = top.parent().unwrap_or(top);
        path.ancestors()
            .skip(1)
            .take_while(|folder| folder.starts_with(end))
            .try_for_each(|folder| self.folder(folder))
    }
}

/// The disk itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fsync;

impl Durability for Fsync {
    fn file(&self, file: &File, _: &Path) -> io::Result<()> {
        file.sync_all()
    }

    fn folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}
