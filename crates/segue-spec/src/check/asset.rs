//! The files in `assets/`, read into drafts: trees whose shape has been looked at, with their SQL parsed.

use super::query::{Role, Site};
use super::{All, checks, copy, salvage, span};
use crate::model::FamilyName;
use crate::name::AssetName;
use crate::schema::{own, validate};
use crate::sql::{Columns, header};
use crate::yaml::{Node, Value, parse, parse_part};
use segue_diag::{
    CHOOSE_ONE, DUPLICATE_ASSET, Diagnostic, MISSING_KEY, NOT_IN_THIS_VERSION, Severity, Span, Text, WRONG_TYPE,
};
use std::collections::BTreeMap;
use std::ops::Range;

/// An asset's file as far as it has been looked at.
pub(crate) struct Draft<'a> {
    pub file: &'a str,
    pub root: Node,
    /// Its name, if it is one.
    pub name: Option<AssetName>,
    /// The name of many, if it is that.
    pub family: Option<FamilyName>,
    /// The bytes of its name, or of what stands in its place.
    pub place: Range<usize>,
    /// Whether its tree has the right shape, so that it can be read into types.
    pub shaped: bool,
    /// Whether another file has its name, and came first.
    pub twice: bool,
    /// The byte at which an SQL file's statement begins.
    pub statement: Option<usize>,
    /// The line and the character in it at which it begins.
    pub begins: (usize, usize),
    /// The connector that it copies from.
    pub kind: Option<String>,
    /// The kind of the connection that it writes into.
    pub into_kind: Option<String>,
    pub sites: Vec<Site>,
    /// The tables that it is made from, each with the first place that says so.
    pub reads: BTreeMap<AssetName, Span>,
    /// The tables that its `for_each` is made from.
    pub listed: Vec<AssetName>,
    /// Its columns, where they are known.
    pub columns: Columns,
    /// The columns of its `for_each`, where they are known.
    pub each: Columns,
}

impl Draft<'_> {
    /// Whether its rows go to another system.
    pub fn elsewhere(&self) -> Option<&str> {
        self.root.at(&["into", "connection"]).and_then(Node::text)
    }

    pub fn span(&self, bytes: &Range<usize>) -> Span {
        span(self.file, bytes.clone())
    }

    pub fn site(&self, role: Role) -> Option<&Site> {
        self.sites.iter().find(|s| s.role == role)
    }
}

pub(super) fn read<'a>(all: &mut All<'a>, file: &'a str) {
    let files = all.files;
    let Some(text) = files.text(file) else { return };
    let before = all.found.len();
    let head = if file.ends_with(".sql") { header(text) } else { None };
    let parsed = match &head {
        Some(head) => parse_part(file, text, head.yaml.clone(), &mut all.found),
        None => parse(file, text, &mut all.found),
    };
    let root = parsed.root.filter(|_| !parsed.broken);
    let Some(root) = root else {
        all.unread_assets
            .extend(salvage(text, "asset").or_else(|| from_path(file)));
        if let Some(head) = head {
            // The statement can be read all the same.
            Site::statement(file, &text[head.statement..], head.statement, &mut all.found);
        }
        return;
    };
    if !matches!(root.value, Value::Mapping(_)) {
        let message = format!("an asset is a mapping, not {}", root.describe());
        all.report(WRONG_TYPE, root.span(file), message).hint = Some("begin with `asset: schema.table`".into());
        return;
    }
    validate(file, &root, &own().asset, false, &mut all.found);
    let name = root.get("asset").and_then(Node::text).and_then(|n| n.parse().ok());
    let family = root.get("asset").and_then(Node::text).and_then(|n| n.parse().ok());
    let place = root.get("asset").unwrap_or(&root).bytes.clone();
    let place = if root.get("asset").is_none() {
        root.entries().first().map_or(place, |e| e.bytes.clone())
    } else {
        place
    };
    let mut draft = Draft {
        file,
        root,
        name,
        family,
        place,
        shaped: false,
        twice: false,
        statement: head.as_ref().map(|h| h.statement),
        begins: head.as_ref().map_or((1, 1), |h| begins(text, h.statement)),
        kind: None,
        into_kind: None,
        sites: Vec::new(),
        reads: BTreeMap::new(),
        listed: Vec::new(),
        columns: None,
        each: None,
    };
    how(all, &mut draft);
    copy::read(all, &mut draft);
    copy::into(all, &mut draft);
    draft.shaped = !all.found[before..].iter().any(|d| d.severity == Severity::Error);
    if let Some(head) = head {
        let site = Site::statement(file, &text[head.statement..], head.statement, &mut all.found);
        draft.sites.push(site);
    }
    copy::sql(all, &mut draft);
    checks::sql(all, &mut draft);
    all.assets.push(draft);
}

/// The line and the character in it, both from 1, of a byte.
fn begins(text: &str, byte: usize) -> (usize, usize) {
    let before = &text[..byte];
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line..].chars().count() + 1)
}

/// An asset is made in exactly one way.
fn how(all: &mut All<'_>, draft: &mut Draft<'_>) {
    let copy = draft.root.entry("copy").map(|e| e.bytes.clone());
    match (copy, draft.statement) {
        (Some(bytes), Some(_)) => {
            let message = "an SQL file cannot be a copy too";
            all.report(CHOOSE_ONE, span(draft.file, bytes), message).hint =
                Some("put the copy into a YAML file of its own".into());
        }
        (None, None) => {
            let message = "this file does not say how the asset is made";
            let hint = "write `copy:` to read rows from somewhere, or put SQL into a file that ends in `.sql`";
            all.report(MISSING_KEY, draft.span(&draft.place.clone()), message).hint = Some(hint.into());
        }
        _ => {}
    }
    if draft.statement.is_some() {
        return;
    }
    for key in ["range", "inputs"] {
        if let Some(entry) = draft.root.entry(key) {
            let message = format!("`{key}` of a copy is not acted on by this version");
            let hint = "in this version a range belongs to an asset made by SQL";
            all.report(NOT_IN_THIS_VERSION, span(draft.file, entry.bytes.clone()), message)
                .hint = Some(hint.into());
        }
    }
}

/// `assets/raw/orders.yaml` most likely is `raw.orders`.
pub(super) fn from_path(file: &str) -> Option<String> {
    let (folder, name) = file.rsplit_once('/')?;
    let (stem, _) = name.rsplit_once('.')?;
    let schema = folder.rsplit('/').next()?;
    Some(format!("{schema}.{stem}"))
}

/// Reports every name that has been taken by a file before.
pub(super) fn once_each(all: &mut All<'_>) {
    let mut first: BTreeMap<AssetName, Span> = BTreeMap::new();
    for draft in &mut all.assets {
        let Some(name) = draft.name.clone() else { continue };
        let place = span(draft.file, draft.place.clone());
        match first.get(&name) {
            Some(other) => {
                draft.twice = true;
                let twice = Diagnostic::error(DUPLICATE_ASSET, Some(place), format!("there are two assets `{name}`"));
                all.found.push(
                    twice
                        .related(other.clone(), "first defined here")
                        .hint("give one of them another name"),
                );
            }
            None => drop(first.insert(name, place)),
        }
    }
}
