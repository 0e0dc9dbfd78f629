//! What a value can be: the one table of types, and how each is kept in Arrow, Delta, SQLite and JSON.
//!
//! What Delta lacks is kept in a near Arrow type with the Segue type in the field's metadata ([`TYPE_KEY`]), so that it returns as it went.

use arrow_schema::{DataType, Field, FieldRef, Fields, TimeUnit};
use segue_diag::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The metadata key of a field that names its Segue type, where the Arrow type alone does not.
pub const TYPE_KEY: &str = "segue.type";

/// What a value can be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Type {
    /// True or false.
    Bool,
    /// A signed integer of 8 bits.
    Int8,
    /// A signed integer of 16 bits.
    Int16,
    /// A signed integer of 32 bits.
    Int32,
    /// A signed integer of 64 bits.
    Int64,
    /// An unsigned integer of 64 bits, kept as decimal(20, 0).
    UInt64,
    /// A binary floating-point number of 32 bits.
    Float32,
    /// A binary floating-point number of 64 bits.
    Float64,
    /// An exact number: digits in all (1 to 38), and of them behind the point.
    Decimal(u8, u8),
    /// Text in UTF-8.
    String,
    /// Bytes.
    Binary,
    /// A day of the proleptic Gregorian calendar.
    Date,
    /// A time of day in microseconds since midnight.
    Time,
    /// An instant, in microseconds, UTC.
    Timestamp,
    /// A date and time of day without a zone, in microseconds.
    LocalTimestamp,
    /// A UUID, kept as its text in lower case with hyphens.
    Uuid,
    /// A JSON value, kept as its text.
    Json,
    /// Any number of values of one type.
    List(Box<Type>),
    /// Named values.
    Struct(Vec<(String, Type)>),
    /// Exactly so many float64, none of them null. At most [`Type::MOST_ELEMENTS`].
    Vector(u32),
}

/// One row of the table of types. The reference page (docs/reference/types.md) is written from it.
#[derive(Clone, Debug, Serialize)]
pub struct Mapping {
    /// The type as it is written in a project.
    pub segue: String,
    /// What its values are.
    pub meaning: &'static str,
    /// The Arrow type that holds it.
    pub arrow: String,
    /// The Delta type that holds it.
    pub delta: String,
    /// The declared type of a column in SQLite.
    pub sqlite: String,
    /// What SQLite stores for a value.
    pub sqlite_value: &'static str,
    /// The type of a column in PostgreSQL.
    pub postgres: String,
    /// The JSON that is taken for it; nothing else is.
    pub json: &'static str,
}

impl Type {
    /// The most elements of a vector.
    pub const MOST_ELEMENTS: u32 = 65_536;

    /// One of each type, parametrised ones with an example.
    pub fn examples() -> Vec<Type> {
        use Type::*;
        vec![
            Bool,
            Int8,
            Int16,
            Int32,
            Int64,
            UInt64,
            Float32,
            Float64,
            Decimal(10, 2),
            String,
            Binary,
            Date,
            Time,
            Timestamp,
            LocalTimestamp,
            Uuid,
            Json,
            List(Box::new(String)),
            Struct(vec![("a".into(), Int32)]),
            Vector(6),
        ]
    }

    /// This type's row in the table.
    pub fn mapping(&self) -> Mapping {
        use Type::*;
        let (meaning, sqlite_value, json) = match self {
            Bool => ("True or false", "an integer, 0 or 1", "`true` or `false`"),
            Int8 => ("-128 to 127", "an integer", "a whole number in its bounds"),
            Int16 => ("-32,768 to 32,767", "an integer", "a whole number in its bounds"),
            Int32 => (
                "A whole number of 32 bits",
                "an integer",
                "a whole number in its bounds",
            ),
            Int64 => (
                "A whole number of 64 bits",
                "an integer",
                "a whole number in its bounds",
            ),
            UInt64 => (
                "0 to 18,446,744,073,709,551,615",
                "text",
                "a whole number in its bounds",
            ),
            Float32 => (
                "A binary floating-point number, about 7 digits",
                "a real",
                "a number that does not overflow it",
            ),
            Float64 => ("A binary floating-point number, about 15 digits", "a real", "a number"),
            Decimal(..) => (
                "An exact number: digits in all (1 to 38), and of them behind the point",
                "text",
                "a number, or its text, with no digits beyond",
            ),
            String => ("Text", "text", "a string"),
            Binary => ("Bytes", "a blob", "a string in base64"),
            Date => ("A day", "text, `2024-02-29`", "a string `YYYY-MM-DD`"),
            Time => (
                "A time of day, in microseconds",
                "text, `23:30:00.000000`",
                "a string `HH:MM:SS`, with up to six digits more",
            ),
            Timestamp => (
                "An instant, in microseconds",
                "text in UTC, `2024-02-29T21:30:00.000000Z`",
                "a string in RFC 3339, with an offset",
            ),
            LocalTimestamp => (
                "A day and a time without a zone, in microseconds",
                "text, `2024-02-29T23:30:00.000000`",
                "a string `YYYY-MM-DDTHH:MM:SS`, with up to six digits more",
            ),
            Uuid => ("A UUID, in lower case with hyphens", "text", "a string that is one"),
            Json => ("Any JSON value, kept as it was written", "text", "anything"),
            List(_) => ("Any number of values of one type", "text in JSON", "an array"),
            Struct(_) => ("Named values", "text in JSON", "an object"),
            Vector(_) => (
                "Exactly so many float64, none of them null",
                "text in JSON",
                "an array of exactly so many numbers",
            ),
        };
        Mapping {
            segue: self.to_string(),
            meaning,
            arrow: self.arrow().to_string(),
            delta: self.delta(),
            sqlite: self.sqlite(),
            sqlite_value,
            postgres: self.postgres(),
            json,
        }
    }

    fn delta(&self) -> std::string::String {
        let plain = match self {
            Type::Bool => "boolean",
            Type::Int8 => "byte",
            Type::Int16 => "short",
            Type::Int32 => "integer",
            Type::Int64 | Type::Time => "long",
            Type::UInt64 => "decimal(20,0)",
            Type::Float32 => "float",
            Type::Float64 => "double",
            Type::String | Type::Uuid | Type::Json => "string",
            Type::Binary => "binary",
            Type::Date => "date",
            Type::Timestamp => "timestamp",
            Type::LocalTimestamp => "timestamp_ntz",
            Type::Decimal(precision, scale) => return format!("decimal({precision},{scale})"),
            Type::List(of) => return format!("array<{}>", of.delta()),
            Type::Vector(_) => "array<double>",
            Type::Struct(fields) => {
                let fields: Vec<_> = fields.iter().map(|(n, t)| format!("{n}: {}", t.delta())).collect();
                return format!("struct<{}>", fields.join(", "));
            }
        };
        plain.to_string()
    }

    /// The declared type of a column in SQLite.
    ///
    /// The word decides how SQLite converts what is stored. One that it does not know makes text that looks like a number into one, and keeps
    /// 15 digits of it: so decimals and JSON are declared with words that have TEXT in them.
    pub fn sqlite(&self) -> std::string::String {
        let plain = match self {
            Type::Bool => "BOOLEAN",
            Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => "INTEGER",
            Type::UInt64 => "DECIMAL_TEXT(20,0)",
            Type::Decimal(precision, scale) => return format!("DECIMAL_TEXT({precision},{scale})"),
            Type::Float32 | Type::Float64 => "REAL",
            Type::String => "TEXT",
            Type::Binary => "BLOB",
            Type::Date => "DATE",
            Type::Time => "TIME",
            Type::Timestamp => "TIMESTAMP",
            Type::LocalTimestamp => "DATETIME",
            Type::Uuid => "UUID",
            Type::Json | Type::List(_) | Type::Struct(_) | Type::Vector(_) => "JSON_TEXT",
        };
        plain.to_string()
    }

    /// The type of a column in PostgreSQL, as the server writes it (`format_type`), in which every value of this type has a place of its own.
    ///
    /// JSON is `json`, which keeps a value as it was written; what is nested deeper than an array of plain values is `jsonb`.
    pub fn postgres(&self) -> std::string::String {
        let plain = match self {
            Type::Bool => "boolean",
            Type::Int8 | Type::Int16 => "smallint",
            Type::Int32 => "integer",
            Type::Int64 => "bigint",
            Type::UInt64 => "numeric(20,0)",
            Type::Decimal(precision, scale) => return format!("numeric({precision},{scale})"),
            Type::Float32 => "real",
            Type::Float64 => "double precision",
            Type::String => "text",
            Type::Binary => "bytea",
            Type::Date => "date",
            Type::Time => "time without time zone",
            Type::Timestamp => "timestamp with time zone",
            Type::LocalTimestamp => "timestamp without time zone",
            Type::Uuid => "uuid",
            Type::Json => "json",
            Type::Vector(_) => "double precision[]",
            Type::List(of) => match **of {
                Type::List(_) | Type::Struct(_) | Type::Vector(_) => "jsonb",
                _ => return format!("{}[]", of.postgres()),
            },
            Type::Struct(_) => "jsonb",
        };
        plain.to_string()
    }

    /// The Arrow type that holds it, the same in memory, in Delta and between capabilities.
    pub fn arrow(&self) -> DataType {
        match self {
            Type::Bool => DataType::Boolean,
            Type::Int8 => DataType::Int8,
            Type::Int16 => DataType::Int16,
            Type::Int32 => DataType::Int32,
            Type::Int64 => DataType::Int64,
            Type::UInt64 => DataType::Decimal128(20, 0),
            Type::Float32 => DataType::Float32,
            Type::Float64 => DataType::Float64,
            Type::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale as i8),
            Type::String | Type::Uuid | Type::Json => DataType::Utf8,
            Type::Binary => DataType::Binary,
            Type::Date => DataType::Date32,
            Type::Time => DataType::Int64,
            Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Type::LocalTimestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Type::List(of) => DataType::List(Arc::new(of.field("element", true))),
            Type::Struct(fields) => DataType::Struct(fields.iter().map(|(n, t)| Arc::new(t.field(n, true))).collect()),
            Type::Vector(_) => DataType::List(Arc::new(Field::new("element", DataType::Float64, true))),
        }
    }

    /// A field of this type, with its metadata where the Arrow type alone does not say it.
    pub fn field(&self, name: &str, nullable: bool) -> Field {
        let field = Field::new(name, self.arrow(), nullable);
        match self {
            Type::UInt64 | Type::Time | Type::Uuid | Type::Json | Type::Vector(_) => {
                field.with_metadata(HashMap::from([(TYPE_KEY.to_string(), self.to_string())]))
            }
            _ => field,
        }
    }

    /// The type of a field: what its metadata says, else what the Arrow type means, else the type that takes every value of it.
    ///
    /// # Errors
    /// `Unsupported` for what would lose something: nanoseconds, decimals wider than 38 digits, negative scales, maps, unions, intervals.
    pub fn of(field: &Field) -> Result<Type> {
        if let Some(said) = field.metadata().get(TYPE_KEY)
            && let Ok(named) = said.parse::<Type>()
            && kept_alike(&named.arrow(), field.data_type())
        {
            return Ok(named);
        }
        Type::of_arrow(field.data_type()).map_err(|e| e.with("column", field.name()))
    }

    /// The type that takes every value of an Arrow type.
    ///
    /// # Errors
    /// `Unsupported` as for [`Type::of`].
    pub fn of_arrow(data_type: &DataType) -> Result<Type> {
        Ok(match data_type {
            DataType::Boolean | DataType::Null => Type::Bool,
            DataType::Int8 => Type::Int8,
            DataType::Int16 | DataType::UInt8 => Type::Int16,
            DataType::Int32 | DataType::UInt16 => Type::Int32,
            DataType::Int64 | DataType::UInt32 => Type::Int64,
            DataType::UInt64 => Type::UInt64,
            DataType::Float16 | DataType::Float32 => Type::Float32,
            DataType::Float64 => Type::Float64,
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) if *s >= 0 => {
                Type::Decimal(*p, *s as u8)
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Type::String,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Type::Binary
            }
            DataType::Date32 => Type::Date,
            DataType::Time32(_) | DataType::Time64(TimeUnit::Microsecond) => Type::Time,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => return Err(refused(data_type, "it holds nanoseconds")),
            DataType::Timestamp(_, Some(_)) => Type::Timestamp,
            DataType::Timestamp(_, None) => Type::LocalTimestamp,
            DataType::Dictionary(_, value) => Type::of_arrow(value)?,
            DataType::List(of) | DataType::LargeList(of) | DataType::ListView(of) | DataType::FixedSizeList(of, _) => {
                Type::List(Box::new(Type::of(of)?))
            }
            DataType::Struct(fields) => Type::Struct(
                fields
                    .iter()
                    .map(|f| Ok((f.name().clone(), Type::of(f)?)))
                    .collect::<Result<_>>()?,
            ),
            other => return Err(refused(other, "there is no type that keeps every value of it")),
        })
    }

    /// Whether every value of `self` is a value of `wider`, unchanged.
    pub fn widens_to(&self, wider: &Type) -> bool {
        use Type::*;
        let whole_digits = |t: &Type| match t {
            Int8 => Some(3),
            Int16 => Some(5),
            Int32 => Some(10),
            Int64 => Some(19),
            UInt64 => Some(20),
            _ => None,
        };
        match (self, wider) {
            (a, b) if a == b => true,
            (Int8, Int16 | Int32 | Int64 | Float32 | Float64) => true,
            (Int16, Int32 | Int64 | Float32 | Float64) => true,
            (Int32, Int64 | Float64) => true,
            (Float32, Float64) => true,
            (Decimal(p, s), Decimal(q, t)) => t >= s && q - t >= p - s,
            (whole, Decimal(q, t)) if whole_digits(whole).is_some() => whole_digits(whole) <= Some(q - t),
            (Uuid | Json, String) => true,
            (Vector(_), List(of)) => **of == Float64,
            (List(a), List(b)) => a.widens_to(b),
            (Struct(a), Struct(b)) => a.iter().all(|(n, t)| b.iter().any(|(m, u)| n == m && t.widens_to(u))),
            _ => false,
        }
    }

    /// The narrowest type that takes every value of both, if there is one.
    pub fn common(&self, other: &Type) -> Option<Type> {
        use Type::*;
        if self.widens_to(other) {
            return Some(other.clone());
        }
        if other.widens_to(self) {
            return Some(self.clone());
        }
        match (self, other) {
            (Int64, Float32 | Float64) | (Float32 | Float64, Int64) => None,
            (Int32, Float32) | (Float32, Int32) => Some(Float64),
            (List(a), List(b)) => a.common(b).map(|t| List(Box::new(t))),
            (Struct(a), Struct(b)) => {
                let mut fields = Vec::new();
                for (name, t) in a {
                    match b.iter().find(|(n, _)| n == name) {
                        Some((_, u)) => fields.push((name.clone(), t.common(u)?)),
                        None => fields.push((name.clone(), t.clone())),
                    }
                }
                fields.extend(b.iter().filter(|(n, _)| !a.iter().any(|(m, _)| m == n)).cloned());
                Some(Struct(fields))
            }
            _ => None,
        }
    }
}

/// Whether two Arrow types hold the same values in the same way, names of list elements and nullability aside.
pub fn kept_alike(a: &DataType, b: &DataType) -> bool {
    match (a, b) {
        (DataType::List(a), DataType::List(b)) => kept_alike(a.data_type(), b.data_type()),
        (DataType::Struct(a), DataType::Struct(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| a.name() == b.name() && kept_alike(a.data_type(), b.data_type()))
        }
        _ => a == b,
    }
}

/// The fields of these columns, in order.
pub fn fields(columns: impl IntoIterator<Item = (String, Type, bool)>) -> Fields {
    columns
        .into_iter()
        .map(|(name, of, nullable)| FieldRef::new(of.field(&name, nullable)))
        .collect()
}

fn refused(data_type: &DataType, why: &str) -> Error {
    Error::new(
        Kind::Unsupported,
        format!("a column of type {data_type} cannot be kept: {why}"),
    )
    .hint("cast it to a type that Segue has; see docs/reference/types.md")
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Bool => "bool",
            Type::Int8 => "int8",
            Type::Int16 => "int16",
            Type::Int32 => "int32",
            Type::Int64 => "int64",
            Type::UInt64 => "uint64",
            Type::Float32 => "float32",
            Type::Float64 => "float64",
            Type::String => "string",
            Type::Binary => "binary",
            Type::Date => "date",
            Type::Time => "time",
            Type::Timestamp => "timestamp",
            Type::LocalTimestamp => "local_timestamp",
            Type::Uuid => "uuid",
            Type::Json => "json",
            Type::Decimal(p, s) => return write!(f, "decimal({p},{s})"),
            Type::List(of) => return write!(f, "list<{of}>"),
            Type::Vector(n) => return write!(f, "vector({n})"),
            Type::Struct(fields) => {
                let fields: Vec<String> = fields.iter().map(|(n, t)| format!("{}: {t}", field_name(n))).collect();
                return write!(f, "struct<{}>", fields.join(", "));
            }
        })
    }
}

/// A field's name as it stands in a type's text: one that is no word, in quotes.
fn field_name(name: &str) -> std::borrow::Cow<'_, str> {
    if !name.is_empty() && name.chars().all(is_of_word) {
        return name.into();
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")).into()
}

impl From<Type> for String {
    fn from(of: Type) -> String {
        of.to_string()
    }
}

impl TryFrom<String> for Type {
    type Error = Error;
    fn try_from(text: String) -> Result<Type> {
        text.parse()
    }
}

impl FromStr for Type {
    type Err = Error;

    fn from_str(text: &str) -> Result<Type> {
        let mut rest = text;
        let parsed = parse(&mut rest, 0).filter(|_| rest.trim().is_empty());
        parsed.ok_or_else(|| {
            Error::new(Kind::Invalid, format!("`{text}` is not a type"))
                .hint("types are bool, int8 to int64, uint64, float32, float64, decimal(p,s), string, binary, date, time, timestamp, local_timestamp, uuid, json, list<…>, struct<name: …>, vector(n)")
        })
    }
}

/// Reads one type off the front of `rest`. Nesting is bounded, because the text is a user's.
fn parse(rest: &mut &str, depth: usize) -> Option<Type> {
    if depth > 16 {
        return None;
    }
    let word = word(rest);
    Some(match word {
        "bool" => Type::Bool,
        "int8" => Type::Int8,
        "int16" => Type::Int16,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "uint64" => Type::UInt64,
        "float32" => Type::Float32,
        "float64" => Type::Float64,
        "string" => Type::String,
        "binary" => Type::Binary,
        "date" => Type::Date,
        "time" => Type::Time,
        "timestamp" => Type::Timestamp,
        "local_timestamp" => Type::LocalTimestamp,
        "uuid" => Type::Uuid,
        "json" => Type::Json,
        "decimal" => {
            eat(rest, "(")?;
            let precision: u8 = number(rest)?;
            let scale = if eat(rest, ",").is_some() { number(rest)? } else { 0 };
            eat(rest, ")")?;
            Type::Decimal(precision, scale).checked()?
        }
        "vector" => {
            eat(rest, "(")?;
            let n = number(rest)?;
            eat(rest, ")")?;
            Type::Vector(n).checked()?
        }
        "list" => {
            eat(rest, "<")?;
            let of = parse(rest, depth + 1)?;
            eat(rest, ">")?;
            Type::List(Box::new(of))
        }
        "struct" => {
            eat(rest, "<")?;
            let mut fields: Vec<(String, Type)> = Vec::new();
            loop {
                let name = match eat(rest, "\"") {
                    Some(()) => quoted(rest)?,
                    None => Some(self::word(rest).to_string()).filter(|name| !name.is_empty())?,
                };
                if fields.iter().any(|(n, _)| *n == name) {
                    return None;
                }
                eat(rest, ":")?;
                fields.push((name, parse(rest, depth + 1)?));
                if eat(rest, ",").is_none() {
                    break;
                }
            }
            eat(rest, ">")?;
            Type::Struct(fields)
        }
        _ => return None,
    })
}

impl Type {
    fn checked(self) -> Option<Type> {
        match self {
            Type::Decimal(p, s) if p == 0 || p > 38 || s > p => None,
            Type::Vector(n) if n == 0 || n > Type::MOST_ELEMENTS => None,
            fine => Some(fine),
        }
    }
}

fn word<'a>(rest: &mut &'a str) -> &'a str {
    let text = rest.trim_start();
    let end = text.find(|c| !is_of_word(c)).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    *rest = after;
    word
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The rest of a name in quotes, up to its closing one.
fn quoted(rest: &mut &str) -> Option<String> {
    let mut name = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                *rest = &rest[at + 1..];
                return Some(name);
            }
            '\\' => name.push(chars.next()?.1),
            c => name.push(c),
        }
    }
    None
}

fn eat(rest: &mut &str, token: &str) -> Option<()> {
    *rest = rest.trim_start().strip_prefix(token)?;
    Some(())
}

fn number<T: FromStr>(rest: &mut &str) -> Option<T> {
    word(rest).parse().ok()
}

#[cfg(test)]
mod tests;
