//! Interpolations: `{{ config['api_key'] }}`, `{{ stream_partition.id }}` and the like in our words, or why they have none.

use super::Manifest;
use super::tree::Part;
use serde_json::Value as Json;
use std::cell::RefCell;
use std::rc::Rc;

/// What texts of a place may name.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// What a slice has, by its name there, and how our templates call it: `list_id`, `parent.list_id`.
    pub slice: Vec<(String, String)>,
    /// Whether the record may be named.
    pub record: bool,
    /// What of the answer that begins an export is named: filled in as it is met.
    pub job: Option<Job>,
    /// Whether several parents go into one request, their values joined.
    pub is_grouped: bool,
}

/// What is taken from an answer, by name: its JSONPath.
pub type Job = Rc<RefCell<Vec<(String, String)>>>;

impl Scope {
    /// One that names the record, too.
    pub fn with_record(&self) -> Scope {
        Scope {
            record: true,
            ..self.clone()
        }
    }

    fn slice(&self, name: &str) -> Option<&str> {
        let found = self.slice.iter().rev().find(|(n, _)| n == name);
        found.map(|(_, ours)| ours.as_str())
    }
}

/// A word of an expression.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(String),
    Sign(String),
}

/// A step of a path: `.name`, `['name']`, `[0]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A name.
    Name(String),
    /// A place in a list; from its end where it is negative.
    Index(i64),
}

/// What a piece of an expression became.
enum Piece {
    /// A setting, as `${env:…}` or `${secret:…}`.
    Setting(String),
    /// A value that is known now.
    Known(String),
    /// Words of our templates.
    Words(String),
}

/// The text in our words: what stands between `{{` and `}}` translated, everything else as it is.
///
/// # Errors
/// Why it cannot be.
pub fn text(manifest: &Manifest<'_>, part: &Part, text: &str, scope: &Scope, secret: bool) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        if rest.starts_with("{%") || rest.starts_with("{#") {
            return Err("statements (`{% … %}`) are not translated".into());
        }
        let Some(inside) = rest.strip_prefix("{{") else {
            out.push('{');
            rest = &rest[1..];
            continue;
        };
        let end = inside.find("}}").ok_or("`{{` is not closed")?;
        out.push_str(&expression(manifest, part, &inside[..end], scope, secret)?);
        rest = &inside[end + 2..];
    }
    out.push_str(rest);
    Ok(out)
}

/// A condition on `record`, in our words.
///
/// # Errors
/// Why it cannot be.
pub fn condition(manifest: &Manifest<'_>, part: &Part, text: &str, scope: &Scope) -> Result<String, String> {
    let inside = inside(text).ok_or("a condition is one expression in `{{ }}`")?;
    let pieces = pieces(manifest, part, inside, &scope.with_record(), false)?;
    judge(&pieces)?;
    Ok(joined(&pieces))
}

/// The one expression that a text is.
pub fn inside(text: &str) -> Option<&str> {
    let inside = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inside.contains("{{") && !inside.contains("}}")).then(|| inside.trim_matches('-').trim())
}

/// The path that an expression is and nothing else: `response.next`, `headers['link']`; with what it is where there is nothing.
pub fn path(text: &str) -> Option<(String, Vec<Step>)> {
    let tokens = tokens(text).ok()?;
    let Some(Token::Name(root)) = tokens.first() else {
        return None;
    };
    let (steps, _, next) = steps(&tokens, 1).ok()?;
    // `or none`, `or ''`: nothing is nothing.
    let says_nothing = match &tokens[next..] {
        [] => true,
        [Token::Name(or), Token::Name(none)] => or == "or" && none.eq_ignore_ascii_case("none"),
        [Token::Name(or), Token::Text(text)] => or == "or" && text.is_empty(),
        _ => false,
    };
    says_nothing.then(|| (root.clone(), steps))
}

/// A text in single quotes.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Steps as a JSONPath.
pub fn json_path(steps: &[Step]) -> String {
    let mut path = "$".to_string();
    for step in steps {
        match step {
            Step::Name(name) if is_word(name) => path.push_str(&format!(".{name}")),
            Step::Name(name) => path.push_str(&format!("[{}]", quoted(name))),
            Step::Index(at) => path.push_str(&format!("[{at}]")),
        }
    }
    path
}

/// Whether a name may stand in a path behind a dot.
pub fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Words of the language, and tests and filters that both have.
const WORDS: [&str; 33] = [
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "true",
    "false",
    "none",
    "defined",
    "undefined",
    "string",
    "number",
    "mapping",
    "sequence",
    "lower",
    "upper",
    "default",
    "int",
    "float",
    "replace",
    "trim",
    "first",
    "last",
    "length",
    "join",
    "round",
    "abs",
    "title",
    "list",
    "unique",
    "sort",
];

fn expression(
    manifest: &Manifest<'_>,
    part: &Part,
    inside: &str,
    scope: &Scope,
    secret: bool,
) -> Result<String, String> {
    let pieces = pieces(manifest, part, inside.trim_matches('-').trim(), scope, secret)?;
    let one_of_two = |word: &str| word == "or" || word == "| default ( " || word == "| default (";
    Ok(match pieces.as_slice() {
        [] => return Err("an expression is empty".into()),
        [Piece::Setting(text) | Piece::Known(text)] => text.clone(),
        [Piece::Setting(text) | Piece::Known(text), Piece::Words(filters)] if is_plain_filter(filters) => text.clone(),
        [Piece::Setting(setting), Piece::Words(or), Piece::Known(default)] if one_of_two(or) => {
            with_default(setting, default)
        }
        [
            Piece::Setting(setting),
            Piece::Words(or),
            Piece::Known(default),
            Piece::Words(end),
        ] if one_of_two(or) && end == ")" => with_default(setting, default),
        pieces => {
            judge(pieces)?;
            let words = joined(pieces);
            // What a group of parents has is joined already.
            let words = match scope.is_grouped {
                true => words.replace(" | join ( ',' )", ""),
                false => words,
            };
            format!("{{{{ {words} }}}}")
        }
    })
}

/// Filters that change nothing of a text.
fn is_plain_filter(words: &str) -> bool {
    let mut names = words.split('|').map(str::trim);
    names.next() == Some("") && names.all(|name| ["string", "int", "trim"].contains(&name))
}

/// A setting with what it is where nobody gives it.
fn with_default(setting: &str, default: &str) -> String {
    match setting.strip_prefix("${env:").and_then(|s| s.strip_suffix('}')) {
        Some(name) if !name.contains(":-") && !default.contains('}') => format!("${{env:{name}:-{default}}}"),
        _ => setting.to_string(),
    }
}

/// What is asked of a setting is asked of its text: every text is true, so only comparisons tell anything.
fn judge(pieces: &[Piece]) -> Result<(), String> {
    let chooses = |words: &str| {
        words
            .split(' ')
            .any(|w| ["if", "or", "and", "not", "is", "in"].contains(&w))
    };
    for (at, piece) in pieces.iter().enumerate() {
        let Piece::Setting(setting) = piece else { continue };
        let beside = |at: Option<usize>| match at.and_then(|at| pieces.get(at)) {
            Some(Piece::Words(words)) => words.trim().to_string(),
            _ => String::new(),
        };
        let (before, after) = (beside(at.checked_sub(1)), beside(Some(at + 1)));
        let is_compared = ["==", "!="].iter().any(|s| before.ends_with(s) || after.starts_with(s));
        let has_choice = pieces
            .iter()
            .any(|p| matches!(p, Piece::Words(words) if chooses(words)));
        if has_choice && !is_compared {
            return Err(format!(
                "a choice by whether a setting is given ({setting}) cannot be made"
            ));
        }
    }
    Ok(())
}

fn joined(pieces: &[Piece]) -> String {
    let word = |piece: &Piece| match piece {
        Piece::Setting(text) => format!("'{text}'"),
        Piece::Known(text) => match text.parse::<f64>() {
            Ok(_) => text.clone(),
            Err(_) => quoted(text),
        },
        Piece::Words(words) => words.clone(),
    };
    pieces.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// An expression, its paths translated. Words that stand together are one piece.
fn pieces(
    manifest: &Manifest<'_>,
    part: &Part,
    inside: &str,
    scope: &Scope,
    secret: bool,
) -> Result<Vec<Piece>, String> {
    let tokens = tokens(inside)?;
    let mut all: Vec<Piece> = Vec::new();
    let words = |all: &mut Vec<Piece>, word: &str| match all.last_mut() {
        Some(Piece::Words(known)) => {
            known.push(' ');
            known.push_str(word);
        }
        _ => all.push(Piece::Words(word.to_string())),
    };
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            Token::Text(text) => all.push(Piece::Known(text.clone())),
            Token::Number(number) => all.push(Piece::Known(number.clone())),
            Token::Sign(sign) => words(&mut all, sign),
            Token::Name(name) => {
                let lower = match name.as_str() {
                    "None" => "none",
                    "True" => "true",
                    "False" => "false",
                    other => other,
                };
                let is_filter = at >= 2 && tokens[at - 2] == Token::Sign("|".into());
                if is_filter || WORDS.contains(&lower) {
                    if !WORDS.contains(&lower) {
                        return Err(format!("the filter `{name}` is not known"));
                    }
                    words(&mut all, lower);
                    continue;
                }
                let (steps, default, next) = steps(&tokens, at)?;
                at = next;
                match root(manifest, part, name, &steps, default.as_ref(), scope, secret)? {
                    Piece::Words(word) => words(&mut all, &word),
                    piece => all.push(piece),
                }
            }
        }
    }
    Ok(all)
}

fn root(
    manifest: &Manifest<'_>,
    part: &Part,
    name: &str,
    steps: &[Step],
    default: Option<&Token>,
    scope: &Scope,
    secret: bool,
) -> Result<Piece, String> {
    let names: Vec<String> = steps
        .iter()
        .map(|step| match step {
            Step::Name(name) => name.clone(),
            Step::Index(at) => at.to_string(),
        })
        .collect();
    let known = default.and_then(|token| match token {
        Token::Text(text) | Token::Number(text) => Some(text.as_str()),
        _ => None,
    });
    if name == "record" && scope.record {
        return Ok(Piece::Words(of_record(steps, default)));
    }
    if let ("creation_response", Some(job), [.., last]) = (name, &scope.job, names.as_slice()) {
        return Ok(Piece::Words(format!(
            "job.{}",
            of_job(job, &json_path(steps), last, &names)
        )));
    }
    match (name, names.as_slice()) {
        ("config", [_, ..]) => {
            let setting = manifest.setting(&names, secret);
            Ok(Piece::Setting(match known {
                Some(known) => with_default(&setting, known),
                None => setting,
            }))
        }
        ("parameters" | "options", [of, rest @ ..]) => {
            let value = part.parameter(of).map(segue_spec::yaml::Node::to_json);
            let value = value.and_then(|value| rest.iter().try_fold(value, |value, step| value.get(step).cloned()));
            let found = match value {
                Some(Json::String(text)) => Some(text),
                Some(value @ (Json::Number(_) | Json::Bool(_))) => Some(value.to_string()),
                _ => known.map(str::to_string),
            };
            found
                .map(Piece::Known)
                .ok_or_else(|| format!("there is no parameter `{}`", names.join(".")))
        }
        ("stream_partition" | "stream_slice" | "stream_interval", [of, name])
            if of == "extra_fields" || of == "parent_slice" =>
        {
            slice(scope, name)
        }
        ("stream_partition" | "stream_slice" | "stream_interval", [name]) => slice(scope, name),
        _ => Err(format!("`{}` is not known here", path_text(name, &names))),
    }
}

/// The name under which `job` has what is at this path of the answer that begins an export.
fn of_job(job: &Job, path: &str, last: &str, names: &[String]) -> String {
    let mut job = job.borrow_mut();
    if let Some((known, _)) = job.iter().find(|(_, known)| known == path) {
        return known.clone();
    }
    let name = segue_connectors::columns::named(last);
    let name = match job.iter().any(|(known, _)| *known == name) {
        true => segue_connectors::columns::named(&names.join("_")),
        false => name,
    };
    job.push((name.clone(), path.to_string()));
    name
}

fn slice(scope: &Scope, name: &str) -> Result<Piece, String> {
    let found = scope.slice(name).map(|ours| Piece::Words(ours.to_string()));
    found.ok_or_else(|| format!("no partition has a `{name}`"))
}

/// A value of the record, or nothing where it lacks it.
fn of_record(steps: &[Step], default: Option<&Token>) -> String {
    let mut text = "record".to_string();
    for (at, step) in steps.iter().enumerate() {
        let inner = match step {
            Step::Name(name) if is_word(name) => format!("{text}.{name}"),
            Step::Name(name) => format!("{text}[{}]", quoted(name)),
            Step::Index(index) => format!("{text}[{index}]"),
        };
        let otherwise = match (at + 1 == steps.len(), default) {
            (false, _) => "{}".to_string(),
            (true, Some(Token::Text(text))) => quoted(text),
            (true, Some(Token::Number(number))) => number.clone(),
            (true, _) => "none".to_string(),
        };
        text = format!("({inner} | default({otherwise}))");
    }
    text
}

fn path_text(root: &str, steps: &[String]) -> String {
    std::iter::once(root.to_string())
        .chain(steps.iter().cloned())
        .collect::<Vec<_>>()
        .join(".")
}

/// The steps from here on, what a last `.get(…, default)` gives instead, and what comes next.
fn steps(tokens: &[Token], mut at: usize) -> Result<(Vec<Step>, Option<Token>, usize), String> {
    let mut steps = Vec::new();
    let mut default = None;
    let sign = |at: usize, sign: &str| matches!(tokens.get(at), Some(Token::Sign(s)) if s == sign);
    loop {
        if sign(at, ".") {
            let Some(Token::Name(name)) = tokens.get(at + 1) else {
                return Err("a name is missing behind a dot".into());
            };
            if !sign(at + 2, "(") {
                (default, at) = (None, at + 2);
                steps.push(Step::Name(name.clone()));
                continue;
            }
            let Some(Token::Text(key)) = tokens.get(at + 3).filter(|_| name == "get") else {
                return Err(format!("the method `{name}()` is not known"));
            };
            steps.push(Step::Name(key.clone()));
            at += 4;
            default = None;
            if sign(at, ",") {
                at += 1;
                // `.get('a', {})`: there is nothing in it.
                match tokens.get(at) {
                    Some(Token::Sign(open)) if open == "{" || open == "[" => at += 2,
                    Some(token) => {
                        default = Some(token.clone());
                        at += 1;
                    }
                    None => return Err("`.get(` is not closed".into()),
                }
            }
            if !sign(at, ")") {
                return Err("what stands in `.get(…)` is not known".into());
            }
            at += 1;
        } else if sign(at, "[") {
            let step = match (tokens.get(at + 1), tokens.get(at + 2)) {
                (Some(Token::Text(name)), _) => (Step::Name(name.clone()), at + 2),
                (Some(Token::Number(number)), _) => (
                    Step::Index(number.parse().map_err(|_| "an index is no number")?),
                    at + 2,
                ),
                (Some(Token::Sign(minus)), Some(Token::Number(number))) if minus == "-" => {
                    let index: i64 = number.parse().map_err(|_| "an index is no number")?;
                    (Step::Index(-index), at + 3)
                }
                _ => return Err("what stands in `[…]` is not known".into()),
            };
            if !sign(step.1, "]") {
                return Err("`[` is not closed".into());
            }
            (default, at) = (None, step.1 + 1);
            steps.push(step.0);
        } else {
            if sign(at, "(") {
                return Err("functions are not translated".into());
            }
            return Ok((steps, default, at));
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut all = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' || first == '"' {
            let mut text = String::new();
            let mut end = None;
            let mut chars = rest.char_indices().skip(1);
            while let Some((at, c)) = chars.next() {
                match c {
                    '\\' => text.extend(chars.next().map(|(_, c)| c)),
                    c if c == first => {
                        end = Some(at + 1);
                        break;
                    }
                    c => text.push(c),
                }
            }
            all.push(Token::Text(text));
            end.ok_or("a text is not closed")?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            all.push(Token::Name(rest[..end].to_string()));
            end
        } else if first.is_ascii_digit() {
            let end = rest
                .find(|c: char| !(c.is_ascii_digit() || c == '.'))
                .unwrap_or(rest.len());
            all.push(Token::Number(rest[..end].to_string()));
            end
        } else {
            let two = ["==", "!=", "<=", ">=", "//", "**"]
                .into_iter()
                .find(|s| rest.starts_with(s));
            let sign = two.map_or(first.to_string(), str::to_string);
            let length = sign.len();
            all.push(Token::Sign(sign));
            length
        };
        rest = rest[length..].trim_start();
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
