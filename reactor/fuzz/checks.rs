//! What must hold for any bytes; called by the fuzz targets and, for the corpus and for generated
//! input, by `tests/corpus.rs`.

use reactor::http::{Field, Framing, Method, RequestHead, Version, uri};
use reactor::limits::Limits;
use reactor::proto::h1::{BodyReader, HeadParser, Violation};

/// Bytes of a body that the chunked check allows.
const BODY_BYTES_MAX: u64 = 1 << 16;

/// A request head comes to the same however it arrives, and to the same as with httparse, but for
/// what is refused for a listed reason that must be there.
pub fn request_head(text: &[u8]) {
    let limits = Limits::default();
    let ours = parse(text, &[text.len()], &limits);
    for cuts in all_cuts(text) {
        assert_eq!(parse(text, &cuts, &limits), ours, "{}", text.escape_ascii());
    }
    let mut headers = [httparse::EMPTY_HEADER; 1024];
    let mut request = httparse::Request::new(&mut headers);
    let theirs = request.parse(text);
    let shown = text.escape_ascii();
    match (ours, theirs) {
        (Ok(Some((head, fields))), Ok(httparse::Status::Complete(len))) => {
            assert_eq!(head.len, len, "{shown}");
            assert_same(text, &head, &fields, &request);
        }
        (Err(violation), Ok(httparse::Status::Complete(len))) => assert!(
            is_reason(violation, &text[..len], &request, &limits),
            "no reason for {violation:?}: {shown}"
        ),
        (Err(_), _) | (Ok(None), Ok(httparse::Status::Partial)) => {}
        // httparse refuses HTTP/2 at the 2; ours waits for its last digit, to answer with 505.
        (Ok(None), Err(httparse::Error::Version)) => {
            let version = text.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
            assert!(
                version.starts_with(b"HTTP/") && version.len() < 8,
                "{shown}"
            );
        }
        (ours, theirs) => panic!("{ours:?} against {theirs:?}: {shown}"),
    }
}

/// A chunked body comes to the same however it arrives, and to the same as with a naive reader.
pub fn chunked(text: &[u8]) {
    let limits = Limits::default();
    let ours = read(text, &[text.len()], &limits);
    let shown = text.escape_ascii();
    for cuts in all_cuts(text) {
        assert_eq!(read(text, &cuts, &limits), ours, "{shown}");
    }
    match (&ours.1, naive_chunked(text, &limits)) {
        (Ok(Some(used)), Naive::Complete(data, len)) => {
            assert_eq!((&ours.0, *used), (&data, len), "{shown}");
        }
        (Ok(None), Naive::Incomplete) | (Err(_), Naive::Refused) => {}
        // What is refused before its line is complete must be refused however the line goes on.
        (Err(_), Naive::Incomplete) => {
            for rest in RESTS {
                let longer = [text, rest].concat();
                let naive = naive_chunked(&longer, &limits);
                assert!(
                    !matches!(naive, Naive::Complete(..)),
                    "refused early: {shown}"
                );
            }
        }
        (ours, naive) => panic!("{ours:?} against {naive:?}: {shown}"),
    }
}

/// A path comes to the same as with a naive normaliser, and is then in its normal form.
pub fn normalise(path: &[u8]) {
    let mut out = vec![];
    let result = uri::normalise(path, &mut out);
    let shown = path.escape_ascii();
    let naive = naive_normalise(path);
    if result.is_err() {
        assert_eq!(naive, None, "{shown}");
        assert!(uri::needs_normalising(path) || path[0] != b'/', "{shown}");
        return;
    }
    assert_eq!(naive.as_ref(), Some(&out), "{shown}");
    assert!(out.len() <= path.len(), "{shown}");
    assert!(uri::needs_normalising(path) || out == path, "{shown}");
    let mut again = vec![];
    assert_eq!(uri::normalise(&out, &mut again), Ok(()), "{shown}");
    assert_eq!(again, out, "{shown}");
}

/// Ways to cut a text: after each byte, and at some places that its own bytes choose.
fn all_cuts(text: &[u8]) -> [Vec<usize>; 3] {
    let mut state = text.iter().fold(text.len() as u64 | 1, |state, byte| {
        (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut random = |count: usize| {
        let mut cuts: Vec<usize> = (0..count)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 33) as usize % (text.len() + 1)
            })
            .collect();
        cuts.push(text.len());
        cuts.sort_unstable();
        cuts
    };
    let few = random(2);
    let more = random(8);
    [(0..=text.len()).collect(), few, more]
}

type Parsed = Result<Option<(RequestHead, Vec<Field>)>, Violation>;

/// Parses a request of which so many bytes have arrived at each call.
fn parse(text: &[u8], arrived: &[usize], limits: &Limits) -> Parsed {
    let (mut parser, mut fields) = (HeadParser::default(), vec![]);
    for len in arrived {
        if let Some(head) = parser.parse_request(&text[..*len], &mut fields, limits)? {
            return Ok(Some((head, fields)));
        }
    }
    Ok(None)
}

/// What both parsers found must be the same.
fn assert_same(
    text: &[u8],
    head: &RequestHead,
    fields: &[Field],
    request: &httparse::Request<'_, '_>,
) {
    let version = match request.version {
        Some(0) => Version::Http10,
        _ => Version::Http11,
    };
    assert_eq!(head.version, version);
    let method = request.method.unwrap_or_default().as_bytes();
    assert_eq!(head.method, Method::from_bytes(method));
    assert_eq!(head.method_text.of(text), method);
    let target = request.path.unwrap_or_default().as_bytes();
    assert_eq!(head.target.of(text), target);
    let ours: Vec<_> = fields
        .iter()
        .map(|field| (field.name.of(text), field.value.of(text)))
        .collect();
    let theirs: Vec<_> = request
        .headers
        .iter()
        .map(|header| (header.name.as_bytes(), header.value))
        .collect();
    assert_eq!(ours, theirs);
    for field in fields {
        let name = field.name.of(text).to_ascii_lowercase();
        let known = field.id.as_str().as_bytes();
        assert!(known.is_empty() || known == name);
    }
}

/// Whether a head that httparse accepts gives this reason to refuse it.
fn is_reason(
    violation: Violation,
    head: &[u8],
    request: &httparse::Request<'_, '_>,
    limits: &Limits,
) -> bool {
    let method = request.method.unwrap_or_default();
    let target = request.path.unwrap_or_default();
    let values = |name: &str| {
        let values = request
            .headers
            .iter()
            .filter(|h| h.name.eq_ignore_ascii_case(name));
        values.map(|h| h.value).collect::<Vec<_>>()
    };
    let is_simple =
        |value: &&[u8]| value.iter().all(u8::is_ascii_alphanumeric) && !value.is_empty();
    let (hosts, lengths) = (values("host"), values("content-length"));
    let (encodings, expectations) = (values("transfer-encoding"), values("expect"));
    match violation {
        Violation::LineEnd => {
            head.first() == Some(&b'\n') || {
                head.windows(2)
                    .any(|pair| pair[1] == b'\n' && pair[0] != b'\r')
            }
        }
        Violation::RequestLine => head.starts_with(b"\r\n\r"),
        Violation::Method => method.len() > 32,
        Violation::Target => {
            !target.is_ascii()
                || target.contains('#')
                || !target.starts_with('/')
                || method == "CONNECT"
        }
        Violation::TargetTooLong => target.len() > limits.target_bytes_max,
        Violation::HeadTooLarge => head.len() > limits.head_bytes_max,
        Violation::TooManyFields => request.headers.len() > limits.fields_max,
        Violation::HostMissing => hosts.is_empty() && request.version == Some(1),
        Violation::HostRepeated => hosts.len() > 1,
        Violation::HostInvalid => !hosts
            .iter()
            .all(|host| is_simple(host) && host.len() <= uri::HOST_BYTES_MAX),
        Violation::LengthInvalid => lengths.iter().any(|value| naive_length(value).is_none()),
        Violation::LengthRepeated => lengths.len() > 1 || lengths.iter().any(|v| v.contains(&b',')),
        Violation::LengthWithEncoding => !lengths.is_empty() && !encodings.is_empty(),
        Violation::Encoding => {
            encodings.len() > 1 || !encodings.iter().all(|v| v.eq_ignore_ascii_case(b"chunked"))
        }
        Violation::EncodingInHttp10 => !encodings.is_empty() && request.version == Some(0),
        Violation::Expectation => !expectations
            .iter()
            .all(|v| v.eq_ignore_ascii_case(b"100-continue")),
        _ => false,
    }
}

/// A length in decimal digits.
fn naive_length(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    if text.starts_with('+') {
        None
    } else {
        text.parse().ok()
    }
}

/// The data of a chunked body, and the bytes it took if it is complete.
type Body = (Vec<u8>, Result<Option<usize>, Violation>);

/// Reads a chunked body of which so many bytes have arrived at each call.
fn read(text: &[u8], arrived: &[usize], limits: &Limits) -> Body {
    let mut reader = BodyReader::new(Framing::Chunked, BODY_BYTES_MAX);
    let (mut data, mut used) = (vec![], 0);
    for len in arrived {
        loop {
            let step = match reader.read(&text[used..*len], limits) {
                Ok(step) => step,
                Err(violation) => return (data, Err(violation)),
            };
            data.extend_from_slice(&text[used..][step.data]);
            used += step.used;
            if step.end {
                return (data, Ok(Some(used)));
            }
            if step.used == 0 {
                break;
            }
        }
    }
    (data, Ok(None))
}

/// What a naive reader makes of a chunked body.
#[derive(Debug)]
enum Naive {
    Complete(Vec<u8>, usize),
    Incomplete,
    Refused,
}

/// Ways for an incomplete body to go on.
const RESTS: [&[u8]; 7] = [
    b"0\r\n\r\n",
    b"\r\n0\r\n\r\n",
    b"\n0\r\n\r\n",
    b"\r\n\r\n",
    b"\n\r\n",
    b"\n",
    b":\r\n\r\n",
];

/// Reads a chunked body line by line.
fn naive_chunked(text: &[u8], limits: &Limits) -> Naive {
    let (mut rest, mut data) = (text, vec![]);
    loop {
        let line = match take_line(&mut rest) {
            Ok(line) => line,
            Err(naive) => return naive,
        };
        let size = match naive_size(line, limits) {
            Some(size) if size + data.len() as u64 <= BODY_BYTES_MAX => size as usize,
            _ => return Naive::Refused,
        };
        if size == 0 {
            break;
        }
        let Some((chunk, after)) = rest.split_at_checked(size) else {
            return Naive::Incomplete;
        };
        data.extend_from_slice(chunk);
        match after {
            [b'\r', b'\n', after @ ..] => rest = after,
            [] | [b'\r'] => return Naive::Incomplete,
            _ => return Naive::Refused,
        }
    }
    let trailers = rest.len();
    loop {
        let line = match take_line(&mut rest) {
            Ok(line) => line,
            Err(naive) => return naive,
        };
        if trailers - rest.len() > limits.trailer_bytes_max {
            return Naive::Refused;
        }
        if line.is_empty() {
            return Naive::Complete(data, text.len() - rest.len());
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return Naive::Refused;
        };
        let is_name = colon > 0 && line[..colon].iter().all(|byte| is_token_byte(*byte));
        if !is_name || !line[colon..].iter().all(|byte| is_text_byte(*byte)) {
            return Naive::Refused;
        }
    }
}

/// Takes a line off the front of `rest`, and its CR LF.
fn take_line<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Naive> {
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
        return Err(Naive::Incomplete);
    };
    let (line, after) = (&rest[..end], &rest[end + 1..]);
    *rest = after;
    line.strip_suffix(b"\r").ok_or(Naive::Refused)
}

/// The size in a size line.
fn naive_size(line: &[u8], limits: &Limits) -> Option<u64> {
    let end = line
        .iter()
        .position(|byte| *byte == b';')
        .unwrap_or(line.len());
    let (digits, extensions) = line.split_at(end);
    let fits = line.len() <= limits.chunk_line_bytes_max
        && (1..=16).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_hexdigit)
        && extensions.iter().all(|byte| is_text_byte(*byte));
    if !fits {
        return None;
    }
    let size = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (size <= BODY_BYTES_MAX).then_some(size)
}

/// `tchar` (RFC 9110 section 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What field values and extensions are made of.
fn is_text_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..=0xff)
}

/// Decodes first, then follows RFC 3986 section 5.2.4 segment by segment.
fn naive_normalise(path: &[u8]) -> Option<Vec<u8>> {
    if path.is_empty() {
        return Some(vec![]);
    }
    let decoded = naive_decode(path.strip_prefix(b"/")?)?;
    let mut stack: Vec<&[u8]> = vec![];
    let segments: Vec<_> = decoded.split(|byte| *byte == b'/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        match *segment {
            b".." => {
                stack.pop()?;
            }
            b"." => {}
            _ => {
                stack.push(segment);
                continue;
            }
        }
        if is_last {
            stack.push(b"");
        }
    }
    Some([b"/", &stack.join(&b'/')[..]].concat())
}

/// Decodes escapes of unreserved characters, and writes the others with upper-case digits.
fn naive_decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![];
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'%' {
            out.push(text[at]);
            at += 1;
            continue;
        }
        let digits = std::str::from_utf8(text.get(at + 1..at + 3)?).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        match u8::from_str_radix(digits, 16).ok()? {
            0 => return None,
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => out.push(byte),
            byte => out.extend(format!("%{byte:02X}").bytes()),
        }
        at += 3;
    }
    Some(out)
}
