//! Every page of a mistake in files or SQL shows an example that yields it.

use super::{run, shop};
use segue_diag::pages;

/// Pages whose example cannot be a file: one that is missing, one that is no text, and one that leads nowhere.
const WITHOUT: [&str; 3] = ["SG0105", "SG0122", "SG0145"];

/// The fenced blocks of a page that name a file.
fn examples(page: &str) -> Vec<(&str, &str)> {
    let blocks = page.split("```").skip(1).step_by(2);
    let named = blocks.filter_map(|block| {
        let (head, text) = block.split_once('\n')?;
        Some((head.split_once("file=")?.1.trim(), text))
    });
    named.collect()
}

#[test]
fn the_example_of_every_page_yields_its_code() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (code, page) in pages().into_iter().filter(|(c, _)| c.as_str() < "SG0215") {
        let code = code.as_str();
        for part in ["## What happened", "## Why", "## How to fix it", "## Example"] {
            assert!(page.contains(part), "{code} lacks {part}");
        }
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        let examples = examples(page);
        assert_eq!(examples.is_empty(), WITHOUT.contains(&code), "{code}");
        if examples.is_empty() {
            continue;
        }
        let mut files: Vec<(&str, &str)> = shop()
            .into_iter()
            .filter(|(p, _)| examples.iter().all(|(e, _)| e != p))
            .collect();
        files.extend(examples);
        let (project, mut found, files) = run(&files);
        if let Some(project) = project.filter(|_| found.is_empty()) {
            found = crate::testing::tests(&files, &project).1;
        }
        let codes: Vec<&str> = found.iter().map(|d| d.code.as_str()).collect();
        if codes.is_empty() || codes.iter().any(|c| *c != code) {
            wrong.push(format!("{code} yields {codes:?}:\n{}", super::lines(&found, &files)));
        }
        seen += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 50, "{seen}");
}
