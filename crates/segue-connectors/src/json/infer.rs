//! Columns from records, where nobody declared any.

use super::decode::{Changes, Decoder, Given, Layout};
use super::parse::{Bad, Parser, Shape};
use super::{Keys, push_value};
use crate::columns::{self, Builder, named, number};
use arrow_array::cast::AsArray;
use segue_core::source::{Column, Nested, Nesting, OnChange};
use segue_core::{Error, Kind, Result, Type};
use std::collections::HashMap;
use std::sync::Arc;

/// The most columns that are found out.
pub const MOST_COLUMNS: usize = 10_000;
/// The column of records that are no objects.
pub const VALUE: &str = "value";

/// How many lists and objects stand in each other, the outermost included, that get a type: what is below is `json`.
pub const MOST_LEVELS: usize = 8;
/// The most fields that an object's type has. One with more is a table by its keys, and `json`.
pub const MOST_FIELDS: usize = 1_000;

/// What was seen of one field, and of what stands in it.
#[derive(Debug)]
struct Guess {
    of: Option<Seen>,
    /// Whether all whole numbers so far are ones that a float64 holds.
    small: bool,
}

/// What values were.
#[derive(Debug)]
enum Seen {
    Plain(Type),
    List(Box<Guess>),
    Object(Vec<(String, Guess)>),
}

/// Looks at records and says which columns they have.
///
/// Whole numbers are `int64`, or a decimal where they are larger; with fractions among them `float64`. Text is `string`: dates are not
/// guessed. Fields of several types are `json`, which keeps them as they were written; arrays and objects are, too, unless they are to be
/// lists and structs. A field that was always null, or always empty, has no column until a value shows its type.
#[derive(Debug, Default)]
pub struct Inference {
    nested: Nesting,
    guesses: Vec<(String, Guess)>,
    /// Where the guess about a key is.
    places: HashMap<String, usize>,
    scalar: Option<Guess>,
}

impl Inference {
    /// One in which objects and lists become this.
    pub fn new(nested: Nesting) -> Inference {
        Inference {
            nested,
            ..Inference::default()
        }
    }

    /// Takes a record into account; one that is no JSON counts for nothing.
    pub fn look(&mut self, record: &str) {
        let mut parser = Parser::new(record);
        let Ok(shape) = parser.peek() else { return };
        if shape != Shape::Object {
            return self.look_at_value(record);
        }
        let mut fields = Vec::new();
        let read = parser.object(|key, p| {
            fields.push((key, p.skip(false)?));
            Ok::<(), Bad>(())
        });
        if read.is_err() {
            return;
        }
        for (key, text) in fields {
            let levels = levels(self.nested.of(&named(&key)));
            let at = match self.places.get(key.as_ref()) {
                Some(at) => *at,
                None => {
                    self.places.insert(key.to_string(), self.guesses.len());
                    self.guesses.push((key.into_owned(), Guess::default()));
                    self.guesses.len() - 1
                }
            };
            self.guesses[at].1.look(text, levels);
        }
    }

    /// Takes a value into account that is one column by itself, whatever it is.
    pub fn look_at_value(&mut self, text: &str) {
        let guess = self.scalar.get_or_insert_default();
        if let Ok(text) = Parser::new(text).skip(false) {
            guess.look(text, levels(self.nested.of(VALUE)));
        }
    }

    /// The type of the values that were looked at by themselves; text where all were null.
    pub fn single(&self) -> Type {
        self.told().unwrap_or(Type::String)
    }

    /// The type of the values that were looked at by themselves; `None` where all were null.
    fn told(&self) -> Option<Type> {
        self.scalar.as_ref().and_then(Guess::told)
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
            .filter_map(|(key, guess)| Some((key.as_str(), guess.told()?)));
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
        if let Some(of) = self.told()
            && !columns.iter().any(|c| c.name == VALUE)
        {
            columns.push(column(VALUE, of));
        }
        Ok(columns)
    }
}

/// How many levels get a type.
fn levels(nested: Nested) -> usize {
    match nested {
        Nested::Json => 0,
        Nested::Struct => MOST_LEVELS,
    }
}

/// The types of declared columns that have none, as what stands at their places in these records shows them. One that was always null, or
/// always empty, is `json`, which takes whatever comes.
///
/// # Errors
/// `Invalid` for a path that cannot be read.
pub fn types_of<'r>(
    columns: &[&Column],
    nested: &Nesting,
    records: impl Iterator<Item = &'r [u8]>,
) -> Result<Vec<Type>> {
    let as_written = |c: &&Column| Column {
        of: Type::Json,
        required: false,
        ..(*c).clone()
    };
    let changes = Changes {
        declared: true,
        new_column: OnChange::Quarantine,
        type_change: OnChange::Quarantine,
        nested: Nesting::default(),
    };
    let layout = Layout::new(columns.iter().map(as_written).collect(), &|_| false, changes)?;
    let mut decoder = Decoder::new(Arc::new(layout));
    for record in records {
        // One that does not fit says nothing here, and is set aside later.
        decoder.record(record, &mut |_| Given::Nothing);
    }
    let rows = decoder.finish()?.batch;
    let told = rows.columns().iter().zip(columns).map(|(texts, column)| {
        let levels = levels(nested.of(&column.name));
        let mut guess = Guess::default();
        for text in texts.as_string::<i32>().iter().flatten() {
            guess.look(text, levels);
        }
        guess.told().unwrap_or(Type::Json)
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

/// The type of one value; `None` where it tells of none, because it is null or empty.
pub fn type_of(text: &str, nested: Nested) -> Option<Type> {
    let mut guess = Guess::default();
    guess.look(text, levels(nested));
    guess.told()
}

/// The first field in this value that a type which was found out does not have, as the path to it from the value.
pub fn new_field(of: &Type, text: &str) -> Option<String> {
    let mut found = None;
    let mut parser = Parser::new(text);
    let read = match (of, text.as_bytes().first()) {
        (Type::Struct(fields), Some(b'{')) => parser.object(|key, p| {
            let text = p.skip(false)?;
            if found.is_none() {
                found = match Keys::Tidied.place(fields, &key) {
                    Some(at) => new_field(&fields[at].1, text),
                    None => type_of(text, Nested::Struct).map(|_| String::new()),
                }
                .map(|below| format!("{}{below}", super::step(&key)));
            }
            Ok::<(), Bad>(())
        }),
        (Type::List(of), Some(b'[')) => parser.array(|index, p| {
            let text = p.skip(false)?;
            if found.is_none() {
                found = new_field(of, text).map(|below| format!("[{index}]{below}"));
            }
            Ok(())
        }),
        _ => Ok(()),
    };
    found.filter(|_| read.is_ok())
}

/// A type for all values of `of` and for this one as well, exactly; `None` where there is none. New fields of objects are added.
pub fn widened(of: &Type, text: &str, nested: Nested) -> Option<Type> {
    widened_to(of, text, levels(nested))
}

fn widened_to(of: &Type, text: &str, levels: usize) -> Option<Type> {
    let mut parser = Parser::new(text);
    match (of, text.as_bytes().first()?) {
        (Type::Struct(fields), b'{') => {
            let mut fields = fields.clone();
            let mut fit = true;
            let read = parser.object(|key, p| {
                let text = p.skip(false)?;
                match Keys::Tidied.place(&fields, &key) {
                    Some(at) => match widened_to(&fields[at].1, text, levels.saturating_sub(1)) {
                        Some(of) => fields[at].1 = of,
                        None => fit = false,
                    },
                    None => {
                        let mut guess = Guess::default();
                        guess.look(text, levels.saturating_sub(1));
                        fields.extend(guess.told().map(|of| (named(&key), of)));
                    }
                }
                Ok::<(), Bad>(())
            });
            (read.is_ok() && fit && fields.len() <= MOST_FIELDS).then_some(Type::Struct(fields))
        }
        (Type::List(item), b'[') => {
            let mut item = Some(item.as_ref().clone());
            let read = parser.array(|_, p| {
                let text = p.skip(false)?;
                item = item
                    .as_ref()
                    .and_then(|of| widened_to(of, text, levels.saturating_sub(1)));
                Ok::<(), Bad>(())
            });
            read.ok()?;
            item.map(|of| Type::List(Box::new(of)))
        }
        _ if push_value(&mut Builder::new(of), text, Keys::Tidied).is_ok() => Some(of.clone()),
        _ => seen(text)
            .and_then(|(new, _)| of.common(&new))
            .filter(|new| new != of)
            .or_else(|| columns::wider(of, text)),
    }
}

impl Default for Guess {
    fn default() -> Guess {
        Guess { of: None, small: true }
    }
}

impl Guess {
    /// Takes a value into account, which is one of JSON; so many levels of it get a type.
    fn look(&mut self, text: &str, levels: usize) {
        let is_nested = levels > 0 && text.starts_with(['{', '[']);
        if is_nested && !matches!(self.of, Some(Seen::Plain(_))) {
            if !self.look_inside(text, levels) {
                self.of = Some(Seen::Plain(Type::Json));
            }
            return;
        }
        let Some((of, small)) = seen(text) else { return };
        self.small &= small;
        self.of = Some(Seen::Plain(match self.of.take() {
            None => of,
            Some(Seen::Plain(before)) if before == of => of,
            Some(Seen::Plain(before)) => match (&before, &of) {
                (Type::Int64, Type::Float64) | (Type::Float64, Type::Int64) if self.small => Type::Float64,
                (Type::Int64 | Type::Decimal(..), Type::Int64 | Type::Decimal(..)) => {
                    before.common(&of).unwrap_or(Type::Json)
                }
                _ => Type::Json,
            },
            Some(Seen::List(_) | Seen::Object(_)) => Type::Json,
        }));
    }

    /// Takes an object or a list into account; false where it is not of one type with what came before.
    fn look_inside(&mut self, text: &str, levels: usize) -> bool {
        let mut parser = Parser::new(text);
        if text.starts_with('[') {
            let Seen::List(items) = self.of.get_or_insert_with(|| Seen::List(Box::default())) else {
                return false;
            };
            let read = parser.array(|_, p| {
                items.look(p.skip(false)?, levels - 1);
                Ok::<(), Bad>(())
            });
            return read.is_ok();
        }
        let Seen::Object(fields) = self.of.get_or_insert_with(|| Seen::Object(Vec::new())) else {
            return false;
        };
        let mut next = 0;
        let read = parser.object(|key, p| {
            let (text, name) = (p.skip(false)?, named(&key));
            // Objects have their keys in one order: the next field is the likely one.
            let at = match fields.get(next) {
                Some((field, _)) if *field == name => next,
                _ => fields
                    .iter()
                    .position(|(field, _)| *field == name)
                    .unwrap_or(fields.len()),
            };
            if at == fields.len() {
                fields.push((name, Guess::default()));
            }
            fields[at].1.look(text, levels - 1);
            next = at + 1;
            match fields.len() <= MOST_FIELDS {
                true => Ok(()),
                false => p.bad("too many fields"),
            }
        });
        read.is_ok()
    }

    /// The type of what was seen.
    fn told(&self) -> Option<Type> {
        match self.of.as_ref()? {
            Seen::Plain(of) => Some(of.clone()),
            Seen::List(items) => Some(Type::List(Box::new(items.told()?))),
            Seen::Object(fields) => {
                let told = fields
                    .iter()
                    .filter_map(|(name, guess)| Some((name.clone(), guess.told()?)));
                let told: Vec<_> = told.collect();
                (!told.is_empty()).then_some(Type::Struct(told))
            }
        }
    }
}

#[cfg(test)]
mod tests;
