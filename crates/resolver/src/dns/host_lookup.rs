//! One lookup of one host.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use trunkline_dns::io::{Client, IpLookup};
use trunkline_dns::{Families, IpAnswer, LookupError, ServerAttempt};

use super::failure::from_lookup;
use super::known::KnownAddresses;
use crate::ResolveError;

/// One lookup of one host, in progress.
#[derive(Debug)]
pub(super) struct HostLookup {
    lookup: IpLookup,
    asked: Families,
    /// The addresses that this lookup has found so far.
    seen: KnownAddresses,
    /// Whether the lookup has reported each family.
    all_reported: bool,
}

/// The result of the lookup of one host.
#[derive(Debug)]
pub(super) struct HostResult {
    /// The error, if the lookup found nothing new.
    pub(super) failure: Option<ResolveError>,
    /// The answer; `None` if the lookup failed, also if it found one family before that.
    pub(super) answer: Option<IpAnswer>,
    /// Whether an address family could not be looked up and may exist.
    pub(super) partial: bool,
    /// Every query that was sent, with its outcome.
    pub(super) attempts: Vec<ServerAttempt>,
}

impl HostLookup {
    /// Starts the lookup of these families.
    pub(super) fn new(client: &Client, host: &str, asked: Families) -> Self {
        Self {
            lookup: client.lookup_ip(host, asked),
            asked,
            seen: KnownAddresses::default(),
            all_reported: false,
        }
    }

    /// Returns the queries that have no answer yet, in words.
    pub(super) fn waiting_for(&self) -> Option<String> {
        self.lookup.waiting_for()
    }

    /// Returns the addresses that have been found so far.
    pub(super) fn seen(&self) -> &KnownAddresses {
        &self.seen
    }

    /// Ready when the lookup has ended, after an update of `known`:
    ///
    /// - an answer replaces the addresses of the families in it;
    /// - an authoritative failure (no such name, or no address) removes all addresses;
    /// - any other failure replaces the families that were found before it, and keeps the others.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        known: &mut KnownAddresses,
    ) -> Poll<HostResult> {
        while !self.all_reported {
            match ready!(self.lookup.poll_event(cx)) {
                None => self.all_reported = true,
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
            // One family was found before the failure: use it instead of failing.
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
    /// Returns whether the host has more addresses than the answer.
    pub(super) fn left_out(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.left_out)
    }

    /// Returns when the first record of the answer expires.
    pub(super) fn expires(&self) -> Option<Instant> {
        self.answer.as_ref()?.expires
    }
}
