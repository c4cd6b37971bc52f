//! One lookup of one host.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use trunkline_dns::io::{Client, IpLookup};
use trunkline_dns::{Families, IpAnswer, LookupError, ServerAttempt};

use super::failure::from_lookup;
use super::known::KnownAddresses;
use crate::ResolveError;

/// One lookup of one host that is under way.
#[derive(Debug)]
pub(super) struct HostLookup {
    lookup: IpLookup,
    asked: Families,
    /// What this lookup has found so far.
    seen: KnownAddresses,
    /// Whether each family has been heard of.
    heard: bool,
}

/// How a lookup ended.
#[derive(Debug)]
pub(super) struct HostResult {
    /// Why there is nothing new.
    pub(super) failure: Option<ResolveError>,
    /// The whole answer, where there is one.
    pub(super) answer: Option<IpAnswer>,
    /// Whether something is missing that may exist.
    pub(super) partial: bool,
    /// Every server asked, and what it did.
    pub(super) attempts: Vec<ServerAttempt>,
}

impl HostLookup {
    pub(super) fn new(client: &Client, host: &str, asked: Families) -> Self {
        Self {
            lookup: client.lookup_ip(host, asked),
            asked,
            seen: KnownAddresses::default(),
            heard: false,
        }
    }

    /// What has been found so far.
    pub(super) fn seen(&self) -> &KnownAddresses {
        &self.seen
    }

    /// Ready at the end, with `known` brought up to date:
    ///
    /// - an answer replaces what was known of the families that it speaks of;
    /// - that there is no such name, or no address, empties it;
    /// - a soft failure leaves it as it is.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        known: &mut KnownAddresses,
    ) -> Poll<HostResult> {
        while !self.heard {
            match ready!(self.lookup.poll_event(cx)) {
                None => self.heard = true,
                Some(event) => {
                    if let Ok(addresses) = event.addresses {
                        self.seen.set(event.family, addresses);
                    }
                }
            }
        }
        let result = ready!(Pin::new(&mut self.lookup).poll(cx));
        Poll::Ready(self.end(result, known))
    }

    fn end(
        &mut self,
        result: Result<IpAnswer, LookupError>,
        known: &mut KnownAddresses,
    ) -> HostResult {
        let (failure, attempts) = match result {
            Ok(mut answer) => {
                let missing = answer.partial.as_ref().map(|partial| partial.family);
                known.merge(KnownAddresses::from_answer(
                    &answer.addresses,
                    self.asked,
                    missing,
                ));
                return HostResult {
                    failure: None,
                    partial: missing.is_some(),
                    attempts: std::mem::take(&mut answer.attempts),
                    answer: Some(answer),
                };
            }
            Err(error) => {
                let attempts = error.attempts().to_vec();
                (from_lookup(error), attempts)
            }
        };
        let seen = std::mem::take(&mut self.seen);
        if failure.is_authoritative() {
            *known = KnownAddresses::default();
        } else if !seen.is_empty() {
            // A family that did come is better than an error.
            known.merge(seen);
            return HostResult {
                failure: None,
                answer: None,
                partial: true,
                attempts,
            };
        }
        HostResult {
            partial: !failure.is_authoritative(),
            failure: Some(failure),
            answer: None,
            attempts,
        }
    }
}

impl HostResult {
    /// When the first record runs out.
    pub(super) fn expires(&self) -> Option<Instant> {
        self.answer.as_ref()?.expires
    }
}
