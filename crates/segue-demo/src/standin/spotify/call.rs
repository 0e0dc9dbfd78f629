//! What a request asks Spotify for.

use crate::standin::class::Class;
use crate::standin::request::{Request, decode};

/// What a request asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    Token,
    Search,
    Artist(String),
    Artists,
    TopTracks(String),
    Albums(String),
    AudioFeatures,
    AudioFeature(String),
    AudioAnalysis,
    RelatedArtists,
    Recommendations,
    Track(String),
    Tracks,
    /// What development mode has no more and this stand-in never had: `/v1/browse/…`, `/v1/markets`, `/v1/users/{id}`.
    Removed,
    Bench(String),
    Unknown,
}

impl Call {
    /// What a request asks for. A slash at the end makes no difference.
    pub(super) fn of(request: &Request<'_>) -> Call {
        let text = |part: &str| decode(part, false).into_owned();
        match request.parts()[..] {
            ["api", "token"] => Call::Token,
            ["v1", "search"] => Call::Search,
            ["v1", "artists"] => Call::Artists,
            ["v1", "artists", id] => Call::Artist(text(id)),
            ["v1", "artists", id, "top-tracks"] => Call::TopTracks(text(id)),
            ["v1", "artists", id, "albums"] => Call::Albums(text(id)),
            ["v1", "artists", _, "related-artists"] => Call::RelatedArtists,
            ["v1", "audio-features"] => Call::AudioFeatures,
            ["v1", "audio-features", id] => Call::AudioFeature(text(id)),
            ["v1", "audio-analysis", _] => Call::AudioAnalysis,
            ["v1", "recommendations"] => Call::Recommendations,
            ["v1", "tracks"] => Call::Tracks,
            ["v1", "tracks", id] => Call::Track(text(id)),
            [
                "v1",
                "albums" | "episodes" | "shows" | "chapters" | "audiobooks" | "markets",
            ] => Call::Removed,
            ["v1", "browse", "new-releases" | "categories"] | ["v1", "users", _] => Call::Removed,
            ["bench", "pages", kind] => Call::Bench(text(kind)),
            _ => Call::Unknown,
        }
    }

    /// The class that it is counted in.
    pub(super) fn class(&self) -> Class {
        match self {
            Call::Token => Class::Token,
            Call::Search => Class::Search,
            Call::Artist(_) => Class::Artist,
            Call::Artists => Class::Artists,
            Call::TopTracks(_) => Class::TopTracks,
            Call::Albums(_) => Class::Albums,
            Call::AudioFeatures | Call::AudioFeature(_) | Call::AudioAnalysis => Class::AudioFeatures,
            Call::RelatedArtists => Class::RelatedArtists,
            Call::Track(_) | Call::Tracks => Class::Tracks,
            Call::Bench(_) => Class::Bench,
            Call::Recommendations | Call::Removed | Call::Unknown => Class::Other,
        }
    }
}
