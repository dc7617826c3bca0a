//! The demo routes: something to look at, and something to measure, with nothing configured.
//!
//! Must not know of other features. The handlers allocate nothing of their own: bodies are static
//! or written into the worker's reply buffer; a stream is one box.

mod echo;
mod events;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reactor::{Reply, Request, Route};

/// Says what is here and links it. Whole in itself: no script, no font, no image from elsewhere.
const PAGE: &str = include_str!("page.html");

/// What nothing on the page needs is forbidden, in case that somebody finds a way to add to it.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                           base-uri 'none'; form-action 'self'";

/// Tells streams that have no end of their own that the server is about to stop.
#[derive(Clone, Debug, Default)]
pub struct Ending(Arc<AtomicBool>);

impl Ending {
    /// The server is about to stop.
    pub fn announce(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_announced(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The routes; the page on `/` is among them only if the demo is `alone`.
pub fn routes(alone: bool, ending: &Ending) -> Vec<Route> {
    let ending = ending.clone();
    let mut routes = vec![
        Route::get("/ping", |_: &mut Request<'_>| Reply::text("pong")),
        Route::get("/plaintext", |_: &mut Request<'_>| {
            Reply::fixed("text/plain", b"Hello, World!")
        }),
        Route::get("/json", |_: &mut Request<'_>| {
            Reply::fixed("application/json", br#"{"message":"Hello, World!"}"#)
        }),
        Route::get("/users/{id}", user),
        Route::post("/echo", echo::handle).streamed(),
        Route::get("/events", move |request: &mut Request<'_>| {
            events::handle(request, &ending)
        }),
    ];
    if alone {
        routes.push(Route::get("/", page));
    }
    routes
}

fn page(request: &mut Request<'_>) -> Reply {
    request.out().field("Content-Security-Policy", PAGE_POLICY);
    Reply::fixed("text/html; charset=utf-8", PAGE.as_bytes())
}

fn user(request: &mut Request<'_>) -> Reply {
    let view = request.view();
    let id = view.param("id").unwrap_or_default();
    request.out().field("X-Content-Type-Options", "nosniff");
    request.out().text(format_args!("user id is {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_links_every_route() {
        for path in [
            "/ping",
            "/plaintext",
            "/json",
            "/users/42",
            "/echo",
            "/events",
        ] {
            assert!(PAGE.contains(path), "{path}");
        }
        for outside in ["<script", "src=", "url(", "@import", "https://"] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
    }

    #[test]
    fn the_page_is_there_only_for_the_demo_alone() {
        let ending = Ending::default();
        assert_eq!(
            routes(true, &ending).len(),
            routes(false, &ending).len() + 1
        );
    }
}
