//! Ctrl-C, SIGTERM and SIGHUP.

use std::io;
use std::sync::mpsc::{Receiver, channel};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Something is received when the user wants an end; a second time, the process ends at once (and
/// the backends with it, as their input is closed).
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
        // Without a receiver the demo is over anyway.
        let _ = sender.send(());
        any(&mut signals).await;
        std::process::exit(130);
    });
    Ok(interrupts)
}

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
