//! JSONPaths: the plain ones, which are followed while the bytes stream by, and all others.

use segue_core::{Error, Kind, Result};

/// One step of a plain path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `.name`
    Name(String),
    /// `[3]`
    Index(usize),
    /// `[*]`
    All,
}

/// Where values stand.
#[derive(Clone, Debug)]
pub enum Path {
    /// Names, indices and `[*]` alone.
    Plain(Vec<Step>),
    /// Everything else that RFC 9535 has.
    Full(serde_json_path::JsonPath),
}

impl Path {
    /// Reads a JSONPath, or the name of a field.
    ///
    /// # Errors
    /// `Invalid`, saying where it cannot be read.
    pub fn parse(text: &str) -> Result<Path> {
        if !text.starts_with('$') {
            return Ok(Path::Plain(vec![Step::Name(text.to_string())]));
        }
        let full = serde_json_path::JsonPath::parse(text).map_err(|e| {
            Error::new(Kind::Invalid, format!("`{text}` is not a JSONPath"))
                .caused_by(e)
                .hint("a path begins with `$`: `$.items[*].id`")
        })?;
        Ok(plain(text).map_or(Path::Full(full), Path::Plain))
    }

    /// Its steps, if it is plain.
    pub fn steps(&self) -> Option<&[Step]> {
        match self {
            Path::Plain(steps) => Some(steps),
            Path::Full(_) => None,
        }
    }

    /// The first value that it finds in a tree.
    pub fn first<'v>(&self, value: &'v serde_json::Value) -> Option<&'v serde_json::Value> {
        match self {
            Path::Plain(steps) => follow(steps, value),
            Path::Full(path) => path.query(value).first(),
        }
    }
}

/// A step of a normalised path.
pub fn step(element: &serde_json_path::PathElement<'_>) -> Step {
    match (element.as_name(), element.as_index()) {
        (Some(name), _) => Step::Name(name.to_string()),
        (None, index) => Step::Index(index.unwrap_or_default()),
    }
}

fn follow<'v>(steps: &[Step], value: &'v serde_json::Value) -> Option<&'v serde_json::Value> {
    let Some((step, rest)) = steps.split_first() else {
        return Some(value);
    };
    match step {
        Step::Name(name) => follow(rest, value.get(name)?),
        Step::Index(index) => follow(rest, value.get(*index)?),
        Step::All => value.as_array()?.iter().find_map(|v| follow(rest, v)),
    }
}

fn plain(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('[') {
            let (inside, tail) = match tail.chars().next()? {
                quote @ ('\'' | '"') => {
                    let (inside, tail) = tail[1..].split_once(quote)?;
                    if inside.contains('\\') {
                        return None;
                    }
                    steps.push(Step::Name(inside.to_string()));
                    (None, tail.strip_prefix(']')?)
                }
                _ => tail.split_once(']').map(|(inside, tail)| (Some(inside), tail))?,
            };
            match inside {
                Some("*") => steps.push(Step::All),
                Some(index) => steps.push(Step::Index(index.parse().ok()?)),
                None => {}
            }
            rest = tail;
        } else {
            let tail = rest.strip_prefix('.')?;
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            let name = &tail[..end];
            if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
                return None;
            }
            steps.push(Step::Name(name.to_string()));
            rest = &tail[end..];
        }
    }
    Some(steps)
}
