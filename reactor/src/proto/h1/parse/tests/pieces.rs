//! Heads that do not come whole.

use proptest::prelude::*;

use super::*;

/// The resumed pass must not look at bytes again: those that no judgement still needs are
/// overwritten with bytes that would be refused.
#[test]
fn resuming_examines_only_new_bytes() {
    let limits = Limits::default();
    let line = format!("GET /{}?{}", "p".repeat(4_000), "q".repeat(2_000));
    let text = format!(
        "{line} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-{}: {}\r\nCookie: {}\r\n\r\n",
        "n".repeat(100),
        "v".repeat(4_000),
        "c=d; ".repeat(1_000),
    );
    let text = text.as_bytes();
    // Needed are the method and the first byte of the target until the request line ends, names
    // until their colon, lines of fields that frame until they end, and the newest byte.
    let needed = |len: usize| {
        let start = text[..len - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let current = &text[start..len];
        let frames = current.starts_with(b"Ho") || current.starts_with(b"Con");
        match start {
            0 => [0..len.min(5), len.min(line.len() + 1)..len],
            _ if frames || !current.contains(&b':') => [start..len, len..len],
            _ => [len - 1..len, len..len],
        }
    };
    let (mut parser, mut fields) = (HeadParser::default(), vec![]);
    for len in 1..text.len() {
        let mut seen = vec![0; len];
        seen[len - 1] = text[len - 1];
        for range in needed(len) {
            seen[range.clone()].copy_from_slice(&text[range]);
        }
        let result = parser.parse_request(&seen, &mut fields, &limits);
        assert_eq!(result, Ok(None), "{len}");
        assert_eq!(parser.progress.scanned as usize, len);
    }
    let head = parser
        .parse_request(text, &mut fields, &limits)
        .unwrap()
        .unwrap();
    assert_eq!((head.len, head.framing), (text.len(), Framing::Length(5)));
    assert_eq!(fields.len(), 4);
}

/// Pieces of heads, valid and not, to be put together at random.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let texts: Vec<&'static [u8]> = vec![
        b"\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b" ",
        b"\t",
        b":",
        b"|",
        b"\0",
        b"\x7f",
        b"\xff",
        b"GET ",
        b"POST ",
        b"OPTIONS * ",
        b"CONNECT a:1 ",
        b"/",
        b"/a?b ",
        b"http://a:80/b ",
        b"HTTP/1.1\r\n",
        b"HTTP/1.0\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 304\r\n",
        b"HTTP/2.0",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"POST /a?b HTTP/1.0\r\n",
        b"Host: a\r\n",
        b"Host:",
        b"Content-Length: 5\r\n",
        b"content-length:",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding:",
        b"Expect: 100-continue\r\n",
        b"Connection: close, x\r\n",
        b"5, 5",
        b"X-Long-Name-Of-A-Field-Without-An-Id: value with spaces\r\n",
        b"Cookie: a=b; c=d\r\n",
    ];
    prop_oneof![
        8 => prop::sample::select(texts).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ]
}

/// Limits that random heads reach.
fn limits() -> impl Strategy<Value = Limits> {
    (0usize..9, 20usize..400, 1usize..40).prop_map(|(fields, head, target)| Limits {
        fields_max: fields,
        head_bytes_max: head,
        target_bytes_max: target,
        ..Limits::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn pieces_come_to_the_same_as_the_whole(
        fragments in prop::collection::vec(fragment(), 1..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        limits in prop_oneof![Just(Limits::default()), limits()],
    ) {
        let text = fragments.concat();
        let _ = check::<RequestHead>(&text, &limits);
        let _ = check::<ResponseHead>(&text, &limits);
        let mut lengths: Vec<_> = cuts.iter().map(|cut| cut.index(text.len())).collect();
        lengths.push(text.len());
        lengths.sort();
        let (_, result) = pieces::<RequestHead>(&text, lengths.clone(), &limits);
        prop_assert_eq!(result, whole::<RequestHead>(&text, &limits));
        let (_, result) = pieces::<ResponseHead>(&text, lengths, &limits);
        prop_assert_eq!(result, whole::<ResponseHead>(&text, &limits));
    }
}
