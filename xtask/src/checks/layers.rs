//! The layer rule: xtask/layers.toml against what the crates really import.

use super::metadata::{Metadata, Package};
use serde::Deserialize;
use std::collections::BTreeMap;

/// xtask/layers.toml; its comments say what each part means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layers {
    layers: Vec<Vec<String>>,
    sees: BTreeMap<String, Vec<String>>,
    side: BTreeMap<String, Side>,
    closed: BTreeMap<String, Vec<String>>,
    home: BTreeMap<String, Vec<String>>,
    tests: Tests,
    never_direct: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Side {
    sees: Vec<String>,
    used_by: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tests {
    anywhere: Vec<String>,
}

impl Layers {
    fn parse(text: &str) -> Layers {
        toml::from_str(text).expect("layers.toml has the shape of `Layers`")
    }

    fn layer(&self, name: &str) -> Option<usize> {
        self.layers
            .iter()
            .position(|layer| layer.iter().any(|member| member == name))
    }

    /// The crates that may name `dependency`, when it is not for everyone.
    fn home(&self, dependency: &str) -> Option<&[String]> {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => dependency.starts_with(start),
            None => dependency == pattern,
        };
        self.home
            .iter()
            .find(|(pattern, _)| fits(pattern))
            .map(|(_, homes)| homes.as_slice())
    }
}

fn violations(rules: &Layers, metadata: &Metadata) -> Vec<String> {
    let mut found = unplaced(rules, metadata);
    for package in metadata.ours() {
        for dependency in &package.dependencies {
            let ours = metadata.ours().any(|other| other.name == dependency.name);
            let broken = match ours {
                true => inside(rules, package, &dependency.name, dependency.is_for_tests()),
                false => outside(rules, package, &dependency.name, dependency.is_for_tests()),
            };
            found.extend(broken.map(|why| format!("{} -> {}: {why}", package.name, dependency.name)));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Crates without a place, and names without a crate.
fn unplaced(rules: &Layers, metadata: &Metadata) -> Vec<String> {
    let placed: Vec<&String> = rules.layers.iter().flatten().chain(rules.side.keys()).collect();
    let homeless = metadata.ours().filter(|package| !placed.contains(&&package.name));
    let mut found: Vec<String> = homeless
        .map(|package| format!("{}: has no place in layers.toml", package.name))
        .collect();
    let named = rules
        .sees
        .iter()
        .chain(&rules.home)
        .flat_map(|(key, values)| std::iter::once(key).chain(values));
    let named = placed.into_iter().chain(named).chain(rules.closed.keys());
    for name in named.filter(|name| name.starts_with("segue")) {
        if !metadata.ours().any(|package| package.name == **name) {
            found.push(format!("{name}: is named in layers.toml, but there is no such crate"));
        }
    }
    found
}

/// Why one of our crates may not use another, if it may not.
fn inside(rules: &Layers, user: &Package, used: &str, for_tests: bool) -> Option<String> {
    if used == "segue-testkit" {
        return (!for_tests).then(|| "the testkit is for tests alone".to_string());
    }
    if let Some(side) = rules.side.get(used) {
        return (!side.used_by.contains(&user.name)).then(|| format!("only {:?} may use it", side.used_by));
    }
    if let Some(side) = rules.side.get(&user.name) {
        return (!side.sees.iter().any(|name| name == used))
            .then(|| format!("it stands beside the layers and sees {:?}", side.sees));
    }
    let (above, below) = (rules.layer(&user.name)?, rules.layer(used)?);
    if above == below {
        return Some("crates of one layer never import each other".to_string());
    }
    if above < below {
        return Some("imports point downwards only".to_string());
    }
    let sees = rules.sees.get(&user.name)?;
    (!for_tests && !sees.iter().any(|name| name == used)).then(|| format!("it sees {sees:?}"))
}

/// Why one of our crates may not use somebody else's, if it may not.
fn outside(rules: &Layers, user: &Package, used: &str, for_tests: bool) -> Option<String> {
    if let Some(reason) = rules.never_direct.get(used) {
        return Some(format!("never a direct dependency: {reason}"));
    }
    if !for_tests
        && rules
            .closed
            .get(&user.name)
            .is_some_and(|list| !list.iter().any(|name| name == used))
    {
        return Some("its outside dependencies are a closed list".to_string());
    }
    let homes = rules.home(used)?;
    let at_home = homes.contains(&user.name) || for_tests && rules.tests.anywhere.iter().any(|name| name == used);
    (!at_home).then(|| format!("it lives only in {homes:?}"))
}

mod tests {
    use super::*;
    use crate::checks::{dependencies::Deny, metadata, none};

    fn rules() -> Layers {
        Layers::parse(include_str!("../../layers.toml"))
    }

    #[test]
    fn crates_import_only_what_their_layer_allows() {
        none(violations(&rules(), &Metadata::load(&Deny::load().target())));
    }

    /// Every crate of layers.toml without any dependency, and these lines on top.
    fn report(lines: &str) -> String {
        let rules = rules();
        let mut all: String = lines.to_string();
        let named = |name: &str| {
            lines
                .lines()
                .any(|line| line.trim().split([' ', ':']).next() == Some(name))
        };
        for name in rules
            .layers
            .iter()
            .flatten()
            .chain(rules.side.keys())
            .filter(|name| !named(name))
        {
            all.push_str(&format!("\n{name}"));
        }
        violations(&rules, &metadata::planted(&all)).join("\n")
    }

    #[test]
    fn a_sibling_an_upper_crate_and_too_wide_a_view_are_found() {
        insta::assert_snapshot!(report("
            segue-lake: segue-store, segue-core
            segue-core: segue-work
            segue-work: segue-store, segue-lake, dev:segue-lake
            segue: segue-app, segue-sql
        "), @r#"
        segue -> segue-sql: it sees ["segue-diag", "segue-core", "segue-app", "segue-demo"]
        segue-core -> segue-work: imports point downwards only
        segue-lake -> segue-store: crates of one layer never import each other
        segue-work -> segue-lake: it sees ["segue-diag", "segue-core", "segue-spec", "segue-store"]
        "#);
    }

    #[test]
    fn side_crates_are_held_beside_the_layers() {
        insta::assert_snapshot!(report("
            segue-demo: segue-core, segue-diag
            segue-app: segue-demo, segue-testkit, dev:segue-testkit
            segue-testkit: segue-lake
        "), @r#"
        segue-app -> segue-demo: only ["segue"] may use it
        segue-app -> segue-testkit: the testkit is for tests alone
        segue-demo -> segue-core: it stands beside the layers and sees ["segue-diag"]
        segue-testkit -> segue-lake: it stands beside the layers and sees ["segue-diag", "segue-core"]
        "#);
    }

    #[test]
    fn outside_dependencies_keep_their_homes() {
        insta::assert_snapshot!(report("
            segue-core: tokio, regex, dev:proptest
            segue-app: datafusion-expr, dev:rusqlite, dev:sqlx
            segue-lake: deltalake, deltalake-core, chrono
        "), @r#"
        segue-app -> datafusion-expr: it lives only in ["segue-lake", "segue-sql"]
        segue-app -> sqlx: it lives only in ["segue-store"]
        segue-core -> regex: its outside dependencies are a closed list
        segue-lake -> chrono: never a direct dependency: jiff is our calendar; chrono comes with Arrow
        segue-lake -> deltalake: never a direct dependency: deltalake-core, without the crates for one cloud each
        "#);
    }

    #[test]
    fn a_crate_without_a_place_and_a_place_without_a_crate_are_found() {
        let metadata = metadata::planted("segue-diag\nsegue-extra\nxtask");
        let found = violations(&rules(), &metadata);
        assert!(
            found.contains(&"segue-extra: has no place in layers.toml".to_string()),
            "{found:?}"
        );
        assert!(
            found.contains(&"segue-lake: is named in layers.toml, but there is no such crate".to_string()),
            "{found:?}"
        );
    }
}
