//! Notes of what lies staged for a step that commits once, at its end: so that a kill, or a slice that is parked, costs no request twice.
//!
//! One file an asset, one JSON line a group, appended and synced when the group is complete. A line that a kill cut short is left out.
//! The notes count only for the definition, source and inputs that they were made with.

use super::group::Group;
use segue_core::commit::InputVersion;
use segue_core::{AssetId, Context, Kind, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What notes were made with: with anything else they do not count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// The data hash of the definition.
    pub data_hash: String,
    /// Where it was read from.
    pub source: Option<String>,
    /// What it was computed from.
    pub inputs: Vec<InputVersion>,
    /// Whether it is for a rebuild, which needs every part.
    pub is_rebuild: bool,
    /// The commit that was the last one then. With another, what lies staged may have been committed already.
    pub after: u64,
}

/// The notes of one asset.
pub struct Shelf {
    file: PathBuf,
    made: Made,
}

#[derive(Serialize, Deserialize)]
struct Line {
    made: Made,
    group: Group,
}

impl Shelf {
    /// The notes of this asset in this folder.
    pub fn of(folder: &Path, asset: AssetId, made: Made) -> Shelf {
        Shelf {
            file: folder.join(format!("{asset}.jsonl")),
            made,
        }
    }

    /// The groups that still count.
    ///
    /// # Errors
    /// `Unavailable` when the notes cannot be read.
    pub async fn read(&self) -> Result<Vec<Group>> {
        let (file, made) = (self.file.clone(), self.made.clone());
        segue_core::meter::blocking(move || {
            let text = match fs::read_to_string(&file) {
                Ok(text) => text,
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                Err(e) => return Err(e).context(Kind::Unavailable, "cannot read the notes of what lies staged"),
            };
            let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
            Ok(lines.filter(|l| l.made == made).map(|l| l.group).collect())
        })
        .await?
    }

    /// Notes a group down. When this returns, a power cut does not take it back.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be written.
    pub async fn put(&self, group: &Group) -> Result<()> {
        let line = Line {
            made: self.made.clone(),
            group: group.clone(),
        };
        let mut text = serde_json::to_string(&line).context(Kind::Bug, "cannot write a note of what lies staged")?;
        text.push('\n');
        let file = self.file.clone();
        segue_core::meter::blocking(move || append(&file, text.as_bytes()))
            .await?
            .context(Kind::Unavailable, "cannot write a note of what lies staged")
    }

    /// Forgets all notes of the asset: they are committed, or no longer count.
    ///
    /// # Errors
    /// `Unavailable` when they cannot be removed.
    pub async fn clear(&self) -> Result<()> {
        let file = self.file.clone();
        let removed = segue_core::meter::blocking(move || fs::remove_file(file)).await?;
        match removed {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                Err(e).context(Kind::Unavailable, "cannot remove the notes of what lay staged")
            }
            _ => Ok(()),
        }
    }
}

fn append(file: &Path, text: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let is_new = !file.exists();
    fs::create_dir_all(folder)?;
    let mut open = OpenOptions::new().create(true).read(true).append(true).open(file)?;
    if !is_new && !ends_with_newline(file)? {
        // A kill cut the last line short: the next one must not run into it.
        open.write_all(b"\n")?;
    }
    open.write_all(text)?;
    open.sync_all()?;
    if is_new { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn ends_with_newline(file: &Path) -> std::io::Result<bool> {
    use std::io::{Read, Seek, SeekFrom};
    let mut open = File::open(file)?;
    if open.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    open.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    open.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests;
