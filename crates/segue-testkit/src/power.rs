//! A disk that forgets what was not synced when the power is cut.

use parking_lot::Mutex;
use segue_core::durable::Durability;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Says of a path, and whether it is a folder's, that its sync is taken out.
pub type TakenOut = Box<dyn Fn(&Path, bool) -> bool + Send + Sync>;

/// What is on the platters: a file's bytes since it was last synced, a folder's names since it was.
pub struct Platters {
    /// Bytes by inode.
    files: Mutex<HashMap<u64, Vec<u8>>>,
    /// Names, and the inode of each file, or none for a folder.
    folders: Mutex<HashMap<PathBuf, Vec<(String, Option<u64>)>>>,
    without: TakenOut,
}

impl fmt::Debug for Platters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Platters").finish_non_exhaustive()
    }
}

impl Durability for Platters {
    fn file(&self, file: &File, path: &Path) -> io::Result<()> {
        if !(self.without)(path, false) {
            self.files.lock().insert(file.metadata()?.ino(), std::fs::read(path)?);
        }
        Ok(())
    }

    fn folder(&self, path: &Path) -> io::Result<()> {
        if (self.without)(path, true) {
            return Ok(());
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            let inode = (!meta.is_dir()).then(|| meta.ino());
            names.push((entry.file_name().to_string_lossy().into_owned(), inode));
        }
        self.folders.lock().insert(path.to_path_buf(), names);
        Ok(())
    }
}

impl Platters {
    /// A disk that holds this folder already, empty, in the folder above it.
    pub fn holding(folder: &Path, without: TakenOut) -> Platters {
        let above = folder.parent().expect("it is in another").to_path_buf();
        let name = folder
            .file_name()
            .expect("it has a name")
            .to_string_lossy()
            .into_owned();
        Platters {
            files: Mutex::default(),
            folders: Mutex::new(HashMap::from([(above, vec![(name, None)])])),
            without,
        }
    }

    /// Makes `to` what `from` is found to be after the power was cut now.
    ///
    /// # Panics
    /// When `to` cannot be written.
    pub fn after_the_cut(&self, from: &Path, to: &Path) {
        std::fs::create_dir_all(to).expect("can make folders");
        let names = self.folders.lock().get(from).cloned();
        for (name, inode) in names.into_iter().flatten() {
            let (from, to) = (from.join(&name), to.join(&name));
            match inode {
                None => self.after_the_cut(&from, &to),
                // A name whose file was never synced is there, and empty.
                Some(inode) => {
                    let bytes = self.files.lock().get(&inode).cloned().unwrap_or_default();
                    std::fs::write(&to, bytes).expect("can write");
                }
            }
        }
    }
}
