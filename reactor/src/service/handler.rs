//! Handlers: they answer.

use std::fmt;

use super::{Reply, Request};
use crate::http::Status;

/// Answers requests. One handler is shared by all workers, so it is immutable; what it keeps for
/// each worker is the worker's local value ([`Request::local`]).
///
/// A handler runs on the event loop: it must not block. What takes long is answered with
/// [`Reply::job`], what comes bit by bit with [`Reply::stream`]. A panic is caught and answered
/// with 500.
pub trait Handler: Send + Sync + 'static {
    /// The answer to `request`.
    fn handle(&self, request: &mut Request<'_>) -> Reply;
}

impl<F> Handler for F
where
    F: Fn(&mut Request<'_>) -> Reply + Send + Sync + 'static,
{
    fn handle(&self, request: &mut Request<'_>) -> Reply {
        self(request)
    }
}

/// Answers where the engine refuses a request that it could read: 404 and 405 where no route
/// takes it, 400 for a malformed path, 413 by `Content-Length`, 421. What could not be read, and
/// what is the end of the connection, is said in the engine's words.
///
/// Like a [`Handler`] it is shared by all workers and must not block. A panic is caught and
/// answered with 500.
pub trait ErrorHandler: Send + Sync + 'static {
    /// The answer to `request`, which is refused with `status`; `None` for the engine's. Fields
    /// that go with the status, such as `Allow`, are in the reply buffer.
    fn handle(&self, status: Status, request: &mut Request<'_>) -> Option<Reply>;
}

impl<F> ErrorHandler for F
where
    F: Fn(Status, &mut Request<'_>) -> Option<Reply> + Send + Sync + 'static,
{
    fn handle(&self, status: Status, request: &mut Request<'_>) -> Option<Reply> {
        self(status, request)
    }
}

impl fmt::Debug for dyn ErrorHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrorHandler")
    }
}
