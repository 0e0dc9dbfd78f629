//! Which file is what, by where it stands.

use super::{All, asset, span};
use crate::files::{LARGEST_FILE, Unread};
use crate::sql::header;
use segue_diag::{
    Diagnostic, NO_HEADER, NO_PROJECT_FILE, NOT_IN_THIS_VERSION, NOT_UTF8, STRAY_FILE, Text, UNREADABLE_FILE,
    YAML_LIMIT,
};

/// The files that are read.
pub(super) struct Sorted<'a> {
    pub project: Option<&'a str>,
    pub connections: Vec<&'a str>,
    pub assets: Vec<&'a str>,
    pub chats: Vec<&'a str>,
}

/// Folders and files that DESIGN knows and this version does not act on.
const LATER: [&str; 5] = ["jobs/", "triggers/", "functions/", "policies/", "roles.yaml"];

pub(super) fn sort<'a>(all: &mut All<'a>) -> Sorted<'a> {
    let files = all.files;
    let mut sorted = Sorted {
        project: None,
        connections: Vec::new(),
        assets: Vec::new(),
        chats: Vec::new(),
    };
    for (path, at) in files.binary() {
        if path.starts_with("tests/") {
            continue;
        }
        let hint = "save it as UTF-8 text";
        all.found.push(
            Diagnostic::error(
                NOT_UTF8,
                Some(span(path, at..at)),
                format!("{path} is not UTF-8 text, from byte {at} on"),
            )
            .hint(hint),
        );
        unreadable(all, &mut sorted, path);
    }
    for (path, why) in files.unread() {
        if !is_ours(path) {
            continue;
        }
        let (code, message, hint) = match why {
            Unread::TooLarge(bytes) => (
                YAML_LIMIT,
                format!("{path} has {bytes} bytes, and {LARGEST_FILE} are the most"),
                "what is that large is data: put it beside the project, and read it with `copy:`",
            ),
            Unread::Refused(words) => (
                UNREADABLE_FILE,
                format!("{path} cannot be read: {words}"),
                "mend or remove it; a link may lead nowhere",
            ),
        };
        all.found
            .push(Diagnostic::error(code, Some(span(path, 0..0)), message).hint(hint));
        unreadable(all, &mut sorted, path);
    }
    for path in files.paths() {
        let Some(text) = files.text(path) else { continue };
        let start = span(path, 0..text.lines().next().map_or(0, str::len));
        let yaml = path.ends_with(".yaml");
        if path == "segue.yaml" {
            sorted.project = Some(path);
        } else if path.ends_with(".slt") || (path.starts_with("tests/") && yaml) {
            // Those in `tests/` are read by `segue test`, and what is wrong with them keeps no run from its work.
        } else if LATER.iter().any(|l| path.starts_with(l)) {
            let what = path
                .split_once('/')
                .map_or(path.to_string(), |(folder, _)| format!("{folder}/"));
            let message = format!("{what} is not acted on by this version");
            all.report(NOT_IN_THIS_VERSION, start, message).hint =
                Some("move the file out of the project until it is".into());
        } else if path.starts_with("connections/") && yaml {
            sorted.connections.push(path);
        } else if path.starts_with("assets/") && yaml {
            sorted.assets.push(path);
        } else if path.starts_with("chats/") && yaml {
            sorted.chats.push(path);
        } else if path.starts_with("assets/") && path.ends_with(".sql") {
            if header(text).is_some() {
                sorted.assets.push(path);
            } else {
                let hint = "begin the file with `/* asset: schema.table */`";
                all.report(NO_HEADER, start, format!("{path} has no header")).hint = Some(hint.into());
            }
        } else if path.ends_with(".yml")
            && (["assets/", "connections/", "chats/"]
                .iter()
                .any(|folder| path.starts_with(folder))
                || path == "segue.yml")
        {
            let message = format!("{path} is not read: the files of a project end in `.yaml`");
            all.report(STRAY_FILE, start, message).hint = Some("rename it".into());
        } else {
            stray(all, path, text);
        }
    }
    if sorted.project.is_none() {
        let hint = "write one with `format: 1` and `project: NAME`, or make a project with `segue init DIR`";
        all.found
            .push(Diagnostic::error(NO_PROJECT_FILE, None, "there is no segue.yaml in this folder").hint(hint));
    }
    sorted
}

/// Whether a file that nobody could look into is one of ours, by its path.
fn is_ours(path: &str) -> bool {
    let yaml = path.ends_with(".yaml");
    path == "segue.yaml"
        || ((path.starts_with("connections/") || path.starts_with("chats/")) && yaml)
        || (path.starts_with("assets/") && (yaml || path.ends_with(".sql")))
}

/// What a file that cannot be read would have made is not missed elsewhere.
fn unreadable<'a>(all: &mut All<'a>, sorted: &mut Sorted<'a>, path: &'a str) {
    if path == "segue.yaml" {
        sorted.project = Some(path);
    }
    if path.starts_with("assets/") {
        all.unread_assets.extend(asset::from_path(path));
    }
    if let Some(name) = path.strip_prefix("connections/").and_then(|p| p.strip_suffix(".yaml")) {
        all.unread_connections.push(name.to_string());
    }
}

/// A file that reads like one of ours and stands where none is read. Others are none of our business.
fn stray(all: &mut All<'_>, path: &str, text: &str) {
    let head = match path.ends_with(".sql") {
        true => header(text).map(|h| &text[h.yaml]).unwrap_or(""),
        false => text,
    };
    for (key, folder) in [
        ("asset:", "assets/"),
        ("connection:", "connections/"),
        ("chat:", "chats/"),
    ] {
        let line = head.lines().map(str::trim_start).find(|l| {
            l.starts_with(key)
                && (head.len() < text.len() || text.contains(&format!("\n{key}")) || text.starts_with(key))
        });
        if let Some(line) = line {
            let at = line.as_ptr() as usize - text.as_ptr() as usize;
            let message = format!("{path} is not read: such files stand in {folder}");
            all.report(STRAY_FILE, span(path, at..at + key.len() - 1), message).hint =
                Some(format!("move it into {folder}"));
            return;
        }
    }
}
