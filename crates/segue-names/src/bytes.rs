//! Numbers and texts as bytes, little-endian, each list with its length before it; and back, where nothing that is read is believed.

use std::io::{self, Read, Write};

/// So many bytes are put together before they are handed on; a multiple of the size of every number.
const BLOCK: usize = 32 << 10;

/// Writes parts of an index.
pub struct Writer<'w> {
    to: &'w mut dyn Write,
}

impl<'w> Writer<'w> {
    pub fn new(to: &'w mut dyn Write) -> Writer<'w> {
        Writer { to }
    }

    pub fn u32(&mut self, number: u32) -> io::Result<()> {
        self.to.write_all(&number.to_le_bytes())
    }

    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.count(text.len())?;
        self.to.write_all(text.as_bytes())
    }

    /// Yes and no, a byte each.
    pub fn bools(&mut self, all: &[bool]) -> io::Result<()> {
        self.list(all, |yes| [u8::from(yes)])
    }

    pub fn u16s(&mut self, all: &[u16]) -> io::Result<()> {
        self.list(all, u16::to_le_bytes)
    }

    pub fn u32s(&mut self, all: &[u32]) -> io::Result<()> {
        self.list(all, u32::to_le_bytes)
    }

    pub fn u64s(&mut self, all: impl ExactSizeIterator<Item = u64>) -> io::Result<()> {
        self.each(all, u64::to_le_bytes)
    }

    fn list<T: Copy, const N: usize>(&mut self, all: &[T], bytes: impl Fn(T) -> [u8; N]) -> io::Result<()> {
        self.each(all.iter().copied(), bytes)
    }

    fn each<T, const N: usize>(
        &mut self,
        all: impl ExactSizeIterator<Item = T>,
        bytes: impl Fn(T) -> [u8; N],
    ) -> io::Result<()> {
        self.count(all.len())?;
        let mut block = Vec::with_capacity(BLOCK);
        for number in all {
            block.extend_from_slice(&bytes(number));
            if block.len() >= BLOCK {
                self.to.write_all(&block)?;
                block.clear();
            }
        }
        self.to.write_all(&block)
    }

    fn count(&mut self, count: usize) -> io::Result<()> {
        self.to.write_all(&(count as u64).to_le_bytes())
    }
}

/// Reads parts of an index.
pub struct Reader<'r> {
    from: &'r mut dyn Read,
    /// How many bytes there may be still: a length that says more is wrong, and nothing is taken for it.
    left: u64,
}

impl<'r> Reader<'r> {
    pub fn new(from: &'r mut dyn Read, size_bytes: u64) -> Reader<'r> {
        Reader { from, left: size_bytes }
    }

    pub fn u32(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    pub fn text(&mut self) -> io::Result<String> {
        let mut bytes = vec![0; self.count(1)?];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| wrong("a text is no UTF-8"))
    }

    pub fn bools(&mut self) -> io::Result<Vec<bool>> {
        self.list(|[byte]| byte != 0)
    }

    pub fn u16s(&mut self) -> io::Result<Vec<u16>> {
        self.list(u16::from_le_bytes)
    }

    pub fn u32s(&mut self) -> io::Result<Vec<u32>> {
        self.list(u32::from_le_bytes)
    }

    pub fn u64s<T>(&mut self, number: impl Fn(u64) -> T) -> io::Result<Vec<T>> {
        self.list(|bytes| number(u64::from_le_bytes(bytes)))
    }

    fn list<T, const N: usize>(&mut self, number: impl Fn([u8; N]) -> T) -> io::Result<Vec<T>> {
        let count = self.count(N)?;
        let mut all = Vec::with_capacity(count);
        let mut block = vec![0; BLOCK.min(count * N)];
        while all.len() < count {
            let taken = (count - all.len()).min(BLOCK / N);
            let part = &mut block[..taken * N];
            self.fill(part)?;
            let (numbers, _) = part.as_chunks::<N>();
            all.extend(numbers.iter().map(|bytes| number(*bytes)));
        }
        Ok(all)
    }

    /// A length, of things of so many bytes each.
    fn count(&mut self, size_bytes: usize) -> io::Result<usize> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        let count = u64::from_le_bytes(bytes);
        match count.checked_mul(size_bytes as u64) {
            Some(bytes) if bytes <= self.left => usize::try_from(count).map_err(|_| wrong("a list is too long")),
            _ => Err(wrong("a list is longer than what there is")),
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| wrong("it ends too early"))?;
        self.from.read_exact(bytes)
    }
}

/// What cannot have been written by us.
pub fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
