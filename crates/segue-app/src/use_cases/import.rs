//! Connections and assets from what other programs say of web APIs.

mod airbyte;
mod yaml;

use crate::load::find;
use crate::use_cases::adding::{self, Needed, NewFile};
use crate::use_cases::init::project_name;
use segue_core::{Error, Kind, Result};
use segue_diag::{IMPORT_NOTHING, IMPORT_REFUSED, IMPORT_UNREADABLE};
use segue_spec::name::{folded, lower_identifier};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// No manifest is larger, in bytes.
const LARGEST: u64 = 16 << 20;

/// What is imported, and where to.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// The manifest.
    pub file: PathBuf,
    /// The project's folder, which is made where it is not there; `None`: the project around `folder`.
    pub into: Option<PathBuf>,
    /// The folder that the user stands in.
    pub folder: PathBuf,
    /// The name of the connection, and of the schema of the assets; `None`: from the file's name.
    pub name: Option<String>,
}

/// What was written, and what could not be said in our words.
#[derive(Clone, Debug, Serialize)]
pub struct Imported {
    /// The project's folder.
    pub folder: PathBuf,
    /// The files.
    pub written: Vec<String>,
    /// Files that are there, and were left as they are.
    pub there: Vec<String>,
    /// Each stream with its asset.
    pub assets: Vec<(String, String)>,
    /// What they take from the environment and the secrets.
    pub needed: Vec<Needed>,
    /// What is not as it was there.
    pub remarks: Vec<Remark>,
}

impl Imported {
    /// Whether something was left out.
    pub fn is_partial(&self) -> bool {
        self.remarks.iter().any(|r| r.effect != Effect::Differs)
    }
}

/// Something that is not as it was in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Its line, from 1.
    pub line: usize,
    /// Its column, from 1, in characters.
    pub column: usize,
    /// Where it is in the tree: `streams[0].retriever.paginator`.
    pub place: String,
    /// The stream that it is of, if it is of one.
    pub stream: Option<String>,
    /// What, and why.
    pub what: String,
    /// What it means.
    pub effect: Effect,
}

/// What a remark means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The stream became no asset.
    StreamLeftOut,
    /// Something is to be written by hand before it works.
    LeftOut,
    /// It works, and not quite as there.
    Differs,
}

/// Turns a low-code manifest of Airbyte without components of its own into a connection and assets, and says what it could not. Nothing is
/// overwritten.
///
/// # Errors
/// `Invalid` for a file that is no manifest, or a name that is none; `Unsupported` where no stream could be imported, with the reasons;
/// `Conflict` where the project would not be right; `Unavailable` where something cannot be read or written.
pub fn import_airbyte(request: &ImportRequest) -> Result<Imported> {
    let name = match &request.name {
        Some(name) => {
            lower_identifier(name).map_err(|why| Error::new(Kind::Invalid, why))?;
            name.clone()
        }
        None => name_of(&request.file),
    };
    let text = text(&request.folder.join(&request.file))?;
    let shown = request.file.display().to_string();
    let translated = airbyte::translate(&shown, &text, &name)?;
    if translated.assets.is_empty() {
        return Err(nothing(&shown, &translated.remarks));
    }
    let (folder, head) = project(request)?;
    let (new, mut there) = adding::missing(&folder, &translated.files);
    let new: Vec<NewFile> = head.into_iter().chain(new).collect();
    let mistakes = adding::mistakes(&folder, &new)?;
    if let Some(first) = mistakes.first() {
        return Err(Error::new(
            Kind::Conflict,
            format!("the project would not be right with it: {first}"),
        )
        .code(IMPORT_REFUSED)
        .with("mistakes", mistakes.len())
        .hint("nothing was written; try another name with --name, or another folder with --into"));
    }
    let written = adding::write_all(&folder, new, &mut there)?;
    Ok(Imported {
        needed: adding::needed(&translated.files),
        folder,
        written,
        there,
        assets: translated.assets,
        remarks: translated.remarks,
    })
}

/// The project's folder, and its first file where it is none yet: one that is named becomes one.
fn project(request: &ImportRequest) -> Result<(PathBuf, Option<NewFile>)> {
    let Some(into) = &request.into else {
        return Ok((find(&request.folder)?, None));
    };
    let folder = request.folder.join(into);
    std::fs::create_dir_all(&folder).map_err(|e| {
        Error::new(Kind::Unavailable, "cannot make the project's folder")
            .with("folder", folder.display())
            .caused_by(e)
    })?;
    let head = NewFile {
        path: "segue.yaml".into(),
        text: format!("format: 1\nproject: {}\n", project_name(&folder)),
    };
    let is_there = folder.join(&head.path).exists();
    Ok((folder, (!is_there).then_some(head)))
}

/// `source-github/manifest.yaml` is `github`, and so is `github.yaml`.
fn name_of(file: &Path) -> String {
    let stem = |path: &Path| {
        path.file_stem()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let own = stem(file);
    let above = file.parent().map(stem).filter(|name| !name.is_empty() && name != ".");
    let name = match (own.as_str(), above) {
        ("manifest", Some(above)) => above,
        _ => own,
    };
    let name = name
        .strip_prefix("source-")
        .or_else(|| name.strip_prefix("source_"))
        .unwrap_or(&name);
    folded(name)
}

fn text(file: &Path) -> Result<String> {
    let cannot = |e: std::io::Error| {
        let kind = match e.kind() {
            std::io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::Unavailable,
        };
        Error::new(kind, "cannot read the manifest")
            .with("file", file.display())
            .caused_by(e)
    };
    let bad = |why: String| {
        Error::new(Kind::Invalid, format!("{} cannot be imported: {why}", file.display())).code(IMPORT_UNREADABLE)
    };
    if std::fs::metadata(file).map_err(cannot)?.len() > LARGEST {
        return Err(bad(format!("it has more than {LARGEST} bytes")));
    }
    let bytes = std::fs::read(file).map_err(cannot)?;
    String::from_utf8(bytes).map_err(|e| bad(format!("it is not UTF-8 from byte {} on", e.utf8_error().valid_up_to())))
}

fn nothing(file: &str, remarks: &[Remark]) -> Error {
    let mut error = Error::new(Kind::Unsupported, format!("no stream of {file} can be imported"))
        .code(IMPORT_NOTHING)
        .hint("what stands in their way has no like here: write the copies by hand (docs/guide/web-api.md)");
    for remark in remarks.iter().filter(|r| r.effect == Effect::StreamLeftOut).take(5) {
        let stream = remark.stream.as_deref().unwrap_or("a stream");
        error = error.with(
            "stream",
            format!("{stream} (line {}: {}): {}", remark.line, remark.place, remark.what),
        );
    }
    error
}

#[cfg(test)]
mod tests;
