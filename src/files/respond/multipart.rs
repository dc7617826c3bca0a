//! Several parts of a file in one body (RFC 9110 section 14.6), and `Content-Range` (section 14.4).
//!
//! Owns the text around the parts, to the byte, so that the length is known before anything is
//! sent. Must not know how the parts themselves are read and sent.

use super::ranges::Part;

/// A body of the type `multipart/byteranges`.
#[derive(Debug)]
pub struct Multipart {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// The value of `Content-Length`: the bytes of all pieces.
    pub content_length: u64,
    /// The body, in order.
    pub pieces: Vec<Piece>,
}

/// What is sent next in such a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// This text.
    Text(Vec<u8>),
    /// This part of the file.
    Part(Part),
}

impl Multipart {
    /// The body with these parts of a file that has this content type and length. Its boundary is
    /// made of `random`: 128 bits that nobody can guess are not in the file.
    pub fn new(parts: &[Part], content_type: &[u8], length: u64, random: [u64; 2]) -> Multipart {
        let boundary = format!("{:016x}{:016x}", random[0], random[1]);
        let mut pieces = Vec::with_capacity(2 * parts.len() + 1);
        let mut line_end = "";
        for part in parts {
            let mut head = format!("{line_end}--{boundary}\r\nContent-Type: ").into_bytes();
            head.extend_from_slice(content_type);
            head.extend_from_slice(b"\r\nContent-Range: ");
            head.extend_from_slice(content_range(*part, length).as_bytes());
            head.extend_from_slice(b"\r\n\r\n");
            pieces.push(Piece::Text(head));
            pieces.push(Piece::Part(*part));
            line_end = "\r\n";
        }
        let end = format!("{line_end}--{boundary}--\r\n");
        pieces.push(Piece::Text(end.into_bytes()));
        Multipart {
            content_type: format!("multipart/byteranges; boundary={boundary}"),
            content_length: pieces.iter().map(Piece::length).sum(),
            pieces,
        }
    }
}

impl Piece {
    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        match self {
            Piece::Text(text) => text.len() as u64,
            Piece::Part(part) => part.length(),
        }
    }
}

/// The value of `Content-Range` for a part of a file of `length` bytes: `bytes 0-499/1234`.
pub fn content_range(part: Part, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.start, part.end - 1)
}

/// The value of `Content-Range` where no part of a file of `length` bytes was asked for, with 416:
/// `bytes */1234`.
pub fn unsatisfied(length: u64) -> String {
    format!("bytes */{length}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: [u64; 2] = [0x0123_4567_89ab_cdef, 0x42];
    const BOUNDARY: &str = "0123456789abcdef0000000000000042";

    fn part(start: u64, end: u64) -> Part {
        Part { start, end }
    }

    /// The body as it is sent of this file.
    fn sent(multipart: &Multipart, file: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        for piece in &multipart.pieces {
            match piece {
                Piece::Text(text) => body.extend_from_slice(text),
                Piece::Part(part) => {
                    body.extend_from_slice(&file[part.start as usize..part.end as usize]);
                }
            }
        }
        body
    }

    fn find(text: &[u8], what: &[u8]) -> Option<usize> {
        text.windows(what.len()).position(|window| window == what)
    }

    /// Reads a body as clients do (RFC 2046 section 5.1.1): the head and the bytes of each part.
    fn read(content_type: &str, body: &[u8]) -> Vec<(Vec<String>, Vec<u8>)> {
        let boundary = content_type
            .strip_prefix("multipart/byteranges; boundary=")
            .unwrap();
        let delimiter = format!("\r\n--{boundary}");
        // The first delimiter has no line before it.
        let mut rest = [b"\r\n", body].concat();
        let mut parts = Vec::new();
        assert_eq!(find(&rest, delimiter.as_bytes()), Some(0));
        loop {
            rest = rest.split_off(delimiter.len());
            if rest.starts_with(b"--") {
                assert_eq!(rest, b"--\r\n");
                return parts;
            }
            assert!(rest.starts_with(b"\r\n"));
            let end = find(&rest, delimiter.as_bytes()).unwrap();
            let behind = rest.split_off(end);
            let head_end = find(&rest, b"\r\n\r\n").unwrap();
            let content = rest.split_off(head_end + 4);
            let head = String::from_utf8(rest).unwrap();
            let head = head.trim().lines().map(str::to_owned).collect();
            parts.push((head, content));
            rest = behind;
        }
    }

    /// Section 14.4.
    #[test]
    fn content_range_names_first_and_last_byte() {
        assert_eq!(content_range(part(0, 500), 1234), "bytes 0-499/1234");
        assert_eq!(content_range(part(734, 1234), 1234), "bytes 734-1233/1234");
        assert_eq!(content_range(part(0, 1), 1), "bytes 0-0/1");
        assert_eq!(
            content_range(part(1 << 32, (1 << 32) + 1), 1 << 33),
            "bytes 4294967296-4294967296/8589934592"
        );
        assert_eq!(unsatisfied(1234), "bytes */1234");
        assert_eq!(unsatisfied(0), "bytes */0");
        assert_eq!(unsatisfied(1 << 33), "bytes */8589934592");
    }

    /// Section 14.6.
    #[test]
    fn a_body_is_this_text() {
        let multipart = Multipart::new(&[part(1, 3), part(9, 10)], b"text/plain", 10, RANDOM);
        let expected = format!(
            "--{BOUNDARY}\r\n\
             Content-Type: text/plain\r\n\
             Content-Range: bytes 1-2/10\r\n\
             \r\n\
             bc\r\n\
             --{BOUNDARY}\r\n\
             Content-Type: text/plain\r\n\
             Content-Range: bytes 9-9/10\r\n\
             \r\n\
             j\r\n\
             --{BOUNDARY}--\r\n"
        );
        assert_eq!(
            multipart.content_type,
            format!("multipart/byteranges; boundary={BOUNDARY}")
        );
        assert_eq!(sent(&multipart, b"abcdefghij"), expected.as_bytes());
        assert_eq!(multipart.content_length, expected.len() as u64);
    }

    #[test]
    fn a_reader_finds_the_parts() {
        let content_type = b"text/html; charset=utf-8";
        // Lines and dashes, as the delimiters have.
        let file: Vec<u8> = b"\r\n--0123456789abcdef\r\n\r\n--\xff\0".repeat(40);
        let length = file.len() as u64;
        for parts in [
            vec![part(0, 2), part(2, length)],
            vec![part(0, 4), part(4, 8), part(0, 1)],
            vec![part(length - 1, length), part(0, 1)],
            (0..32).map(|at| part(at * 20, at * 20 + at + 1)).collect(),
        ] {
            let multipart = Multipart::new(&parts, content_type, length, RANDOM);
            let body = sent(&multipart, &file);
            assert_eq!(multipart.content_length, body.len() as u64);
            let found = read(&multipart.content_type, &body);
            assert_eq!(found.len(), parts.len());
            for ((head, content), part) in found.into_iter().zip(parts) {
                let last = part.end - 1;
                let fields = [
                    "Content-Type: text/html; charset=utf-8".to_owned(),
                    format!("Content-Range: bytes {}-{last}/{length}", part.start),
                ];
                assert_eq!(head, fields);
                assert_eq!(content, file[part.start as usize..part.end as usize]);
            }
        }
    }

    #[test]
    fn lengths_beyond_four_gib_add_up() {
        let length = 1 << 40;
        let parts = [part(0, 5 << 30), part(6 << 30, length)];
        let multipart = Multipart::new(&parts, b"video/mp4", length, RANDOM);
        let text: usize = multipart
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.len(),
                Piece::Part(_) => 0,
            })
            .sum();
        let content = (5 << 30) + length - (6 << 30);
        assert_eq!(multipart.content_length, content + text as u64);
    }

    #[test]
    fn the_boundary_has_all_bits() {
        let multipart = Multipart::new(&[part(0, 1), part(2, 3)], b"a/b", 4, [u64::MAX, 0]);
        let expected = "multipart/byteranges; boundary=ffffffffffffffff0000000000000000";
        assert_eq!(multipart.content_type, expected);
    }
}
