//! Generated files hold what `cargo xtask gen` would write.

use crate::generate::{self, Generated};
use crate::repository;

fn violations(files: &[Generated], read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let stale = files
        .iter()
        .filter(|file| read(file.path).as_deref() != Some(file.text.as_str()));
    stale
        .map(|file| format!("{}: is stale; run `cargo xtask gen`", file.path))
        .collect()
}

mod tests {
    use super::*;
    use crate::checks::none;

    #[test]
    fn generated_files_are_up_to_date() {
        let root = repository::root();
        let files = generate::all(&root).expect("the sources of generated files are readable");
        none(violations(&files, &|path| {
            std::fs::read_to_string(root.join(path)).ok()
        }));
    }

    #[test]
    fn a_stale_and_a_missing_file_are_found() {
        let file = |path| Generated {
            path,
            text: "new".to_string(),
        };
        let read = |path: &str| match path {
            "kept.md" => Some("new".to_string()),
            "stale.md" => Some("old".to_string()),
            _ => None,
        };
        insta::assert_snapshot!(violations(&[file("kept.md"), file("stale.md"), file("missing.md")], &read).join("\n"), @r"
        stale.md: is stale; run `cargo xtask gen`
        missing.md: is stale; run `cargo xtask gen`
        ");
    }
}
