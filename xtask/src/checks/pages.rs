//! Every error code has a page of the right shape, no page is without a code, and every code is used.
//!
//! The lists are read as text, so that a page is reported also while the crates that use it do not build.

use crate::repository;
use std::collections::BTreeMap;
use std::fs;

/// File of codes, and the two digits that its codes begin with.
const RANGES: &[(&str, &str)] = &[
    ("project", "01"),
    ("sql", "02"),
    ("connectors", "03"),
    ("lake", "04"),
    ("work", "05"),
    ("store", "06"),
    ("app", "07"),
    ("names", "10"),
    ("chats", "11"),
];

const HEADINGS: [&str; 4] = ["## What happened", "## Why", "## How to fix it", "## Example"];

/// Mistakes in a project's files and SQL that no file in a right project can show: bytes that are no text, a file that is missing,
/// and (from SG0250 on) what is only found while a statement runs.
fn is_shown_by_a_command(number: &str) -> bool {
    let in_project = number.starts_with("SG01") || number.starts_with("SG02");
    !in_project || ["SG0105", "SG0122", "SG0145"].contains(&number) || number.starts_with("SG02") && number >= "SG0250"
}

/// What the check looks at: texts by name, so that a test can plant them.
#[derive(Default)]
struct Texts {
    /// `project` and the text of codes/project.rs.
    lists: BTreeMap<String, String>,
    /// `SG0104` and the text of its page.
    pages: BTreeMap<String, String>,
    /// All the code outside of the lists.
    code: String,
}

struct Code {
    name: String,
    number: String,
    list: String,
}

/// The lines `NAME = "SG0104",` of every list.
fn codes(texts: &Texts) -> Vec<Code> {
    let mut codes = Vec::new();
    for (list, text) in &texts.lists {
        for line in text
            .lines()
            .map(|line| line.trim().trim_start_matches("codes! {").trim())
        {
            let Some((name, rest)) = line.split_once(" = \"SG") else {
                continue;
            };
            let Some((digits, _)) = rest.split_once('"') else {
                continue;
            };
            codes.push(Code {
                name: name.to_string(),
                number: format!("SG{digits}"),
                list: list.clone(),
            });
        }
    }
    codes
}

fn violations(texts: &Texts) -> Vec<String> {
    let mut found = Vec::new();
    let codes = codes(texts);
    for (at, code) in codes.iter().enumerate() {
        let Code { name, number, list } = code;
        if codes[..at]
            .iter()
            .any(|other| other.number == *number || other.name == *name)
        {
            found.push(format!("{number} {name}: is listed twice"));
        }
        let range = RANGES.iter().find(|(file, _)| file == list).map(|(_, range)| *range);
        if range.is_none_or(|range| number.len() != 6 || !number[2..].starts_with(range)) {
            found.push(format!("{number} {name}: does not belong into codes/{list}.rs"));
        }
        match texts.pages.get(number) {
            Some(page) => found.extend(
                page_violations(number, page)
                    .into_iter()
                    .map(|what| format!("{number}.md: {what}")),
            ),
            None => found.push(format!("{number} {name}: has no page")),
        }
        if !mentions(&texts.code, name) {
            found.push(format!("{number} {name}: nothing reports it"));
        }
    }
    for number in texts
        .pages
        .keys()
        .filter(|number| !codes.iter().any(|code| code.number == **number))
    {
        found.push(format!("{number}.md: no code has this page"));
    }
    found
}

fn page_violations(number: &str, page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let title = page
        .lines()
        .next()
        .and_then(|line| line.strip_prefix(&format!("# {number}: ")));
    if title.is_none_or(|title| title.trim().is_empty()) {
        found.push(format!("its first line is not `# {number}: title`"));
    }
    let headings: Vec<&str> = outside_fences(page)
        .filter(|line| line.starts_with("## "))
        .map(str::trim)
        .collect();
    if headings != HEADINGS {
        found.push(format!(
            "its headings are {}, not {}",
            headings.join(" "),
            HEADINGS.join(" ")
        ));
        return found;
    }
    if has_empty_section(page) {
        found.push("a section is empty".to_string());
    }
    let example = page.split("\n## Example").nth(1).unwrap_or_default();
    let fences: &[&str] = match is_shown_by_a_command(number) {
        true => &["```console"],
        false => &["```yaml file=", "```sql file="],
    };
    if !example
        .lines()
        .any(|line| fences.iter().any(|fence| line.starts_with(fence)))
    {
        found.push(format!(
            "its example has no block that begins with {}",
            fences.join("… or ")
        ));
    }
    if page.lines().filter(|line| line.starts_with("```")).count() % 2 == 1 {
        found.push("a fenced block is not closed".to_string());
    }
    found
}

/// Whether a heading is followed by the next one, or by nothing.
fn has_empty_section(page: &str) -> bool {
    let mut inside = false;
    let mut empty = false;
    for line in page.lines() {
        inside ^= line.starts_with("```");
        if line.starts_with("## ") && !inside {
            if empty {
                return true;
            }
            empty = true;
        } else if !line.trim().is_empty() {
            empty = false;
        }
    }
    empty
}

fn outside_fences(page: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    page.lines().filter(move |line| {
        if line.starts_with("```") {
            inside = !inside;
        }
        !inside
    })
}

/// Whether `name` stands in `code` as a word of its own.
fn mentions(code: &str, name: &str) -> bool {
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| {
        !code[..at].chars().next_back().is_some_and(in_word)
            && !code[at + name.len()..].chars().next().is_some_and(in_word)
    })
}

fn read() -> Texts {
    let root = repository::root();
    let text = |path: &str| fs::read_to_string(root.join(path)).expect("a file of ours is UTF-8");
    let mut texts = Texts::default();
    for path in repository::files() {
        if let Some(list) = path
            .strip_prefix("crates/segue-diag/src/codes/")
            .and_then(|file| file.strip_suffix(".rs"))
        {
            texts.lists.insert(list.to_string(), text(&path));
        } else if let Some(number) = path
            .strip_prefix("crates/segue-diag/pages/")
            .and_then(|file| file.strip_suffix(".md"))
        {
            texts.pages.insert(number.to_string(), text(&path));
        } else if path.starts_with("crates/") && path.ends_with(".rs") {
            texts.code.push_str(&text(&path));
        }
    }
    texts
}

mod tests {
    use super::*;
    use crate::checks::none;

    #[test]
    fn every_code_has_its_page_and_every_page_its_code() {
        none(violations(&read()));
    }

    #[test]
    fn every_list_is_read() {
        let lists: Vec<String> = read().lists.into_keys().collect();
        let mut expected: Vec<&str> = RANGES.iter().map(|(file, _)| *file).collect();
        expected.sort_unstable();
        assert_eq!(lists, expected);
    }

    const PAGE: &str = "# SG0101: a title\n\n## What happened\n\na\n\n## Why\n\nb\n\n## How to fix it\n\nc\n\n## Example\n\n```yaml file=assets/x.yaml\n## d\n```\n";

    fn report(list: &str, pages: &[(&str, &str)], code: &str) -> String {
        let mut texts = Texts {
            code: code.to_string(),
            ..Texts::default()
        };
        texts.lists.insert("project".to_string(), list.to_string());
        texts.pages = pages
            .iter()
            .map(|(number, page)| (number.to_string(), page.to_string()))
            .collect();
        violations(&texts).join("\n")
    }

    #[test]
    fn a_right_page_is_right() {
        assert_eq!(
            report(
                "codes! { UNKNOWN_KEY = \"SG0101\",\n}",
                &[("SG0101", PAGE)],
                "f(UNKNOWN_KEY)"
            ),
            ""
        );
    }

    #[test]
    fn codes_without_page_use_or_range_are_found() {
        let list = "A = \"SG0101\",\nB = \"SG0102\",\nC = \"SG0301\",\nB = \"SG0103\",";
        insta::assert_snapshot!(report(list, &[("SG0101", PAGE), ("SG0109", PAGE)], "B C A_B"), @r"
        SG0101 A: nothing reports it
        SG0102 B: has no page
        SG0301 C: does not belong into codes/project.rs
        SG0301 C: has no page
        SG0103 B: is listed twice
        SG0103 B: has no page
        SG0109.md: no code has this page
        ");
    }

    #[test]
    fn pages_of_another_shape_are_found() {
        let report = |page: &str| report("A = \"SG0101\",", &[("SG0101", page)], "A");
        insta::assert_snapshot!(report(&PAGE.replace("# SG0101: a title", "# SG0102: a title")), @"SG0101.md: its first line is not `# SG0101: title`");
        insta::assert_snapshot!(report(&PAGE.replace("## Why\n\nb\n\n", "")), @"SG0101.md: its headings are ## What happened ## How to fix it ## Example, not ## What happened ## Why ## How to fix it ## Example");
        insta::assert_snapshot!(report(&PAGE.replace("\nb\n", "")), @"SG0101.md: a section is empty");
        insta::assert_snapshot!(report(&PAGE.replace("yaml file=", "yaml title=")), @"SG0101.md: its example has no block that begins with ```yaml file=… or ```sql file=");
        insta::assert_snapshot!(report(&PAGE.replace("\n```\n", "\n")), @"SG0101.md: a fenced block is not closed");
    }
}
