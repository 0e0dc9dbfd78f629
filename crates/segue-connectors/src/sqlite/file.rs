//! The database's file: opening it, and refusing what it must not be.

use super::errors::failed;
use rusqlite::{Connection, OpenFlags};
use segue_core::{Error, Kind, Result};
use segue_diag as codes;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a write waits for another program's before it says that the database is busy.
const BUSY: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 10 });

/// Where the database is. Each operation opens a connection of its own: nothing is held between them.
#[derive(Clone, Debug)]
pub(super) struct Database {
    /// Absolute.
    pub path: PathBuf,
    /// The connection's name, for messages.
    pub connection: String,
}

impl Database {
    /// Opens it for writing; makes the file when it is missing.
    pub fn open(&self) -> Result<Connection> {
        self.look()?;
        self.connect(OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Opens it; `None` where there is no file, or an empty one.
    pub fn open_existing(&self) -> Result<Option<Connection>> {
        match self.look()? {
            true => self.connect(OpenFlags::empty()).map(Some),
            false => Ok(None),
        }
    }

    fn connect(&self, flags: OpenFlags) -> Result<Connection> {
        let flags = flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let doing = "open the database";
        let open = || -> rusqlite::Result<(Connection, bool)> {
            let connection = Connection::open_with_flags(&self.path, flags)?;
            connection.busy_timeout(BUSY)?;
            // EXTRA, not FULL: with a rollback journal FULL leaves a moment after the commit in which a power cut takes it back.
            connection.pragma_update(None, "synchronous", "extra")?;
            // On unless told otherwise, and then a reference of another table loses rows there, or refuses a row that comes a moment
            // later. They are looked at when a change is done.
            connection.pragma_update(None, "foreign_keys", false)?;
            // A table that is made anew is named like the old one, and views and triggers that name it mean the new one.
            connection.pragma_update(None, "legacy_alter_table", true)?;
            let is_state = connection
                .prepare("select 1 from sqlite_master where type = 'table' and name = 'segue_state'")?
                .exists([])?;
            Ok((connection, is_state))
        };
        let (connection, is_state) = open().map_err(failed(doing)).map_err(|e| self.named(e))?;
        if is_state {
            // By what is in it, not by its path: links and mounts give one file many names.
            return Err(self.named(
                Error::new(Kind::Invalid, "this file is Segue's own state, and no target")
                    .code(codes::SQLITE_IS_THE_STATE)
                    .hint("give the connection another `path:`"),
            ));
        }
        Ok(connection)
    }

    /// Whether there is something in the file. Refuses what SQLite would take for a missing right or a damaged database.
    fn look(&self) -> Result<bool> {
        let refused = |why: &str| self.named(Error::new(Kind::Invalid, why).code(codes::SQLITE_NOT_A_DATABASE));
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return self.folder_exists().map(|()| false),
            Err(e) => {
                return Err(self.named(
                    Error::new(Kind::Denied, "cannot read the database")
                        .code(codes::SQLITE_READ_ONLY)
                        .hint("give this user the right to read and write the file and its folder")
                        .caused_by(e),
                ));
            }
        };
        if self.path.is_dir() {
            return Err(refused("this is a folder and not a database").hint("name a file in it"));
        }
        let mut first = Vec::with_capacity(16);
        match file.by_ref().take(16).read_to_end(&mut first) {
            Ok(0) => Ok(false),
            Ok(_) if first == b"SQLite format 3\0" => Ok(true),
            // A writer died before its first page was written: with its journal SQLite takes back what it left, as it does on opening.
            Ok(_) if first.iter().all(|b| *b == 0) && self.has_journal() => Ok(true),
            Ok(_) => Err(refused("the file is not a SQLite database")
                .hint("give the connection another `path:`; nothing was changed in this one")),
            Err(e) => Err(self.named(Error::new(Kind::Unavailable, "cannot read the database").caused_by(e))),
        }
    }

    fn has_journal(&self) -> bool {
        let mut journal = self.path.clone().into_os_string();
        journal.push("-journal");
        Path::new(&journal).metadata().is_ok_and(|m| m.len() > 0)
    }

    fn folder_exists(&self) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        if folder.is_dir() {
            return Ok(());
        }
        Err(self.named(
            Error::new(
                Kind::NotFound,
                format!("the database's folder `{}` does not exist", folder.display()),
            )
            .code(codes::SQLITE_NO_FOLDER)
            .hint("make the folder, or correct `path:`; a folder is not made, because a typo would hide there"),
        ))
    }

    /// The error, with what it is about.
    pub fn named(&self, error: Error) -> Error {
        error
            .with("connection", &self.connection)
            .with("database", self.path.display())
    }
}

/// A name as SQL takes it, whatever is in it.
///
/// # Errors
/// `Invalid` for an empty name, one with a NUL, and names that SQLite or Segue keep for themselves.
pub(super) fn quoted(name: &str) -> Result<String> {
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || name.contains('\0') || lower.starts_with("sqlite_") || lower.starts_with("_segue_") {
        return Err(Error::new(
            Kind::Invalid,
            format!("`{}` cannot be a name in SQLite", name.escape_debug()),
        )
        .hint("choose one that does not begin with sqlite_ or _segue_"));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}
