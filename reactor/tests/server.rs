//! A real server as its embedders run it: bound, told, awaited.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reactor::{
    Bound, Error, ErrorHandler, Limits, ListenAddress, Middleware, Reply, ReplyHead, Request,
    RequestView, Route, Server, Site, Status,
};

fn site(answer: &'static str) -> Site {
    let route = Route::get("/", move |_: &mut Request<'_>| Reply::text(answer));
    Site::builder().route(route).build().unwrap()
}

fn bound(server: Server) -> (Bound, SocketAddr) {
    let bound = server
        .listen("127.0.0.1:0".parse().unwrap())
        .bind()
        .unwrap();
    let ListenAddress::Tcp(address) = bound.addresses()[0].address else {
        panic!("not TCP")
    };
    (bound, address)
}

/// Asks for `/` over a connection of its own and returns all that comes.
fn ask(address: SocketAddr) -> String {
    ask_for("GET /", address)
}

/// The same with another method and path.
fn ask_for(what: &str, address: SocketAddr) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    let request = format!("{what} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_published_site_is_served_from_then_on_and_a_drain_ends_the_server() {
    let (bound, address) = bound(Server::new(site("old")).workers(2));
    let running = bound.start().unwrap();
    let handle = running.handle();
    assert!(ask(address).ends_with("old"));
    handle.publish(site("new"));
    let deadline = Instant::now() + Duration::from_secs(10);
    // Each worker takes the new site when it reads its mailbox.
    while (0..8).any(|_| !ask(address).ends_with("new")) {
        assert!(Instant::now() < deadline, "the old site is still served");
    }
    assert!(
        handle
            .stats()
            .iter()
            .map(|stats| stats.requests.value())
            .sum::<u64>()
            >= 9
    );
    handle.drain();
    running.wait().unwrap();
    assert!(TcpStream::connect(address).is_err(), "it still listens");
}

#[test]
fn a_published_site_cannot_ask_for_larger_heads_than_the_buffers_hold() {
    let (bound, address) = bound(Server::new(site("old")).workers(1));
    let running = bound.start().unwrap();
    let handle = running.handle();
    let limits = Limits {
        head_bytes_max: 60_000,
        ..Limits::default()
    };
    let route = Route::get("/", |_: &mut Request<'_>| Reply::text("new"));
    handle.publish(Site::builder().limits(limits).route(route).build().unwrap());
    let deadline = Instant::now() + Duration::from_secs(10);
    while !ask(address).ends_with("new") {
        assert!(Instant::now() < deadline, "the old site is still served");
    }
    let mut client = TcpStream::connect(address).unwrap();
    let head = format!(
        "GET / HTTP/1.1\r\nHost: test\r\nX-Long: {}\r\n\r\n",
        "x".repeat(30_000)
    );
    client.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    handle.stop();
    running.wait().unwrap();
}

#[test]
fn a_taken_port_and_clashing_routes_are_named() {
    let (_bound, address) = bound(Server::new(site("first")));
    let second = Server::new(site("second"))
        .listen(ListenAddress::Tcp(address))
        .bind();
    let text = second.unwrap_err().to_string();
    assert!(
        text.contains(&address.to_string()) && text.contains("another process"),
        "{text}"
    );

    let route = |path| Route::get(path, |_: &mut Request<'_>| Reply::text(""));
    let clash = Site::builder()
        .route(route("/users/{id}"))
        .route(route("/users/{name}"))
        .build();
    let Err(Error::Route(text)) = clash else {
        panic!("they clash")
    };
    assert!(
        text.contains("GET /users/{id}") && text.contains("GET /users/{name}"),
        "{text}"
    );
}

/// Adds a field to every answer.
struct Marked;

impl Middleware for Marked {
    fn after(&self, _request: &RequestView<'_>, head: &mut ReplyHead<'_>) {
        head.add_field("X-Marked", "yes");
    }
}

#[test]
fn a_site_says_in_its_own_way_what_the_engine_refuses() {
    let errors = |status: Status, request: &mut Request<'_>| match status {
        Status::NOT_FOUND => {
            let path = request.view().path();
            let text = format_args!("nothing at {path}");
            Some(request.out().text(text).with_status(status))
        }
        Status::METHOD_NOT_ALLOWED => Some(Reply::job(|_| Reply::text("by a job"))),
        _ => None,
    };
    let panics = |status: Status, _: &mut Request<'_>| match status {
        Status::NOT_FOUND => panic!("told to"),
        _ => None,
    };
    let handlers: [Arc<dyn ErrorHandler>; 2] = [Arc::new(errors), Arc::new(panics)];
    let answers = handlers.map(|handler| {
        let site = Site::builder()
            .middleware(Arc::new(Marked))
            .route(Route::get("/", |_: &mut Request<'_>| Reply::text("home")))
            .error_handler(handler)
            .build()
            .unwrap();
        let (bound, address) = bound(Server::new(site).workers(1));
        let running = bound.start().unwrap();
        let ask = |what| {
            let answer = ask_for(what, address);
            assert!(answer.contains("X-Marked: yes"), "{answer}");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let allow = head.contains("\r\nAllow: GET, HEAD, OPTIONS");
            (head[9..12].to_owned(), allow, body.to_owned())
        };
        let all = ["GET /", "GET /a/b", "PUT /", "GET /%", "OPTIONS /"].map(ask);
        running.handle().drain();
        running.wait().unwrap();
        all
    });
    let is = |code: &str, allow, body: &str| (code.to_owned(), allow, body.to_owned());
    let [said, panicked] = answers;
    assert_eq!(said[0], is("200", false, "home"));
    assert_eq!(said[1], is("404", false, "nothing at /a/b"));
    assert_eq!(said[2], is("200", true, "by a job"));
    assert_eq!(said[3], is("400", false, "400 Bad Request\n"));
    assert_eq!(said[4], is("204", true, ""));
    assert_eq!(panicked[1], is("500", false, "500 Internal Server Error\n"));
    assert_eq!(panicked[2], is("405", true, "405 Method Not Allowed\n"));
}
