//! A call in progress: what all of its attempts have in common.
//!
//! It starts an attempt on the connection that a picker chooses, and makes the response of an attempt
//! into the one that a stub expects. Which attempts are made, and when, is decided above it.

use std::cell::Cell;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use event_listener::EventListener;
use http::uri::{self, Authority, PathAndQuery};
use http::{Extensions, HeaderMap, HeaderName, Method, Request, Response, Uri, Version};
use trunkline_endpoint::Attributes;
use trunkline_lb::{Pick, PickRequest};
use trunkline_runtime::{PeerAddr, Runtime};
use trunkline_service_config::{CallInfo, InjectedFault};
use trunkline_status::{Code, Status};
use trunkline_transport::{
    CallError, Candidates, Connection, Fate, Incoming, ReplayBudget, RequestBody, Sent,
};

use crate::call::attempt::CallAttempt;
use crate::call::authorizing::{self, Authorizing};
use crate::call::body::{Body, Records, sent_for};
use crate::call::deadline::{Deadline, GRPC_TIMEOUT, bounded, format_time_left, within};
use crate::call::kept_metadata::KeptMetadata;
use crate::call::plan::{AttemptPlan, PlanKind};
use crate::call::refusal::Refusal;
use crate::call::siblings::Siblings;
use crate::call::transparent_retries::status_of;
use crate::control::event::ControlEvent;
use crate::core::connections::ReadyConnection;
use crate::core::hedging::Hedging;
use crate::core::holds::HoldId;
use crate::core::pushback::Pushback;
use crate::credentials::{CallCredentials, CredentialsRequest, WithCallCredentials};
use crate::extensions::{CallAttributes, WaitForReady};
use crate::grpc::{self, GRPC_STATUS};
use crate::handle::Handle;
use crate::queue::QueuedCall;
use crate::record::{AttemptEnd, AttemptKind, AttemptRecord, CallRecord, NewCall};
use crate::shared::MessageLimits;

/// The header with the number of attempts before this one.
///
/// Source: [gRFC A6, exposed retry metadata](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#exposed-retry-metadata).
static PREVIOUS_ATTEMPTS: HeaderName = HeaderName::from_static("grpc-previous-rpc-attempts");

/// What the caller asked for.
pub(crate) struct CallRequest {
    headers: HeaderMap,
    attributes: Attributes,
    /// The caller's choice whether the call waits for readiness; `None` if the caller made none.
    wait_for_ready: Option<bool>,
    /// The credentials of this call alone.
    credentials: Option<Arc<dyn CallCredentials>>,
    /// Empty. They become the extensions of the response, because stubs have put values into those
    /// of the request, and the memory is there.
    extensions: Extensions,
}

impl CallRequest {
    /// Returns the URI of the request, and the rest of what the caller asked for.
    pub(crate) fn new(mut head: http::request::Parts) -> (Uri, Self) {
        let attributes = head.extensions.get::<CallAttributes>();
        let attributes = attributes.map_or_else(Attributes::new, |own| own.0.clone());
        let wait_for_ready = head.extensions.get::<WaitForReady>().map(|wait| wait.0);
        let credentials = head.extensions.get::<WithCallCredentials>();
        let credentials = credentials.map(|own| Arc::clone(&own.0));
        head.extensions.clear();
        let request = Self {
            headers: head.headers,
            attributes,
            wait_for_ready,
            credentials,
            extensions: head.extensions,
        };
        (head.uri, request)
    }
}

/// What all attempts of a call have in common: the request, the configuration and the deadline.
pub(crate) struct Call<'a> {
    handle: &'a Arc<Handle>,
    /// Its authority takes precedence over every other.
    uri: &'a Uri,
    path: &'a PathAndQuery,
    /// Empty while an attempt has them.
    headers: &'a mut HeaderMap,
    /// True while an attempt has the headers.
    are_headers_taken: bool,
    /// What the headers are made of again.
    kept: KeptMetadata,
    attributes: &'a mut Attributes,
    extensions: &'a mut Extensions,
    wait_for_ready: Option<bool>,
    credentials: Option<&'a Arc<dyn CallCredentials>>,
    /// When the call began. `None` until that is needed, at the latest when the call waits for a
    /// connection: reading the clock costs time.
    started: Option<Instant>,
    /// How often the call may be sent; `None` if its method has no policy for that.
    pub(crate) plan: Option<Box<AttemptPlan>>,
    pub(crate) deadline: Option<Deadline>,
    /// True while `deadline` is the channel's default, which a timeout of the configuration replaces.
    has_default_timeout: bool,
    /// The channel's limits of messages, lowered by the configuration.
    limits: MessageLimits,
    /// The configuration's choice, which applies if the caller made none.
    configured_wait: Option<bool>,
    /// True once the configuration of the call was chosen: that happens once, when the resolver has
    /// returned a list. Until then the default config decides.
    is_configured: bool,
    /// The status of the last failed pick, if the call waits for readiness.
    last_failure: Option<Box<Status>>,
    /// True once the call had to wait or to be sent again: less time is left than the caller's
    /// `grpc-timeout`.
    pub(crate) is_late: bool,
    /// The address of the server that sent a response.
    pub(crate) answered_by: Option<Box<PeerAddr>>,
    /// True when the next attempt is made because no server acted on the last one. A hedging plan
    /// decides that by itself.
    pub(crate) is_transparent_retry: bool,
    /// The record of the attempt that waits for a pick. It ends before that of the call, also when both
    /// are dropped.
    pub(crate) waiting: AttemptRecord,
    pub(crate) record: CallRecord,
}

/// The result of one pick from the current snapshot.
pub(crate) enum PickOutcome {
    Started(CallAttempt),
    /// There is a connection. The attempt is sent by [`Call::send_authorized`] once the metadata of
    /// its credentials is there.
    Authorizing(Authorizing),
    Failed(NotStarted),
    /// The call is delayed or ended on purpose first. Only the first pick of a call has this result.
    Fault(Box<InjectedFault>),
    /// No connection yet: the call waits for the next snapshot.
    Wait,
}

/// What must happen before an attempt can be sent, or a call can be picked for.
enum Unfinished {
    Authorizing(Authorizing),
    Fault(Box<InjectedFault>),
}

/// Why an attempt was not started.
pub(crate) enum NotStarted {
    /// The picker failed the attempt, or its credentials did. A retry policy applies to it.
    Failed(Status),
    /// The call has ended.
    Ended(Status),
}

impl From<Status> for NotStarted {
    fn from(status: Status) -> Self {
        Self::Ended(status)
    }
}

impl<'a> Call<'a> {
    /// Starts the channel of a call, and returns the path of its request.
    ///
    /// # Errors
    ///
    /// When the channel cannot be used, and when the request has no path.
    pub(crate) fn prepare<'u>(handle: &Handle, uri: &'u Uri) -> Result<&'u PathAndQuery, Status> {
        handle.start()?;
        let path = uri.path_and_query().filter(|_| !uri.path().is_empty());
        path.ok_or_else(|| {
            Status::internal("the request has no path; expected `/package.Service/Method`")
        })
    }

    pub(crate) fn new(
        handle: &'a Arc<Handle>,
        uri: &'a Uri,
        path: &'a PathAndQuery,
        request: &'a mut CallRequest,
    ) -> Self {
        let shared = &handle.shared;
        let headers = &mut request.headers;
        let mut kept = KeptMetadata::complete(headers, &shared.user_agent);
        let own_timeout = kept.timeout();
        let default_timeout = shared.call_timeout.filter(|_| own_timeout.is_none());
        if let Some(timeout) = default_timeout {
            kept.set_timeout(headers, timeout);
        }
        let timeout = own_timeout.or(default_timeout);
        let mut started = timeout.is_some().then(|| shared.runtime.now());
        let deadline = timeout
            .zip(started)
            .and_then(|(timeout, started)| Deadline::new(timeout, shared, started));
        let record = CallRecord::start(
            &shared.observers,
            &shared.runtime,
            &shared.open_calls,
            &NewCall {
                path,
                metadata: headers,
                attributes: &request.attributes,
            },
            || *started.get_or_insert_with(|| shared.runtime.now()),
        );
        Self {
            handle,
            record,
            uri,
            path,
            headers,
            are_headers_taken: false,
            kept,
            attributes: &mut request.attributes,
            extensions: &mut request.extensions,
            wait_for_ready: request.wait_for_ready,
            credentials: request.credentials.as_ref(),
            started,
            plan: None,
            deadline,
            has_default_timeout: default_timeout.is_some(),
            limits: shared.message_limits,
            configured_wait: None,
            is_configured: false,
            last_failure: None,
            is_late: false,
            answered_by: None,
            is_transparent_retry: false,
            waiting: AttemptRecord::default(),
        }
    }

    /// Starts an attempt on the connection that the picker chooses, once there is one.
    pub(crate) async fn start_attempt<B>(
        &mut self,
        body: &RequestBody<B>,
    ) -> Result<CallAttempt, NotStarted>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let mut listener: Option<EventListener> = None;
        let mut queued: Option<Box<QueuedCall>> = None;
        loop {
            // No outcome is kept while the call waits, so that the future of every call is small.
            let unfinished = match self.pick(body) {
                PickOutcome::Started(attempt) => return Ok(attempt),
                PickOutcome::Failed(not_started) => return Err(not_started),
                PickOutcome::Authorizing(attempt) => Some(Unfinished::Authorizing(attempt)),
                PickOutcome::Fault(fault) => Some(Unfinished::Fault(fault)),
                PickOutcome::Wait => None,
            };
            if let Some(unfinished) = unfinished {
                // Boxed, because few calls need the space in their future.
                match Box::pin(self.finish_pick(unfinished, body)).await? {
                    PickOutcome::Started(attempt) => return Ok(attempt),
                    PickOutcome::Failed(not_started) => return Err(not_started),
                    PickOutcome::Fault(_) | PickOutcome::Authorizing(_) | PickOutcome::Wait => {}
                }
            }
            let Some(change) = listener.take() else {
                self.started();
                // Listen first, then look again: a snapshot that is published in between is not
                // missed.
                listener = Some(self.handle.shared.listen());
                continue;
            };
            let (shared, last_failure) = (&self.handle.shared, &self.last_failure);
            let doing = || {
                let mut text = shared.snapshot().waiting_for(&shared.target);
                if let Some(failure) = last_failure {
                    text.push_str("; the last failure: ");
                    text.push_str(failure.message());
                }
                text
            };
            if queued.is_none() {
                match QueuedCall::new(&shared.queue, self.bytes(body), doing) {
                    Ok(place) => queued = Some(Box::new(place)),
                    Err(status) => return Err(self.end_waiting(status)),
                }
            }
            // Boxed, as above.
            let waited = Box::pin(bounded(&mut self.deadline, doing, change)).await;
            if let Err(status) = waited {
                return Err(self.end_waiting(status));
            }
            self.is_late = true;
        }
    }

    /// Waits for what must happen before the attempt can be sent. After a fault, the call picks again.
    async fn finish_pick<B>(
        &mut self,
        unfinished: Unfinished,
        body: &RequestBody<B>,
    ) -> Result<PickOutcome, Status>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        match unfinished {
            Unfinished::Authorizing(attempt) => self.authorize(attempt, body).await,
            Unfinished::Fault(fault) => self.suffer(fault).await.map(|()| PickOutcome::Wait),
        }
    }

    /// Does to the call what its configuration asks for on purpose.
    ///
    /// # Errors
    ///
    /// The status with which the call ends, or that of the deadline.
    async fn suffer(&mut self, fault: Box<InjectedFault>) -> Result<(), Status> {
        let runtime = &self.handle.shared.runtime;
        // A time that the clock cannot represent never comes: then the deadline decides alone.
        if let Some(delay) = fault.delay {
            self.is_late = true;
            let doing = || format!("delayed {delay:?} by fault injection");
            match runtime.now().checked_add(delay) {
                Some(at) => {
                    bounded(&mut self.deadline, doing, runtime.sleep_until(at)).await?;
                }
                None => bounded(&mut self.deadline, doing, std::future::pending()).await?,
            }
        }
        match fault.abort {
            Some(status) => Err(status),
            None => Ok(()),
        }
    }

    /// Ends the attempt that waits for a pick, if there is one. The call ends too.
    fn end_waiting(&mut self, status: Status) -> NotStarted {
        self.waiting.end_unsent(&status);
        NotStarted::Ended(status)
    }

    /// Returns when the call began.
    fn started(&mut self) -> Instant {
        let runtime = &self.handle.shared.runtime;
        *self.started.get_or_insert_with(|| runtime.now())
    }

    /// Starts the record of the next attempt, if it has not started.
    fn start_record(&mut self) {
        let (plan, is_transparent_retry) = (&self.plan, &mut self.is_transparent_retry);
        // The clock costs time, and a call that did not wait makes its first attempt at once.
        let now = self.started.filter(|_| !self.is_late);
        self.waiting.start(&mut self.record, now, || {
            let hedging = plan.as_ref().and_then(|plan| match &plan.kind {
                PlanKind::Hedging(hedging) => Some(hedging),
                PlanKind::Retry(_) => None,
            });
            AttemptKind {
                previous_attempts: plan.as_ref().map_or(0, |plan| plan.previous_attempts()),
                is_transparent_retry: hedging.map_or_else(
                    || std::mem::take(is_transparent_retry),
                    Hedging::is_transparent,
                ),
                is_hedged: hedging.is_some(),
            }
        });
    }

    /// Returns the result of a pick after which the attempt waits for the next snapshot.
    fn wait(&mut self, is_resolved: bool) -> PickOutcome {
        self.waiting.set_waiting();
        if !is_resolved {
            self.record.wait_for_resolution();
        }
        PickOutcome::Wait
    }

    /// Shortens the deadline to the timeout of the configuration.
    fn shorten(&mut self, timeout: Duration) {
        let own = self.deadline.as_ref();
        if own.is_none_or(|own| own.timeout() > timeout) {
            let started = self.started();
            self.deadline = Deadline::new(timeout, &self.handle.shared, started);
            self.kept.set_timeout(self.headers, timeout);
        }
    }

    /// Returns the bytes that the call takes up while it waits.
    fn bytes<B>(&self, body: &RequestBody<B>) -> usize {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| name.as_str().len() + value.len());
        headers.sum::<usize>() + body.kept_bytes()
    }

    /// Picks a subchannel from the current snapshot, and sends the call on its connection.
    pub(crate) fn pick<B>(&mut self, body: &RequestBody<B>) -> PickOutcome
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let handle = self.handle;
        self.restore_headers();
        let snapshot = handle.shared.snapshot();
        if !self.is_configured {
            let info = CallInfo::new(self.path.path(), self.headers, self.attributes);
            let config = match snapshot.selector.select(&info) {
                Ok(config) => config,
                Err(status) => {
                    let waits = self.wait_for_ready.unwrap_or(handle.shared.wait_for_ready);
                    if waits && snapshot.selector.fails_for_now() {
                        self.last_failure = Some(Box::new(status));
                        return self.wait(snapshot.is_resolved);
                    }
                    return failed(status.restricted_to_control_plane());
                }
            };
            self.configured_wait = config.method.and_then(|method| method.wait_for_ready);
            if snapshot.is_resolved {
                self.is_configured = true;
                self.record.set_resolved();
                if let Some(method) = config.method {
                    self.limits = self.limits.with(method);
                }
                if let Some(bytes) = self.limits.request {
                    body.set_max_message(bytes);
                }
                if let Some(timeout) = config.method.and_then(|method| method.timeout) {
                    if std::mem::take(&mut self.has_default_timeout) {
                        self.deadline = None;
                    }
                    self.shorten(timeout);
                }
                if let Some(attributes) = config.attributes {
                    *self.attributes = attributes;
                }
                let limit = handle.shared.max_attempts;
                if limit > 1
                    && let Some(policy) = config.method.and_then(|method| method.attempts.as_ref())
                {
                    let now = handle.shared.runtime.now();
                    let reserved = body.reserve(&handle.shared.replay_budget);
                    let throttle = handle.shared.throttle();
                    let plan = AttemptPlan::new(policy, limit, reserved, throttle, now);
                    self.plan = Some(Box::new(plan));
                }
                if let Some(fault) = config.fault {
                    return PickOutcome::Fault(fault);
                }
            }
        }
        if self.is_configured {
            self.start_record();
        }
        let picked_authority = Cell::new(None);
        let named_service = Cell::new(None);
        let mut request =
            PickRequest::new(self.path.path(), self.headers).with_attributes(self.attributes);
        if self.uri.authority().is_none() {
            request = request.with_authority_slot(&picked_authority);
        }
        if self.waiting.is_open() {
            request = request.with_backend_service_slot(&named_service);
        }
        let pick = snapshot.picker.pick(&request);
        if let Pick::ExitIdle | Pick::SubchannelAndExitIdle(_) = pick {
            handle.send(ControlEvent::ExitIdle);
        }
        if let Some(service) = named_service.take() {
            self.waiting.set_backend_service(service);
        }
        match pick {
            Pick::Subchannel(id) | Pick::SubchannelAndExitIdle(id) => {
                let throttle = self.plan.as_ref().and_then(|plan| plan.throttle_share());
                self.start_record();
                let mut record = std::mem::take(&mut self.waiting);
                record.set_picked(&handle.shared.runtime, &snapshot, id, throttle);
                match snapshot.connections.get(id) {
                    Some(subchannel) => {
                        record.set_connected(subchannel.oldest());
                        let ready = subchannel.choose(Connection::has_room);
                        let picked_authority = picked_authority.take();
                        let uri = match self.uri(ready, picked_authority.as_ref()) {
                            Ok(uri) => uri,
                            Err(status) => {
                                record.end_unsent(&status);
                                return failed(status);
                            }
                        };
                        if self.has_credentials() {
                            self.ask_credentials(id, ready, uri, record)
                        } else {
                            let head = self.head(uri);
                            self.send(id, ready, head, record, body)
                        }
                    }
                    None => {
                        record.lose_pick(&Status::unavailable("the connection was lost"));
                        self.waiting = record;
                        self.wait(true)
                    }
                }
            }
            Pick::Queue | Pick::ExitIdle => self.wait(snapshot.is_resolved),
            Pick::Fail(status) => {
                let waits = self.wait_for_ready.or(self.configured_wait);
                if !waits.unwrap_or(handle.shared.wait_for_ready) {
                    let status = status.restricted_to_control_plane();
                    let plan = self.plan.as_ref();
                    if let Some(share) = plan.and_then(|plan| plan.throttle_share()) {
                        share.handle_end(status.code(), Pushback::Absent);
                    }
                    self.waiting.end_unsent(&status);
                    return PickOutcome::Failed(NotStarted::Failed(status));
                }
                self.last_failure = Some(Box::new(status));
                self.wait(snapshot.is_resolved)
            }
            Pick::Drop(status) => {
                let status = status.restricted_to_control_plane();
                self.waiting.end_unsent(&status);
                failed(status)
            }
        }
    }

    /// Returns true if the channel or the call has credentials.
    fn has_credentials(&self) -> bool {
        self.credentials.is_some() || !self.handle.shared.credentials.is_empty()
    }

    /// Asks the credentials for the metadata of an attempt.
    fn ask_credentials(
        &self,
        hold: HoldId,
        ready: &Arc<ReadyConnection<Connection>>,
        uri: Uri,
        mut record: AttemptRecord,
    ) -> PickOutcome {
        record.set_waiting();
        let shared = &self.handle.shared;
        let runtime = Arc::clone(&shared.runtime);
        let request = CredentialsRequest::new(uri.clone(), ready.info.security, runtime);
        let peer = ready.connection.peer_addr().clone();
        let list = shared.credentials.with(self.credentials);
        let metadata = Box::pin(list.metadata(request, peer));
        let ready = Arc::clone(ready);
        PickOutcome::Authorizing(Authorizing::new(hold, ready, uri, record, metadata))
    }

    /// Waits for the credentials of an attempt, and sends it.
    async fn authorize<B>(
        &mut self,
        mut attempt: Authorizing,
        body: &RequestBody<B>,
    ) -> Result<PickOutcome, Status>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        match within(&mut self.deadline, &mut attempt).await {
            Ok(metadata) => Ok(self.send_authorized(attempt, metadata, body)),
            Err(passed) => {
                let status = passed.status(authorizing::WAITING);
                attempt.end(&status);
                Err(status)
            }
        }
    }

    /// Sends an attempt, once its credentials have returned their metadata or failed.
    pub(crate) fn send_authorized<B>(
        &mut self,
        attempt: Authorizing,
        metadata: Result<HeaderMap, Status>,
        body: &RequestBody<B>,
    ) -> PickOutcome
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.is_late = true;
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(status) => {
                attempt.end(&status);
                return PickOutcome::Failed(NotStarted::Failed(status));
            }
        };
        let mut head = self.head(attempt.uri);
        for (name, value) in &metadata {
            head.headers_mut().append(name, value.clone());
        }
        self.send(attempt.hold, &attempt.ready, head, attempt.record, body)
    }

    /// Sends the call on a connection of the hold that was picked.
    fn send<B>(
        &mut self,
        hold: HoldId,
        ready: &ReadyConnection<Connection>,
        mut head: Request<()>,
        mut record: AttemptRecord,
        body: &RequestBody<B>,
    ) -> PickOutcome
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let listener = record.inject(head.headers_mut());
        let mut sent_on = None;
        let siblings = || {
            let siblings = Siblings::new(self.handle, hold, ready);
            sent_on = Some(siblings.1);
            Box::new(siblings.0) as Box<dyn Candidates>
        };
        let sent = ready.connection.send_on_any(head, body, listener, siblings);
        match sent {
            Ok(Sent {
                response,
                upload,
                reader,
            }) => {
                if let Some(upload) = upload {
                    self.handle.shared.runtime.spawn(upload);
                }
                let mut attempt = CallAttempt::new(response, reader, record);
                if let Some(sent_on) = sent_on {
                    self.restore_headers();
                    let queue = &self.handle.shared.queue;
                    let waiting_for = || attempt.waiting_for();
                    match QueuedCall::new(queue, self.bytes(body), waiting_for) {
                        Ok(queued) => attempt.set_in_line(queued, sent_on),
                        Err(status) => {
                            attempt.exempt();
                            attempt.end(&status);
                            return failed(status);
                        }
                    }
                } else {
                    attempt.set_sent(ready.connection_id);
                }
                PickOutcome::Started(attempt)
            }
            Err(error) if error.fate() == Fate::Unsent => {
                // The connection is lost, and the control task will publish that soon.
                self.restore_headers();
                record.lose_pick(error.status());
                self.waiting = record;
                self.wait(true)
            }
            Err(error) => {
                record.end_unsent(error.status());
                failed(error.into_status())
            }
        }
    }

    /// Returns the URI of the request for a connection. `picked` is the authority that the picker has
    /// chosen, if it has.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE` when the server has not proved that it is the authority that the call, the picker
    /// or the address brings.
    fn uri(
        &self,
        ready: &ReadyConnection<Connection>,
        picked: Option<&Authority>,
    ) -> Result<Uri, Status> {
        let shared = &self.handle.shared;
        let own = self.uri.authority();
        let authority = own
            .or(picked)
            .unwrap_or_else(|| shared.authority(ready.authority.as_ref()));
        if let Err(reason) = shared.check_authority(authority, &ready.info) {
            return Err(Status::unavailable(format!(
                "the authority `{authority}` cannot be used on the connection to {}: {reason}",
                ready.connection.peer_addr()
            )));
        }
        if own.is_some() && self.uri.scheme() == Some(&shared.scheme) {
            return Ok(self.uri.clone());
        }
        let mut uri = uri::Parts::default();
        uri.scheme = Some(shared.scheme.clone());
        uri.authority = Some(authority.clone());
        uri.path_and_query = Some(self.path.clone());
        Uri::from_parts(uri).map_err(|error| {
            Status::internal(format!("the path {:?} cannot be sent: {error}", self.path))
        })
    }

    /// Returns the headers of an attempt, without those of its own.
    fn take_headers(&mut self) -> HeaderMap {
        if self.plan.is_some() {
            return self.headers.clone();
        }
        self.kept.keep_others(self.headers);
        self.are_headers_taken = true;
        std::mem::take(self.headers)
    }

    /// Makes the headers again that were given to an attempt.
    fn restore_headers(&mut self) {
        if std::mem::take(&mut self.are_headers_taken) {
            let user_agent = &self.handle.shared.user_agent;
            self.kept.restore(self.headers, user_agent);
        }
    }

    /// Returns the head of the request.
    fn head(&mut self, uri: Uri) -> Request<()> {
        let mut head = Request::new(());
        *head.method_mut() = Method::POST;
        *head.uri_mut() = uri;
        *head.version_mut() = Version::HTTP_2;
        *head.headers_mut() = self.take_headers();
        if let Some(deadline) = self.deadline.as_ref().filter(|_| self.is_late) {
            let left = format_time_left(deadline.left());
            head.headers_mut().insert(GRPC_TIMEOUT.clone(), left);
        }
        let previous = self
            .plan
            .as_ref()
            .map_or(0, |plan| plan.previous_attempts());
        if previous > 0 {
            head.headers_mut()
                .insert(PREVIOUS_ATTEMPTS.clone(), previous.into());
        }
        head
    }

    /// Ends an attempt whose response failed before it had a head of its own: trailers only, or a
    /// peer that is no gRPC server. Returns its code and its pushback; `None` for every other
    /// response.
    pub(crate) fn end_if_failed(
        response: &mut Response<Incoming>,
        attempt: &mut CallAttempt,
    ) -> Option<(Code, Pushback)> {
        let is_empty = response.body().is_empty();
        let status = if is_empty {
            grpc::repair_status(response.headers_mut());
            Status::from_trailers(response.headers())
        } else {
            None
        };
        let has_status = status.is_some();
        let status = match status {
            Some(status) => status,
            None if is_empty || !response.headers().contains_key(GRPC_STATUS) => {
                grpc::check_head(response.status(), response.headers(), attempt.peer()).err()?
            }
            None => return None,
        };
        if status.code() == Code::Ok {
            return None;
        }
        let head = response.headers();
        attempt.end_with_head(&status, head, has_status);
        Some((status.code(), Pushback::of(head)))
    }

    /// Returns the metadata of the call.
    pub(crate) fn headers(&mut self) -> &HeaderMap {
        self.restore_headers();
        self.headers
    }

    /// Returns the runtime of the channel.
    pub(crate) fn runtime(&self) -> &'a Arc<dyn Runtime> {
        &self.handle.shared.runtime
    }

    /// Ends an attempt that failed without a response, and returns its status: that of the deadline,
    /// once it has passed.
    pub(crate) fn end_failed(
        &mut self,
        error: CallError,
        attempt: &mut CallAttempt,
        is_transparent: bool,
    ) -> Status {
        let status = status_of(error, self.headers());
        let status = self.final_status(status, attempt.peer());
        if is_transparent {
            attempt.exempt();
        }
        attempt.end(&status);
        status
    }

    /// Returns what the calls of the channel may keep of their requests.
    pub(crate) fn replay_budget(&self) -> &'a ReplayBudget {
        &self.handle.shared.replay_budget
    }

    /// Returns a listener for the next snapshot.
    pub(crate) fn listen(&self) -> EventListener {
        self.handle.shared.listen()
    }

    /// Turns the response of an attempt into the response that a stub expects.
    pub(crate) fn respond(
        &mut self,
        response: Response<Incoming>,
        attempt: &mut CallAttempt,
    ) -> Result<Response<Body>, NoResponse> {
        let (mut head, incoming) = response.into_parts();
        let mut record = attempt.take_record();
        let peer = attempt.peer();
        let status = if incoming.is_empty() {
            grpc::repair_status(&mut head.headers);
            Status::from_trailers(&head.headers)
        } else {
            // Trailers may follow, and their status has precedence over that of the head.
            grpc::take_status(&mut head.headers)
        };
        if status.is_none()
            && let Err(status) = grpc::check_head(head.status, &head.headers, peer)
        {
            self.answered_by = Some(Box::new(peer.clone()));
            let status = self.final_status(status, peer);
            let end = AttemptEnd::without_trailers(&status, sent_for(&incoming));
            record.end(&end);
            return Err(NoResponse::Refused(Box::new(Refusal::new(
                status, incoming,
            ))));
        }
        if incoming.is_empty()
            && let Some(own) = &status
        {
            let sent = sent_for(&incoming);
            let status = self.final_status(own.clone(), peer);
            if status.code() != own.code() {
                self.answered_by = Some(Box::new(peer.clone()));
                record.end(&AttemptEnd::without_trailers(&status, sent));
                return Err(NoResponse::Ended(status));
            }
            let end = AttemptEnd {
                status: own,
                trailers: Some(&head.headers),
                has_status: true,
                sent,
            };
            record.end_with_call(&end, &mut self.record);
        }
        if head.extensions.is_empty() {
            head.extensions = std::mem::take(self.extensions);
        }
        head.extensions.insert(peer.clone());
        let records = Records {
            attempt: record,
            call: std::mem::take(&mut self.record),
        };
        let deadline = self.deadline.take();
        let limit = self.limits.response;
        let body = Body::incoming(incoming, deadline, limit, status, records);
        Ok(Response::from_parts(head, body))
    }

    /// Reads a refusal, and returns the status of the call.
    pub(crate) async fn read(&mut self, refusal: Box<Refusal>) -> Status {
        let peer = refusal.peer().clone();
        let runtime = Arc::clone(&self.handle.shared.runtime);
        let reading = Box::pin(refusal.into_status(runtime));
        let read = bounded(&mut self.deadline, || awaiting_answer(&peer), reading).await;
        // The body may have come after the deadline, to a caller that polls late.
        self.final_status(read.unwrap_or_else(|status| status), &peer)
    }

    /// Returns the status of a call that ends now with `status`, which the response of `peer` has.
    fn final_status(&self, status: Status, peer: &PeerAddr) -> Status {
        Deadline::final_status(self.deadline.as_ref(), status, || awaiting_answer(peer))
    }
}

/// Why a call has no response of a server to pass on.
pub(crate) enum NoResponse {
    /// It has ended with this status.
    Ended(Status),
    /// The peer is no gRPC server.
    Refused(Box<Refusal>),
}

impl From<Status> for NoResponse {
    fn from(status: Status) -> Self {
        Self::Ended(status)
    }
}

/// Returns what a call does until the head of its response arrives, for the text of its deadline.
pub(crate) fn awaiting_answer(peer: &PeerAddr) -> String {
    format!("waiting for {peer} to answer")
}

fn failed(status: Status) -> PickOutcome {
    PickOutcome::Failed(NotStarted::Ended(status))
}
