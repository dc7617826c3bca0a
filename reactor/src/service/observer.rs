//! Observers: they see finished requests, for logs and metrics.

use std::any::Any;
use std::time::Duration;

use super::RequestView;
use crate::http::Status;
use crate::transport::Peer;

/// Is told of every finished request. Shared by all workers, must not block; what it gathers
/// belongs in the worker's local value.
pub trait Observer: Send + Sync + 'static {
    /// A request has been answered, or was given up.
    fn observe(&self, summary: &Summary<'_>, local: &mut dyn Any);

    /// Whether [`Summary::duration`] is wanted for requests that are answered at once; it costs a
    /// clock reading each.
    fn wants_timings(&self) -> bool {
        true
    }

    /// Called at most ten times a second, and once when a worker ends, if there were requests since
    /// the last call: time to hand on what was gathered.
    fn flush(&self, local: &mut dyn Any) {
        let _ = local;
    }
}

/// What a request came to.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// The request; `None` when what was received could not be read as one.
    pub request: Option<RequestView<'a>>,
    /// Who sent it.
    pub peer: Peer,
    /// The status that was sent; [`Status::CLIENT_CLOSED_REQUEST`] when the client left before.
    pub status: Status,
    /// Bytes of the request's body that were received, without framing.
    pub bytes_in: u64,
    /// Bytes of the response's body, without framing. For an answer at once this is what was handed
    /// to the connection, for others what the connection took.
    pub bytes_out: u64,
    /// When the head had arrived, since the Unix epoch.
    pub at: Duration,
    /// From the end of the request's head to the end of the answer; zero when nobody wants timings.
    pub duration: Duration,
}
