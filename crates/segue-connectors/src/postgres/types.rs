//! What a column of PostgreSQL is here, and how its values are read from a binary COPY.
//!
//! A type whose binary form tells every value exactly is decoded; any other is asked for as the server's own text (or JSON), which does.
//! Sources: PostgreSQL's documentation, chapter 8 (data types) and `COPY`, "Binary Format"; the `…_send` functions of its types.

use super::place::quoted;
use segue_core::Type;
use tokio_postgres::types::{Field, Kind, Type as PgType};

/// How a column is asked for and read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    /// What it is here.
    pub of: Type,
    /// What its bytes are.
    pub form: Form,
    /// What the server makes of it first.
    pub cast: Cast,
}

/// What the server makes of a column before it is sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cast {
    /// Nothing.
    None,
    /// Its text.
    Text,
    /// Its elements' texts.
    Texts,
    /// A number without a currency.
    Numeric,
    /// Its elements' numbers.
    Numerics,
    /// JSON; of a value of this type that JSON does not tell in full, its text behind [`UNTOLD`].
    Json(PgType),
}

/// What stands before the text of a value that JSON does not tell in full. No JSON begins so.
pub(super) const UNTOLD: u8 = 1;

impl Cast {
    /// The expression that asks for the column of this quoted name.
    pub fn of(&self, name: &str) -> String {
        match self {
            Cast::None => name.to_string(),
            Cast::Text => format!("{name}::text"),
            Cast::Texts => format!("{name}::text[]"),
            Cast::Numeric => format!("{name}::numeric"),
            Cast::Numerics => format!("{name}::numeric[]"),
            Cast::Json(of) => match is_told(name, of, Within::Nothing) {
                None => format!("pg_catalog.to_json({name})"),
                Some(told) => {
                    format!(
                        "case when {told} then pg_catalog.to_json({name})::text else chr({UNTOLD}) || {name}::text end"
                    )
                }
            },
        }
    }
}

/// What the bytes of a value are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    Bool,
    Int16,
    Int32,
    Int64,
    /// Four bytes without a sign.
    Oid,
    Float32,
    Float64,
    /// Digits to the base of 10,000; into a decimal of this scale, or into text.
    Numeric,
    /// Text, or text that is JSON.
    Text,
    /// JSON with a byte before it that says how it is written.
    Jsonb,
    /// JSON that the server made of a value, as [`Cast::Json`] asks for it.
    Told,
    Bytes,
    Uuid,
    /// Days since 2000-01-01.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds since 2000-01-01.
    Timestamp,
    /// An array with so many dimensions.
    Array(Box<Form>, usize),
    /// An array of float4 of `pgvector`.
    Vector,
    /// The JSON text of what is nested.
    Nested,
}

/// The most digits of a decimal.
const MOST_DIGITS: i32 = 38;

/// How a column of this type is read; `modifier` is the type's (precision and scale, a length), -1 for none, `dimensions` how many an array
/// was declared with.
pub(super) fn reading(of: &PgType, modifier: i32, dimensions: usize) -> Reading {
    let plain = |of, form| Reading {
        of,
        form,
        cast: Cast::None,
    };
    let text = Reading {
        of: Type::String,
        form: Form::Text,
        cast: Cast::Text,
    };
    if matches!(*of, PgType::INT2_VECTOR | PgType::OID_VECTOR) {
        // Arrays whose first element is number 0.
        return text;
    }
    match of.kind() {
        Kind::Domain(base) => return reading(base, modifier, dimensions),
        Kind::Enum(_) => return plain(Type::String, Form::Text),
        Kind::Composite(_) => return json(of),
        Kind::Array(element) => return array(of, element, modifier, dimensions.max(1)),
        Kind::Range(_) | Kind::Multirange(_) => return text,
        _ => {}
    }
    match *of {
        PgType::BOOL => plain(Type::Bool, Form::Bool),
        PgType::INT2 => plain(Type::Int16, Form::Int16),
        PgType::INT4 => plain(Type::Int32, Form::Int32),
        PgType::INT8 => plain(Type::Int64, Form::Int64),
        PgType::OID => plain(Type::Int64, Form::Oid),
        PgType::FLOAT4 => plain(Type::Float32, Form::Float32),
        PgType::FLOAT8 => plain(Type::Float64, Form::Float64),
        PgType::NUMERIC => plain(numeric(modifier), Form::Numeric),
        PgType::MONEY => Reading {
            of: Type::String,
            form: Form::Numeric,
            cast: Cast::Numeric,
        },
        PgType::TEXT | PgType::VARCHAR | PgType::BPCHAR | PgType::NAME | PgType::XML => plain(Type::String, Form::Text),
        PgType::BYTEA => plain(Type::Binary, Form::Bytes),
        PgType::UUID => plain(Type::Uuid, Form::Uuid),
        PgType::JSON => plain(Type::Json, Form::Text),
        PgType::JSONB => plain(Type::Json, Form::Jsonb),
        PgType::DATE => plain(Type::Date, Form::Date),
        PgType::TIME => plain(Type::Time, Form::Time),
        PgType::TIMESTAMP => plain(Type::LocalTimestamp, Form::Timestamp),
        PgType::TIMESTAMPTZ => plain(Type::Timestamp, Form::Timestamp),
        _ => match of.name() {
            // Types of extensions are known by their names.
            "hstore" => json(of),
            "vector" => match u32::try_from(modifier) {
                Ok(many @ 1..=Type::MOST_ELEMENTS) => plain(Type::Vector(many), Form::Vector),
                _ => plain(Type::List(Box::new(Type::Float32)), Form::Vector),
            },
            _ => text,
        },
    }
}

/// A type by what the server's catalogue says of it: its number, its name, and what kind it is (`pg_type.typtype`).
pub(super) struct Listed {
    pub oid: u32,
    pub name: String,
    pub kind: String,
}

impl Listed {
    fn kind(&self) -> Kind {
        match self.kind.as_str() {
            "e" => Kind::Enum(Vec::new()),
            "c" => Kind::Composite(Vec::new()),
            _ => Kind::Simple,
        }
    }

    fn of_kind(self, kind: Kind) -> PgType {
        PgType::from_oid(self.oid).unwrap_or_else(|| PgType::new(self.name, self.oid, kind, String::new()))
    }
}

/// How a column is read whose type is known by the catalogue alone; `elements` is what an array has.
pub(super) fn reading_by(of: Listed, elements: Option<Listed>, modifier: i32, dimensions: usize) -> Reading {
    let kind = match elements {
        Some(elements) => {
            let kind = elements.kind();
            Kind::Array(elements.of_kind(kind))
        }
        None => of.kind(),
    };
    reading(&of.of_kind(kind), modifier, dimensions)
}

/// How a column that was made for this type ([`Type::postgres`]) is read back.
pub(super) fn written_as(of: &Type) -> Reading {
    let plain = |form| Reading {
        of: of.clone(),
        form,
        cast: Cast::None,
    };
    plain(match of {
        Type::Bool => Form::Bool,
        Type::Int8 | Type::Int16 => Form::Int16,
        Type::Int32 => Form::Int32,
        Type::Int64 => Form::Int64,
        Type::Float32 => Form::Float32,
        Type::Float64 => Form::Float64,
        Type::UInt64 | Type::Decimal(..) => Form::Numeric,
        Type::String | Type::Json => Form::Text,
        Type::Binary => Form::Bytes,
        Type::Uuid => Form::Uuid,
        Type::Date => Form::Date,
        Type::Time => Form::Time,
        Type::Timestamp | Type::LocalTimestamp => Form::Timestamp,
        Type::Vector(_) => Form::Array(Box::new(Form::Float64), 1),
        Type::List(inner) => match **inner {
            Type::List(_) | Type::Struct(_) | Type::Vector(_) => return nested(of),
            _ => Form::Array(Box::new(written_as(inner).form), 1),
        },
        Type::Struct(_) => return nested(of),
    })
}

fn nested(of: &Type) -> Reading {
    Reading {
        of: of.clone(),
        form: Form::Nested,
        cast: Cast::Text,
    }
}

fn json(of: &PgType) -> Reading {
    Reading {
        of: Type::Json,
        form: Form::Told,
        cast: Cast::Json(of.clone()),
    }
}

/// Where a value stands in the one that JSON is made of.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    Nothing,
    Composite,
    /// So deep in arrays.
    Array(usize),
}

/// The condition under which JSON tells all of a value of this type, `None` where it always does. It does not say where an array begins that does not
/// begin at 1; a JSON null in it looks like no value, and a JSON array among an array's elements like one more dimension.
fn is_told(value: &str, of: &PgType, within: Within) -> Option<String> {
    match of.kind() {
        Kind::Domain(base) => {
            let base_name = format!("{}.{}", quoted(base.schema()), quoted(base.name()));
            is_told(&format!("{value}::{base_name}"), base, within)
        }
        Kind::Composite(fields) => {
            let field = |f: &Field| is_told(&format!("({value}).{}", quoted(f.name())), f.type_(), Within::Composite);
            let each: Vec<String> = fields.iter().filter_map(field).collect();
            (!each.is_empty()).then(|| each.join(" and "))
        }
        Kind::Array(element) => {
            let depth = match within {
                Within::Array(depth) => depth + 1,
                _ => 0,
            };
            let begins = format!(r"coalesce(pg_catalog.array_dims({value}) ~ '^(\[1:[0-9]+\])+$', true)");
            let item = format!("_segue_{depth}");
            Some(match is_told(&item, element, Within::Array(depth)) {
                Some(told) => {
                    format!(
                        "{begins} and not exists (select from pg_catalog.unnest({value}) {item} where not ({told}))"
                    )
                }
                None => begins,
            })
        }
        _ if within != Within::Nothing && matches!(*of, PgType::JSON | PgType::JSONB) => {
            let but = match within {
                Within::Array(_) => "'null', 'array'",
                _ => "'null'",
            };
            Some(format!("coalesce({of}_typeof({value}) not in ({but}), true)"))
        }
        _ => None,
    }
}

/// An exact number with a declared precision; one of any precision has no decimal type that keeps it, and stays its text.
fn numeric(modifier: i32) -> Type {
    if modifier < 4 {
        return Type::String;
    }
    // The modifier holds a precision and a scale of eleven bits with a sign, and counts the length of its own header.
    let (precision, scale) = ((modifier - 4) >> 16 & 0xffff, ((modifier - 4) & 0x7ff ^ 1024) - 1024);
    let digits = if scale < 0 {
        precision - scale
    } else {
        precision.max(scale)
    };
    match (u8::try_from(digits), u8::try_from(scale.max(0))) {
        (Ok(digits @ 1..), Ok(scale)) if i32::from(digits) <= MOST_DIGITS => Type::Decimal(digits, scale),
        _ => Type::String,
    }
}

fn array(of: &PgType, element: &PgType, modifier: i32, dimensions: usize) -> Reading {
    let inner = reading(element, modifier, 0);
    let cast = match inner.cast {
        Cast::None => Cast::None,
        Cast::Text => Cast::Texts,
        Cast::Numeric => Cast::Numerics,
        Cast::Texts | Cast::Numerics | Cast::Json(_) => return json(of),
    };
    Reading {
        of: (0..dimensions).fold(inner.of, |of, _| Type::List(Box::new(of))),
        form: Form::Array(Box::new(inner.form), dimensions),
        cast,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(of: &PgType, modifier: i32, dimensions: usize) -> String {
        let reading = reading(of, modifier, dimensions);
        format!("{} as {}", reading.cast.of("c"), reading.of)
    }

    /// What the server gives a `numeric(precision, scale)`.
    fn modifier(precision: i32, scale: i32) -> i32 {
        (precision << 16 | scale & 0x7ff) + 4
    }

    #[test]
    fn numbers_of_a_precision_are_decimals_and_others_stay_their_text() {
        let of = |precision, scale| told(&PgType::NUMERIC, modifier(precision, scale), 0);
        assert_eq!(told(&PgType::NUMERIC, -1, 0), "c as string");
        assert_eq!(of(10, 2), "c as decimal(10,2)");
        assert_eq!(of(38, 38), "c as decimal(38,38)");
        assert_eq!(of(39, 2), "c as string");
        assert_eq!(of(1000, 0), "c as string");
        // Rounded to hundreds; and smaller than one, with zeros after the point.
        assert_eq!(of(5, -2), "c as decimal(7,0)");
        assert_eq!(of(3, 5), "c as decimal(5,5)");
    }

    #[test]
    fn what_has_no_exact_binary_form_here_comes_as_text() {
        let table = [
            (PgType::INET, -1, 0),
            (PgType::INTERVAL, -1, 0),
            (PgType::TIMETZ, -1, 0),
            (PgType::VARBIT, 5, 0),
            (PgType::TS_VECTOR, -1, 0),
            (PgType::INT4_RANGE, -1, 0),
            (PgType::MONEY, -1, 0),
            (PgType::INET_ARRAY, -1, 1),
            (PgType::MONEY_ARRAY, -1, 1),
            (PgType::INT4_ARRAY, -1, 0),
            (PgType::NUMERIC_ARRAY, modifier(8, 3), 2),
            (PgType::JSONB, -1, 0),
            (PgType::BPCHAR, 9, 0),
        ];
        let lines: Vec<String> = table
            .iter()
            .map(|(of, modifier, dimensions)| format!("{of}: {}", told(of, *modifier, *dimensions)))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        inet: c::text as string
        interval: c::text as string
        timetz: c::text as string
        varbit: c::text as string
        tsvector: c::text as string
        int4range: c::text as string
        money: c::numeric as string
        _inet: c::text[] as list<string>
        _money: c::numeric[] as list<string>
        _int4: c as list<int32>
        _numeric: c as list<list<decimal(8,3)>>
        jsonb: c as json
        bpchar: c as string
        ");
    }
}
