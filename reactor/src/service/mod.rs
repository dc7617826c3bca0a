//! What the users of the engine write, and what they are handed: handlers answer, middleware may
//! answer early or change the head, observers see the summary of a finished request.
//!
//! Nothing here knows of sockets or of the bytes of a protocol.

mod handler;
mod middleware;
mod observer;
mod reply;
mod reply_buffer;
mod request;
mod route;
mod stream;

pub use handler::Handler;
pub use middleware::{Middleware, ReplyHead};
pub use observer::{Observer, Summary};
pub use reply::{Body, FileBody, Job, Reply};
pub use reply_buffer::ReplyBuffer;
pub use request::{Request, RequestView};
pub use route::{BodyMode, HalfClose, Route};
pub use stream::{Incoming, IncomingBody, Outgoing, Progress, Pull, Stream, Wake, Waker};
