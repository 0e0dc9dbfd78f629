//! Links in our Markdown lead somewhere: files exist, and headings that are pointed at are there. So do the paths that it names
//! in backquotes, `crates/segue/src/main.rs`, so that the map stays true when code moves.

use crate::repository;
use std::fs;
use std::path::Path;

/// What is wrong with the links of one file. `read` gives the text of a path from the root, or `None` where there is nothing.
fn violations(path: &str, text: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (line, target) in links(text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let resolved = if file.is_empty() {
            path.to_string()
        } else {
            resolve(path, file)
        };
        match read(&resolved) {
            None => found.push(format!("{path}:{line}: there is no {resolved}")),
            Some(text) if !heading.is_empty() && !anchors(&text).any(|anchor| anchor == heading) => {
                found.push(format!("{path}:{line}: {resolved} has no heading `{heading}`"));
            }
            Some(_) => {}
        }
    }
    for (line, named) in named_paths(text) {
        if read(named.trim_end_matches('/')).is_none() {
            found.push(format!("{path}:{line}: there is no {named}"));
        }
    }
    found
}

/// Line and text of everything in backquotes that begins like a path from the root of the repository.
fn named_paths(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let quoted = line.split('`').skip(1).step_by(2);
        let is_path = |word: &&str| {
            ["crates/", "xtask/", "docs/", ".ci/"]
                .iter()
                .any(|start| word.starts_with(start))
                && word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
        };
        found.extend(quoted.filter(is_path).map(|word| (at + 1, word)));
    }
    found
}

/// Line and target of every `[text](target)`, `src="target"` and `srcset="target"` outside of fenced blocks and code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        }
        if inside {
            continue;
        }
        for (opening, closing) in [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"')] {
            for (start, _) in line.match_indices(opening) {
                let in_code = line[..start].matches('`').count() % 2 == 1;
                let rest = &line[start + opening.len()..];
                if let (false, Some(end)) = (in_code, rest.find(closing)) {
                    found.push((at + 1, rest[..end].split_whitespace().next().unwrap_or_default()));
                }
            }
        }
    }
    found
}

/// A relative link of `path` as a path from the root.
fn resolve(path: &str, link: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchors of a file's headings, as they are made on the web: lower case, spaces to hyphens, no punctuation.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        heading
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .collect()
    })
}

fn read(root: &Path, path: &str) -> Option<String> {
    let path = root.join(path);
    // A folder is a target too; it has no headings.
    if path.is_dir() {
        Some(String::new())
    } else {
        fs::read(path)
            .ok()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

mod tests {
    use super::*;
    use crate::checks::none;

    #[test]
    fn links_lead_somewhere() {
        let root = repository::root();
        let mut found = Vec::new();
        for path in repository::files().into_iter().filter(|path| path.ends_with(".md")) {
            let text = read(&root, &path).expect("it was listed");
            found.extend(violations(&path, &text, &|path| read(&root, path)));
        }
        none(found);
    }

    #[test]
    fn broken_links_are_found() {
        let files = |path: &str| match path {
            "docs/a.md" => Some("# One, two\n"),
            "README.md" => Some("# Top\n"),
            _ => None,
        };
        let text = "[a](a.md#one-two) [b](b.md) [c](../README.md#bottom) ![d](d.svg)\n<img src=\"../e.svg\"> `[f](f.md)` [g](https://x/y) `docs/a.md` `docs/z.rs` `docs/*.rs`\n```\n[h](h.md)\n```\n";
        insta::assert_snapshot!(violations("docs/x.md", text, &|path| files(path).map(str::to_string)).join("\n"), @r"
        docs/x.md:1: there is no docs/b.md
        docs/x.md:1: README.md has no heading `bottom`
        docs/x.md:1: there is no docs/d.svg
        docs/x.md:2: there is no e.svg
        docs/x.md:2: there is no docs/z.rs
        ");
    }
}
