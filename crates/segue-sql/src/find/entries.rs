//! A table's rows as what has a name.

use super::{FindBy, Only};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, SchemaRef};
use futures::TryStreamExt;
use segue_core::engine::{Relation, TableKey};
use segue_core::{Ctx, Error, Kind, Result, Type};
use segue_diag::{FIND_COLUMN, TOO_MANY_NAMES, closest};
use segue_names::Entry;
use std::sync::Arc;

/// What a name takes at most while an index is made of it, in bytes, beside its letters.
const NAME_BYTES: u64 = 1 << 10;
/// What each of its letters takes: it is kept in several ways to write it.
const LETTER_BYTES: u64 = 16;

/// The columns in which a table's names stand, found in its schema.
#[derive(Debug)]
pub struct Columns {
    table: TableKey,
    /// Which columns are read, in the order of the schema.
    read: Vec<usize>,
    /// Where among those that are read each stands.
    id: usize,
    name: usize,
    aliases: Vec<usize>,
    popularity: Option<usize>,
    only: Option<(usize, Counts)>,
    id_type: DataType,
}

/// Which values of a column say that its row counts.
#[derive(Clone, Copy, Debug)]
enum Counts {
    True,
    Null,
}

impl Columns {
    /// Finds them.
    ///
    /// # Errors
    /// `Invalid` for one that is not there, or whose values cannot be what they are said to be.
    pub fn of(table: &TableKey, by: &FindBy, schema: &SchemaRef) -> Result<Columns> {
        let find = |key: &str, name: &str, fits: fn(&Type) -> bool, wanted: &str| {
            column(table, schema, name).and_then(|(at, field)| match Type::of(field) {
                Ok(of) if fits(&of) => Ok(at),
                _ => Err(unfit(table, key, field, wanted)),
            })
        };
        let id = find("id", &by.id, is_id, "an id is text, a UUID or a whole number")?;
        let name = find("name", &by.name, |of| *of == Type::String, "a name is text")?;
        let aliases: Vec<usize> = by
            .aliases
            .iter()
            .map(|alias| find("aliases", alias, is_alias, "an alias is text, or a list of text"))
            .collect::<Result<_>>()?;
        let known = "how well known something is, is a number";
        let popularity = match &by.popularity {
            Some(popularity) => Some(find("popularity", popularity, is_number, known)?),
            None => None,
        };
        let only = match &by.only {
            Some(Only::True(column)) => Some((
                find("only", column, |of| *of == Type::Bool, "it is a bool")?,
                Counts::True,
            )),
            Some(Only::Null(name)) => Some((column(table, schema, name)?.0, Counts::Null)),
            None => None,
        };
        let mut read: Vec<usize> = [id, name].into_iter().chain(aliases.iter().copied()).collect();
        read.extend(popularity);
        read.extend(only.map(|(at, _)| at));
        read.sort_unstable();
        read.dedup();
        let place = |at: usize| read.partition_point(|other| *other < at);
        Ok(Columns {
            table: table.clone(),
            id: place(id),
            name: place(name),
            aliases: aliases.into_iter().map(place).collect(),
            popularity: popularity.map(place),
            only: only.map(|(at, counts)| (place(at), counts)),
            id_type: schema.field(id).data_type().clone(),
            read,
        })
    }

    /// The type of the ids.
    pub fn id_type(&self) -> &DataType {
        &self.id_type
    }

    /// What has a name in these rows, in an order that does not depend on how they lie. A row without an id or a name is left out.
    ///
    /// # Errors
    /// `Invalid` for more names than the context's memory allows; those of reading; `Cancelled`.
    pub async fn read(&self, rows: &Arc<dyn Relation>, ctx: &Ctx) -> Result<Vec<Entry>> {
        let mut batches = ctx.or_cancelled(rows.scan(Some(&self.read))).await?;
        let (mut entries, mut bytes) = (Vec::new(), 0_u64);
        while let Some(batch) = ctx.or_cancelled(batches.try_next()).await? {
            let before = entries.len();
            ctx.meter.measured(|| self.take(&batch, &mut entries))?;
            bytes += entries[before..].iter().map(size_of).sum::<u64>();
            if bytes > ctx.limits.memory {
                return Err(self.too_many(ctx));
            }
        }
        ctx.meter.measured(|| entries.sort_by(in_order));
        Ok(entries)
    }

    fn take(&self, batch: &RecordBatch, entries: &mut Vec<Entry>) -> Result<()> {
        let (ids, names) = (self.texts(batch, self.id)?, self.texts(batch, self.name)?);
        let aliases = self.aliases.iter().map(|at| Aliases::of(batch.column(*at)));
        let aliases: Vec<Aliases> = aliases
            .collect::<Result<_>>()
            .map_err(|e| e.with("table", &self.table))?;
        let popularity = self.popularity.map(|at| numbers(batch.column(at))).transpose()?;
        let only = self.only.map(|(at, counts)| (batch.column(at), counts));
        for row in 0..batch.num_rows() {
            let is_left_out = ids.is_null(row) || names.is_null(row) || names.value(row).trim().is_empty();
            if is_left_out || only.is_some_and(|(column, counts)| !counts.has(column, row)) {
                continue;
            }
            let name = names.value(row).to_string();
            let others = aliases.iter().flat_map(|aliases| aliases.of_row(row));
            let others = others
                .filter(|alias| !alias.trim().is_empty() && *alias != name)
                .collect();
            let known = popularity.as_ref().filter(|known| known.is_valid(row));
            entries.push(Entry {
                id: ids.value(row).to_string(),
                name,
                aliases: others,
                popularity: known.map(|known| known.value(row)).filter(|known| known.is_finite()),
            });
        }
        Ok(())
    }

    fn texts(&self, batch: &RecordBatch, at: usize) -> Result<StringArray> {
        texts(batch.column(at)).map_err(|e| e.with("table", &self.table))
    }

    fn too_many(&self, ctx: &Ctx) -> Error {
        let most = crate::failure::size(ctx.limits.memory);
        let message = format!(
            "the names of `{}` need more memory than the {most} that they may use",
            self.table
        );
        Error::new(Kind::Invalid, message)
            .code(TOO_MANY_NAMES)
            .with("limit", "limits.memory")
            .hint(format!(
                "let `find:` stand at an asset with the rows that are asked for, or allow more: segue sql --memory 4GiB \"select * from resolve('…', '{}')\"",
                self.table
            ))
    }
}

impl Counts {
    fn has(self, column: &ArrayRef, row: usize) -> bool {
        match self {
            Counts::Null => column.is_null(row),
            Counts::True => {
                let column: Option<&BooleanArray> = column.as_boolean_opt();
                column.is_some_and(|column| column.is_valid(row) && column.value(row))
            }
        }
    }
}

/// What a column of aliases holds.
enum Aliases {
    /// One a row.
    One(StringArray),
    /// Some a row: where each row's begin and end, which rows have none, and all of them.
    Some(ArrayRef, Vec<usize>, StringArray),
}

impl Aliases {
    fn of(column: &ArrayRef) -> Result<Aliases> {
        let (offsets, values) = match column.data_type() {
            DataType::List(_) => {
                let lists = column.as_list::<i32>();
                let offsets = lists.value_offsets().iter().map(|at| *at as usize).collect();
                (offsets, lists.values().clone())
            }
            DataType::LargeList(_) => {
                let lists = column.as_list::<i64>();
                let offsets = lists.value_offsets().iter().map(|at| *at as usize).collect();
                (offsets, lists.values().clone())
            }
            _ => return texts(column).map(Aliases::One),
        };
        Ok(Aliases::Some(column.clone(), offsets, texts(&values)?))
    }

    fn of_row(&self, row: usize) -> impl Iterator<Item = String> + '_ {
        let (texts, range) = match self {
            Aliases::One(texts) => (texts, row..row + 1),
            Aliases::Some(lists, _, texts) if lists.is_null(row) => (texts, 0..0),
            Aliases::Some(_, offsets, texts) => (texts, offsets[row]..offsets[row + 1]),
        };
        range
            .filter(|at| texts.is_valid(*at))
            .map(|at| texts.value(at).to_string())
    }
}

fn texts(column: &ArrayRef) -> Result<StringArray> {
    let texts = cast(column, &DataType::Utf8).map_err(|e| Error::bug("a column of names is no text").caused_by(e))?;
    Ok(texts.as_string::<i32>().clone())
}

fn numbers(column: &ArrayRef) -> Result<Float64Array> {
    let numbers = cast(column, &DataType::Float64);
    let numbers = numbers.map_err(|e| Error::bug("a column of popularity is no number").caused_by(e))?;
    Ok(numbers.as_primitive::<Float64Type>().clone())
}

/// The best known first, so that of several rows of one id its name is the name; and the same rows are always in the same order.
fn in_order(a: &Entry, b: &Entry) -> std::cmp::Ordering {
    let known = |entry: &Entry| entry.popularity.unwrap_or(f64::NEG_INFINITY);
    a.id.cmp(&b.id)
        .then_with(|| known(b).total_cmp(&known(a)))
        .then_with(|| (&a.name, &a.aliases).cmp(&(&b.name, &b.aliases)))
}

fn size_of(entry: &Entry) -> u64 {
    let names = std::iter::once(&entry.name).chain(&entry.aliases);
    names.map(|name| NAME_BYTES + name.len() as u64 * LETTER_BYTES).sum()
}

fn column<'s>(table: &TableKey, schema: &'s SchemaRef, name: &str) -> Result<(usize, &'s Field)> {
    let Ok(at) = schema.index_of(name) else {
        let message = format!("`find` of `{table}` names the column `{name}`, which its table does not have");
        let error = Error::new(Kind::Invalid, message).code(FIND_COLUMN);
        return Err(match closest(name, schema.fields().iter().map(|f| f.name().as_str())) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("run the asset, if its columns are new"),
        });
    };
    Ok((at, schema.field(at)))
}

fn unfit(table: &TableKey, key: &str, field: &Field, wanted: &str) -> Error {
    let of = Type::of(field).map_or_else(|_| field.data_type().to_string(), |of| of.to_string());
    let message = format!(
        "`find` of `{table}` names the column `{}` as its `{key}`, which is of type {of}",
        field.name()
    );
    Error::new(Kind::Invalid, message).code(FIND_COLUMN).hint(wanted)
}

fn is_id(of: &Type) -> bool {
    matches!(of, Type::String | Type::Uuid) || is_whole(of)
}

fn is_alias(of: &Type) -> bool {
    match of {
        Type::List(of) => **of == Type::String,
        of => *of == Type::String,
    }
}

fn is_number(of: &Type) -> bool {
    is_whole(of) || matches!(of, Type::Float32 | Type::Float64 | Type::Decimal(..))
}

fn is_whole(of: &Type) -> bool {
    matches!(of, Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::UInt64)
}
