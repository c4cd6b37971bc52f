//! Lookups under way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{Families, FamilyAnswer, IpAnswer, LookupError, SrvAnswer, TxtAnswer};

/// A lookup of addresses: a future of the whole answer, and a source of what comes in between.
///
/// ```text
/// client.lookup_ip("orders", Families::Both).await        // both families, or partial
/// while let Some(family) = lookup.next_event().await {}   // each family as it comes ..
/// lookup.await                                            // .. then the whole
/// ```
///
/// It may be sent to another task. After the whole answer was taken it must not be polled again.
#[derive(Debug)]
#[must_use = "a lookup does nothing unless it is polled"]
pub struct IpLookup {
    host: String,
}

impl IpLookup {
    pub(crate) fn new(host: &str, _families: Families) -> Self {
        Self {
            host: host.to_owned(),
        }
    }

    /// What was found out about one family, as soon as it was.
    ///
    /// Each family that was asked for comes once, of the candidate of the search list that has
    /// addresses; `None` when all have come, or when the lookup failed: then the future has the
    /// verdict and is ready.
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<FamilyAnswer>> {
        let _ = cx;
        Poll::Ready(None)
    }

    /// [`poll_event`](Self::poll_event) as a future; dropping it loses nothing.
    pub async fn next_event(&mut self) -> Option<FamilyAnswer> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }
}

impl Future for IpLookup {
    type Output = Result<IpAnswer, LookupError>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(LookupError::local(
            crate::LookupErrorKind::Unavailable,
            &self.host,
            "no server is known",
        )))
    }
}

/// A lookup of SRV records: a future of the answer.
#[derive(Debug)]
#[must_use = "a lookup does nothing unless it is polled"]
pub struct SrvLookup {
    name: String,
}

impl SrvLookup {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }
}

impl Future for SrvLookup {
    type Output = Result<SrvAnswer, LookupError>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(LookupError::local(
            crate::LookupErrorKind::Unavailable,
            &self.name,
            "no server is known",
        )))
    }
}

/// A lookup of TXT records: a future of the answer.
#[derive(Debug)]
#[must_use = "a lookup does nothing unless it is polled"]
pub struct TxtLookup {
    name: String,
}

impl TxtLookup {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }
}

impl Future for TxtLookup {
    type Output = Result<TxtAnswer, LookupError>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(LookupError::local(
            crate::LookupErrorKind::Unavailable,
            &self.name,
            "no server is known",
        )))
    }
}
