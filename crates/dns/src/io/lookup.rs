//! The futures of lookups.

use std::collections::VecDeque;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::shared::{Begun, ClientShared};
use super::waiter::Waiter;
use crate::core::{Local, Record};
use crate::{Families, FamilyAnswer, IpAnswer, LookupError, RecordAnswer, RecordType};

/// A lookup of addresses: a future of the whole answer, which also returns the families one by one.
///
/// ```text
/// client.lookup_ip("orders", Families::Both).await        // both families, or partial
/// while let Some(family) = lookup.next_event().await {}   // each family when it arrives ..
/// lookup.await                                            // .. then the whole answer
/// ```
#[derive(Debug)]
#[must_use = "a lookup does nothing unless it is polled"]
pub struct IpLookup {
    shared: Arc<ClientShared>,
    host: String,
    families: Families,
    state: IpState,
}

#[derive(Debug)]
enum IpState {
    /// Not polled yet.
    New,
    /// Servers are asked.
    Waiting(Waiter),
    /// The result is known.
    Known {
        result: Result<IpAnswer, LookupError>,
        /// The events that were not returned yet.
        events: VecDeque<FamilyAnswer>,
    },
}

impl IpLookup {
    pub(super) fn new(shared: Arc<ClientShared>, host: &str, families: Families) -> Self {
        Self {
            shared,
            host: host.to_owned(),
            families,
            state: IpState::New,
        }
    }

    /// Waits for the result of the next family.
    ///
    /// Each family that was asked for is returned once, for the candidate of the search list that
    /// has addresses. `None` when all were returned, or when the lookup has failed: then the future
    /// is ready with the error.
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<FamilyAnswer>> {
        self.begin();
        match &mut self.state {
            IpState::New => Poll::Pending,
            IpState::Waiting(waiter) => waiter.poll_event(cx),
            IpState::Known { events, .. } => Poll::Ready(events.pop_front()),
        }
    }

    /// Returns the queries that have no answer yet, in words, for a text about a lookup that takes
    /// long: each with its server, transport, name and type. `None` when no query is under way.
    #[must_use]
    pub fn waiting_for(&self) -> Option<String> {
        match &self.state {
            IpState::Waiting(waiter) => waiter.waiting_for(),
            IpState::New | IpState::Known { .. } => None,
        }
    }

    /// [`poll_event`](Self::poll_event) as a future. Dropping that future loses no event.
    pub async fn next_event(&mut self) -> Option<FamilyAnswer> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    fn begin(&mut self) {
        if !matches!(self.state, IpState::New) {
            return;
        }
        self.state = match self.shared.begin_ip(&self.host, self.families) {
            Ok(Begun::Joined(joined)) => {
                IpState::Waiting(Waiter::new(Arc::clone(&self.shared), joined))
            }
            Ok(Begun::Local(local)) => known(local, self.families),
            Err(error) => IpState::Known {
                result: Err(error),
                events: VecDeque::new(),
            },
        };
    }
}

/// Returns the state of a lookup that needs no server.
fn known(local: Local, families: Families) -> IpState {
    let Local::Found {
        addresses,
        source,
        name,
    } = local
    else {
        return IpState::New;
    };
    let events = families.iter().map(|family| FamilyAnswer {
        family,
        addresses: Ok(addresses
            .iter()
            .copied()
            .filter(|address| address.family() == family)
            .collect()),
        expires: None,
        source: Some(source),
    });
    IpState::Known {
        events: events.collect(),
        result: Ok(IpAnswer {
            addresses,
            canonical: name,
            source,
            ttl: None,
            expires: None,
            partial: None,
            left_out: false,
            attempts: Vec::new(),
            elapsed: Duration::ZERO,
        }),
    }
}

impl Future for IpLookup {
    type Output = Result<IpAnswer, LookupError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.begin();
        let success = match &mut this.state {
            IpState::New => return Poll::Pending,
            IpState::Known { result, .. } => return Poll::Ready(result.clone()),
            IpState::Waiting(waiter) => std::task::ready!(waiter.poll_result(cx)),
        };
        let now = this.shared.runtime.now();
        Poll::Ready(success.and_then(|success| success.into_ip(&this.host, now)))
    }
}

/// A lookup of records of one type: a future of the answer.
#[derive(Debug)]
#[must_use = "a lookup does nothing unless it is polled"]
pub struct RecordLookup<T> {
    shared: Arc<ClientShared>,
    name: String,
    record_type: RecordType,
    state: RecordState,
    /// The type to which records are converted.
    records: PhantomData<fn() -> T>,
}

#[derive(Debug)]
enum RecordState {
    /// Not polled yet.
    New,
    /// Servers are asked.
    Waiting(Waiter),
    Failed(LookupError),
}

impl<T> RecordLookup<T> {
    pub(super) fn new(shared: Arc<ClientShared>, name: &str, record_type: RecordType) -> Self {
        Self {
            shared,
            name: name.to_owned(),
            record_type,
            state: RecordState::New,
            records: PhantomData,
        }
    }
}

impl<T> RecordLookup<T> {
    /// Returns the queries that have no answer yet, in words; see [`IpLookup::waiting_for`].
    #[must_use]
    pub fn waiting_for(&self) -> Option<String> {
        match &self.state {
            RecordState::Waiting(waiter) => waiter.waiting_for(),
            RecordState::New | RecordState::Failed(_) => None,
        }
    }
}

impl<T: Record> Future for RecordLookup<T> {
    type Output = Result<RecordAnswer<T>, LookupError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if matches!(this.state, RecordState::New) {
            this.state = match this.shared.begin_records(&this.name, this.record_type) {
                Ok(joined) => RecordState::Waiting(Waiter::new(Arc::clone(&this.shared), joined)),
                Err(error) => RecordState::Failed(error),
            };
        }
        let success = match &mut this.state {
            RecordState::New => return Poll::Pending,
            RecordState::Failed(error) => return Poll::Ready(Err(error.clone())),
            RecordState::Waiting(waiter) => std::task::ready!(waiter.poll_result(cx)),
        };
        let now = this.shared.runtime.now();
        Poll::Ready(success.and_then(|success| success.into_records(&this.name, now)))
    }
}
