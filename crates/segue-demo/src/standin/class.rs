//! Classes of paths, by which requests are counted and faults are aimed.

use segue_diag::{Error, Kind, closest};
use std::fmt;
use std::str::FromStr;

/// A class of paths, by which requests are counted and faults are aimed. What several services offer has one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Spotify: `/api/token`
    Token,
    /// Spotify: `/v1/search`; MusicBrainz: `/ws/2/artist?query=`; Deezer: `/search/artist`
    Search,
    /// Spotify: `/v1/artists/{id}`; MusicBrainz: `/ws/2/artist/{mbid}`; Deezer: `/artist/{id}`
    Artist,
    /// Spotify: `/v1/artists?ids=`
    Artists,
    /// Spotify: `/v1/artists/{id}/top-tracks`; Deezer: `/artist/{id}/top`
    TopTracks,
    /// Spotify: `/v1/artists/{id}/albums`; Deezer: `/artist/{id}/albums`
    Albums,
    /// Spotify and ReccoBeats: `/v1/audio-features`
    AudioFeatures,
    /// Spotify: `/v1/artists/{id}/related-artists`; Deezer: `/artist/{id}/related`; ListenBrainz: `/similar-artists/json`
    RelatedArtists,
    /// Spotify: `/v1/tracks`; Deezer: `/track/{id}`; ReccoBeats: `/v1/track`
    Tracks,
    /// MusicBrainz: `/ws/2/url`
    Url,
    /// MusicBrainz: `/ws/2/isrc/{isrc}`
    Isrc,
    /// ListenBrainz: `/1/popularity/…`
    Popularity,
    /// ListenBrainz: `/1/lb-radio/artist/{mbid}`
    Radio,
    /// Spotify's stand-in: `/bench/pages/{kind}`
    Bench,
    /// Anything else.
    Other,
}

impl Class {
    /// Every class, in the order in which they are counted.
    pub const ALL: [Class; 15] = [
        Class::Token,
        Class::Search,
        Class::Artist,
        Class::Artists,
        Class::TopTracks,
        Class::Albums,
        Class::AudioFeatures,
        Class::RelatedArtists,
        Class::Tracks,
        Class::Url,
        Class::Isrc,
        Class::Popularity,
        Class::Radio,
        Class::Bench,
        Class::Other,
    ];

    /// The class as it is written in stats and faults.
    pub fn name(self) -> &'static str {
        match self {
            Class::Token => "token",
            Class::Search => "search",
            Class::Artist => "artist",
            Class::Artists => "artists",
            Class::TopTracks => "top_tracks",
            Class::Albums => "albums",
            Class::AudioFeatures => "audio_features",
            Class::RelatedArtists => "related_artists",
            Class::Tracks => "tracks",
            Class::Url => "url",
            Class::Isrc => "isrc",
            Class::Popularity => "popularity",
            Class::Radio => "radio",
            Class::Bench => "bench",
            Class::Other => "other",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Class {
    type Err = Error;

    fn from_str(text: &str) -> Result<Class, Error> {
        Class::ALL.into_iter().find(|c| c.name() == text).ok_or_else(|| {
            let names = Class::ALL.map(Class::name);
            let hint = match closest(text, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the classes are {}", names.join(", ")),
            };
            Error::new(Kind::Invalid, format!("there is no class of paths `{text}`")).hint(hint)
        })
    }
}
