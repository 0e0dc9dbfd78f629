//! One JSON value into one typed column.

use super::parse::{Bad, Parser, Shape};
use super::{MAX_DEPTH, quoted};
use crate::columns::{Builder, Misfit, Values, named, number, short};
use segue_core::Type;

impl From<Bad> for Misfit {
    fn from(bad: Bad) -> Misfit {
        Misfit::new(bad.reason)
    }
}

/// How an object's keys are found among the fields of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// The type was declared: by their names.
    Exact,
    /// The type was found out: by the names that they got.
    Tidied,
}

impl Keys {
    /// The field of this key.
    pub fn place(self, fields: &[(String, Type)], key: &str) -> Option<usize> {
        let at = |name: &str| fields.iter().position(|(field, _)| field == name);
        match self {
            Keys::Exact => at(key),
            Keys::Tidied => at(key).or_else(|| at(&named(key))),
        }
    }
}

/// Appends the value of this text, which must be one JSON value.
///
/// # Errors
/// Why it does not fit; the column is as before.
pub(crate) fn push_value(column: &mut Builder, text: &str, keys: Keys) -> Result<(), Misfit> {
    let len = column.len();
    let mut parser = Parser::new(text);
    let pushed = push(column, &mut parser, keys).and_then(|()| Ok(parser.end()?));
    if pushed.is_err() {
        column.truncate(len);
    }
    pushed
}

/// Appends the value that comes next. `null` is null.
///
/// # Errors
/// Why it does not fit. The column may have grown by then: whoever calls cuts it back.
pub(crate) fn push(column: &mut Builder, parser: &mut Parser<'_>, keys: Keys) -> Result<(), Misfit> {
    if column.of == Type::Json {
        let text = parser.skip(true)?;
        return if text == "null" {
            column.push_null();
            Ok(())
        } else {
            column.push_bytes(text.as_bytes())
        };
    }
    let shape = parser.peek()?;
    if shape == Shape::Null && parser.null()? {
        column.push_null();
        return Ok(());
    }
    match (&column.of, shape) {
        (Type::String, Shape::String) => {
            let text = parser.string()?;
            return column.push_bytes(text.as_bytes());
        }
        (Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::UInt64, Shape::Number) => {
            let text = parser.number()?;
            return column.push_whole(text).map_err(|why| unfit(&column.of, text, why));
        }
        (
            Type::Binary | Type::Date | Type::Time | Type::Timestamp | Type::LocalTimestamp | Type::Uuid,
            Shape::String,
        ) => {
            let text = parser.string()?;
            return column
                .push_worded(&text)
                .map_err(|why| unfit(&column.of, &quoted(&text), why));
        }
        (Type::Decimal(precision, scale), Shape::Number | Shape::String) => {
            let text = if shape == Shape::Number {
                parser.number()?.into()
            } else {
                parser.string()?
            };
            let value = number::decimal(&text, *precision, *scale).map_err(|why| unfit(&column.of, &text, why))?;
            let Values::Int128(values) = &mut column.values else {
                return Err(Misfit::new("no place for a decimal"));
            };
            values.push(value);
        }
        _ => return push_nested(column, parser, shape, keys),
    }
    column.valid.push(true);
    Ok(())
}

fn push_nested(column: &mut Builder, parser: &mut Parser<'_>, shape: Shape, keys: Keys) -> Result<(), Misfit> {
    let of = &column.of;
    match (&mut column.values, shape) {
        (Values::Bool(values), Shape::Bool) => values.push(parser.bool()?),
        (Values::Float32(values), Shape::Number) => {
            let text = parser.number()?;
            values.push(number::float32(text).map_err(|why| unfit(of, text, why))?);
        }
        (Values::Float64(values), Shape::Number) => {
            let text = parser.number()?;
            values.push(number::float64(text).map_err(|why| unfit(of, text, why))?);
        }
        (Values::List { ends, items }, Shape::Array) => {
            let before = items.len();
            parser.array(|index, p| {
                push(items, p, keys).map_err(|m| m.below(&format!("[{index}]")))?;
                if matches!(of, Type::Vector(_)) && items.ends_with_null() {
                    return Err(Misfit::new("expected a number, found null").below(&format!("[{index}]")));
                }
                Ok(())
            })?;
            if let Type::Vector(wanted) = of {
                let found = items.len() - before;
                if found != *wanted as usize {
                    return Err(Misfit::new(format!("expected {wanted} numbers, found {found}")));
                }
            }
            ends.push(i32::try_from(items.len()).map_err(|_| Misfit::new("too much for one batch"))?);
        }
        (Values::Struct(columns), Shape::Object) => {
            let Type::Struct(names) = of else {
                return Err(Misfit::new("no place for an object"));
            };
            let row = column.valid.len();
            parser.object(|key, p| {
                let Some(at) = keys.place(names, &key) else {
                    return Ok(p.skip(true).map(drop)?);
                };
                if columns[at].len() > row {
                    let reason = match keys.place(names, &key) == Keys::Exact.place(names, &key) {
                        true => format!("the key {} twice", quoted(&key)),
                        false => format!("another key than {} is the field `{}` too", quoted(&key), names[at].0),
                    };
                    return Err(Misfit::new(reason));
                }
                push(&mut columns[at], p, keys).map_err(|m| m.below(&format!(".{key}")))
            })?;
            for missing in columns.iter_mut().filter(|c| c.len() == row) {
                missing.push_null();
            }
        }
        _ => {
            let found = parser.skip(false)?;
            return Err(Misfit::expected(of, found));
        }
    }
    column.valid.push(true);
    Ok(())
}

fn unfit(of: &Type, found: &str, why: &str) -> Misfit {
    Misfit::new(format!("expected {of}, found {} ({why})", short(found)))
}

const _: () = assert!(MAX_DEPTH <= 64, "the parser and its callers recurse once a level");
