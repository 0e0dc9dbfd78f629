//! The two ends of a copy without a project: databases by their addresses, lakes by their folders.

use crate::load::{find, load};
use segue_connectors::{ADDRESSES, Address, address, connector};
use segue_core::{Error, Kind, Result};
use segue_diag::{BAD_ADDRESS, COPY_ENDS, LAKE_LOCATION};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One end.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// A lake, by its folder, and as it was written.
    Lake(PathBuf, String),
    /// Another system.
    System(Address),
}

impl End {
    /// The end that this word means.
    ///
    /// # Errors
    /// `Invalid` and `Unsupported` for what is none, with what is understood.
    pub fn parse(text: &str, folder: &Path, variables: &BTreeMap<String, String>) -> Result<End> {
        let variable = |name: &str| variables.get(name).cloned();
        if let Some(scheme) = segue_spec::not_a_folder(text).filter(|s| ["s3", "gs", "az", "abfss", "hdfs"].contains(s))
        {
            let error = Error::new(Kind::Unsupported, segue_spec::elsewhere(scheme));
            return Err(error.code(LAKE_LOCATION).hint(segue_spec::LAKE_HINT));
        }
        if let Some(mut address) = address(text, folder, &variable)? {
            if address.kind == "postgres" && address.password.is_none() {
                address.password = crate::pgpass::password(&address.settings, variables)?;
            }
            return Ok(End::System(address));
        }
        let path = folder.join(text.strip_prefix("file://").unwrap_or(text));
        let path = std::fs::canonicalize(&path)
            .or_else(|_| std::path::absolute(&path))
            .unwrap_or(path);
        if path.is_file() {
            let error = Error::new(Kind::Invalid, format!("{text} is a file, and a lake is a folder"));
            return Err(error.code(BAD_ADDRESS).hint(format!(
                "write `sqlite:{text}` for a database in it; known are {ADDRESSES}"
            )));
        }
        if text.trim().is_empty() {
            let error = Error::new(Kind::Invalid, "an end of the copy is empty");
            return Err(error.code(BAD_ADDRESS).hint(format!("write {ADDRESSES}")));
        }
        Ok(End::Lake(path, text.to_string()))
    }

    /// As people may see it.
    pub fn shown(&self) -> &str {
        match self {
            End::Lake(_, shown) => shown,
            End::System(address) => &address.shown,
        }
    }

    /// What it is, whatever it was written like.
    pub fn identity(&self) -> String {
        match self {
            End::Lake(path, _) => format!("lake {}", path.display()),
            End::System(address) => format!("{} {}", address.kind, address.settings),
        }
    }
}

/// Refuses two ends between which nothing can be copied.
///
/// # Errors
/// `Invalid`, `Unsupported`, `NotFound` or `Conflict`, with what to do instead.
pub(crate) fn fit(from: &End, to: &End) -> Result<()> {
    let refused = |kind: Kind, message: String, hint: &str| Err(Error::new(kind, message).code(COPY_ENDS).hint(hint));
    if from.identity() == to.identity() {
        let message = format!("both ends are the same: {}", to.shown());
        return refused(Kind::Invalid, message, "name another place to copy to");
    }
    match (from, to) {
        (End::Lake(..), End::Lake(..)) => refused(
            Kind::Unsupported,
            "from one lake into another nothing is copied by this version".into(),
            "a lake is a folder of files: copy the folder",
        ),
        (End::Lake(path, shown), _) if !path.is_dir() => {
            let error = Error::new(Kind::NotFound, format!("there is no lake at {shown}"));
            Err(error.code(COPY_ENDS).hint(format!("an end is {ADDRESSES}")))
        }
        (End::System(address), _) if connector(address.kind).is_none_or(|c| c.source.is_none()) => refused(
            Kind::Unsupported,
            format!(
                "a connection of kind `{}` cannot be read from by this version",
                address.kind
            ),
            "read from PostgreSQL, or from a lake",
        ),
        (_, End::System(address)) if connector(address.kind).is_none_or(|c| c.sink.is_none()) => refused(
            Kind::Unsupported,
            format!(
                "a connection of kind `{}` cannot be written to by this version",
                address.kind
            ),
            "write into a lake, or into `sqlite:FILE`",
        ),
        (_, End::Lake(path, shown)) => match owner(path) {
            Some(project) => refused(
                Kind::Conflict,
                format!("{shown} is the lake of the project in {}", project.display()),
                "copy into another folder; or write assets into the project: `segue discover CONNECTION --scaffold` begins them",
            ),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The folder of the project whose lake this is.
fn owner(lake: &Path) -> Option<PathBuf> {
    let folder = find(lake).ok()?;
    let project = load(&folder).ok()?.project?;
    let same = |place: &str| {
        let place = folder.join(place.strip_prefix("file://").unwrap_or(place));
        let place = std::fs::canonicalize(&place).or_else(|_| std::path::absolute(&place));
        place.is_ok_and(|place| place.components().eq(lake.components()))
    };
    let is_its = project.environments.values().any(|e| same(&e.lake));
    is_its.then_some(folder)
}
