//! What a name in a query can mean: the relations that are in sight, and their columns where they are known.

use std::collections::HashSet;
use std::sync::Arc;

/// The names of a relation's columns; `None` when they cannot be known before it runs.
pub type Columns = Option<Arc<[String]>>;

/// One relation of a `from`.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    /// The alias, or the table's own name; `None` for what has none.
    pub name: Option<String>,
    /// The schema, where the table stands under its own name.
    pub schema: Option<String>,
    /// Its columns.
    pub columns: Columns,
    /// Whether `*` shows it.
    pub shown: bool,
}

impl Relation {
    pub fn has(&self, column: &str) -> bool {
        self.columns.as_ref().is_some_and(|c| c.iter().any(|n| n == column))
    }
}

/// The relations in sight at one place of a query, and those around it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'p> {
    pub relations: Vec<Relation>,
    /// Names of the select list, where they may be used.
    pub aliases: HashSet<String>,
    /// Columns that a join has made one.
    pub merged: HashSet<String>,
    /// Whether a `natural join` has made columns one.
    pub natural: bool,
    pub parent: Option<&'p Scope<'p>>,
}

impl<'p> Scope<'p> {
    pub fn inside(parent: Option<&'p Scope<'p>>) -> Scope<'p> {
        Scope {
            parent,
            ..Scope::default()
        }
    }

    /// This scope and those around it, from the inside out.
    pub fn chain(&self) -> impl Iterator<Item = &Scope<'p>> {
        std::iter::successors(Some(self), |s| s.parent)
    }

    /// Whether every relation in sight shows its columns.
    pub fn closed(&self) -> bool {
        self.chain().all(|s| s.relations.iter().all(|r| r.columns.is_some()))
    }

    /// Whether some relation in sight is known to have this column.
    pub fn has(&self, column: &str) -> bool {
        self.chain()
            .any(|s| s.aliases.contains(column) || s.relations.iter().any(|r| r.has(column)))
    }

    /// All columns in sight, for suggestions.
    pub fn columns(&self) -> Vec<&str> {
        let relations = self.chain().flat_map(|s| &s.relations);
        relations
            .filter_map(|r| r.columns.as_ref())
            .flat_map(|c| c.iter().map(String::as_str))
            .collect()
    }

    /// What `*` stands for.
    pub fn star(&self) -> Columns {
        if self.natural {
            return None;
        }
        let mut all: Vec<String> = Vec::new();
        for relation in self.relations.iter().filter(|r| r.shown) {
            for column in relation.columns.as_ref()?.iter() {
                if !(self.merged.contains(column) && all.contains(column)) {
                    all.push(column.clone());
                }
            }
        }
        Some(all.into())
    }
}
