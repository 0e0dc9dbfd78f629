//! Finding values in an answer by brackets and quotes alone, without a tree.

use super::parse::{Parser, Shape};
use super::path::{Path, Step};
pub use super::scan::Broken;
use super::scan::{Scan, without_mark};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// The records of an answer.
#[derive(Debug, Default)]
pub struct Found {
    /// Where each record stands, with the index into `parents` that belongs to it.
    pub records: Vec<(Range<usize>, usize)>,
    /// What else was looked for on the way, where it could be.
    pub probe: Probe,
    /// What stands above the records: one list of texts an element that has its own; `None` where there is nothing.
    pub parents: Vec<Vec<Option<Range<usize>>>>,
    /// Where the way to the records ended early, above any list: there are none then. Below a list, an element may lack them.
    pub lack: Option<Lack>,
}

/// The step of a path that could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lack {
    /// How many steps were taken.
    pub taken: usize,
    /// What is there instead of what the next step goes into; `None`: the name is not there.
    pub found: Option<Shape>,
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
/// What is no JSON. The inside of records is only looked at for its brackets and quotes.
pub fn find(bytes: &[u8], records: &[Step], parents: &[&[Step]], probe: Option<&[Step]>) -> Result<Found, Broken> {
    // A probe is looked for among the fields of the top, where the records do not stand.
    let probe =
        probe.filter(|p| matches!((p.first(), records.first()), (Some(Step::Name(a)), Some(Step::Name(b))) if a != b));
    let mut finder = Finder {
        probe: probe.unwrap_or_default(),
        found: Found::default(),
        current: vec![None; parents.len()],
        lists: records.iter().position(|s| *s == Step::All).unwrap_or(records.len()),
    };
    let mut scan = Scan::new(bytes);
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

/// The records at a path that only a tree can answer; `lead`: the plain steps with which it begins.
///
/// # Errors
/// What is no JSON.
pub fn by_tree(path: &serde_json_path::JsonPath, lead: &[Step], bytes: &[u8]) -> Result<Found, Broken> {
    complete(bytes)?;
    let tree = Path::Plain(Vec::new()).value_in(bytes)?.unwrap_or_default();
    let mut found = Found {
        parents: vec![Vec::new()],
        ..Found::default()
    };
    // Where the plain beginning of the path leads to nothing, or to what has nothing inside, that is what the answer lacks.
    found.lack = find(bytes, lead, &[], None)?.lack.or_else(|| {
        let shape = match Path::Plain(lead.to_vec()).first(&tree)? {
            serde_json::Value::Null => Shape::Null,
            serde_json::Value::Bool(_) => Shape::Bool,
            serde_json::Value::Number(_) => Shape::Number,
            serde_json::Value::String(_) => Shape::String,
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => return None,
        };
        let found = Some(shape);
        (!lead.contains(&Step::All)).then_some(Lack {
            taken: lead.len(),
            found,
        })
    });
    let locations = path.query_located(&tree);
    let wanted: Vec<Vec<Step>> = locations
        .locations()
        .map(|location| location.iter().map(super::path::step).collect())
        .collect();
    let ranges = places(bytes, &wanted)?.into_iter().flatten();
    found.records = ranges.map(|range| (range, 0)).collect();
    Ok(found)
}

/// The first value at a plain path.
///
/// # Errors
/// What is wrong with the brackets on the way.
pub fn first(bytes: &[u8], path: &[Step]) -> Result<Option<Range<usize>>, Broken> {
    let mut scan = Scan::new(bytes);
    seek(&mut scan, path)
}

/// The values of these fields of the object that the answer is, each where it is there.
///
/// # Errors
/// What is wrong with the brackets.
pub fn fields(bytes: &[u8], names: &[&str]) -> Result<Vec<Option<Range<usize>>>, Broken> {
    let mut found = vec![None; names.len()];
    let mut scan = Scan::new(bytes);
    scan.space();
    if scan.is(b'{') {
        scan.object(|key, _, scan| {
            let start = scan.at;
            scan.skip()?;
            if let Some(at) = names.iter().position(|name| is_key(key, name)) {
                found[at].get_or_insert(start..scan.at);
            }
            Ok(())
        })?;
    }
    Ok(found)
}

/// Where each of these places is, found in one pass over the bytes. Of a key that is there twice the last is meant, as trees have it.
///
/// # Errors
/// What is wrong with the brackets on the way.
pub fn places(bytes: &[u8], places: &[Vec<Step>]) -> Result<Vec<Option<Range<usize>>>, Broken> {
    let mut root = Place::default();
    for (i, steps) in places.iter().enumerate() {
        root.at(steps).wanted.push(i);
    }
    let mut found = vec![None; places.len()];
    root.walk(&mut Scan::new(bytes), &mut found)?;
    Ok(found)
}

/// What is wanted at a place and below it.
#[derive(Default)]
struct Place {
    wanted: Vec<usize>,
    names: HashMap<String, Place>,
    items: HashMap<usize, Place>,
}

impl Place {
    fn at(&mut self, steps: &[Step]) -> &mut Place {
        steps.iter().fold(self, |place, step| match step {
            Step::Name(name) => place.names.entry(name.clone()).or_default(),
            Step::Index(index) => place.items.entry(*index).or_default(),
            // A place is of one value.
            Step::All => place.items.entry(0).or_default(),
        })
    }

    /// Stands before a value; takes it.
    fn walk(&self, scan: &mut Scan<'_>, found: &mut [Option<Range<usize>>]) -> Result<(), Broken> {
        scan.space();
        let start = scan.at;
        if scan.is(b'{') && !self.names.is_empty() {
            scan.object(|key, _, scan| match self.names.get(&*key_text(key)) {
                Some(inside) => inside.walk(scan, found),
                None => scan.skip(),
            })?;
        } else if scan.is(b'[') && !self.items.is_empty() {
            scan.array(|index, scan| match self.items.get(&index) {
                Some(inside) => inside.walk(scan, found),
                None => scan.skip(),
            })?;
        } else {
            scan.skip()?;
        }
        for wanted in &self.wanted {
            found[*wanted] = Some(start..scan.at);
        }
        Ok(())
    }
}

/// A key as it is meant.
fn key_text(written: &[u8]) -> Cow<'_, str> {
    if !written.contains(&b'\\') {
        return String::from_utf8_lossy(written);
    }
    let quoted = [b"\"", written, b"\""].concat();
    let text = std::str::from_utf8(&quoted).ok();
    let text = text.and_then(|text| Parser::new(text).string().ok().map(|s| s.to_string()));
    Cow::Owned(text.unwrap_or_default())
}

/// Whether the whole answer is one value.
///
/// # Errors
/// What is no JSON.
pub fn complete(bytes: &[u8]) -> Result<(), Broken> {
    let mut scan = Scan::new(bytes);
    scan.check()?;
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
    /// The step of the records' path that is its first list.
    lists: usize,
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
                    } else {
                        if depth == 0 && self.found.probe == Probe::Missing && probed(self.probe, key) {
                            let mut ahead = Scan {
                                bytes: scan.bytes,
                                at: scan.at,
                            };
                            if let Some(range) = seek(&mut ahead, &self.probe[1..])? {
                                self.found.probe = Probe::At(range);
                            }
                        }
                        scan.check()
                    }
                })?;
                if !seen {
                    self.lacks(depth, None);
                }
                Ok(())
            }
            Some(Step::All) if scan.is(b'[') => {
                scan.array(|_, scan| self.walk(scan, &steps[1..], &together, depth + 1))
            }
            Some(Step::Index(index)) if scan.is(b'[') => scan.array(|i, scan| {
                if i == *index {
                    self.walk(scan, &steps[1..], &together, depth + 1)
                } else {
                    scan.check()
                }
            }),
            Some(_) => {
                let start = scan.at;
                scan.check()?;
                self.lacks(depth, scan.bytes.get(start).and_then(|b| Shape::of(*b)));
                Ok(())
            }
        }
    }

    fn lacks(&mut self, taken: usize, found: Option<Shape>) {
        if taken <= self.lists {
            self.found.lack = Some(Lack { taken, found });
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

impl Path {
    /// The first value at this path in an answer, as a tree.
    ///
    /// # Errors
    /// What is no JSON there.
    pub fn value_in(&self, bytes: &[u8]) -> Result<Option<serde_json::Value>, Broken> {
        let tree = |range: Range<usize>| {
            serde_json::from_slice::<serde_json::Value>(&bytes[range.clone()]).map_err(|_| Broken::NotJson(range.start))
        };
        let start = bytes.len() - without_mark(bytes).len();
        match self {
            Path::Plain(steps) => first(bytes, steps)?.map(tree).transpose(),
            Path::Full(_) => Ok(self.first(&tree(start..bytes.len())?).cloned()),
        }
    }
}

#[cfg(test)]
mod tests;
