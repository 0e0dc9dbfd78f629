//! Each crate's Cargo.toml: it says what the crate is for, takes the workspace's lints, and runs no documentation tests.

use crate::repository;
use toml::Table;

fn violations(path: &str, text: &str) -> Vec<String> {
    let manifest: Table = match toml::from_str(text) {
        Ok(manifest) => manifest,
        Err(e) => return vec![format!("{path}: {e}")],
    };
    let at = |keys: &[&str]| {
        let mut value = manifest.get(keys[0])?;
        for key in &keys[1..] {
            value = value.get(key)?;
        }
        Some(value.clone())
    };
    let is = |keys: &[&str], wanted: bool| at(keys).and_then(|value| value.as_bool()) == Some(wanted);
    let mut found = Vec::new();
    if manifest.contains_key("workspace") {
        if at(&["workspace", "lints", "rust", "unsafe_code"]).and_then(|v| v.as_str().map(str::to_string))
            != Some("deny".into())
        {
            found.push(format!("{path}: does not deny unsafe code"));
        }
        return found;
    }
    if at(&["package", "description"])
        .and_then(|value| value.as_str().map(str::len))
        .unwrap_or_default()
        == 0
    {
        found.push(format!(
            "{path}: does not say what the crate is for (package.description)"
        ));
    }
    if !is(&["lints", "workspace"], true) {
        found.push(format!("{path}: does not take the workspace's lints"));
    }
    // Each documentation test is a program of its own, and linking one takes longer than any of them is worth.
    if manifest.contains_key("lib") && !is(&["lib", "doctest"], false) {
        found.push(format!("{path}: runs documentation tests"));
    }
    found
}

mod tests {
    use super::*;
    use crate::checks::none;

    #[test]
    fn manifests_take_part_in_the_workspace() {
        let paths: Vec<String> = repository::files()
            .into_iter()
            .filter(|path| path.ends_with("Cargo.toml"))
            .collect();
        assert!(paths.len() > 10, "only {} manifests were found", paths.len());
        let text = |path: &String| std::fs::read_to_string(repository::root().join(path)).expect("it was listed");
        none(paths.iter().flat_map(|path| violations(path, &text(path))).collect());
    }

    #[test]
    fn planted_violations_are_found() {
        insta::assert_snapshot!(violations("a", "[package]\nname = \"a\"\n[lib]\n").join("\n"), @r"
        a: does not say what the crate is for (package.description)
        a: does not take the workspace's lints
        a: runs documentation tests
        ");
        insta::assert_snapshot!(violations("b", "[workspace]\nlints.rust.unsafe_code = \"warn\"").join("\n"), @"b: does not deny unsafe code");
    }
}
