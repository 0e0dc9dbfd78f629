//! Foreign errors in our words.

use deltalake_core::DeltaTableError;
use segue_core::{Error, Kind};
use segue_diag::LAKE_FULL;

/// What the storage said.
pub(crate) fn storage(e: object_store::Error, doing: impl Into<String>) -> Error {
    use object_store::Error as E;
    let kind = match &e {
        E::NotFound { .. } => Kind::NotFound,
        E::AlreadyExists { .. } | E::Precondition { .. } | E::NotModified { .. } => Kind::Conflict,
        E::PermissionDenied { .. } => Kind::Denied,
        E::Unauthenticated { .. } => Kind::Unauthenticated,
        E::NotSupported { .. } | E::NotImplemented { .. } => Kind::Unsupported,
        E::InvalidPath { .. } | E::UnknownConfigurationKey { .. } => Kind::Invalid,
        other => return disk(other, doing.into()).caused_by(e),
    };
    Error::new(kind, doing).caused_by(e)
}

/// What a local disk said, somewhere among the causes, and the remedy; `Unavailable` where none of them is of a disk.
fn disk(error: &(dyn std::error::Error + 'static), doing: String) -> Error {
    use std::io::ErrorKind as E;
    let causes = std::iter::successors(Some(error), |e| e.source());
    let mut kinds = causes
        .filter_map(|e| e.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind);
    // `Other` is the wrapping of an error that only passed through.
    match kinds.find(|kind| *kind != E::Other) {
        Some(E::PermissionDenied) => {
            Error::new(Kind::Denied, doing).hint("give this user the right to read and write the lake's folder")
        }
        Some(E::ReadOnlyFilesystem) => {
            Error::new(Kind::Denied, doing).hint("the lake's file system is read-only: mount it for writing")
        }
        Some(E::StorageFull | E::QuotaExceeded) => Error::new(Kind::Unavailable, format!("{doing}: the disk is full"))
            .code(LAKE_FULL)
            .hint("make room where the lake is kept, then run it again; nothing was lost"),
        Some(E::FileTooLarge) => Error::new(Kind::Unavailable, format!("{doing}: the file may not grow further"))
            .code(LAKE_FULL)
            .hint("lift the limit on the size of files (`ulimit -f`), then run it again; nothing was lost"),
        _ => Error::new(Kind::Unavailable, doing),
    }
}

/// What the Delta library said. What it does not say apart is taken for a broken log: asking again would not help.
pub(crate) fn delta(e: DeltaTableError, doing: impl Into<String>) -> Error {
    let doing = doing.into();
    match e {
        DeltaTableError::ObjectStore { source } => storage(source, doing),
        DeltaTableError::NotATable(_) => Error::new(Kind::NotFound, doing).caused_by(e),
        DeltaTableError::VersionAlreadyExists(_) => Error::new(Kind::Conflict, doing).caused_by(e),
        e => Error::new(Kind::BadData, doing).caused_by(e),
    }
}

/// What reading or writing Parquet said.
pub(crate) fn parquet(e: parquet::errors::ParquetError, doing: impl Into<String>) -> Error {
    use parquet::errors::ParquetError;
    let gone = |e: &(dyn std::error::Error + 'static)| {
        matches!(
            e.downcast_ref::<object_store::Error>(),
            Some(object_store::Error::NotFound { .. })
        )
    };
    match &e {
        ParquetError::External(cause) if gone(cause.as_ref()) => Error::new(Kind::NotFound, doing).caused_by(e),
        ParquetError::External(cause) => disk(cause.as_ref(), doing.into()).caused_by(e),
        _ => Error::new(Kind::BadData, doing).caused_by(e),
    }
}
