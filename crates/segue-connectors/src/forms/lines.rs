//! JSON lines. One that cannot be read becomes a text, which fits no row: it is set aside, and the others are read.

use super::Subject;
use crate::json::find::{self, Broken};
use crate::json::quoted;
use bytes::Bytes;
use segue_core::Result;
use std::io::{BufRead, Read};

/// What is known of the lines of a part.
#[derive(Debug, Default)]
pub struct Told {
    /// The number of each record's line, from 1.
    pub lines: Vec<u64>,
    /// Lines that are no JSON, and their numbers.
    pub broken: Vec<(u64, Vec<u8>)>,
}

/// JSON lines.
pub struct Lines<R> {
    source: R,
    subject: Subject,
    /// Lines that were read.
    read: u64,
}

impl<R: BufRead> Lines<R> {
    /// Of this answer or file.
    pub fn new(source: R, subject: Subject) -> Lines<R> {
        let read = 0;
        Lines { source, subject, read }
    }

    /// The next lines, of about so many bytes, as one list; `told` gets the number of each, and those of a file that are no JSON.
    ///
    /// # Errors
    /// `Unavailable` where the last line of an answer was cut off; `BadData` where one is larger than `most`.
    pub fn next_part(&mut self, size: usize, most: u64, told: &mut Told) -> Result<Option<Bytes>> {
        let mut part = Vec::new();
        let mut line = Vec::new();
        let mut broken = 0;
        while part.len() + broken < size {
            line.clear();
            let read = self.source.by_ref().take(most + 1).read_until(b'\n', &mut line);
            if self.subject.told(read)? == 0 {
                break;
            }
            if line.len() as u64 > most {
                let what = format!("a line of the {}", self.subject);
                let at = self.read + 1;
                return Err(self.subject.too_much(what, most).with("line", at));
            }
            self.read += 1;
            let is_ended = line.ends_with(b"\n");
            let mut text = line.trim_ascii();
            if self.read == 1 {
                text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
            }
            if text.is_empty() {
                continue;
            }
            let fits = match (find::complete(text), &self.subject) {
                (Ok(()), _) => true,
                (Err(Broken::Cut), Subject::Answer) if !is_ended => {
                    return Err(self.subject.cut_off(" in its last line"));
                }
                (Err(_), Subject::Answer) => false,
                (Err(_), Subject::File(_)) => {
                    broken += text.len();
                    told.broken.push((self.read, text.to_vec()));
                    continue;
                }
            };
            part.push(if part.is_empty() { b'[' } else { b',' });
            told.lines.push(self.read);
            match fits {
                true => part.extend_from_slice(text),
                false => part.extend_from_slice(quoted(&String::from_utf8_lossy(text)).as_bytes()),
            }
        }
        if part.is_empty() && told.broken.is_empty() {
            return Ok(None);
        }
        if part.is_empty() {
            part.push(b'[');
        }
        part.push(b']');
        Ok(Some(part.into()))
    }
}
