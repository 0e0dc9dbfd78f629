//! Typed columns that grow value by value: what every reader of text fills. Nothing is coerced; what does not fit says why.

pub mod number;
pub mod text;
pub mod time;
mod wider;
pub(crate) mod written;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, ListArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use segue_core::source::Column;
use segue_core::{Error, Result, Type};
use std::sync::Arc;
pub use wider::wider;

/// Why a value does not fit, as a short phrase, and where it stands below the value that was to be pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// `expected int32, found "many"`.
    pub reason: String,
    /// Where: `.album.name`, `[2]`; empty at the value itself.
    pub path: String,
}

impl Misfit {
    /// A reason at the value itself.
    pub fn new(reason: impl Into<String>) -> Misfit {
        Misfit {
            reason: reason.into(),
            path: String::new(),
        }
    }

    /// `expected TYPE, found TEXT`, the text cut to something readable.
    pub fn expected(of: &Type, found: &str) -> Misfit {
        Misfit::new(format!("expected {of}, found {}", short(found)))
    }

    /// The same, seen from above.
    pub fn below(mut self, step: &str) -> Misfit {
        self.path.insert_str(0, step);
        self
    }
}

/// At most 60 characters of a text.
pub fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}

/// The most of a record that is kept when it is set aside, in bytes.
pub const RAW: usize = 64 * 1024;

/// Whether all of a record is kept, as it came.
pub fn is_kept(raw: &[u8]) -> bool {
    raw.len() <= RAW && std::str::from_utf8(raw).is_ok()
}

/// A record as text, cut to what is kept; then its end says so.
pub fn raw_text(raw: &[u8]) -> String {
    if raw.len() <= RAW {
        return String::from_utf8_lossy(raw).into_owned();
    }
    let end = format!("… (cut: the record has {} bytes)", raw.len());
    let begin = String::from_utf8_lossy(&raw[..RAW - end.len()]);
    // Half a letter at the cut becomes a mark that is longer than it was.
    format!("{}{end}", begin.trim_end_matches('\u{fffd}'))
}

/// The name of the column for a field of this name: lower case, and only letters, digits and `_` of ASCII, at most 60. Two fields may
/// have one: whoever names columns looks at that.
pub fn named(field: &str) -> String {
    let tidy = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let name: String = field.to_lowercase().chars().map(tidy).take(60).collect();
    match name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
        true => name,
        false => format!("_{name}"),
    }
}

/// A column that grows. Invariant: `valid` and the values have one length, nested ones included.
#[derive(Debug)]
pub struct Builder {
    /// What its values are.
    pub of: Type,
    pub(crate) valid: Vec<bool>,
    pub(crate) values: Values,
}

/// The values, in the shape that Arrow takes over without a copy.
#[derive(Debug)]
pub(crate) enum Values {
    Bool(Vec<bool>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Int128(Vec<i128>),
    Bytes { data: Vec<u8>, ends: Vec<i32> },
    List { ends: Vec<i32>, items: Box<Builder> },
    Struct(Vec<Builder>),
}

impl Builder {
    /// An empty column of this type.
    pub fn new(of: &Type) -> Builder {
        let values = match of {
            Type::Bool => Values::Bool(Vec::new()),
            Type::Int8 => Values::Int8(Vec::new()),
            Type::Int16 => Values::Int16(Vec::new()),
            Type::Int32 | Type::Date => Values::Int32(Vec::new()),
            Type::Int64 | Type::Time | Type::Timestamp | Type::LocalTimestamp => Values::Int64(Vec::new()),
            Type::Float32 => Values::Float32(Vec::new()),
            Type::Float64 => Values::Float64(Vec::new()),
            Type::UInt64 | Type::Decimal(..) => Values::Int128(Vec::new()),
            Type::String | Type::Binary | Type::Uuid | Type::Json => Values::Bytes {
                data: Vec::new(),
                ends: Vec::new(),
            },
            Type::List(of) => Values::List {
                ends: Vec::new(),
                items: Box::new(Builder::new(of)),
            },
            Type::Vector(_) => Values::List {
                ends: Vec::new(),
                items: Box::new(Builder::new(&Type::Float64)),
            },
            Type::Struct(fields) => Values::Struct(fields.iter().map(|(_, of)| Builder::new(of)).collect()),
        };
        Builder {
            of: of.clone(),
            valid: Vec::new(),
            values,
        }
    }

    /// An empty column of the same type, with room for as much as is in this one.
    pub fn like(&self) -> Builder {
        fn room<T>(values: &[T]) -> Vec<T> {
            Vec::with_capacity(values.len())
        }
        let values = match &self.values {
            Values::Bool(v) => Values::Bool(room(v)),
            Values::Int8(v) => Values::Int8(room(v)),
            Values::Int16(v) => Values::Int16(room(v)),
            Values::Int32(v) => Values::Int32(room(v)),
            Values::Int64(v) => Values::Int64(room(v)),
            Values::Float32(v) => Values::Float32(room(v)),
            Values::Float64(v) => Values::Float64(room(v)),
            Values::Int128(v) => Values::Int128(room(v)),
            Values::Bytes { data, ends } => Values::Bytes {
                // Texts are never twice as long together; a little more must not double what is held.
                data: Vec::with_capacity(data.len() + data.len() / 8),
                ends: room(ends),
            },
            Values::List { ends, items } => Values::List {
                ends: room(ends),
                items: Box::new(items.like()),
            },
            Values::Struct(fields) => Values::Struct(fields.iter().map(Builder::like).collect()),
        };
        Builder {
            of: self.of.clone(),
            valid: room(&self.valid),
            values,
        }
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        self.valid.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.valid.is_empty()
    }

    /// Whether its last value is null.
    pub fn ends_with_null(&self) -> bool {
        self.valid.last() == Some(&false)
    }

    /// Appends a null.
    pub fn push_null(&mut self) {
        self.valid.push(false);
        match &mut self.values {
            Values::Bool(v) => v.push(false),
            Values::Int8(v) => v.push(0),
            Values::Int16(v) => v.push(0),
            Values::Int32(v) => v.push(0),
            Values::Int64(v) => v.push(0),
            Values::Float32(v) => v.push(0.0),
            Values::Float64(v) => v.push(0.0),
            Values::Int128(v) => v.push(0),
            Values::Bytes { ends, .. } => ends.push(ends.last().copied().unwrap_or(0)),
            Values::List { ends, .. } => ends.push(ends.last().copied().unwrap_or(0)),
            Values::Struct(fields) => fields.iter_mut().for_each(Builder::push_null),
        }
    }

    /// Appends text or bytes as they are.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), Misfit> {
        let Values::Bytes { data, ends } = &mut self.values else {
            return Err(Misfit::new("no place for bytes"));
        };
        let end =
            i32::try_from(data.len() + bytes.len()).map_err(|_| Misfit::new("more than 2 GiB of text in one batch"))?;
        data.extend_from_slice(bytes);
        ends.push(end);
        self.valid.push(true);
        Ok(())
    }

    /// Forgets all but the first `len` values.
    pub fn truncate(&mut self, len: usize) {
        self.valid.truncate(len);
        let keep = |ends: &mut Vec<i32>| {
            ends.truncate(len);
            ends.last().copied().unwrap_or(0) as usize
        };
        match &mut self.values {
            Values::Bool(v) => v.truncate(len),
            Values::Int8(v) => v.truncate(len),
            Values::Int16(v) => v.truncate(len),
            Values::Int32(v) => v.truncate(len),
            Values::Int64(v) => v.truncate(len),
            Values::Float32(v) => v.truncate(len),
            Values::Float64(v) => v.truncate(len),
            Values::Int128(v) => v.truncate(len),
            Values::Bytes { data, ends } => {
                let kept = keep(ends);
                data.truncate(kept);
            }
            Values::List { ends, items } => {
                let kept = keep(ends);
                items.truncate(kept);
            }
            Values::Struct(fields) => fields.iter_mut().for_each(|f| f.truncate(len)),
        }
    }

    /// The column as Arrow holds it.
    ///
    /// # Errors
    /// `Bug` when the values contradict each other.
    pub fn finish(self) -> Result<ArrayRef> {
        let broken = |e: arrow_schema::ArrowError| Error::bug("a column's values contradict each other").caused_by(e);
        let len = self.valid.len();
        let nulls = self.valid.contains(&false).then(|| NullBuffer::from(self.valid));
        let offsets = |ends: Vec<i32>| {
            let mut all = Vec::with_capacity(ends.len() + 1);
            all.push(0);
            all.extend(ends);
            OffsetBuffer::new(ScalarBuffer::from(all))
        };
        Ok(match self.values {
            Values::Bool(v) => Arc::new(BooleanArray::new(BooleanBuffer::from(v), nulls)),
            Values::Int8(v) => Arc::new(Int8Array::new(v.into(), nulls)),
            Values::Int16(v) => Arc::new(Int16Array::new(v.into(), nulls)),
            Values::Int32(v) if self.of == Type::Date => Arc::new(Date32Array::new(v.into(), nulls)),
            Values::Int32(v) => Arc::new(Int32Array::new(v.into(), nulls)),
            Values::Int64(v) => match self.of {
                Type::Timestamp => Arc::new(TimestampMicrosecondArray::new(v.into(), nulls).with_timezone("UTC")),
                Type::LocalTimestamp => Arc::new(TimestampMicrosecondArray::new(v.into(), nulls)),
                _ => Arc::new(Int64Array::new(v.into(), nulls)),
            },
            Values::Float32(v) => Arc::new(Float32Array::new(v.into(), nulls)),
            Values::Float64(v) => Arc::new(Float64Array::new(v.into(), nulls)),
            Values::Int128(v) => {
                let (precision, scale) = match self.of {
                    Type::Decimal(precision, scale) => (precision, scale as i8),
                    _ => (20, 0),
                };
                let array = Decimal128Array::new(v.into(), nulls);
                Arc::new(array.with_precision_and_scale(precision, scale).map_err(broken)?)
            }
            Values::Bytes { data, ends } if self.of == Type::Binary => {
                Arc::new(BinaryArray::try_new(offsets(ends), Buffer::from_vec(data), nulls).map_err(broken)?)
            }
            Values::Bytes { data, ends } => {
                Arc::new(StringArray::try_new(offsets(ends), Buffer::from_vec(data), nulls).map_err(broken)?)
            }
            Values::List { ends, items } => {
                let DataType::List(field) = self.of.arrow() else {
                    return Err(Error::bug("a list that is no list"));
                };
                Arc::new(ListArray::try_new(field, offsets(ends), items.finish()?, nulls).map_err(broken)?)
            }
            Values::Struct(fields) => {
                let DataType::Struct(of) = self.of.arrow() else {
                    return Err(Error::bug("a struct that is no struct"));
                };
                let columns = fields.into_iter().map(Builder::finish).collect::<Result<Vec<_>>>()?;
                Arc::new(StructArray::try_new_with_length(of, columns, nulls, len).map_err(broken)?)
            }
        })
    }
}

/// The Arrow schema of these columns.
pub fn schema(columns: &[Column]) -> SchemaRef {
    let fields: Vec<Field> = columns.iter().map(|c| c.of.field(&c.name, !c.required)).collect();
    Arc::new(Schema::new(fields))
}

/// A batch of these columns.
///
/// # Errors
/// `Bug` when they do not have one length.
pub fn batch(schema: &SchemaRef, columns: Vec<Builder>) -> Result<RecordBatch> {
    let rows = columns.first().map_or(0, Builder::len);
    let arrays = columns.into_iter().map(Builder::finish).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), arrays, &options)
        .map_err(|e| Error::bug("columns do not make a batch").caused_by(e))
}

#[cfg(test)]
mod tests;
