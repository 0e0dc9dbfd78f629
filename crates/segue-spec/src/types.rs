//! The types of columns, as they are written: `string`, `decimal(10,2)`, `list<string>`, `struct<a: int32>`, `vector(6)`.

use crate::name::column_name;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The type of a column. DESIGN's one table of types in the form in which a project writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// True or false.
    Bool,
    /// A whole number of 8 bits.
    Int8,
    /// A whole number of 16 bits.
    Int16,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A whole number of 64 bits that is never negative.
    UInt64,
    /// A floating-point number of 32 bits.
    Float32,
    /// A floating-point number of 64 bits.
    Float64,
    /// An exact decimal number. Invariant: 1 ≤ precision ≤ 38, scale ≤ precision.
    Decimal {
        /// All digits.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// Text.
    String,
    /// Bytes.
    Binary,
    /// A day.
    Date,
    /// A time of day, microseconds.
    Time,
    /// An instant, UTC, microseconds.
    Timestamp,
    /// A day and a time without a zone, microseconds.
    LocalTimestamp,
    /// A UUID.
    Uuid,
    /// Any JSON value, kept as text.
    Json,
    /// A list of one type.
    List(Box<Type>),
    /// Named fields in order. Invariant: at least one, no name twice.
    Struct(Vec<(String, Type)>),
    /// So many 64-bit floating-point numbers, none of them null. Invariant: 1 to 65,536.
    Vector(u32),
}

/// How deep lists and structs may stand in each other.
const MAX_DEPTH: usize = 16;

const PLAIN: [(&str, Type); 16] = [
    ("bool", Type::Bool),
    ("int8", Type::Int8),
    ("int16", Type::Int16),
    ("int32", Type::Int32),
    ("int64", Type::Int64),
    ("uint64", Type::UInt64),
    ("float32", Type::Float32),
    ("float64", Type::Float64),
    ("string", Type::String),
    ("binary", Type::Binary),
    ("date", Type::Date),
    ("time", Type::Time),
    ("timestamp", Type::Timestamp),
    ("local_timestamp", Type::LocalTimestamp),
    ("uuid", Type::Uuid),
    ("json", Type::Json),
];

/// What people write from habit, and what it is called here.
const OTHER_WORDS: [(&str, &str); 18] = [
    ("int", "int32"),
    ("integer", "int32"),
    ("bigint", "int64"),
    ("long", "int64"),
    ("smallint", "int16"),
    ("tinyint", "int8"),
    ("float", "float64"),
    ("double", "float64"),
    ("real", "float32"),
    ("text", "string"),
    ("varchar", "string"),
    ("str", "string"),
    ("boolean", "bool"),
    ("bytes", "binary"),
    ("datetime", "local_timestamp"),
    ("timestamptz", "timestamp"),
    ("numeric", "decimal(38,9)"),
    ("jsonb", "json"),
];

impl Type {
    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        use Type::*;
        matches!(
            self,
            Int8 | Int16 | Int32 | Int64 | UInt64 | Float32 | Float64 | Decimal { .. }
        )
    }

    /// Whether a value, as YAML or JSON write it, can be compared with one of this type: text for days and times, a whole number in its
    /// bounds for whole numbers. It may be finer than the type is: a day is a bound of instants. Null is of no type.
    pub fn takes(&self, value: &Value) -> bool {
        let whole = |low: i64, high: i64| value.as_i64().is_some_and(|n| (low..=high).contains(&n));
        let text = |reads: fn(&str) -> bool| value.as_str().is_some_and(reads);
        match self {
            Type::Bool => value.is_boolean(),
            Type::Int8 => whole(i8::MIN.into(), i8::MAX.into()),
            Type::Int16 => whole(i16::MIN.into(), i16::MAX.into()),
            Type::Int32 => whole(i32::MIN.into(), i32::MAX.into()),
            Type::Int64 => value.is_i64(),
            Type::UInt64 => value.is_u64(),
            Type::Float32 | Type::Float64 => value.is_number(),
            Type::Decimal { .. } => value.is_number() || text(|t| t.parse::<f64>().is_ok_and(f64::is_finite)),
            Type::String | Type::Binary => value.is_string(),
            Type::Uuid => text(is_uuid),
            Type::Date => text(|t| t.parse::<jiff::civil::Date>().is_ok()),
            Type::Time => text(|t| t.parse::<jiff::civil::Time>().is_ok()),
            Type::Timestamp | Type::LocalTimestamp => {
                text(|t| t.parse::<jiff::Timestamp>().is_ok() || t.parse::<jiff::civil::DateTime>().is_ok())
            }
            Type::Json => !value.is_null(),
            Type::List(of) => value.as_array().is_some_and(|items| items.iter().all(|v| of.takes(v))),
            Type::Struct(fields) => value.as_object().is_some_and(|given| {
                let of = |name: &String| fields.iter().find(|(n, _)| n == name).map(|(_, of)| of);
                given
                    .iter()
                    .all(|(name, v)| v.is_null() || of(name).is_none_or(|of| of.takes(v)))
            }),
            Type::Vector(size) => value
                .as_array()
                .is_some_and(|items| items.len() == *size as usize && items.iter().all(Value::is_number)),
        }
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

impl FromStr for Type {
    type Err = String;

    fn from_str(text: &str) -> Result<Type, String> {
        let mut parser = Parser { text, at: 0 };
        let found = parser.ty(0)?;
        match parser.rest().trim_start() {
            "" => Ok(found),
            rest => Err(format!("`{rest}` is left over after the type `{found}`")),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn need(&mut self, wanted: char, what: &str) -> Result<(), String> {
        if self.eat(wanted) {
            Ok(())
        } else {
            Err(format!("`{}` needs a `{wanted}` {what}", self.text))
        }
    }

    fn word(&mut self) -> &'a str {
        self.skip_space();
        let rest = self.rest();
        let len = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn number(&mut self, what: &str) -> Result<u32, String> {
        let word = self.word();
        word.parse()
            .map_err(|_| format!("`{word}` in `{}` is not the number of {what}", self.text))
    }

    fn ty(&mut self, depth: usize) -> Result<Type, String> {
        if depth > MAX_DEPTH {
            return Err(format!("types stand in each other more than {MAX_DEPTH} deep"));
        }
        let word = self.word();
        match word {
            "decimal" => self.decimal(),
            "list" => {
                self.need('<', "after `list`")?;
                let item = self.ty(depth + 1)?;
                self.need('>', "at the end of the list")?;
                Ok(Type::List(Box::new(item)))
            }
            "struct" => self.fields(depth),
            "vector" => {
                self.need('(', "after `vector`")?;
                let size = self.number("elements")?;
                self.need(')', "after the number of elements")?;
                match size {
                    1..=65_536 => Ok(Type::Vector(size)),
                    _ => Err(format!("a vector has 1 to 65536 elements, not {size}")),
                }
            }
            _ => plain(word),
        }
    }

    fn decimal(&mut self) -> Result<Type, String> {
        self.need('(', "after `decimal`")?;
        let precision = self.number("digits")?;
        let scale = if self.eat(',') {
            self.number("digits after the point")?
        } else {
            0
        };
        self.need(')', "after the digits")?;
        match (u8::try_from(precision), u8::try_from(scale)) {
            (Ok(precision @ 1..=38), Ok(scale)) if scale <= precision => Ok(Type::Decimal { precision, scale }),
            (Ok(1..=38), _) => Err(format!(
                "decimal({precision},{scale}) has more digits after the point than digits"
            )),
            _ => Err(format!("a decimal has 1 to 38 digits, not {precision}")),
        }
    }

    fn fields(&mut self, depth: usize) -> Result<Type, String> {
        self.need('<', "after `struct`")?;
        let mut fields: Vec<(String, Type)> = Vec::new();
        loop {
            let name = self.word();
            column_name(name)?;
            if fields.iter().any(|(n, _)| n == name) {
                return Err(format!("the struct has two fields `{name}`"));
            }
            self.need(':', "between a field's name and its type")?;
            fields.push((name.to_string(), self.ty(depth + 1)?));
            if !self.eat(',') {
                break;
            }
        }
        self.need('>', "at the end of the struct")?;
        Ok(Type::Struct(fields))
    }
}

fn plain(word: &str) -> Result<Type, String> {
    if let Some((_, found)) = PLAIN.iter().find(|(name, _)| *name == word) {
        return Ok(found.clone());
    }
    let names = PLAIN
        .iter()
        .map(|(n, _)| *n)
        .chain(["decimal", "list", "struct", "vector"]);
    let lower = word.to_lowercase();
    let meant = OTHER_WORDS.iter().find(|(w, _)| *w == lower).map(|(_, ours)| *ours);
    match meant.or_else(|| segue_diag::closest(word, names)) {
        Some(meant) => Err(format!("there is no type `{word}`; did you mean `{meant}`?")),
        None => Err(format!("there is no type `{word}`")),
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Type::List(item) => write!(f, "list<{item}>"),
            Type::Struct(fields) => {
                f.write_str("struct<")?;
                for (i, (name, ty)) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{name}: {ty}")?;
                }
                f.write_str(">")
            }
            Type::Vector(size) => write!(f, "vector({size})"),
            plain => {
                let name = PLAIN.iter().find(|(_, t)| t == plain).map(|(n, _)| *n);
                f.write_str(name.expect("every other type stands in PLAIN"))
            }
        }
    }
}

impl Serialize for Type {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Type {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Type, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Type {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Type".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "type" })
    }
}

#[cfg(test)]
mod tests;
