//! Columns from records, where nobody declared any.

use super::parse::{Bad, Parser, Shape};
use crate::columns::number;
use segue_core::Type;
use segue_core::source::Column;

/// What was seen of one field.
#[derive(Debug)]
struct Guess {
    key: String,
    of: Option<Type>,
    /// Whether all whole numbers so far are ones that a float64 holds.
    small: bool,
}

/// Looks at records and says which columns they have.
///
/// Whole numbers are `int64`, or a decimal where they are larger; with fractions among them `float64`. Text is `string`: dates are not
/// guessed. Arrays, objects and fields of several types are `json`, which keeps them as they were written. A field that was always
/// null has no column until a value shows its type.
#[derive(Debug, Default)]
pub struct Inference {
    guesses: Vec<Guess>,
    scalar: Option<Guess>,
}

impl Inference {
    /// Takes a record into account; one that is no JSON counts for nothing.
    pub fn look(&mut self, record: &str) {
        let mut parser = Parser::new(record);
        let Ok(shape) = parser.peek() else { return };
        if shape != Shape::Object {
            return self.look_at_value(record);
        }
        let mut fields = Vec::new();
        let read = parser.object(|key, p| {
            fields.push((key, seen(p.skip(false)?)));
            Ok::<(), Bad>(())
        });
        if read.is_err() {
            return;
        }
        for (key, seen) in fields {
            match self.guesses.iter_mut().find(|g| g.key == key) {
                Some(guess) => guess.add(seen),
                None => {
                    let mut guess = Guess {
                        key: key.into_owned(),
                        of: None,
                        small: true,
                    };
                    guess.add(seen);
                    self.guesses.push(guess);
                }
            }
        }
    }

    /// Takes a value into account that is one column by itself, whatever it is.
    pub fn look_at_value(&mut self, text: &str) {
        let guess = self.scalar.get_or_insert_with(|| Guess {
            key: String::new(),
            of: None,
            small: true,
        });
        if let Ok(text) = Parser::new(text).skip(false) {
            guess.add(seen(text));
        }
    }

    /// The type of the values that were looked at by themselves; text where all were null.
    pub fn single(&self) -> Type {
        self.scalar.as_ref().and_then(|g| g.of.clone()).unwrap_or(Type::String)
    }

    /// The columns, in the order in which their fields first came.
    pub fn columns(&self) -> Vec<Column> {
        let mut columns: Vec<Column> = Vec::new();
        for guess in &self.guesses {
            if let Some(of) = &guess.of {
                let column = named(&guess.key, of.clone(), &columns);
                columns.push(column);
            }
        }
        if let Some(Guess { of: Some(of), .. }) = &self.scalar {
            columns.push(Column {
                name: "value".into(),
                of: of.clone(),
                required: false,
                path: Some("$".into()),
                value: None,
            });
        }
        columns
    }

    /// Fields that were always null.
    pub fn untold(&self) -> Vec<&str> {
        self.guesses
            .iter()
            .filter(|g| g.of.is_none())
            .map(|g| g.key.as_str())
            .collect()
    }
}

/// A column for this key under a name that no other has.
pub fn named(key: &str, of: Type, others: &[Column]) -> Column {
    let lower = key.to_lowercase();
    let mut name: String = lower
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' })
        .take(60)
        .collect();
    if !name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
        name.insert(0, '_');
    }
    let base = name.clone();
    let mut n = 2;
    while others.iter().any(|c| c.name == name) {
        name = format!("{base}_{n}");
        n += 1;
    }
    let path = (name != key).then(|| match key.starts_with('$') || key.is_empty() {
        true => format!("$[{}]", super::quoted(key)),
        false => key.to_string(),
    });
    Column {
        name,
        of,
        required: false,
        path,
        value: None,
    }
}

/// The type of one value, and whether it is a whole number that a float64 holds. `None`: null.
pub fn seen(text: &str) -> Option<(Type, bool)> {
    Some(match text.as_bytes().first()? {
        b'n' => return None,
        b't' | b'f' => (Type::Bool, true),
        b'"' => (Type::String, true),
        b'{' | b'[' => (Type::Json, true),
        _ if number::int64(text).is_ok() => (Type::Int64, number::float64(text).is_ok()),
        _ if !text.contains(['.', 'e', 'E']) => match text.trim_start_matches('-').len() {
            digits @ ..=38 => (Type::Decimal(digits as u8, 0), false),
            _ => (Type::Json, true),
        },
        _ if number::float64(text).is_ok() => (Type::Float64, true),
        _ => (Type::Json, true),
    })
}

impl Guess {
    fn add(&mut self, seen: Option<(Type, bool)>) {
        let Some((of, small)) = seen else { return };
        self.small &= small;
        self.of = Some(match self.of.take() {
            None => of,
            Some(before) if before == of => of,
            Some(before) => match (&before, &of) {
                (Type::Int64, Type::Float64) | (Type::Float64, Type::Int64) if self.small => Type::Float64,
                (Type::Int64 | Type::Decimal(..), Type::Int64 | Type::Decimal(..)) => {
                    before.common(&of).unwrap_or(Type::Json)
                }
                _ => Type::Json,
            },
        });
    }
}

#[cfg(test)]
mod tests;
