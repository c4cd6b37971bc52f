//! One watch: a server-streaming call over the connection of one subchannel.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use async_channel::{Receiver, Sender};
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Uri, Version};
use trunkline_connector::SecurityLevel;
use trunkline_lb::{Watch, WatchEvent, WatchId};
use trunkline_runtime::PeerAddr;
use trunkline_status::Status;
use trunkline_transport::{Connection, Incoming, IncomingFrame, RequestBody};

use crate::control::event::ControlEvent;
use crate::control::held::{Held, Released};
use crate::credentials::CredentialsRequest;
use crate::grpc;
use crate::shared::ChannelShared;

/// The longest response message of a watch, in bytes. Health responses and load reports are far
/// shorter; the bound is for servers that are not trusted.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// One watch. It runs as its own task, and reports to the control task by events.
pub(crate) struct WatchTask {
    pub(crate) watch: WatchId,
    pub(crate) call: Watch,
    pub(crate) connection: Connection,
    /// The authority of the address, if it has one.
    pub(crate) authority: Option<Authority>,
    /// How the connection is protected.
    pub(crate) security: SecurityLevel,
    pub(crate) shared: Arc<ChannelShared>,
    pub(crate) events: Sender<ControlEvent>,
    /// Held until the watch has ended.
    pub(crate) _alive: Option<Held>,
    /// One permit arrives for each message that the policy has handled, and the next message is
    /// read only then. A server that sends faster can fill the flow-control window, but no memory
    /// beyond it.
    pub(crate) permits: Receiver<()>,
    /// Released when the watch is to be cancelled.
    pub(crate) cancelled: Released,
}

impl WatchTask {
    pub(crate) async fn run(self) {
        let ended = {
            let mut call = pin!(self.receive());
            poll_fn(|cx| {
                if self.cancelled.poll_released(cx).is_ready() {
                    return Poll::Ready(None);
                }
                call.as_mut().poll(cx).map(Some)
            })
            .await
        };
        if let Some(status) = ended {
            self.report(WatchEvent::Ended(status));
        }
    }

    fn report(&self, event: WatchEvent) {
        // The queue is unbounded, and closed only when the control task has ended.
        let _ = self.events.try_send(ControlEvent::Watched {
            watch: self.watch,
            event,
        });
    }

    /// Makes the call, reports its messages, and returns its status.
    async fn receive(&self) -> Status {
        self.try_receive().await.unwrap_or_else(|status| status)
    }

    async fn try_receive(&self) -> Result<Status, Status> {
        let body = RequestBody::<()>::whole(grpc::with_prefix(&self.call.request));
        let mut head = self.head()?;
        self.add_credentials(&mut head).await?;
        let sent = self.connection.send(head, &body);
        let sent = sent.map_err(|error| error.into_status())?;
        let response = sent.response.await.map_err(|error| error.into_status())?;
        let (head, incoming) = response.into_parts();
        if let Some(status) = Status::from_trailers(&head.headers) {
            return Ok(status);
        }
        let peer = self.connection.peer_addr();
        grpc::check_head(head.status, &head.headers, peer)?;
        self.read(incoming, peer).await
    }

    /// Reports the messages of a response, and returns the status after them.
    async fn read(&self, mut incoming: Incoming, peer: &PeerAddr) -> Result<Status, Status> {
        let mut messages = grpc::Messages::new(LONGEST_MESSAGE);
        loop {
            let frame = poll_fn(|cx| incoming.poll_frame(cx)).await;
            match frame.transpose().map_err(|error| error.into_status())? {
                Some(IncomingFrame::Data(data)) => messages.push(&data),
                Some(IncomingFrame::Trailers(trailers)) => {
                    let status = Status::from_trailers(&trailers);
                    return Ok(status.unwrap_or_else(|| grpc::without_status(peer)));
                }
                None => return Ok(grpc::without_status(peer)),
            }
            while let Some(message) = messages.next()? {
                self.report(WatchEvent::Message(message));
                // `permits` is closed only when the watch is cancelled, and that ends this future.
                let _ = self.permits.recv().await;
            }
        }
    }

    /// Adds the metadata of the channel's credentials: health checks and load reports send it, too.
    ///
    /// Source: [gRFC A17](https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md).
    async fn add_credentials(&self, head: &mut Request<()>) -> Result<(), Status> {
        let credentials = &self.shared.credentials;
        if credentials.is_empty() {
            return Ok(());
        }
        let (uri, runtime) = (head.uri().clone(), Arc::clone(&self.shared.runtime));
        let request = CredentialsRequest::new(uri, self.security, runtime);
        let peer = self.connection.peer_addr().clone();
        let metadata = credentials.with(None).metadata(request, peer).await?;
        for (name, value) in &metadata {
            head.headers_mut().append(name, value.clone());
        }
        Ok(())
    }

    fn head(&self) -> Result<Request<()>, Status> {
        let authority = self.shared.authority(self.authority.as_ref());
        let uri = Uri::builder()
            .scheme(self.shared.scheme.clone())
            .authority(authority.clone())
            .path_and_query(self.call.path.clone())
            .build()
            .map_err(|error| {
                let path = &self.call.path;
                Status::internal(format!("the path {path:?} cannot be sent: {error}"))
            })?;
        let mut head = Request::new(());
        *head.method_mut() = Method::POST;
        *head.uri_mut() = uri;
        *head.version_mut() = Version::HTTP_2;
        let headers = head.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(USER_AGENT, self.shared.user_agent.clone());
        Ok(head)
    }
}
