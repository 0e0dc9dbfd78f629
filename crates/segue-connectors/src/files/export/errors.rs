//! What goes wrong with files that are written.

use parquet::errors::ParquetError;
use segue_core::{Error, Kind};
use segue_diag as codes;
use std::error::Error as _;
use std::io;

/// That a file cannot be written.
pub(super) fn broken(e: ParquetError) -> Error {
    let of_disk = match &e {
        ParquetError::External(inner) => inner.downcast_ref::<io::Error>(),
        _ => e.source().and_then(|inner| inner.downcast_ref::<io::Error>()),
    };
    let full = of_disk.is_some_and(|e| e.kind() == io::ErrorKind::StorageFull);
    unwritable(full).caused_by(e)
}

/// The same, of the disk itself.
pub(super) fn failed(e: io::Error) -> Error {
    match e.kind() {
        io::ErrorKind::PermissionDenied => Error::new(Kind::Denied, "the file may not be written")
            .hint("give this user the right to write in its folder"),
        kind => unwritable(kind == io::ErrorKind::StorageFull),
    }
    .caused_by(e)
}

fn unwritable(full: bool) -> Error {
    let error = Error::new(Kind::Unavailable, "the file cannot be written");
    match full {
        true => error.hint("the disk is full: make room; the file that was there is as it was"),
        false => error,
    }
}

/// That a file of ours cannot be read.
pub(super) fn unreadable(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Kind::BadData, "the file cannot be read as Parquet")
        .caused_by(e)
        .hint(
            "put it back from a backup; or remove it, and `segue asset drop NAME --table-only`, and it is written anew",
        )
}

/// That another program made what is there.
pub(super) fn foreign(place: &str) -> Error {
    Error::new(
        Kind::Conflict,
        format!("there is a file at `{place}` that Segue did not write"),
    )
    .code(codes::EXPORT_FOREIGN)
    .hint("write into another path, or move that file away: it is not overwritten")
}

/// That it is another asset's.
pub(super) fn anothers(place: &str, asset: &segue_core::AssetName) -> Error {
    Error::new(
        Kind::Conflict,
        format!("the file at `{place}` belongs to another asset"),
    )
    .code(codes::EXPORT_FOREIGN)
    .with("asset", asset)
    .hint("give this asset another `path:` in `into:`, or drop the other one with `segue asset drop`")
}

/// That a file is not changed in this way.
pub(super) fn only_whole() -> Error {
    Error::new(Kind::Unsupported, "a file is only replaced as a whole")
        .code(codes::EXPORT_MODE)
        .hint("write `write: { mode: replace }`, without a range and without slices; keep the table in the lake and export it from there")
}
