//! `segue.yaml`.

use super::{All, salvage, span};
use crate::config::{EnvironmentFile, ProjectFile};
use crate::model::{Apply, Environment, Place, Project};
use crate::reference::url_password;
use crate::schema::{own, validate};
use crate::yaml::{Node, Value, parse};
use segue_diag::{
    Diagnostic, MISSING_KEY, NO_SUCH_ENVIRONMENT, NOT_IN_THIS_VERSION, READS_FROM, SAME_PLACE, Severity, Text,
    UNKNOWN_FORMAT, URL_CREDENTIALS, closest,
};
use std::collections::BTreeMap;
use std::ops::Range;

/// Where `dev` is when it does not say so.
const DEV_LAKE: &str = "./lake";
const DEV_STATE: &str = ".segue/state.db";

/// The version of the files' format that this version reads.
const FORMAT: u64 = 1;

/// Reads it; `None` when there is none. What is wrong in it is replaced by its default, so that the rest can be looked at.
pub(super) fn read(all: &mut All<'_>, file: Option<&str>) -> Option<Project> {
    let file = file?;
    let text = all.files.text(file)?;
    let before = errors(all);
    let parsed = parse(file, text, &mut all.found);
    let root = parsed.root.filter(|_| !parsed.broken);
    let Some(root) = root else {
        let name = salvage(text, "project").unwrap_or_else(|| "project".into());
        return Some(with_defaults(name));
    };
    if !known_format(all, file, &root) {
        return Some(with_defaults("project".into()));
    }
    validate(file, &root, &own().project, true, &mut all.found);
    for (name, environment) in root
        .get("environments")
        .into_iter()
        .flat_map(|e| e.entries())
        .map(|e| (&e.key, &e.value))
    {
        passwords(all, file, environment);
        places(all, file, &root, name, environment);
    }
    apart(all, file, &root);
    default_environment(all, file, &root);
    reads_from(all, file, &root);
    let typed = if errors(all) > before {
        None
    } else {
        serde_json::from_value::<ProjectFile>(root.to_json()).ok()
    };
    let name = root
        .get("project")
        .and_then(Node::text)
        .unwrap_or("project")
        .to_string();
    let Some(typed) = typed else {
        return Some(with_defaults(name));
    };
    let mut environments: BTreeMap<String, Environment> = BTreeMap::new();
    for (name, written) in typed.environments {
        let place = root.at(&["environments", &name]).map(|n| Place {
            file: file.into(),
            start: n.bytes.start,
            end: n.bytes.end,
        });
        environments.insert(name.clone(), environment(name, written, place));
    }
    if environments.is_empty() {
        environments.insert("dev".into(), dev());
    }
    let default_environment = typed.default_environment.unwrap_or_else(|| default_name(&environments));
    Some(Project {
        timezone: typed.timezone,
        environments,
        default_environment,
        ..with_defaults(typed.project)
    })
}

fn errors(all: &All<'_>) -> usize {
    all.found.iter().filter(|d| d.severity == Severity::Error).count()
}

fn with_defaults(name: String) -> Project {
    Project {
        format: FORMAT as u32,
        name,
        timezone: "UTC".into(),
        environments: BTreeMap::from([("dev".to_string(), dev())]),
        default_environment: "dev".into(),
        connections: BTreeMap::new(),
        assets: BTreeMap::new(),
        families: Vec::new(),
        chats: BTreeMap::new(),
    }
}

fn dev() -> Environment {
    let nothing = EnvironmentFile {
        lake: None,
        state: None,
        engine: "local".into(),
        apply: None,
        reads_from: None,
    };
    environment("dev".into(), nothing, None)
}

fn environment(name: String, written: EnvironmentFile, place: Option<Place>) -> Environment {
    let by_default = if name == "dev" { Apply::Auto } else { Apply::Breaking };
    Environment {
        lake: written.lake.unwrap_or_else(|| DEV_LAKE.into()),
        state: written.state.unwrap_or_else(|| DEV_STATE.into()),
        engine: written.engine,
        apply: written.apply.unwrap_or(by_default),
        reads_from: written.reads_from,
        name,
        place,
    }
}

fn default_name(environments: &BTreeMap<String, Environment>) -> String {
    let first = environments.keys().next().cloned();
    if environments.contains_key("dev") {
        "dev".into()
    } else {
        first.unwrap_or_else(|| "dev".into())
    }
}

/// Nothing can be said of a format that is not known: its keys may mean anything.
fn known_format(all: &mut All<'_>, file: &str, root: &Node) -> bool {
    let Some(format) = root.get("format") else { return true };
    let Some(number) = format.scalar().and_then(|s| s.json.as_u64()) else {
        return true;
    };
    if number == FORMAT {
        return true;
    }
    let message = format!("format {number} of project files is not known; this version reads format {FORMAT}");
    let hint = if number > FORMAT {
        "use a newer version of Segue"
    } else {
        "write `format: 1`"
    };
    all.report(UNKNOWN_FORMAT, format.span(file), message).hint = Some(hint.into());
    false
}

fn passwords(all: &mut All<'_>, file: &str, environment: &Node) {
    for entry in environment.entries() {
        let Some(bytes) = entry.value.text().and_then(url_password) else {
            continue;
        };
        let message = format!("`{}` holds a password", entry.key);
        all.report(URL_CREDENTIALS, entry.value.part(file, bytes), message).hint =
            Some("write `${secret:NAME}` in its place".into());
    }
}

/// An environment beside `dev` says where it is: two of them in one place would undo each other's work.
fn places(all: &mut All<'_>, file: &str, root: &Node, name: &str, environment: &Node) {
    let Some(entry) = root.get("environments").and_then(|e| e.entry(name)) else {
        return;
    };
    for key in ["lake", "state"] {
        if environment.get(key).is_none() && name != "dev" && matches!(environment.value, Value::Mapping(_)) {
            let message = format!("the environment `{name}` lacks the key `{key}`");
            let hint = "only `dev` has a place by default";
            all.report(MISSING_KEY, span(file, entry.bytes.clone()), message).hint = Some(hint.into());
        }
    }
    if let Some(lake) = environment.get("lake")
        && let Some(scheme) = lake.text().and_then(not_a_folder)
    {
        let place = lake.part(file, 0..scheme.len());
        all.report(NOT_IN_THIS_VERSION, place, elsewhere(scheme)).hint = Some(LAKE_HINT.into());
    }
    let state = environment.get("state");
    if let Some(text) = state
        .and_then(Node::text)
        .filter(|t| t.starts_with("postgres://") || t.starts_with("postgresql://"))
    {
        let state = state.map(|s| s.part(file, 0..text.find(':').unwrap_or(0)));
        if let Some(place) = state {
            let message = "a state in PostgreSQL is not acted on by this version";
            all.report(NOT_IN_THIS_VERSION, place, message).hint = Some("name a file: `.segue/state.db`".into());
        }
    }
}

/// What to do about a lake that is no folder.
pub const LAKE_HINT: &str = "name a folder: `./lake`";

/// The scheme of a lake's place that is not a folder of this machine: `s3` of `s3://bucket/path`.
pub fn not_a_folder(lake: &str) -> Option<&str> {
    let (scheme, _) = lake.split_once("://")?;
    let word = !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    (word && !scheme.eq_ignore_ascii_case("file")).then_some(scheme)
}

/// What is said of such a place.
pub fn elsewhere(scheme: &str) -> String {
    format!("a lake in an object store (`{scheme}://…`) is not acted on by this version")
}

/// No two environments are in one place: what one of them runs would change what the other has.
fn apart(all: &mut All<'_>, file: &str, root: &Node) {
    let environments = root.get("environments").map_or(&[][..], Node::entries);
    for (key, by_default) in [("lake", DEV_LAKE), ("state", DEV_STATE)] {
        let mut first: BTreeMap<String, (&str, Range<usize>)> = BTreeMap::new();
        // `dev` may have its places without saying them, so it comes first.
        let (dev, others): (Vec<_>, Vec<_>) = environments.iter().partition(|e| e.key == "dev");
        for entry in dev.into_iter().chain(others) {
            let written = entry.value.get(key);
            let text = match written {
                Some(node) => node.text(),
                None => (entry.key == "dev").then_some(by_default),
            };
            // What a reference stands for is known when it is used.
            let Some(text) = text.filter(|t| !t.contains("${")) else {
                continue;
            };
            let bytes = written.map_or(entry.bytes.clone(), |n| n.bytes.clone());
            match first.get(&plain(text)) {
                Some((other, place)) => {
                    let message = format!("the environments `{other}` and `{}` have the same {key}", entry.key);
                    let both = Diagnostic::error(SAME_PLACE, Some(span(file, bytes)), message)
                        .related(span(file, place.clone()), "the other one")
                        .hint(format!("give each a {key} of its own"));
                    all.found.push(both);
                }
                None => drop(first.insert(plain(text), (&entry.key, bytes))),
            }
        }
    }
}

/// A path without what means nothing in it: `./lake/` is `lake`.
fn plain(path: &str) -> String {
    let path = path.strip_prefix("file://").unwrap_or(path);
    let parts = path.split('/').filter(|p| !p.is_empty() && *p != ".");
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.collect::<Vec<_>>().join("/"))
}

/// What an environment reads from is another one, and the chain of them has an end.
fn reads_from(all: &mut All<'_>, file: &str, root: &Node) {
    let environments = root.get("environments").map_or(&[][..], Node::entries);
    let known: Vec<&str> = environments.iter().map(|e| e.key.as_str()).collect();
    let of = |name: &str| {
        let entry = environments.iter().find(|e| e.key == name)?;
        entry.value.get("reads_from")?.text()
    };
    let mut told: Vec<String> = Vec::new();
    for entry in environments {
        let Some(written) = entry.value.get("reads_from") else {
            continue;
        };
        let Some(first) = written.text() else { continue };
        if !known.contains(&first) {
            no_such_environment(all, file, written, first, &known);
            continue;
        }
        let mut chain = vec![entry.key.clone()];
        let mut next = Some(first);
        while let Some(name) = next {
            let again = chain.iter().position(|n| n == name);
            chain.push(name.to_string());
            match again {
                None => next = of(name),
                // One that only leads into a circle has no mistake of its own; and a circle is told once.
                Some(0) if !told.contains(&entry.key) => {
                    told.extend(chain.iter().cloned());
                    let message = format!("`{}` reads from itself: {}", entry.key, chain.join(" → "));
                    all.report(READS_FROM, written.span(file), message).hint =
                        Some("let the chain end: take `reads_from` out of one of them".into());
                    break;
                }
                Some(_) => break,
            }
        }
    }
}

fn default_environment(all: &mut All<'_>, file: &str, root: &Node) {
    let Some(written) = root.get("default_environment") else {
        return;
    };
    let Some(name) = written.text() else { return };
    let known: Vec<&str> = match root.get("environments") {
        Some(environments) => environments.entries().iter().map(|e| e.key.as_str()).collect(),
        None => vec!["dev"],
    };
    if !known.contains(&name) {
        no_such_environment(all, file, written, name, &known);
    }
}

fn no_such_environment(all: &mut All<'_>, file: &str, written: &Node, name: &str, known: &[&str]) {
    let hint = closest(name, known.iter().copied()).map(|meant| format!("did you mean `{meant}`?"));
    let hint = hint.unwrap_or_else(|| format!("there are: `{}`", known.join("`, `")));
    let message = format!("there is no environment `{name}`");
    all.report(NO_SUCH_ENVIRONMENT, written.span(file), message).hint = Some(hint);
}
