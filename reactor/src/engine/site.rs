//! The site: the immutable snapshot of what is served.

use std::sync::Arc;

use crate::error::Error;
use crate::http::{Method, Status};
use crate::limits::Limits;
use crate::router::{Lookup, MethodSet, Params, Router};
use crate::service::{
    BodyMode, ErrorHandler, HalfClose, Middleware, Observer, Reply, Request, Route,
};
use crate::transport::tls::Tls;

/// Routes with their handlers and middleware, observers, limits: everything that a request is
/// answered by. Immutable; another one is published whole, and requests in flight keep the one that
/// they began with.
#[derive(Debug)]
pub struct Site {
    pub(crate) limits: Limits,
    pub(crate) server_name: Option<Box<str>>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) observers: Observers,
    pub(crate) error_handler: Option<Arc<dyn ErrorHandler>>,
    router: Router<RouteId>,
    routes: Vec<Route>,
}

/// The observers of a site.
#[derive(Default)]
pub(crate) struct Observers {
    pub(crate) list: Vec<Arc<dyn Observer>>,
    pub(crate) want_timings: bool,
}

impl std::fmt::Debug for Observers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} observers", self.list.len())
    }
}

/// The place of a route in its site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RouteId(u32);

impl RouteId {
    /// The route of requests that no route matches; its middleware is the site's.
    pub(crate) const UNMATCHED: RouteId = RouteId(0);
}

/// What a request is answered by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found {
    /// This route.
    Route(RouteId),
    /// No route has the path.
    Nothing,
    /// Routes have the path, but other methods: these.
    OtherMethods(MethodSet),
}

/// Collects what makes up a site.
#[derive(Default)]
pub struct SiteBuilder {
    limits: Limits,
    server_name: Option<Box<str>>,
    tls: Option<Arc<Tls>>,
    routes: Vec<Route>,
    middleware: Vec<Arc<dyn Middleware>>,
    observers: Observers,
    error_handler: Option<Arc<dyn ErrorHandler>>,
}

impl Site {
    /// A site without routes, `Server` field and observers, with default limits, to be filled.
    pub fn builder() -> SiteBuilder {
        SiteBuilder::default()
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What connections to TLS listeners are opened with.
    pub fn tls(&self) -> Option<&Arc<Tls>> {
        self.tls.as_ref()
    }

    /// The routes, in the order in which they were added.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().skip(1)
    }

    #[inline]
    pub(crate) fn route(&self, id: RouteId) -> &Route {
        &self.routes[id.0 as usize]
    }

    /// The route for a request; `params` receives what its parameters matched.
    #[inline]
    pub(crate) fn find(
        &self,
        host: &[u8],
        path: &[u8],
        method: Method,
        params: &mut Params,
    ) -> Found {
        let fallback = (method == Method::Head).then_some(Method::Get.index());
        match self
            .router
            .lookup(host, path, method.index(), fallback, params)
        {
            Lookup::Found(found) => Found::Route(*found.value),
            Lookup::MethodNotAllowed(methods) => Found::OtherMethods(methods),
            Lookup::NotFound => Found::Nothing,
        }
    }
}

impl SiteBuilder {
    /// With these bounds and deadlines.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> SiteBuilder {
        self.limits = limits;
        self
    }

    /// With this value of the `Server` field; `None` leaves the field out.
    #[must_use]
    pub fn server_name(mut self, name: Option<&str>) -> SiteBuilder {
        self.server_name = name.map(Box::from);
        self
    }

    /// With what connections to the server's TLS listeners are opened with.
    #[must_use]
    pub fn tls(mut self, tls: Arc<Tls>) -> SiteBuilder {
        self.tls = Some(tls);
        self
    }

    /// With a route.
    #[must_use]
    pub fn route(mut self, route: Route) -> SiteBuilder {
        self.routes.push(route);
        self
    }

    /// With `middleware` around all routes, inside of all that was added before; also around the
    /// answers 404 and 405 for requests that no route matches.
    #[must_use]
    pub fn middleware(mut self, middleware: Arc<dyn Middleware>) -> SiteBuilder {
        self.middleware.push(middleware);
        self
    }

    /// With what is said where the engine refuses a request.
    #[must_use]
    pub fn error_handler(mut self, handler: Arc<dyn ErrorHandler>) -> SiteBuilder {
        self.error_handler = Some(handler);
        self
    }

    /// With an observer.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> SiteBuilder {
        self.observers.want_timings |= observer.wants_timings();
        self.observers.list.push(observer);
        self
    }

    /// The site.
    ///
    /// # Errors
    ///
    /// A malformed pattern, two routes that stand in each other's way, or a `Server` value with
    /// control characters.
    pub fn build(self) -> Result<Site, Error> {
        if let Some(name) = self
            .server_name
            .as_deref()
            .filter(|name| !is_field_text(name))
        {
            return Err(Error::Route(format!(
                "the server name {name:?} is not a field value"
            )));
        }
        if self.limits.head_bytes_max > HEAD_BYTES_MAX {
            return Err(Error::Route(format!(
                "heads cannot be larger than {HEAD_BYTES_MAX} bytes"
            )));
        }
        let mut router = Router::new(METHOD_NAMES);
        let unmatched = Route::any("", |_: &mut Request<'_>| Reply::status(Status::NOT_FOUND));
        let mut routes = vec![Route {
            middleware: self.middleware.clone(),
            // Whoever has said all still gets to know that it is refused, if by way of a job.
            ..unmatched.streamed().half_close(HalfClose::Answer)
        }];
        for mut route in self.routes {
            let id = RouteId(routes.len() as u32);
            let method = route.method.map(Method::index);
            router
                .insert(route.host.as_deref(), &route.path, method, id)
                .map_err(|error| Error::Route(error.to_string()))?;
            route
                .middleware
                .splice(0..0, self.middleware.iter().cloned());
            routes.push(route);
        }
        for (route, routed) in routes.iter_mut().skip(1).zip(router.routes()) {
            route.names = routed.names.into();
        }
        debug_assert_eq!(
            routes[0].body,
            BodyMode::Streamed,
            "its body is never collected"
        );
        Ok(Site {
            limits: self.limits,
            server_name: self.server_name,
            tls: self.tls,
            observers: self.observers,
            error_handler: self.error_handler,
            router,
            routes,
        })
    }
}

impl std::fmt::Debug for SiteBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SiteBuilder")
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}

/// Ranges into a head are 16 bits wide.
const HEAD_BYTES_MAX: usize = u16::MAX as usize;

/// The names of the methods in the order of their indexes.
const METHOD_NAMES: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "TRACE",
    "CONNECT",
    "other methods",
];

/// Whether `text` may be the value of a field: visible ASCII and spaces.
fn is_field_text(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
