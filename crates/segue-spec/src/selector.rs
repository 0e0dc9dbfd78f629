//! Which assets are meant: `raw.orders`, `raw.*`, `+sales.daily`, `raw.orders+`, `tag:nightly`, and lists of these.

use crate::graph::Graph;
use crate::model::Project;
use crate::name::AssetName;
use segue_diag::{Error, Kind, Result, UNKNOWN_ASSET, closest};
use std::collections::BTreeSet;
use std::fmt;

/// A choice of assets. Terms are separated by commas or spaces, and add up.
///
/// A term is a name, a glob (`raw.*`, `*.daily`) or `tag:WORD`. A `+` before it adds everything that it is made from,
/// a `+` after it everything that is made from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    up: bool,
    down: bool,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Name(String),
    Glob(glob::Pattern),
    Tag(String),
}

impl Selector {
    /// Every asset.
    pub fn all() -> Selector {
        Selector::default()
    }

    /// Reads a selector, as one text or in several words; no words mean every asset.
    ///
    /// # Errors
    /// `Invalid` when a term cannot be read.
    pub fn parse<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Result<Selector> {
        let mut terms = Vec::new();
        for words in words {
            for word in words.as_ref().split([',', ' ']).filter(|w| !w.is_empty()) {
                terms.push(term(word)?);
            }
        }
        Ok(Selector { terms })
    }

    /// The assets of the project that are meant.
    ///
    /// # Errors
    /// `NotFound` when a term means no asset, with what was most likely meant.
    pub fn select(&self, project: &Project, graph: &Graph) -> Result<BTreeSet<AssetName>> {
        if self.terms.is_empty() {
            return Ok(project.assets.keys().cloned().collect());
        }
        let mut chosen = BTreeSet::new();
        for term in &self.terms {
            let found = term.what.find(project);
            if found.is_empty() {
                return Err(nothing(project, term));
            }
            for name in found {
                if term.up {
                    chosen.extend(graph.ancestors(&name));
                }
                if term.down {
                    chosen.extend(graph.descendants(&name));
                }
                chosen.insert(name);
            }
        }
        Ok(chosen)
    }

    /// Whether a term is like this name: for an asset that left the project, of which no tags and no neighbours are known.
    pub fn is_like(&self, name: &str) -> bool {
        self.terms.iter().any(|term| match &term.what {
            What::Name(meant) => meant == name,
            What::Glob(pattern) => pattern.matches(name),
            What::Tag(_) => false,
        })
    }
}

fn term(word: &str) -> Result<Term> {
    let bad = |why: &str| {
        Error::new(Kind::Invalid, format!("`{word}` is no selector: {why}"))
            .hint("write a name, `raw.*`, `tag:WORD`, `+name` or `name+`")
    };
    let (up, rest) = word.strip_prefix('+').map_or((false, word), |rest| (true, rest));
    let (down, rest) = rest.strip_suffix('+').map_or((false, rest), |rest| (true, rest));
    if let Some((before, name)) = rest.split_once('+') {
        let meant = match (before, name) {
            ("up", name) => format!("`+{name}` means {name} with everything that it is made from"),
            ("down", name) => format!("`{name}+` means {name} with everything that is made from it"),
            _ => "a `+` stands before a name or after it".to_string(),
        };
        return Err(Error::new(Kind::Invalid, format!("`{word}` is no selector")).hint(meant));
    }
    let what = match rest.strip_prefix("tag:") {
        _ if rest.is_empty() => return Err(bad("it names nothing")),
        Some("") => return Err(bad("the tag is empty")),
        Some(tag) => What::Tag(tag.to_string()),
        None if rest.contains(['*', '?', '[']) => What::Glob(glob::Pattern::new(rest).map_err(|e| bad(e.msg))?),
        None => What::Name(rest.to_string()),
    };
    Ok(Term { up, down, what })
}

impl What {
    fn find(&self, project: &Project) -> BTreeSet<AssetName> {
        let names = project.assets.values().filter(|asset| match self {
            What::Name(name) => asset.name.as_str() == name,
            What::Glob(pattern) => pattern.matches(asset.name.as_str()),
            What::Tag(tag) => asset.tags.contains(tag),
        });
        names.map(|asset| asset.name.clone()).collect()
    }
}

fn nothing(project: &Project, term: &Term) -> Error {
    let names = || project.assets.keys().map(AssetName::as_str);
    let tags: BTreeSet<&str> = project
        .assets
        .values()
        .flat_map(|a| a.tags.iter().map(String::as_str))
        .collect();
    let (message, near) = match &term.what {
        What::Name(name) => {
            let table = names().find(|n| n.split_once('.').is_some_and(|(_, table)| table == name));
            (
                format!("there is no asset `{name}`"),
                table.or_else(|| closest(name, names())).map(str::to_string),
            )
        }
        What::Glob(pattern) => (format!("no asset's name is like `{pattern}`"), None),
        What::Tag(tag) => (
            format!("no asset has the tag `{tag}`"),
            closest(tag, tags).map(|t| format!("tag:{t}")),
        ),
    };
    let error = Error::new(Kind::NotFound, message).code(UNKNOWN_ASSET);
    match near {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error,
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, term) in self.terms.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            let up = if term.up { "+" } else { "" };
            let down = if term.down { "+" } else { "" };
            match &term.what {
                What::Name(name) => write!(f, "{space}{up}{name}{down}")?,
                What::Glob(pattern) => write!(f, "{space}{up}{pattern}{down}")?,
                What::Tag(tag) => write!(f, "{space}{up}tag:{tag}{down}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
