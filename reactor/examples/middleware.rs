//! Middleware that answers early, middleware that changes the head, and an observer.
//!
//! `curl -i localhost:8080/` and `curl -i -H 'Authorization: Bearer secret' localhost:8080/`

use std::any::Any;
use std::sync::Arc;

use reactor::{
    FieldName, Middleware, Observer, Reply, ReplyHead, Request, RequestView, Route, Server, Site,
    Status, Summary,
};

struct Bearer(&'static str);

impl Middleware for Bearer {
    fn before(&self, request: &mut Request<'_>) -> Option<Reply> {
        let given = request.field(FieldName::Authorization).unwrap_or_default();
        if given.strip_prefix(b"Bearer ") == Some(self.0.as_bytes()) {
            return None;
        }
        request.out().field("WWW-Authenticate", "Bearer");
        Some(Reply::text("401 Unauthorized\n").with_status(Status::UNAUTHORIZED))
    }
}

struct Nosniff;

impl Middleware for Nosniff {
    fn after(&self, _: &RequestView<'_>, head: &mut ReplyHead<'_>) {
        head.set_field("X-Content-Type-Options", "nosniff");
    }
}

struct Printer;

impl Observer for Printer {
    fn observe(&self, summary: &Summary<'_>, _: &mut dyn Any) {
        let Summary {
            request,
            status,
            bytes_out,
            duration,
            ..
        } = summary;
        println!("{request:?} {status} {bytes_out} bytes in {duration:?}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = Route::get("/", |_: &mut Request<'_>| Reply::text("Come in.\n"));
    let site = Site::builder()
        .middleware(Arc::new(Nosniff))
        .observer(Arc::new(Printer))
        .route(secret.with(Arc::new(Bearer("secret"))))
        .build()?;
    Server::new(site).listen("127.0.0.1:8080".parse()?).run()?;
    Ok(())
}
