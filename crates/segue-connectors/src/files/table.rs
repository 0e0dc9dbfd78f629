//! A table of text, row by row into typed columns: lines of CSV, rows of a sheet. What does not fit is set aside with its place, and the
//! table goes on.

use super::infer::Guess;
use super::input;
use super::read::{BYTES, ROWS, Reading};
use super::shape::{self, Shape};
use crate::columns::{self, Builder, wider};
use segue_core::source::{Column, OnChange, Rejected};
use segue_core::{Result, Type};
use std::borrow::Cow;

/// A table that can be read from its beginning as often as wanted.
pub trait Table {
    /// One of its rows, while it is looked at.
    type Row<'r>: Row;

    /// What it is called.
    fn name(&self) -> &str;

    /// Whether its first row names its columns.
    fn has_header(&self) -> bool;

    /// Hands over one row after the other, the header included, until `take` says that it is enough. Gives the number of empty rows that it
    /// passed over.
    ///
    /// # Errors
    /// What keeps it from being read on, and those of `take`.
    fn rows(&self, take: impl FnMut(&Self::Row<'_>) -> Result<bool>) -> Result<u64>;
}

/// A row.
pub trait Row {
    /// How many fields it has.
    fn len(&self) -> usize;

    /// What is wrong with all of it; its fields are not to be believed then.
    fn fault(&self) -> Option<&str>;

    /// A field, as a column of this type takes it, and whether one without letters is an empty text rather than nothing.
    ///
    /// # Errors
    /// Why it is no text.
    fn field(&self, at: usize, of: &Type) -> std::result::Result<(Cow<'_, str>, bool), Cow<'_, str>>;

    /// Whether there is nothing in a field.
    fn is_empty(&self, at: usize) -> bool;

    /// Takes a field into account for finding its column's type.
    fn look(&self, at: usize, guess: &mut Guess);

    /// Where it is, or one of its fields: `line 3`, `cell B7`.
    fn place(&self, field: Option<usize>) -> String;

    /// All of it, as it came.
    fn raw(&self) -> Cow<'_, [u8]>;

    /// Whether that is a record by itself, which can be read again without the table.
    fn is_text(&self) -> bool {
        false
    }

    /// How many bytes that is.
    fn size(&self) -> usize;
}

/// Why a row is none of these columns: the field, where it is one.
pub(super) enum Misfit {
    /// The reason and the column.
    Aside(String, Option<String>, Option<usize>),
    /// It fits once this column has this type.
    Widen(usize, Type),
    /// The schema is frozen: the column and the reason.
    Frozen(String, String),
}

impl Reading<'_> {
    /// Reads a table to its end.
    ///
    /// # Errors
    /// `BadData` for a header that cannot be used; what keeps the table from being read on.
    pub fn table<T: Table>(&mut self, table: &T) -> Result<()> {
        match shape::of(self, table)? {
            Some(shape) => self.rows(table, shape),
            None => Ok(()),
        }
    }

    /// Reads the rows of a table whose shape is known.
    ///
    /// # Errors
    /// As [`Reading::table`].
    pub fn rows<T: Table>(&mut self, table: &T, mut shape: Shape) -> Result<()> {
        let mut header = shape.header.take();
        let mut rows = Rows::new(&shape.columns);
        let mut dropped = 0u64;
        let mut is_whole = true;
        let empty = table.rows(|row| {
            if let Some(header) = header.take() {
                return match *row.raw() == header {
                    true => Ok(true),
                    false => Err(input::changed(table.name())),
                };
            }
            if self.left == 0 {
                is_whole = false;
                return Ok(false);
            }
            rows.bytes += row.size();
            self.count(row.size() as u64 + 1, 1);
            loop {
                match self.row(row, &shape, &mut rows.builders, &mut dropped) {
                    Ok(()) => self.took(1),
                    Err(Misfit::Aside(reason, path, field)) => {
                        let reason = format!("{} {}: {reason}", table.name(), row.place(field));
                        let raw = row.raw();
                        let beside = match row.is_text() {
                            true => self.beside(table.name(), row.place(None), &shape.fields, &raw),
                            false => None,
                        };
                        let aside = self.aside(reason, path, &raw);
                        rows.rejected.push(Rejected { beside, ..aside });
                    }
                    Err(Misfit::Widen(at, of)) => {
                        rows.hand_out(self, &shape.columns)?;
                        shape.columns[at].of = of;
                        rows = Rows::new(&shape.columns);
                        continue;
                    }
                    Err(Misfit::Frozen(column, reason)) => {
                        let what = format!(
                            "{} of {} has another type, and the schema is frozen: column `{column}`: {reason}",
                            row.place(None),
                            table.name()
                        );
                        return Err(self.frozen(what));
                    }
                }
                break;
            }
            if rows.are_enough() {
                rows.hand_out(self, &shape.columns)?;
            }
            Ok(true)
        })?;
        if header.is_some() {
            return Err(input::changed(table.name()));
        }
        rows.hand_out(self, &shape.columns)?;
        self.columns = Some(shape.columns);
        if empty > 0 && is_whole {
            let what = match shape.width {
                1 => format!(
                    "{empty} empty lines of {} were passed over; one that is an empty value is written \"\"",
                    table.name()
                ),
                _ => format!("{empty} empty lines of {} were passed over", table.name()),
            };
            self.note(what)?;
        }
        self.dropped(dropped, table.name())
    }

    /// One row into the columns, or why it does not fit; the columns are as before then.
    pub(super) fn row<R: Row>(
        &self,
        row: &R,
        shape: &Shape,
        builders: &mut [Builder],
        dropped: &mut u64,
    ) -> std::result::Result<(), Misfit> {
        let before = builders.first().map_or(0, Builder::len);
        let filled = self.fill(row, shape, builders, dropped);
        if filled.is_err() {
            builders.iter_mut().for_each(|b| b.truncate(before));
        }
        filled
    }

    fn fill<R: Row>(
        &self,
        row: &R,
        shape: &Shape,
        builders: &mut [Builder],
        dropped: &mut u64,
    ) -> std::result::Result<(), Misfit> {
        if let Some(fault) = row.fault() {
            return Err(Misfit::Aside(fault.to_string(), None, None));
        }
        if row.len() != shape.width {
            let why = format!("{} fields where {} belong", row.len(), shape.width);
            return Err(Misfit::Aside(why, None, None));
        }
        for (place, name) in &shape.aliens {
            if !row.is_empty(*place) {
                let why = "a column that the table does not have".to_string();
                return Err(Misfit::Aside(why, Some(name.clone()), Some(*place)));
            }
        }
        let schema = &self.request.schema;
        for (i, (column, place)) in shape.columns.iter().zip(&shape.places).enumerate() {
            let builder = &mut builders[i];
            let aside = |why: &str| Misfit::Aside(why.to_string(), Some(column.name.clone()), *place);
            if let Some(value) = &column.value {
                match value.is_empty() && column.of != Type::String && !column.required {
                    true => builder.push_null(),
                    false => builder.push_text(value).map_err(|m| aside(&m.reason))?,
                }
                continue;
            }
            let (text, is_text) = match place {
                Some(at) if *at < row.len() => row.field(*at, &column.of).map_err(|why| aside(&why))?,
                _ => (Cow::Borrowed(""), false),
            };
            // `""` is a text without letters; nothing at all is no value.
            if text.is_empty() && !(is_text && column.of == Type::String) {
                if column.required {
                    return Err(aside("required, and it is empty"));
                }
                builder.push_null();
            } else if let Err(misfit) = builder.push_text(&text) {
                match schema.on_type_change {
                    OnChange::Evolve if schema.declared => return Err(aside(&misfit.reason)),
                    OnChange::Evolve => {
                        return Err(match wider(&column.of, &text) {
                            Some(of) => Misfit::Widen(i, of),
                            None => aside(&misfit.reason),
                        });
                    }
                    OnChange::Freeze => return Err(Misfit::Frozen(column.name.clone(), misfit.reason)),
                    OnChange::DropValue if !column.required => {
                        builder.push_null();
                        *dropped += 1;
                    }
                    OnChange::DropValue | OnChange::Quarantine => return Err(aside(&misfit.reason)),
                }
            }
        }
        Ok(())
    }
}

/// Rows and records that wait to be handed out.
struct Rows {
    builders: Vec<Builder>,
    rejected: Vec<Rejected>,
    bytes: usize,
}

impl Rows {
    fn new(columns: &[Column]) -> Rows {
        Rows {
            builders: columns.iter().map(|c| Builder::new(&c.of)).collect(),
            rejected: Vec::new(),
            bytes: 0,
        }
    }

    fn count(&self) -> usize {
        self.builders.first().map_or(0, Builder::len)
    }

    fn are_enough(&self) -> bool {
        self.count() >= ROWS || self.bytes >= BYTES || self.rejected.len() >= ROWS
    }

    fn hand_out(&mut self, reading: &Reading<'_>, columns: &[Column]) -> Result<()> {
        let ready = std::mem::replace(self, Rows::new(columns));
        let batch = match ready.count() {
            0 => None,
            _ => Some(columns::batch(&columns::schema(columns), ready.builders)?),
        };
        reading.hand_out(batch, ready.rejected)
    }
}
