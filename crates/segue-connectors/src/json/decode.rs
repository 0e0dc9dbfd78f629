//! Records into columns: each value to its column while the record is read, and a record that does not fit to the side, whole.

use super::parse::{Parser, Shape};
use super::path::{Path, Step};
use super::{Keys, find, infer, push, push_value, step};
use crate::columns::{self, Builder, Misfit};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use segue_core::source::{Column, Nested, Nesting, OnChange};
use segue_core::{Error, Kind, Result, Type};
use std::borrow::Cow;
use std::sync::Arc;

/// Which columns there are and where their values stand. Made once, shared by all answers.
#[derive(Debug)]
pub struct Layout {
    columns: Vec<Column>,
    schema: SchemaRef,
    root: Node,
    full: Vec<(usize, serde_json_path::JsonPath)>,
    given: Vec<bool>,
    /// The column of records that are no objects, where nobody declared the columns.
    scalar: Option<usize>,
    changes: Changes,
    /// Whether a text may be any value, written out.
    is_text: bool,
}

/// What becomes of what a schema does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Whether the columns were declared: then other fields are not looked at, and types never widen.
    pub declared: bool,
    /// A field without a column.
    pub new_column: OnChange,
    /// A value of another type.
    pub type_change: OnChange,
    /// What objects and lists become where their type is found out.
    pub nested: Nesting,
}

#[derive(Debug, Default)]
struct Node {
    targets: Vec<usize>,
    fields: Vec<(String, Node)>,
    items: Vec<(usize, Node)>,
}

impl Node {
    fn at(&mut self, steps: &[Step]) -> &mut Node {
        let Some((step, rest)) = steps.split_first() else {
            return self;
        };
        match step {
            Step::Name(name) => {
                let at = self.fields.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
                    self.fields.push((name.clone(), Node::default()));
                    self.fields.len() - 1
                });
                self.fields[at].1.at(rest)
            }
            Step::Index(index) => {
                let at = self.items.iter().position(|(n, _)| n == index).unwrap_or_else(|| {
                    self.items.push((*index, Node::default()));
                    self.items.len() - 1
                });
                self.items[at].1.at(rest)
            }
            Step::All => self,
        }
    }
}

impl Layout {
    /// The columns; `given` names those whose values the caller hands in with each record.
    ///
    /// # Errors
    /// `Invalid` for a path that cannot be read.
    pub fn new(columns: Vec<Column>, given: &dyn Fn(&Column) -> bool, changes: Changes) -> Result<Layout> {
        let mut root = Node::default();
        let mut full = Vec::new();
        let is_given: Vec<bool> = columns.iter().map(given).collect();
        for (i, column) in columns.iter().enumerate().filter(|(i, _)| !is_given[*i]) {
            let path = match &column.path {
                Some(path) => Path::parse(path).map_err(|e| e.with("column", &column.name))?,
                None => Path::Plain(vec![Step::Name(column.name.clone())]),
            };
            match path {
                Path::Plain(steps) if !steps.contains(&Step::All) => root.at(&steps).targets.push(i),
                Path::Plain(_) => full.push((i, full_path(column)?)),
                Path::Full(path) => full.push((i, path)),
            }
        }
        let schema = columns::schema(&columns);
        let is_scalar = |c: &Column| c.name == infer::VALUE && c.path.is_none() && c.value.is_none();
        let scalar = columns.iter().position(is_scalar);
        Ok(Layout {
            scalar: scalar.filter(|at| !changes.declared && !is_given[*at]),
            columns,
            schema,
            root,
            full,
            given: is_given,
            changes,
            is_text: false,
        })
    }

    /// The same, where values are written as texts: a text becomes what its column is.
    pub fn of_texts(mut self, is_text: bool) -> Layout {
        self.is_text = is_text;
        self
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The field of the root whose column has this name, and no path that says otherwise.
    fn by_name(&self, root: &Node, name: &str) -> Option<usize> {
        let is_free = |node: &Node| matches!(node.targets[..], [one] if self.columns[one].path.is_none());
        root.fields
            .iter()
            .position(|(field, node)| field == name && is_free(node))
    }

    /// Their schema.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

fn full_path(column: &Column) -> Result<serde_json_path::JsonPath> {
    let text = column.path.as_deref().unwrap_or("$");
    serde_json_path::JsonPath::parse(text)
        .map_err(|e| Error::new(Kind::Invalid, format!("`{text}` is not a JSONPath")).caused_by(e))
}

/// A value that the caller hands in.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// There is none.
    Nothing,
    /// As text: a rendered template.
    Text(&'a str),
    /// As JSON: what stands above the record.
    Json(&'a str),
}

/// What became of a record.
#[derive(Debug)]
pub enum Outcome {
    /// It is a row now.
    Taken,
    /// It does not fit.
    Rejected {
        /// Why.
        reason: String,
        /// Where.
        path: String,
    },
    /// It would fit these columns: decode the answer again with them.
    Widen(Vec<Column>),
    /// The schema is frozen, and this does not fit it.
    Frozen(String),
}

/// The rows of an answer.
#[derive(Debug)]
pub struct Decoded {
    /// The rows.
    pub batch: RecordBatch,
    /// Values that were left out, as [`OnChange::DropValue`] says.
    pub dropped: u64,
}

/// Decodes the records of one answer.
pub struct Decoder {
    layout: Arc<Layout>,
    columns: Vec<Builder>,
    rows: usize,
    dropped: u64,
}

/// Why a record is no row.
enum Stop {
    Misfit(Misfit),
    Widen(Vec<Column>),
    Frozen(String),
}

impl From<Misfit> for Stop {
    fn from(misfit: Misfit) -> Stop {
        Stop::Misfit(misfit)
    }
}

impl From<super::parse::Bad> for Stop {
    fn from(bad: super::parse::Bad) -> Stop {
        Stop::Misfit(bad.into())
    }
}

impl Stop {
    fn below(self, step: &str) -> Stop {
        match self {
            Stop::Misfit(misfit) => Stop::Misfit(misfit.below(step)),
            other => other,
        }
    }
}

impl Decoder {
    /// For one answer.
    pub fn new(layout: Arc<Layout>) -> Decoder {
        let columns = layout.columns.iter().map(|c| Builder::new(&c.of)).collect();
        Decoder {
            layout,
            columns,
            rows: 0,
            dropped: 0,
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Decodes one record. `given` is asked for the value of each column that the layout says is given, by its index.
    pub fn record<'g>(&mut self, raw: &[u8], given: &mut dyn FnMut(usize) -> Given<'g>) -> Outcome {
        let layout = self.layout.clone();
        let stop = match std::str::from_utf8(raw) {
            Err(e) => Stop::Misfit(Misfit::new(format!("not UTF-8 at byte {}", e.valid_up_to()))),
            Ok(text) => match self.row(&layout, text, given) {
                Ok(()) => {
                    self.rows += 1;
                    return Outcome::Taken;
                }
                Err(stop) => stop,
            },
        };
        for column in &mut self.columns {
            column.truncate(self.rows);
        }
        match stop {
            Stop::Misfit(misfit) => Outcome::Rejected {
                reason: misfit.reason,
                path: format!("${}", misfit.path),
            },
            Stop::Widen(columns) => Outcome::Widen(columns),
            Stop::Frozen(what) => Outcome::Frozen(what),
        }
    }

    fn row<'g>(&mut self, layout: &Layout, text: &str, given: &mut dyn FnMut(usize) -> Given<'g>) -> Result<(), Stop> {
        let mut parser = Parser::new(text);
        match layout.scalar {
            Some(at) if parser.peek()? != Shape::Object => self.value(layout, at, &mut parser)?,
            _ => self.walk(layout, &layout.root, &mut parser, true)?,
        }
        parser.end()?;
        if !layout.full.is_empty() {
            self.full(layout, text)?;
        }
        for i in 0..self.columns.len() {
            if layout.given[i] {
                let column = &mut self.columns[i];
                let name = &layout.columns[i].name;
                match given(i) {
                    Given::Nothing => column.push_null(),
                    Given::Text(text) => column.push_text(text).map_err(|m| m.below(&format!(".{name}")))?,
                    Given::Json(text) => {
                        push_value(column, text, Keys::Exact).map_err(|m| m.below(&format!(".{name}")))?
                    }
                }
            }
            let column = &mut self.columns[i];
            let missing = column.len() == self.rows;
            if missing {
                // Where nobody declared the columns, a slice's label may stand in for what its records do not say.
                match given(i) {
                    Given::Text(text) if !layout.changes.declared => column.push_text(text)?,
                    _ => column.push_null(),
                }
            }
            if layout.columns[i].required && column.ends_with_null() {
                let reason = if missing {
                    "required, and it is missing"
                } else {
                    "required, and it is null"
                };
                return Err(Misfit::new(reason).below(&place(&layout.columns[i])).into());
            }
        }
        Ok(())
    }

    /// Takes the value that comes next to where this node's columns want it.
    fn walk(&mut self, layout: &Layout, node: &Node, parser: &mut Parser<'_>, is_root: bool) -> Result<(), Stop> {
        if let ([target], true) = (node.targets.as_slice(), node.fields.is_empty() && node.items.is_empty()) {
            return self.value(layout, *target, parser);
        }
        if !node.targets.is_empty() {
            let text = parser.skip(true)?;
            for target in &node.targets {
                self.value(layout, *target, &mut Parser::new(text))?;
            }
            return if node.fields.is_empty() && node.items.is_empty() {
                Ok(())
            } else {
                self.inside(layout, node, &mut Parser::new(text), is_root)
            };
        }
        self.inside(layout, node, parser, is_root)
    }

    fn inside(&mut self, layout: &Layout, node: &Node, parser: &mut Parser<'_>, is_root: bool) -> Result<(), Stop> {
        match parser.peek()? {
            Shape::Object if !node.fields.is_empty() || is_root => {
                let mut next = 0;
                let looks = is_root && !layout.changes.declared;
                parser.object(|key, p| {
                    // Records have their keys in one order: the next field is the likely one.
                    let at = match node.fields.get(next) {
                        Some((name, _)) if *name == key => Some(next),
                        _ => node.fields.iter().position(|(name, _)| *name == key),
                    };
                    // Columns that were found out before are known by the names that they got.
                    let at = at.or_else(|| looks.then(|| layout.by_name(node, &columns::named(&key))).flatten());
                    match at {
                        Some(at) => {
                            next = at + 1;
                            self.walk(layout, &node.fields[at].1, p, false)
                                .map_err(|stop| stop.below(&step(&key)))
                        }
                        None if looks => self.extra(layout, &key, p),
                        None => Ok(p.skip(false).map(drop)?),
                    }
                })
            }
            Shape::Array if !node.items.is_empty() => {
                parser.array(|index, p| match node.items.iter().find(|(i, _)| *i == index) {
                    Some((_, below)) => self
                        .walk(layout, below, p, false)
                        .map_err(|stop| stop.below(&format!("[{index}]"))),
                    None => Ok(p.skip(false).map(drop)?),
                })
            }
            Shape::Null if !is_root => Ok(parser.skip(false).map(drop)?),
            // All columns are given: whatever the record is, it is a row.
            _ if node.fields.is_empty() && node.items.is_empty() => Ok(parser.skip(false).map(drop)?),
            other => {
                let wanted = if node.items.is_empty() { "an object" } else { "an array" };
                Err(Misfit::new(format!("expected {wanted}, found {}", other.name())).into())
            }
        }
    }

    /// One value into one column.
    fn value(&mut self, layout: &Layout, target: usize, parser: &mut Parser<'_>) -> Result<(), Stop> {
        let column = &mut self.columns[target];
        if column.len() > self.rows {
            return Err(Misfit::new("the key twice").into());
        }
        let of = &layout.columns[target];
        let is_found = layout.changes.nested.of(&of.name) == Nested::Struct;
        let sets_aside = matches!(layout.changes.type_change, OnChange::Quarantine | OnChange::Evolve);
        let takes_text = |of: &Type| {
            matches!(
                of,
                Type::String | Type::Json | Type::List(_) | Type::Struct(_) | Type::Vector(_)
            )
        };
        if layout.is_text && !takes_text(&of.of) && parser.peek()? == Shape::String {
            let written = parser.skip(true)?;
            let text = Parser::new(written).string()?;
            let pushed = self.columns[target].push_text(&text);
            return pushed.or_else(|misfit| self.changed(layout, target, misfit, written));
        }
        if layout.changes.declared && sets_aside && !is_found {
            return Ok(push(column, parser, Keys::Exact)?);
        }
        let text = parser.skip(true)?;
        if is_found && let Some(path) = infer::new_field(&of.of, text) {
            self.new_field(layout, target, &path, text)?;
        }
        let keys = if is_found { Keys::Tidied } else { Keys::Exact };
        match push_value(&mut self.columns[target], text, keys) {
            Ok(()) => Ok(()),
            Err(misfit) => self.changed(layout, target, misfit, text),
        }
    }

    /// A field in an object that its type, which was found out, does not have. Where it is left out, all is well.
    fn new_field(&mut self, layout: &Layout, target: usize, path: &str, text: &str) -> Result<(), Stop> {
        let column = &layout.columns[target];
        let rule = match layout.changes.declared {
            // A declared column stays of the type that was found out once.
            true if layout.changes.type_change == OnChange::Evolve => OnChange::Quarantine,
            true => layout.changes.type_change,
            false => layout.changes.new_column,
        };
        match rule {
            OnChange::Evolve => match infer::widened(&column.of, text, Nested::Struct) {
                Some(of) => Err(widen(layout, target, of)),
                None => Err(
                    Misfit::new("a new field, and another value that its type does not take")
                        .below(path)
                        .into(),
                ),
            },
            OnChange::Freeze => Err(Stop::Frozen(format!("`{}{path}` is new", column.name))),
            OnChange::Quarantine => Err(Misfit::new("a field that the column's type does not have")
                .below(path)
                .into()),
            OnChange::DropValue => {
                self.dropped += 1;
                Ok(())
            }
        }
    }

    /// A value that does not fit its column.
    fn changed(&mut self, layout: &Layout, target: usize, misfit: Misfit, text: &str) -> Result<(), Stop> {
        let column = &layout.columns[target];
        match layout.changes.type_change {
            // What is declared is not widened.
            OnChange::Evolve if layout.changes.declared => Err(misfit.into()),
            OnChange::Evolve => match infer::widened(&column.of, text, layout.changes.nested.of(&column.name)) {
                Some(of) if of != column.of => Err(widen(layout, target, of)),
                _ => Err(misfit.into()),
            },
            OnChange::Quarantine => Err(misfit.into()),
            OnChange::Freeze => Err(Stop::Frozen(format!("column `{}`: {}", column.name, misfit.reason))),
            OnChange::DropValue => {
                self.columns[target].push_null();
                self.dropped += 1;
                Ok(())
            }
        }
    }

    /// A field that no inferred column has.
    fn extra(&mut self, layout: &Layout, key: &str, parser: &mut Parser<'_>) -> Result<(), Stop> {
        let text = parser.skip(true)?;
        let Some(of) = infer::type_of(text, layout.changes.nested.of(&columns::named(key))) else {
            return Ok(());
        };
        match layout.changes.new_column {
            OnChange::Evolve => {
                let column = infer::column(key, of);
                if layout.columns.iter().any(|c| c.name == column.name) {
                    let reason = format!(
                        "a field that would be the column `{}`, which another one is",
                        column.name
                    );
                    return Err(Misfit::new(reason).below(&step(key)).into());
                }
                let mut columns = layout.columns.clone();
                columns.push(column);
                Err(Stop::Widen(columns))
            }
            OnChange::Freeze => Err(Stop::Frozen(format!("`{key}` is new"))),
            OnChange::Quarantine => Err(Misfit::new("a field that the table does not have")
                .below(&step(key))
                .into()),
            OnChange::DropValue => {
                self.dropped += 1;
                Ok(())
            }
        }
    }

    /// The columns whose paths need a tree: the tree says where, the text says what.
    fn full(&mut self, layout: &Layout, text: &str) -> Result<(), Stop> {
        let tree: serde_json::Value = serde_json::from_str(text).map_err(|e| Misfit::new(e.to_string()))?;
        for (i, path) in &layout.full {
            let mut found = Vec::new();
            for node in path.query_located(&tree).locations() {
                let steps: Vec<Step> = node.iter().map(super::path::step).collect();
                if let Ok(Some(range)) = find::first(text.as_bytes(), &steps) {
                    found.push(&text[range]);
                }
            }
            let is_list = matches!(layout.columns[*i].of, Type::List(_) | Type::Vector(_));
            let text: Cow<'_, str> = match found.as_slice() {
                [] if !is_list => continue,
                [one] if !is_list || one.starts_with('[') => Cow::Borrowed(one),
                several if is_list => Cow::Owned(format!("[{}]", several.join(","))),
                several => {
                    let reason = format!("{} values where one belongs", several.len());
                    return Err(Misfit::new(reason).below(&place(&layout.columns[*i])).into());
                }
            };
            self.value(layout, *i, &mut Parser::new(&text))
                .map_err(|stop| stop.below(&place(&layout.columns[*i])))?;
        }
        Ok(())
    }

    /// The rows.
    ///
    /// # Errors
    /// `Bug` when the columns do not make a batch.
    pub fn finish(self) -> Result<Decoded> {
        Ok(Decoded {
            batch: columns::batch(&self.layout.schema, self.columns)?,
            dropped: self.dropped,
        })
    }
}

/// Where a column's value stands, for messages.
fn place(column: &Column) -> String {
    match &column.path {
        Some(path) if path.starts_with('$') => path[1..].to_string(),
        Some(path) => step(path),
        None => step(&column.name),
    }
}

/// The layout's columns, one of them of a wider type.
fn widen(layout: &Layout, target: usize, of: Type) -> Stop {
    let mut columns = layout.columns.clone();
    columns[target].of = of;
    Stop::Widen(columns)
}

#[cfg(test)]
mod tests;
