//! Finding a project and reading its files.

use segue_core::{Error, Kind, Result};
use segue_diag::{Diagnostic, NO_PROJECT, Severity};
use segue_spec::{Files, Project};
use std::path::{Path, PathBuf};

/// The most that a project's file may have, in bytes; more is data, and belongs elsewhere.
const LARGEST_FILE: u64 = 4 << 20;

/// A project as its files say it.
#[derive(Debug)]
pub struct Loaded {
    /// The project's folder.
    pub folder: PathBuf,
    /// The files' texts.
    pub files: Files,
    /// The project, as far as it can be read.
    pub project: Option<Project>,
    /// Everything that is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// How many mistakes stop a run.
    pub fn mistakes(&self) -> usize {
        self.diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .count()
    }
}

/// The nearest folder with a `segue.yaml`, from this one upwards.
///
/// # Errors
/// `NotFound` when there is none.
pub fn find(from: &Path) -> Result<PathBuf> {
    from.ancestors()
        .find(|f| f.join("segue.yaml").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| {
            Error::new(Kind::NotFound, "there is no segue.yaml here or in a folder above")
                .code(NO_PROJECT)
                .with("folder", from.display())
                .hint("go into a project's folder, name one with -C DIR, or make one with `segue init DIR`")
        })
}

/// Reads and checks the project of this folder.
///
/// # Errors
/// `Unavailable` when a file cannot be read. What is wrong inside the files is in [`Loaded::diagnostics`].
pub fn load(folder: &Path) -> Result<Loaded> {
    let mut files = Files::new();
    collect(folder, folder, &mut files)?;
    let (project, diagnostics) = segue_spec::check(&files, &segue_connectors::schemas());
    Ok(Loaded {
        folder: folder.to_path_buf(),
        files,
        project,
        diagnostics,
    })
}

/// Every file of a project below this folder: hidden ones, the lake and folders that are projects of their own are left out.
fn collect(root: &Path, folder: &Path, files: &mut Files) -> Result<()> {
    let cannot = |what: &Path, e: std::io::Error| {
        Error::new(Kind::Unavailable, "cannot read the project")
            .with("path", what.display())
            .caused_by(e)
    };
    for entry in std::fs::read_dir(folder).map_err(|e| cannot(folder, e))? {
        let entry = entry.map_err(|e| cannot(folder, e))?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let kind = entry.file_type().map_err(|e| cannot(&path, e))?;
        if kind.is_dir() {
            if !is_elsewhere(root, &path) {
                collect(root, &path, files)?;
            }
        } else if [".yaml", ".yml", ".sql"].iter().any(|end| name.ends_with(end)) {
            let size = entry.metadata().map_err(|e| cannot(&path, e))?.len();
            if size > LARGEST_FILE {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("a file of the project has {size} bytes, and {LARGEST_FILE} is the most"),
                )
                .with("file", path.display()));
            }
            let relative = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .replace('\\', "/");
            files.insert(relative, std::fs::read(&path).map_err(|e| cannot(&path, e))?);
        }
    }
    Ok(())
}

/// A folder that holds no files of this project: a table's, or another project's.
fn is_elsewhere(root: &Path, folder: &Path) -> bool {
    folder.join("_delta_log").is_dir()
        || folder.join("segue.yaml").is_file()
        || (folder.parent() == Some(root) && folder.ends_with("lake"))
}
