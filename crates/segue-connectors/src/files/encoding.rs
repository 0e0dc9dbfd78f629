//! Text of any encoding as UTF-8, while it is read. Bytes that are no text stay no text: in their place stands a byte that UTF-8 never has,
//! so that whoever reads the text finds the place, and sets aside what it stands in.

use crate::forms::Subject;
use encoding_rs::DecoderResult;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use segue_core::{Error, Kind, Result};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::io::{self, BufRead, Read};

/// The encoding of text; `None`: UTF-8, or what the text says itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encoding(Option<&'static encoding_rs::Encoding>);

impl Encoding {
    /// Whether nobody said it.
    pub fn is_auto(&self) -> bool {
        self.0.is_none()
    }
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Encoding, D::Error> {
        let name = String::deserialize(deserializer)?;
        match name.as_str() {
            "auto" => Ok(Encoding(None)),
            // It stands for encodings that are never decoded.
            _ => match encoding_rs::Encoding::for_label_no_replacement(name.as_bytes()) {
                Some(encoding) => Ok(Encoding(Some(encoding))),
                None => Err(serde::de::Error::custom(format!(
                    "`{name}` is no encoding that is known: write `utf-8`, `utf-16le`, `windows-1252`, `euc-kr`, `shift_jis`"
                ))),
            },
        }
    }
}

impl JsonSchema for Encoding {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Encoding".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// The first bytes that are looked at.
const FIRST: usize = 1024;
const BUFFER: usize = 64 << 10;

/// Text as UTF-8, without the mark that may stand before its first byte.
pub enum Text<R> {
    /// It is UTF-8, or was said to be: who reads it looks at it.
    Plain(R),
    /// It is decoded.
    Decoded(Box<Decoded<R>>),
}

impl<R: BufRead> Text<R> {
    /// From its first byte. `declares`: whether its first line may say what it is encoded in, as XML does.
    ///
    /// # Errors
    /// `BadData` for what is encoded in a way that is not read, or not told.
    pub fn of(mut source: R, said: Encoding, declares: bool, subject: &Subject) -> Result<Text<R>> {
        let first = subject.told(first(&mut source))?;
        let bad =
            |what: &str| Error::new(Kind::BadData, format!("the {subject} {what}")).code(segue_diag::FILES_ENCODING);
        if first.starts_with(&[0xFF, 0xFE, 0, 0]) || first.starts_with(&[0, 0, 0xFE, 0xFF]) {
            return Err(bad("is UTF-32, which is not read").hint("save it as UTF-8"));
        }
        let (encoding, mark) = match (encoding_rs::Encoding::for_bom(&first), said.0) {
            (Some((encoding, mark)), _) => (encoding, mark),
            (None, Some(encoding)) => (encoding, 0),
            (None, None) => match looks_like(&first) {
                Some(meant) => {
                    let what = format!("looks like {meant} without a byte order mark");
                    return Err(bad(&what).hint(format!("write `encoding: {}`", meant.to_lowercase())));
                }
                None if declares => match declared(&first) {
                    Some(label) => match encoding_rs::Encoding::for_label_no_replacement(label) {
                        // A first line that can be read byte by byte is not UTF-16, whatever it says.
                        Some(encoding) => (encoding.output_encoding(), 0),
                        None => {
                            let label = String::from_utf8_lossy(label);
                            let what = format!("says that it is encoded in `{label}`, which is not known");
                            return Err(bad(&what).hint("write what it is: `encoding: …`"));
                        }
                    },
                    None => (encoding_rs::UTF_8, 0),
                },
                None => (encoding_rs::UTF_8, 0),
            },
        };
        source.consume(mark);
        Ok(match encoding == encoding_rs::UTF_8 {
            true => Text::Plain(source),
            false => Text::Decoded(Box::new(Decoded {
                source,
                decoder: encoding.new_decoder_without_bom_handling(),
                text: vec![0; BUFFER],
                at: 0,
                end: 0,
                is_over: false,
            })),
        })
    }

    /// What bytes that are no text are not.
    pub fn encoding(&self) -> &'static str {
        match self {
            Text::Plain(_) => "UTF-8",
            Text::Decoded(decoded) => decoded.decoder.encoding().name(),
        }
    }
}

/// The first bytes, as many as come at once; at least four where there are as many.
fn first<R: BufRead>(source: &mut R) -> io::Result<Vec<u8>> {
    let buffer = source.fill_buf()?;
    Ok(buffer[..buffer.len().min(FIRST)].to_vec())
}

/// UTF-16 by its zeros: of text in Latin letters every other byte is one.
fn looks_like(first: &[u8]) -> Option<&'static str> {
    match first {
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Some("UTF-16LE"),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some("UTF-16BE"),
        _ => None,
    }
}

/// The encoding that the first line of XML names.
fn declared(first: &[u8]) -> Option<&[u8]> {
    let line = first.strip_prefix(b"<?xml")?;
    let line = &line[..line.windows(2).position(|two| two == b"?>")?];
    let at = line.windows(8).position(|eight| eight == b"encoding")?;
    let value = line[at + 8..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = value.split_first()?;
    let end = rest.iter().position(|byte| byte == quote)?;
    matches!(quote, b'"' | b'\'').then(|| &rest[..end])
}

impl<R: BufRead> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Text::Plain(source) => source.read(buffer),
            Text::Decoded(decoded) => decoded.read(buffer),
        }
    }
}

/// Text that is decoded.
pub struct Decoded<R> {
    source: R,
    decoder: encoding_rs::Decoder,
    text: Vec<u8>,
    at: usize,
    end: usize,
    is_over: bool,
}

/// No UTF-8 has it.
const NO_TEXT: u8 = 0xFF;

impl<R: BufRead> Decoded<R> {
    fn fill(&mut self) -> io::Result<()> {
        (self.at, self.end) = (0, 0);
        while self.end == 0 && !self.is_over {
            let bytes = match self.source.fill_buf() {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            let is_last = bytes.is_empty();
            let room = self.text.len() - 1;
            let (result, read, written) =
                self.decoder
                    .decode_to_utf8_without_replacement(bytes, &mut self.text[..room], is_last);
            self.source.consume(read);
            self.end = written;
            match result {
                DecoderResult::Malformed(..) => {
                    self.text[self.end] = NO_TEXT;
                    self.end += 1;
                }
                DecoderResult::InputEmpty => self.is_over = is_last,
                DecoderResult::OutputFull => {}
            }
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.end {
            self.fill()?;
        }
        let length = (self.end - self.at).min(buffer.len());
        buffer[..length].copy_from_slice(&self.text[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
