//! Parsing of request heads against httparse: `ours` has every check and recognises field names;
//! `httparse` is httparse alone; `httparse_with_checks` adds to it most of what `ours` does
//! besides.
//!
//! Run with `cargo bench -p reactor --bench parse`.

use std::hint::black_box;
use std::mem::MaybeUninit;

use divan::Bencher;
use reactor::http::{FieldName, Framing, uri};
use reactor::limits::Limits;
use reactor::proto::h1::framing::{self, FramingFields};
use reactor::proto::h1::{BodyReader, HeadParser};

/// What wrk sends.
const WRK: &str = "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

/// What curl sends.
const CURL: &str = "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\
    User-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n";

/// What a browser sends, with a few cookies.
const BROWSER: &str = "GET /assets/images/logo.svg?v=20260114 HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n\
    Accept: image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5\r\n\
    Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Connection: keep-alive\r\n\
    Referer: https://www.example.com/products/overview\r\n\
    Cookie: session=4f2b8c1e9a7d4e6fb3a05c8d7e1f2a3b; theme=dark; consent=necessary.statistics\r\n\
    Sec-Fetch-Dest: image\r\n\
    Sec-Fetch-Mode: no-cors\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    If-None-Match: \"5f3a-62d1c0a8e4b40\"\r\n\
    If-Modified-Since: Wed, 14 Jan 2026 09:30:00 GMT\r\n\
    Priority: u=5, i\r\n\r\n";

const HEADS: [&str; 3] = [WRK, CURL, BROWSER];

/// The lengths of the heads, to show in the results.
const LENGTHS: [usize; 3] = [WRK.len(), CURL.len(), BROWSER.len()];

fn main() {
    divan::main();
}

#[divan::bench(args = LENGTHS, sample_size = 2000)]
fn ours(bencher: Bencher<'_, '_>, len: usize) {
    let limits = Limits::default();
    let mut parser = HeadParser::default();
    let mut fields = Vec::with_capacity(limits.fields_max);
    let text = head(len);
    bencher.bench_local(|| {
        let head = parser.parse_request(black_box(text), &mut fields, &limits);
        black_box(&fields);
        head
    });
}

#[divan::bench(args = LENGTHS, sample_size = 2000)]
fn httparse(bencher: Bencher<'_, '_>, len: usize) {
    let text = head(len);
    bencher.bench_local(|| {
        let mut headers = [const { MaybeUninit::uninit() }; 100];
        let mut request = httparse::Request::new(&mut []);
        let len = request.parse_with_uninit_headers(black_box(text), &mut headers);
        black_box(&request);
        len
    });
}

#[divan::bench(args = LENGTHS, sample_size = 2000)]
fn httparse_with_checks(bencher: Bencher<'_, '_>, len: usize) {
    let mut fields = Vec::with_capacity(100);
    let text = head(len);
    bencher.bench_local(|| {
        let framing = checked(black_box(text), &mut fields);
        black_box(&fields);
        framing
    });
}

/// A head of 16 KiB in one piece.
#[divan::bench]
fn ours_16k_whole(bencher: Bencher<'_, '_>) {
    let limits = Limits::default();
    let text = long_head(&limits);
    let mut fields = Vec::with_capacity(limits.fields_max);
    bencher.bench_local(|| {
        HeadParser::default().parse_request(black_box(&text), &mut fields, &limits)
    });
}

/// The same, a byte at a time: linear if it costs a few nanoseconds a byte.
#[divan::bench]
fn ours_16k_dripped(bencher: Bencher<'_, '_>) {
    let limits = Limits::default();
    let text = long_head(&limits);
    let mut fields = Vec::with_capacity(limits.fields_max);
    bencher.bench_local(|| {
        let mut parser = HeadParser::default();
        (1..=text.len())
            .filter_map(|len| {
                parser
                    .parse_request(&text[..len], &mut fields, &limits)
                    .ok()?
            })
            .count()
    });
}

/// A chunked body of 16 chunks of 1 KiB.
#[divan::bench]
fn chunked(bencher: Bencher<'_, '_>) {
    let limits = Limits::default();
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    let body = format!("{}0\r\n\r\n", chunk.repeat(16));
    bencher.bench_local(|| {
        let mut reader = BodyReader::new(Framing::Chunked, u64::MAX);
        let (mut rest, mut data) = (black_box(body.as_bytes()), 0);
        while let Ok(step) = reader.read(rest, &limits) {
            data += step.data.len();
            rest = &rest[step.used..];
            if step.end {
                break;
            }
        }
        data
    });
}

fn head(len: usize) -> &'static [u8] {
    HEADS
        .iter()
        .find(|head| head.len() == len)
        .expect("a head of this length")
        .as_bytes()
}

fn long_head(limits: &Limits) -> Vec<u8> {
    let mut text = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: ".to_vec();
    text.resize(limits.head_bytes_max - 4, b'c');
    text.extend(b"\r\n\r\n");
    text
}

/// A parsed field: its id, name and value.
type KnownHeader<'a> = (FieldName, &'a str, &'a [u8]);

/// httparse and the checks that it leaves to its caller.
fn checked<'a>(buf: &'a [u8], fields: &mut Vec<KnownHeader<'a>>) -> Option<Framing> {
    let mut headers = [const { MaybeUninit::uninit() }; 100];
    let mut request = httparse::Request::new(&mut []);
    let len = request.parse_with_uninit_headers(buf, &mut headers).ok()?;
    let httparse::Status::Complete(len) = len else {
        return None;
    };
    let head = &buf[..len];
    if memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head[at - 1] != b'\r') {
        return None;
    }
    if request.path?.contains('#') {
        return None;
    }
    let (mut framing, mut has_host) = (FramingFields::default(), false);
    fields.clear();
    for header in request.headers.iter() {
        let id = FieldName::from_bytes(header.name.as_bytes());
        match id {
            FieldName::Host if !has_host => {
                uri::split_authority(header.value)?;
                has_host = true;
            }
            FieldName::ContentLength if framing.length.is_none() => {
                framing.length = Some(framing::content_length(header.value).ok()?);
            }
            FieldName::TransferEncoding if !framing.chunked => {
                framing::transfer_encoding(header.value).ok()?;
                framing.chunked = true;
            }
            FieldName::Host | FieldName::ContentLength | FieldName::TransferEncoding => {
                return None;
            }
            _ => {}
        }
        fields.push((id, header.name, header.value));
    }
    has_host.then(|| framing::request(framing).ok()).flatten()
}
