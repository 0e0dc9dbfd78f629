//! Foreign errors in our words.

use deltalake_core::DeltaTableError;
use segue_core::{Error, Kind};

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
        other => match disk(other) {
            Some((kind, hint)) => return Error::new(kind, doing).hint(hint).caused_by(e),
            None => Kind::Unavailable,
        },
    };
    Error::new(kind, doing).caused_by(e)
}

/// What a local disk said, somewhere among the causes, and the remedy.
fn disk(error: &(dyn std::error::Error + 'static)) -> Option<(Kind, &'static str)> {
    use std::io::ErrorKind as E;
    let mut cause = Some(error);
    while let Some(e) = cause {
        if let Some(io) = e.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                E::PermissionDenied => Some((
                    Kind::Denied,
                    "give this user the right to read and write the lake's folder",
                )),
                E::ReadOnlyFilesystem => Some((
                    Kind::Denied,
                    "the lake's file system is read-only: mount it for writing",
                )),
                E::StorageFull | E::QuotaExceeded => Some((
                    Kind::Unavailable,
                    "the lake's disk is full: make room, and run again; what landed stays",
                )),
                _ => None,
            };
        }
        cause = e.source();
    }
    None
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
        ParquetError::External(_) => Error::new(Kind::Unavailable, doing).caused_by(e),
        _ => Error::new(Kind::BadData, doing).caused_by(e),
    }
}
