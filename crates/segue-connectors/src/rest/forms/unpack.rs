//! What is packed with gzip or zip, unpacked as it is read and never past a limit.

use flate2::Crc;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use segue_core::{Error, Kind, Result};
use std::fmt;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One file of what was packed; the only one, where nothing was.
pub type Member = BufReader<Limited<Box<dyn Read + Send + Sync>>>;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZIP: [u8; 4] = *b"PK\x03\x04";
/// A zip with nothing in it.
const EMPTY_ZIP: [u8; 4] = *b"PK\x05\x06";
/// No zip that is read has more files.
const MOST_FILES: usize = 10_000;

/// Whether these are the first bytes of something packed. No JSON, no CSV and no XML begins like it.
pub fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP) || bytes.starts_with(&ZIP) || bytes.starts_with(&EMPTY_ZIP)
}

/// The files, in the order in which they are packed. Together they are no larger than `most`, unpacked.
///
/// # Errors
/// `BadData` for a zip that cannot be read; `Unavailable` for one that was cut off.
pub fn members<S: Read + Seek + Anew + Send + Sync + 'static>(
    mut source: S,
    wanted: Option<&glob::Pattern>,
    most: u64,
) -> Result<Vec<Member>> {
    let left = Arc::new(AtomicU64::new(most));
    let member = |inner: Box<dyn Read + Send + Sync>| {
        BufReader::with_capacity(
            64 << 10,
            Limited {
                inner,
                left: left.clone(),
                most,
            },
        )
    };
    let mut first = Vec::with_capacity(4);
    source.by_ref().take(4).read_to_end(&mut first).map_err(failed)?;
    source.seek(SeekFrom::Start(0)).map_err(failed)?;
    if first.starts_with(&GZIP) {
        return Ok(vec![member(Box::new(MultiGzDecoder::new(source)))]);
    }
    if first != ZIP && first != EMPTY_ZIP {
        return Ok(vec![member(Box::new(source))]);
    }
    let entries = entries(&mut source)?;
    let mut members = Vec::new();
    for entry in entries {
        if entry.name.ends_with('/') || wanted.is_some_and(|pattern| !pattern.matches(&entry.name)) {
            continue;
        }
        let mut file = source.again();
        let begin = entry.data(&mut file)?;
        file.seek(SeekFrom::Start(begin)).map_err(failed)?;
        let packed = file.take(entry.packed);
        let inner: Box<dyn Read + Send + Sync> = match entry.method {
            0 => Box::new(packed),
            8 => Box::new(DeflateDecoder::new(packed)),
            other => {
                let what = format!("a file of the zip is packed in a way that is not read: method {other}");
                return Err(damaged(what).with("file", &entry.name));
            }
        };
        members.push(member(Box::new(Checked {
            inner,
            crc: Crc::new(),
            wanted: entry.crc,
        })));
    }
    if members.is_empty()
        && let Some(pattern) = wanted
    {
        return Err(damaged(format!("no file of the zip is like `{pattern}`")).hint("look at `decoder.member`"));
    }
    Ok(members)
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
    fn data<S: Read + Seek>(&self, source: &mut S) -> Result<u64> {
        let mut header = [0; 30];
        source.seek(SeekFrom::Start(self.header)).map_err(failed)?;
        source.read_exact(&mut header).map_err(failed)?;
        if header[..4] != ZIP {
            return Err(damaged("the zip's list of files leads to no file"));
        }
        Ok(self.header + 30 + u64::from(short(&header, 26)) + u64::from(short(&header, 28)))
    }
}

/// The list of files, which stands at a zip's end.
fn entries<S: Read + Seek>(source: &mut S) -> Result<Vec<Entry>> {
    let size = source.seek(SeekFrom::End(0)).map_err(failed)?;
    // The end has 22 bytes and a remark of up to 64 KiB.
    let tail = size.min(22 + 0xffff);
    source.seek(SeekFrom::Start(size - tail)).map_err(failed)?;
    let mut end = Vec::new();
    source.read_to_end(&mut end).map_err(failed)?;
    let at = end.windows(4).rposition(|w| w == EMPTY_ZIP);
    // A zip without its end was cut off on its way.
    let at = at.filter(|at| end.len() - at >= 22).ok_or_else(cut_off)?;
    let end = &end[at..];
    let (count, length, begin) = (usize::from(short(end, 10)), long(end, 12), long(end, 16));
    if count == 0xffff || begin == u32::MAX || length == u32::MAX {
        return Err(damaged("the zip is one of the large kind (ZIP64), which is not read"));
    }
    if count > MOST_FILES {
        return Err(damaged(format!(
            "the zip has {count} files, and more than {MOST_FILES} are not read"
        )));
    }
    if u64::from(begin) + u64::from(length) > size {
        return Err(cut_off());
    }
    source.seek(SeekFrom::Start(u64::from(begin))).map_err(failed)?;
    let mut list = vec![0; length as usize];
    source.read_exact(&mut list).map_err(failed)?;
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
            return Err(too_large(self.most));
        }
        Ok(read)
    }
}

/// That there is more than is read.
pub fn too_large(most: u64) -> io::Error {
    io::Error::other(TooLarge(most))
}

#[derive(Debug)]
struct TooLarge(u64);

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

/// What went wrong while unpacking.
pub fn failed(error: io::Error) -> Error {
    if let Some(TooLarge(most)) = error.get_ref().and_then(|e| e.downcast_ref()) {
        let what = "the answer is larger, unpacked, than is read";
        return Error::new(Kind::BadData, what)
            .code(segue_diag::REST_UNPACK)
            .with("limit", format!("{most} bytes"))
            .hint("raise the connection's max_body, or `max_size` of `decoder` where that says `stream`; a small answer that unpacks to so much may be an attack");
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => cut_off(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            // Damage on the way passes; what is always damaged fails when the tries are over.
            Error::new(Kind::Unavailable, "the packed answer is damaged")
                .code(segue_diag::REST_UNPACK)
                .caused_by(error)
        }
        _ => Error::new(Kind::Unavailable, "the answer cannot be read from disk").caused_by(error),
    }
}

fn cut_off() -> Error {
    Error::new(Kind::Unavailable, "the packed answer was cut off").code(segue_diag::REST_UNPACK)
}

fn damaged(what: impl Into<String>) -> Error {
    Error::new(Kind::BadData, what).code(segue_diag::REST_UNPACK)
}
