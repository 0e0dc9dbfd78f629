//! Codes of recordings, made up: their country does not exist.

use super::{Catalogue, Track};
use crate::numbers::hash64;
use std::collections::HashMap;

/// What every code begins with: a country that is none, a registrant, a year.
const BEGIN: &str = "ZZSEG26";
/// So many codes have five digits, as they should.
const CODES: u32 = 100_000;
/// So many neighbours of a code are looked at.
const TRIES: u32 = 64;

/// The code of each track, and the track of each code.
#[derive(Debug)]
pub(super) struct Isrcs {
    by_place: Vec<u32>,
    places: HashMap<u32, usize>,
}

impl Isrcs {
    /// No code belongs to two: they would be taken for the same recording. In a large catalogue the last have more digits.
    pub(super) fn of(tracks: &[Track]) -> Isrcs {
        let mut isrcs = Isrcs {
            by_place: Vec::with_capacity(tracks.len()),
            places: HashMap::with_capacity(tracks.len()),
        };
        for (place, track) in tracks.iter().enumerate() {
            let first = (hash64(&track.id) % u64::from(CODES)) as u32;
            let mut near = (first..first + TRIES).map(|code| code % CODES);
            let free = near.find(|code| !isrcs.places.contains_key(code));
            let code = free.unwrap_or(CODES + place as u32);
            isrcs.by_place.push(code);
            isrcs.places.insert(code, place);
        }
        isrcs
    }
}

impl Catalogue {
    /// The ISRC of a track.
    pub fn isrc(&self, track: &Track) -> String {
        let place = self.track_by_id.get(&track.id);
        let code = place.map_or(0, |place| self.isrcs().by_place[*place]);
        format!("{BEGIN}{code:05}")
    }

    /// The place of the track with this ISRC, in whatever case.
    pub fn track_of_isrc(&self, isrc: &str) -> Option<usize> {
        let isrc = isrc.to_ascii_uppercase();
        let code: u32 = isrc.strip_prefix(BEGIN)?.parse().ok()?;
        let place = *self.isrcs().places.get(&code)?;
        (self.isrc(&self.tracks[place]) == isrc).then_some(place)
    }

    fn isrcs(&self) -> &Isrcs {
        self.isrcs.get_or_init(|| Isrcs::of(&self.tracks))
    }
}
