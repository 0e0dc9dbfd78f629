//! Notes of what lies staged for a step that commits once, at its end: so that a kill, or a slice that is parked, costs no request twice.
//!
//! One file a holder of the asset's lease, one JSON line a group, appended and synced when the group is complete. A line that a kill cut
//! short is left out. The notes count only for the definition, source and inputs that they were made with.
//!
//! Whoever has the file has the rows. The next holder takes it over by giving it a new name, and the one before may still wake up: it finds
//! its file gone, and then what it staged is another's, perhaps in the table by now, and not its own to throw away, nor to name where the
//! state does not ask for the lease ([`Shelf::let_go`]).

use super::group::Group;
use segue_core::commit::InputVersion;
use segue_core::durable::{Durability, Fsync};
use segue_core::fault::{Boundary, reach};
use segue_core::sink::Staged;
use segue_core::state::{Lease, lease_lost};
use segue_core::{AssetId, Context, Error, Kind, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// The notes of one asset, as the holder of its lease has them.
pub struct Shelf {
    folder: PathBuf,
    disk: Arc<dyn Durability>,
    lease: Lease,
    made: Made,
    /// Whether there is a file of this holder, as far as it knows. Gone all the same, it was taken over.
    has_file: AtomicBool,
}

#[derive(Serialize, Deserialize)]
struct Line {
    made: Made,
    group: Group,
}

impl Shelf {
    /// The notes of the lease's asset in this folder.
    pub fn of(folder: &Path, lease: &Lease, made: Made) -> Shelf {
        Shelf {
            folder: folder.to_path_buf(),
            disk: Arc::new(Fsync),
            lease: lease.clone(),
            made,
            has_file: AtomicBool::new(false),
        }
    }

    fn file(&self) -> PathBuf {
        file(&self.folder, self.lease.asset, self.lease.epoch)
    }

    /// The groups that still count. Those of earlier holders are this one's from now on.
    ///
    /// # Errors
    /// `Unavailable` when the notes cannot be read.
    pub async fn read(&self) -> Result<Vec<Group>> {
        let (folder, lease) = (self.folder.clone(), self.lease.clone());
        let taken = segue_core::meter::blocking(move || take_over(&folder, &lease)).await?;
        let Some(text) = taken.context(Kind::Unavailable, "cannot read the notes of what lies staged")? else {
            return Ok(Vec::new());
        };
        self.has_file.store(true, Ordering::Relaxed);
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        Ok(lines.filter(|l| l.made == self.made).map(|l| l.group).collect())
    }

    /// Whether there are any notes of the asset, of this holder or of one before it, whatever they were made with.
    ///
    /// # Errors
    /// `Unavailable` when the folder cannot be read.
    pub async fn has_notes(&self) -> Result<bool> {
        let (folder, lease) = (self.folder.clone(), self.lease.clone());
        let notes = segue_core::meter::blocking(move || notes(&folder, &lease)).await?;
        Ok(!notes
            .context(Kind::Unavailable, "cannot read the notes of what lies staged")?
            .is_empty())
    }

    /// Notes a group down. When this returns, a power cut does not take it back.
    ///
    /// # Errors
    /// `Conflict` when another has the lease and took the notes over; `Unavailable` when it cannot be written.
    pub async fn put(&self, group: &Group) -> Result<()> {
        let line = Line {
            made: self.made.clone(),
            group: group.clone(),
        };
        let mut text = serde_json::to_string(&line).context(Kind::Bug, "cannot write a note of what lies staged")?;
        text.push('\n');
        let (file, is_new) = (self.file(), !self.has_file.load(Ordering::Relaxed));
        let disk = self.disk.clone();
        match segue_core::meter::blocking(move || append(disk.as_ref(), &file, is_new, text.as_bytes())).await? {
            Err(e) if e.kind() == ErrorKind::NotFound && !is_new => return Err(self.taken_over()),
            written => written.context(Kind::Unavailable, "cannot write a note of what lies staged")?,
        }
        self.has_file.store(true, Ordering::Relaxed);
        reach(Boundary::Noted);
        Ok(())
    }

    /// Forgets this holder's notes before what they name is thrown away, or named by a version without a number. `false` when another has
    /// taken them over: then it is in that one's hands, or in the table, and must stay.
    ///
    /// # Errors
    /// `Unavailable` when they cannot be removed.
    pub async fn let_go(&self) -> Result<bool> {
        if !self.has_file.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let file = self.file();
        match segue_core::meter::blocking(move || fs::remove_file(file)).await? {
            Ok(()) => {
                self.has_file.store(false, Ordering::Relaxed);
                Ok(true)
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e).context(Kind::Unavailable, "cannot remove the notes of what lay staged"),
        }
    }

    /// Forgets all notes of this holder and of those before it: they are committed, or no longer count.
    ///
    /// # Errors
    /// `Unavailable` when they cannot be removed.
    pub async fn clear(&self) -> Result<()> {
        forget_notes(&self.folder, &self.lease).await
    }

    /// What to say where the file of this holder is gone.
    pub fn taken_over(&self) -> Error {
        lease_lost("another process took over what lay staged here")
    }
}

/// Forgets all notes of the lease's asset: of this holder and of those before it.
///
/// # Errors
/// `Unavailable` when they cannot be removed.
pub async fn forget_notes(folder: &Path, lease: &Lease) -> Result<()> {
    let (folder, lease) = (folder.to_path_buf(), lease.clone());
    let removed = segue_core::meter::blocking(move || {
        notes(&folder, &lease)?
            .iter()
            .try_for_each(|epoch| remove(&file(&folder, lease.asset, *epoch)))
    });
    removed
        .await?
        .context(Kind::Unavailable, "cannot remove the notes of what lay staged")
}

/// What the notes of an asset name, whoever made them and with whatever: nobody else may remove it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Noted {
    /// Rows, staged for its own table.
    pub rows: Vec<Staged>,
    /// Answers, staged for its kept pages.
    pub pages: Vec<Staged>,
}

/// Reads what notes of the asset name, and leaves them to whose they are.
///
/// # Errors
/// `Unavailable` when they cannot be read.
pub async fn noted(folder: &Path, asset: AssetId) -> Result<Noted> {
    let every = Lease { asset, epoch: u64::MAX };
    let folder = folder.to_path_buf();
    let texts = segue_core::meter::blocking(move || -> io::Result<Vec<String>> {
        'anew: loop {
            let mut texts = Vec::new();
            for epoch in notes(&folder, &every)? {
                match fs::read_to_string(file(&folder, every.asset, epoch)) {
                    // Its next holder gave it a new name just now.
                    Err(e) if e.kind() == ErrorKind::NotFound => continue 'anew,
                    text => texts.push(text?),
                }
            }
            return Ok(texts);
        }
    });
    let texts = texts
        .await?
        .context(Kind::Unavailable, "cannot read the notes of what lies staged")?;
    let mut noted = Noted::default();
    let lines = texts.iter().flat_map(|text| text.lines());
    for line in lines.filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
        noted.rows.extend(line.group.staged);
        noted.pages.extend(line.group.pages);
    }
    Ok(noted)
}

fn file(folder: &Path, asset: AssetId, epoch: u64) -> PathBuf {
    folder.join(format!("{asset}.{epoch}.jsonl"))
}

/// The holders, by their epochs and up to this one, that left notes.
fn notes(folder: &Path, lease: &Lease) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let prefix = format!("{}.", lease.asset);
    let mut epochs = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let epoch = name
            .to_str()
            .and_then(|n| n.strip_prefix(&prefix)?.strip_suffix(".jsonl"));
        epochs.extend(epoch.and_then(|e| e.parse::<u64>().ok()).filter(|e| *e <= lease.epoch));
    }
    epochs.sort_unstable();
    Ok(epochs)
}

/// Makes the newest notes this holder's, in one act that happens for one of them alone, and forgets the others; what they say.
fn take_over(folder: &Path, lease: &Lease) -> io::Result<Option<String>> {
    let own = file(folder, lease.asset, lease.epoch);
    for epoch in notes(folder, lease)?.into_iter().rev().filter(|e| *e < lease.epoch) {
        let theirs = file(folder, lease.asset, epoch);
        if own.exists() {
            remove(&theirs)?;
            continue;
        }
        match fs::rename(&theirs, &own) {
            // Its holder threw it away just now.
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            renamed => renamed?,
        }
    }
    match fs::read_to_string(&own) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        text => text.map(Some),
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn append(disk: &dyn Durability, file: &Path, is_new: bool, text: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Only the first note makes the file: one that is gone by then was taken over, and a second one would hide that.
    let mut open = OpenOptions::new().create(is_new).read(true).append(true).open(file)?;
    if !is_new && !ends_with_newline(file)? {
        // A kill cut the last line short: the next one must not run into it.
        open.write_all(b"\n")?;
    }
    open.write_all(text)?;
    disk.file(&open, file)?;
    if is_new { disk.names(file, folder) } else { Ok(()) }
}

fn ends_with_newline(file: &Path) -> io::Result<bool> {
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
