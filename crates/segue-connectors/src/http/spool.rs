//! A large answer on disk: as it came, and gone with the last who reads it.

use segue_core::{Error, Kind, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// What came.
#[derive(Debug)]
pub struct Spooled {
    file: File,
    size: u64,
}

impl Spooled {
    /// An empty one, in a file of this folder that has no name any more: whatever becomes of the process, it is gone with it.
    ///
    /// # Errors
    /// `Unavailable` when there is no room for it.
    pub fn begin(folder: &Path) -> Result<Spooled> {
        let file = nameless(folder, "answer").map_err(|e| no_room(e).with("folder", folder.display()))?;
        Ok(Spooled { file, size: 0 })
    }

    /// One that is complete: all of this file.
    ///
    /// # Errors
    /// The system's own.
    pub fn of(file: File) -> io::Result<Spooled> {
        let size = file.metadata()?.len();
        Ok(Spooled { file, size })
    }

    /// The file itself.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Adds what came.
    ///
    /// # Errors
    /// `Unavailable` when there is no room for it.
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(no_room)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// How many bytes came.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// A new file in this folder, to write and read, that has no name any more: whatever becomes of the process, it is gone with it.
///
/// # Errors
/// The system's own.
pub(crate) fn nameless(folder: &Path, what: &str) -> io::Result<File> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{what}-{}", uuid::Uuid::new_v4()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn no_room(e: io::Error) -> Error {
    Error::new(
        Kind::Unavailable,
        "a large answer cannot be kept on disk while it is read",
    )
    .caused_by(e)
    .hint("make room where the state is kept")
}

/// Reads one from its beginning.
#[derive(Clone, Debug)]
pub struct SpoolReader {
    of: Arc<Spooled>,
    at: u64,
}

impl SpoolReader {
    /// At the first byte.
    pub fn new(of: Arc<Spooled>) -> SpoolReader {
        SpoolReader { of, at: 0 }
    }

    /// How many bytes it has in all.
    pub fn size(&self) -> u64 {
        self.of.size
    }

    /// Another one of the same.
    pub fn anew(&self) -> SpoolReader {
        SpoolReader::new(self.of.clone())
    }
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.of.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for SpoolReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.of.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
