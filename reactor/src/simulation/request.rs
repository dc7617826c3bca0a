//! Requests as the script writes them, and what has to come back.

use super::foretell::{bare, expect};
use super::kind::{KINDS, Kind};
use super::random::Random;
use super::site::SMALL;
use crate::http::Method;
use crate::limits::Limits;

/// A request in the bytes of a client.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// For traces.
    pub what: String,
    pub method: Method,
    /// Offsets in what the client sends.
    pub start: usize,
    pub head_end: usize,
    pub end: usize,
    /// It has `Expect: 100-continue`.
    pub expects: bool,
    /// The answers that are right.
    pub finals: Vec<Final>,
    pub then: Then,
    /// The client says that it is the last.
    pub asks_to_close: bool,
    /// A client that half-closes is taken to have left.
    pub is_job: bool,
    /// Jobs read the body of the answer.
    pub is_cold: bool,
    /// Its body is collected.
    pub is_collected: bool,
    /// The next request follows without anything between them.
    pub is_joined: bool,
}

impl Asked {
    /// A request for little, at these offsets.
    pub(super) fn small(start: usize, end: usize) -> Asked {
        Asked {
            what: "GET /small".to_owned(),
            method: Method::Get,
            start,
            head_end: end,
            end,
            expects: false,
            finals: vec![Final::whole(200, SMALL)],
            then: Then::Persists,
            asks_to_close: false,
            is_job: false,
            is_cold: false,
            is_collected: false,
            is_joined: false,
        }
    }
}

/// A final response.
#[derive(Clone, Debug)]
pub(super) struct Final {
    pub status: u16,
    /// The body; `None` if any will do.
    pub body: Option<Vec<u8>>,
    /// It never comes whole.
    pub is_cut: bool,
}

/// What becomes of the connection after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Persists,
    /// The answer says which.
    MayClose,
    /// It may be closed although the answer did not say so.
    MayCloseUnsaid,
    Closes,
}

impl Final {
    pub(super) fn whole(status: u16, body: impl Into<Vec<u8>>) -> Final {
        Final {
            status,
            body: Some(body.into()),
            is_cut: false,
        }
    }

    pub(super) fn cut(status: u16, body: Vec<u8>) -> Final {
        Final {
            status,
            body: Some(body),
            is_cut: true,
        }
    }

    pub(super) fn error(status: u16) -> Final {
        Final {
            status,
            body: None,
            is_cut: false,
        }
    }
}

/// A request's body as it is going to be sent.
pub(super) struct Body {
    pub data: Vec<u8>,
    pub is_chunked: bool,
    /// The chunks' framing is broken.
    pub is_broken: bool,
}

/// Writes a random request behind `bytes`.
pub(super) fn write(random: &mut Random, limits: &Limits, bytes: &mut Vec<u8>) -> Asked {
    let kind = random.weighted(KINDS);
    let http10 = random.percent(12);
    let is_head = random.percent(6);
    let length = random.pick(&[0, 1, 5, 900, 5000, 30_000]);
    let length = random.between(length / 2, length);
    let target = target(kind, length, random);
    let body = body(random, limits, kind, http10);
    let expects = body.as_ref().is_some_and(|body| !body.data.is_empty()) && random.percent(25);
    let start = bytes.len();
    if random.percent(5) {
        bytes.extend_from_slice(b"\r\n");
    }
    let method = method(kind, body.is_some(), is_head);
    let asks_to_close = random.percent(if http10 { 50 } else { 6 });
    let mut head = format!(
        "{} {target} HTTP/1.{}\r\nHost: a\r\n",
        method.as_str(),
        u8::from(!http10)
    );
    head.push_str(match (asks_to_close, http10) {
        (true, true) if random.percent(50) => "",
        (true, _) => "Connection: close\r\n",
        (false, true) => "Connection: keep-alive\r\n",
        (false, false) => "",
    });
    if expects {
        head.push_str("Expect: 100-continue\r\n");
    }
    if random.percent(25) {
        head.push_str(&padding(random, limits));
    }
    match &body {
        Some(body) if body.is_chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
        Some(body) => head.push_str(&format!("Content-Length: {}\r\n", body.data.len())),
        None => {}
    }
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(b"\r\n");
    let head_end = bytes.len();
    body.iter().for_each(|body| write_body(body, random, bytes));
    let mut asked = Asked {
        what: format!("{} {target}", method.as_str()),
        method,
        start,
        head_end,
        end: bytes.len(),
        expects: expects && !http10,
        finals: Vec::new(),
        then: Then::Persists,
        asks_to_close,
        is_job: kind.is_job(),
        is_cold: matches!(kind, Kind::Cold | Kind::Parts),
        is_collected: false,
        is_joined: false,
    };
    expect(&mut asked, kind, length, body.as_ref(), &target, limits);
    if asks_to_close
        || (http10 && kind.is_endless() && asked.finals.iter().any(|f| f.status == 200))
    {
        asked.then = Then::Closes;
    }
    if is_head {
        bare(&mut asked);
    }
    asked
}

fn method(kind: Kind, has_body: bool, is_head: bool) -> Method {
    match (has_body, is_head) {
        (_, true) => Method::Head,
        _ if kind == Kind::WrongMethod => Method::Put,
        (true, _) => Method::Post,
        (false, _) => Method::Get,
    }
}

/// A field that makes a head longer, up to nearly all that a head may have.
fn padding(random: &mut Random, limits: &Limits) -> String {
    let most = limits.head_bytes_max - 400;
    let most = if random.percent(50) {
        most.min(700)
    } else {
        most
    };
    format!("X-Pad: {}\r\n", "p".repeat(random.between(1, most)))
}

/// Pipelined small requests, more than a connection may have answered in one turn.
pub(super) fn write_burst(random: &mut Random, bytes: &mut Vec<u8>) -> Vec<Asked> {
    let count = random.between(65, 150);
    let one = |index| {
        let start = bytes.len();
        bytes.extend_from_slice(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n");
        Asked {
            is_joined: index + 1 < count,
            ..Asked::small(start, bytes.len())
        }
    };
    (0..count).map(one).collect()
}

/// Writes something that is to be refused.
pub(super) fn write_malformed(random: &mut Random, limits: &Limits, bytes: &mut Vec<u8>) -> Asked {
    let long = "x".repeat(limits.target_bytes_max + 1);
    let large = "x".repeat(limits.head_bytes_max);
    let many: String = (0..=limits.fields_max)
        .map(|n| format!("X-{n}: 1\r\n"))
        .collect();
    let post = |version, rest| format!("POST /collect HTTP/{version}\r\nHost: a\r\n{rest}");
    let table: [(u16, String); 16] = [
        (400, "GET /small HTTP/1.1\r\n\r\n".into()),
        (
            400,
            "GET /small HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".into(),
        ),
        (505, "GET /small HTTP/2.0\r\nHost: a\r\n\r\n".into()),
        (400, "GET /sm all HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        (400, "GET /small HTTP/1.1\nHost: a\n\n".into()),
        (400, "G(T /small HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        (
            400,
            post("1.1", "Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
        ),
        (
            400,
            post(
                "1.1",
                "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
        ),
        (400, post("1.1", "Transfer-Encoding: gzip\r\n\r\n")),
        (
            400,
            post("1.0", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        (
            400,
            "GET /small HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n".into(),
        ),
        (400, "GET /small HTTP/1.1\r\nHost : a\r\n\r\n".into()),
        (
            417,
            post("1.1", "Expect: more\r\nContent-Length: 1\r\n\r\na"),
        ),
        (414, format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")),
        (
            431,
            format!("GET /small HTTP/1.1\r\nHost: a\r\nX: {large}\r\n\r\n"),
        ),
        (431, format!("GET /small HTTP/1.1\r\nHost: a\r\n{many}\r\n")),
    ];
    let index = random.below(table.len());
    let (status, text) = &table[index];
    let start = bytes.len();
    bytes.extend_from_slice(text.as_bytes());
    Asked {
        what: format!("malformed {index}"),
        finals: vec![Final::error(*status)],
        then: Then::Closes,
        ..Asked::small(start, bytes.len())
    }
}

fn target(kind: Kind, length: usize, random: &mut Random) -> String {
    let pieces = random.between(1, 5);
    match kind {
        Kind::Small => "/small".into(),
        Kind::Version => "/version".into(),
        Kind::User => format!("/users/{}", random.below(1000)),
        Kind::Collect => "/collect".into(),
        Kind::Echo => "/echo".into(),
        Kind::Beat => "/beat".into(),
        Kind::Shared => "/shared".into(),
        Kind::File => "/file".into(),
        Kind::Cold => format!("/cold/{length}"),
        Kind::Parts => "/parts".into(),
        Kind::Bye => "/bye".into(),
        Kind::Early => "/early".into(),
        Kind::Drop => "/drop".into(),
        Kind::Ignore => format!("/ignore/{length}"),
        Kind::Missing => "/missing".into(),
        Kind::WrongMethod => "/post".into(),
        Kind::Panic => "/panic".into(),
        Kind::Stream => format!("/stream/{length}"),
        Kind::Sized => format!("/sized/{length}"),
        Kind::Short => format!("/short/{length}"),
        Kind::Torn => "/torn".into(),
        Kind::StreamPanic => format!("/stream-panic/{length}"),
        Kind::Later => format!("/later/{pieces}"),
        Kind::Ticks => format!("/ticks/{pieces}"),
        Kind::Job => format!("/job/{}", random.below(100_000)),
        Kind::Answer => format!("/answer/{}", random.below(100_000)),
        Kind::LargeJob => format!("/job-large/{length}"),
        Kind::JobStream => format!("/job-stream/{length}"),
        Kind::JobPanic => "/job-panic".into(),
        Kind::Then => format!("/then/{}", random.below(100_000)),
        Kind::Task => format!("/task/{length}"),
    }
}

fn body(random: &mut Random, limits: &Limits, kind: Kind, http10: bool) -> Option<Body> {
    let often = matches!(
        kind,
        Kind::Collect | Kind::Echo | Kind::Beat | Kind::Drop | Kind::Ignore | Kind::Early
    );
    if !random.percent(if often { 90 } else { 10 }) {
        return None;
    }
    let most = random.pick(&[0, 1, 10, 600, 3000, 20_000]);
    let mut length = random
        .between(most / 2, most)
        .min(limits.body_bytes_max as usize);
    if random.percent(3) {
        length = limits.body_bytes_max as usize + 1;
    }
    let is_chunked = !http10 && random.percent(50);
    let data = (0..length).map(|at| b'A' + ((at * 7) % 26) as u8).collect();
    Some(Body {
        data,
        is_chunked,
        is_broken: is_chunked && random.percent(4),
    })
}

fn write_body(body: &Body, random: &mut Random, bytes: &mut Vec<u8>) {
    if !body.is_chunked {
        bytes.extend_from_slice(&body.data);
        return;
    }
    let most = random.pick(&[10, 500, 30_000]).max(body.data.len() / 50);
    let mut rest = &body.data[..];
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(random.between(1, most).min(rest.len()));
        let extension = if random.percent(10) { ";a=b" } else { "" };
        bytes.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
        rest = after;
    }
    let end: &[u8] = match (body.is_broken, random.percent(20)) {
        (true, _) => b"zz\r\n",
        (_, true) => b"0\r\nX-Trailer: 1\r\n\r\n",
        _ => b"0\r\n\r\n",
    };
    bytes.extend_from_slice(end);
}
