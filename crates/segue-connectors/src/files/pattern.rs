//! Paths with `*`, `?`, `[…]` and `**`, as `path:` has them: which files they mean, wherever the files lie.

use segue_core::{Error, Kind, Result};
use std::path::Path;

/// A path that means files.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    steps: Vec<Step>,
}

/// One part of a path between slashes.
#[derive(Clone, Debug)]
pub enum Step {
    /// A name as it is.
    Name(String),
    /// A name with `*`, `?` or `[…]`.
    Like(glob::Pattern),
    /// `**`: folders of any depth, none included.
    Folders,
}

/// Files that hidden names are, only a pattern that says so finds.
const OPTIONS: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

impl Step {
    fn new(part: &str) -> std::result::Result<Step, glob::PatternError> {
        Ok(match part {
            "**" => Step::Folders,
            _ if part.contains(['*', '?', '[']) => Step::Like(glob::Pattern::new(part)?),
            _ => Step::Name(part.to_string()),
        })
    }

    /// Whether a name between slashes fits; of [`Step::Folders`], whether it may be one of the folders.
    pub fn fits(&self, name: &str) -> bool {
        match self {
            Step::Name(own) => own == name,
            Step::Like(pattern) => pattern.matches_with(name, OPTIONS),
            Step::Folders => !name.starts_with('.'),
        }
    }
}

impl Pattern {
    /// Reads it.
    ///
    /// # Errors
    /// `Invalid` for a path that is none, begins at a root or goes up.
    pub fn parse(text: &str) -> Result<Pattern> {
        let bad = |why: &str| Error::new(Kind::Invalid, format!("`{text}` is no path to files")).hint(why);
        if Path::new(text).is_absolute() || text.split(['/', '\\']).any(|part| part == "..") {
            return Err(bad(
                "paths are relative to where the files lie, for local files the project's folder, and do not leave it",
            ));
        }
        let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
        let steps = parts.map(Step::new).collect::<std::result::Result<Vec<_>, _>>();
        let mut steps = steps.map_err(|e| bad(&format!("{} (character {} of that part)", e.msg, e.pos + 1)))?;
        if let Some(Step::Folders) = steps.last() {
            steps.push(Step::new("*").map_err(|e| bad(e.msg))?);
        }
        let text = text.to_string();
        Ok(Pattern { text, steps })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its parts, for a place whose folders are gone through one by one.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What every path that fits begins with: whole folders, and the first letters of a name. The whole path where it names one file.
    pub fn prefix(&self) -> String {
        let mut prefix = String::new();
        for step in &self.steps {
            if !prefix.is_empty() && !prefix.ends_with('/') {
                prefix.push('/');
            }
            match step {
                Step::Name(name) => prefix.push_str(name),
                Step::Like(pattern) => {
                    let text = pattern.as_str();
                    prefix.push_str(&text[..text.find(['*', '?', '[']).unwrap_or(text.len())]);
                    break;
                }
                Step::Folders => break,
            }
        }
        prefix
    }

    /// The one path that it names, where no part of it is a pattern.
    pub fn one(&self) -> Option<String> {
        let is_name = |step: &Step| matches!(step, Step::Name(_));
        (!self.steps.is_empty() && self.steps.iter().all(is_name)).then(|| self.prefix())
    }

    /// Whether a path fits: relative, with single slashes. One that ends with a slash is no file.
    pub fn fits(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        !parts.contains(&"") && fits(&self.steps, &parts)
    }
}

/// Whether these names, one after the other, are what the steps say. Every pair of places is looked at once, so that many `**` cost no more
/// than their number times the names.
fn fits(steps: &[Step], names: &[&str]) -> bool {
    // `reached[i]`: the steps so far take the first `i` names.
    let mut reached = vec![false; names.len() + 1];
    reached[0] = true;
    for step in steps {
        let mut next = vec![false; names.len() + 1];
        for at in 0..=names.len() {
            match step {
                Step::Folders => {
                    let goes_on = at > 0 && next[at - 1] && step.fits(names[at - 1]);
                    next[at] = reached[at] || goes_on;
                }
                _ => next[at] = at > 0 && reached[at - 1] && step.fits(names[at - 1]),
            }
        }
        reached = next;
    }
    reached[names.len()]
}

#[cfg(test)]
mod tests;
