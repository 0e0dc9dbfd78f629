//! What must hold for the repository as a whole. Each check returns every violation as a line; each has a test that plants one.

mod dependencies;
mod generated;
mod layers;
mod licence;
mod links;
mod manifests;
mod metadata;
mod pages;
mod sources;

/// Fails with every violation, one a line.
fn none(violations: Vec<String>) {
    assert!(
        violations.is_empty(),
        "{} violations:\n  {}",
        violations.len(),
        violations.join("\n  ")
    );
}
