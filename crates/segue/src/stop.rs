//! Ctrl-C: the first finishes the commit under way, the second stops at once.

use tokio_util::sync::CancellationToken;

/// Cancels the token at the first Ctrl-C or SIGTERM, and ends the process with 130 at the second.
pub fn on_ctrl_c(cancel: CancellationToken) {
    tokio::spawn(async move {
        asked().await;
        eprintln!("stopping: the commit under way is finished first; once more stops at once");
        cancel.cancel();
        asked().await;
        std::process::exit(130);
    });
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
