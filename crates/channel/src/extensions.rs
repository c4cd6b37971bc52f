//! What a call can say of itself by the extensions of its request.

/// Whether a call waits while no connection can be had, instead of failing at once.
///
/// Put into the extensions of a request (tonic: `request.extensions_mut()`), it overrides the
/// service config. A call that waits is still bounded by its deadline.
///
/// Source: [wait for ready](https://github.com/grpc/grpc/blob/master/doc/wait-for-ready.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitForReady(pub bool);
