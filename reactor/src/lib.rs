//! A thread-per-core HTTP engine: each worker owns a poller, SO_REUSEPORT listeners and a slab of
//! connection state machines that parse pipelined requests in place and answer them inline. No
//! async runtime, no allocation and two system calls for a request that is answered at once.
//!
//! ```no_run
//! use reactor::{Reply, Request, Route, Server, Site};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let hello = Route::get("/", |_: &mut Request<'_>| Reply::text("Hello, World!\n"));
//!     let user = Route::get("/users/{id}", |request: &mut Request<'_>| {
//!         let view = request.view();
//!         request.out().text(format_args!("user {}\n", view.param("id").unwrap_or_default()))
//!     });
//!     let site = Site::builder().route(hello).route(user).build()?;
//!     Server::new(site).listen("127.0.0.1:8080".parse()?).run()?;
//!     Ok(())
//! }
//! ```
//!
//! What goes into a [`Site`] is described in [`service`]; patterns of paths and hosts in
//! [`router`]; what bounds it all in [`Limits`].
//!
//! # The picture
//!
//! ```text
//!    socket ── bytes ──► transport ── bytes ──► proto ── head, body ──► engine
//!              (mio)     (tcp, unix)  in place   (h1)                     │
//!                                                                         ▼
//!                                                router ► middleware.before ► handler
//!    other threads ──► mailbox                                            │ Reply
//!                                                                         ▼
//!    socket ◄── bytes ── transport ◄── Output ◄── encode ◄──────── middleware.after
//!                                                                         ▲
//!                   Reply::{job, file, stream} ──► exchange ◄──► job pool | file | stream
//! ```
//!
//! `proto` never touches a socket or a clock, `transport` never knows HTTP, and `engine` is the
//! only place where they meet. A reply whose bytes are in memory goes straight back down. One that
//! cannot finish at once becomes an *exchange* with two bounded pipes, driven by whichever side is
//! slower.
//!
//! # The layers
//!
//! A module imports only what is of a lower row; `tests/tidy.rs` fails where one does not.
//!
//! | row | module | what | never contains |
//! |---|---|---|---|
//! | 0 | [`limits`], [`error`], [`sys`] | bounds, errors, system calls | anything of the rows above
//! |
//! | 1 | [`time`] | clock, timer wheel | mio |
//! | 2 | [`buffer`] | pool of blocks, input, output, pipes | mio |
//! | 2 | [`router`] | patterns in a radix tree | handlers: it is generic in its value |
//! | 3 | [`http`] | method, status, fields, targets, heads | input and output, policy |
//! | 4 | [`proto`] | HTTP/1: parser, bodies, encoder | sockets, clocks, threads |
//! | 4 | [`transport`] | poller, listeners, streams, a network in memory | HTTP |
//! | 5 | [`service`] | what users write: handlers, middleware, observers | sockets, protocols |
//! | 6 | [`engine`] | worker, connections, exchanges, jobs, site | bytes of HTTP, text of settings
//! |
//! | 7 | this one | [`Server`], [`Handle`] | the logic of requests |
//!
//! Most users need only what is at the root of the crate.
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
pub use http::{FieldName, FieldSet, Method, Status};
pub use limits::Limits;
pub use server::{Accept, Bound, Handle, Listening, Running, Server};
pub use service::{
    ErrorHandler, FieldLines, FileBody, FilePart, HalfClose, Handler, Incoming, Middleware,
    Observer, Parts, Progress, Pull, ReadAt, Reply, ReplyBuffer, ReplyHead, Request, RequestView,
    Route, Stream, Summary, Waker,
};
pub use transport::{ListenAddress, tls};

/// The examples of the README, compiled with the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
