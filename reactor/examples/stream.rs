//! Streams: server-sent events at the pace of a clock, and a body echoed at the pace of the client.
//!
//! `curl -N localhost:8080/events` and `curl -T large.file localhost:8080/echo`

use std::time::Duration;

use reactor::{Incoming, Method, Progress, Pull, Reply, Request, Route, Server, Site, Stream};

struct Ticks(u32);

impl Stream for Ticks {
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress {
        self.0 += 1;
        io.out
            .write(format!("data: tick {}\n\n", self.0).as_bytes());
        io.wake_after(Duration::from_secs(1));
        Progress::Later
    }
}

struct Echo;

impl Stream for Echo {
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress {
        match io.body.peek() {
            Incoming::Data(bytes) => {
                let written = io.out.write(bytes);
                io.body.consume(written);
                Progress::More
            }
            Incoming::Later => Progress::Later,
            Incoming::End => Progress::End,
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let events = Route::get("/events", |_: &mut Request<'_>| {
        Reply::stream("text/event-stream", Ticks(0))
    });
    let echo = Route::new(Method::Put, "/echo", |_: &mut Request<'_>| {
        Reply::stream("application/octet-stream", Echo)
    });
    let site = Site::builder()
        .route(events)
        .route(echo.streamed())
        .build()?;
    Server::new(site).listen("127.0.0.1:8080".parse()?).run()?;
    Ok(())
}
