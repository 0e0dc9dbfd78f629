//! The text of every generated file, so that `cargo xtask gen` can write it and a test can compare it.

use crate::process::Failure;
use std::path::Path;

/// A generated file: its path from the root and what it must hold.
pub struct Generated {
    pub path: &'static str,
    pub text: String,
}

/// Every generated file.
pub fn all(root: &Path) -> Result<Vec<Generated>, Failure> {
    Ok(vec![Generated {
        path: "docs/reference/errors.md",
        text: errors(&root.join("crates/segue-diag/pages"))?,
    }])
}

/// The layers that a code's first two digits stand for.
const LAYERS: &[(&str, &str)] = &[
    ("01", "A project's files"),
    ("02", "SQL"),
    ("03", "Connections, sources and sinks"),
    ("04", "The lake"),
    ("05", "Plans, runs and commits"),
    ("06", "The state"),
    ("07", "The command line"),
    ("10", "Finding by name"),
    ("11", "Chats"),
];

/// The index of error pages, one table a layer.
fn errors(pages: &Path) -> Result<String, Failure> {
    let mut titles = Vec::new();
    let unreadable = |what: &Path, e: std::io::Error| Failure::new(format!("cannot read {}: {e}", what.display()));
    for entry in std::fs::read_dir(pages).map_err(|e| unreadable(pages, e))? {
        let path = entry.map_err(|e| unreadable(pages, e))?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let text = std::fs::read_to_string(&path).map_err(|e| unreadable(&path, e))?;
            titles.extend(title(&text));
        }
    }
    titles.sort();
    Ok(index(&titles))
}

/// Code and title of a page, from its first line `# SG0104: title`.
fn title(page: &str) -> Option<(String, String)> {
    let (code, title) = page.lines().next()?.strip_prefix("# ")?.split_once(": ")?;
    Some((code.to_string(), title.trim().to_string()))
}

fn index(titles: &[(String, String)]) -> String {
    let mut text = String::from(
        "<!-- Written by `cargo xtask gen` from crates/segue-diag/pages. Do not edit. -->\n\n\
         # Error pages\n\n\
         `segue explain CODE` shows a page: what happened, why, how to fix it, and an example.\n",
    );
    for (digits, layer) in LAYERS {
        let of_layer: Vec<_> = titles
            .iter()
            .filter(|(code, _)| code.starts_with(&format!("SG{digits}")))
            .collect();
        if of_layer.is_empty() {
            continue;
        }
        text.push_str(&format!("\n## {layer}\n\n| Code | What happened |\n|---|---|\n"));
        for (code, title) in of_layer {
            let title = title.replace('|', "\\|");
            text.push_str(&format!(
                "| [{code}](../../crates/segue-diag/pages/{code}.md) | {title} |\n"
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_has_a_table_a_layer() {
        let pages = ["# SG0201: no such table", "# SG0102: a key | twice\n\nmore"];
        let mut titles: Vec<_> = pages.iter().filter_map(|page| title(page)).collect();
        titles.sort();
        insta::assert_snapshot!(index(&titles), @r"
        <!-- Written by `cargo xtask gen` from crates/segue-diag/pages. Do not edit. -->

        # Error pages

        `segue explain CODE` shows a page: what happened, why, how to fix it, and an example.

        ## A project's files

        | Code | What happened |
        |---|---|
        | [SG0102](../../crates/segue-diag/pages/SG0102.md) | a key \| twice |

        ## SQL

        | Code | What happened |
        |---|---|
        | [SG0201](../../crates/segue-diag/pages/SG0201.md) | no such table |
        ");
    }
}
