//! A job: work that blocks runs in the job pool, the event loop goes on.
//!
//! `curl localhost:8080/slow` takes a second, `curl localhost:8080/` meanwhile does not.

use std::time::Duration;

use reactor::{Reply, Request, Route, Server, Site};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let slow = Route::get("/slow", |request: &mut Request<'_>| {
        let name = request.query().to_owned();
        Reply::job(move |out| {
            std::thread::sleep(Duration::from_secs(1));
            out.text(format_args!("done for {name:?}\n"))
        })
    });
    let quick = Route::get("/", |_: &mut Request<'_>| Reply::text("at once\n"));
    let site = Site::builder().route(slow).route(quick).build()?;
    Server::new(site).listen("127.0.0.1:8080".parse()?).run()?;
    Ok(())
}
