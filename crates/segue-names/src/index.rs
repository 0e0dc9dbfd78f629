//! The index: what is known, by name, as of one version of where it comes from.

use crate::answer::{Answer, Entry};
use crate::decide::{self, Found};
use crate::find::{Hit, Question};
use crate::segment::Segment;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Segments beside each other before they are made one.
const MOST_SEGMENTS: usize = 8;

/// What is known, to be found by name.
///
/// It is built of all entries of one version of a table, and follows the next version by what changed. Several rows of one id are one
/// entry: the first one's name is its name, and the others' are aliases. A clone shares what was built.
#[derive(Clone)]
pub struct Index {
    version: String,
    segments: Vec<Part>,
    places: HashMap<Box<str>, Place>,
}

/// A segment, and which of its entries no longer count.
#[derive(Clone)]
pub struct Part {
    pub segment: Arc<Segment>,
    pub gone: Vec<bool>,
    gone_count: usize,
}

#[derive(Clone, Copy)]
struct Place {
    part: u32,
    entry: u32,
}

/// What following a version changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Entries that were not there before.
    pub added: usize,
    /// Entries that say something else than before.
    pub changed: usize,
    /// Entries that are gone.
    pub removed: usize,
}

impl Index {
    /// The index of these entries, which are what this version says.
    pub fn build(version: impl Into<String>, entries: impl IntoIterator<Item = Entry>) -> Index {
        let mut index = Index {
            version: version.into(),
            segments: Vec::new(),
            places: HashMap::new(),
        };
        index.add_segment(merged(entries));
        index
    }

    /// The version that it was built of, or followed to.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The entries, in no order that means anything.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.places
            .values()
            .map(|place| self.segments[place.part as usize].segment.entry(place.entry))
    }

    /// The entry of this id.
    pub fn get(&self, id: &str) -> Option<Entry> {
        let place = self.places.get(id)?;
        Some(self.segments[place.part as usize].segment.entry(place.entry))
    }

    /// Takes these entries in: in the place of those of the same id, or beside the others.
    pub fn put(&mut self, version: impl Into<String>, entries: impl IntoIterator<Item = Entry>) {
        self.version = version.into();
        let entries = merged(entries);
        for entry in &entries {
            self.forget(&entry.id);
        }
        self.add_segment(entries);
        self.tidy();
    }

    /// Takes the entries of these ids away; whether each was there does not matter.
    pub fn remove<'a>(&mut self, version: impl Into<String>, ids: impl IntoIterator<Item = &'a str>) {
        self.version = version.into();
        for id in ids {
            self.forget(id);
        }
        self.tidy();
    }

    /// Follows to a version that has these entries and no others: only what differs is built anew.
    pub fn follow(&mut self, version: impl Into<String>, entries: impl IntoIterator<Item = Entry>) -> Followed {
        let mut followed = Followed::default();
        let (mut new, mut there) = (Vec::new(), BTreeSet::new());
        for entry in merged(entries) {
            match self.places.get(entry.id.as_str()) {
                Some(place) if self.segments[place.part as usize].segment.is_same(place.entry, &entry) => {
                    there.insert((place.part, place.entry));
                    continue;
                }
                Some(place) => {
                    there.insert((place.part, place.entry));
                    followed.changed += 1;
                }
                None => followed.added += 1,
            }
            new.push(entry);
        }
        let gone = self.places.iter().filter(|(_, p)| !there.contains(&(p.part, p.entry)));
        let gone: Vec<Box<str>> = gone.map(|(id, _)| id.clone()).collect();
        followed.removed = gone.len();
        gone.iter().for_each(|id| self.forget(id));
        self.put(version, new);
        followed
    }

    /// What this text means.
    ///
    /// The text is whatever somebody typed: nothing in it is an instruction to anybody.
    pub fn resolve(&self, text: &str) -> Answer {
        let question = Question::new(text);
        if question.is_empty() {
            return Answer::None(Vec::new());
        }
        let mut same = Vec::new();
        for part in &self.segments {
            same.extend(part.found(question.same(&part.segment)));
        }
        if !same.is_empty() {
            return decide::same(text, &same);
        }
        let (mut near, mut is_complete) = (Vec::new(), true);
        for part in &self.segments {
            let (hits, complete) = question.near(&part.segment);
            is_complete &= complete;
            near.extend(part.found(hits));
        }
        decide::near(&near, is_complete)
    }

    /// Its segments, in order.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.segments
    }

    /// The index that has these segments; `None` where two of their entries count and have one id.
    pub(crate) fn of_parts(version: String, parts: Vec<Part>) -> Option<Index> {
        let mut index = Index {
            version,
            segments: Vec::new(),
            places: HashMap::new(),
        };
        index.places.reserve(parts.iter().map(Part::count).sum());
        parts.into_iter().all(|part| index.add_part(part)).then_some(index)
    }

    fn add_segment(&mut self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let segment = Segment::of(entries);
        let gone = vec![false; segment.len() as usize];
        self.add_part(Part::new(segment, gone));
    }

    /// Adds a segment; `false` where one of its entries that count has an id that is known already.
    fn add_part(&mut self, part: Part) -> bool {
        let number = self.segments.len() as u32;
        let before = self.places.len();
        let count = part.count();
        for entry in (0..part.segment.len()).filter(|entry| !part.gone[*entry as usize]) {
            let place = Place { part: number, entry };
            self.places.insert(part.segment.id(entry).into(), place);
        }
        self.segments.push(part);
        self.places.len() == before + count
    }

    fn forget(&mut self, id: &str) {
        if let Some(place) = self.places.remove(id) {
            let part = &mut self.segments[place.part as usize];
            part.gone[place.entry as usize] = true;
            part.gone_count += 1;
        }
    }

    /// Makes one segment of many small ones; and one of all where much is gone, or where the others are no longer small beside the largest.
    fn tidy(&mut self) {
        let gone: usize = self.segments.iter().map(|part| part.gone_count).sum();
        let is_much_gone = gone * 4 > self.places.len() + gone;
        if self.segments.len() <= MOST_SEGMENTS && !is_much_gone {
            return;
        }
        let parts = std::mem::take(&mut self.segments);
        let largest = parts.iter().map(Part::count).max().unwrap_or(0);
        let others = self.places.len() - largest;
        let stays = match is_much_gone || others * 2 > largest {
            true => None,
            false => parts.iter().position(|part| part.count() == largest),
        };
        let mut entries: Vec<Entry> = Vec::new();
        self.places.clear();
        for (at, part) in parts.into_iter().enumerate() {
            if Some(at) == stays {
                self.add_part(part);
            } else {
                entries.extend(part.entries());
            }
        }
        self.add_segment(entries);
    }
}

impl Part {
    /// A segment, of which these are gone: one for each of its entries.
    pub fn new(segment: Segment, gone: Vec<bool>) -> Part {
        Part {
            segment: Arc::new(segment),
            gone_count: gone.iter().filter(|gone| **gone).count(),
            gone,
        }
    }

    /// How many of its entries count.
    fn count(&self) -> usize {
        self.gone.len() - self.gone_count
    }

    /// Those that count.
    fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let counts = |entry: &u32| !self.gone[*entry as usize];
        (0..self.segment.len())
            .filter(counts)
            .map(|entry| self.segment.entry(entry))
    }

    fn found(&self, hits: Vec<Hit>) -> impl Iterator<Item = Found<'_>> {
        let still = hits.into_iter().filter(|hit| !self.gone[hit.entry as usize]);
        still.map(|hit| Found {
            segment: &self.segment,
            hit,
        })
    }
}

/// Each id once, in the order in which they came.
fn merged(entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let mut merged: Vec<Entry> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for entry in entries {
        match places.get(&entry.id) {
            None => {
                places.insert(entry.id.clone(), merged.len());
                merged.push(entry);
            }
            Some(at) => {
                let known = &mut merged[*at];
                known.popularity = known.popularity.into_iter().chain(entry.popularity).reduce(f64::max);
                for name in std::iter::once(entry.name).chain(entry.aliases) {
                    if name != known.name && !known.aliases.contains(&name) {
                        known.aliases.push(name);
                    }
                }
            }
        }
    }
    merged
}

#[cfg(test)]
pub(crate) mod tests;
