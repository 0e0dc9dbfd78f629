//! The folder in which queries of this process spill. A process that was killed leaves its files behind; the next one clears them away.

use segue_diag::{Context, Error, Kind, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often a name is tried that somebody else clears away just then.
const TRIES: usize = 8;

/// Numbers the engines of one process.
static ENGINES: AtomicU64 = AtomicU64::new(0);

/// A folder of one engine, made when the first query needs it and gone with the engine.
///
/// Beside the folder `segue-7` lies the file `segue-7.lock`, which its process holds locked for as long as it lives: a lock that is free
/// means that the folder is nobody's any more.
#[derive(Debug)]
pub struct Spill {
    root: PathBuf,
    own: OnceLock<(PathBuf, File)>,
}

impl Spill {
    /// Below this folder, which need not be there yet.
    pub fn below(root: PathBuf) -> Spill {
        Spill {
            root,
            own: OnceLock::new(),
        }
    }

    /// The engine's own folder.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be made.
    pub fn folder(&self) -> Result<&Path> {
        if let Some((folder, _)) = self.own.get() {
            return Ok(folder);
        }
        fs::create_dir_all(&self.root).context(Kind::Unavailable, format!("cannot make {}", self.root.display()))?;
        clear(&self.root);
        let made = make(&self.root)?;
        // Another query may have been faster; its folder is the one.
        if let Err((folder, lock)) = self.own.set(made) {
            remove(&folder);
            drop(lock);
        }
        self.own
            .get()
            .map(|(folder, _)| folder.as_path())
            .ok_or_else(|| Error::bug("the folder to spill in is gone"))
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if let Some((folder, lock)) = self.own.take() {
            remove(&folder);
            drop(lock);
        }
    }
}

fn make(root: &Path) -> Result<(PathBuf, File)> {
    for _ in 0..TRIES {
        let number = ENGINES.fetch_add(1, Ordering::Relaxed);
        let folder = root.join(format!("segue-{}-{number}", std::process::id()));
        let path = lock_of(&folder);
        let failed = || format!("cannot make {}", folder.display());
        let lock = File::create(&path).context(Kind::Unavailable, failed())?;
        // Between making the file and locking it somebody may have taken it for a dead process's.
        if lock.try_lock().is_ok() && path.exists() {
            fs::create_dir_all(&folder).context(Kind::Unavailable, failed())?;
            return Ok((folder, lock));
        }
    }
    Err(Error::new(
        Kind::Unavailable,
        format!("cannot make a folder to spill in below {}", root.display()),
    ))
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.with_extension("lock")
}

/// Best effort: what cannot be removed now is tried again by the next engine.
fn remove(folder: &Path) {
    for gone in [fs::remove_dir_all(folder), fs::remove_file(lock_of(folder))] {
        if let Err(error) = gone {
            tracing::debug!(folder = %folder.display(), %error, "cannot clear away what a query spilled");
        }
    }
}

/// Removes the folders of processes that are gone.
fn clear(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_ours = entry.file_name().to_string_lossy().starts_with("segue-");
        if !is_ours || path.extension().is_none_or(|e| e != "lock") {
            continue;
        }
        if let Ok(lock) = File::open(&path)
            && lock.try_lock().is_ok()
        {
            remove(&path.with_extension(""));
        }
    }
}

#[cfg(test)]
mod tests;
