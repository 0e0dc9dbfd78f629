//! New files of a project: looked at together with all others before any of them is written, and never in the place of one that is there.

use crate::load::load;
use segue_core::{Error, Kind, Result};
use segue_diag::{Diagnostic, Severity, Text};
use segue_spec::reference::{Provider, references};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

/// A file that a project is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Its path, relative to the project's folder.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// Something that a file takes from the environment or from the secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// Its name.
    pub name: String,
    /// Whether it is a secret.
    pub secret: bool,
    /// What it is where nobody says.
    pub default: Option<String>,
}

/// The mistakes that a project would have by these files, in them and elsewhere: where, and what.
///
/// # Errors
/// `Unavailable` where the project cannot be read.
pub fn mistakes(folder: &Path, new: &[NewFile]) -> Result<Vec<String>> {
    let loaded = load(folder)?;
    let mut files = loaded.files;
    let before = |d: &Diagnostic| {
        let place = |d: &Diagnostic| (d.code, d.span.as_ref().map(|s| s.file.clone()));
        loaded.diagnostics.iter().any(|known| place(known) == place(d))
    };
    for file in new {
        files.insert(file.path.clone(), file.text.clone());
    }
    let (_, found) = segue_spec::check_with_patterns(&files, &segue_connectors::schemas(), segue_sql::pattern_mistake);
    let mut all = Vec::new();
    for mistake in found.iter().filter(|d| d.severity == Severity::Error) {
        let is_new = |file: &str| new.iter().any(|f| f.path == file);
        let Some(span) = mistake.span.as_ref().filter(|s| is_new(&s.file) || !before(mistake)) else {
            continue;
        };
        let before = files.text(&span.file).and_then(|text| text.get(..span.bytes.start));
        let line = before.map_or(0, |before| before.matches('\n').count()) + 1;
        let hint = mistake
            .hint
            .as_ref()
            .map(|hint| format!(" ({hint})"))
            .unwrap_or_default();
        all.push(format!("{}:{line}: {}{hint}", span.file, mistake.message));
    }
    Ok(all)
}

/// Writes it, unless there is a file of its name; whether it was written.
///
/// # Errors
/// `Unavailable` where it cannot be.
pub fn write(folder: &Path, file: &NewFile) -> Result<bool> {
    let path = folder.join(&file.path);
    let cannot = |e: std::io::Error| Error::new(Kind::Unavailable, format!("cannot write {}", file.path)).caused_by(e);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    match std::fs::File::create_new(&path) {
        Ok(mut new) => new.write_all(file.text.as_bytes()).map(|()| true).map_err(cannot),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(cannot(e)),
    }
}

/// Those of these files that the folder does not have, and the paths of the others.
pub fn missing(folder: &Path, files: &[NewFile]) -> (Vec<NewFile>, Vec<String>) {
    let (there, new): (Vec<NewFile>, Vec<NewFile>) =
        files.iter().cloned().partition(|file| folder.join(&file.path).exists());
    (new, there.into_iter().map(|file| file.path).collect())
}

/// Writes them; the paths of those that were written. One that is there by now joins the others.
///
/// # Errors
/// As [`write`].
pub fn write_all(folder: &Path, files: Vec<NewFile>, there: &mut Vec<String>) -> Result<Vec<String>> {
    let mut written = Vec::new();
    for file in files {
        match write(folder, &file)? {
            true => written.push(file.path),
            false => there.push(file.path),
        }
    }
    Ok(written)
}

/// What these files take from the environment and the secrets, by name.
pub fn needed(files: &[NewFile]) -> Vec<Needed> {
    let mut all: BTreeMap<String, Needed> = BTreeMap::new();
    let found = files.iter().filter_map(|file| references(&file.text).ok()).flatten();
    for reference in found {
        let known = all.entry(reference.name.clone()).or_insert_with(|| Needed {
            name: reference.name.clone(),
            secret: false,
            default: reference.default.clone(),
        });
        known.secret |= reference.provider == Provider::Secret;
    }
    all.into_values().collect()
}
