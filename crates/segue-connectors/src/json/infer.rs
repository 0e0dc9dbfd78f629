//! Columns from records, where nobody declared any.

use super::decode::{Changes, Decoder, Given, Layout};
use super::parse::{Bad, Parser, Shape};
use crate::columns::{named, number};
use arrow_array::cast::AsArray;
use segue_core::source::{Column, OnChange};
use segue_core::{Error, Kind, Result, Type};
use std::collections::HashMap;
use std::sync::Arc;

/// The most columns that are found out.
pub const MOST_COLUMNS: usize = 10_000;
/// The column of records that are no objects.
pub const VALUE: &str = "value";

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
    /// Where the guess about a key is.
    places: HashMap<String, usize>,
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
            match self.places.get(key.as_ref()) {
                Some(at) => self.guesses[*at].add(seen),
                None => {
                    self.places.insert(key.to_string(), self.guesses.len());
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
        self.told().unwrap_or(Type::String)
    }

    /// The type of the values that were looked at by themselves; `None` where all were null.
    fn told(&self) -> Option<Type> {
        self.scalar.as_ref().and_then(|g| g.of.clone())
    }

    /// The columns, in the order in which their fields first came.
    ///
    /// # Errors
    /// `BadData` when two fields would be one column, or there are too many of them.
    pub fn columns(&self) -> Result<Vec<Column>> {
        let hint = "declare those that you want under `columns:`, each with its `path:`";
        let told = self
            .guesses
            .iter()
            .filter_map(|g| Some((g.key.as_str(), g.of.clone()?)));
        let mut columns: Vec<Column> = told.map(|(key, of)| column(key, of)).collect();
        if columns.len() > MOST_COLUMNS {
            let what = format!(
                "the records have {} fields, and no more than {MOST_COLUMNS} are found out",
                columns.len()
            );
            return Err(Error::new(Kind::BadData, what).hint(hint));
        }
        let mut names: HashMap<&str, &Column> = HashMap::with_capacity(columns.len());
        for column in &columns {
            if let Some(other) = names.insert(&column.name, column) {
                let field = |c: &Column| c.path.clone().unwrap_or_else(|| c.name.clone());
                let (one, two) = (field(other), field(column));
                let what = format!(
                    "the fields `{one}` and `{two}` would both be the column `{}`",
                    column.name
                );
                return Err(Error::new(Kind::BadData, what).hint(hint));
            }
        }
        // It has no path: what is frozen is known by its name alone, and the decoder finds it by that.
        if let Some(Guess { of: Some(of), .. }) = &self.scalar
            && !columns.iter().any(|c| c.name == VALUE)
        {
            columns.push(column(VALUE, of.clone()));
        }
        Ok(columns)
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

/// The types of declared columns that have none, as what stands at their places in these records shows them. One that was always null is
/// `json`, which takes whatever comes.
///
/// # Errors
/// `Invalid` for a path that cannot be read.
pub fn types_of<'r>(columns: &[&Column], records: impl Iterator<Item = &'r [u8]>) -> Result<Vec<Type>> {
    let as_written = |c: &&Column| Column {
        of: Type::Json,
        required: false,
        ..(*c).clone()
    };
    let changes = Changes {
        declared: true,
        new_column: OnChange::Quarantine,
        type_change: OnChange::Quarantine,
    };
    let layout = Layout::new(columns.iter().map(as_written).collect(), &|_| false, changes)?;
    let mut decoder = Decoder::new(Arc::new(layout));
    for record in records {
        // One that does not fit says nothing here, and is set aside later.
        decoder.record(record, &mut |_| Given::Nothing);
    }
    let rows = decoder.finish()?.batch;
    let told = rows.columns().iter().map(|texts| {
        let mut inference = Inference::default();
        for text in texts.as_string::<i32>().iter().flatten() {
            inference.look_at_value(text);
        }
        inference.told().unwrap_or(Type::Json)
    });
    Ok(told.collect())
}

/// A column for this key.
pub fn column(key: &str, of: Type) -> Column {
    let name = named(key);
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
