//! A thread-per-core HTTP engine: each worker owns a poller, SO_REUSEPORT listeners and a slab of
//! connection state machines that parse pipelined requests in place and answer them inline.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod buffer;
pub mod engine;
pub mod error;
pub mod http;
pub mod limits;
pub mod proto;
pub mod router;
pub mod service;
pub mod sys;
pub mod time;
pub mod transport;

mod server;
#[cfg(test)]
mod simulation;

pub use engine::{Site, SiteBuilder};
pub use error::Error;
pub use http::{FieldName, Method, Status};
pub use limits::Limits;
pub use server::{Accept, Bound, Handle, Running, Server};
pub use service::{
    FileBody, HalfClose, Handler, Incoming, Middleware, Observer, Progress, Pull, Reply,
    ReplyBuffer, ReplyHead, Request, RequestView, Route, Stream, Summary, Waker,
};
pub use transport::ListenAddress;
