//! Nested rows as flat ones: an object becomes columns, a list of objects the rows of a child table.
//!
//! A child row says whose it is by the key of the asset's row (`_parent_id`), or where a key may come more often than once by that row's id
//! (`_parent__row_id`), and where it stood by its place in the list (`_position`), and in the lists around that (`_position_1`, the outermost).

use crate::names;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, ListArray, RecordBatch, StringArray, UInt64Array};
use arrow_array::{RecordBatchOptions, new_null_array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::nullif::nullif;
use arrow_select::take::take;
use segue_core::hash::sha256;
use segue_core::sink::{Change, Missing, Rows};
use segue_core::{Error, Kind, Labels, Result, Type};
use segue_diag::NESTED_NAMES;
use segue_spec::model::{Asset, Copy, How, Nested, WriteMode};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The column of a row's id, where its key does not tell it from every other.
pub const ROW_ID: &str = "_row_id";
/// The column of a child row's place in its list, from 0.
pub const POSITION: &str = "_position";
/// What stands between the names of what is nested.
const BETWEEN: &str = "__";

/// How an asset's rows are taken apart.
#[derive(Clone, Debug)]
pub struct Nest {
    copy: Copy,
    /// The columns of its own table that say whose a child row is.
    link: Vec<String>,
    /// Columns that its write mode fills by itself: they make no row another one.
    own: Vec<String>,
}

/// Rows taken apart.
pub struct Parted {
    /// Those of the own table.
    pub own: RecordBatch,
    /// Those of each child table, always the same ones for one schema.
    pub children: Vec<Child>,
}

/// Rows of a child table.
pub struct Child {
    /// Its name behind the asset's: `tracks`, `tracks__artists`.
    pub path: String,
    /// The rows; those that delete are of parents that have none.
    pub rows: Rows,
}

impl Nest {
    /// How the rows of this asset are taken apart; `None` where they are not.
    pub fn of(asset: &Asset) -> Option<Nest> {
        let How::Copy(copy) = &asset.how else { return None };
        if !copy.has_children() {
            return None;
        }
        let mut link = asset.write.key.clone();
        link.extend(copy.slice.iter().filter(|c| !asset.write.key.contains(c)).cloned());
        let mode = asset.write.mode;
        let repeats = matches!(mode, WriteMode::Append | WriteMode::DeleteInsert | WriteMode::History);
        if asset.write.key.is_empty() || repeats {
            link.push(ROW_ID.into());
        }
        Some(Nest {
            copy: copy.clone(),
            link,
            own: names::own_columns(&asset.write)
                .iter()
                .map(|f| f.name().clone())
                .collect(),
        })
    }

    /// The rows with their objects as columns. Lists stay.
    ///
    /// # Errors
    /// `BadData` where two columns would have one name.
    pub fn flatten(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            match self.copy.nested_of(field.name()) {
                Nested::ChildTables => flat(field.name(), field, column, &mut columns)?,
                Nested::Json | Nested::Struct => columns.push((field.as_ref().clone(), column.clone())),
            }
        }
        self.batch(columns, batch.num_rows())
    }

    /// The columns of flat rows.
    ///
    /// # Errors
    /// As [`Nest::flatten`].
    pub fn flat_schema(&self, read: &SchemaRef) -> Result<SchemaRef> {
        Ok(self.flatten(&RecordBatch::new_empty(read.clone()))?.schema())
    }

    /// Takes flat rows apart. With `tell_childless`, rows of child tables delete for parents that have none there.
    ///
    /// # Errors
    /// As [`Nest::flatten`].
    pub fn part(&self, flat: &RecordBatch, tell_childless: bool) -> Result<Parted> {
        let (schema, rows) = (flat.schema_ref(), flat.num_rows());
        let (mut own, mut lists) = (Vec::new(), Vec::new());
        for (field, column) in schema.fields().iter().zip(flat.columns()) {
            match self.is_child(field) {
                true => lists.push((field.name().clone(), column.clone())),
                false => own.push((field.as_ref().clone(), column.clone())),
            }
        }
        if self.link.iter().any(|c| c == ROW_ID) {
            let ids: StringArray = (0..rows).map(|row| Some(self.row_id(flat, row))).collect();
            own.push((Type::String.field(ROW_ID, false), Arc::new(ids)));
        }
        let own = self.batch(own, rows)?;
        let mut link = Vec::with_capacity(self.link.len());
        for name in &self.link {
            let at = own.schema_ref().index_of(name).map_err(|_| {
                Error::new(
                    Kind::BadData,
                    format!("the rows have no column `{name}`, by which their children know them"),
                )
            })?;
            let field = own.schema_ref().field(at).clone();
            link.push((field.with_name(of_parent(name)), own.column(at).clone()));
        }
        let roots: ArrayRef = Arc::new((0..rows as u64).map(Some).collect::<UInt64Array>());
        let mut children = Vec::new();
        for (path, list) in lists {
            let above = Above {
                roots: roots.clone(),
                positions: Vec::new(),
            };
            self.child(path, list.as_list(), &link, &above, tell_childless, &mut children)?;
        }
        Ok(Parted { own, children })
    }

    /// What happens to a child table where this happens to the own one.
    ///
    /// # Errors
    /// `Bug` for a change that no copy from a source makes.
    pub fn change(&self, own: &Change) -> Result<Change> {
        let key = |columns: &[String]| columns.iter().map(|c| of_parent(c)).collect();
        Ok(match own {
            Change::Append => Change::Append,
            // All that there is came: so did all children that there are.
            Change::ReplaceTable
            | Change::Merge {
                missing: Missing::Delete,
                ..
            } => Change::ReplaceTable,
            Change::ReplaceSlices { columns, slices } => Change::ReplaceSlices {
                columns: key(columns),
                slices: slices.iter().map(labels_of_parent).collect(),
            },
            Change::Merge { key: columns, .. } | Change::DeleteInsert { key: columns } => {
                Change::DeleteInsert { key: key(columns) }
            }
            // Each version of a row has children of its own, and keeps them.
            Change::History { .. } => Change::DeleteInsert {
                key: vec![of_parent(ROW_ID)],
            },
            Change::ReplaceRanges { .. } => {
                return Err(Error::bug("a copy from a source has no ranges"));
            }
        })
    }

    /// Whether this column's values are rows of a child table.
    fn is_child(&self, flat: &Field) -> bool {
        let names = flat.name().match_indices(BETWEEN).map(|(at, _)| &flat.name()[..at]);
        // What it was before it was flattened: its own name, or that of an object around it.
        let of_copy = std::iter::once(flat.name().as_str()).chain(names);
        is_list_of_objects(flat)
            && of_copy
                .map(|n| self.copy.nested_of(n))
                .any(|n| n == Nested::ChildTables)
    }

    /// An id that the same row always gets: of all that it says, but for what is empty.
    fn row_id(&self, flat: &RecordBatch, row: usize) -> String {
        let mut said = crate::json::row(flat, row);
        self.own.iter().for_each(|name| drop(said.remove(name)));
        let mut said = Value::Object(said);
        without_nulls(&mut said);
        sha256(said.to_string())[..32].to_string()
    }

    /// Adds the rows of this list to those of its table, and of the tables below.
    fn child(
        &self,
        path: String,
        lists: &ListArray,
        link: &[(Field, ArrayRef)],
        above: &Above,
        tell_childless: bool,
        out: &mut Vec<Child>,
    ) -> Result<()> {
        let (mut parents, mut items, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        for row in (0..lists.len()).filter(|row| lists.is_valid(*row)) {
            let (from, to) = (lists.value_offsets()[row], lists.value_offsets()[row + 1]);
            for (position, item) in (from..to).enumerate() {
                parents.push(row as u64);
                items.push(item as u64);
                positions.push(position as i64);
            }
        }
        let (parents, items) = (UInt64Array::from(parents), UInt64Array::from(items));
        let rows = positions.len();
        let roots = taken(&above.roots, &parents)?;
        let outer = above.positions.iter().map(|p| taken(p, &parents));
        let mut all_positions = outer.collect::<Result<Vec<_>>>()?;
        all_positions.push(Arc::new(Int64Array::from(positions)));
        let mut columns = Vec::new();
        for (field, values) in link {
            columns.push((field.clone(), taken(values, roots.as_primitive())?));
        }
        let depth = all_positions.len();
        for (at, values) in all_positions.iter().enumerate() {
            columns.push((Type::Int64.field(&position(at, depth), false), values.clone()));
        }
        let objects = taken(lists.values(), &items)?;
        let mut fields = Vec::new();
        let objects = objects.as_struct();
        for (field, values) in objects.fields().iter().zip(objects.columns()) {
            let values = under(values, objects.nulls())?;
            flat(field.name(), field, &values, &mut fields)?;
        }
        let (below, fields): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(field, _)| is_list_of_objects(field));
        columns.extend(fields);
        let batch = self.batch(columns, rows)?;
        let rows = match tell_childless {
            true => self.with_childless(batch, link, roots.as_primitive(), depth)?,
            false => Rows { batch, deletes: None },
        };
        out.push(Child {
            path: path.clone(),
            rows,
        });
        let here = Above {
            roots,
            positions: all_positions,
        };
        for (field, values) in below {
            let path = format!("{path}{BETWEEN}{}", field.name());
            self.child(path, values.as_list(), link, &here, tell_childless, out)?;
        }
        Ok(())
    }

    /// These rows, and behind them one that deletes for each of the asset's rows that has none here.
    fn with_childless(
        &self,
        batch: RecordBatch,
        link: &[(Field, ArrayRef)],
        having: &UInt64Array,
        depth: usize,
    ) -> Result<Rows> {
        let all = link.first().map_or(0, |(_, values)| values.len() as u64);
        let having: BTreeSet<u64> = having.values().iter().copied().collect();
        let childless: Vec<u64> = (0..all).filter(|root| !having.contains(root)).collect();
        let childless = UInt64Array::from(childless);
        let many = childless.len();
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (at, field) in batch.schema_ref().fields().iter().enumerate() {
            columns.push(if let Some((_, values)) = link.get(at) {
                taken(values, &childless)?
            } else if at < link.len() + depth {
                Arc::new(Int64Array::from(vec![0; many])) as ArrayRef
            } else {
                new_null_array(field.data_type(), many)
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(many));
        let deleting = RecordBatch::try_new_with_options(batch.schema(), columns, &options).map_err(not_rows)?;
        let deletes = (0..batch.num_rows()).map(|_| Some(false));
        let deletes: BooleanArray = deletes.chain((0..many).map(|_| Some(true))).collect();
        Ok(Rows {
            batch: concat_batches(&batch.schema(), [&batch, &deleting]).map_err(not_rows)?,
            deletes: Some(deletes),
        })
    }

    /// A batch of these columns, no two of one name.
    fn batch(&self, columns: Vec<(Field, ArrayRef)>, rows: usize) -> Result<RecordBatch> {
        let mut names = BTreeSet::new();
        if let Some((field, _)) = columns.iter().find(|(field, _)| !names.insert(field.name().clone())) {
            return Err(Error::new(
                Kind::BadData,
                format!(
                    "two columns would be `{}`: what is nested gets its name from all that it stands in",
                    field.name()
                ),
            )
            .code(NESTED_NAMES)
            .hint(
                "declare the columns, and give one of them another name and its `path:`; or say `nested: struct` of it",
            ));
        }
        let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).map_err(not_rows)
    }
}

/// What stands around a list.
struct Above {
    /// The asset's row that each of the list's rows belongs to.
    roots: ArrayRef,
    /// Their places in the lists around, the outermost first.
    positions: Vec<ArrayRef>,
}

/// The child tables that rows with these columns may have, by their names behind the asset's.
pub fn children(columns: &[segue_core::source::Column]) -> Vec<String> {
    fn below(path: &str, of: &Type, found: &mut Vec<String>) {
        match of {
            Type::Struct(fields) => fields
                .iter()
                .for_each(|(name, of)| below(&format!("{path}{BETWEEN}{name}"), of, found)),
            Type::List(item) if matches!(**item, Type::Struct(_)) => {
                found.push(path.to_string());
                below(path, item, found);
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    columns.iter().for_each(|c| below(&c.name, &c.of, &mut found));
    found
}

/// The name in a child table of a column of its asset's.
fn of_parent(name: &str) -> String {
    format!("_parent_{name}")
}

fn labels_of_parent(labels: &Labels) -> Labels {
    Labels::from_iter(labels.iter().map(|(name, value)| (of_parent(name), value.clone())))
}

/// The name of the column of a place: the innermost is the row's own.
fn position(at: usize, depth: usize) -> String {
    match at + 1 == depth {
        true => POSITION.into(),
        false => format!("{POSITION}_{}", at + 1),
    }
}

fn is_list_of_objects(field: &Field) -> bool {
    matches!(field.data_type(), DataType::List(item) if matches!(item.data_type(), DataType::Struct(_)))
}

/// A column, or those of the object that it is.
fn flat(name: &str, field: &Field, values: &ArrayRef, out: &mut Vec<(Field, ArrayRef)>) -> Result<()> {
    let DataType::Struct(_) = field.data_type() else {
        out.push((field.clone().with_name(name), values.clone()));
        return Ok(());
    };
    let objects = values.as_struct();
    for (field, values) in objects.fields().iter().zip(objects.columns()) {
        let values = under(values, objects.nulls())?;
        flat(&format!("{name}{BETWEEN}{}", field.name()), field, &values, out)?;
    }
    Ok(())
}

/// The values of a field, empty where its object is.
fn under(values: &ArrayRef, nulls: Option<&arrow_buffer::NullBuffer>) -> Result<ArrayRef> {
    match nulls {
        None => Ok(values.clone()),
        Some(nulls) => nullif(values, &BooleanArray::new(!nulls.inner(), None)).map_err(not_rows),
    }
}

fn taken(values: &ArrayRef, at: &UInt64Array) -> Result<ArrayRef> {
    take(values, at, None).map_err(not_rows)
}

/// Leaves out what is empty: a column that was not there before makes no row another one.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
            fields.sort_keys();
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

fn not_rows(e: ArrowError) -> Error {
    Error::bug("nested rows cannot be taken apart").caused_by(e)
}

#[cfg(test)]
mod tests;
