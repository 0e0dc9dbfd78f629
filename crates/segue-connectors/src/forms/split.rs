//! One large answer of JSON cut into several: each has what stands before the records, and some of them; the last one also what stands
//! behind them. No more is held than a part, a record, and what stands around them all.

use super::Subject;
use crate::json::path::Step;
use bytes::Bytes;
use segue_core::{Error, Result};
use std::io::BufRead;

const AROUND: &str = "what stands around the records";
const BEFORE: &str = "what stands before the records";

/// An answer that is cut.
pub struct Split<R> {
    source: R,
    /// The names on the way to the list.
    way: Vec<Step>,
    /// Everything before the first record; it ends with the bracket.
    head: Vec<u8>,
    /// The objects that are open around the list.
    open: usize,
    state: State,
    /// The bytes of `head` and the tail so far.
    around: u64,
    most: u64,
    subject: Subject,
}

#[derive(PartialEq, Eq)]
enum State {
    Before,
    Within,
    After,
}

impl<R: BufRead> Split<R> {
    /// The list of whose elements are the records, at the end of these names.
    pub fn new(source: R, way: Vec<Step>, subject: Subject) -> Split<R> {
        Split {
            source,
            way,
            head: Vec::new(),
            open: 0,
            state: State::Before,
            around: 0,
            most: 0,
            subject,
        }
    }

    /// The next part, of about so many bytes. `most` is what one record, and what stands around all of them, may have.
    ///
    /// # Errors
    /// `Unavailable` where it was cut off; `BadData` for what is larger.
    pub fn next_part(&mut self, size: usize, most: u64) -> Result<Option<Bytes>> {
        self.most = most;
        match self.state {
            State::After => return Ok(None),
            State::Before => {
                let mut head = Vec::new();
                let is_found = self.go_to_list(&mut head)?;
                self.head = head;
                if !is_found {
                    // Whoever looks for the records says what is there instead.
                    self.state = State::After;
                    return Ok(Some(std::mem::take(&mut self.head).into()));
                }
                self.state = State::Within;
            }
            State::Within => {}
        }
        let mut part = self.head.clone();
        let begin = part.len();
        loop {
            match self.peek_past_space()? {
                None => return Err(self.subject.cut_off("")),
                // A bracket that closes nothing is for whoever looks for the records.
                Some(b']' | b'}') => break,
                Some(b',') => {
                    self.take()?;
                    // A part ends before a record, so that the last one always has some.
                    if part.len() - begin >= size {
                        part.push(b']');
                        part.extend(std::iter::repeat_n(b'}', self.open));
                        return Ok(Some(part.into()));
                    }
                    if part.len() > begin {
                        part.push(b',');
                    }
                }
                Some(_) => {
                    let before = part.len();
                    self.value(&mut part, before as u64 + most, "a record")?;
                }
            }
        }
        // What stands behind: how it goes on may be there.
        self.state = State::After;
        let mut tail = Vec::new();
        let limit = most.saturating_sub(self.around);
        while let Some(byte) = self.next_byte()? {
            tail.push(byte);
            if tail.len() as u64 > limit {
                return Err(self.too_much(AROUND));
            }
        }
        part.extend_from_slice(&tail);
        Ok(Some(part.into()))
    }

    /// Reads up to the first record. Whether there is a list.
    fn go_to_list(&mut self, head: &mut Vec<u8>) -> Result<bool> {
        let way = std::mem::take(&mut self.way);
        for step in &way {
            let Step::Name(name) = step else {
                return self.rest(head).map(|()| false);
            };
            if !self.go_into_field(name, head)? {
                return Ok(false);
            }
        }
        self.space(head)?;
        if self.peek()? != Some(b'[') {
            return self.rest(head).map(|()| false);
        }
        head.push(self.take()?);
        self.around = head.len() as u64;
        Ok(true)
    }

    /// Stands before a value: goes into its field of this name. Where there is none, all is read.
    fn go_into_field(&mut self, name: &str, head: &mut Vec<u8>) -> Result<bool> {
        self.space(head)?;
        if self.peek()? != Some(b'{') {
            return self.rest(head).map(|()| false);
        }
        head.push(self.take()?);
        loop {
            self.space(head)?;
            match self.peek()? {
                Some(b'"') => {
                    let from = head.len();
                    self.string(head)?;
                    let key: Option<String> = serde_json::from_slice(&head[from..]).ok();
                    self.space(head)?;
                    if self.peek()? != Some(b':') {
                        return self.rest(head).map(|()| false);
                    }
                    head.push(self.take()?);
                    if key.as_deref() == Some(name) {
                        self.open += 1;
                        return Ok(true);
                    }
                    self.space(head)?;
                    let most = self.most;
                    self.value(head, most, BEFORE)?;
                }
                Some(b',') => head.push(self.take()?),
                // The object ends without it, or it is none.
                _ => return self.rest(head).map(|()| false),
            }
        }
    }

    /// Takes a value, by its brackets and quotes.
    fn value(&mut self, out: &mut Vec<u8>, limit: u64, what: &'static str) -> Result<()> {
        let mut depth = 0usize;
        loop {
            let Some(byte) = self.peek()? else {
                return Err(self.subject.cut_off(""));
            };
            match byte {
                b'"' => {
                    self.string(out)?;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                b'{' | b'[' => {
                    depth += 1;
                    out.push(self.take()?);
                }
                b'}' | b']' if depth == 0 => return Ok(()),
                b'}' | b']' => {
                    depth -= 1;
                    out.push(self.take()?);
                    if depth == 0 {
                        return Ok(());
                    }
                }
                b',' if depth == 0 => return Ok(()),
                _ => out.push(self.take()?),
            }
            if out.len() as u64 > limit {
                return Err(self.too_much(what));
            }
        }
    }

    fn string(&mut self, out: &mut Vec<u8>) -> Result<()> {
        out.push(self.take()?);
        let begin = out.len() as u64;
        loop {
            let byte = self.take()?;
            out.push(byte);
            match byte {
                b'"' => return Ok(()),
                b'\\' => out.push(self.take()?),
                _ => {}
            }
            if out.len() as u64 - begin > self.most {
                return Err(self.too_much("a text"));
            }
        }
    }

    fn rest(&mut self, out: &mut Vec<u8>) -> Result<()> {
        while let Some(byte) = self.next_byte()? {
            out.push(byte);
            if out.len() as u64 > self.most {
                return Err(self.too_much(AROUND));
            }
        }
        Ok(())
    }

    fn space(&mut self, out: &mut Vec<u8>) -> Result<()> {
        // The mark that some servers put before the first byte goes along.
        while let Some(b' ' | b'\n' | b'\r' | b'\t' | 0xEF | 0xBB | 0xBF) = self.peek()? {
            out.push(self.take()?);
        }
        Ok(())
    }

    fn peek_past_space(&mut self) -> Result<Option<u8>> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek()? {
            self.take()?;
        }
        self.peek()
    }

    fn peek(&mut self) -> Result<Option<u8>> {
        let buffer = self.source.fill_buf().map_err(|e| self.subject.failed(e))?;
        Ok(buffer.first().copied())
    }

    fn next_byte(&mut self) -> Result<Option<u8>> {
        let byte = self.peek()?;
        if byte.is_some() {
            self.source.consume(1);
        }
        Ok(byte)
    }

    fn take(&mut self) -> Result<u8> {
        self.next_byte()?.ok_or_else(|| self.subject.cut_off(""))
    }

    fn too_much(&self, what: &'static str) -> Error {
        match what {
            AROUND | BEFORE => self.subject.too_much(what, self.most),
            part => self
                .subject
                .too_much(format!("{part} of the {}", self.subject), self.most),
        }
    }
}
