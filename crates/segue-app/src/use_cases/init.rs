//! Making a new project.

use segue_core::{Error, Kind, Result};
use segue_diag::FOLDER_NOT_EMPTY;
use std::path::{Path, PathBuf};

/// The files of a first project: one CSV file, one copy, one query.
const FIRST: &[(&str, &str)] = &[
    ("segue.yaml", include_str!("../../templates/segue.yaml")),
    (
        "assets/raw/people.yaml",
        include_str!("../../templates/assets/raw/people.yaml"),
    ),
    (
        "assets/hello/greetings.sql",
        include_str!("../../templates/assets/hello/greetings.sql"),
    ),
    (
        "tests/greetings.yaml",
        include_str!("../../templates/tests/greetings.yaml"),
    ),
    ("data/people.csv", include_str!("../../templates/data/people.csv")),
    (".gitignore", include_str!("../../templates/gitignore")),
];

/// Writes a project into a new or empty folder: these files, or those of a first project. Returns what was written.
///
/// # Errors
/// `Conflict` when the folder has files in it, `Unavailable` when it cannot be written. Nothing is overwritten.
pub fn init(folder: &Path, files: Option<&[(&str, &str)]>) -> Result<Vec<PathBuf>> {
    let cannot = |path: &Path, e: std::io::Error| {
        Error::new(Kind::Unavailable, "cannot write the project")
            .with("path", path.display())
            .caused_by(e)
    };
    std::fs::create_dir_all(folder).map_err(|e| cannot(folder, e))?;
    if std::fs::read_dir(folder)
        .map_err(|e| cannot(folder, e))?
        .next()
        .is_some()
    {
        return Err(
            Error::new(Kind::Conflict, format!("the folder {} is not empty", folder.display()))
                .code(FOLDER_NOT_EMPTY)
                .hint("name another folder"),
        );
    }
    let name = project_name(folder);
    let mut written = Vec::new();
    for (path, text) in files.unwrap_or(FIRST) {
        let to = folder.join(path);
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(|e| cannot(parent, e))?;
        }
        std::fs::write(&to, text.replace("{{name}}", &name)).map_err(|e| cannot(&to, e))?;
        written.push(PathBuf::from(path));
    }
    Ok(written)
}

/// The folder's name as a project's: lower-case letters, digits and `_`.
pub(crate) fn project_name(folder: &Path) -> String {
    let name = std::path::absolute(folder)
        .ok()
        .and_then(|f| f.file_name().map(|n| n.to_string_lossy().to_lowercase()));
    let name: String = name
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name
    } else {
        format!("project_{name}").trim_end_matches('_').to_string()
    }
}
