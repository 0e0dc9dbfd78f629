//! Ctrl-C and SIGTERM: the first ends what is under way in good order, the second stops at once.

use segue_core::{Context, Ctx, Kind, Result};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long what only looks may take to end by itself: nothing is lost when it is ended then.
const GRACE: Duration = Duration::from_secs(2);

/// What is under way, and so what a signal means.
#[derive(Clone, Debug)]
pub enum UnderWay {
    /// Nothing that would have to be ended in good order.
    Nothing,
    /// Something that writes: the commit under way is finished first.
    Writing(CancellationToken),
    /// Something that only looks, or serves: it ends soon, whatever it is busy with.
    Looking(CancellationToken),
    /// A prompt that waits for a statement.
    Prompt,
    /// A statement of a prompt: Ctrl-C ends it and not the prompt.
    Statement(CancellationToken),
}

static UNDER_WAY: Mutex<UnderWay> = Mutex::new(UnderWay::Nothing);

/// Puts back what was under way before, when it is dropped.
#[derive(Debug)]
pub struct Heard(UnderWay);

impl Drop for Heard {
    fn drop(&mut self) {
        set(std::mem::replace(&mut self.0, UnderWay::Nothing));
    }
}

fn set(what: UnderWay) -> UnderWay {
    std::mem::replace(&mut *UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner), what)
}

/// Says what is under way until the value is dropped.
///
/// Signals are waited for on a thread of its own: a query that keeps every other thread busy must not keep anybody from stopping it.
///
/// # Errors
/// `Unavailable` when there is no thread to be had.
pub fn hear(what: UnderWay) -> Result<Heard> {
    static LISTENING: OnceLock<()> = OnceLock::new();
    if LISTENING.get().is_none() {
        listen()?;
        let _once = LISTENING.set(());
    }
    Ok(Heard(set(what)))
}

/// The context of one statement of a prompt, which Ctrl-C ends for as long as the other value is held.
///
/// # Errors
/// As [`hear`].
pub fn statement(ctx: &Ctx) -> Result<(Ctx, Heard)> {
    let ctx = Ctx {
        cancel: ctx.cancel.child_token(),
        ..ctx.clone()
    };
    let heard = hear(UnderWay::Statement(ctx.cancel.clone()))?;
    Ok((ctx, heard))
}

fn listen() -> Result<()> {
    let cannot = "cannot start a thread that waits for Ctrl-C";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context(Kind::Unavailable, cannot)?;
    let mut signals = {
        // Signals are registered with this runtime.
        let _here = runtime.enter();
        Signals::new().context(Kind::Unavailable, cannot)?
    };
    let wait = async move {
        loop {
            let signal = signals.next().await;
            let what = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).clone();
            meet(signal, what);
        }
    };
    let thread = std::thread::Builder::new().name("segue-stop".into());
    thread
        .spawn(move || runtime.block_on(wait))
        .context(Kind::Unavailable, cannot)?;
    Ok(())
}

fn meet(signal: Signal, what: UnderWay) {
    match (what, signal) {
        (UnderWay::Prompt, Signal::Interrupt) => {}
        (UnderWay::Statement(cancel), Signal::Interrupt) if !cancel.is_cancelled() => cancel.cancel(),
        (UnderWay::Writing(cancel), _) if !cancel.is_cancelled() => {
            crate::out::say("stopping: the commit under way is finished first; once more stops at once");
            cancel.cancel();
        }
        (UnderWay::Looking(cancel), _) if !cancel.is_cancelled() => {
            cancel.cancel();
            tokio::spawn(async {
                tokio::time::sleep(GRACE).await;
                std::process::exit(130);
            });
        }
        _ => std::process::exit(130),
    }
}

/// Which signal came.
#[derive(Clone, Copy, Debug)]
enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What `kill` sends.
    #[cfg_attr(not(unix), allow(dead_code))]
    Terminate,
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) -> Signal {
        let _no_handler = tokio::signal::ctrl_c().await;
        Signal::Interrupt
    }
}
