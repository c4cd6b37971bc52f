//! The life of one call.

pub(crate) mod body;
pub(crate) mod deadline;

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use event_listener::EventListener;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use trunkline_endpoint::Attributes;
use trunkline_lb::{Pick, PickRequest};
use trunkline_runtime::PeerAddr;
use trunkline_service_config::{CallInfo, MethodConfig};
use trunkline_status::{Code, Status};
use trunkline_transport::{Fate, Incoming, RequestBody, Sent};

use crate::call::body::Body;
use crate::call::deadline::{Deadline, timeout_of, timeout_value};
use crate::control::event::ControlEvent;
use crate::extensions::WaitForReady;
use crate::handle::Handle;

/// How often a call is sent again that the server refused (`REFUSED_STREAM`).
///
/// Source: [gRFC A6, transparent retries](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries).
const MAX_REFUSALS: usize = 1;

/// How often a call is sent again that no server acted on. Each time a connection must be lost, so
/// this is a bound for servers that do nothing but say GOAWAY.
const MAX_REPEATS: usize = 16;

/// Makes a call. Never fails: a local failure is a trailers-only response.
pub(crate) async fn call<B>(handle: Arc<Handle>, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match run(handle, request).await {
        Ok(response) => response,
        Err(status) => trailers_only(&status),
    }
}

/// A response that is nothing but the status of the call.
fn trailers_only(status: &Status) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    status.add_to_trailers(headers);
    response
}

async fn run<B>(handle: Arc<Handle>, request: Request<B>) -> Result<Response<Body>, Status>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    handle.start()?;
    let (head, body) = request.into_parts();
    let mut call = Call::new(handle, head)?;
    let body = RequestBody::prepare(body).await?;
    let (mut refusals, mut repeats) = (0, 0);
    loop {
        let (Sent { response, upload }, peer) = call.send(&body).await?;
        if let Some(upload) = upload {
            call.handle.shared.runtime.spawn(upload);
        }
        let doing = || format!("waiting for {peer} to answer");
        let error = match bounded(&mut call.deadline, doing, response).await? {
            Ok(response) => return respond(response, peer, call.deadline),
            Err(error) => error,
        };
        let may_repeat = match error.fate() {
            Fate::Unprocessed => {
                repeats += 1;
                repeats <= MAX_REPEATS
            }
            Fate::Refused => {
                refusals += 1;
                refusals <= MAX_REFUSALS
            }
            Fate::Unknown => false,
        };
        if !may_repeat || !body.can_replay() {
            let status = error.into_status();
            return Err(match &call.deadline {
                Some(deadline) => deadline.instead_of(status, &doing()),
                None => status,
            });
        }
        call.is_late = true;
    }
}

/// A call, while it is tried.
struct Call {
    handle: Arc<Handle>,
    path: PathAndQuery,
    headers: HeaderMap,
    started: Instant,
    deadline: Option<Deadline>,
    /// What the application says of waiting for readiness.
    wait_for_ready: Option<bool>,
    /// Whether the timeout of the service config was looked at.
    is_configured: bool,
    /// Why the last pick failed, of a call that waits for readiness.
    last_failure: Option<Status>,
    /// Whether the call had to wait, so that less time is left than `grpc-timeout` says.
    is_late: bool,
}

/// What one look at the channel brought.
enum Look<B> {
    Sent(Sent<B>, PeerAddr),
    Failed(Status),
    /// No connection yet.
    Wait,
}

impl Call {
    fn new(handle: Arc<Handle>, head: http::request::Parts) -> Result<Self, Status> {
        let path = head.uri.into_parts().path_and_query.ok_or_else(|| {
            Status::internal("the request has no path; expected `/package.Service/Method`")
        })?;
        let shared = &handle.shared;
        let mut headers = head.headers;
        headers
            .entry(USER_AGENT)
            .or_insert_with(|| shared.user_agent.clone());
        let started = shared.runtime.now();
        let deadline = timeout_of(&headers)
            .and_then(|timeout| Deadline::new(timeout, &shared.runtime, started));
        Ok(Self {
            wait_for_ready: head.extensions.get::<WaitForReady>().map(|wait| wait.0),
            path,
            headers,
            started,
            deadline,
            is_configured: false,
            last_failure: None,
            is_late: false,
            handle,
        })
    }

    /// Sends the call on a connection that the picker chooses, once there is one.
    async fn send<B>(&mut self, body: &RequestBody<B>) -> Result<(Sent<B>, PeerAddr), Status> {
        let mut listener: Option<EventListener> = None;
        loop {
            match self.look(body) {
                Look::Sent(sent, peer) => return Ok((sent, peer)),
                Look::Failed(status) => return Err(status),
                Look::Wait => {}
            }
            let Some(change) = listener.take() else {
                // Listen first, then look again: what is published in between is not missed.
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
            bounded(&mut self.deadline, doing, change).await?;
            self.is_late = true;
        }
    }

    /// Looks at the channel as it is now.
    fn look<B>(&mut self, body: &RequestBody<B>) -> Look<B> {
        let handle = Arc::clone(&self.handle);
        let snapshot = handle.shared.snapshot();
        let none = Attributes::new();
        let info = CallInfo::new(self.path.path(), &self.headers, &none);
        let method = match snapshot.selector.select(&info) {
            Ok(config) => config.method,
            Err(status) => return Look::Failed(status),
        };
        if snapshot.is_resolved && !self.is_configured {
            self.is_configured = true;
            self.configure(method);
        }
        let request = PickRequest::new(self.path.path(), &self.headers);
        let slot = match snapshot.picker.pick(&request) {
            // It may have no connection any more.
            Pick::Subchannel(id) => snapshot.connections.get(id),
            Pick::ExitIdle => {
                handle.send(ControlEvent::ExitIdle);
                None
            }
            Pick::Fail(status) => {
                let configured = method.and_then(|method| method.wait_for_ready);
                if !self.wait_for_ready.or(configured).unwrap_or(false) {
                    return Look::Failed(status.restricted_to_control_plane());
                }
                self.last_failure = Some(status);
                None
            }
            Pick::Drop(status) => return Look::Failed(status.restricted_to_control_plane()),
            Pick::Queue => None,
        };
        let Some(slot) = slot else {
            return Look::Wait;
        };
        let head = match self.head(slot.authority.as_ref()) {
            Ok(head) => head,
            Err(status) => return Look::Failed(status),
        };
        match slot.connection.send(head, body) {
            Ok(sent) => Look::Sent(sent, slot.connection.peer_addr().clone()),
            // The connection is lost, and the control task will publish that soon.
            Err(error) if error.fate() == Fate::Unprocessed => Look::Wait,
            Err(error) => Look::Failed(error.into_status()),
        }
    }

    /// Applies the service config: the shorter of its timeout and the caller's holds.
    fn configure(&mut self, method: Option<&MethodConfig>) {
        let Some(timeout) = method.and_then(|method| method.timeout) else {
            return;
        };
        if self
            .deadline
            .as_ref()
            .is_some_and(|deadline| deadline.timeout() <= timeout)
        {
            return;
        }
        let runtime = &self.handle.shared.runtime;
        self.deadline = Deadline::new(timeout, runtime, self.started);
        self.headers.insert("grpc-timeout", timeout_value(timeout));
    }

    fn head(&self, authority: Option<&Authority>) -> Result<Request<()>, Status> {
        let shared = &self.handle.shared;
        let uri = Uri::builder()
            .scheme(shared.scheme.clone())
            .authority(authority.unwrap_or(&shared.authority).clone())
            .path_and_query(self.path.clone())
            .build()
            .map_err(|error| {
                Status::internal(format!("the path {:?} cannot be sent: {error}", self.path))
            })?;
        let mut head = Request::new(());
        *head.method_mut() = Method::POST;
        *head.uri_mut() = uri;
        *head.version_mut() = Version::HTTP_2;
        *head.headers_mut() = self.headers.clone();
        if let Some(deadline) = self.deadline.as_ref().filter(|_| self.is_late) {
            // The protocol wants a positive number.
            let left = deadline.left().max(Duration::from_nanos(1));
            head.headers_mut()
                .insert("grpc-timeout", timeout_value(left));
        }
        Ok(head)
    }
}

/// Waits for `future`, but no longer than the deadline.
async fn bounded<T>(
    deadline: &mut Option<Deadline>,
    doing: impl Fn() -> String,
    future: impl Future<Output = T>,
) -> Result<T, Status> {
    let mut future = pin!(future);
    let Some(deadline) = deadline else {
        return Ok(future.await);
    };
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Ok(value)),
        Poll::Pending => deadline.poll_passed(cx).map(|()| Err(())),
    })
    .await
    .map_err(|()| deadline.status(&doing()))
}

/// Makes of a response what a stub expects.
fn respond(
    response: Response<Incoming>,
    peer: PeerAddr,
    deadline: Option<Deadline>,
) -> Result<Response<Body>, Status> {
    let (mut head, incoming) = response.into_parts();
    let has_status = head.headers.contains_key("grpc-status");
    if !has_status {
        check_head(&head, &peer)?;
    }
    head.extensions.insert(peer);
    Ok(Response::from_parts(
        head,
        Body::incoming(incoming, deadline, has_status),
    ))
}

/// Whether this is the head of a gRPC response: it may come from a proxy or a web server.
fn check_head(head: &http::response::Parts, peer: &PeerAddr) -> Result<(), Status> {
    let content_type = head.headers.get(CONTENT_TYPE);
    let is_grpc = content_type.is_some_and(|value| is_grpc(value.as_bytes()));
    if head.status == StatusCode::OK && is_grpc {
        return Ok(());
    }
    let code = Code::from_http_status(head.status);
    Err(Status::new(
        code,
        format!(
            "{peer} answered HTTP {} with the content type {} and no grpc-status; is this a gRPC \
             server?",
            head.status.as_u16(),
            content_type.map_or_else(
                || "(none)".to_owned(),
                |value| value.as_bytes().escape_ascii().to_string(),
            ),
        ),
    ))
}

/// Whether a content type is gRPC's own, and not that of gRPC-Web, say.
fn is_grpc(content_type: &[u8]) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    content_type
        .split_at_checked(GRPC.len())
        .is_some_and(|(own, rest)| {
            own.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';'))
        })
}
