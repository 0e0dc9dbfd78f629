//! JSONPaths: the plain ones, which are followed while the bytes stream by, and all others.

use segue_core::{Error, Kind, Result};

/// One step of a plain path. `[*]` goes into arrays alone; the values of an object are `.*`, which is not plain.
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

    /// The steps with which it begins: all of a plain one, and of another those before what only a tree can answer.
    pub fn lead(&self) -> Vec<Step> {
        match self {
            Path::Plain(steps) => steps.clone(),
            Path::Full(path) => plain_steps(&path.to_string()).0,
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

impl Path {
    /// All values that it finds in a tree.
    pub fn all<'v>(&self, value: &'v serde_json::Value) -> Vec<&'v serde_json::Value> {
        match self {
            Path::Plain(steps) => {
                let mut found = Vec::new();
                collect(steps, value, &mut found);
                found
            }
            Path::Full(path) => path.query(value).all(),
        }
    }
}

fn collect<'v>(steps: &[Step], value: &'v serde_json::Value, found: &mut Vec<&'v serde_json::Value>) {
    let Some((step, rest)) = steps.split_first() else {
        return found.push(value);
    };
    match step {
        Step::Name(name) => value.get(name).into_iter().for_each(|v| collect(rest, v, found)),
        Step::Index(index) => value.get(*index).into_iter().for_each(|v| collect(rest, v, found)),
        Step::All => value
            .as_array()
            .into_iter()
            .flatten()
            .for_each(|v| collect(rest, v, found)),
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
    match plain_steps(text) {
        (steps, "") => Some(steps),
        _ => None,
    }
}

/// The plain steps at the beginning of a path, and what is left of it.
fn plain_steps(text: &str) -> (Vec<Step>, &str) {
    let mut rest = text.strip_prefix('$').unwrap_or(text);
    let mut steps = Vec::new();
    while let Some((step, tail)) = plain_step(rest) {
        steps.push(step);
        rest = tail;
    }
    (steps, rest)
}

fn plain_step(text: &str) -> Option<(Step, &str)> {
    if let Some(tail) = text.strip_prefix('[') {
        if let Some(quote @ ('\'' | '"')) = tail.chars().next() {
            let (name, tail) = tail[1..].split_once(quote)?;
            let tail = tail.strip_prefix(']')?;
            return (!name.contains('\\')).then(|| (Step::Name(name.to_string()), tail));
        }
        let (inside, tail) = tail.split_once(']')?;
        let step = match inside {
            "*" => Step::All,
            index => Step::Index(index.parse().ok()?),
        };
        return Some((step, tail));
    }
    let tail = text.strip_prefix('.')?;
    let (name, tail) = tail.split_at(tail.find(['.', '[']).unwrap_or(tail.len()));
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_name.then(|| (Step::Name(name.to_string()), tail))
}

/// A path as people write it.
pub fn written(steps: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Name(name) if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') => {
            format!(".{name}")
        }
        Step::Name(name) => format!("[{}]", super::quoted(name)),
        Step::Index(index) => format!("[{index}]"),
        Step::All => "[*]".to_string(),
    };
    format!("${}", steps.iter().map(step).collect::<String>())
}
