//! Content codings as a client undoes them.

use std::io::Read;

use super::Response;

/// Text of this length: it compresses well, and a mix-up anywhere shows.
pub fn text(length: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(length + 80);
    let mut line = 0_u64;
    while text.len() < length {
        let word = line.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        text.extend(format!("<p>line {line} of the text says {word:x}</p>\n").into_bytes());
        line += 1;
    }
    text.truncate(length);
    text
}

/// What was coded so; fails if it is cut short or has something behind it.
pub fn decode(coding: &str, coded: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    match coding {
        "gzip" => {
            let mut decoder = flate2::bufread::GzDecoder::new(coded);
            decoder.read_to_end(&mut text).unwrap();
            assert!(decoder.into_inner().is_empty(), "bytes behind the end");
        }
        "br" => {
            let mut rest = coded;
            let mut decoder = brotli::Decompressor::new(&mut rest, 4096);
            decoder.read_to_end(&mut text).unwrap();
        }
        "zstd" => text = zstd::decode_all(coded).unwrap(),
        other => panic!("{other} was not asked for"),
    }
    text
}

impl Response {
    /// The coding of the content; `identity` if it is sent as it is.
    pub fn coding(&self) -> &str {
        self.field("content-encoding").unwrap_or("identity")
    }

    /// The content without its coding.
    pub fn decoded(&self) -> Vec<u8> {
        match self.coding() {
            "identity" => self.body.clone(),
            coding => decode(coding, &self.body),
        }
    }
}
