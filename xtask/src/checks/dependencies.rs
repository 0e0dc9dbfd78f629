//! deny.toml against what is really pulled in: licences, banned crates, and crates of which there are two versions.

use super::licence::Licence;
use super::metadata::Metadata;
use crate::repository;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The parts of deny.toml that are checked here; cargo-deny reads the same file.
#[derive(Deserialize)]
pub struct Deny {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Named>,
    skip: Vec<Named>,
}

/// `name` or `name@version`, where a version may be shortened: `0.8` stands for every `0.8.x`.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "crate")]
    spec: String,
    reason: String,
}

impl Named {
    fn covers(&self, name: &str, version: &str) -> bool {
        match self.spec.split_once('@') {
            None => self.spec == name,
            Some((wanted, short)) => {
                let rest = version.strip_prefix(short);
                wanted == name && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '+']))
            }
        }
    }
}

impl Deny {
    pub fn load() -> Deny {
        let text = std::fs::read_to_string(repository::root().join("deny.toml")).expect("deny.toml is there");
        Deny::parse(&text)
    }

    fn parse(text: &str) -> Deny {
        toml::from_str(text).expect("deny.toml has the shape of `Deny`")
    }

    /// The platform whose dependencies are checked.
    pub fn target(&self) -> String {
        self.graph.targets.first().expect("deny.toml names a target").clone()
    }
}

fn violations(deny: &Deny, metadata: &Metadata) -> Vec<String> {
    [
        licences(deny, metadata),
        banned(deny, metadata),
        doubled(deny, metadata),
    ]
    .concat()
}

fn licences(deny: &Deny, metadata: &Metadata) -> Vec<String> {
    let mut found = Vec::new();
    for package in metadata.packages.iter().filter(|package| !metadata.is_ours(package)) {
        let exceptions = deny
            .licenses
            .exceptions
            .iter()
            .filter(|exception| exception.name == package.name);
        let mut allowed: Vec<&str> = deny.licenses.allow.iter().map(String::as_str).collect();
        allowed.extend(exceptions.flat_map(|exception| exception.allow.iter().map(String::as_str)));
        let who = format!("{} {}", package.name, package.version);
        match package.license.as_deref().map(Licence::parse) {
            None => found.push(format!("{who}: names no licence")),
            Some(None) => found.push(format!(
                "{who}: cannot read its licence `{}`",
                package.license.as_deref().unwrap_or_default()
            )),
            Some(Some(licence)) if !licence.is_met_by(&allowed) => {
                found.push(format!(
                    "{who}: its licence `{}` is not allowed",
                    package.license.as_deref().unwrap_or_default()
                ));
            }
            Some(Some(_)) => {}
        }
    }
    for exception in &deny.licenses.exceptions {
        if !metadata.packages.iter().any(|package| package.name == exception.name) {
            found.push(format!(
                "{}: its exception among the licences is no longer needed",
                exception.name
            ));
        }
    }
    found
}

fn banned(deny: &Deny, metadata: &Metadata) -> Vec<String> {
    let mut found = Vec::new();
    for package in &metadata.packages {
        if let Some(ban) = deny
            .bans
            .deny
            .iter()
            .find(|ban| ban.covers(&package.name, &package.version))
        {
            let users = metadata
                .packages
                .iter()
                .filter(|user| user.dependencies.iter().any(|used| used.name == package.name));
            let users: Vec<&str> = users.map(|user| user.name.as_str()).collect();
            found.push(format!(
                "{} {}: banned ({}); brought by {}",
                package.name,
                package.version,
                ban.reason,
                users.join(", ")
            ));
        }
    }
    found
}

fn doubled(deny: &Deny, metadata: &Metadata) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &metadata.packages {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    let mut found = Vec::new();
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        let unexcused: Vec<&str> = versions
            .iter()
            .copied()
            .filter(|version| !deny.bans.skip.iter().any(|skip| skip.covers(name, version)))
            .collect();
        if unexcused.len() > 1 {
            found.push(format!(
                "{name}: there are {}; take one, or write down why not in deny.toml",
                unexcused.join(" and ")
            ));
        }
    }
    for skip in &deny.bans.skip {
        let name = skip.spec.split('@').next().unwrap_or_default();
        let doubled = versions
            .get(name)
            .is_some_and(|versions| versions.len() > 1 && versions.iter().any(|version| skip.covers(name, version)));
        if !doubled {
            found.push(format!("{}: is no longer doubled; take it out of deny.toml", skip.spec));
        }
        if skip.reason.trim().is_empty() {
            found.push(format!("{}: deny.toml does not say why it is doubled", skip.spec));
        }
    }
    found
}

mod tests {
    use super::*;
    use crate::checks::{metadata, none};

    #[test]
    fn what_is_pulled_in_keeps_to_deny_toml() {
        let deny = Deny::load();
        none(violations(&deny, &Metadata::load(&deny.target())));
    }

    const RULES: &str = r#"
        graph.targets = ["here"]
        licenses.allow = ["MIT", "Apache-2.0"]
        licenses.exceptions = [{ crate = "roots", allow = ["CDLA-Permissive-2.0"] }]
        bans.deny = [{ crate = "openssl", reason = "TLS is rustls" }]
        bans.skip = [{ crate = "rand@0.8", reason = "held back by object_store" }]
    "#;

    fn report(packages: &str) -> String {
        violations(&Deny::parse(RULES), &metadata::planted(packages)).join("\n")
    }

    #[test]
    fn licences_outside_of_the_list_are_found() {
        insta::assert_snapshot!(report("
            rand 0.8.1 [MIT]
            rand 0.9.1 [MIT/Apache-2.0]
            roots [CDLA-Permissive-2.0]
            copyleft 2.0.0 [GPL-3.0-only]
            either [GPL-3.0-only OR MIT]
            both [(MIT OR Apache-2.0) AND CDLA-Permissive-2.0]
            silent
            strange [MIT OR]
            segue-core
        "), @r"
        copyleft 2.0.0: its licence `GPL-3.0-only` is not allowed
        both 0.1.0: its licence `(MIT OR Apache-2.0) AND CDLA-Permissive-2.0` is not allowed
        silent 0.1.0: names no licence
        strange 0.1.0: cannot read its licence `MIT OR`
        ");
    }

    #[test]
    fn a_banned_crate_is_found_with_who_brought_it() {
        insta::assert_snapshot!(report("
            rand 0.8.1 [MIT]
            rand 0.9.1 [MIT]
            roots [MIT]
            openssl 0.10.1 [Apache-2.0]
            native [MIT]: openssl
        "), @"openssl 0.10.1: banned (TLS is rustls); brought by native");
    }

    #[test]
    fn a_second_version_needs_a_reason_and_a_reason_a_second_version() {
        insta::assert_snapshot!(report("
            rand 0.80.1 [MIT]
            sha2 0.10.1 [MIT]
            sha2 0.11.1 [MIT]
        "), @r"
        roots: its exception among the licences is no longer needed
        sha2: there are 0.10.1 and 0.11.1; take one, or write down why not in deny.toml
        rand@0.8: is no longer doubled; take it out of deny.toml
        ");
    }
}
