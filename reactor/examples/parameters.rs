//! Path parameters, per-route data, and answers written into the worker's reply buffer.
//!
//! `curl localhost:8080/users/7` and `curl localhost:8080/files/a/b.txt`

use reactor::{Reply, Request, Route, Server, Site, Status};

struct Greeting(&'static str);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let user = Route::get("/users/{id}", |request: &mut Request<'_>| {
        let greeting = request.data::<Greeting>().map_or("", |greeting| greeting.0);
        match request.param("id").and_then(|id| id.parse::<u32>().ok()) {
            Some(id) => request.out().text(format_args!("{greeting}, user {id}\n")),
            None => Reply::text("an id is a number\n").with_status(Status::BAD_REQUEST),
        }
    });
    let files = Route::get("/files/{*path}", |request: &mut Request<'_>| {
        let path = request.param("path").unwrap_or_default();
        request.out().field("X-Path", path.as_bytes());
        request.out().text(format_args!("you asked for {path}\n"))
    });
    let site = Site::builder()
        .route(user.data(Greeting("Hello")))
        .route(files)
        .build()?;
    Server::new(site).listen("127.0.0.1:8080".parse()?).run()?;
    Ok(())
}
