//! How near the sounds of a name are to what is written in Latin letters: `에미넴` to `eminem`, `레이디가가` to `lady gaga`.
//!
//! Nothing here is a list of names. [`cost`] lays sounds and letters beside each other by rules of how sounds are written (`rules`), and adds up
//! what does not fit, in tenths of an error. [`skeletons`] are what names that sound alike have in common, so that few have to be laid
//! beside each other: the classes of their consonants.

mod rules;
mod skeleton;

pub use skeleton::{is_shorter, of_sounds, shorter, skeletons};

/// What a whole error costs.
pub const ERROR: u32 = 10;

/// What does not fit between these sounds (of [`reading`](crate::reading::reading)) and these letters, in tenths of an error; `None` when it is
/// more than `most`.
pub fn cost(sounds: &str, letters: &str, most: u32) -> Option<u32> {
    let (sounds, letters) = (sounds.as_bytes(), letters.as_bytes());
    let width = letters.len() + 1;
    let rules = rules::table();
    // Cell (i, j): the least that it costs to lay `i` sounds beside `j` letters.
    let mut cells = vec![u16::MAX; (sounds.len() + 1) * width];
    cells[0] = 0;
    let most = u16::try_from(most).unwrap_or(u16::MAX - 1);
    for i in 0..=sounds.len() {
        for j in 0..=letters.len() {
            let here = cells[i * width + j];
            if here > most {
                continue;
            }
            let mut reach = |to: usize, more: u16| cells[to] = cells[to].min(here + more);
            if j < letters.len() {
                reach(i * width + j + 1, unsaid(letters, j));
            }
            let Some(sound) = sounds.get(i) else { continue };
            reach((i + 1) * width + j, unwritten(sounds, i));
            let Some(letter) = letters.get(j) else { continue };
            for rule in rules.of(*sound, *letter) {
                if rule.fits(&sounds[i..], letters, i, j) {
                    reach((i + rule.sounds.len()) * width + j + rule.letters.len(), rule.cost);
                }
            }
        }
    }
    cells.last().filter(|cost| **cost <= most).map(|cost| u32::from(*cost))
}

/// What a letter costs that nobody says.
fn unsaid(letters: &[u8], at: usize) -> u16 {
    let before = at.checked_sub(1).map(|at| letters[at]);
    let after = letters.get(at + 1).copied();
    let is_vowel = |c: Option<u8>| c.is_some_and(|c| b"aeiouy".contains(&c));
    match letters[at] {
        c if before == Some(c) => 1,
        b'r' if !is_vowel(after) => 1,
        b'e' if after.is_none() || (matches!(after, Some(b's' | b'd')) && at + 2 == letters.len()) => 1,
        b'e' if !is_vowel(before) => 3,
        b'g' if after == Some(b'h') => 2,
        b'k' if at == 0 && after == Some(b'n') => 1,
        b'b' if before == Some(b'm') && after.is_none() => 1,
        b'p' if before == Some(b'm') && after == Some(b'b') => 1,
        b'h' => 2,
        b'w' => 3,
        b'a' | b'e' | b'i' | b'o' | b'u' | b'y' => 5,
        b'l' if !is_vowel(after) => 6,
        b't' | b's' | b'd' if after.is_none() => 6,
        _ => 10,
    }
}

/// What a sound costs that is not written.
fn unwritten(sounds: &[u8], at: usize) -> u16 {
    let before = at.checked_sub(1).map(|at| sounds[at]);
    match sounds[at] {
        b'U' if before.is_some() => 0,
        b'Q' => 1,
        b'i' if matches!(before, Some(b'j' | b'c' | b'S')) => 2,
        b'y' | b'w' => 3,
        b'h' => 4,
        b'a' | b'e' | b'i' | b'o' | b'u' | b'O' | b'U' => 5,
        b'K' | b'T' | b'P' => 7,
        b'r' => 8,
        _ => 10,
    }
}

#[cfg(test)]
mod tests;
