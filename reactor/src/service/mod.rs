//! What the users of the engine write, and what they are handed. Nothing here knows of sockets or
//! of the bytes of a protocol.
//!
//! - A [`Handler`] answers: most often a closure from [`Request`] to [`Reply`]. Each [`Route`] has
//!   one.
//! - A [`Middleware`] stands around handlers: it may answer before them, and may change the head of
//!   any answer. A site's middleware is around all routes, a route's own inside of it.
//! - An [`Observer`] sees the [`Summary`] of every finished request and changes nothing: logs,
//!   metrics.
//!
//! All of them are shared by the workers and immutable. What one keeps for each worker is in the
//! worker's local value, which is lent with every call. They run on the event loop and must not
//! block: what blocks is a job ([`Reply::job`]), what comes bit by bit a [`Stream`], what lies on a
//! disk a [`FileBody`], which is read by jobs where it is not in memory.
//!
//! # The order
//!
//! ```text
//!   head parsed ──► route found, or 404, 405, the answer to OPTIONS; or 413 from Content-Length
//!        │
//!        ▼
//!   before: the site's middleware, then the route's, in the order in which they were added
//!        │                 the first that answers is the last that is asked
//!        ▼
//!   body collected, unless the route is streamed
//!        ▼
//!   handler: unless there is an answer already
//!        │                 a job: its reply, made elsewhere, goes on here; it may leave
//!        │                 the rest to be done here, with the request ([`Reply::then`])
//!        ▼
//!   after: all middleware in reverse order, also those that were not asked before
//!        ▼
//!   head written, body behind it: in memory, from a file, or pulled from a stream
//!        ▼
//!   observers, in the order in which they were added: when the answer is queued, or, for what
//!   could not finish at once, when it is complete or given up
//! ```
//!
//! An answer of the engine's own passes the middleware like any other: it can be replaced before it
//! is sent, and gets what `after` adds. A site may say what it refuses in its own way
//! ([`ErrorHandler`]). What could not be read as a request passes neither
//! middleware nor handler; observers are told of it, without a request.
//!
//! Fields that are added to the reply buffer on the way in are part of whatever answer there is. A
//! panic in any of these, in a stream or in a [`ReadAt`], is caught: it becomes 500 and the end of
//! the connection, or cuts a response that has begun. What was added before a handler panicked is
//! not part of the 500.

mod file;
mod handler;
mod middleware;
mod observer;
mod reply;
mod reply_buffer;
mod request;
mod route;
mod stream;

pub use file::{FileBody, FilePart, ReadAt};
pub use handler::{ErrorHandler, Handler};
pub use middleware::{Middleware, ReplyHead};
pub use observer::{Observer, Summary};
pub use reply::{Body, Job, Next, Pace, Reply};
pub use reply_buffer::{FieldLines, ReplyBuffer};
pub use request::{Parts, Request, RequestView};
pub use route::{BodyMode, HalfClose, Route};
pub use stream::{Incoming, IncomingBody, Outgoing, Progress, Pull, Stream, Wake, Waker};
