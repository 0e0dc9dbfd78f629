//! Pages of records, made as fast as they can be sent, to measure a client with.
//!
//! A record is a fixed text with fixed places for digits, so a page is one copy a record and a few bytes written over it:
//! nothing is formatted, nothing is kept, and page 9,999 costs what page 0 costs. The same offset always gives the same bytes.

use super::reply::Reply;
use super::request::Pairs;
use super::spotify::shapes::api_error;
use crate::numbers::mix;

/// The longest page.
const LONGEST: u64 = 1000;
/// The length of the text of a large record, so that the record has 3 KB.
const WORDS: usize = 2850;

/// The bench's pages: as many records of each kind, `small` and `large`.
pub(super) struct Bench {
    records: u64,
    url: String,
    small: Template,
    large: Template,
    words: Vec<u8>,
    digits: Vec<u8>,
}

/// A record with places: `#` for a digit made from the record's number and place, `@` for one of its number itself, 22 in a
/// row; `~` where [`WORDS`] begin.
struct Template {
    text: Vec<u8>,
    ids: Vec<usize>,
    /// Where digits stand, and how many in a row.
    digits: Vec<(usize, usize)>,
    words: Option<usize>,
}

// The 18 fields of Spotify's audio features.
const SMALL: &str = concat!(
    r##"{"danceability":0.#####1,"energy":0.#####1,"key":#,"loudness":-1#.###,"mode":1,"speechiness":0.#####1,"##,
    r##""acousticness":0.#####1,"instrumentalness":0.#####1,"liveness":0.#####1,"valence":0.#####1,"tempo":1##.###,"##,
    r##""type":"audio_features","id":"@","uri":"spotify:track:@","track_href":"https://api.spotify.invalid/v1/tracks/@","##,
    r##""analysis_url":"https://api.spotify.invalid/v1/audio-analysis/@","duration_ms":2#####,"time_signature":4}"##,
);

const LARGE: &str = concat!(
    r##"{"id":"@","number":1#####,"score":0.#####1,"updated_at":"2026-0#-1#T1#:3#:2#Z","##,
    r##""owner":{"id":#####,"name":"owner 1###"},"text":"~"}"##,
);

impl Bench {
    /// So many records, with links that begin with `base`.
    pub(super) fn new(records: u64, base: &str) -> Bench {
        Bench {
            records,
            url: format!("{base}/bench/pages"),
            small: Template::new(SMALL),
            large: Template::new(LARGE),
            words: words(),
            digits: digits(),
        }
    }

    /// The page of `offset` and `limit` (100, at most 1,000).
    pub(super) fn page(&self, kind: &str, query: &Pairs) -> Reply {
        let template = match kind {
            "small" => &self.small,
            "large" => &self.large,
            _ => return api_error(404, "the kinds of bench pages are small and large"),
        };
        let number = |name: &str, usual: u64| query.get(name).map_or(Some(usual), |text| text.parse().ok());
        let Some(limit) = number("limit", 100).filter(|n| (1..=LONGEST).contains(n)) else {
            return api_error(400, "Invalid limit");
        };
        let Some(offset) = number("offset", 0) else {
            return api_error(400, "Invalid offset");
        };
        Reply::bytes(200, self.body(kind, template, offset, limit))
    }

    fn body(&self, kind: &str, template: &Template, offset: u64, limit: u64) -> Vec<u8> {
        let end = offset.saturating_add(limit).min(self.records);
        let count = end.saturating_sub(offset) as usize;
        let mut body = Vec::with_capacity(count * (template.text.len() + 1) + 300);
        body.extend_from_slice(b"{\"items\":[");
        for number in offset..end {
            if number > offset {
                body.push(b',');
            }
            template.write(number, &self.words, &self.digits, &mut body);
        }
        let next = match end < self.records && count > 0 {
            true => format!("\"{}/{kind}?offset={end}&limit={limit}\"", self.url),
            false => "null".into(),
        };
        let total = self.records;
        let tail = format!("],\"limit\":{limit},\"next\":{next},\"offset\":{offset},\"total\":{total}}}");
        body.extend_from_slice(tail.as_bytes());
        body
    }
}

impl Template {
    fn new(pattern: &str) -> Template {
        let mut template = Template {
            text: Vec::new(),
            ids: Vec::new(),
            digits: Vec::new(),
            words: None,
        };
        for byte in pattern.bytes() {
            let at = template.text.len();
            match byte {
                b'@' => {
                    template.ids.push(at);
                    template.text.extend([b'0'; 22]);
                }
                b'~' => {
                    template.words = Some(at);
                    template.text.extend([b' '; WORDS]);
                }
                b'#' => {
                    match template.digits.last_mut() {
                        Some((start, length)) if *start + *length == at => *length += 1,
                        _ => template.digits.push((at, 1)),
                    }
                    template.text.push(b'1');
                }
                other => template.text.push(other),
            }
        }
        template
    }

    fn write(&self, number: u64, words: &[u8], digits: &[u8], body: &mut Vec<u8>) {
        let start = body.len();
        body.extend_from_slice(&self.text);
        let record = &mut body[start..];
        if let Some(at) = self.words {
            let from = mix(number) as usize % (words.len() - WORDS);
            record[at..at + WORDS].copy_from_slice(&words[from..from + WORDS]);
        }
        let mut id = [b'0'; 22];
        let mut rest = number;
        for digit in id.iter_mut().rev() {
            if rest == 0 {
                break;
            }
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        for at in &self.ids {
            record[*at..*at + 22].copy_from_slice(&id);
        }
        let mut from = mix(number) as usize % (digits.len() - self.text.len());
        for (at, length) in &self.digits {
            record[*at..at + length].copy_from_slice(&digits[from..from + length]);
            from += length;
        }
    }
}

/// 64 KiB of digits from 1 to 9: without zeros no number begins with one that it may not have.
fn digits() -> Vec<u8> {
    (0..64 * 1024).map(|i| b'1' + (mix(i) % 9) as u8).collect()
}

/// 64 KiB of lower-case words, of which any stretch is good text.
fn words() -> Vec<u8> {
    let mut words = Vec::with_capacity(64 * 1024);
    for i in 0..(64 * 1024u64) {
        let roll = mix(i) % 32;
        words.push(if roll < 26 { b'a' + roll as u8 } else { b' ' });
    }
    words
}

#[cfg(test)]
mod tests;
