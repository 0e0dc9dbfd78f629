//! The one context that every use-case takes.

use crate::meter::Meter;
use crate::{Clock, Error, Kind, Result, RunId};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Who asks, where, by which clock, until when, within which limits, and as part of what.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// Who asks.
    pub principal: Arc<str>,
    /// The environment, by name.
    pub environment: Arc<str>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Set when it should stop. Work stops at the next await, but for a commit under way.
    pub cancel: CancellationToken,
    /// What it may use.
    pub limits: Limits,
    /// What it is part of.
    pub trace: Trace,
    /// Where what it uses is counted.
    pub meter: Arc<Meter>,
}

/// What a use-case may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The most memory that operators which keep rows may hold, in bytes.
    pub memory: u64,
    /// The most that may be spilled to disk, in bytes.
    pub spill: u64,
    /// The most rows in a batch of the SQL engine's: fewer, where a row is large.
    pub batch_rows: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory: 1 << 30,
            spill: 64 << 30,
            batch_rows: 8192,
        }
    }
}

impl Limits {
    /// The most memory that a copy may hold rows in, in bytes: a quarter, 256 MiB unless told otherwise.
    pub fn copy(&self) -> u64 {
        self.memory / 4
    }
}

/// What something is part of, for logs and records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The run.
    pub run: Option<RunId>,
    /// The step: its asset's name.
    pub step: Option<String>,
}

impl Ctx {
    /// A context of the local user with default limits.
    pub fn new(environment: &str, clock: Arc<dyn Clock>) -> Ctx {
        Ctx {
            principal: "local".into(),
            environment: environment.into(),
            clock,
            cancel: CancellationToken::new(),
            limits: Limits::default(),
            trace: Trace::default(),
            meter: Arc::new(Meter::default()),
        }
    }

    /// The same context for one step of a run, with a meter and a cancellation of its own below this one's.
    pub fn step(&self, run: RunId, step: &str) -> Ctx {
        Ctx {
            cancel: self.cancel.child_token(),
            trace: Trace {
                run: Some(run),
                step: Some(step.to_string()),
            },
            meter: Arc::new(Meter::default()),
            ..self.clone()
        }
    }

    /// Fails with `Cancelled` once somebody asked for it to stop.
    ///
    /// # Errors
    /// `Cancelled`.
    pub fn go_on(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            Err(Error::new(Kind::Cancelled, "stopped, as asked"))
        } else {
            Ok(())
        }
    }

    /// Waits for the future, or fails with `Cancelled` once somebody asked for it to stop.
    ///
    /// # Errors
    /// `Cancelled`, and the future's own.
    pub async fn or_cancelled<T>(&self, future: impl std::future::Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::new(Kind::Cancelled, "stopped, as asked")),
            done = future => done,
        }
    }
}
