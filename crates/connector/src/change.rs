//! Changes of what connections are made with.

use std::future::poll_fn;
use std::task::Poll;

use trunkline_runtime::BoxFuture;

/// Returns a future that ends with the first of two changes, for a connector whose
/// [`changed`](crate::Connector::changed) has two parts. `None` if neither ever comes.
#[must_use]
pub fn first_change(
    one: Option<BoxFuture<()>>,
    other: Option<BoxFuture<()>>,
) -> Option<BoxFuture<()>> {
    let (mut one, mut other) = match (one, other) {
        (Some(one), Some(other)) => (one, other),
        (one, other) => return one.or(other),
    };
    Some(Box::pin(poll_fn(move |cx| {
        if one.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        other.as_mut().poll(cx)
    })))
}
