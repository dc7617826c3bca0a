//! Handlers: they answer.

use super::{Reply, Request};

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
