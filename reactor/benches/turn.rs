//! A whole turn of the engine: poll, read, parse, route, handler, head, write. It runs over the
//! network in memory, so that no system call is in the figures, only the one reading of the clock.
//!
//! Run with `cargo bench -p reactor --bench turn`. An item is a request: 1 Mitem/s is 1000 ns a
//! request. `network` moves the same bytes without an engine in between, client's side included;
//! what a figure is above it is the engine's.

use std::fmt;
use std::sync::Arc;

use divan::{Bencher, counter::ItemsCount};
use reactor::engine::{Census, Core, CoreParts, Entrance, JobPool, Room, Turn, mailbox};
use reactor::time::Clock;
use reactor::transport::memory::{Chaos, Client, LinkOptions, Network};
use reactor::transport::{Listener, Poller, Readiness, Transport};
use reactor::{Limits, Reply, Request, Route, Site};

fn main() {
    divan::main();
}

/// What happens in one turn.
#[derive(Clone, Copy)]
struct Load {
    connections: usize,
    /// Sent at once over each connection.
    requests: usize,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.connections, self.requests)
    }
}

const LOADS: [Load; 3] = [
    Load {
        connections: 1,
        requests: 1,
    },
    Load {
        connections: 1,
        requests: 16,
    },
    Load {
        connections: 64,
        requests: 1,
    },
];

/// What wrk sends.
const PLAINTEXT: &str = "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

const USER: &str = "GET /users/42 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

/// What a browser sends.
const BROWSER: &str = "GET /plaintext HTTP/1.1\r\nHost: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: https://www.example.com/products/overview\r\nConnection: keep-alive\r\n\
    Cookie: session=4f2b8c1e9a7d4e6fb3a05c8d7e1f2a3b; theme=dark\r\n\
    Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n\r\n";

/// A static body.
#[divan::bench(args = LOADS, sample_size = 100)]
fn plaintext(bencher: Bencher<'_, '_>, load: Load) {
    turns(bencher, PLAINTEXT, load);
}

/// A parameter, and a body that is written for the request.
#[divan::bench(args = LOADS, sample_size = 100)]
fn user(bencher: Bencher<'_, '_>, load: Load) {
    turns(bencher, USER, load);
}

/// A static body for a longer head.
#[divan::bench(args = LOADS, sample_size = 100)]
fn browser(bencher: Bencher<'_, '_>, load: Load) {
    turns(bencher, BROWSER, load);
}

/// The same bytes as in `plaintext`, and no engine.
#[divan::bench(args = LOADS, sample_size = 100)]
fn network(bencher: Bencher<'_, '_>, load: Load) {
    let answers = answers(PLAINTEXT, load);
    let network = Network::new(0, Chaos::NONE);
    let mut listener = Listener::Memory(network.listener());
    let mut poller = Poller::Memory(network.poller());
    let mut clients = Clients::connect(&network, PLAINTEXT, load);
    let mut transports: Vec<Transport> = Vec::new();
    for token in 0..load.connections {
        let (mut transport, _) = listener.accept().expect("a client waits");
        poller
            .register(&mut transport, token)
            .expect("it is the poller's");
        transports.push(transport);
    }
    let mut events: Vec<Readiness> = Vec::new();
    let mut block = vec![0; 16 << 10];
    bencher
        .counter(ItemsCount::new(load.connections * load.requests))
        .bench_local(|| {
            clients.send();
            poller.poll(&mut events, None).expect("it cannot fail");
            for event in events.iter().filter(|event| event.readable) {
                let transport = &mut transports[event.token];
                let read = transport.read(&mut block).expect("something is there");
                assert_eq!(read, clients.batch.len());
                transport.write(&answers).expect("there is room");
            }
            clients.receive(answers.len());
        });
}

/// Turns of an engine.
fn turns(bencher: Bencher<'_, '_>, request: &str, load: Load) {
    let network = Network::new(0, Chaos::NONE);
    let mut core = core(&network);
    let mut clients = Clients::connect(&network, request, load);
    clients.send();
    let length = answered(&mut core, &mut clients);
    bencher
        .counter(ItemsCount::new(load.connections * load.requests))
        .bench_local(|| {
            clients.send();
            assert_eq!(core.turn().expect("the poller works"), Turn::Goes);
            clients.receive(length);
        });
}

/// What an engine answers to a batch of requests.
fn answers(request: &str, load: Load) -> Vec<u8> {
    let network = Network::new(0, Chaos::NONE);
    let mut core = core(&network);
    let mut clients = Clients::connect(
        &network,
        request,
        Load {
            connections: 1,
            ..load
        },
    );
    clients.send();
    answered(&mut core, &mut clients);
    clients.answers
}

/// Has a first batch answered, however many turns that takes; says how long the answers to one
/// client are.
fn answered(core: &mut Core, clients: &mut Clients) -> usize {
    let requests = clients.batch.matches("\r\n\r\n").count();
    for _ in 0..clients.ends.len() + 1 {
        assert_eq!(core.turn().expect("the poller works"), Turn::Goes);
    }
    let mut length = 0;
    for client in &mut clients.ends {
        clients.answers.clear();
        length = client.receive(&mut clients.answers);
        let text = String::from_utf8_lossy(&clients.answers);
        assert_eq!(
            text.matches("HTTP/1.1 200 OK\r\n").count(),
            requests,
            "{text}"
        );
    }
    length
}

fn core(network: &Network) -> Core {
    let user = |request: &mut Request<'_>| {
        let view = request.view();
        let id = view.param("id").unwrap_or_default();
        request.out().text(format_args!("user id is {id}"))
    };
    let limits = Limits {
        requests_max: 0,
        connections_per_address_max: 0,
        ..Limits::default()
    };
    let site = Site::builder()
        .limits(limits)
        .server_name(Some("tidegate"))
        .route(Route::get("/plaintext", |_: &mut Request<'_>| {
            Reply::fixed("text/plain", b"Hello, World!")
        }))
        .route(Route::get("/users/{id}", user))
        .build()
        .expect("the routes are well-formed");
    let poller = Poller::Memory(network.poller());
    let (address, mailbox) = mailbox(poller.waker());
    let parts = CoreParts {
        poller,
        listeners: vec![Entrance {
            listener: Listener::Memory(network.listener()),
            hands_over: false,
            secure: false,
        }],
        handoff: None,
        site: Arc::new(site),
        clock: Clock::system(),
        jobs: JobPool::new(1),
        address: Arc::new(address),
        mailbox,
        local: Box::new(()),
        tend: |_, _| None,
        stats: Arc::default(),
        census: Arc::new(Census::default()),
        room: Room::UNBOUNDED,
    };
    Core::new(parts).expect("the listener is the poller's")
}

/// Clients that all send the same.
struct Clients {
    ends: Vec<Client>,
    batch: String,
    answers: Vec<u8>,
}

impl Clients {
    fn connect(network: &Network, request: &str, load: Load) -> Clients {
        let connect = |_| {
            network
                .connect(0, LinkOptions::default())
                .expect("there is a listener")
        };
        Clients {
            ends: (0..load.connections).map(connect).collect(),
            batch: request.repeat(load.requests),
            answers: Vec::new(),
        }
    }

    fn send(&mut self) {
        for client in &mut self.ends {
            assert_eq!(client.send(self.batch.as_bytes()), self.batch.len());
        }
    }

    fn receive(&mut self, length: usize) {
        for client in &mut self.ends {
            self.answers.clear();
            assert_eq!(client.receive(&mut self.answers), length);
        }
    }
}
