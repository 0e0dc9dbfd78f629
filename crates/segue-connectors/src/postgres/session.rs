//! Connections to one database, kept from one use to the next; and what holds in each of their transactions.

use super::bound::Bound;
use super::connect::{Door, Session};
use super::errors::failed;
use super::place::literal;
use parking_lot::Mutex;
use segue_core::meter::Meter;
use segue_core::{Ctx, Result};
use std::sync::Arc;
use std::time::Duration;

/// How long a connection that was used before may take to answer: somebody on the way may have forgotten it.
const ANSWERS: Duration = Duration::from_secs(10);

/// How many wait to be used again: one for each step that runs at once.
const IDLE: usize = 8;

/// A transaction that only looks, at one moment.
const LOOKING: &str = "begin transaction isolation level repeatable read read only";

/// Nothing that the role sets ends it half-way, and texts that the server makes are the same wherever it stands.
const SETTINGS: &str = "set local datestyle = 'ISO'; set local intervalstyle = 'iso_8601'; set local timezone = 'UTC';
    set local standard_conforming_strings = on; set local extra_float_digits = 1; set local bytea_output = 'hex';
    set local idle_in_transaction_session_timeout = 0";

/// A limit that servers have from this version on.
const WHOLE_LIMIT: (u32, &str) = (17, "; set local transaction_timeout = 0");

/// All rows of a table, or an error: some of them that are taken for all would be deleted at the other end.
const ALL_ROWS: &str = "set local row_security = off";

/// Those that its author sees, for a query or a view.
pub(super) const ROWS_OF_QUERY: &str = "set local row_security = on";

/// What holds in a transaction of the sink's besides: a commit that is told of is on the disk, and a lock that others hold is waited for so long.
const WRITING: &str = "select pg_catalog.set_config('synchronous_commit', 'on', true) where pg_catalog.current_setting('synchronous_commit') = 'off'";
/// First: a limit may be so short that it ends what lifts it.
const SOON: &str = "set local statement_timeout = 0";
const LOCK: &str = if cfg!(test) { "2s" } else { "60s" };

/// Connections to one database.
#[derive(Clone)]
pub(super) struct Sessions {
    pub door: Door,
    /// Those that nobody uses, between two transactions. None is here that an error or a cancel has left in the middle of something.
    idle: Arc<Mutex<Vec<Session>>>,
}

/// How a session begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin<'a> {
    /// With no transaction: something is asked first.
    Later,
    /// A source reads one moment, or that of another connection.
    ToRead(Option<&'a str>),
    /// A sink looks, and sees one moment.
    ToLook,
    /// A sink writes.
    ToWrite,
}

impl Begin<'_> {
    /// The statements that begin it.
    pub fn statements(self, session: &Session) -> String {
        let (since, lift) = WHOLE_LIMIT;
        let settings = format!("{SETTINGS}{}", if session.version >= since { lift } else { "" });
        match self {
            Begin::Later => String::new(),
            Begin::ToRead(moment) => {
                let moment = moment.map_or(String::new(), |moment| {
                    format!("; set transaction snapshot {}", literal(moment))
                });
                format!("{LOOKING}{moment}; {SOON}; {settings}; {ALL_ROWS}; set local lock_timeout = 0")
            }
            Begin::ToLook => {
                format!("{LOOKING}; {SOON}; {settings}; {ALL_ROWS}; {WRITING}; set local lock_timeout = 0")
            }
            Begin::ToWrite => format!(
                "begin isolation level read committed read write; {SOON}; {settings}; {ALL_ROWS}; {WRITING}; set local lock_timeout = '{LOCK}'"
            ),
        }
    }
}

impl Sessions {
    pub fn new(door: Door) -> Sessions {
        Sessions {
            door,
            idle: Arc::default(),
        }
    }

    /// A connection in a transaction that has begun. Dropped, the transaction never was.
    ///
    /// # Errors
    /// As [`Door::connect`].
    pub async fn begin(&self, how: Begin<'_>, ctx: &Ctx) -> Result<Session> {
        self.begin_bounded(how, None, ctx).await
    }

    /// The same, of which no row is larger than this.
    ///
    /// # Errors
    /// As [`Door::connect`].
    pub async fn begin_bounded(&self, how: Begin<'_>, most: Option<usize>, ctx: &Ctx) -> Result<Session> {
        while let Some(session) = self.waiting(most) {
            session.counts_for(&ctx.meter);
            let begin = how.statements(&session);
            // One that the server has closed meanwhile is no error: there are others.
            let begun = tokio::time::timeout(ANSWERS, session.batch_execute(&begin));
            if !session.is_closed() && matches!(ctx.or_cancelled(async { Ok(begun.await) }).await?, Ok(Ok(()))) {
                return Ok(session);
            }
        }
        let session = self.door.connect(ctx, most.map(Bound::of)).await?;
        let begin = how.statements(&session);
        let begun = async {
            session
                .batch_execute(&begin)
                .await
                .map_err(failed("begin a transaction"))
        };
        ctx.or_cancelled(begun).await?;
        Ok(session)
    }

    /// One that waits to be used, with this bound.
    fn waiting(&self, most: Option<usize>) -> Option<Session> {
        let mut idle = self.idle.lock();
        let at = idle.iter().rposition(|s| s.bound.as_ref().map(Bound::most) == most)?;
        Some(idle.swap_remove(at))
    }

    /// Ends the transaction as if it had not been: what it set in the session is gone as well.
    pub async fn roll_back(&self, session: Session) {
        if session.batch_execute("rollback").await.is_ok() {
            self.keep(session);
        }
    }

    /// Ends the transaction: what it did is there.
    ///
    /// # Errors
    /// What the server says; `Unavailable` when the connection is lost, and then nobody here knows whether it is there.
    pub async fn commit(&self, session: Session) -> Result<()> {
        session.batch_execute("commit").await.map_err(failed("commit"))?;
        self.keep(session);
        Ok(())
    }

    fn keep(&self, session: Session) {
        // It is nobody's until it is used again.
        session.counts_for(&Arc::new(Meter::default()));
        let mut idle = self.idle.lock();
        if idle.len() < IDLE {
            idle.push(session);
        }
    }
}
