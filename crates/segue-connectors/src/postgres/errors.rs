//! Turns the server's errors and the connection's into ours, once, by what they mean for the person.

use segue_core::{Error, Kind};
use segue_diag as codes;
use std::error::Error as StdError;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// The server's own functions that make a file longer: what they say of a quota, or of a limit of files, has no state of its own.
const EXTENDING: [&str; 6] = [
    "mdextend",
    "mdzeroextend",
    "XLogWrite",
    "XLogFileInitInternal",
    "XLogFileCopy",
    "BufFileDumpBuffer",
];

/// The error of an operation; `doing` says which: `read public.orders`.
pub(super) fn failed(doing: &str) -> impl Fn(tokio_postgres::Error) -> Error + '_ {
    move |e| match e.as_db_error() {
        Some(said) => of_server(doing, said),
        // What the client itself finds missing or wrong about the password.
        None if ["authentication error", "invalid configuration"]
            .iter()
            .any(|k| e.to_string().starts_with(k)) =>
        {
            Error::new(Kind::Unauthenticated, format!("cannot {doing}: {e}"))
                .code(codes::POSTGRES_LOGIN)
                .hint("look at `user:` and `password:` of the connection")
        }
        None if e.is_closed() || is_cut(&e) => Error::new(
            Kind::Unavailable,
            format!("cannot {doing}: the connection to the server was lost"),
        )
        .caused_by(e),
        None => Error::new(Kind::Unavailable, format!("cannot {doing}")).caused_by(e),
    }
}

fn is_cut(e: &tokio_postgres::Error) -> bool {
    causes(e).any(|one| one.is::<std::io::Error>())
}

/// The error, what caused it, what caused that, and so on.
pub(super) fn causes(e: &tokio_postgres::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(Some(e as &(dyn StdError + 'static)), |one| <dyn StdError>::source(*one))
}

/// What the server calls an error of its own.
pub(super) fn sqlstate(error: &Error) -> Option<&str> {
    fact(error, "sqlstate")
}

/// The facts of an error that say which rule a row breaks, and in which column.
pub(super) const RULE: &str = "rule";
pub(super) const COLUMN: &str = "column";

pub(super) fn fact<'e>(error: &'e Error, name: &str) -> Option<&'e str> {
    let named = error.context().iter().find(|(known, _)| *known == name);
    named.map(|(_, value)| value.as_str())
}

/// Whether the server, asked to take rows, may not have liked one of them: its value, a constraint, or what a trigger has to say.
pub(super) fn refuses_a_row(error: &Error) -> bool {
    /// What the server's own errors begin with, but for those. Others are words of somebody's trigger.
    const OTHERS: [&str; 39] = [
        "00", "01", "02", "03", "08", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "20", "21", "24", "25", "26", "27",
        "28", "2B", "2D", "2F", "34", "38", "39", "3B", "3D", "3F", "40", "42", "53", "55", "57", "58", "72", "F0",
        "HV", "XX", "",
    ];
    sqlstate(error).is_some_and(|state| !OTHERS.contains(&state.get(..2).unwrap_or_default()))
}

fn of_server(doing: &str, said: &DbError) -> Error {
    let state = said.code();
    let error = |kind| {
        let mut error = Error::new(kind, format!("cannot {doing}: {}", said.message())).with("sqlstate", state.code());
        if let Some(detail) = said.detail() {
            error = error.with("detail", detail);
        }
        // Of a rule that a row breaks, also what it is called.
        if let Some(rule) = said.constraint() {
            error = error.with(RULE, rule);
        }
        if let (true, Some(column)) = (state.code().starts_with("23"), said.column()) {
            error = error.with(COLUMN, column);
        }
        match said.hint() {
            Some(hint) => error.hint(hint),
            None => error,
        }
    };
    match *state {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => error(Kind::Unauthenticated)
            .code(codes::POSTGRES_LOGIN)
            .hint("look at `user:` and `password:` of the connection, and at the server's pg_hba.conf"),
        SqlState::INSUFFICIENT_PRIVILEGE if said.routine() == Some("check_enable_rls") => error(Kind::Denied)
            .code(codes::POSTGRES_DENIED)
            .hint("policies hide rows of it from this user, and some rows are not to be taken for all: give the user BYPASSRLS, or read what it sees with `query: select …`"),
        SqlState::INSUFFICIENT_PRIVILEGE => error(Kind::Denied).code(codes::POSTGRES_DENIED).hint(
            "to read, this user needs SELECT on the table and USAGE on its schema; to write, CREATE on the schema and the table's rights besides, and for some write modes TEMP on the database",
        ),
        SqlState::READ_ONLY_SQL_TRANSACTION => error(Kind::Denied)
            .code(codes::POSTGRES_DENIED)
            .hint("the server only lets read, as a standby does: name the one that takes writes in `host:`"),
        // Somebody else made the same thing just then.
        SqlState::DUPLICATE_TABLE | SqlState::DUPLICATE_SCHEMA => error(Kind::Unavailable),
        SqlState::UNIQUE_VIOLATION if said.schema() == Some("pg_catalog") => error(Kind::Unavailable),
        SqlState::DEPENDENT_OBJECTS_STILL_EXIST => error(Kind::BadData)
            .code(codes::POSTGRES_OTHER_TABLE)
            .hint("a view or another table needs what is to be changed: drop it, run again, and make it anew"),
        SqlState::UNDEFINED_TABLE
        | SqlState::UNDEFINED_COLUMN
        | SqlState::UNDEFINED_OBJECT
        | SqlState::INVALID_CATALOG_NAME
        | SqlState::INVALID_SCHEMA_NAME => error(Kind::NotFound).code(codes::POSTGRES_NOT_THERE),
        SqlState::QUERY_CANCELED => error(Kind::TimedOut)
            .hint("the server cancelled it: somebody told it to, or a `statement_timeout` of the role has passed"),
        SqlState::LOCK_NOT_AVAILABLE => error(Kind::Unavailable)
            .hint("somebody holds a lock that is in the way (`pg_locks`, `pg_stat_activity`); it is tried again"),
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => error(Kind::Unavailable),
        SqlState::DISK_FULL => full(error(Kind::Unavailable)),
        SqlState::INTERNAL_ERROR if said.routine().is_some_and(|r| EXTENDING.contains(&r)) => {
            full(error(Kind::Unavailable))
        }
        // It starts anew, and what it had committed is there.
        _ if said.parsed_severity() == Some(Severity::Panic) => error(Kind::Unavailable),
        SqlState::CONFIGURATION_LIMIT_EXCEEDED => error(Kind::Denied),
        _ => match state.code().get(..2) {
            // A time limit of the session, which not every server lets a read lift.
            Some("25") if matches!(state.code(), "25P03" | "25P04") => error(Kind::TimedOut),
            // The server stops or starts, has no room for a connection, or lost its own connection.
            Some("08" | "53" | "57" | "58") => error(Kind::Unavailable),
            Some("28") => error(Kind::Unauthenticated).code(codes::POSTGRES_LOGIN),
            Some("22") => error(Kind::BadData),
            Some("23") => error(Kind::BadData)
                .code(codes::POSTGRES_CONSTRAINT)
                .hint("the table has a rule of its own that a row breaks; nothing of the commit is in it"),
            Some("XX") => {
                error(Kind::BadData).hint("the server says that it is damaged, or has met an error of its own")
            }
            _ => error(Kind::Invalid),
        },
    }
}

fn full(error: Error) -> Error {
    error.code(codes::POSTGRES_FULL).hint(
        "make room on the database server's own disk, not on this machine's; nothing of the commit is in the table, and the next run goes on with it",
    )
}
