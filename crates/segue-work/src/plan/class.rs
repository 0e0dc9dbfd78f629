//! What a change of a definition is: its class, and what has to be done about what is already there.

use crate::definition::Definition;
use crate::names::{self, column_type};
use arrow_schema::Schema;
use segue_core::{Result, Type};
use segue_spec::model::{Asset, Column, Copy, DeleteMissing, How, OnChange, Position, WriteMode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The class of a change, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// No row is otherwise.
    Metadata,
    /// Something is added to what is there.
    Additive,
    /// Rows are otherwise, in the same columns.
    Recompute,
    /// Who reads it, or what is there, no longer fits.
    Breaking,
    /// Whatever it is: what is done stays as it is, and is marked so.
    ForwardOnly,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Metadata => "metadata",
            Class::Additive => "additive",
            Class::Recompute => "recompute",
            Class::Breaking => "breaking",
            Class::ForwardOnly => "forward-only",
        })
    }
}

/// What has to be done about what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    Nothing,
    /// It stays as it is, and the ledger marks it so.
    Mark,
    /// Range by range and slice by slice it is computed again.
    Recompute,
    /// All of it is computed beside the table, and swapped in when nothing is missing.
    Rebuild,
}

/// One thing that is otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// What, for people: `column popularity: int32 becomes int64`.
    pub what: String,
    /// Its class.
    pub class: Class,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.class)
    }
}

/// What became of a definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DefinitionChange {
    /// The class of the whole; `None` for an asset that never ran, or one that is as it was.
    pub class: Option<Class>,
    /// What has to be done.
    pub action: Action,
    /// What is otherwise.
    pub differences: Vec<Difference>,
    /// Whether only how a record becomes a row changed: it can be computed from kept pages.
    pub is_mapping_alone: bool,
    /// Columns that readers may miss: removed, renamed or narrowed.
    pub lost_columns: Vec<String>,
}

impl DefinitionChange {
    /// Nothing is otherwise.
    pub fn none() -> DefinitionChange {
        DefinitionChange {
            class: None,
            action: Action::Nothing,
            differences: Vec::new(),
            is_mapping_alone: false,
            lost_columns: Vec::new(),
        }
    }

    /// Takes in how the columns of a changed query differ from those of its table.
    ///
    /// # Errors
    /// `Unsupported` for a column that no type keeps.
    pub fn columns(&mut self, asset: &Asset, before: &Schema, after: &Schema) -> Result<()> {
        let mut found = Vec::new();
        let own = asset.write.own_columns();
        for old in before.fields().iter().filter(|f| !own.contains(&f.name().as_str())) {
            let name = old.name();
            let x = Type::of(old)?;
            let Ok(new) = after.field_with_name(name) else {
                self.lost_columns.push(name.clone());
                found.push((Class::Breaking, format!("column {name} is no longer there")));
                continue;
            };
            let y = Type::of(new)?;
            if x != y && x.widens_to(&y) {
                found.push((Class::Additive, format!("column {name}: {x} becomes {y}")));
            } else if x != y {
                self.lost_columns.push(name.clone());
                found.push((Class::Breaking, format!("column {name}: {x} becomes {y}")));
            }
        }
        for new in after.fields() {
            if before.field_with_name(new.name()).is_err() {
                found.push((Class::Additive, format!("column {} is new", new.name())));
            }
        }
        let class = found.iter().map(|(class, _)| *class).max();
        if self.class != Some(Class::ForwardOnly) {
            self.class = self.class.max(class);
        }
        if !self.lost_columns.is_empty() && self.action == Action::Recompute && is_in_parts(asset) {
            self.action = Action::Rebuild;
        }
        self.differences
            .extend(found.into_iter().map(|(class, what)| Difference { what, class }));
        Ok(())
    }
}

/// Compares what ran with what would.
pub fn classify(old: &Definition, new: &Definition) -> DefinitionChange {
    let mut found = Found::default();
    found.words(&old.asset, &new.asset);
    found.shape(old, new);
    match (&old.asset.how, &new.asset.how) {
        (How::Copy(a), How::Copy(b)) => {
            let asks = segue_spec::hash::request_hash;
            found.copy(a, b, asks(&old.asset).is_some() && asks(&old.asset) == asks(&new.asset));
        }
        (How::Sql(a), How::Sql(b)) => {
            if a.statement != b.statement && old.data_hash() != new.data_hash() {
                found.add(Class::Recompute, "the SQL");
            }
            if a.inputs != b.inputs {
                found.add(Class::Metadata, "what changes of inputs reopen");
            }
        }
        _ => found.add(Class::Breaking, "how it is made: a copy and a query are not the same"),
    }
    found.end(old, new)
}

/// How the difference of a range's start begins.
const STARTS: &str = "it starts";

#[derive(Default)]
struct Found {
    differences: Vec<Difference>,
    is_reshaped: bool,
    /// What is done cannot be told from what is not: forward-only has nothing to go on from.
    is_moved: bool,
    adds_columns_only: bool,
    mapping: bool,
    lost: Vec<String>,
    cannot_hold_both: bool,
}

impl Found {
    fn add(&mut self, class: Class, what: impl Into<String>) {
        self.differences.push(Difference {
            what: what.into(),
            class,
        });
    }

    fn unless_same<T: PartialEq>(&mut self, class: Class, what: &str, old: &T, new: &T) {
        if old != new {
            self.add(class, what);
        }
    }

    /// What no row depends on.
    fn words(&mut self, old: &Asset, new: &Asset) {
        if old.name != new.name {
            self.add(Class::Metadata, format!("the name: {} becomes {}", old.name, new.name));
        }
        self.unless_same(Class::Metadata, "the description", &old.description, &new.description);
        self.unless_same(Class::Metadata, "the owner", &old.owner, &new.owner);
        self.unless_same(Class::Metadata, "the tags", &old.tags, &new.tags);
        self.unless_same(Class::Metadata, "how fresh it must be", &old.fresh, &new.fresh);
        self.unless_same(Class::Metadata, "whether it is optional", &old.optional, &new.optional);
        self.unless_same(Class::Metadata, "on_partial", &old.on_partial, &new.on_partial);
        self.unless_same(Class::Metadata, "max_parked", &old.max_parked, &new.max_parked);
        self.unless_same(Class::Metadata, "the checks", &old.checks, &new.checks);
        self.unless_same(Class::Metadata, "the parameters", &old.params, &new.params);
        let (a, b) = (&old.write, &new.write);
        self.unless_same(Class::Metadata, "allow_empty", &a.allow_empty, &b.allow_empty);
        self.unless_same(Class::Metadata, "on_gone", &a.on_gone, &b.on_gone);
        let missing = match (a.delete_missing, b.delete_missing) {
            (DeleteMissing::Keep | DeleteMissing::Hard, DeleteMissing::Soft) => Class::Additive,
            _ => Class::Metadata,
        };
        self.unless_same(missing, "delete_missing", &a.delete_missing, &b.delete_missing);
        self.unless_same(Class::Metadata, "max_deleted", &a.max_deleted, &b.max_deleted);
        self.unless_same(Class::Metadata, "on_violation", &a.on_violation, &b.on_violation);
        self.unless_same(Class::Metadata, "max_violations", &a.max_violations, &b.max_violations);
    }

    /// What all of its rows depend on.
    fn shape(&mut self, old: &Definition, new: &Definition) {
        let before = self.differences.len();
        let (a, b) = (&old.asset, &new.asset);
        match (a.write.mode, b.write.mode) {
            (WriteMode::View, WriteMode::View) => {}
            (_, WriteMode::View) => self.add(
                Class::Breaking,
                format!(
                    "it becomes a view; its table stays, unread, until `segue asset drop {} --table-only`",
                    b.name
                ),
            ),
            (WriteMode::View, _) => self.add(Class::Breaking, "it becomes a table, and is no longer a view"),
            (x, y) => self.unless_same(Class::Breaking, "the write mode", &x, &y),
        }
        self.unless_same(Class::Breaking, "the key", &a.write.key, &b.write.key);
        match (&a.range, &b.range) {
            (Some(x), Some(y)) => {
                self.unless_same(Class::Breaking, "the grain of its ranges", &x.by, &y.by);
                self.unless_same(Class::Breaking, "the column of its ranges", &x.output, &y.output);
                self.unless_same(Class::Breaking, "the zone of its ranges", &old.timezone, &new.timezone);
            }
            (None, None) if matches!((&a.how, &b.how), (How::Sql(_), How::Sql(_))) => {
                self.unless_same(Class::Breaking, "the zone of its times", &old.timezone, &new.timezone);
            }
            (None, None) => {}
            _ => self.add(Class::Breaking, "whether it has ranges"),
        }
        let moved = self.differences.len();
        self.unless_same(Class::Breaking, "the table that it goes into", &a.into, &b.into);
        if let (How::Copy(x), How::Copy(y)) = (&a.how, &b.how) {
            self.unless_same(Class::Breaking, "the columns that name its slices", &x.slice, &y.slice);
            if is_nested_otherwise(x, y) {
                self.add(Class::Breaking, "what objects and lists become");
            }
        }
        self.is_moved = self.differences.len() > moved;
        self.is_reshaped = self.differences.len() > before;
        if let (Some(x), Some(y)) = (&a.range, &b.range) {
            self.unless_same(
                Class::Recompute,
                "the input's column that its ranges follow",
                &x.input,
                &y.input,
            );
            if x.start != y.start {
                let (class, how) = if y.start < x.start {
                    (Class::Additive, "earlier")
                } else {
                    (Class::Metadata, "later")
                };
                self.add(class, format!("{STARTS} {how}: {} becomes {}", x.start, y.start));
            }
            self.unless_same(Class::Metadata, "lag", &x.lag, &y.lag);
            self.unless_same(Class::Metadata, "lookback", &x.lookback, &y.lookback);
        }
    }

    fn copy(&mut self, old: &Copy, new: &Copy, is_same_request: bool) {
        let requests = self.differences.len();
        if old.from != new.from || old.kind != new.kind {
            self.add(Class::Recompute, "where it reads");
        }
        if !is_same_request && settings_without_mapping(old) != settings_without_mapping(new) {
            self.add(Class::Recompute, "the request");
        }
        let (before, after) = (old.position.clone(), new.position.clone());
        let resumes = |position: &Option<Position>| position.as_ref().and_then(|p| p.resume);
        self.unless_same(
            Class::Metadata,
            "how a first read goes on after it was cut off",
            &resumes(&before),
            &resumes(&after),
        );
        let alone = |position: Option<Position>| position.map(|p| Position { resume: None, ..p });
        self.unless_same(Class::Recompute, "the position", &alone(before), &alone(after));
        let asks_otherwise = self.differences.len() > requests;
        let before = self.differences.len();
        if old.settings.get("records") != new.settings.get("records") {
            self.add(Class::Recompute, "the records");
        }
        self.columns(old, new);
        self.mapping = !asks_otherwise && self.differences.len() > before;
        self.unless_same(Class::Metadata, "the list of slices", &old.for_each, &new.for_each);
        self.unless_same(
            Class::Metadata,
            "how long answers are kept",
            &old.keep_raw,
            &new.keep_raw,
        );
        self.unless_same(
            Class::Metadata,
            "what a new column does",
            &old.on_new_column,
            &new.on_new_column,
        );
        self.unless_same(
            Class::Metadata,
            "what another type does",
            &old.on_type_change,
            &new.on_type_change,
        );
    }

    fn columns(&mut self, old: &Copy, new: &Copy) {
        self.adds_columns_only = true;
        if new.columns.is_empty() && !old.columns.is_empty() {
            self.adds_columns_only = false;
            self.add(Class::Recompute, "the columns are inferred now");
        }
        for (name, column) in new.columns.iter() {
            let Some(before) = old.columns.get(name) else {
                let class = if column.required {
                    Class::Recompute
                } else {
                    Class::Additive
                };
                self.adds_columns_only &= !column.required;
                self.add(class, format!("column {name} is new"));
                continue;
            };
            let (x, y) = (of(before), of(column));
            if x.is_some() != y.is_some() {
                self.adds_columns_only = false;
                let how = y.map_or("is inferred now".to_string(), |of| format!("is {of}, and was inferred"));
                self.add(Class::Recompute, format!("column {name}: its type {how}"));
            } else if let (Some(x), Some(y)) = (x, y)
                && x != y
            {
                let widens = x.widens_to(&y);
                let class = if widens { Class::Additive } else { Class::Breaking };
                self.cannot_hold_both |= !widens;
                if !widens {
                    self.lost.push(name.clone());
                }
                self.add(class, format!("column {name}: {x} becomes {y}"));
            }
            if before.path != column.path
                || before.value.as_ref().map(names::template) != column.value.as_ref().map(names::template)
            {
                self.adds_columns_only = false;
                self.add(Class::Recompute, format!("column {name} is taken from another place"));
            }
            if before.required != column.required {
                self.adds_columns_only = false;
                self.add(
                    Class::Recompute,
                    format!(
                        "column {name} is {} required",
                        if column.required { "now" } else { "no longer" }
                    ),
                );
            }
        }
        // Inferred columns are not lost when the first are declared: the table tells which those are.
        for name in old
            .columns
            .names()
            .filter(|n| new.columns.get(n).is_none() && !new.columns.is_empty())
        {
            self.cannot_hold_both = true;
            self.lost.push(name.to_string());
            self.add(Class::Breaking, format!("column {name} is no longer there"));
        }
    }

    fn end(self, old: &Definition, new: &Definition) -> DefinitionChange {
        let class = self.differences.iter().map(|d| d.class).max();
        let forward_only =
            new.asset.on_change == OnChange::ForwardOnly && class > Some(Class::Metadata) && !self.is_moved;
        let changes_rows = old.data_hash() != new.data_hash() || self.is_reshaped;
        let keeps = new.asset.write.mode != WriteMode::Replace;
        let only_additive = class == Some(Class::Additive) && self.adds_columns_only;
        let is_start = |d: &Difference| d.class == Class::Metadata || d.what.starts_with(STARTS);
        let only_starts = !self.differences.is_empty() && self.differences.iter().all(is_start);
        let action = match class {
            // Nothing of a view is stored, so that there is nothing to make anew.
            _ if new.asset.is_view() => Action::Nothing,
            _ if forward_only => Action::Mark,
            _ if !changes_rows => Action::Nothing,
            _ if self.is_reshaped => Action::Rebuild,
            _ if only_starts => Action::Mark,
            Some(Class::Additive) if keeps && only_additive => Action::Mark,
            _ if keeps => Action::Rebuild,
            // What is computed whole is replaced whole: its table takes any columns.
            _ if self.cannot_hold_both && is_in_parts(&new.asset) => Action::Rebuild,
            _ => Action::Recompute,
        };
        DefinitionChange {
            class: if forward_only { Some(Class::ForwardOnly) } else { class },
            action,
            is_mapping_alone: self.mapping && action != Action::Nothing && !self.is_reshaped,
            differences: self.differences,
            lost_columns: self.lost,
        }
    }
}

/// Whether objects and lists become something else now, in a column that both have.
fn is_nested_otherwise(old: &Copy, new: &Copy) -> bool {
    let of = |copy: &Copy, column: &Column| column.nested.unwrap_or(copy.nested);
    let mut columns = new.columns.iter();
    let differs = columns.any(|(name, column)| {
        let before = old.columns.get(name);
        before.is_some_and(|before| column.ty.is_none() && before.ty.is_none() && of(old, before) != of(new, column))
    });
    differs || (old.columns.is_empty() && new.columns.is_empty() && old.nested != new.nested)
}

/// The type that a declared column has; `None` where it is inferred.
fn of(column: &Column) -> Option<Type> {
    match &column.ty {
        Some(of) => column_type(of).ok(),
        None => column.value.as_ref().map(|_| Type::String),
    }
}

/// Whether it is replaced in ranges or slices.
fn is_in_parts(asset: &Asset) -> bool {
    asset.range.is_some() || matches!(&asset.how, How::Copy(copy) if !copy.slice.is_empty())
}

/// The connector's keys but for those that only say how an answer becomes rows.
fn settings_without_mapping(copy: &Copy) -> serde_json::Value {
    let mut settings = copy.settings.clone();
    if let Some(settings) = settings.as_object_mut() {
        settings.remove("records");
    }
    settings
}

#[cfg(test)]
mod tests;
