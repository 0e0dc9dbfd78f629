//! `.env`, read as other programs read it.
//!
//! A line is `NAME=value`, with `export` before it or not. Empty lines and those that begin with `#` say nothing. Without quotes the value
//! ends before ` #` and the space around it is left out. In single quotes everything stands for itself. In double quotes `\n`, `\r`,
//! `\t`, `\"`, `\\` and `\$` are what they are in a shell. A value in quotes may go over several lines. Nothing is put in for `$NAME`.

use segue_core::{Error, Kind, Result};
use segue_diag::UNRESOLVED_REFERENCE;
use std::collections::BTreeMap;

/// The variables of a file's text; of a name that stands there twice the last value.
///
/// # Errors
/// `Invalid` with the number of the line; never with the line itself, which may hold a secret.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    let whole = text.trim_start_matches('\u{feff}');
    let mut rest = whole;
    while !rest.is_empty() {
        let number = whole[..whole.len() - rest.len()].matches('\n').count() + 1;
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let written = line.trim();
        if written.is_empty() || written.starts_with('#') {
            rest = after;
            continue;
        }
        let bad = |why: &str| {
            Error::new(Kind::Invalid, format!("line {number} of .env {why}"))
                .code(UNRESOLVED_REFERENCE)
                .hint("write NAME=value, and quotes around a value with spaces or `#` in it")
        };
        let (name, _) = line.split_once('=').ok_or_else(|| bad("is not NAME=value"))?;
        let value = &rest[name.len() + 1..];
        let name = name.trim();
        let name = name.strip_prefix("export ").unwrap_or(name).trim();
        let first = name.chars().next().filter(|c| !c.is_ascii_digit());
        if first.is_none() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(bad("is not NAME=value"));
        }
        let start = value.trim_start_matches([' ', '\t']);
        let (value, tail) = match start.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let (value, tail) =
                    quoted(&start[1..], quote).ok_or_else(|| bad("opens a quote that is never closed"))?;
                let (left, tail) = tail.split_once('\n').unwrap_or((tail, ""));
                let left = left.trim();
                if !left.is_empty() && !left.starts_with('#') {
                    return Err(bad("goes on after its closing quote"));
                }
                (value, tail)
            }
            _ => (plain(start.split('\n').next().unwrap_or_default()), after),
        };
        all.insert(name.to_string(), value);
        rest = tail;
    }
    Ok(all)
}

/// A value without quotes: up to a `#` with space before it.
fn plain(line: &str) -> String {
    let comment = line
        .char_indices()
        .find(|(at, c)| *c == '#' && (*at == 0 || line[..*at].ends_with([' ', '\t'])));
    line[..comment.map_or(line.len(), |(at, _)| at)].trim().to_string()
}

/// What stands before the closing quote, and what comes after it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Some((value, &text[at + 1..])),
            '\\' if quote == '"' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                same @ ('"' | '\\' | '$') => value.push(same),
                other => value.extend(['\\', other]),
            },
            '\r' if text[at..].starts_with("\r\n") => {}
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_file_is_read_as_other_programs_read_it() {
        let text = "\u{feff}# a comment\nA=1\r\nexport B = two words  # and a comment\n\nC=\"a b\" # c\nD='a # $X \\n'\nE=\"x\\n\\\"y\\\" \\$Z \\d\"\n\
            F=a#b\nG=\nH=# nothing\nI='one\ntwo'\nJ=https://h/?a=b&c=d\nA=2\nK=\"\"";
        let read = read(text).unwrap();
        let all: Vec<String> = read.iter().map(|(n, v)| format!("{n}={v:?}")).collect();
        insta::assert_snapshot!(all.join("\n"), @r#"
        A="2"
        B="two words"
        C="a b"
        D="a # $X \\n"
        E="x\n\"y\" $Z \\d"
        F="a#b"
        G=""
        H=""
        I="one\ntwo"
        J="https://h/?a=b&c=d"
        K=""
        "#);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_and_not_shown() {
        let said = |text: &str| read(text).unwrap_err().message().to_string();
        assert_eq!(said("A=1\nhunter2 is mine\n"), "line 2 of .env is not NAME=value");
        assert_eq!(said("A='1\n2'\n1B=hunter2"), "line 3 of .env is not NAME=value");
        assert_eq!(
            said("\nA=\"hunter2\nB=1\n"),
            "line 2 of .env opens a quote that is never closed"
        );
        assert_eq!(said("A='hunter'2\n"), "line 1 of .env goes on after its closing quote");
    }
}
