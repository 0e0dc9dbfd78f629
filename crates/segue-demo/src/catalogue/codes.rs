//! The codes by which other services name the same artists and tracks: MBIDs, ISRCs, Deezer's numbers.
//!
//! They are made from hashes and are no codes of theirs: the UUIDs belong to nobody, the ISRCs have a country that does not exist,
//! and the numbers are larger than any that Deezer has given.

use super::{Artist, Track};
use crate::numbers::{hash64, hash128, mix};
use std::collections::HashMap;

/// Where Deezer's numbers begin.
const FIRST_NUMBER: u64 = 9_000_000_000;
const NUMBERS: u64 = 900_000_000;
/// So many ISRCs are there.
const ISRCS: u64 = 100_000;
/// So many neighbours of a code are looked at.
const TRIES: u64 = 64;

/// The codes of a catalogue, and who has them.
#[derive(Debug)]
pub(crate) struct Codes {
    artist_by_mbid: HashMap<String, usize>,
    track_by_mbid: HashMap<String, usize>,
    track_by_recco: HashMap<String, usize>,
    artist_by_number: HashMap<u64, usize>,
    track_by_number: HashMap<u64, usize>,
    track_by_isrc: HashMap<String, usize>,
    isrc_by_track: HashMap<String, String>,
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
        let mut isrc_by_track = HashMap::with_capacity(tracks.len());
        let mut track_by_isrc = HashMap::with_capacity(tracks.len());
        for (place, track) in tracks.iter().enumerate() {
            let isrc = free_isrc(&track.id, &track_by_isrc);
            track_by_isrc.insert(isrc.clone(), place);
            isrc_by_track.insert(track.id.clone(), isrc);
        }
        let artist_ids = || artists.iter().map(|a| a.id.as_str()).enumerate();
        let track_ids = || tracks.iter().map(|t| t.id.as_str()).enumerate();
        Codes {
            artist_by_mbid: artist_ids().map(|(i, id)| (mbid_of("artist", id), i)).collect(),
            track_by_mbid: track_ids().map(|(i, id)| (mbid_of("recording", id), i)).collect(),
            track_by_recco: track_ids().map(|(i, id)| (mbid_of("recco", id), i)).collect(),
            artist_by_number: artist_ids().map(|(i, id)| (Codes::number("artist", id), i)).collect(),
            track_by_number: track_ids().map(|(i, id)| (Codes::number("track", id), i)).collect(),
            track_by_isrc,
            isrc_by_track,
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

    /// The place of the track with this ISRC, in capitals.
    pub(crate) fn track_of_isrc(&self, isrc: &str) -> Option<usize> {
        self.track_by_isrc.get(isrc).copied()
    }

    /// The ISRC of the track with this id.
    pub(crate) fn isrc(&self, track_id: &str) -> &str {
        self.isrc_by_track.get(track_id).map_or("", String::as_str)
    }

    /// Deezer's number of an `artist`, a `track` or an `album`.
    pub(crate) fn number(kind: &str, id: &str) -> u64 {
        FIRST_NUMBER + hash64(&format!("deezer:{kind}:{id}")) % NUMBERS
    }
}

/// An ISRC that nobody before has: two recordings with one would be taken for the same.
fn free_isrc(track_id: &str, taken: &HashMap<String, usize>) -> String {
    let first = hash64(track_id) % ISRCS;
    let codes = (first..first + TRIES).map(|code| format!("ZZSEG26{:05}", code % ISRCS));
    let mut free = codes.filter(|code| !taken.contains_key(code));
    // A catalogue that is nearly full of codes goes on with longer ones.
    free.next()
        .unwrap_or_else(|| format!("ZZSEG26{:07}", hash64(track_id) % 10_000_000))
}
