//! Bytes by brackets and quotes: where values end, without a tree.

use crate::columns::number;

/// Why an answer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It ends in the middle: it was cut off.
    Cut,
    /// It is no JSON at this byte.
    NotJson(usize),
    /// The key that a path goes through is there twice.
    Twice(usize),
}

/// The bytes without the mark that some servers put before the first.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// The brackets that are open. One bit a level says whether it is an object; only hostile answers go deeper and need a list.
#[derive(Default)]
struct Nest {
    depth: usize,
    objects: u128,
    deep: Vec<u128>,
}

impl Nest {
    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(128) {
            self.deep.push(self.objects);
        }
        self.objects = (self.objects << 1) | u128::from(is_object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
        if self.depth > 0 && self.depth.is_multiple_of(128) {
            self.objects = self.deep.pop().unwrap_or_default();
        }
    }

    /// Whether the innermost is an object; `None` when all are closed.
    fn top(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.objects & 1 == 1)
    }
}

/// How many of eight bytes come before the first quote or backslash.
fn stops(eight: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let Ok(eight) = <[u8; 8]>::try_from(eight) else {
        return 0;
    };
    let word = u64::from_le_bytes(eight);
    let zero = |w: u64| w.wrapping_sub(ONES) & !w & HIGH;
    let found = zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\')));
    (found.trailing_zeros() / 8) as usize
}

/// Bytes at which the brackets of a value must be looked at.
static MATTERS: [bool; 256] = {
    let mut table = [false; 256];
    table[b'"' as usize] = true;
    table[b'{' as usize] = true;
    table[b'}' as usize] = true;
    table[b'[' as usize] = true;
    table[b']' as usize] = true;
    table
};

/// Goes through bytes by brackets and quotes.
pub(super) struct Scan<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Scan<'a> {
    /// At the first byte, behind the mark that some servers put before it.
    pub(super) fn new(bytes: &'a [u8]) -> Scan<'a> {
        let at = bytes.len() - without_mark(bytes).len();
        Scan { bytes, at }
    }

    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    pub(super) fn is(&self, byte: u8) -> bool {
        self.bytes.get(self.at) == Some(&byte)
    }

    /// The inside of a string, as it is written.
    fn string(&mut self) -> Result<&'a [u8], Broken> {
        if !self.is(b'"') {
            return Err(if self.at < self.bytes.len() {
                Broken::NotJson(self.at)
            } else {
                Broken::Cut
            });
        }
        let start = self.at + 1;
        let mut at = start;
        loop {
            // Eight bytes at a time, while none of them is a quote or a backslash.
            while let Some(eight) = self.bytes.get(at..at + 8) {
                let stop = stops(eight);
                at += stop;
                if stop < 8 {
                    break;
                }
            }
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
                None => return Err(Broken::Cut),
            }
        }
        self.at = at + 1;
        Ok(&self.bytes[start..at])
    }

    /// One value, whatever is inside.
    pub(super) fn skip(&mut self) -> Result<(), Broken> {
        self.space();
        match self.bytes.get(self.at) {
            None => Err(Broken::Cut),
            Some(b'"') => self.string().map(drop),
            Some(b'{' | b'[') => self.brackets(),
            Some(_) => self.scalar(),
        }
    }

    /// One value, and all that is inside it is JSON: what is not read otherwise is looked at here. What stands in strings is not.
    pub(super) fn check(&mut self) -> Result<(), Broken> {
        let mut nest = Nest::default();
        loop {
            self.space();
            match self.bytes.get(self.at) {
                None => return Err(Broken::Cut),
                Some(open @ (b'{' | b'[')) => {
                    let is_object = *open == b'{';
                    self.at += 1;
                    self.space();
                    if self.is(if is_object { b'}' } else { b']' }) {
                        self.at += 1;
                    } else {
                        nest.push(is_object);
                        if is_object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                Some(b'"') => drop(self.string()?),
                Some(_) => self.scalar()?,
            }
            // A value has ended: so may what it stands in.
            while let Some(is_object) = nest.top() {
                if self.next(if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.space();
                        self.key()?;
                    }
                    break;
                }
                nest.pop();
            }
            if nest.top().is_none() {
                return Ok(());
            }
        }
    }

    /// `true`, `false`, `null` or a number, and nothing else.
    fn scalar(&mut self) -> Result<(), Broken> {
        let start = self.at;
        let ends = |b: &u8| matches!(b, b',' | b']' | b'}' | b':' | b'"' | b' ' | b'\n' | b'\r' | b'\t');
        let rest = &self.bytes[start..];
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        let text = std::str::from_utf8(&rest[..length]).map_err(|_| Broken::NotJson(start))?;
        self.at = start + length;
        if matches!(text, "true" | "false" | "null") || number::is_number(text) {
            return Ok(());
        }
        let is_begun = ["true", "false", "null"].iter().any(|w| w.starts_with(text))
            || [".0", "0", "+0"]
                .iter()
                .any(|more| number::is_number(&format!("{text}{more}")));
        // Where the bytes end in the middle of a value that could still be one, they were cut off.
        if length == rest.len() && length > 0 && is_begun {
            Err(Broken::Cut)
        } else {
            Err(Broken::NotJson(start))
        }
    }

    /// From an opening bracket to its closing one.
    fn brackets(&mut self) -> Result<(), Broken> {
        let mut nest = Nest::default();
        loop {
            while self.bytes.get(self.at).is_some_and(|b| !MATTERS[usize::from(*b)]) {
                self.at += 1;
            }
            match self.bytes.get(self.at) {
                None => return Err(Broken::Cut),
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(open @ (b'{' | b'[')) => nest.push(*open == b'{'),
                Some(close @ (b'}' | b']')) => {
                    if nest.top() != Some(*close == b'}') {
                        return Err(Broken::NotJson(self.at));
                    }
                    nest.pop();
                    if nest.top().is_none() {
                        self.at += 1;
                        return Ok(());
                    }
                }
                Some(_) => {}
            }
            self.at += 1;
        }
    }

    /// A key and its colon.
    fn key(&mut self) -> Result<&'a [u8], Broken> {
        let key = self.string()?;
        self.space();
        self.expect(b':')?;
        Ok(key)
    }

    pub(super) fn object(
        &mut self,
        mut each: impl FnMut(&'a [u8], usize, &mut Scan<'a>) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.at += 1;
        self.space();
        if self.is(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            let at = self.at;
            let key = self.key()?;
            self.space();
            each(key, at, self)?;
            if !self.next(b'}')? {
                return Ok(());
            }
        }
    }

    pub(super) fn array(
        &mut self,
        mut each: impl FnMut(usize, &mut Scan<'a>) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.at += 1;
        self.space();
        if self.is(b']') {
            self.at += 1;
            return Ok(());
        }
        let mut index = 0;
        loop {
            self.space();
            each(index, self)?;
            index += 1;
            if !self.next(b']')? {
                return Ok(());
            }
        }
    }

    fn next(&mut self, close: u8) -> Result<bool, Broken> {
        self.space();
        if self.is(close) {
            self.at += 1;
            return Ok(false);
        }
        self.expect(b',').map(|()| true)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        match self.bytes.get(self.at) {
            Some(b) if *b == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(Broken::NotJson(self.at)),
            None => Err(Broken::Cut),
        }
    }
}
