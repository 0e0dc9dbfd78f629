//! The keys of a merge's rows, found by their bytes.

use datafusion::common::hash_utils::RandomState;
use std::hash::BuildHasher;

/// Memory of one row beside its key's bytes: its share of the slots at their fullest, and what is known of it.
pub(super) const ROW_BYTES: u64 = 64;

/// Which of the keys are in memory: those of one part of so many, by hash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Part {
    pub at: u64,
    pub of: u64,
}

/// A set of keys, with the number and the digest of the row of each. Keys are compared byte by byte; hashes only find them.
pub(super) struct Keys {
    hasher: RandomState,
    part: Part,
    /// Open addressing: the upper half of a key's hash, and its place plus one; 0 is free.
    slots: Vec<u64>,
    bytes: Vec<u8>,
    /// Where each key ends in the bytes.
    ends: Vec<u32>,
    numbers: Vec<u32>,
    digests: Vec<u128>,
}

/// The row of a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    pub number: u32,
    pub digest: u128,
}

/// What became of a key that was added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Added {
    New,
    Twice,
    /// There is no room to number more bytes or keys.
    Full,
}

impl Keys {
    /// An empty set of one part, with room for about so many keys.
    pub fn new(hasher: RandomState, part: Part, rows: usize) -> Keys {
        Keys {
            hasher,
            part,
            slots: vec![0; (rows * 2).next_power_of_two().max(16)],
            bytes: Vec::new(),
            ends: Vec::with_capacity(rows),
            numbers: Vec::with_capacity(rows),
            digests: Vec::with_capacity(rows),
        }
    }

    /// Whether a key is of the part that is kept here.
    pub fn is_here(&self, key: &[u8]) -> bool {
        self.part.of == 1 || (self.hasher.hash_one(key) >> 20) % self.part.of == self.part.at
    }

    /// The memory that it holds, in bytes.
    pub fn held(&self) -> u64 {
        (self.slots.len() * 8 + self.bytes.len() + self.ends.len() * 24) as u64
    }

    pub fn add(&mut self, key: &[u8], row: Found) -> Added {
        let hash = self.hasher.hash_one(key);
        let Err(free) = self.slot(key, hash) else {
            return Added::Twice;
        };
        let (Ok(end), Ok(place)) = (
            u32::try_from(self.bytes.len() + key.len()),
            u32::try_from(self.ends.len() + 1),
        ) else {
            return Added::Full;
        };
        self.slots[free] = slot_of(hash, place);
        self.bytes.extend_from_slice(key);
        self.ends.push(end);
        self.numbers.push(row.number);
        self.digests.push(row.digest);
        if self.ends.len() * 2 > self.slots.len() {
            self.grow();
        }
        Added::New
    }

    /// The row of this key.
    pub fn find(&self, key: &[u8]) -> Option<Found> {
        let at = self.slot(key, self.hasher.hash_one(key)).ok()?;
        Some(Found {
            number: self.numbers[at],
            digest: self.digests[at],
        })
    }

    /// Where a key stands, or the slot that is free for it.
    fn slot(&self, key: &[u8], hash: u64) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return Err(at);
            }
            let place = (slot as u32) as usize - 1;
            if slot >> 32 == hash >> 32 && self.key(place) == key {
                return Ok(place);
            }
            at = (at + 1) & mask;
        }
    }

    fn key(&self, place: usize) -> &[u8] {
        let from = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.bytes[from as usize..self.ends[place] as usize]
    }

    fn grow(&mut self) {
        let slots = self.slots.len() * 2;
        self.slots = vec![0; slots];
        for place in 0..self.ends.len() {
            let hash = self.hasher.hash_one(self.key(place));
            let mut at = hash as usize & (slots - 1);
            while self.slots[at] != 0 {
                at = (at + 1) & (slots - 1);
            }
            self.slots[at] = slot_of(hash, place as u32 + 1);
        }
    }
}

fn slot_of(hash: u64, place: u32) -> u64 {
    ((hash >> 32) << 32) | u64::from(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn whole() -> Keys {
        Keys::new(RandomState::with_seed(7), Part { at: 0, of: 1 }, 0)
    }

    #[test]
    fn an_empty_key_and_one_that_is_another_ones_beginning_are_keys_of_their_own() {
        let mut keys = whole();
        for (number, key) in ["", "a", "ab", "b"].into_iter().enumerate() {
            let row = Found {
                number: number as u32,
                digest: 0,
            };
            assert_eq!(keys.find(key.as_bytes()), None);
            assert_eq!(keys.add(key.as_bytes(), row), Added::New);
            assert_eq!(keys.find(key.as_bytes()), Some(row));
            assert_eq!(keys.add(key.as_bytes(), row), Added::Twice);
        }
    }

    #[test]
    fn each_key_is_of_one_part() {
        let of = 7;
        let parts: Vec<Keys> = (0..of)
            .map(|at| Keys::new(RandomState::with_seed(3), Part { at, of }, 0))
            .collect();
        let mut held = vec![0; parts.len()];
        for key in 0..7_000u64 {
            let here: Vec<usize> = (0..parts.len())
                .filter(|p| parts[*p].is_here(&key.to_be_bytes()))
                .collect();
            assert_eq!(here.len(), 1);
            held[here[0]] += 1;
        }
        assert!(held.iter().all(|n| (800..1200).contains(n)), "{held:?}");
    }

    proptest! {
        #[test]
        fn it_finds_what_a_map_finds(added in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3), 0..400)) {
            let (mut keys, mut model) = (whole(), HashMap::new());
            for (number, key) in added.iter().enumerate() {
                let row = Found { number: number as u32, digest: number as u128 * 3 };
                let expected = if model.contains_key(key) { Added::Twice } else { Added::New };
                model.entry(key.clone()).or_insert(row);
                prop_assert_eq!(keys.add(key, row), expected);
            }
            for key in (0..=255).map(|b| vec![b]).chain(added) {
                prop_assert_eq!(keys.find(&key), model.get(&key).copied());
            }
        }
    }
}
