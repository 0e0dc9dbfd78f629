//! Finding values in an answer by brackets and quotes alone, without a tree.

use super::parse::Parser;
use super::path::{Path, Step};
use std::ops::Range;

/// Why an answer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It ends in the middle: it was cut off.
    Cut,
    /// It is no JSON at this byte.
    NotJson(usize),
    /// The key that a path goes through is there twice.
    Twice(usize),
}

/// The records of an answer.
#[derive(Debug, Default)]
pub struct Found {
    /// Where each record stands, with the index into `parents` that belongs to it.
    pub records: Vec<(Range<usize>, usize)>,
    /// What else was looked for on the way, where it could be.
    pub probe: Probe,
    /// What stands above the records: one list of texts an element that has its own; `None` where there is nothing.
    pub parents: Vec<Vec<Option<Range<usize>>>>,
}

/// A value beside the records that is looked for in the same pass: a link to the next page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Probe {
    /// Nothing was looked for.
    #[default]
    Unseen,
    /// It is not there.
    Missing,
    /// Where it is.
    At(Range<usize>),
}

/// The records at a plain path, and with them the values at the parents' paths. Paths that share the record's `[*]` mean the same element.
///
/// # Errors
/// What is wrong with the brackets. The inside of records is not looked at.
pub fn find(bytes: &[u8], records: &[Step], parents: &[&[Step]], probe: Option<&[Step]>) -> Result<Found, Broken> {
    // A probe is looked for among the fields of the top, where the records do not stand.
    let probe =
        probe.filter(|p| matches!((p.first(), records.first()), (Some(Step::Name(a)), Some(Step::Name(b))) if a != b));
    let mut finder = Finder {
        probe: probe.unwrap_or_default(),
        found: Found::default(),
        current: vec![None; parents.len()],
    };
    let mut scan = Scan { bytes, at: 0 };
    let parents: Vec<(usize, &[Step])> = parents.iter().copied().enumerate().collect();
    if parents.is_empty() {
        finder.found.parents.push(Vec::new());
    }
    if probe.is_some() {
        finder.found.probe = Probe::Missing;
    }
    finder.walk(&mut scan, records, &parents, 0)?;
    scan.space();
    if scan.at < bytes.len() {
        Err(Broken::NotJson(scan.at))
    } else {
        Ok(finder.found)
    }
}

/// The first value at a plain path.
///
/// # Errors
/// What is wrong with the brackets on the way.
pub fn first(bytes: &[u8], path: &[Step]) -> Result<Option<Range<usize>>, Broken> {
    let mut scan = Scan { bytes, at: 0 };
    seek(&mut scan, path)
}

/// Whether the whole answer is one value, by its brackets.
///
/// # Errors
/// What is wrong with them.
pub fn complete(bytes: &[u8]) -> Result<(), Broken> {
    let mut scan = Scan { bytes, at: 0 };
    scan.skip()?;
    scan.space();
    if scan.at < bytes.len() {
        Err(Broken::NotJson(scan.at))
    } else {
        Ok(())
    }
}

struct Finder<'p> {
    probe: &'p [Step],
    found: Found,
    current: Vec<Option<Range<usize>>>,
}

impl Finder<'_> {
    /// Stands before a value; takes it. `parents`: those whose paths still go the same way, with what is left of them.
    fn walk(
        &mut self,
        scan: &mut Scan<'_>,
        steps: &[Step],
        parents: &[(usize, &[Step])],
        depth: usize,
    ) -> Result<(), Broken> {
        scan.space();
        let mut together = Vec::new();
        let mut parted = false;
        for (column, rest) in parents {
            match (steps.first(), rest.first()) {
                (Some(step), Some(same)) if step == same => together.push((*column, &rest[1..])),
                _ => {
                    let mut ahead = Scan {
                        bytes: scan.bytes,
                        at: scan.at,
                    };
                    self.current[*column] = seek(&mut ahead, rest)?;
                    parted = true;
                }
            }
        }
        if parted {
            self.found.parents.push(self.current.clone());
        }
        match steps.first() {
            None => {
                let start = scan.at;
                scan.skip()?;
                let above = self.found.parents.len().saturating_sub(1);
                self.found.records.push((start..scan.at, above));
                Ok(())
            }
            Some(Step::Name(name)) if scan.is(b'{') => {
                let mut seen = false;
                scan.object(|key, at, scan| {
                    if is_key(key, name) {
                        if seen {
                            return Err(Broken::Twice(at));
                        }
                        seen = true;
                        self.walk(scan, &steps[1..], &together, depth + 1)
                    } else if depth == 0 && self.found.probe == Probe::Missing && probed(self.probe, key) {
                        let mut ahead = Scan {
                            bytes: scan.bytes,
                            at: scan.at,
                        };
                        if let Some(range) = seek(&mut ahead, &self.probe[1..])? {
                            self.found.probe = Probe::At(range);
                        }
                        scan.skip()
                    } else {
                        scan.skip()
                    }
                })
            }
            Some(Step::All) if scan.is(b'[') => {
                scan.array(|_, scan| self.walk(scan, &steps[1..], &together, depth + 1))
            }
            Some(Step::Index(index)) if scan.is(b'[') => scan.array(|i, scan| {
                if i == *index {
                    self.walk(scan, &steps[1..], &together, depth + 1)
                } else {
                    scan.skip()
                }
            }),
            Some(Step::All) if scan.is(b'{') => {
                scan.object(|_, _, scan| self.walk(scan, &steps[1..], &together, depth + 1))
            }
            Some(_) => scan.skip(),
        }
    }
}

/// The first value at this path below the value that comes next.
fn seek(scan: &mut Scan<'_>, steps: &[Step]) -> Result<Option<Range<usize>>, Broken> {
    let Some((step, rest)) = steps.split_first() else {
        scan.space();
        let start = scan.at;
        scan.skip()?;
        return Ok(Some(start..scan.at));
    };
    scan.space();
    let mut found = None;
    match step {
        Step::Name(name) if scan.is(b'{') => scan.object(|key, _, scan| {
            if found.is_none() && is_key(key, name) {
                found = seek(scan, rest)?;
                Ok(())
            } else {
                scan.skip()
            }
        })?,
        Step::Index(_) | Step::All if scan.is(b'[') => scan.array(|i, scan| {
            let here = match step {
                Step::Index(index) => i == *index,
                _ => found.is_none(),
            };
            if here {
                found = seek(scan, rest)?;
                Ok(())
            } else {
                scan.skip()
            }
        })?,
        _ => scan.skip()?,
    }
    Ok(found)
}

fn probed(probe: &[Step], key: &[u8]) -> bool {
    matches!(probe.first(), Some(Step::Name(name)) if is_key(key, name))
}

/// Whether a key as it is written is this name.
fn is_key(written: &[u8], name: &str) -> bool {
    if !written.contains(&b'\\') {
        return written == name.as_bytes();
    }
    let quoted = [b"\"", written, b"\""].concat();
    std::str::from_utf8(&quoted).is_ok_and(|text| Parser::new(text).string().is_ok_and(|s| s == name))
}

/// How many of eight bytes come before the first quote or backslash.
fn stops(eight: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let Ok(eight) = <[u8; 8]>::try_from(eight) else {
        return 0;
    };
    let word = u64::from_le_bytes(eight);
    let zero = |w: u64| w.wrapping_sub(ONES) & !w & HIGH;
    let found = zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\')));
    (found.trailing_zeros() / 8) as usize
}

/// Bytes at which the brackets of a value must be looked at.
static MATTERS: [bool; 256] = {
    let mut table = [false; 256];
    table[b'"' as usize] = true;
    table[b'{' as usize] = true;
    table[b'}' as usize] = true;
    table[b'[' as usize] = true;
    table[b']' as usize] = true;
    table
};

/// Goes through bytes by brackets and quotes.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn is(&self, byte: u8) -> bool {
        self.bytes.get(self.at) == Some(&byte)
    }

    /// The inside of a string, as it is written.
    fn string(&mut self) -> Result<&'a [u8], Broken> {
        if !self.is(b'"') {
            return Err(if self.at < self.bytes.len() {
                Broken::NotJson(self.at)
            } else {
                Broken::Cut
            });
        }
        let start = self.at + 1;
        let mut at = start;
        loop {
            // Eight bytes at a time, while none of them is a quote or a backslash.
            while let Some(eight) = self.bytes.get(at..at + 8) {
                let stop = stops(eight);
                at += stop;
                if stop < 8 {
                    break;
                }
            }
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
                None => return Err(Broken::Cut),
            }
        }
        self.at = at + 1;
        Ok(&self.bytes[start..at])
    }

    /// One value, whatever is inside.
    fn skip(&mut self) -> Result<(), Broken> {
        self.space();
        match self.bytes.get(self.at) {
            None => Err(Broken::Cut),
            Some(b'"') => self.string().map(drop),
            Some(b'{' | b'[') => self.brackets(),
            Some(_) => {
                let start = self.at;
                while !matches!(
                    self.bytes.get(self.at),
                    None | Some(b',' | b']' | b'}' | b':' | b'"' | b' ' | b'\n' | b'\r' | b'\t')
                ) {
                    self.at += 1;
                }
                if self.at == start {
                    Err(Broken::NotJson(start))
                } else {
                    Ok(())
                }
            }
        }
    }

    /// From an opening bracket to its closing one.
    fn brackets(&mut self) -> Result<(), Broken> {
        // One bit a level says whether it is an object; only hostile answers go deeper and need a list.
        let (mut depth, mut objects, mut deep) = (0usize, 0u128, Vec::<u128>::new());
        loop {
            while self.bytes.get(self.at).is_some_and(|b| !MATTERS[usize::from(*b)]) {
                self.at += 1;
            }
            match self.bytes.get(self.at) {
                None => return Err(Broken::Cut),
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(open @ (b'{' | b'[')) => {
                    if depth > 0 && depth % 128 == 0 {
                        deep.push(objects);
                    }
                    objects = (objects << 1) | u128::from(*open == b'{');
                    depth += 1;
                }
                Some(close @ (b'}' | b']')) => {
                    if (objects & 1 == 1) != (*close == b'}') {
                        return Err(Broken::NotJson(self.at));
                    }
                    objects >>= 1;
                    depth -= 1;
                    if depth > 0 && depth % 128 == 0 {
                        objects = deep.pop().unwrap_or_default();
                    }
                    if depth == 0 {
                        self.at += 1;
                        return Ok(());
                    }
                }
                Some(_) => {}
            }
            self.at += 1;
        }
    }

    fn object(
        &mut self,
        mut each: impl FnMut(&'a [u8], usize, &mut Scan<'a>) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.at += 1;
        self.space();
        if self.is(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            let at = self.at;
            let key = self.string()?;
            self.space();
            self.expect(b':')?;
            self.space();
            each(key, at, self)?;
            if !self.next(b'}')? {
                return Ok(());
            }
        }
    }

    fn array(&mut self, mut each: impl FnMut(usize, &mut Scan<'a>) -> Result<(), Broken>) -> Result<(), Broken> {
        self.at += 1;
        self.space();
        if self.is(b']') {
            self.at += 1;
            return Ok(());
        }
        let mut index = 0;
        loop {
            self.space();
            each(index, self)?;
            index += 1;
            if !self.next(b']')? {
                return Ok(());
            }
        }
    }

    fn next(&mut self, close: u8) -> Result<bool, Broken> {
        self.space();
        if self.is(close) {
            self.at += 1;
            return Ok(false);
        }
        self.expect(b',').map(|()| true)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        match self.bytes.get(self.at) {
            Some(b) if *b == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(Broken::NotJson(self.at)),
            None => Err(Broken::Cut),
        }
    }
}

impl Path {
    /// The first value at this path in an answer, as a tree. What is no JSON there is nothing.
    pub fn value_in(&self, bytes: &[u8]) -> Option<serde_json::Value> {
        match self {
            Path::Plain(steps) => {
                let range = first(bytes, steps).ok()??;
                serde_json::from_slice(&bytes[range]).ok()
            }
            Path::Full(_) => self.first(&serde_json::from_slice(bytes).ok()?).cloned(),
        }
    }
}

#[cfg(test)]
mod tests;
