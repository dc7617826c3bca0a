//! Routes: which requests, answered by whom and how.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::{Handler, Middleware};
use crate::http::Method;

/// How a request's body reaches the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyMode {
    /// The handler runs when all of it is there, and finds it in `Request::body`.
    Collected,
    /// The handler runs when the head is there; the stream that it returns may read the body.
    Streamed,
}

/// What it means when a client shuts its sending side after a complete request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfClose {
    /// It still wants the answer, except where the handler waits for a job: then it is taken to
    /// have left, for a client that gives up looks the same.
    Default,
    /// It still wants the answer, whatever that waits for.
    Answer,
}

/// A route: a pattern of host, path and method, its handler, and what belongs to it.
pub struct Route {
    pub(crate) host: Option<Box<str>>,
    pub(crate) method: Option<Method>,
    pub(crate) path: Box<str>,
    /// Names of the path's parameters, in their order; known once the route is in a site.
    pub(crate) names: Box<[Box<str>]>,
    pub(crate) handler: Box<dyn Handler>,
    pub(crate) middleware: Vec<Arc<dyn Middleware>>,
    pub(crate) body: BodyMode,
    pub(crate) body_bytes_max: Option<u64>,
    pub(crate) half_close: HalfClose,
    pub(crate) data: Option<Box<dyn Any + Send + Sync>>,
}

impl Route {
    /// Answers requests of any method for `path` (see [`crate::router`] for patterns) with
    /// `handler`.
    pub fn any(path: &str, handler: impl Handler) -> Route {
        Route {
            host: None,
            method: None,
            path: path.into(),
            names: Box::default(),
            handler: Box::new(handler),
            middleware: Vec::new(),
            body: BodyMode::Collected,
            body_bytes_max: None,
            half_close: HalfClose::Default,
            data: None,
        }
    }

    /// Answers requests of `method` for `path` with `handler`. `GET` answers `HEAD` too.
    pub fn new(method: Method, path: &str, handler: impl Handler) -> Route {
        Route {
            method: Some(method),
            ..Route::any(path, handler)
        }
    }

    /// Answers `GET` and `HEAD`.
    pub fn get(path: &str, handler: impl Handler) -> Route {
        Route::new(Method::Get, path, handler)
    }

    /// Answers `POST`.
    pub fn post(path: &str, handler: impl Handler) -> Route {
        Route::new(Method::Post, path, handler)
    }

    /// Only for requests to this host, or to all below it: `*.example.com`.
    #[must_use]
    pub fn host(mut self, host: &str) -> Route {
        self.host = Some(host.into());
        self
    }

    /// With `middleware` around the handler, inside of all that was added before.
    #[must_use]
    pub fn with(mut self, middleware: Arc<dyn Middleware>) -> Route {
        self.middleware.push(middleware);
        self
    }

    /// With the body left to the stream that the handler returns, see [`BodyMode::Streamed`].
    #[must_use]
    pub fn streamed(mut self) -> Route {
        self.body = BodyMode::Streamed;
        self
    }

    /// With a limit of its own on the request's body, in bytes.
    #[must_use]
    pub fn body_bytes_max(mut self, bytes: u64) -> Route {
        self.body_bytes_max = Some(bytes);
        self
    }

    /// With another meaning of a half-closed connection.
    #[must_use]
    pub fn half_close(mut self, half_close: HalfClose) -> Route {
        self.half_close = half_close;
        self
    }

    /// With data that handler, middleware and observers find in `RequestView::data`.
    #[must_use]
    pub fn data(mut self, data: impl Any + Send + Sync) -> Route {
        self.data = Some(Box::new(data));
        self
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.map_or("*", Method::as_str);
        write!(
            f,
            "{method} {}{}",
            self.host.as_deref().unwrap_or(""),
            self.path
        )
    }
}
