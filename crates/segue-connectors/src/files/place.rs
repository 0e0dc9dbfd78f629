//! Where files lie: a folder beside the project, a bucket, a file system elsewhere. What is in them is no concern of a place.
//!
//! A new place is a `Place` and a line that opens [`Files`](super::Files) with it; formats, encodings, packing and positions come with that.

use super::pattern::Pattern;
use async_trait::async_trait;
use jiff::Timestamp;
use segue_core::{Ctx, Error, Kind, Result};
use std::fs::{File, Metadata};
use std::path::Path;

/// A place that holds files.
///
/// A place retries single requests as its kind allows; it remembers nothing of what was read. The bytes of the files are counted by who
/// reads them, not here.
#[async_trait]
pub trait Place: Send + Sync {
    /// Which place it is: scheme, host, bucket, folder; no secret. When it changes, what was read before is not of this place.
    fn identity(&self) -> String;

    /// Where paths begin, as it is said to people: `/data/shop`, `s3://bucket/orders`.
    fn root(&self) -> String;

    /// Reaches it with its credentials and says in a line what was found.
    async fn test(&self, ctx: &Ctx) -> Result<String>;

    /// The files whose paths fit, in any order, each once; an empty list where there is none. What ends with a slash, or is no file, is not
    /// among them. [`Pattern::prefix`] narrows what has to be asked for.
    async fn list(&self, pattern: &Pattern, ctx: &Ctx) -> Result<Vec<Listed>>;

    /// Opens a file that was listed, for reading and seeking, at its beginning. A place elsewhere brings the whole file into a file of the
    /// folder `scratch` that has no name any more (see [`nameless`]), and fails rather than hand out a part of it.
    ///
    /// # Errors
    /// `NotFound` where it is gone by now, `Denied` where it may not be read, `Unavailable` where that may pass.
    async fn open(&self, file: &Listed, scratch: &Path, ctx: &Ctx) -> Result<Opened>;
}

/// A file as a place lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path below the place's root, with `/` between its parts: what it is called to people and in positions.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// What is another as soon as the file is: an ETag or a generation; size and time of change where there is neither. Short, no secret.
    pub mark: String,
    /// When it was changed, as far as that is known.
    pub modified: Option<Timestamp>,
}

/// A file that is open.
#[derive(Debug)]
pub struct Opened {
    /// What is in it.
    pub file: File,
    /// The mark of what is in it: another one than was listed where the file changed in between.
    pub mark: String,
    /// What it was like when it was opened.
    pub is: Metadata,
}

impl Opened {
    /// One with this mark, as it is now.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn of(file: File, mark: String) -> std::io::Result<Opened> {
        let is = file.metadata()?;
        Ok(Opened { file, mark, is })
    }
}

/// A new file in this folder, to write and read, that has no name any more: whatever becomes of the process, it is gone with it.
///
/// # Errors
/// `Unavailable` when there is no room for it.
pub fn nameless(folder: &Path) -> Result<File> {
    let opened = crate::http::spool::nameless(folder, "file");
    opened.map_err(|e| {
        Error::new(Kind::Unavailable, "a file cannot be kept on disk while it is read")
            .with("folder", folder.display())
            .caused_by(e)
            .hint("make room where the state is kept")
    })
}
