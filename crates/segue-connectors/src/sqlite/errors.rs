//! Turns SQLite's errors into ours, once, by what they mean for the person.

use rusqlite::ErrorCode;
use segue_core::{Error, Kind};
use segue_diag as codes;

/// The error of an operation on the database; `doing` says which: `read the table`.
pub(super) fn failed(doing: &str) -> impl FnOnce(rusqlite::Error) -> Error + '_ {
    move |e| {
        let error = |kind, why: &str| Error::new(kind, format!("cannot {doing}: {why}"));
        let code = e.sqlite_error_code();
        match code {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                error(Kind::Unavailable, "the database is busy")
                    .code(codes::SQLITE_BUSY)
                    .hint("another program holds a write to it open; try again when that has ended")
            }
            Some(
                ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::CannotOpen
                | ErrorCode::AuthorizationForStatementDenied,
            ) => error(Kind::Denied, "the database may not be written")
                .code(codes::SQLITE_READ_ONLY)
                .hint("give this user the right to write the file and its folder"),
            Some(ErrorCode::DiskFull) => error(Kind::Unavailable, "the disk is full")
                .code(codes::SQLITE_FULL)
                .hint("make room where the database is; nothing of the commit is in it"),
            Some(ErrorCode::NotADatabase) => {
                error(Kind::Invalid, "the file is not a SQLite database").code(codes::SQLITE_NOT_A_DATABASE)
            }
            Some(ErrorCode::DatabaseCorrupt) => error(Kind::BadData, "the database is damaged")
                .hint("SQLite's own `.recover` may save what is readable; put a backup in its place"),
            Some(ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed) => {
                error(Kind::Unavailable, "the disk does not answer as it should")
            }
            Some(ErrorCode::ConstraintViolation) => error(Kind::BadData, "the table does not take the rows")
                .code(codes::SQLITE_CONSTRAINT)
                .hint("the table has a rule of its own that a row breaks; the cause names it"),
            _ => error(Kind::BadData, "the database answers with an error"),
        }
        .caused_by(e)
    }
}
