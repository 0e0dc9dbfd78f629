//! Connections that write, kept from one use to the next; and what holds in each of their transactions.

use super::connect::Door;
use super::errors::failed;
use super::source::SETTINGS;
use parking_lot::Mutex;
use segue_core::{Ctx, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Client;

/// How long a connection that was used before may take to answer: somebody on the way may have forgotten it.
const ANSWERS: Duration = Duration::from_secs(10);

/// How many wait to be used again.
const IDLE: usize = 4;

/// What holds in a transaction of ours besides: a commit that is told of is on the disk, rows that somebody may not see are no reason to
/// overlook them, and a lock that others hold is waited for so long.
const WRITING: &str = "set local row_security = off;
    select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'";
/// First: a limit may be so short that it ends what lifts it.
const SOON: &str = "set local statement_timeout = 0";
pub(super) const LOCK: &str = if cfg!(test) { "2s" } else { "60s" };

/// Connections to one database.
#[derive(Clone)]
pub(super) struct Sessions {
    pub door: Door,
    idle: Arc<Mutex<Vec<Client>>>,
}

/// How a transaction begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// It looks, and sees one moment.
    ToLook,
    /// It writes.
    ToWrite,
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
    pub async fn begin(&self, how: Begin, ctx: &Ctx) -> Result<Client> {
        let begin = match how {
            Begin::ToLook => format!("begin isolation level repeatable read read only; {SOON}; {SETTINGS}; {WRITING}"),
            Begin::ToWrite => format!(
                "begin isolation level read committed read write; {SOON}; {SETTINGS}; {WRITING}; set local lock_timeout = '{LOCK}'"
            ),
        };
        loop {
            let waiting = self.idle.lock().pop();
            let Some(client) = waiting else { break };
            // One that the server has closed meanwhile is no error: there are others.
            let begun = tokio::time::timeout(ANSWERS, client.batch_execute(&begin));
            if !client.is_closed() && matches!(ctx.or_cancelled(async { Ok(begun.await) }).await?, Ok(Ok(()))) {
                return Ok(client);
            }
        }
        let client = self.door.connect(ctx).await?;
        let begun = async {
            client
                .batch_execute(&begin)
                .await
                .map_err(failed("begin a transaction"))
        };
        ctx.or_cancelled(begun).await?;
        Ok(client)
    }

    /// Ends the transaction as if it had not been.
    pub async fn roll_back(&self, client: Client) {
        if client.batch_execute("rollback").await.is_ok() {
            self.keep(client);
        }
    }

    /// Ends the transaction: what it did is there.
    ///
    /// # Errors
    /// What the server says; `Unavailable` when the connection is lost, and then nobody here knows whether it is there.
    pub async fn commit(&self, client: Client) -> Result<()> {
        client.batch_execute("commit").await.map_err(failed("commit"))?;
        self.keep(client);
        Ok(())
    }

    fn keep(&self, client: Client) {
        let mut idle = self.idle.lock();
        if idle.len() < IDLE {
            idle.push(client);
        }
    }
}
