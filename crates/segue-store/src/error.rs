//! Turns the database's errors into ours, once, by what they mean for the person.

use segue_core::{Error, Kind};
use segue_diag as codes;

/// The error of an operation on the state; `doing` says which: `read the ledger`.
pub(crate) fn failed(doing: &str) -> impl FnOnce(sqlx::Error) -> Error + '_ {
    move |e| of(doing, e)
}

/// The index of the write-ahead log cannot grow: SQLITE_IOERR_SHMSIZE.
const NO_ROOM_FOR_INDEX: i64 = 4874;

/// What SQLite answers, reduced to what decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Busy,
    ReadOnly,
    Full,
    Damaged,
    NotOurs,
    CannotOpen,
    Io,
    Other,
}

pub(crate) fn answer(e: &sqlx::Error) -> Answer {
    let code = match e {
        sqlx::Error::PoolTimedOut => return Answer::Busy,
        sqlx::Error::Database(e) => e.code().and_then(|c| c.parse::<i64>().ok()),
        _ => None,
    };
    if code == Some(NO_ROOM_FOR_INDEX) {
        return Answer::Full;
    }
    // The low byte is the primary result code: https://sqlite.org/rescode.html
    match code.map(|c| c & 0xff) {
        Some(5 | 6) => Answer::Busy,
        Some(8) => Answer::ReadOnly,
        Some(13) => Answer::Full,
        Some(11) => Answer::Damaged,
        Some(26) => Answer::NotOurs,
        Some(14) => Answer::CannotOpen,
        Some(10) => Answer::Io,
        _ => Answer::Other,
    }
}

fn of(doing: &str, e: sqlx::Error) -> Error {
    let error = |kind, why: &str| Error::new(kind, format!("cannot {doing}: {why}"));
    match answer(&e) {
        Answer::Busy => error(Kind::Unavailable, "the state is busy")
            .code(codes::STATE_BUSY)
            .hint("another program holds a write to it open; try again when that has ended"),
        Answer::ReadOnly => error(Kind::Denied, "the state may not be written")
            .code(codes::STATE_READ_ONLY)
            .hint("give this user the right to write the state's file and its folder"),
        Answer::Full => error(Kind::Unavailable, "the disk is full")
            .code(codes::STATE_FULL)
            .hint("make room where the state is kept, then run `segue resume`; nothing was lost"),
        Answer::Damaged => error(Kind::BadData, "the state is damaged")
            .code(codes::STATE_DAMAGED)
            .hint("put a backup in its place, or move it away; then run `segue state rebuild`"),
        Answer::NotOurs => error(Kind::Invalid, "the file is not a state").code(codes::NOT_A_STATE),
        Answer::CannotOpen => error(Kind::Denied, "the file cannot be opened")
            .code(codes::STATE_READ_ONLY)
            .hint("give this user the right to read and write the state's file and its folder"),
        Answer::Io => error(Kind::Unavailable, "the disk does not answer as it should").hint(
            "look at the disk that the state is on, and at the room on it; then run `segue resume`: nothing was lost",
        ),
        Answer::Other => Error::bug(format!("cannot {doing}")),
    }
    .caused_by(e)
}

/// A value in the state that does not read back.
pub(crate) fn damaged(what: &str, value: impl std::fmt::Display) -> Error {
    Error::new(Kind::BadData, format!("the state is damaged: `{value}` is not {what}"))
        .code(codes::STATE_DAMAGED)
        .hint("put a backup in its place, or move it away; then run `segue state rebuild`")
}
