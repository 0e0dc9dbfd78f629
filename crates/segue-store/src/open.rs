//! Opening a state's file: making it, bringing it up to this version, and refusing what is none.

use crate::error::{Answer, answer, failed};
use segue_core::durable::{Fsync, make_folders};
use segue_core::{Clock, Error, Kind, Result};
use segue_diag as codes;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection, SqlitePool};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Each step from one version of the tables to the next; the first makes them. A released step is never changed.
const STEPS: &[&str] = &[
    include_str!("dialect/sqlite.sql"),
    include_str!("dialect/sqlite-2.sql"),
    include_str!("dialect/sqlite-3.sql"),
];

/// How long a write waits for another program's write before it says that the state is busy.
const BUSY: Duration = Duration::from_secs(15);

/// The file that a place in `segue.yaml` means.
pub(crate) fn path(place: &str) -> Result<PathBuf> {
    let file = match place.split_once(':') {
        Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
        // One letter is a drive, not a scheme.
        Some((scheme, _)) if scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric()) => {
            return Err(Error::new(
                Kind::Unsupported,
                format!("a state cannot be kept in `{scheme}` by this version"),
            )
            .code(codes::STATE_ELSEWHERE)
            .hint("name a file, such as state: .segue/state.db"));
        }
        _ => place,
    };
    if file.is_empty() {
        return Err(
            Error::new(Kind::Invalid, "the state has no path").hint("name a file, such as state: .segue/state.db")
        );
    }
    std::path::absolute(file)
        .map_err(|e| Error::new(Kind::Invalid, format!("`{file}` is not a path for the state")).caused_by(e))
}

/// Opens the file and brings it up to this version: the writer's connection, and the readers'.
pub(crate) async fn open(path: &Path, clock: &dyn Clock) -> Result<(SqlitePool, SqlitePool)> {
    make_folder(path)?;
    refuse_other_files(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        // A warning of a slow statement tells the reader of a run nothing that they could act on.
        .disable_statement_logging();
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        // It is a file of this machine: asking whether it is still there costs as much as a question.
        .test_before_acquire(false)
        .acquire_timeout(4 * BUSY)
        // A full disk makes the database take a transaction back by itself, and the library then counts it as open for ever.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_lazy_with(options.clone());
    let reader = SqlitePoolOptions::new()
        .max_connections(4)
        .test_before_acquire(false)
        .idle_timeout(Duration::from_secs(60))
        .connect_lazy_with(options.pragma("query_only", "on"));
    // Two processes that make the file at once: turning the log on answers "busy" without waiting.
    let patient_until = clock.elapsed() + BUSY;
    loop {
        match migrate(&writer).await {
            Err(Tried::Database(e)) if answer(&e) == Answer::Busy && clock.elapsed() < patient_until => {
                clock.sleep(Duration::from_millis(20)).await;
            }
            Err(Tried::Database(e)) => return Err(named(failed("open the state")(e), path)),
            Err(Tried::Refused(e)) => return Err(named(*e, path)),
            Ok(()) => return Ok((writer, reader)),
        }
    }
}

enum Tried {
    Database(sqlx::Error),
    Refused(Box<Error>),
}

impl From<sqlx::Error> for Tried {
    fn from(e: sqlx::Error) -> Tried {
        Tried::Database(e)
    }
}

/// Brings the tables up to this version, in one transaction: killed half-way, the file is as it was.
async fn migrate(writer: &SqlitePool) -> Result<(), Tried> {
    let mut found = version(&mut *writer.acquire().await?).await?;
    if found != STEPS.len() {
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        // Another process may have done it while this one waited.
        found = version(&mut tx).await?;
        for step in STEPS.iter().skip(found) {
            sqlx::raw_sql(*step).execute(&mut *tx).await?;
        }
        if found < STEPS.len() {
            sqlx::query("delete from segue_state").execute(&mut *tx).await?;
            sqlx::query("insert into segue_state (version) values ($1)")
                .bind(STEPS.len() as i64)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

/// The version of the tables in the file; 0 for an empty one.
async fn version(connection: &mut SqliteConnection) -> Result<usize, Tried> {
    let tables = sqlx::query("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")
        .fetch_all(&mut *connection)
        .await?;
    if tables.is_empty() {
        return Ok(0);
    }
    if !tables.iter().any(|t| t.get::<&str, _>(0) == "segue_state") {
        return Err(Tried::Refused(Box::new(not_a_state(
            "it is a database of something else",
        ))));
    }
    let version: i64 = sqlx::query("select coalesce(max(version), 0) from segue_state")
        .fetch_one(connection)
        .await?
        .get(0);
    if version > STEPS.len() as i64 {
        return Err(Tried::Refused(Box::new(
            Error::new(
                Kind::Unsupported,
                format!(
                    "the state has version {version}, and this program knows {}",
                    STEPS.len()
                ),
            )
            .code(codes::STATE_NEWER)
            .hint("use the version of Segue that wrote it, or a later one"),
        )));
    }
    usize::try_from(version).map_err(|_| Tried::Refused(Box::new(not_a_state("its version is negative"))))
}

fn make_folder(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    // SQLite syncs the folder that its file is in; that folder's own name is ours to keep, and those above it.
    make_folders(folder, &Fsync).map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => Error::new(
            Kind::Invalid,
            format!("`{}` is a file, and the state needs a folder there", folder.display()),
        )
        .code(codes::NOT_A_STATE)
        .caused_by(e),
        _ => Error::new(
            Kind::Denied,
            format!("cannot make the state's folder `{}`", folder.display()),
        )
        .code(codes::STATE_READ_ONLY)
        .hint("give this user the right to write there, or name another place under `state:`")
        .caused_by(e),
    })
}

/// Looks at the first bytes, because SQLite would call a text file damaged and take a folder for a missing right.
fn refuse_other_files(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(named(not_a_state("it is a folder"), path).hint("name a file in it, such as state.db"));
    }
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => {
            return Err(named(Error::new(Kind::Denied, "cannot read the state"), path)
                .code(codes::STATE_READ_ONLY)
                .hint("give this user the right to read and write the state's file and its folder")
                .caused_by(e));
        }
    };
    let mut first = Vec::with_capacity(16);
    let read = file.by_ref().take(16).read_to_end(&mut first);
    match read {
        Ok(0) => Ok(()),
        Ok(_) if first == b"SQLite format 3\0" => Ok(()),
        Ok(_) => Err(named(not_a_state("it is not a database"), path)),
        Err(e) => Err(named(Error::new(Kind::Unavailable, "cannot read the state"), path).caused_by(e)),
    }
}

fn not_a_state(why: &str) -> Error {
    Error::new(Kind::Invalid, format!("this is not a state of Segue: {why}"))
        .code(codes::NOT_A_STATE)
        .hint("name another file under `state:` in segue.yaml; nothing was changed in this one")
}

fn named(error: Error, path: &Path) -> Error {
    error.with("state", path.display())
}

#[cfg(test)]
mod tests;
