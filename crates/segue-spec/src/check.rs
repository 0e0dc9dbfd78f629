//! Everything that is wrong with a project, and the project as far as it can be read.
//!
//! The order: files are sorted by what they are; each is read and compared with its schema; then, over trees and not over
//! types, so that one mistake does not hide another: SQL, columns, rules. What has the right shape becomes the model.
//!
//! The kinds of mistakes are the pages `SG01..` (files) and `SG02..` (SQL); a test plants them all. Those of chats are `SG11..`.

pub(crate) mod asset;
mod chat;
mod checks;
pub(crate) mod columns;
mod connection;
mod copy;
mod family;
mod find;
mod fit;
mod into;
mod nested;
mod project;
pub(crate) mod query;
mod rules;
mod sort;
mod templates;
mod typed;
mod view;
mod write;

pub use into::export_path;
pub use project::{LAKE_HINT, elsewhere, not_a_folder};

use crate::files::Files;
use crate::graph;
use crate::model::{Connection, Project};
use crate::schema::{ConnectorSchema, Shapes};
use segue_diag::{Code, Diagnostic, Span};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Reads a project's files: the project as far as it can be read (`None` without a readable `segue.yaml`), and every mistake.
///
/// The project may be run only when no diagnostic is an error: assets that could not be read are not in it.
/// Diagnostics stand in the order of files and places. Nothing is read but `files`.
pub fn check(files: &Files, schemas: &[ConnectorSchema]) -> (Option<Project>, Vec<Diagnostic>) {
    check_with_patterns(files, schemas, |_| None)
}

/// Says what is wrong with a regular expression: only whoever matches with it knows.
pub type PatternMistake = fn(&str) -> Option<String>;

/// As [`check()`], with the regular expressions of checks looked at too.
pub fn check_with_patterns(
    files: &Files,
    schemas: &[ConnectorSchema],
    pattern: PatternMistake,
) -> (Option<Project>, Vec<Diagnostic>) {
    let mut all = All {
        files,
        pattern,
        shapes: Arc::new(Shapes::new(schemas)),
        found: Vec::new(),
        connections: Arc::default(),
        unread_connections: Vec::new(),
        assets: Vec::new(),
        unread_assets: Vec::new(),
    };
    let sorted = sort::sort(&mut all);
    let project = project::read(&mut all, sorted.project);
    for file in sorted.connections {
        connection::read(&mut all, file);
    }
    read_assets(&mut all, &sorted.assets);
    asset::once_each(&mut all);
    family::apply(&mut all);
    let order = graph::draft_order(&mut all);
    columns::look_up(&mut all, &order);
    rules::apply(&mut all);
    into::once_each(&mut all);
    into::exports(&mut all);
    templates::apply(&mut all);
    let chats = chat::read(&mut all, &sorted.chats);
    let (assets, families) = typed::assets(&mut all);
    let mut found = all.found;
    // What the schema and a rule both found is said once, by the one with the hint.
    found.sort_by(|a, b| (place(a), &a.message, a.hint.is_none()).cmp(&(place(b), &b.message, b.hint.is_none())));
    found.dedup_by(|b, a| place(a) == place(b) && a.message == b.message);
    let project = project.map(|project| Project {
        connections: Arc::unwrap_or_clone(all.connections),
        assets,
        families,
        chats,
        ..project
    });
    (project, found)
}

fn place(d: &Diagnostic) -> (Option<&str>, Option<(usize, usize)>, Code) {
    let span = d.span.as_ref();
    (
        span.map(|s| s.file.as_str()),
        span.map(|s| (s.bytes.start, s.bytes.end)),
        d.code,
    )
}

/// For fewer than these, starting a thread takes longer than the work.
const ITEMS_PER_THREAD: usize = 100;

/// Does the work for these, in parts and on several threads where there are many; what came of each part, in their order.
pub(crate) fn in_parts<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (items.len() / ITEMS_PER_THREAD).clamp(1, processors);
    let mut parts = items.chunks(items.len().div_ceil(threads).max(1));
    let own = parts.next().unwrap_or_default();
    std::thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(|| work(part))).collect();
        let mut done = vec![work(own)];
        done.extend(
            others
                .into_iter()
                .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))),
        );
        done
    })
}

/// Reads the files of assets: each is read by itself.
fn read_assets<'a>(all: &mut All<'a>, files: &[&'a str]) {
    let parts = in_parts(files, |part| {
        let mut apart = All {
            files: all.files,
            pattern: all.pattern,
            shapes: all.shapes.clone(),
            connections: all.connections.clone(),
            unread_connections: all.unread_connections.clone(),
            found: Vec::new(),
            assets: Vec::new(),
            unread_assets: Vec::new(),
        };
        part.iter().for_each(|file| asset::read(&mut apart, file));
        apart
    });
    for mut part in parts {
        all.found.append(&mut part.found);
        all.assets.append(&mut part.assets);
        all.unread_assets.append(&mut part.unread_assets);
    }
}

/// What is known while a project is read.
pub(crate) struct All<'a> {
    pub files: &'a Files,
    pub pattern: PatternMistake,
    pub shapes: Arc<Shapes>,
    pub found: Vec<Diagnostic>,
    pub connections: Arc<BTreeMap<String, Connection>>,
    /// Names of connections whose file could not be read to its end.
    pub unread_connections: Vec<String>,
    pub assets: Vec<asset::Draft<'a>>,
    /// Names of assets whose file could not be read to its end: they exist, and nothing else is known.
    pub unread_assets: Vec<String>,
}

impl All<'_> {
    /// Whether a file that stands for many assets may stand for this one.
    pub fn may_be_in_a_family(&self, name: &crate::name::AssetName) -> bool {
        self.assets
            .iter()
            .any(|d| d.family.as_ref().is_some_and(|f| f.may_be(name)))
    }

    /// Adds an error.
    pub fn report(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.found.push(Diagnostic::error(code, Some(span), message));
        self.found.last_mut().expect("one has just been added")
    }
}

/// What was most likely meant by a name that is none of these.
pub(crate) fn unknown_name<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let names: Vec<&str> = names.into_iter().collect();
    match segue_diag::closest(name, names.iter().copied()) {
        Some(meant) => Some(format!("did you mean `{meant}`?")),
        None if names.is_empty() || names.len() > 10 => None,
        None => Some(format!("there are: `{}`", names.join("`, `"))),
    }
}

/// The value of a key at the beginning of a line, for files that YAML could not read: `asset: raw.orders`.
fn salvage(text: &str, key: &str) -> Option<String> {
    let lines = text.lines().map(|l| l.trim_start_matches(['/', '*', ' ']));
    let mut values = lines.filter_map(|l| l.strip_prefix(key)?.strip_prefix(':'));
    let value = values.next()?.split(" #").next()?.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_string())
}

fn span(file: &str, bytes: Range<usize>) -> Span {
    Span {
        file: file.to_string(),
        bytes,
    }
}

#[cfg(test)]
pub(crate) mod tests;
