//! No row larger than there is room for: it is seen by its length, before it is read.
//!
//! A server sends each row of a COPY in a message of its own, however large, and the driver holds a whole message before it hands it on. So
//! the bytes are looked at on their way to it: a message that is too long ends the connection, and its fields' lengths tell which column
//! is to blame. Source: PostgreSQL's documentation, "Message Formats" and `COPY`, "Binary Format".

use super::rows::SIGNATURE;
use segue_core::{Error, Kind};
use segue_diag as codes;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

/// The message that holds a row.
const ROW: u8 = b'd';

/// How large a row may be, and the first that was larger.
#[derive(Clone)]
pub(super) struct Bound {
    most: usize,
    met: Arc<OnceLock<TooLarge>>,
}

/// A row that was larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge {
    /// How many bytes it has.
    bytes: usize,
    /// The column at which it came to be too large, and the bytes of its value.
    column: Option<(usize, usize)>,
}

impl Bound {
    /// Rows of at most so many bytes.
    pub fn of(most: usize) -> Bound {
        Bound {
            most,
            met: Arc::default(),
        }
    }

    /// The most bytes that a row may have.
    pub fn most(&self) -> usize {
        self.most
    }

    /// The way to connect, with these bounds.
    pub fn over<M>(&self, with: M) -> Bounded<M> {
        Bounded {
            with,
            bound: self.clone(),
        }
    }

    /// The error of a read that met a larger one; `columns` are their names, `doing` what was done.
    pub fn met(&self, doing: &str, columns: &[&str]) -> Option<Error> {
        let TooLarge { bytes, column } = *self.met.get()?;
        let value = column.and_then(|(at, bytes)| Some(format!(" (`{}` alone {bytes})", columns.get(at)?)));
        let error = Error::new(
            Kind::Unsupported,
            format!(
                "cannot {doing}: a row has {bytes} bytes{}, and {} is the most that there is room for",
                value.unwrap_or_default(),
                self.most
            ),
        );
        Some(error.code(codes::POSTGRES_ROW).hint(
            "leave the column out of `columns:`, or cut its values or leave such rows out in a `query:`; an eighth of the memory of a step is the most",
        ))
    }
}

/// What a connection is made with: as another says, with its rows bounded.
#[derive(Clone)]
pub(super) struct Bounded<M> {
    with: M,
    bound: Bound,
}

/// A connection that is not encrypted, by the same way.
#[derive(Clone, Copy)]
pub(super) struct Plain;

impl<S, M> MakeTlsConnect<S> for Bounded<M>
where
    M: MakeTlsConnect<S>,
    <M::TlsConnect as TlsConnect<S>>::Future: Send + 'static,
{
    type Stream = Looked<M::Stream>;
    type TlsConnect = Bounded<M::TlsConnect>;
    type Error = M::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Self::TlsConnect, M::Error> {
        Ok(Bounded {
            with: self.with.make_tls_connect(domain)?,
            bound: self.bound.clone(),
        })
    }
}

impl<S, C> TlsConnect<S> for Bounded<C>
where
    C: TlsConnect<S>,
    C::Future: Send + 'static,
{
    type Stream = Looked<C::Stream>;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, C::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = self.with.connect(stream);
        Box::pin(async move {
            Ok(Looked {
                stream: connecting.await?,
                look: Look::of(self.bound),
            })
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Plain {
    type Stream = PlainStream<S>;
    type TlsConnect = Plain;
    type Error = io::Error;

    fn make_tls_connect(&mut self, _domain: &str) -> io::Result<Plain> {
        Ok(Plain)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Plain {
    type Stream = PlainStream<S>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<PlainStream<S>>>;

    fn connect(self, stream: S) -> Self::Future {
        std::future::ready(Ok(PlainStream(stream)))
    }
}

/// A stream as it is.
pub(super) struct PlainStream<S>(S);

/// A stream whose messages are looked at.
pub(super) struct Looked<S> {
    stream: S,
    look: Look,
}

impl<S: AsyncRead + AsyncWrite> TlsStream for PlainStream<S>
where
    PlainStream<S>: AsyncRead + AsyncWrite,
{
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: TlsStream + Unpin> TlsStream for Looked<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Looked<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        loop {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
            let came = buf.filled().len() - before;
            match self.look.at(&buf.filled()[before..]) {
                Looks::Well => return Poll::Ready(Ok(())),
                Looks::TooLarge => return Poll::Ready(Err(io::Error::other("a row that is too large"))),
                // It goes no further; only its fields' lengths are of interest.
                Looks::Measuring if came > 0 => buf.set_filled(before),
                Looks::Measuring => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PlainStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

macro_rules! writes_to {
    ($stream:ident, $inner:tt) => {
        impl<S: AsyncWrite + Unpin> AsyncWrite for $stream<S> {
            fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.$inner).poll_write(cx, buf)
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.$inner).poll_flush(cx)
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.$inner).poll_shutdown(cx)
            }
        }
    };
}

writes_to!(PlainStream, 0);
writes_to!(Looked, stream);

/// Where in the messages a connection is.
struct Look {
    bound: Bound,
    at: At,
}

enum At {
    /// So many bytes of a message's kind and length are there.
    Head([u8; 5], usize),
    /// So many bytes of a message are to come.
    Body(usize),
    /// In a row that is too large.
    Measure(Measure),
}

enum Looks {
    Well,
    Measuring,
    TooLarge,
}

impl Look {
    fn of(bound: Bound) -> Look {
        Look {
            bound,
            at: At::Head([0; 5], 0),
        }
    }

    /// Looks at the bytes that came next.
    fn at(&mut self, mut bytes: &[u8]) -> Looks {
        while !bytes.is_empty() {
            match &mut self.at {
                At::Head(head, have) => {
                    let many = bytes.len().min(head.len() - *have);
                    head[*have..*have + many].copy_from_slice(&bytes[..many]);
                    *have += many;
                    bytes = &bytes[many..];
                    if *have == head.len() {
                        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
                        let length = length.saturating_sub(4);
                        self.at = match head[0] == ROW && length > self.bound.most {
                            true => At::Measure(Measure::of(length)),
                            false if length == 0 => At::Head([0; 5], 0),
                            false => At::Body(length),
                        };
                    }
                }
                At::Body(left) => {
                    let many = bytes.len().min(*left);
                    bytes = &bytes[many..];
                    *left -= many;
                    if *left == 0 {
                        self.at = At::Head([0; 5], 0);
                    }
                }
                At::Measure(measure) => {
                    let found = bytes.iter().find_map(|byte| measure.take(*byte, self.bound.most));
                    if found.is_some() || measure.seen >= measure.length {
                        let _first_counts = self.bound.met.set(TooLarge {
                            bytes: measure.length,
                            column: found,
                        });
                        return Looks::TooLarge;
                    }
                    return Looks::Measuring;
                }
            }
        }
        match self.at {
            At::Measure(_) => Looks::Measuring,
            _ => Looks::Well,
        }
    }
}

/// Walks through the fields of a row.
struct Measure {
    /// The bytes of the row.
    length: usize,
    /// How many of them were seen.
    seen: usize,
    /// What is collected of a header or a length.
    head: Vec<u8>,
    /// How many bytes to pass over.
    skip: usize,
    /// The next field; `None` before the first.
    field: Option<usize>,
}

impl Measure {
    fn of(length: usize) -> Measure {
        Measure {
            length,
            seen: 0,
            head: Vec::new(),
            skip: 0,
            field: None,
        }
    }

    /// Takes a byte in; gives the field that goes beyond this, and its length.
    fn take(&mut self, byte: u8, most: usize) -> Option<(usize, usize)> {
        self.seen += 1;
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.head.push(byte);
        match self.field {
            // The first row has the head of the whole COPY before it.
            None if self.head.len() == 2 && self.head != SIGNATURE[..2] => self.field = Some(0),
            None if self.head.len() == SIGNATURE.len() => self.skip = 8,
            None => return None,
            Some(at) if self.head.len() == 4 => {
                let length = u32::from_be_bytes([self.head[0], self.head[1], self.head[2], self.head[3]]);
                // -1 is a null.
                let length = if length == u32::MAX { 0 } else { length as usize };
                self.field = Some(at + 1);
                self.skip = length;
                if self.seen + length > most {
                    return Some((at, length));
                }
            }
            Some(_) => return None,
        }
        self.head.clear();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of these fields, as a message; `None` is a null.
    fn message(head: &[u8], fields: &[Option<usize>]) -> Vec<u8> {
        let mut body = head.to_vec();
        body.extend((fields.len() as i16).to_be_bytes());
        for field in fields {
            body.extend(field.map_or(-1, |len| len as i32).to_be_bytes());
            body.extend(std::iter::repeat_n(7, field.unwrap_or(0)));
        }
        let mut message = vec![ROW];
        message.extend((body.len() as i32 + 4).to_be_bytes());
        message.extend(body);
        message
    }

    /// What is met when the bytes come in pieces of this size.
    fn met(bytes: &[u8], piece: usize) -> Option<TooLarge> {
        let bound = Bound::of(100);
        let mut look = Look::of(bound.clone());
        for piece in bytes.chunks(piece) {
            if matches!(look.at(piece), Looks::TooLarge) {
                return bound.met.get().copied();
            }
        }
        None
    }

    #[test]
    fn a_row_that_is_too_large_is_found_with_its_column_however_it_comes() {
        let start: Vec<u8> = SIGNATURE.iter().copied().chain([0; 8]).collect();
        let well: Vec<u8> = [message(&start, &[Some(1), Some(40)]), message(&[], &[None, Some(88)])].concat();
        // A message of another kind may have any length.
        let other = [vec![b'T', 0, 0, 4, 4], vec![1; 1024]].concat();
        for piece in [1, 3, 64, 4096] {
            assert_eq!(met(&[other.clone(), well.clone()].concat(), piece), None);
            let large = message(&[], &[Some(3), None, Some(200), Some(5)]);
            let found = TooLarge {
                bytes: 226,
                column: Some((2, 200)),
            };
            assert_eq!(
                met(&[well.clone(), large].concat(), piece),
                Some(found),
                "in pieces of {piece}"
            );
            let first = message(&start, &[Some(60), Some(60)]);
            let found = TooLarge {
                bytes: 149,
                column: Some((1, 60)),
            };
            assert_eq!(met(&first, piece), Some(found), "in pieces of {piece}");
        }
    }
}
