//! An index as bytes and back, so that the next process need not build it.
//!
//! Every part is written as it lies in memory: reading computes nothing anew but which entry has which id. What a list says of another one
//! is looked at, so that bytes that are not an index are an error and never a panic; whether they are the bytes that were written is for a
//! checksum around them to say.

use crate::Index;
use crate::buckets::Buckets;
use crate::bytes::{Reader, Writer, wrong};
use crate::index::Part;
use crate::segment::{Letters, SYLLABLES, Segment};
use crate::texts::Texts;
use std::io::{self, Read, Write};

impl Index {
    /// What the bytes of a snapshot mean: how names are folded and read, and how an index lies in memory. It has a new number wherever one of
    /// them changes, because an index of other keys would not find what is asked for.
    pub const FORMAT: u32 = 2;

    /// Writes all of it, for [`Index::restore`] of a program with the same [`Index::FORMAT`].
    ///
    /// # Errors
    /// Those of the writer.
    pub fn snapshot(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut to = Writer::new(to);
        to.u32(Index::FORMAT)?;
        to.text(self.version())?;
        to.u32(self.parts().len() as u32)?;
        for part in self.parts() {
            to.bools(&part.gone)?;
            part.segment.write(&mut to)?;
        }
        Ok(())
    }

    /// Reads what [`Index::snapshot`] wrote, of which there are at most so many bytes.
    ///
    /// # Errors
    /// `InvalidData` for what is no snapshot of this format; those of the reader.
    pub fn restore(from: &mut dyn Read, size_bytes: u64) -> io::Result<Index> {
        let mut from = Reader::new(from, size_bytes);
        if from.u32()? != Index::FORMAT {
            return Err(wrong("it is of another format"));
        }
        let version = from.text()?;
        let mut parts = Vec::new();
        for _ in 0..from.u32()? {
            let gone = from.bools()?;
            let segment = Segment::read(&mut from)?;
            if gone.len() != segment.len() as usize {
                return Err(wrong("its parts do not fit each other"));
            }
            parts.push(Part::new(segment, gone));
        }
        Index::of_parts(version, parts).ok_or_else(|| wrong("two of its entries have one id"))
    }
}

impl Segment {
    fn write(&self, to: &mut Writer<'_>) -> io::Result<()> {
        for texts in [&self.ids, &self.names, &self.aliases, &self.keys] {
            texts.write(to)?;
        }
        to.u32s(&self.first_alias)?;
        to.u64s(self.popularity.iter().map(|p| p.to_bits()))?;
        to.u32s(&self.key_entry)?;
        to.u16s(&self.key_name)?;
        to.u32s(&self.shape_key)?;
        to.u64s(self.shape_letters.iter().map(|l| l.0))?;
        to.u16s(&self.units)?;
        to.u32s(&self.unit_end)?;
        for table in [&self.same, &self.short, &self.pieces, &self.latin, &self.foreign] {
            to.u32s(&table.starts)?;
            to.u32s(&table.numbers)?;
        }
        to.u64s(
            self.words
                .iter()
                .map(|(key, start)| (u64::from(*key) << 16) | u64::from(*start)),
        )
    }

    fn read(from: &mut Reader<'_>) -> io::Result<Segment> {
        let [ids, names, aliases, keys] = [
            Texts::read(from)?,
            Texts::read(from)?,
            Texts::read(from)?,
            Texts::read(from)?,
        ];
        let first_alias = from.u32s()?;
        let popularity = from.u64s(f64::from_bits)?;
        let (key_entry, key_name) = (from.u32s()?, from.u16s()?);
        let (shape_key, shape_letters) = (from.u32s()?, from.u64s(Letters)?);
        let (units, unit_end) = (from.u16s()?, from.u32s()?);
        let [same, short, pieces, latin, foreign] = [
            Buckets::read(from, key_entry.len())?,
            Buckets::read(from, shape_key.len())?,
            Buckets::read(from, shape_key.len())?,
            Buckets::read(from, key_entry.len())?,
            Buckets::read(from, key_entry.len())?,
        ];
        let words = from.u64s(|word| ((word >> 16) as u32, word as u16))?;
        let segment = Segment {
            ids,
            names,
            aliases,
            first_alias,
            popularity,
            keys,
            key_entry,
            key_name,
            same,
            shape_key,
            shape_letters,
            units,
            unit_end,
            short,
            pieces,
            latin,
            foreign,
            words,
        };
        match segment.is_whole() {
            true => Ok(segment),
            false => Err(wrong("its lists do not fit each other")),
        }
    }

    /// Whether every number that a list holds is one of the list that it is of.
    fn is_whole(&self) -> bool {
        let (entries, keys, shapes) = (self.ids.len() as usize, self.keys.len() as usize, self.shapes());
        let lengths = self.names.len() as usize == entries
            && self.popularity.len() == entries
            && self.first_alias.len() == entries + 1
            && self.key_entry.len() == keys
            && self.key_name.len() == keys
            && self.shape_letters.len() == shapes
            && self.unit_end.len() == shapes;
        lengths
            && self.first_alias[0] == 0
            && is_rising(&self.first_alias)
            && self.first_alias[entries] == self.aliases.len()
            && self.key_entry.iter().all(|entry| (*entry as usize) < entries)
            && (0..keys as u32).all(|key| self.names_of(key))
            && self.shape_key.iter().all(|key| ((key & !SYLLABLES) as usize) < keys)
            && is_rising(&self.unit_end)
            && self.unit_end.last().copied().unwrap_or(0) as usize == self.units.len()
            && self
                .words
                .iter()
                .all(|(key, start)| (*key as usize) < keys && self.keys.get(*key).is_char_boundary(usize::from(*start)))
    }

    /// Whether the name that a key is of is one of its entry's.
    fn names_of(&self, key: u32) -> bool {
        let entry = self.key_entry[key as usize] as usize;
        u32::from(self.key_name[key as usize]) <= self.first_alias[entry + 1] - self.first_alias[entry]
    }
}

impl Texts {
    fn write(&self, to: &mut Writer<'_>) -> io::Result<()> {
        to.text(&self.all)?;
        to.u32s(&self.ends)
    }

    fn read(from: &mut Reader<'_>) -> io::Result<Texts> {
        let texts = Texts {
            all: from.text()?,
            ends: from.u32s()?,
        };
        let whole = texts.ends.last().copied().unwrap_or(0) as usize == texts.all.len();
        let ends = texts.ends.iter().all(|end| texts.all.is_char_boundary(*end as usize));
        match whole && ends && is_rising(&texts.ends) {
            true => Ok(texts),
            false => Err(wrong("its texts do not end where they should")),
        }
    }
}

impl Buckets {
    /// A table of numbers below this.
    fn read(from: &mut Reader<'_>, below: usize) -> io::Result<Buckets> {
        let table = Buckets {
            starts: from.u32s()?,
            numbers: from.u32s()?,
        };
        let places = table.starts.len().saturating_sub(1);
        let whole = places.is_power_of_two()
            && table.starts[0] == 0
            && is_rising(&table.starts)
            && table.starts[places] as usize == table.numbers.len()
            && table.numbers.iter().all(|number| (*number as usize) < below);
        match whole {
            true => Ok(table),
            false => Err(wrong("a table does not fit what it is of")),
        }
    }
}

fn is_rising(numbers: &[u32]) -> bool {
    numbers.is_sorted()
}

#[cfg(test)]
mod tests;
