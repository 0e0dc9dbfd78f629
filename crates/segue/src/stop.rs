//! Ctrl-C: the first finishes the commit under way, the second stops at once.

use segue_core::{Context, Kind, Result};
use tokio_util::sync::CancellationToken;

/// Cancels the token at the first Ctrl-C or SIGTERM, and ends the process with 130 at the second.
///
/// It waits on a thread of its own: a query that keeps every other thread busy must not keep anybody from stopping it.
///
/// # Errors
/// `Unavailable` when there is no thread to be had.
pub fn on_ctrl_c(cancel: CancellationToken) -> Result<()> {
    let cannot = "cannot start a thread that waits for Ctrl-C";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context(Kind::Unavailable, cannot)?;
    let wait = async move {
        asked().await;
        eprintln!("stopping: the commit under way is finished first; once more stops at once");
        cancel.cancel();
        asked().await;
        std::process::exit(130);
    };
    let thread = std::thread::Builder::new().name("segue-stop".into());
    thread
        .spawn(move || runtime.block_on(wait))
        .context(Kind::Unavailable, cannot)?;
    Ok(())
}

async fn asked() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _no_handler = tokio::signal::ctrl_c().await;
}
