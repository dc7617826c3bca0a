//! A client that sends exactly the bytes it is given and reads answers strictly: anything that
//! RFC 9112 forbids a server to send fails the test.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, sockopt};

use super::PATIENCE;

/// One connection, and what has been received on it but not yet looked at.
pub struct Client<S = TcpStream> {
    /// The socket, for what this type has no words for.
    pub stream: S,
    received: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The three-digit status code.
    pub status: u16,
    /// Header fields in their order, names in lower case.
    pub fields: Vec<(String, String)>,
    /// The content, without its framing.
    pub body: Vec<u8>,
}

/// A GET of `path`, as it goes on the wire.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes()
}

/// A POST of `body` to `path`, as it goes on the wire, framed by its length.
pub fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// `body` in chunks of `size` bytes, with the last chunk and without trailer.
pub fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut wire = Vec::with_capacity(body.len() + body.len() / size * 8 + 16);
    for chunk in body.chunks(size) {
        write!(wire, "{:x}\r\n", chunk.len()).unwrap();
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}

/// `length` bytes whose order matters and that do not compress: a mix-up anywhere shows.
pub fn pattern(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A connection to `server` that comes from the address `own`.
pub fn connect_from(own: [u8; 4], server: SocketAddr) -> Client {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from((own, 0))).unwrap();
    rustix::net::connect(&socket, &server).unwrap();
    Client::over_tcp(TcpStream::from(socket))
}

impl Client {
    /// Connects to `address`.
    pub fn connect(address: SocketAddr) -> Client {
        Client::over_tcp(TcpStream::connect(address).unwrap())
    }

    /// Connects to `address` with kernel buffers so small that the server soon has to keep what it
    /// sends.
    pub fn connect_narrow(address: SocketAddr) -> Client {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        sockopt::set_socket_recv_buffer_size(&socket, 16 << 10).unwrap();
        sockopt::set_socket_send_buffer_size(&socket, 64 << 10).unwrap();
        rustix::net::connect(&socket, &address).unwrap();
        Client::over_tcp(TcpStream::from(socket))
    }

    fn over_tcp(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client::new(stream)
    }

    /// Sends FIN: nothing more will be sent.
    pub fn shut_write(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Fails if a byte or the end of the connection arrives within `time`.
    pub fn expect_silence(&mut self, time: Duration) {
        assert!(self.received.is_empty(), "unexpected: {}", self.excerpt());
        match self.read_within(time) {
            None => {}
            Some(Ok(0)) => panic!("the connection was closed"),
            Some(Ok(_)) => panic!("unexpected: {}", self.excerpt()),
            Some(Err(error)) => panic!("the connection broke: {error}"),
        }
    }

    /// Lets `time` pass, keeping what arrives; returns whether the connection is still open.
    pub fn pause(&mut self, time: Duration) -> bool {
        let start = Instant::now();
        while let Some(left) = time
            .checked_sub(start.elapsed())
            .filter(|left| !left.is_zero())
        {
            if !matches!(self.read_within(left), None | Some(Ok(1..))) {
                return false;
            }
        }
        true
    }

    /// Sends `bytes` one after the other with `pause` between them, until the server says something
    /// or closes; returns how long that took.
    pub fn drip(&mut self, bytes: impl Iterator<Item = u8>, pause: Duration) -> Duration {
        let start = Instant::now();
        for byte in bytes {
            if self.stream.write_all(&[byte]).is_err() || self.read_within(pause).is_some() {
                return start.elapsed();
            }
        }
        panic!("the server let all of it pass");
    }

    /// One read of at most `time`; `None` if nothing came.
    fn read_within(&mut self, time: Duration) -> Option<std::io::Result<usize>> {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let result = self.read();
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            result => Some(result),
        }
    }
}

impl<S: Read + Write> Client<S> {
    /// Over a stream that has its timeouts set.
    pub fn new(stream: S) -> Client<S> {
        Client {
            stream,
            received: Vec::new(),
        }
    }

    /// Sends `bytes`, all of them.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next answer, to any request but HEAD. An interim answer counts as one.
    pub fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// The next answer, to a request of this method.
    pub fn response_to(&mut self, method: &str) -> Response {
        let head = self.take_through(b"\r\n\r\n");
        let mut response = parse_head(&head);
        let code = response.status;
        if method == "HEAD" || code < 200 || code == 204 || code == 304 {
            return response;
        }
        let length = response
            .field("content-length")
            .map(|text| text.parse().unwrap());
        match (response.field("transfer-encoding"), length) {
            (Some("chunked"), None) => response.body = self.take_chunked(),
            (None, Some(length)) => response.body = self.take(length),
            (None, None) if response.closes() => response.body = self.rest(),
            framing => panic!("an answer without clear framing {framing:?}: {response:?}"),
        }
        response
    }

    /// Takes what one read gives; fails at the end of the connection.
    pub fn take_some(&mut self) -> usize {
        if self.received.is_empty() {
            assert!(self.fill() > 0, "the connection ended early");
        }
        std::mem::take(&mut self.received).len()
    }

    /// Everything up to the end of the connection, which must be orderly.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() > 0 {}
        std::mem::take(&mut self.received)
    }

    /// Everything up to the end of the connection, orderly or not.
    pub fn rest_or_reset(&mut self) -> Vec<u8> {
        loop {
            match self.read() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if is_break(error.kind()) => break,
                Err(error) => panic!("no end of the connection: {error}"),
            }
        }
        std::mem::take(&mut self.received)
    }

    /// Fails unless the next thing is the orderly end of the connection.
    pub fn expect_eof(&mut self) {
        let rest = self.rest();
        assert!(
            rest.is_empty(),
            "unexpected: {}",
            String::from_utf8_lossy(&rest)
        );
    }

    /// Reads until `text` has been received, and drops everything up to its end.
    pub fn expect_text(&mut self, text: &str) {
        self.take_through(text.as_bytes());
    }

    fn take_through(&mut self, mark: &[u8]) -> Vec<u8> {
        let mut from = 0;
        loop {
            let found = self.received[from..]
                .windows(mark.len())
                .position(|part| part == mark);
            if let Some(at) = found {
                return self.take(from + at + mark.len());
            }
            from = self.received.len().saturating_sub(mark.len() - 1);
            assert!(
                self.fill() > 0,
                "the connection ended early, after: {}",
                self.excerpt()
            );
        }
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Vec<u8> {
        while self.received.len() < length {
            let missing = length - self.received.len();
            assert!(
                self.fill() > 0,
                "the connection ended {missing} bytes early"
            );
        }
        let rest = self.received.split_off(length);
        std::mem::replace(&mut self.received, rest)
    }

    /// What is in the chunks that come next, up to the last one.
    pub fn take_chunked(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = String::from_utf8(self.take_through(b"\r\n")).unwrap();
            let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
            body.extend(self.take(length));
            assert_eq!(
                self.take(2),
                b"\r\n",
                "after a chunk, or as an empty trailer section"
            );
            if length == 0 {
                return body;
            }
        }
    }

    fn fill(&mut self) -> usize {
        match self.read() {
            Ok(count) => count,
            Err(error) => panic!("reading failed: {error}; received: {}", self.excerpt()),
        }
    }

    fn read(&mut self) -> std::io::Result<usize> {
        let mut buffer = [0; 64 << 10];
        let count = self.stream.read(&mut buffer)?;
        self.received.extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    fn excerpt(&self) -> String {
        let length = self.received.len().min(400);
        format!("{:?}", String::from_utf8_lossy(&self.received[..length]))
    }
}

impl Response {
    /// The value of the only field of this name; fails if there are several.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(own, _)| own == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is repeated: {self:?}");
        value
    }

    /// Whether it says that the connection ends after it.
    pub fn closes(&self) -> bool {
        self.field("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// The content as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Fails unless it has this status, and this content.
    #[track_caller]
    pub fn expect(&self, status: u16, text: &str) {
        assert_eq!((self.status, self.text()), (status, text), "{self:?}");
    }
}

/// Whether an error of this kind is the end of a connection in disorder.
fn is_break(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    // UnexpectedEof is what rustls calls an end without close_notify.
    matches!(kind, ConnectionReset | BrokenPipe | UnexpectedEof)
}

fn parse_head(head: &[u8]) -> Response {
    let text = std::str::from_utf8(head).unwrap();
    let mut lines = text.strip_suffix("\r\n\r\n").unwrap().split("\r\n");
    let status_line = lines.next().unwrap();
    let rest = status_line.strip_prefix("HTTP/1.1 ").expect(status_line);
    assert_eq!(&rest[3..4], " ", "{status_line}");
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(": ").expect(line);
        assert!(!value.contains(['\r', '\n']), "{line:?}");
        fields.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    Response {
        status: rest[..3].parse().unwrap(),
        fields,
        body: Vec::new(),
    }
}
