//! Handles Ctrl-C, SIGTERM and SIGHUP.

use std::io;
use std::sync::mpsc::{Receiver, channel};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Returns a channel that receives a message at the first of these signals.
///
/// At the second one the process exits at once with status 130. The backends exit too, because their
/// standard input is closed.
pub(crate) fn listen(handle: &tokio::runtime::Handle) -> io::Result<Receiver<()>> {
    let (sender, interrupts) = channel();
    let _guard = handle.enter();
    let mut signals = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    ];
    handle.spawn(async move {
        any(&mut signals).await;
        // Without a receiver the demo has ended already.
        let _ = sender.send(());
        any(&mut signals).await;
        std::process::exit(130);
    });
    Ok(interrupts)
}

/// Waits for any of the signals.
async fn any(signals: &mut [Signal]) {
    std::future::poll_fn(|cx| {
        let mut polled = signals.iter_mut().map(|signal| signal.poll_recv(cx));
        if polled.any(|polled| polled.is_ready()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}
