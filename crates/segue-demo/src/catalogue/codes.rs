//! The codes by which other services name the same artists and tracks: MBIDs, ReccoBeats's ids, Deezer's numbers.
//!
//! They are made from hashes and are no codes of theirs: the UUIDs belong to nobody, and the numbers are larger than any that
//! Deezer has given.

use super::{Artist, Track};
use crate::numbers::{hash64, hash128, mix};
use std::collections::HashMap;

/// Where Deezer's numbers begin.
const FIRST_NUMBER: u64 = 9_000_000_000;
const NUMBERS: u64 = 900_000_000;

/// The codes of a catalogue, and who has them.
#[derive(Debug)]
pub(crate) struct Codes {
    artist_by_mbid: HashMap<String, usize>,
    track_by_mbid: HashMap<String, usize>,
    track_by_recco: HashMap<String, usize>,
    artist_by_number: HashMap<u64, usize>,
    track_by_number: HashMap<u64, usize>,
}

/// A UUID of version 4 for this. The kinds are MusicBrainz's (`artist`, `recording`, `area`, …) and ReccoBeats's `recco`.
pub(crate) fn mbid_of(kind: &str, id: &str) -> String {
    let bits = hash128(&format!("{kind}/{id}"));
    // Mixed once more: texts that differ in their ends alone have hashes that begin alike.
    let low = mix(bits as u64);
    let high = mix((bits >> 64) as u64 ^ low);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48 & 0x3fff),
        low & 0xffff_ffff_ffff,
    )
}

impl Codes {
    pub(super) fn of(artists: &[Artist], tracks: &[Track]) -> Codes {
        let artist_ids = || artists.iter().map(|a| a.id.as_str()).enumerate();
        let track_ids = || tracks.iter().map(|t| t.id.as_str()).enumerate();
        Codes {
            artist_by_mbid: artist_ids().map(|(i, id)| (mbid_of("artist", id), i)).collect(),
            track_by_mbid: track_ids().map(|(i, id)| (mbid_of("recording", id), i)).collect(),
            track_by_recco: track_ids().map(|(i, id)| (mbid_of("recco", id), i)).collect(),
            artist_by_number: artist_ids().map(|(i, id)| (Codes::number("artist", id), i)).collect(),
            track_by_number: track_ids().map(|(i, id)| (Codes::number("track", id), i)).collect(),
        }
    }

    /// The place of the artist with this MBID, in lower case.
    pub(crate) fn artist_of_mbid(&self, mbid: &str) -> Option<usize> {
        self.artist_by_mbid.get(mbid).copied()
    }

    /// The place of the track whose recording has this MBID, in lower case.
    pub(crate) fn track_of_mbid(&self, mbid: &str) -> Option<usize> {
        self.track_by_mbid.get(mbid).copied()
    }

    /// The place of the track that has this id at ReccoBeats, in lower case.
    pub(crate) fn track_of_recco(&self, id: &str) -> Option<usize> {
        self.track_by_recco.get(id).copied()
    }

    /// The place of the artist with this number.
    pub(crate) fn artist_of_number(&self, number: u64) -> Option<usize> {
        self.artist_by_number.get(&number).copied()
    }

    /// The place of the track with this number.
    pub(crate) fn track_of_number(&self, number: u64) -> Option<usize> {
        self.track_by_number.get(&number).copied()
    }

    /// Deezer's number of an `artist`, a `track` or an `album`.
    pub(crate) fn number(kind: &str, id: &str) -> u64 {
        FIRST_NUMBER + hash64(&format!("deezer:{kind}:{id}")) % NUMBERS
    }
}
