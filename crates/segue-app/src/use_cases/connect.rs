//! Public APIs whose manifests ship with the program: a connection and its assets, written into a project as they are.

use crate::load::find;
use crate::use_cases::adding::{self, Needed, NewFile};
use segue_core::{Error, Kind, Result};
use segue_diag::{MANIFEST_REFUSED, NO_SUCH_MANIFEST, closest};
use segue_spec::yaml;
use serde::Serialize;
use std::path::Path;

/// The manifests, a file each: documents that are parted by `---`. The first says what it is, and each of the others is a file of a project.
const SHIPPED: &[&str] = &[
    include_str!("../../manifests/github.yaml"),
    include_str!("../../manifests/github_graphql.yaml"),
    include_str!("../../manifests/hubspot.yaml"),
    include_str!("../../manifests/jira.yaml"),
    include_str!("../../manifests/musicbrainz.yaml"),
    include_str!("../../manifests/nyc_open_data.yaml"),
    include_str!("../../manifests/slack.yaml"),
    include_str!("../../manifests/stripe.yaml"),
    include_str!("../../manifests/usgs.yaml"),
    include_str!("../../manifests/wikipedia.yaml"),
    include_str!("../../manifests/world_bank.yaml"),
];

/// An API whose manifest ships with the program.
#[derive(Clone, Debug, Serialize)]
pub struct Shipped {
    /// Its name, and that of the connection and of the schema of its assets.
    pub name: String,
    /// What it gives.
    pub about: String,
    /// Where it is documented.
    pub documentation: String,
    /// Its assets.
    pub assets: Vec<String>,
    #[serde(skip)]
    files: Vec<NewFile>,
}

/// What was written.
#[derive(Clone, Debug, Serialize)]
pub struct Connected {
    /// The API.
    pub api: Shipped,
    /// The files.
    pub written: Vec<String>,
    /// Files that are there, and were left as they are.
    pub there: Vec<String>,
    /// What they take from the environment and the secrets.
    pub needed: Vec<Needed>,
}

/// The APIs whose manifests ship with the program, by name.
///
/// # Errors
/// `Bug` where one of them cannot be read.
pub fn shipped() -> Result<Vec<Shipped>> {
    SHIPPED.iter().map(|text| read(text)).collect()
}

/// Writes the connection and the assets of an API into the project around this folder. Nothing is overwritten.
///
/// # Errors
/// `NotFound` for a name that none has, with what was most likely meant; `Conflict` where the project would not be right with these files;
/// `Unavailable` where one cannot be written.
pub fn connect(from: &Path, name: &str) -> Result<Connected> {
    let folder = find(from)?;
    let all = shipped()?;
    let names = || all.iter().map(|api| api.name.as_str());
    let Some(api) = all.iter().find(|api| api.name == name).cloned() else {
        let hint = match closest(name, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "`segue connect --list` shows what there is; any other API is described in a file: docs/guide/web-api.md".to_string(),
        };
        return Err(Error::new(
            Kind::NotFound,
            format!("no manifest of `{name}` ships with the program"),
        )
        .code(NO_SUCH_MANIFEST)
        .hint(hint));
    };
    let (new, mut there) = adding::missing(&folder, &api.files);
    let mistakes = adding::mistakes(&folder, &new)?;
    if let Some(first) = mistakes.first() {
        return Err(Error::new(
            Kind::Conflict,
            format!("the project would not be right with `{name}`: {first}"),
        )
        .code(MANIFEST_REFUSED)
        .hint("nothing was written; rename or remove what is in its way"));
    }
    let written = adding::write_all(&folder, new, &mut there)?;
    Ok(Connected {
        needed: adding::needed(&api.files),
        api,
        written,
        there,
    })
}

fn read(text: &str) -> Result<Shipped> {
    let tree = |text: &str| yaml::parse("manifest", text, &mut Vec::new()).root;
    let word = |root: Option<&yaml::Node>, key: &str| -> Option<String> { Some(root?.get(key)?.text()?.to_string()) };
    let mut documents = documents(text).into_iter();
    let head = tree(documents.next().unwrap_or_default());
    let head = head.as_ref();
    let lacks = |key: &str| Error::bug(format!("a manifest has no `{key}`"));
    let name = word(head, "manifest").ok_or_else(|| lacks("manifest"))?;
    let mut shipped = Shipped {
        about: word(head, "about").ok_or_else(|| lacks("about"))?,
        documentation: word(head, "documentation").ok_or_else(|| lacks("documentation"))?,
        name,
        assets: Vec::new(),
        files: Vec::new(),
    };
    for document in documents {
        let root = tree(document);
        let path = match (word(root.as_ref(), "connection"), word(root.as_ref(), "asset")) {
            (Some(name), None) => format!("connections/{name}.yaml"),
            (None, Some(asset)) => {
                let path = format!("assets/{}.yaml", asset.replacen('.', "/", 1));
                shipped.assets.push(asset);
                path
            }
            _ => return Err(lacks("connection` or `asset")),
        };
        let text = document.to_string();
        shipped.files.push(NewFile { path, text });
    }
    Ok(shipped)
}

/// The documents of a text: what stands between the lines that are `---`.
fn documents(text: &str) -> Vec<&str> {
    text.split_inclusive("\n---\n")
        .map(|document| document.strip_suffix("---\n").unwrap_or(document))
        .collect()
}

#[cfg(test)]
mod tests;
