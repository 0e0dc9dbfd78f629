//! What is read, for messages: what may be wrong with it, and what helps, differs between an answer and a file.

use super::unpack::limit_of;
use segue_core::{Error, Kind, Result};
use std::fmt;
use std::io;
use std::sync::Arc;

/// What is read.
#[derive(Clone, Debug)]
pub enum Subject {
    /// The answer of a web API.
    Answer,
    /// The file of this name.
    File(Arc<str>),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Answer => f.write_str("answer"),
            Subject::File(name) => write!(f, "file {name}"),
        }
    }
}

impl Subject {
    /// It is not what it is said to be: `the answer WHAT`.
    pub fn not_of_its_form(&self, what: impl fmt::Display) -> Error {
        self.form(format!("the {self} {what}"))
    }

    /// What is in it is not what it is said to be: `WHAT`.
    pub fn form(&self, what: impl Into<String>) -> Error {
        let error = Error::new(Kind::BadData, what);
        match self {
            Subject::Answer => error
                .code(segue_diag::REST_FORM)
                .hint("look at `decoder`, and at what the server answers"),
            Subject::File(_) => error
                .code(segue_diag::FILES_FORMAT)
                .hint("look at the file, and at the copy's `format:`"),
        }
    }

    /// There are no records where they are said to be: `the file WHAT`.
    pub fn no_records(&self, what: impl fmt::Display) -> Error {
        let error = Error::new(Kind::BadData, format!("the {self} {what}"));
        match self {
            Subject::Answer => error.code(segue_diag::REST_NO_RECORDS),
            Subject::File(_) => error.code(segue_diag::FILES_NO_RECORDS),
        }
        .hint("look at `records`, and at what is there")
    }

    /// Something of it is more than is read at once: `WHAT is larger`.
    pub fn too_much(&self, what: impl fmt::Display, most: u64) -> Error {
        let error = Error::new(Kind::BadData, format!("{what} is larger than is read at once"));
        match self {
            Subject::Answer => error
                .code(segue_diag::REST_UNPACK)
                .with("max_body", format!("{most} bytes"))
                .hint("raise the connection's max_body, or ask for less"),
            Subject::File(_) => error
                .code(segue_diag::FILES_LARGE)
                .with("limit", format!("{most} bytes"))
                .hint("a record is read as a whole: write the file with smaller ones, and look at its brackets, quotes and line ends"),
        }
    }

    /// All of it, unpacked, is more than is read.
    pub fn too_large(&self, most: u64) -> Error {
        let what = format!("the {self} is larger, unpacked, than is read");
        let error = Error::new(Kind::BadData, what).with("limit", format!("{most} bytes"));
        match self {
            Subject::Answer => error.code(segue_diag::REST_UNPACK).hint("raise the connection's max_body, or `max_size` of `decoder` where that says `stream`; a small answer that unpacks to so much may be an attack"),
            Subject::File(_) => error
                .code(segue_diag::FILES_UNPACK)
                .hint("raise the copy's `max_size`; a small file that unpacks to so much may be an attack"),
        }
    }

    /// It ends in the middle: `the answer was cut off WHERE`.
    pub fn cut_off(&self, place: &str) -> Error {
        let what = format!("the {self} was cut off{place}");
        match self {
            // On its way: the next try may be right.
            Subject::Answer => Error::new(Kind::Unavailable, what),
            Subject::File(_) => Error::new(Kind::BadData, what)
                .code(segue_diag::FILES_FORMAT)
                .hint("was it written to its end? A program that writes beside and renames avoids half files"),
        }
    }

    /// What it is packed in ends in the middle.
    pub fn packed_cut_off(&self) -> Error {
        let what = format!("the packed {self} was cut off");
        match self {
            Subject::Answer => Error::new(Kind::Unavailable, what).code(segue_diag::REST_UNPACK),
            Subject::File(_) => Error::new(Kind::BadData, what)
                .code(segue_diag::FILES_UNPACK)
                .hint("was it written to its end? A program that writes beside and renames avoids half files"),
        }
    }

    /// What it is packed in cannot be read.
    pub fn damaged(&self, what: impl Into<String>) -> Error {
        let error = Error::new(Kind::BadData, what);
        match self {
            Subject::Answer => error.code(segue_diag::REST_UNPACK),
            Subject::File(name) => error.code(segue_diag::FILES_UNPACK).with("file", name),
        }
    }

    /// What went wrong while it was read.
    pub fn failed(&self, error: io::Error) -> Error {
        if let Some(most) = limit_of(&error) {
            return self.too_large(most);
        }
        match (error.kind(), self) {
            (io::ErrorKind::UnexpectedEof, _) => self.packed_cut_off(),
            (io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput, Subject::Answer) => {
                // Damage on the way passes; what is always damaged fails when the tries are over.
                Error::new(Kind::Unavailable, "the packed answer is damaged")
                    .code(segue_diag::REST_UNPACK)
                    .caused_by(error)
            }
            (io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput, Subject::File(_)) => {
                self.damaged(format!("the packed {self} is damaged")).caused_by(error)
            }
            (_, Subject::Answer) => {
                Error::new(Kind::Unavailable, "the answer cannot be read from disk").caused_by(error)
            }
            (_, Subject::File(name)) => {
                Error::new(Kind::Unavailable, format!("cannot read on in {name}")).caused_by(error)
            }
        }
    }

    /// The same as a result.
    pub fn told<T>(&self, read: io::Result<T>) -> Result<T> {
        read.map_err(|e| self.failed(e))
    }
}
