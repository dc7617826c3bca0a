//! A radix tree over host, path and method, generic in its value. It owns the routes and finds the
//! one for a request; it knows neither handlers nor what methods are called, and imports nothing
//! of this crate.
//!
//! # Hosts
//!
//! A route belongs to an exact host (`example.com`), to a wildcard (`*.example.com`: every name
//! that ends in `.example.com` and has something before it, at any depth, but not `example.com`
//! itself) or, with no host, to the default host. A request is looked up under its exact host, then
//! under the wildcards that cover it, longest suffix first, then under the default host: each is
//! only asked when those before have no route for the path and method, so that a generic route such
//! as `/ping` on the default host works on every host. Letters compare without case, one trailing
//! dot is ignored, and the port has been taken off by the caller.
//!
//! # Paths
//!
//! | in a pattern | matches |
//! |---|---|
//! | `/static` | these bytes and no others; nothing is decoded or normalised |
//! | `{name}` | a segment, never an empty one |
//! | `pre{name}post` | a segment that begins and ends so and has at least one byte between |
//! | `{*name}` | all the rest of the path, also nothing; only behind the last slash |
//! | `{{`, `}}` | a literal `{`, `}` |
//!
//! `/files/{*rest}` matches `/files/` with an empty rest, but not `/files`. No escape but `{{` and
//! `}}` is known: a byte that clients send percent-encoded stands encoded in a pattern as well.
//!
//! Of several patterns that match, read from the left, static text goes before a parameter, a
//! parameter with a longer suffix before one with a shorter or none, and a parameter before a
//! catch-all. Two patterns that match the same paths under different parameter names are refused.
//!
//! # Methods
//!
//! Methods are indexes from 0 to 15. A route has one, or none and then takes any. The most specific
//! pattern *that takes the method* is found, as in Go's `ServeMux`: with `GET /{*rest}` and
//! `POST /form`, a `GET /form` is answered by the former. Within a pattern the exact method goes
//! first, then the fallback (`GET` for a `HEAD` request), then the route for any method. If
//! patterns match but none takes the method, the result is the set of the methods that they take.

mod endpoint;
mod error;
mod host;
mod methods;
mod params;
mod pattern;
mod tree;
mod walk;

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;

pub use error::{InsertCause, InsertError};
pub use host::{HOST_BYTES_MAX, HostError};
pub use methods::{METHODS_MAX, MethodSet};
pub use params::{PARAMS_MAX, PATH_BYTES_MAX, Params, decode, decode_text};
pub use pattern::{PatternError, PatternProblem};

use endpoint::Endpoint;
use host::Hosts;
use pattern::Pattern;
use tree::Tree;
use walk::Walk;

/// "No node", "no endpoint" or "no route", where the index of one could be.
const NONE: u32 = u32::MAX;

/// The routes of a site. Built once by [`Router::insert`], then only read.
#[derive(Debug)]
pub struct Router<T> {
    method_names: &'static [&'static str],
    hosts: Hosts,
    /// Root of the routes without a host.
    default_root: u32,
    tree: Tree,
    routes: Vec<Stored<T>>,
}

#[derive(Debug)]
struct Stored<T> {
    value: T,
    host: Option<Box<str>>,
    pattern: Box<str>,
    names: Box<[Box<str>]>,
    method: Option<u8>,
}

/// What a lookup found.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'r, T> {
    /// The most specific route that takes the method.
    Found(Match<'r, T>),
    /// Routes match the path, but none of them takes the method: 405 with this set as `Allow`
    /// (RFC 9110 section 15.5.6). It holds what was registered: that `HEAD` is allowed where `GET`
    /// is, and `OPTIONS` everywhere, is for the caller to add.
    MethodNotAllowed(MethodSet),
    /// No route matches the path.
    NotFound,
}

/// A matched route. What its parameters matched is in the [`Params`] of the lookup.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'r, T> {
    /// The route's value.
    pub value: &'r T,
    /// The route's host as its user wrote it; `None` for the default host.
    pub host: Option<&'r str>,
    /// The route's path pattern as its user wrote it.
    pub pattern: &'r str,
    /// The names of the route's parameters, in the order of the ranges in [`Params`].
    pub names: &'r [Box<str>],
}

/// A route as its user wrote it, for tables.
#[derive(Debug, PartialEq, Eq)]
pub struct Route<'r, T> {
    /// The host; `None` for the default host.
    pub host: Option<&'r str>,
    /// The path pattern.
    pub pattern: &'r str,
    /// The method; `None` for any.
    pub method: Option<u8>,
    /// The names of the path's parameters, in their order.
    pub names: &'r [Box<str>],
    /// The value.
    pub value: &'r T,
}

impl<T> Router<T> {
    /// A router without routes. The names are those of the methods in the order of their indexes,
    /// for the texts of errors only; one that is missing is called by its number.
    pub fn new(method_names: &'static [&'static str]) -> Router<T> {
        Router {
            method_names,
            hosts: Hosts::default(),
            default_root: NONE,
            tree: Tree::default(),
            routes: Vec::new(),
        }
    }

    /// Adds a route. Without a host it belongs to the default host, without a method it takes any.
    ///
    /// # Errors
    ///
    /// A malformed host or path, a method above 15, a route that is already there, or one that
    /// matches the same paths as another of its host under different parameter names. The router
    /// is then as before.
    pub fn insert(
        &mut self,
        host: Option<&str>,
        path: &str,
        method: Option<u8>,
        value: T,
    ) -> Result<(), InsertError> {
        self.try_insert(host, path, method, value)
            .map_err(|cause| InsertError {
                route: route_text(self.method_names, host, path, method),
                cause,
            })
    }

    fn try_insert(
        &mut self,
        host: Option<&str>,
        path: &str,
        method: Option<u8>,
        value: T,
    ) -> Result<(), InsertCause> {
        let pattern = Pattern::parse(path).map_err(InsertCause::Pattern)?;
        if let Some(method) = method.filter(|&method| method >= METHODS_MAX) {
            return Err(InsertCause::Method(method));
        }
        let root = self.root_or_insert(host).map_err(InsertCause::Host)?;
        let endpoint = self.tree.endpoint_or_insert(root, &pattern);
        let repeated = endpoint.exact(method);
        let other = repeated.or_else(|| endpoint.first());
        if let Some(other) = other.map(|other| &self.routes[other as usize]) {
            let other_host = other.host.as_deref();
            let text = || route_text(self.method_names, other_host, &other.pattern, other.method);
            if repeated.is_some() {
                return Err(InsertCause::Repeated(text()));
            }
            if other.names != pattern.names {
                return Err(InsertCause::OtherNames(text()));
            }
        }
        endpoint.set(method, self.routes.len() as u32);
        self.routes.push(Stored {
            value,
            host: host.map(Box::from),
            pattern: path.into(),
            names: pattern.names,
            method,
        });
        Ok(())
    }

    /// Finds the most specific route for a request; `fallback` is the method whose routes are also
    /// taken where `method` has none. The host is without port, empty if the request has none; the
    /// path is without query. `params` is filled if a route is found, otherwise empty. Allocates
    /// nothing; a path longer than [`PATH_BYTES_MAX`] is not found.
    #[inline]
    pub fn lookup(
        &self,
        host: &[u8],
        path: &[u8],
        method: u8,
        fallback: Option<u8>,
        params: &mut Params,
    ) -> Lookup<'_, T> {
        let mut allowed = MethodSet::EMPTY;
        let found = self.walk(host, path, params, |endpoint| {
            let route = endpoint.route(method, fallback);
            if route.is_none() {
                allowed |= endpoint.methods();
            }
            route
        });
        match found.and_then(|route| self.routes.get(route as usize)) {
            Some(route) => Lookup::Found(Match {
                value: &route.value,
                host: route.host.as_deref(),
                pattern: &route.pattern,
                names: &route.names,
            }),
            None if allowed.is_empty() => Lookup::NotFound,
            None => Lookup::MethodNotAllowed(allowed),
        }
    }

    /// The methods that a path has routes for, on its host and those that it falls back to: what
    /// an `OPTIONS` request is told. Empty if no route matches.
    pub fn methods_of(&self, host: &[u8], path: &[u8]) -> MethodSet {
        let mut methods = MethodSet::EMPTY;
        self.walk(host, path, &mut Params::new(), |endpoint| {
            methods |= endpoint.methods();
            None::<()>
        });
        methods
    }

    /// All routes, in the order in which they were inserted.
    pub fn routes(&self) -> impl Iterator<Item = Route<'_, T>> {
        self.routes.iter().map(|route| Route {
            host: route.host.as_deref(),
            pattern: &route.pattern,
            method: route.method,
            names: &route.names,
            value: &route.value,
        })
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there are no routes.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Walks the trees of all hosts that the request's host belongs to, most specific first.
    #[inline]
    fn walk<R>(
        &self,
        host: &[u8],
        path: &[u8],
        params: &mut Params,
        accept: impl FnMut(&Endpoint) -> Option<R>,
    ) -> Option<R> {
        let mut walk = Walk {
            tree: &self.tree,
            path,
            params,
            accept,
        };
        if !self.hosts.is_empty() {
            let roots = self.hosts.exact(host).into_iter();
            for root in roots.chain(self.hosts.wildcards(host)) {
                let found = walk.run(root);
                if found.is_some() {
                    return found;
                }
            }
        }
        walk.run(self.default_root)
    }

    /// The root of this host's tree, made if it is the host's first route.
    fn root_or_insert(&mut self, host: Option<&str>) -> Result<u32, HostError> {
        match host {
            Some(host) => self.hosts.root_or_insert(host, || self.tree.add_root()),
            None => {
                if self.default_root == NONE {
                    self.default_root = self.tree.add_root();
                }
                Ok(self.default_root)
            }
        }
    }
}

/// A route in one line: method, host and path.
fn route_text(method_names: &[&str], host: Option<&str>, path: &str, method: Option<u8>) -> String {
    let host = host.unwrap_or_default();
    match method.map(|method| method_names.get(usize::from(method)).ok_or(method)) {
        None => format!("ANY {host}{path}"),
        Some(Ok(name)) => format!("{name} {host}{path}"),
        Some(Err(index)) => format!("METHOD-{index} {host}{path}"),
    }
}
