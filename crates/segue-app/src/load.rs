//! Finding a project and reading its files.

use crate::use_cases::testing::Tests;
use segue_core::{Error, Kind, Result};
use segue_diag::{Diagnostic, NO_PROJECT, Severity, UNKNOWN_ENVIRONMENT, closest};
use segue_spec::model::Environment;
use segue_spec::{Files, LARGEST_FILE, Project, Unread};
use std::path::{Path, PathBuf};

/// A project as its files say it.
#[derive(Debug)]
pub struct Loaded {
    /// The project's folder.
    pub folder: PathBuf,
    /// The files' texts, for drawing: what is secret in them is hidden.
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

    /// Whether `segue.yaml` itself has no mistake, so that it is known where the project's lake and state are.
    pub fn knows_its_places(&self) -> bool {
        let of_all = |d: &Diagnostic| d.span.as_ref().is_none_or(|s| s.file == "segue.yaml");
        let mut mistakes = self.diagnostics.iter().filter(|d| d.severity == Severity::Error);
        self.project.is_some() && !mistakes.any(of_all)
    }

    /// The environment of this name, or the default one.
    ///
    /// # Errors
    /// `NotFound` when the project has none of this name, with what was most likely meant.
    pub fn environment(&self, name: Option<&str>) -> Result<Option<Environment>> {
        match &self.project {
            Some(project) if self.knows_its_places() => environment(project, name).map(Some),
            _ => Ok(None),
        }
    }
}

/// The project's environment of this name, or its default one.
///
/// # Errors
/// `NotFound`, with what was most likely meant.
pub(crate) fn environment(project: &Project, name: Option<&str>) -> Result<Environment> {
    let name = name.unwrap_or(&project.default_environment);
    project.environments.get(name).cloned().ok_or_else(|| {
        let names = project.environments.keys().map(String::as_str);
        let hint = match closest(name, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there is `{}`", names.collect::<Vec<_>>().join("`, `")),
        };
        Error::new(Kind::NotFound, format!("there is no environment `{name}`"))
            .code(UNKNOWN_ENVIRONMENT)
            .hint(hint)
    })
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
/// `Unavailable` when a folder cannot be listed. What is wrong with the files and inside them is in [`Loaded::diagnostics`].
pub fn load(folder: &Path) -> Result<Loaded> {
    let mut loaded = read_all(folder)?;
    loaded.files.hide_secrets(&loaded.diagnostics);
    Ok(loaded)
}

/// As [`load`], with the project's tests, and what is wrong with them.
///
/// # Errors
/// As [`load`].
pub fn load_with_tests(folder: &Path) -> Result<(Loaded, Tests)> {
    let mut loaded = read_all(folder)?;
    let tests = Tests::of(&loaded);
    loaded.files.hide_secrets(&loaded.diagnostics);
    loaded.files.hide_secrets(&tests.diagnostics);
    Ok((loaded, tests))
}

fn read_all(folder: &Path) -> Result<Loaded> {
    let mut files = Files::new();
    collect(folder, folder, &mut files)?;
    let schemas = segue_connectors::schemas();
    let (project, diagnostics) = segue_spec::check_with_patterns(&files, &schemas, segue_sql::pattern_mistake);
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
        } else if [".yaml", ".yml", ".sql", ".slt"].iter().any(|end| name.ends_with(end)) {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            let relative = relative.to_string_lossy().replace('\\', "/");
            match read(&path) {
                Ok(bytes) => files.insert(relative, bytes),
                Err(why) => files.insert_unread(relative, why),
            }
        }
    }
    Ok(())
}

/// The bytes of a file, or of what a link leads to. A file that is too large is not read into memory.
fn read(path: &Path) -> std::result::Result<Vec<u8>, Unread> {
    let refused = |e: std::io::Error| Unread::Refused(e.to_string());
    match std::fs::metadata(path).map_err(refused)?.len() {
        size if size > LARGEST_FILE => Err(Unread::TooLarge(size)),
        _ => std::fs::read(path).map_err(refused),
    }
}

/// A folder that holds no files of this project: a table's, or another project's.
fn is_elsewhere(root: &Path, folder: &Path) -> bool {
    folder.join("_delta_log").is_dir()
        || folder.join("segue.yaml").is_file()
        || (folder.parent() == Some(root) && folder.ends_with("lake"))
}

#[cfg(test)]
mod tests;
