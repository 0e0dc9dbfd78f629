//! An index of names in a file, so that the next process need not make it.
//!
//! The file holds nothing that cannot be made anew, and nothing of it is believed before its checksum is right: one that was cut off or
//! damaged, that another version of the program wrote, or that is of other columns, is as if it were not there. It is written beside, synced,
//! and takes its place in one step, so that a reader sees the whole of one or the other.

use super::{FindBy, Held, Of};
use crc32fast::Hasher;
use segue_core::TableId;
use segue_core::durable::{Durability, Fsync, make_folders};
use segue_core::engine::Pinned;
use segue_names::Index;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How such a file begins.
const BEGINS: &[u8; 12] = b"segue names\n";
/// The longest head, in bytes.
const MOST_HEAD: u32 = 1 << 20;
/// How much is read or written at once, in bytes.
const BUFFER: usize = 256 << 10;

/// The file of one table's index.
#[derive(Clone, Debug)]
pub struct Kept {
    folder: PathBuf,
    table: TableId,
}

/// What stands in a file before the index.
#[derive(Serialize, Deserialize)]
struct Head {
    /// Which program wrote it, and which format its index has: of another one, nothing is known.
    by_program: String,
    format: u32,
    table: TableId,
    version: u64,
    content: String,
    find: FindBy,
}

impl Kept {
    /// The file of this table's index in this folder.
    pub fn new(folder: &Path, table: TableId) -> Kept {
        Kept {
            folder: folder.to_path_buf(),
            table,
        }
    }

    /// What is kept, if it is one of those that are wanted.
    pub fn read(&self, is_wanted: impl Fn(&Of) -> bool) -> Option<Held> {
        match self.try_read(is_wanted) {
            Ok(held) => held,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::debug!(file = %self.file().display(), %error, "an index of names cannot be read, and is made anew");
                None
            }
        }
    }

    fn try_read(&self, is_wanted: impl Fn(&Of) -> bool) -> io::Result<Option<Held>> {
        let file = File::open(self.file())?;
        let size_bytes = file.metadata()?.len();
        let mut from = Summed::new(BufReader::with_capacity(BUFFER, file));
        let mut begins = [0; BEGINS.len()];
        from.read_exact(&mut begins)?;
        let length = number(&mut from)?;
        if begins != *BEGINS || length > MOST_HEAD {
            return Err(wrong("it is no index of names"));
        }
        let mut head = vec![0; length as usize];
        from.read_exact(&mut head)?;
        let head: Head = serde_json::from_slice(&head).map_err(|_| wrong("its head cannot be read"))?;
        if head.by_program != program() || head.format != Index::FORMAT || head.table != self.table {
            return Ok(None);
        }
        let of = Of {
            pinned: Pinned {
                table: head.table,
                version: head.version,
                content: head.content,
            },
            by: head.find,
        };
        if !is_wanted(&of) {
            return Ok(None);
        }
        let index = Index::restore(&mut from, size_bytes)?;
        let sum = from.sum();
        let is_right = number(&mut from)? == sum && from.read(&mut [0])? == 0;
        if !is_right || index.version() != of.pinned.version.to_string() {
            return Err(wrong("its checksum is another"));
        }
        Ok(Some(Held {
            of,
            index: Arc::new(index),
        }))
    }

    /// Keeps this one, in the place of another. Best effort: where the disk refuses, or another process is at it, the next process makes it
    /// anew.
    pub fn write(&self, held: &Held) {
        if let Err(error) = self.try_write(held) {
            tracing::warn!(file = %self.file().display(), %error, "an index of names is not kept: the next process makes it anew");
        }
    }

    fn try_write(&self, Held { of, index }: &Held) -> io::Result<()> {
        make_folders(&self.folder, &Fsync)?;
        let lock = File::create(self.folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let head = Head {
            by_program: program(),
            format: Index::FORMAT,
            table: of.pinned.table,
            version: of.pinned.version,
            content: of.pinned.content.clone(),
            find: of.by.clone(),
        };
        let head = serde_json::to_vec(&head).map_err(io::Error::other)?;
        // Whoever was killed over it left it behind; under the lock it is nobody's.
        let partial = self.partial();
        let file = File::create(&partial)?;
        let mut to = Summed::new(BufWriter::with_capacity(BUFFER, &file));
        to.write_all(BEGINS)?;
        to.write_all(&u32::try_from(head.len()).map_err(io::Error::other)?.to_le_bytes())?;
        to.write_all(&head)?;
        index.snapshot(&mut to)?;
        let sum = to.sum();
        to.write_all(&sum.to_le_bytes())?;
        to.flush()?;
        drop(to);
        Fsync.file(&file, &partial)?;
        fs::rename(&partial, self.file())?;
        Fsync.folder(&self.folder)
    }

    /// Removes it.
    pub fn remove(&self) {
        for path in [self.file(), self.partial()] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::debug!(file = %path.display(), %error, "an index of names stays");
                }
                _ => {}
            }
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.names", self.table))
    }

    fn partial(&self) -> PathBuf {
        self.folder.join(format!("{}.partial", self.table))
    }
}

fn program() -> String {
    env!("CARGO_PKG_VERSION").to_string()
}

fn number(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What passes through, added up (CRC-32).
struct Summed<T> {
    inner: T,
    sum: Hasher,
}

impl<T> Summed<T> {
    fn new(inner: T) -> Summed<T> {
        Summed {
            inner,
            sum: Hasher::new(),
        }
    }

    fn sum(&self) -> u32 {
        self.sum.clone().finalize()
    }
}

impl<T: Read> Read for Summed<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(bytes)?;
        self.sum.update(&bytes[..count]);
        Ok(count)
    }
}

impl<T: Write> Write for Summed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.sum.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
