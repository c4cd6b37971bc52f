//! What rustls asks its callbacks during a handshake, for the texts of errors.

use std::cell::RefCell;

use rustls::pki_types::CertificateDer;

/// What happened in the callbacks of one handshake.
///
/// rustls reports neither the certificates that it refuses nor that the server asked for one. Its
/// callbacks see both, but are shared by all connections, because a session is resumed only with the
/// same callbacks. They run on the thread that feeds the connection, so a thread-local leads what
/// they see back to it.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// The server's certificates, its own first, if they were refused.
    pub(super) rejected: Option<Vec<CertificateDer<'static>>>,
    /// True when the server asked for a client certificate.
    pub(super) wants_certificate: bool,
}

thread_local! {
    static OBSERVED: RefCell<Observed> = RefCell::default();
}

/// Does `work`, and returns with its result what the callbacks saw during it.
pub(super) fn observe<T>(work: impl FnOnce() -> T) -> (T, Observed) {
    OBSERVED.take();
    let result = work();
    (result, OBSERVED.take())
}

/// Records refused certificates.
pub(super) fn record_rejected(certificates: Vec<CertificateDer<'static>>) {
    OBSERVED.with_borrow_mut(|observed| observed.rejected = Some(certificates));
}

/// Records that the server asked for a client certificate.
pub(super) fn record_wants_certificate() {
    OBSERVED.with_borrow_mut(|observed| observed.wants_certificate = true);
}
