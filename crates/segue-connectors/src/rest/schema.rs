//! The columns of a read: declared, frozen before, or found out from the first answers and frozen then.

use super::page::Page;
use super::plan::Plan;
use crate::json::decode::{Changes, Layout};
use crate::json::infer::{self, Inference};
use parking_lot::RwLock;
use segue_core::source::{Column, ReadSchema};
use segue_core::{Error, Kind, Result, Type};
use std::sync::Arc;

/// How many answers and records the columns are found out from.
pub const PAGES: usize = 10;
/// See [`PAGES`].
pub const RECORDS: usize = 1_000;

/// The columns, shared by all who decode.
pub struct SharedSchema {
    layout: RwLock<Option<Arc<Layout>>>,
    changes: Changes,
    parents: Vec<String>,
    /// The slices' labels: each has a column, also where no record names it.
    labels: Vec<(String, Type)>,
    /// Whether values are texts that become what their columns are.
    is_text: bool,
    /// Declared columns, some of which have no type yet, and the names of those.
    untyped: Option<(Vec<Column>, Vec<String>)>,
}

impl SharedSchema {
    /// From what the read was asked for.
    ///
    /// # Errors
    /// `Invalid` for a column whose path cannot be read, or a parent without a column.
    pub fn new(schema: &ReadSchema, plan: &Plan, labels: Vec<(String, Type)>) -> Result<SharedSchema> {
        let changes = Changes {
            declared: schema.declared && schema.columns.is_some(),
            new_column: schema.on_new_column,
            type_change: schema.on_type_change,
            nested: schema.nested.clone(),
        };
        let parents: Vec<String> = plan.parents.iter().map(|(name, _)| name.clone()).collect();
        let mut shared = SharedSchema {
            layout: RwLock::default(),
            changes,
            parents,
            labels,
            is_text: plan.form.is_text(),
            untyped: None,
        };
        if let Some(columns) = &schema.columns {
            if let Some(missing) = shared
                .parents
                .iter()
                .find(|p| !columns.iter().any(|c| c.name == **p))
                .filter(|_| shared.changes.declared)
            {
                return Err(
                    Error::new(Kind::Invalid, format!("the parent `{missing}` has no column"))
                        .hint("declare a column of that name"),
                );
            }
            // Their paths are looked at now in any case.
            let layout = shared.laid_out(columns.clone())?;
            match schema.untyped.is_empty() {
                true => *shared.layout.write() = Some(Arc::new(layout)),
                false => shared.untyped = Some((columns.clone(), schema.untyped.clone())),
            }
        }
        Ok(shared)
    }

    fn laid_out(&self, columns: Vec<Column>) -> Result<Layout> {
        Layout::new(
            columns,
            &|c| c.value.is_some() || (c.path.is_none() && self.parents.contains(&c.name)),
            self.changes.clone(),
        )
        .map(|layout| layout.of_texts(self.is_text))
    }

    /// Whether the columns are known.
    pub fn is_known(&self) -> bool {
        self.layout.read().is_some()
    }

    /// Whether the columns may change while reading.
    pub fn may_change(&self) -> bool {
        !self.changes.declared
    }

    /// The columns; where nobody knows them yet, they are found out from these pages.
    ///
    /// # Errors
    /// `Invalid` as for [`SharedSchema::new`].
    pub fn layout(&self, pages: &[&Page]) -> Result<Arc<Layout>> {
        if let Some(layout) = self.layout.read().as_ref() {
            return Ok(layout.clone());
        }
        let mut known = self.layout.write();
        if let Some(layout) = known.as_ref() {
            return Ok(layout.clone());
        }
        let mut inference = Inference::new(self.changes.nested.clone());
        let mut above: Vec<Inference> = self.parents.iter().map(|_| Inference::default()).collect();
        let mut left = RECORDS;
        for page in pages {
            let body = &page.answer.body;
            for (record, parents) in page.found.records.iter().take(left) {
                if let Ok(text) = std::str::from_utf8(&body[record.clone()]) {
                    inference.look(text);
                }
                for (p, inference) in above.iter_mut().enumerate() {
                    let range = page.found.parents.get(*parents).and_then(|all| all.get(p)?.clone());
                    if let Some(Ok(text)) = range.map(|r| std::str::from_utf8(&body[r])) {
                        inference.look_at_value(text);
                    }
                }
            }
            left = left.saturating_sub(page.found.records.len());
        }
        if let Some((columns, untyped)) = &self.untyped {
            let layout = Arc::new(self.laid_out(self.typed(columns, untyped, pages, &above)?)?);
            *known = Some(layout.clone());
            return Ok(layout);
        }
        let mut columns = inference.columns()?;
        for (name, inference) in self.parents.iter().zip(above) {
            let of = inference.single();
            columns.retain(|c| c.name != *name);
            columns.insert(
                0,
                Column {
                    path: None,
                    ..infer::column(name, of)
                },
            );
        }
        for (name, of) in &self.labels {
            if !columns.iter().any(|c| c.name == *name) {
                columns.push(Column {
                    name: name.clone(),
                    of: of.clone(),
                    required: false,
                    path: None,
                    value: None,
                });
            }
        }
        let layout = Arc::new(self.laid_out(columns)?);
        *known = Some(layout.clone());
        Ok(layout)
    }

    /// Declared columns, those without a type with the one that these pages show.
    fn typed(
        &self,
        columns: &[Column],
        untyped: &[String],
        pages: &[&Page],
        above: &[Inference],
    ) -> Result<Vec<Column>> {
        let parent = |c: &Column| self.parents.iter().position(|p| c.path.is_none() && *p == c.name);
        let is_found = |c: &&Column| untyped.contains(&c.name) && parent(c).is_none();
        let found: Vec<&Column> = columns.iter().filter(is_found).collect();
        let records = pages.iter().flat_map(|page| {
            let records = page.found.records.iter();
            records.map(|(record, _)| &page.answer.body[record.clone()])
        });
        let mut types = infer::types_of(&found, &self.changes.nested, records.take(RECORDS))?.into_iter();
        let typed = columns.iter().map(|column| Column {
            of: match parent(column) {
                _ if !untyped.contains(&column.name) => column.of.clone(),
                Some(at) => above[at].single(),
                None => types.next().unwrap_or(Type::Json),
            },
            ..column.clone()
        });
        Ok(typed.collect())
    }

    /// Takes these columns, unless somebody else changed them since `from`. Whoever asked decodes again with what comes back.
    ///
    /// # Errors
    /// `Invalid` as for [`SharedSchema::new`].
    pub fn widen(&self, from: &Arc<Layout>, columns: Vec<Column>) -> Result<Arc<Layout>> {
        let mut known = self.layout.write();
        match known.as_ref() {
            Some(now) if !Arc::ptr_eq(now, from) => Ok(now.clone()),
            _ => {
                let layout = Arc::new(self.laid_out(columns)?);
                *known = Some(layout.clone());
                Ok(layout)
            }
        }
    }
}
