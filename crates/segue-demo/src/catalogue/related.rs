//! Who is played by the people who play somebody: made up from genres, country and popularity, the same on every machine.

use super::{Artist, Catalogue};
use crate::numbers::{hash64, mix, unit};

/// Less related than this is not related.
const LEAST: f64 = 0.3;

impl Catalogue {
    /// The artists of the list who are related to the one at this place, nearest first, with a figure from 0 to 1 that is the
    /// same from both sides. At most `most`.
    pub fn related(&self, place: usize, most: usize) -> Vec<(usize, f64)> {
        let one = self.artist_at(place);
        let own = hash64(&one.id);
        let others = self.artists().iter().enumerate().filter(|(i, _)| *i != place);
        let near = others.map(|(i, other)| (i, nearness(one, other, own)));
        let mut related: Vec<(usize, f64)> = near.filter(|(_, nearness)| *nearness >= LEAST).collect();
        related.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        related.truncate(most);
        related
    }
}

/// Genres count most; the rest tells apart those of the same ones.
fn nearness(one: &Artist, other: &Artist, own: u64) -> f64 {
    let common = one.genres.iter().filter(|g| other.genres.contains(g)).count();
    if common == 0 {
        return 0.0;
    }
    let genres = (2 * common) as f64 / (one.genres.len() + other.genres.len()) as f64;
    let country = match (&one.known.country, &other.known.country) {
        (Some(a), Some(b)) if a == b => 1.0,
        _ => 0.0,
    };
    let popularity = 1.0 - f64::from(one.popularity.abs_diff(other.popularity)) / 100.0;
    let chance = unit(mix(own ^ hash64(&other.id)));
    0.55 * genres + 0.15 * country + 0.15 * popularity + 0.15 * chance
}
