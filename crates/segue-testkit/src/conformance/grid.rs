//! Rows as texts: each value as a text that says it exactly, so that no value is taken for another, and none is compared by what shows it.
//!
//! Whole numbers, dates (days since 1970), times and instants (microseconds) and the digits of decimals are whole numbers; floats are what
//! Rust writes, so that `-0.0`, `NaN` and the last bit are told; bytes are in hexadecimal; lists, vectors and structs are a JSON list of the
//! texts of their parts.

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, ListArray, PrimitiveArray, RecordBatch, RecordBatchOptions,
    StringArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Schema, SchemaRef};
use segue_core::types::kept_alike;
use segue_core::{Error, Result, Type};
use std::str::FromStr;
use std::sync::Arc;

/// A value; `None` is null.
pub type Cell = Option<String>;

/// A value that is there.
pub fn some(text: impl ToString) -> Cell {
    Some(text.to_string())
}

/// Rows in columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// Each column's name and type.
    pub columns: Vec<(String, Type)>,
    /// The rows, each as long as the columns.
    pub rows: Vec<Vec<Cell>>,
}

impl Grid {
    /// No rows in these columns.
    pub fn of(columns: &[(&str, Type)]) -> Grid {
        Grid {
            columns: columns
                .iter()
                .map(|(name, of)| (name.to_string(), of.clone()))
                .collect(),
            rows: Vec::new(),
        }
    }

    /// The same columns with these rows.
    #[must_use]
    pub fn with(&self, rows: Vec<Vec<Cell>>) -> Grid {
        Grid {
            columns: self.columns.clone(),
            rows,
        }
    }

    /// Where a column stands.
    pub fn at(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(n, _)| n == name)
    }

    /// The rows in an order of their own: as a set that knows how often each is there.
    #[must_use]
    pub fn sorted(mut self) -> Grid {
        self.rows.sort();
        self
    }

    /// The rows in these columns, in their order; a column that is not there is null.
    #[must_use]
    pub fn aligned(&self, columns: &[(String, Type)]) -> Grid {
        let places: Vec<Option<usize>> = columns.iter().map(|(name, _)| self.at(name)).collect();
        let row = |row: &Vec<Cell>| places.iter().map(|at| at.and_then(|at| row[at].clone())).collect();
        Grid {
            columns: columns.to_vec(),
            rows: self.rows.iter().map(row).collect(),
        }
    }

    /// The schema, every column nullable.
    pub fn schema(&self) -> SchemaRef {
        schema_of(&self.columns)
    }

    /// The rows as a batch.
    ///
    /// # Panics
    /// When a text is none of its column's type.
    pub fn batch(&self) -> RecordBatch {
        let columns = self.columns.iter().enumerate().map(|(at, (_, of))| {
            let cells: Vec<Cell> = self.rows.iter().map(|row| row[at].clone()).collect();
            array(of, &cells)
        });
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        RecordBatch::try_new_with_options(self.schema(), columns.collect(), &options).expect("cells of their types")
    }

    /// What these batches hold.
    ///
    /// # Errors
    /// For a column that is of no type of Segue's.
    pub fn read(schema: &Schema, batches: &[RecordBatch]) -> Result<Grid> {
        let mut grid = Grid {
            columns: columns_of(schema)?,
            rows: Vec::new(),
        };
        for batch in batches {
            if batch.schema().fields().len() != grid.columns.len() {
                return Err(Error::bug(format!("a batch is of another schema: {}", batch.schema())));
            }
            let columns: Vec<Vec<Cell>> = grid
                .columns
                .iter()
                .zip(batch.columns())
                .map(|((_, of), column)| cells(of, column))
                .collect::<Result<_>>()?;
            let rows = (0..batch.num_rows()).map(|row| columns.iter().map(|c| c[row].clone()).collect());
            grid.rows.extend(rows);
        }
        Ok(grid)
    }
}

/// The columns of a schema.
///
/// # Errors
/// For a column that is of no type of Segue's.
pub fn columns_of(schema: &Schema) -> Result<Vec<(String, Type)>> {
    let fields = schema.fields().iter();
    fields.map(|f| Ok((f.name().clone(), Type::of(f)?))).collect()
}

/// The schema of these columns, each nullable.
pub fn schema_of(columns: &[(String, Type)]) -> SchemaRef {
    let fields = columns.iter().map(|(name, of)| of.field(name, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A cell as it is ranged over: dates in microseconds. `None` for null, and for a type that nobody ranges over.
pub fn number(of: &Type, cell: &Cell) -> Option<i64> {
    let value: i64 = cell.as_deref()?.parse().ok()?;
    match of {
        Type::Date => Some(value * DAY),
        Type::Timestamp | Type::LocalTimestamp | Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => Some(value),
        _ => None,
    }
}

/// A day in microseconds.
pub const DAY: i64 = 86_400_000_000;

fn numbers<T: ArrowPrimitiveType>(cells: &[Cell]) -> PrimitiveArray<T>
where
    T::Native: FromStr,
{
    let parsed = cells.iter().map(|cell| {
        let text = cell.as_deref()?;
        Some(
            text.parse::<T::Native>()
                .unwrap_or_else(|_| panic!("`{text}` is no {:?}", T::DATA_TYPE)),
        )
    });
    parsed.collect()
}

fn parts(cell: &Cell) -> Vec<Cell> {
    cell.as_deref()
        .map(|text| serde_json::from_str(text).unwrap_or_else(|_| panic!("`{text}` is no list of cells")))
        .unwrap_or_default()
}

fn valid(cells: &[Cell]) -> NullBuffer {
    cells.iter().map(Option::is_some).collect::<Vec<_>>().into()
}

/// These cells as a column.
///
/// # Panics
/// When a text is none of the type.
pub fn array(of: &Type, cells: &[Cell]) -> ArrayRef {
    match of {
        Type::Bool => Arc::new(
            cells
                .iter()
                .map(|c| c.as_deref().map(|t| t == "true"))
                .collect::<BooleanArray>(),
        ),
        Type::Int8 => Arc::new(numbers::<Int8Type>(cells)),
        Type::Int16 => Arc::new(numbers::<Int16Type>(cells)),
        Type::Int32 => Arc::new(numbers::<Int32Type>(cells)),
        Type::Int64 | Type::Time => Arc::new(numbers::<Int64Type>(cells)),
        Type::UInt64 | Type::Decimal(..) => Arc::new(numbers::<Decimal128Type>(cells).with_data_type(of.arrow())),
        Type::Float32 => Arc::new(numbers::<Float32Type>(cells)),
        Type::Float64 => Arc::new(numbers::<Float64Type>(cells)),
        Type::Date => Arc::new(numbers::<Date32Type>(cells)),
        Type::Timestamp => Arc::new(numbers::<TimestampMicrosecondType>(cells).with_timezone("UTC")),
        Type::LocalTimestamp => Arc::new(numbers::<TimestampMicrosecondType>(cells)),
        Type::String | Type::Uuid | Type::Json => Arc::new(cells.iter().cloned().collect::<StringArray>()),
        Type::Binary => {
            let mut bytes = BinaryBuilder::new();
            cells
                .iter()
                .for_each(|cell| bytes.append_option(cell.as_deref().map(from_hex)));
            Arc::new(bytes.finish())
        }
        Type::List(_) | Type::Vector(_) => {
            let inner = match of {
                Type::List(inner) => inner.as_ref().clone(),
                _ => Type::Float64,
            };
            let lists: Vec<Vec<Cell>> = cells.iter().map(parts).collect();
            let offsets = OffsetBuffer::from_lengths(lists.iter().map(Vec::len));
            let DataType::List(field) = of.arrow() else {
                unreachable!("a list is one")
            };
            Arc::new(ListArray::new(
                field,
                offsets,
                array(&inner, &lists.concat()),
                Some(valid(cells)),
            ))
        }
        Type::Struct(fields) => {
            let rows: Vec<Vec<Cell>> = cells.iter().map(parts).collect();
            let columns = fields.iter().enumerate().map(|(at, (_, of))| {
                let cells: Vec<Cell> = rows.iter().map(|row| row.get(at).cloned().flatten()).collect();
                array(of, &cells)
            });
            let DataType::Struct(arrow) = of.arrow() else {
                unreachable!("a struct is one")
            };
            Arc::new(StructArray::new(arrow, columns.collect(), Some(valid(cells))))
        }
    }
}

/// A column as cells.
///
/// # Errors
/// When it does not hold the type in the type's own Arrow form.
pub fn cells(of: &Type, column: &ArrayRef) -> Result<Vec<Cell>> {
    if !kept_alike(column.data_type(), &of.arrow()) {
        let found = column.data_type();
        return Err(Error::bug(format!("a column of {of} came as {found}")));
    }
    macro_rules! shown {
        ($as:expr) => {
            $as.iter().map(|v| v.map(|v| format!("{v:?}"))).collect()
        };
    }
    Ok(match of {
        Type::Bool => shown!(column.as_boolean()),
        Type::Int8 => shown!(column.as_primitive::<Int8Type>()),
        Type::Int16 => shown!(column.as_primitive::<Int16Type>()),
        Type::Int32 => shown!(column.as_primitive::<Int32Type>()),
        Type::Int64 | Type::Time => shown!(column.as_primitive::<Int64Type>()),
        Type::UInt64 | Type::Decimal(..) => shown!(column.as_primitive::<Decimal128Type>()),
        Type::Float32 => shown!(column.as_primitive::<Float32Type>()),
        Type::Float64 => shown!(column.as_primitive::<Float64Type>()),
        Type::Date => shown!(column.as_primitive::<Date32Type>()),
        Type::Timestamp | Type::LocalTimestamp => shown!(column.as_primitive::<TimestampMicrosecondType>()),
        Type::String | Type::Uuid | Type::Json => {
            column.as_string::<i32>().iter().map(|v| v.map(String::from)).collect()
        }
        Type::Binary => column.as_binary::<i32>().iter().map(|v| v.map(to_hex)).collect(),
        Type::List(inner) => lists(inner, column)?,
        Type::Vector(_) => lists(&Type::Float64, column)?,
        Type::Struct(fields) => {
            let values = column.as_struct();
            let columns: Vec<Vec<Cell>> = fields
                .iter()
                .zip(values.columns())
                .map(|((_, of), column)| cells(of, column))
                .collect::<Result<_>>()?;
            let row = |row: usize| listed(&columns.iter().map(|c| c[row].clone()).collect::<Vec<_>>());
            (0..values.len())
                .map(|at| values.is_valid(at).then(|| row(at)))
                .collect()
        }
    })
}

fn lists(of: &Type, column: &ArrayRef) -> Result<Vec<Cell>> {
    let lists = column.as_list::<i32>().iter();
    lists
        .map(|list| list.map(|list| Ok(listed(&cells(of, &list)?))).transpose())
        .collect()
}

/// Cells as the text of one cell that is a list or a struct of them.
pub fn listed(cells: &[Cell]) -> String {
    serde_json::to_string(cells).expect("texts are JSON")
}

/// Bytes in hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .chars()
        .map(|c| c.to_digit(16).expect("a hexadecimal digit"))
        .collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        for (of, texts) in crate::conformance::sink::edges() {
            let cells: Vec<Cell> = texts.into_iter().map(Some).chain([None]).collect();
            assert_eq!(super::cells(&of, &array(&of, &cells)).unwrap(), cells, "{of}");
        }
    }
}
