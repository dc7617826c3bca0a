//! Where a path pattern ends: its routes by method. Knows routes only by their indexes.

use super::NONE;
use super::methods::{METHODS_MAX, MethodSet};

/// The routes of one path pattern on one host.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The route of each method.
    by_method: [u32; METHODS_MAX as usize],
    /// The route for any method.
    any: u32,
    methods: MethodSet,
}

impl Endpoint {
    /// A pattern without routes.
    pub(super) fn new() -> Endpoint {
        Endpoint {
            by_method: [NONE; METHODS_MAX as usize],
            any: NONE,
            methods: MethodSet::EMPTY,
        }
    }

    /// The route for this method, else for the fallback, else for any method.
    #[inline]
    pub(super) fn route(&self, method: u8, fallback: Option<u8>) -> Option<u32> {
        self.exact(Some(method))
            .or_else(|| self.exact(Some(fallback?)))
            .or_else(|| self.exact(None))
    }

    /// The route of exactly this method or, with `None`, the one for any method.
    #[inline]
    pub(super) fn exact(&self, method: Option<u8>) -> Option<u32> {
        let route = match method {
            Some(method) => *self.by_method.get(usize::from(method))?,
            None => self.any,
        };
        Some(route).filter(|&route| route != NONE)
    }

    /// Any route of the pattern.
    pub(super) fn first(&self) -> Option<u32> {
        let mut routes = self.by_method.iter().chain([&self.any]).copied();
        routes.find(|&route| route != NONE)
    }

    /// The methods that have a route.
    #[inline]
    pub(super) fn methods(&self) -> MethodSet {
        self.methods
    }

    /// Adds a route of this method, below [`METHODS_MAX`], or, with `None`, for any method.
    pub(super) fn set(&mut self, method: Option<u8>, route: u32) {
        match method {
            Some(method) => {
                self.by_method[usize::from(method)] = route;
                self.methods |= MethodSet::of(method);
            }
            None => {
                self.any = route;
                self.methods = MethodSet::ALL;
            }
        }
    }
}
