//! What the application attaches to one call, in the extensions of its request.

use trunkline_endpoint::Attributes;

/// Decides whether a call waits while there is no connection, or fails at once.
///
/// In the extensions of a request (tonic: `request.extensions_mut()`), it overrides the service
/// config. The deadline of the call bounds the wait.
///
/// Source: [wait for ready](https://github.com/grpc/grpc/blob/master/doc/wait-for-ready.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitForReady(pub bool);

/// Attributes of one call for pickers and config selectors, such as a hash key.
///
/// Unlike metadata they are typed, and never sent. A picker reads them as
/// `PickRequest::attributes`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallAttributes(pub Attributes);
