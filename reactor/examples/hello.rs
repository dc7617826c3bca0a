//! The smallest server: one route.

use reactor::{Reply, Request, Route, Server, Site};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hello = Route::get("/", |_: &mut Request<'_>| Reply::text("Hello, World!\n"));
    let site = Site::builder().route(hello).build()?;
    Server::new(site).listen("127.0.0.1:8080".parse()?).run()?;
    Ok(())
}
