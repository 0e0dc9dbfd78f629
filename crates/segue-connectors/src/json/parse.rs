//! A strict pull parser over text.

use super::MAX_DEPTH;
use std::borrow::Cow;

/// What is wrong, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// A short phrase.
    pub reason: Cow<'static, str>,
    /// The byte.
    pub at: usize,
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// `[`
    Array,
    /// `{`
    Object,
}

impl Shape {
    /// What begins with this byte; `None` where no value does.
    pub fn of(byte: u8) -> Option<Shape> {
        match byte {
            b'"' => Some(Shape::String),
            b'{' => Some(Shape::Object),
            b'[' => Some(Shape::Array),
            b'-' | b'0'..=b'9' => Some(Shape::Number),
            b't' | b'f' => Some(Shape::Bool),
            b'n' => Some(Shape::Null),
            _ => None,
        }
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Null => "null",
            Shape::Bool => "a bool",
            Shape::Number => "a number",
            Shape::String => "a string",
            Shape::Array => "an array",
            Shape::Object => "an object",
        }
    }
}

/// Reads one text from left to right.
pub struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// At the beginning of this text.
    pub fn new(text: &'a str) -> Parser<'a> {
        Parser {
            text,
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
        }
    }

    /// Fails with this reason, here.
    pub fn bad<T>(&self, reason: impl Into<Cow<'static, str>>) -> Result<T, Bad> {
        Err(Bad {
            reason: reason.into(),
            at: self.at,
        })
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// What comes next.
    ///
    /// # Errors
    /// The end, or a byte with which no value begins.
    pub fn peek(&mut self) -> Result<Shape, Bad> {
        self.space();
        let next = self.bytes.get(self.at);
        if let Some(shape) = next.and_then(|b| Shape::of(*b)) {
            return Ok(shape);
        }
        match next {
            Some(_) => {
                let word: String = self.text[self.at..]
                    .chars()
                    .take_while(|c| c.is_alphanumeric())
                    .take(20)
                    .collect();
                if word.is_empty() {
                    self.bad("not JSON")
                } else {
                    self.bad(format!("not JSON: {word}"))
                }
            }
            None => self.bad("ends too early"),
        }
    }

    /// Nothing but space follows.
    ///
    /// # Errors
    /// Something does.
    pub fn end(&mut self) -> Result<(), Bad> {
        self.space();
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            self.bad("something follows the value")
        }
    }

    /// Takes `null`, if it is next.
    ///
    /// # Errors
    /// As [`Parser::peek`].
    pub fn null(&mut self) -> Result<bool, Bad> {
        if self.peek()? != Shape::Null {
            return Ok(false);
        }
        self.word("null")?;
        Ok(true)
    }

    fn word(&mut self, word: &'static str) -> Result<(), Bad> {
        let after = self.bytes.get(self.at + word.len());
        let whole = !after.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        if whole && self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            self.bad("not JSON")
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// Something else.
    pub fn bool(&mut self) -> Result<bool, Bad> {
        self.space();
        let value = self.bytes.get(self.at) == Some(&b't');
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// A number, as its text.
    ///
    /// # Errors
    /// None, or one that JSON does not write so.
    pub fn number(&mut self) -> Result<&'a str, Bad> {
        self.space();
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        let plain =
            text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() && (text.len() == 1 || !text.starts_with('0'));
        if plain || crate::columns::number::is_number(text) {
            Ok(text)
        } else {
            Err(Bad {
                reason: "not a number as JSON writes it".into(),
                at: start,
            })
        }
    }

    /// A string, its escapes resolved.
    ///
    /// # Errors
    /// None, one that does not end, a bare control character, a bad escape, half a surrogate pair.
    pub fn string(&mut self) -> Result<Cow<'a, str>, Bad> {
        self.space();
        if self.bytes.get(self.at) != Some(&b'"') {
            return self.bad("not a string");
        }
        self.at += 1;
        let start = self.at;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
                }
                Some(b'\\') => break,
                Some(0..0x20) => return self.bad("a control character in a string"),
                Some(_) => self.at += 1,
                None => return self.bad("ends too early"),
            }
        }
        let mut out = String::from(&self.text[start..self.at]);
        loop {
            let from = self.at;
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(0..0x20) => return self.bad("a control character in a string"),
                Some(_) => {
                    while !matches!(self.bytes.get(self.at), None | Some(b'"' | b'\\' | 0..0x20)) {
                        self.at += 1;
                    }
                    out.push_str(&self.text[from..self.at]);
                }
                None => return self.bad("ends too early"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Bad> {
        let start = self.at;
        let Some(kind) = self.bytes.get(self.at + 1) else {
            return self.bad("ends too early");
        };
        self.at += 2;
        Ok(match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                let lone = Bad {
                    reason: "half a surrogate pair".into(),
                    at: start,
                };
                match first {
                    0xD800..0xDC00 => {
                        if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                            return Err(lone);
                        }
                        self.at += 2;
                        match self.hex()? {
                            second @ 0xDC00..0xE000 => {
                                let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                                char::from_u32(code).ok_or(lone)?
                            }
                            _ => return Err(lone),
                        }
                    }
                    _ => char::from_u32(first).ok_or(lone)?,
                }
            }
            _ => {
                return Err(Bad {
                    reason: "not an escape that JSON has".into(),
                    at: start,
                });
            }
        })
    }

    fn hex(&mut self) -> Result<u32, Bad> {
        let digits = self
            .bytes
            .get(self.at..self.at + 4)
            .filter(|d| d.iter().all(u8::is_ascii_hexdigit));
        let Some(digits) = digits else {
            return self.bad("not an escape that JSON has");
        };
        self.at += 4;
        Ok(digits
            .iter()
            .fold(0, |v, d| v * 16 + (*d as char).to_digit(16).unwrap_or(0)))
    }

    /// Goes through an object: `each` takes every value.
    ///
    /// # Errors
    /// What `each` says, or no object.
    pub fn object<E: From<Bad>>(
        &mut self,
        mut each: impl FnMut(Cow<'a, str>, &mut Parser<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.enter(b'{', "not an object")?;
        if self.leave(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.space();
            if self.bytes.get(self.at) != Some(&b':') {
                return Ok(self.bad("a key without a colon")?);
            }
            self.at += 1;
            each(key, self)?;
            if !self.next(b'}')? {
                return Ok(());
            }
        }
    }

    /// Goes through an array: `each` takes every value.
    ///
    /// # Errors
    /// What `each` says, or no array.
    pub fn array<E: From<Bad>>(
        &mut self,
        mut each: impl FnMut(usize, &mut Parser<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.enter(b'[', "not an array")?;
        if self.leave(b']') {
            return Ok(());
        }
        let mut index = 0;
        loop {
            each(index, self)?;
            index += 1;
            if !self.next(b']')? {
                return Ok(());
            }
        }
    }

    fn enter(&mut self, open: u8, reason: &'static str) -> Result<(), Bad> {
        self.space();
        if self.bytes.get(self.at) != Some(&open) {
            return self.bad(reason);
        }
        if self.depth >= MAX_DEPTH {
            return self.bad("nested too deep");
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self, close: u8) -> bool {
        self.space();
        let left = self.bytes.get(self.at) == Some(&close);
        if left {
            self.at += 1;
            self.depth -= 1;
        }
        left
    }

    /// Whether another element follows.
    fn next(&mut self, close: u8) -> Result<bool, Bad> {
        if self.leave(close) {
            return Ok(false);
        }
        match self.bytes.get(self.at) {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(_) => self.bad("no comma where one belongs"),
            None => self.bad("ends too early"),
        }
    }

    /// Skips a value and gives its text. With `unique`, an object that has a key twice is refused.
    ///
    /// # Errors
    /// Anything that is not JSON.
    pub fn skip(&mut self, unique: bool) -> Result<&'a str, Bad> {
        let shape = self.peek()?;
        let start = self.at;
        match shape {
            Shape::Null => self.word("null")?,
            Shape::Bool => drop(self.bool()?),
            Shape::Number => drop(self.number()?),
            Shape::String => drop(self.string()?),
            Shape::Array => self.array(|_, p| p.skip(unique).map(drop))?,
            Shape::Object => {
                let mut keys: Vec<Cow<'a, str>> = Vec::new();
                self.object(|key, p| {
                    if unique {
                        keys.push(key);
                    }
                    p.skip(unique).map(drop)
                })?;
                keys.sort_unstable();
                if let Some(twice) = keys.windows(2).find(|w| w[0] == w[1]) {
                    let reason = format!("the key {} twice", super::quoted(&twice[0]));
                    return Err(Bad {
                        reason: reason.into(),
                        at: start,
                    });
                }
            }
        }
        Ok(&self.text[start..self.at])
    }
}
