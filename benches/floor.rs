//! The floor: a bare epoll loop that parses nothing and writes a canned reply. It is the physical
//! limit that `benches/compare.sh` sets every server against: what a server costs beyond it is the
//! server's own doing. `floor [--listen ADDR] [--file PATH]` serves on one thread until killed: a
//! small text, or what is in a file, which it reads once, with the head fields of a file server.
//!
//! What it leaves out, and must not be mistaken for a server: it never looks at method, target or
//! headers (it counts ends of heads, and looks for `close` only where the length is unusual); a
//! head split over two reads is never answered, a body is taken for heads; the date stands still;
//! no timeouts, limits or logs, and a failing call on the listener ends the process.
#![forbid(unsafe_code)]

fn main() -> std::io::Result<()> {
    let mut listen = String::from("127.0.0.1:8081");
    let mut fields = "Content-Type: text/plain\r\n";
    let mut body = b"Hello, World!".to_vec();
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        match (flag.as_str(), args.next().unwrap_or_default()) {
            ("--listen", value) => listen = value,
            ("--file", path) => {
                fields = FILE_FIELDS;
                body = std::fs::read(path)?;
            }
            _ => panic!("usage: floor [--listen ADDR] [--file PATH]"),
        }
    }
    server::run(&listen, fields, &body)
}

/// As long as those of a server that looks at the file.
const FILE_FIELDS: &str = "Content-Type: application/octet-stream\r\n\
                           Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
                           ETag: \"386d4380-100000\"\r\nAccept-Ranges: bytes\r\n";

#[cfg(not(target_os = "linux"))]
mod server {
    pub fn run(_address: &str, _fields: &str, _body: &[u8]) -> std::io::Result<()> {
        Err(std::io::Error::other(
            "the floor needs epoll: it serves on Linux only",
        ))
    }
}

#[cfg(target_os = "linux")]
mod server {
    use std::net::TcpListener;
    use std::os::fd::{AsRawFd, OwnedFd};

    use memchr::memmem;
    use rustix::buffer::spare_capacity;
    use rustix::event::epoll::{self, Event, EventData, EventFlags};
    use rustix::io::{Errno, Result, retry_on_intr};
    use rustix::net::{self, RecvFlags, SendFlags, SocketFlags, sockopt};

    /// One system call fetches at most this many events.
    const EVENTS_MAX: usize = 1024;
    /// Room of one read; more pipelined requests than fit take another.
    const READ_BYTES: usize = 16 * 1024;
    const BACKLOG: i32 = 4096;
    const LISTENER: EventData = EventData::new_u64(u64::MAX);

    /// Serves `body` on `address` until killed; `fields` are lines of the head.
    pub fn run(address: &str, fields: &str, body: &[u8]) -> std::io::Result<()> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        sockopt::set_tcp_nodelay(&listener, true)?;
        // The standard library listens with a short backlog; a second call lengthens it.
        net::listen(&listener, BACKLOG)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, LISTENER, EventFlags::IN | EventFlags::ET)?;

        let replies = [
            Reply::new(fields, body),
            Reply::new(&format!("{fields}Connection: close\r\n"), body),
        ];
        let mut floor = Floor {
            epoll,
            replies,
            usual_bytes: usize::MAX,
            scratch: [0; READ_BYTES],
        };
        // Indexed by descriptor: the kernel gives the lowest free one, so the table stays dense.
        let mut connections: Vec<Option<Connection>> = Vec::new();
        let mut events = Vec::with_capacity(EVENTS_MAX);
        loop {
            retry_on_intr(|| epoll::wait(&floor.epoll, spare_capacity(&mut events), None))?;
            for Event { flags, data } in events.drain(..) {
                if data == LISTENER {
                    floor.accept_all(&listener, &mut connections)?;
                    continue;
                }
                let place = &mut connections[data.u64() as usize];
                let Some(connection) = place else { continue };
                if floor.drive(connection, flags).is_err() {
                    *place = None;
                } else if connection.unsent_bytes > 0 {
                    epoll::modify(&floor.epoll, &connection.fd, data, connection.interest())?;
                }
            }
        }
    }

    struct Connection {
        fd: OwnedFd,
        /// What the socket has not yet taken: always the tail of a run of equal replies.
        unsent_bytes: usize,
        closing: bool,
    }

    impl Connection {
        fn interest(&self) -> EventFlags {
            let read = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
            if self.unsent_bytes > 0 {
                read | EventFlags::OUT
            } else {
                read
            }
        }
    }

    /// A canned reply, repeated as needed to answer pipelined requests with one write.
    struct Reply {
        bytes: usize,
        run: Vec<u8>,
    }

    impl Reply {
        fn new(fields: &str, body: &[u8]) -> Self {
            let head =
                "HTTP/1.1 200 OK\r\nServer: floor\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
            let head = format!("{head}{fields}Content-Length: {}\r\n\r\n", body.len());
            let run = [head.as_bytes(), body].concat();
            Self {
                bytes: run.len(),
                run,
            }
        }

        /// The last `bytes` bytes of an endless run of replies.
        fn tail(&mut self, bytes: usize) -> &[u8] {
            let end = bytes.next_multiple_of(self.bytes);
            while self.run.len() < end {
                self.run.extend_from_within(..self.bytes);
            }
            &self.run[end - bytes..end]
        }
    }

    struct Floor {
        epoll: OwnedFd,
        /// The one that keeps the connection and the one that closes it.
        replies: [Reply; 2],
        /// Length of the last head without `close`: all requests of a load are equal.
        usual_bytes: usize,
        scratch: [u8; READ_BYTES],
    }

    impl Floor {
        fn accept_all(
            &mut self,
            listener: &TcpListener,
            connections: &mut Vec<Option<Connection>>,
        ) -> Result<()> {
            loop {
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                let fd = match net::accept_with(listener, flags) {
                    Err(Errno::AGAIN) => return Ok(()),
                    accepted => accepted?,
                };
                let index = fd.as_raw_fd() as usize;
                let mut connection = Connection {
                    fd,
                    unsent_bytes: 0,
                    closing: false,
                };
                // The request is often there already; what it closes need never be polled.
                if self.drive(&mut connection, EventFlags::IN).is_err() {
                    continue;
                }
                let data = EventData::new_u64(index as u64);
                epoll::add(&self.epoll, &connection.fd, data, connection.interest())?;
                connections.resize_with(connections.len().max(index + 1), || None);
                connections[index] = Some(connection);
            }
        }

        /// Reads, answers and writes as much as can be; an error says that the connection is over.
        fn drive(&mut self, connection: &mut Connection, flags: EventFlags) -> Result<()> {
            self.flush(connection)?;
            let gone = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
            while gone || flags.contains(EventFlags::IN) {
                let n = match net::recv(&connection.fd, &mut self.scratch, RecvFlags::empty()) {
                    Ok((0, _)) => return Err(Errno::PIPE),
                    Err(Errno::AGAIN) => break,
                    read => read?.0,
                };
                let (requests, close) = self.count(n);
                connection.closing |= close;
                let reply = &self.replies[usize::from(connection.closing)];
                connection.unsent_bytes += requests * reply.bytes;
                self.flush(connection)?;
                // A short read has emptied the socket, unless its end came with the same edge.
                if n < READ_BYTES && !gone {
                    break;
                }
            }
            Ok(())
        }

        fn flush(&mut self, connection: &mut Connection) -> Result<()> {
            while connection.unsent_bytes > 0 {
                let reply = &mut self.replies[usize::from(connection.closing)];
                let tail = reply.tail(connection.unsent_bytes);
                match net::send(&connection.fd, tail, SendFlags::NOSIGNAL) {
                    Err(Errno::AGAIN) => return Ok(()),
                    sent => connection.unsent_bytes -= sent?,
                }
            }
            if connection.closing {
                Err(Errno::PIPE)
            } else {
                Ok(())
            }
        }

        /// How many requests the first `n` bytes read hold, and whether one asks for a close.
        fn count(&mut self, n: usize) -> (usize, bool) {
            let read = &self.scratch[..n];
            if n.is_multiple_of(self.usual_bytes) && read.ends_with(b"\r\n\r\n") {
                return (n / self.usual_bytes, false);
            }
            let requests = memmem::find_iter(read, b"\r\n\r\n").count();
            let close = memmem::find(read, b"close\r\n").is_some();
            if requests > 0 && !close && n.is_multiple_of(requests) {
                self.usual_bytes = n / requests;
            }
            (requests, close)
        }
    }
}
