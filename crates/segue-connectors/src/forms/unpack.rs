//! What is packed with gzip, zip, zstd or bzip2, unpacked as it is read and never past a limit.

use super::Subject;
use flate2::Crc;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use segue_core::Result;
use std::fmt;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One file of what was packed; the only one, where nothing was.
pub type Member = BufReader<Box<dyn Read + Send + Sync>>;

/// Bytes as a member.
pub fn member(bytes: Box<dyn Read + Send + Sync>) -> Member {
    BufReader::with_capacity(64 << 10, bytes)
}

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZIP: [u8; 4] = *b"PK\x03\x04";
/// A zip with nothing in it.
const EMPTY_ZIP: [u8; 4] = *b"PK\x05\x06";
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Behind `BZh` and a digit: no text goes on like this.
const BZIP2: [u8; 6] = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
/// No zip that is read has more files.
const MOST_FILES: usize = 10_000;
/// The first bytes that are looked at.
const FIRST: usize = 10;

/// Whether these are the first bytes of something packed. No JSON, no CSV and no XML begins like it.
pub fn is_packed(bytes: &[u8]) -> bool {
    packing(bytes) != Packing::None
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zip,
    Zstd,
    Bzip2,
}

fn packing(first: &[u8]) -> Packing {
    let is_bzip2 = first.starts_with(b"BZh") && first.get(4..FIRST) == Some(&BZIP2[..]);
    match first {
        _ if first.starts_with(&GZIP) => Packing::Gzip,
        _ if first.starts_with(&ZIP) || first.starts_with(&EMPTY_ZIP) => Packing::Zip,
        _ if first.starts_with(&ZSTD) => Packing::Zstd,
        _ if is_bzip2 => Packing::Bzip2,
        _ => Packing::None,
    }
}

/// What was packed, and what is in it; something that is not packed is in itself.
pub struct Archive<S> {
    source: S,
    packing: Packing,
    entries: Vec<Entry>,
    left: Arc<AtomicU64>,
    most: u64,
    subject: Subject,
}

impl<S: Read + Seek + Anew + Send + Sync + 'static> Archive<S> {
    /// Looks at it. Of a zip only the files that are wanted count. All files together are no larger than `most`, unpacked.
    ///
    /// # Errors
    /// `BadData` for a zip that cannot be read, and where none of its files is wanted; where it was cut off.
    pub fn of(mut source: S, wanted: Option<&glob::Pattern>, most: u64, subject: &Subject) -> Result<Archive<S>> {
        let mut first = Vec::with_capacity(FIRST);
        subject.told(source.by_ref().take(FIRST as u64).read_to_end(&mut first))?;
        subject.told(source.seek(SeekFrom::Start(0)))?;
        let packing = packing(&first);
        let mut entries = Vec::new();
        if packing == Packing::Zip {
            entries = self::entries(&mut source, subject)?;
            let is_wanted = |name: &str| wanted.is_none_or(|pattern| pattern.matches(name));
            entries.retain(|entry| !entry.name.ends_with('/') && is_wanted(&entry.name));
            if let Some(pattern) = wanted
                && entries.is_empty()
            {
                let hint = match subject {
                    Subject::Answer => "look at `decoder.member`",
                    Subject::File(_) => "look at `member`",
                };
                return Err(subject
                    .damaged(format!("no file of the zip is like `{pattern}`"))
                    .hint(hint));
            }
        }
        Ok(Archive {
            source,
            packing,
            entries,
            left: Arc::new(AtomicU64::new(most)),
            most,
            subject: subject.clone(),
        })
    }

    /// How many files are in it.
    pub fn len(&self) -> usize {
        match self.packing {
            Packing::Zip => self.entries.len(),
            _ => 1,
        }
    }

    /// The name of a file of a zip; `None` of all else.
    pub fn name(&self, at: usize) -> Option<&str> {
        self.entries.get(at).map(|entry| entry.name.as_str())
    }

    /// A file, from its beginning.
    ///
    /// # Errors
    /// `BadData` where it is packed in a way that is not read; where it was cut off.
    pub fn member(&self, at: usize) -> Result<Member> {
        let mut source = self.source.again();
        let inner: Box<dyn Read + Send + Sync> = match (self.packing, self.entries.get(at)) {
            (Packing::Zip, None) => Box::new(io::empty()),
            (Packing::Zip, Some(entry)) => {
                let begin = entry.data(&mut source, &self.subject)?;
                self.subject.told(source.seek(SeekFrom::Start(begin)))?;
                let packed = source.take(entry.packed);
                let inner: Box<dyn Read + Send + Sync> = match entry.method {
                    0 => Box::new(packed),
                    8 => Box::new(DeflateDecoder::new(packed)),
                    other => {
                        let what = format!("a file of the zip is packed in a way that is not read: method {other}");
                        return Err(self.subject.damaged(what).with("file", &entry.name));
                    }
                };
                Box::new(Checked {
                    inner,
                    crc: Crc::new(),
                    wanted: entry.crc,
                })
            }
            (Packing::Gzip, _) => Box::new(MultiGzDecoder::new(source)),
            (Packing::Zstd, _) => Box::new(Told(self.subject.told(zstd::stream::read::Decoder::new(source))?)),
            (Packing::Bzip2, _) => Box::new(Told(bzip2::read::MultiBzDecoder::new(source))),
            // A file that is not packed may be as large as it is.
            (Packing::None, _) if matches!(self.subject, Subject::File(_)) => return Ok(member(Box::new(source))),
            (Packing::None, _) => Box::new(source),
        };
        let (left, most) = (self.left.clone(), self.most);
        Ok(member(Box::new(Limited { inner, left, most })))
    }

    /// All files, in the order in which they are packed.
    ///
    /// # Errors
    /// As [`Archive::member`].
    pub fn members(&self) -> Result<Vec<Member>> {
        (0..self.len()).map(|at| self.member(at)).collect()
    }
}

/// What this decoder finds wrong is damage, whatever it calls it.
struct Told<R>(R);

impl<R: Read> Read for Told<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|e| match e.kind() {
            io::ErrorKind::Other if limit_of(&e).is_none() => io::Error::new(io::ErrorKind::InvalidData, e),
            _ => e,
        })
    }
}

/// Another reader of the same, at its beginning.
pub trait Anew {
    /// That one.
    fn again(&self) -> Self;
}

impl Anew for io::Cursor<bytes::Bytes> {
    fn again(&self) -> Self {
        io::Cursor::new(self.get_ref().clone())
    }
}

impl Anew for crate::http::spool::SpoolReader {
    fn again(&self) -> Self {
        self.anew()
    }
}

/// A file of a zip.
struct Entry {
    name: String,
    method: u16,
    crc: u32,
    packed: u64,
    header: u64,
}

impl Entry {
    /// Where what is packed begins: behind a header whose length it says itself.
    fn data<S: Read + Seek>(&self, source: &mut S, subject: &Subject) -> Result<u64> {
        let mut header = [0; 30];
        subject.told(source.seek(SeekFrom::Start(self.header)))?;
        subject.told(source.read_exact(&mut header))?;
        if header[..4] != ZIP {
            return Err(subject.damaged("the zip's list of files leads to no file"));
        }
        Ok(self.header + 30 + u64::from(short(&header, 26)) + u64::from(short(&header, 28)))
    }
}

/// The list of files, which stands at a zip's end.
fn entries<S: Read + Seek>(source: &mut S, subject: &Subject) -> Result<Vec<Entry>> {
    let damaged = |what: &str| subject.damaged(what);
    let cut_off = || subject.packed_cut_off();
    let size = subject.told(source.seek(SeekFrom::End(0)))?;
    // The end has 22 bytes and a remark of up to 64 KiB.
    let tail = size.min(22 + 0xffff);
    subject.told(source.seek(SeekFrom::Start(size - tail)))?;
    let mut end = Vec::new();
    subject.told(source.read_to_end(&mut end))?;
    let at = end.windows(4).rposition(|w| w == EMPTY_ZIP);
    // A zip without its end was cut off on its way.
    let at = at.filter(|at| end.len() - at >= 22).ok_or_else(cut_off)?;
    let end = &end[at..];
    let (count, length, begin) = (usize::from(short(end, 10)), long(end, 12), long(end, 16));
    if count == 0xffff || begin == u32::MAX || length == u32::MAX {
        return Err(damaged("the zip is one of the large kind (ZIP64), which is not read"));
    }
    if count > MOST_FILES {
        let what = format!("the zip has {count} files, and more than {MOST_FILES} are not read");
        return Err(damaged(&what));
    }
    if u64::from(begin) + u64::from(length) > size {
        return Err(cut_off());
    }
    subject.told(source.seek(SeekFrom::Start(u64::from(begin))))?;
    let mut list = vec![0; length as usize];
    subject.told(source.read_exact(&mut list))?;
    let mut entries = Vec::new();
    let mut rest = &list[..];
    for _ in 0..count {
        if rest.len() < 46 || rest[..4] != *b"PK\x01\x02" {
            return Err(damaged("the zip's list of files cannot be read"));
        }
        let (name, extra, remark) = (
            usize::from(short(rest, 28)),
            usize::from(short(rest, 30)),
            usize::from(short(rest, 32)),
        );
        let whole = 46 + name + extra + remark;
        if rest.len() < whole {
            return Err(damaged("the zip's list of files cannot be read"));
        }
        if short(rest, 8) & 1 == 1 {
            return Err(damaged("the zip is encrypted"));
        }
        entries.push(Entry {
            name: String::from_utf8_lossy(&rest[46..46 + name]).into_owned(),
            method: short(rest, 10),
            crc: long(rest, 16),
            packed: u64::from(long(rest, 20)),
            header: u64::from(long(rest, 42)),
        });
        rest = &rest[whole..];
    }
    Ok(entries)
}

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Reads no more than is left for all that read with it.
pub struct Limited<R> {
    inner: R,
    left: Arc<AtomicU64>,
    most: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let before = self.left.fetch_sub(read as u64, Ordering::Relaxed);
        if before < read as u64 {
            self.left.store(0, Ordering::Relaxed);
            return Err(io::Error::other(TooLarge(self.most)));
        }
        Ok(read)
    }
}

/// That there is more than is read; the limit.
#[derive(Debug)]
struct TooLarge(u64);

/// The limit, where that is what an error is about.
pub fn limit_of(e: &io::Error) -> Option<u64> {
    e.get_ref()?.downcast_ref::<TooLarge>().map(|TooLarge(most)| *most)
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} bytes", self.0)
    }
}

impl std::error::Error for TooLarge {}

/// Compares the sum of what was read with what the zip says of it.
struct Checked<R> {
    inner: R,
    crc: Crc,
    wanted: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.crc.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() && self.crc.sum() != self.wanted {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its sum is another"));
        }
        Ok(read)
    }
}
