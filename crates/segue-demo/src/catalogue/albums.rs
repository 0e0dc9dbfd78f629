//! The albums of an artist: those of the top tracks, and enough others to need a few pages.

use super::{Artist, Catalogue, album_title};
use crate::numbers::Dice;

impl Catalogue {
    /// The titles of an artist's albums, those of the top tracks first.
    pub fn albums(&self, artist: &Artist) -> Vec<String> {
        let mut titles: Vec<String> = Vec::new();
        for track in &artist.tracks {
            let track = &self.tracks()[*track];
            let own = self.artist_at(track.artists[0]).id == artist.id;
            if own && !titles.contains(&track.album) {
                titles.push(track.album.clone());
            }
        }
        let mut dice = Dice::new(0, &format!("albums:{}", artist.id));
        let more = if artist.tracks.is_empty() {
            0
        } else {
            2 + dice.below(28)
        };
        for _ in 0..more {
            let title = album_title(&mut dice);
            if !titles.contains(&title) {
                titles.push(title);
            }
        }
        titles
    }
}
