//! The attempts of a call, one after the other.

use std::error::Error;

use bytes::Bytes;
use http::Response;
use trunkline_transport::RequestBody;

use crate::call::body::Body;
use crate::call::deadline::{Deadline, within};
use crate::call::in_progress::{Call, NoResponse, awaiting_answer};
use crate::call::transparent_retries::TransparentRetries;

/// Makes attempts, one after the other, until one gets a response.
///
/// # Errors
///
/// The status of the last attempt, when the call must not be sent again: a server may have
/// acted on it, servers have refused it too often (see [`TransparentRetries`]), or a part of
/// its request is not kept any more. Or the status of a failed pick, of a request that cannot
/// be sent, of the deadline, or of a response that is not gRPC.
pub(crate) async fn run<B>(call: &mut Call<'_>, body: B) -> Result<Response<Body>, NoResponse>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let body = RequestBody::prepare(body).await?;
    let mut retries = TransparentRetries::default();
    loop {
        let mut attempt = call.start_attempt(&body).await?;
        let error = match within(&mut call.deadline, &mut attempt).await {
            Ok(Ok(response)) => {
                body.commit();
                return call.respond(response, &mut attempt);
            }
            Ok(Err(error)) => error,
            Err(deadline) => {
                let status = deadline.status(&attempt.waiting_for());
                attempt.end(&status);
                return Err(status.into());
            }
        };
        let may_retry = retries.may_retry(error.fate());
        let doing = || awaiting_answer(attempt.peer());
        let status = Deadline::final_status(call.deadline.as_ref(), error.into_status(), doing);
        attempt.end(&status);
        // The attempt is dropped before `can_replay` is called: its upload could otherwise read
        // more of the request afterwards, beyond the limit of what is kept.
        drop(attempt);
        if !may_retry || !body.can_replay() {
            return Err(status.into());
        }
        call.is_late = true;
    }
}
