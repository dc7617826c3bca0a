//! Several parts of a file in one body (RFC 9110 section 14.6), and `Content-Range` (section 14.4).
//!
//! Owns the text around the parts, to the byte, so that the length is known before anything is sent.
//! Must not know how the parts themselves are read and sent.

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
