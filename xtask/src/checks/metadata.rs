//! What `cargo metadata` says about our crates and everything that they pull in.

use crate::{process, repository};
use serde::Deserialize;
use std::process::Command;

/// The packages of the workspace and of everything that it depends on, on one platform.
#[derive(Deserialize)]
pub struct Metadata {
    pub packages: Vec<Package>,
    /// Ids of our own packages.
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
pub struct Package {
    pub name: String,
    pub version: String,
    id: String,
    /// An SPDX expression.
    pub license: Option<String>,
    /// What its Cargo.toml names.
    pub dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
pub struct Dependency {
    pub name: String,
    /// `None` for an ordinary dependency, otherwise `dev` or `build`.
    kind: Option<String>,
}

impl Dependency {
    pub fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Metadata {
    /// Our own packages.
    pub fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.is_ours(package))
    }

    pub fn is_ours(&self, package: &Package) -> bool {
        self.workspace_members.contains(&package.id)
    }

    /// Reads it from cargo for `target`, without the network where that is possible.
    pub fn load(target: &str) -> Metadata {
        let ask = |offline: &[&str]| {
            let mut cargo: Command = process::cargo();
            cargo.current_dir(repository::root());
            cargo
                .args([
                    "metadata",
                    "--format-version",
                    "1",
                    "--locked",
                    "--filter-platform",
                    target,
                ])
                .args(offline);
            process::output(&mut cargo)
        };
        // On another platform the packages of this one may not have been fetched yet.
        let text = ask(&["--offline"])
            .or_else(|| ask(&[]))
            .expect("Cargo.lock fits the manifests (if not: `cargo check`, and commit it)");
        serde_json::from_str(&text).expect("cargo metadata prints JSON of format 1")
    }
}

/// Metadata as a few lines, for planted violations: `name version [licence]: dependency, dev:dependency`.
/// Names that begin with `segue` or are `xtask` are ours.
pub fn planted(lines: &str) -> Metadata {
    let mut metadata = Metadata {
        packages: Vec::new(),
        workspace_members: Vec::new(),
    };
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (head, dependencies) = line.split_once(':').unwrap_or((line, ""));
        let (head, license) = match head.split_once('[') {
            Some((head, license)) => (head, Some(license.trim_end_matches(']').to_string())),
            None => (head, None),
        };
        let mut words = head.split_whitespace();
        let name = words.next().unwrap_or_default().to_string();
        let version = words.next().unwrap_or("0.1.0").to_string();
        let id = format!("{name} {version}");
        if name.starts_with("segue") || name == "xtask" {
            metadata.workspace_members.push(id.clone());
        }
        let dependencies = dependencies.split(',').map(str::trim).filter(|name| !name.is_empty());
        let dependencies = dependencies.map(|name| match name.strip_prefix("dev:") {
            Some(name) => Dependency {
                name: name.to_string(),
                kind: Some("dev".to_string()),
            },
            None => Dependency {
                name: name.to_string(),
                kind: None,
            },
        });
        metadata.packages.push(Package {
            name,
            version,
            id,
            license,
            dependencies: dependencies.collect(),
        });
    }
    metadata
}
