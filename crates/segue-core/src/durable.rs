//! What makes files and folders outlive a power cut.
//!
//! A file that was written is in the system's memory; its name is in a folder that is in memory too. Both count once they are synced, and a
//! new folder's name stands in the folder above it. `segue_testkit::power` has a disk that forgets the rest.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

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

/// Makes this folder and those above it that are not there, each durable before the next one is begun.
///
/// A process that was killed in here may have left the lowest folder that there is without its name on the disk: that is made up for.
///
/// # Errors
/// What the disk says.
pub fn make_folders(path: &Path, disk: &dyn Durability) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    let missing: Vec<PathBuf> = path
        .ancestors()
        .take_while(|folder| !folder.exists())
        .map(Path::to_path_buf)
        .collect();
    if let Some(above) = path.ancestors().nth(missing.len()).and_then(Path::parent) {
        match disk.folder(above) {
            // A folder that we may not even look into holds nothing that we made.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    for folder in missing.iter().rev() {
        // Another process may make it at the same moment.
        std::fs::create_dir_all(folder)?;
        disk.folder(folder.parent().unwrap_or(folder))?;
    }
    // Says so where a file has the name.
    std::fs::create_dir_all(&path)
}

#[cfg(test)]
mod tests;
