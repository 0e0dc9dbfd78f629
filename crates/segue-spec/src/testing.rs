//! The files in `tests/` that end in `.yaml`: what an asset's SQL must give over rows that are given.
//!
//! They are no part of the [`Project`]: what is wrong with a test keeps no run from its work. Rows stay trees, because what they are as
//! values is known when the columns are; a tree knows where each value stands.

use crate::check::unknown_name;
use crate::config::TestFile;
use crate::files::Files;
use crate::model::{Asset, From, How, LakeSource, Place, Project};
use crate::name::AssetName;
use crate::schema::{own, validate};
use crate::types::Type;
use crate::yaml::{Node, Value, parse};
use segue_diag::{
    Code, Diagnostic, MISSING_KEY, Severity, Span, TEST_INPUT, TEST_MISUSE, Text, UNKNOWN_ASSET, WRONG_TYPE, closest,
};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

/// One test.
#[derive(Clone, Debug)]
pub struct Test {
    /// What it shows, in a few words.
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// The asset whose SQL is run.
    pub asset: AssetName,
    /// What is given, by the names that read it.
    pub given: BTreeMap<AssetName, Given>,
    /// The values of parameters that are given.
    pub params: Map<String, Json>,
    /// What time it is, as it is written.
    pub now: Option<String>,
    /// `$from` and `$to`, as they are written.
    pub range: Option<(String, String)>,
    /// What must come of it.
    pub expect: Expect,
}

/// The rows of one table.
#[derive(Clone, Debug)]
pub struct Given {
    /// The rows.
    pub rows: Rows,
    /// The types of columns of which the project does not say them, each with its place.
    pub columns: BTreeMap<String, (Type, Node)>,
}

/// Where rows are.
#[derive(Clone, Debug)]
pub enum Rows {
    /// In the test's file: a mapping each.
    Here(Vec<Node>),
    /// In this file, relative to the project's folder.
    File(String),
}

/// What must come of a test.
#[derive(Clone, Debug)]
pub enum Expect {
    /// These rows.
    Rows {
        /// The list of them.
        rows: Node,
        /// The columns that are compared, each with its place; none: all.
        columns: Vec<Node>,
        /// Whether they come in this order.
        ordered: bool,
        /// How far doubles may be apart.
        tolerance: f64,
    },
    /// An error that has this text in it.
    Error {
        /// The text.
        text: String,
        /// Where it stands.
        node: Node,
    },
}

/// Whether a file of a project holds such tests.
pub fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") && path.ends_with(".yaml")
}

/// The tests of a project, in the order of their files and places, and what is wrong with them.
pub fn tests(files: &Files, project: &Project) -> (Vec<Test>, Vec<Diagnostic>) {
    let (mut all, mut found) = (Vec::new(), Vec::new());
    for path in files.paths().filter(|path| is_test_file(path)) {
        let Some(text) = files.text(path) else {
            let message = format!("{path} cannot be read as text");
            found.push(
                Diagnostic::error(TEST_MISUSE, Some(span(path, 0..0)), message)
                    .hint("save it as UTF-8 text, of at most 4 MiB"),
            );
            continue;
        };
        let before = found.len();
        let parsed = parse(path, text, &mut found);
        let Some(root) = parsed.root.filter(|_| !parsed.broken) else {
            if found.len() == before {
                let message = format!("{path} holds no test");
                found.push(
                    Diagnostic::error(TEST_MISUSE, Some(span(path, 0..0)), message)
                        .hint("write `test:`, `asset:`, `given:` and `expect:`, or remove the file"),
                );
            }
            continue;
        };
        let list = std::slice::from_ref(&root);
        let nodes = match &root.value {
            Value::List(items) => items,
            _ => list,
        };
        for node in nodes {
            let before = found.len();
            validate(path, node, &own().test, false, &mut found);
            let is_shaped = !found[before..].iter().any(|d| d.severity == Severity::Error);
            match is_shaped.then(|| test(path, node)) {
                None => {}
                Some(Ok(test)) => {
                    rules(path, node, &test, project, &mut found);
                    all.push(test);
                }
                // The schema has let something through that the types do not take.
                Some(Err(why)) => {
                    let message = format!("the test cannot be read: {why}");
                    found.push(Diagnostic::error(WRONG_TYPE, Some(node.span(path)), message));
                }
            }
        }
    }
    twice(&all, &mut found);
    (all, found)
}

fn span(file: &str, bytes: std::ops::Range<usize>) -> Span {
    Span {
        file: file.to_string(),
        bytes,
    }
}

/// Tests are called by their names.
fn twice(all: &[Test], found: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<&str, &Test> = BTreeMap::new();
    for test in all {
        match first.get(test.name.as_str()) {
            Some(before) => {
                let message = format!("two tests are called `{}`", test.name);
                let twice = Diagnostic::error(TEST_MISUSE, Some(test.place.span()), message);
                found.push(
                    twice
                        .related(before.place.span(), "first here")
                        .hint("say of each what it shows"),
                );
            }
            None => drop(first.insert(&test.name, test)),
        }
    }
}

fn test(path: &str, node: &Node) -> Result<Test, String> {
    let file: TestFile = serde_json::from_value(node.to_json()).map_err(|e| e.to_string())?;
    let bytes = node.get("test").map_or(node.bytes.clone(), |n| n.bytes.clone());
    let mut given = BTreeMap::new();
    for entry in node.get("given").map_or(&[][..], Node::entries) {
        given.insert(entry.key.parse()?, given_of(path, &entry.value)?);
    }
    let expect = node.get("expect").ok_or("it expects nothing")?;
    let expect = match (expect.get("rows"), expect.get("error"), file.expect.error) {
        (Some(rows), None, _) => Expect::Rows {
            rows: rows.clone(),
            columns: expect.get("columns").map_or(Vec::new(), |n| n.items().to_vec()),
            ordered: file.expect.ordered,
            tolerance: file.expect.tolerance,
        },
        (None, Some(node), Some(text)) => Expect::Error {
            text,
            node: node.clone(),
        },
        _ => return Err("it expects neither rows nor an error".into()),
    };
    Ok(Test {
        name: file.test,
        place: Place {
            file: path.to_string(),
            start: bytes.start,
            end: bytes.end,
        },
        asset: file.asset,
        given,
        params: file.params.into_iter().collect(),
        now: file.now,
        range: file.range.map(|r| (r.from, r.to)),
        expect,
    })
}

fn given_of(path: &str, node: &Node) -> Result<Given, String> {
    let mut columns = BTreeMap::new();
    for entry in node.get("columns").map_or(&[][..], Node::entries) {
        let of = entry.value.text().unwrap_or_default().parse()?;
        columns.insert(entry.key.clone(), (of, entry.value.clone()));
    }
    let rows = match (node.get("file"), node.get("rows")) {
        (Some(file), _) => Rows::File(beside(path, file.text().unwrap_or_default())),
        (None, Some(rows)) => Rows::Here(rows.items().to_vec()),
        (None, None) => Rows::Here(node.items().to_vec()),
    };
    Ok(Given { rows, columns })
}

/// A path beside a file of the project, as one of the project's.
fn beside(file: &str, path: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{path}")
}

/// Whether a path that is written leads to something below the folder that it begins in.
fn stays_below(path: &str) -> bool {
    Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// What no schema can say: names that must exist, and what must be given.
fn rules(path: &str, node: &Node, test: &Test, project: &Project, found: &mut Vec<Diagnostic>) {
    let mut report = |code: Code, place: Span, message: String, hint: String| {
        found.push(Diagnostic::error(code, Some(place), message).hint(hint));
    };
    let at = |keys: &[&str]| node.at(keys).unwrap_or(node).span(path);
    let Some(asset) = project.assets.get(&test.asset) else {
        let names = project.assets.keys().map(AssetName::as_str);
        let hint = unknown_name(test.asset.as_str(), names)
            .unwrap_or_else(|| "write the name of an asset that is made by SQL".into());
        return report(
            UNKNOWN_ASSET,
            at(&["asset"]),
            format!("there is no asset `{}`", test.asset),
            hint,
        );
    };
    let is_computed = match &asset.how {
        How::Sql(_) => true,
        How::Copy(copy) => matches!(&copy.from, From::Lake(LakeSource::Table(_) | LakeSource::Sql(_))),
    };
    if !is_computed {
        let message = format!("`{}` is read from a source, and a test runs SQL", test.asset);
        return report(
            TEST_MISUSE,
            at(&["asset"]),
            message,
            "test an asset that is made from it, and give rows of it there".into(),
        );
    }
    given(path, node, test, project, asset, &mut report);
    for entry in node.get("params").map_or(&[][..], Node::entries) {
        if !asset.params.contains_key(&entry.key) {
            let message = format!("`{}` takes no parameter `{}`", test.asset, entry.key);
            let hint = match closest(&entry.key, asset.params.keys().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "leave it out".to_string(),
            };
            report(TEST_MISUSE, span(path, entry.bytes.clone()), message, hint);
        }
    }
    for (name, param) in &asset.params {
        if param.default.is_none() && !test.params.contains_key(name) {
            let message = format!("`{}` takes the parameter `{name}`, which has no default", test.asset);
            report(
                MISSING_KEY,
                test.place.span(),
                message,
                format!("write `params: {{ {name}: … }}`"),
            );
        }
    }
    match (&asset.range, &test.range) {
        (Some(_), None) => {
            let message = format!("`{}` is computed by ranges", test.asset);
            report(
                MISSING_KEY,
                test.place.span(),
                message,
                "write `range: { from: 2024-01-01, to: 2024-01-02 }`".into(),
            );
        }
        (None, Some(_)) => {
            let message = format!("`{}` has no ranges", test.asset);
            report(TEST_MISUSE, at(&["range"]), message, "leave `range` out".into());
        }
        _ => {}
    }
    if let Some(now) = test
        .now
        .as_deref()
        .filter(|now| now.parse::<jiff::Timestamp>().is_err())
    {
        let message = format!("`{now}` is no instant");
        report(
            segue_diag::BAD_TIME,
            at(&["now"]),
            message,
            "write `2024-01-31T12:00:00Z`".into(),
        );
    }
}

/// What is given must be read, and what is read must be given.
fn given(
    path: &str,
    node: &Node,
    test: &Test,
    project: &Project,
    asset: &Asset,
    report: &mut dyn FnMut(Code, Span, String, String),
) {
    let known = project.reads_behind(asset);
    let others = checked_against(asset);
    for entry in node.get("given").map_or(&[][..], Node::entries) {
        let is_read = known.iter().chain(&others).any(|name| name.as_str() == entry.key);
        if !is_read {
            let names: BTreeSet<&str> = known.iter().map(|n| n.as_str()).collect();
            let hint = unknown_name(&entry.key, names.iter().copied()).unwrap_or_else(|| "leave it out".to_string());
            let message = format!("`{}` does not read `{}`", test.asset, entry.key);
            report(TEST_MISUSE, span(path, entry.bytes.clone()), message, hint);
        }
        for row in entry
            .value
            .items()
            .iter()
            .chain(entry.value.get("rows").map_or(&[][..], Node::items))
        {
            if row.scalar().is_some() {
                let message = format!("a row is a mapping of columns, not {}", row.describe());
                report(WRONG_TYPE, row.span(path), message, "write `{ id: 1, name: x }`".into());
            }
        }
        if let Some(file) = entry.value.get("file")
            && !stays_below(file.text().unwrap_or_default())
        {
            let message = "a file with rows stands beside the test, or in a folder there".to_string();
            report(
                segue_diag::BAD_PATH,
                file.span(path),
                message,
                "write `given/orders.csv`".into(),
            );
        }
    }
    for name in needed(project, asset, &test.given) {
        let message = format!("`{}` reads `{name}`, of which no rows are given", test.asset);
        let place = node
            .entries()
            .iter()
            .find(|e| e.key == "given")
            .map_or(test.place.span(), |e| span(path, e.bytes.clone()));
        report(
            TEST_INPUT,
            place,
            message,
            format!("write `{name}: []` below `given:` for a table without rows"),
        );
    }
}

/// The tables that a check of the asset names beside it.
fn checked_against(asset: &Asset) -> Vec<&AssetName> {
    let named = asset.checks.iter().filter_map(|check| match &check.kind {
        crate::model::CheckKind::References { table, .. } => Some(table),
        _ => None,
    });
    named.collect()
}

/// The tables that must be given: those that the asset reads, and those behind a view of which no rows are given.
fn needed<'p>(project: &'p Project, asset: &'p Asset, given: &BTreeMap<AssetName, Given>) -> BTreeSet<&'p AssetName> {
    let (mut needed, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut left: Vec<&AssetName> = asset.reads.iter().collect();
    while let Some(name) = left.pop() {
        if given.contains_key(name) || !seen.insert(name) {
            continue;
        }
        match project.assets.get(name).filter(|a| a.is_view()) {
            Some(view) => left.extend(&view.reads),
            None => drop(needed.insert(name)),
        }
    }
    needed
}

#[cfg(test)]
mod tests;
