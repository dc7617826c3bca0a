//! Codes and decodes: what is made says the same in the decoders of the three crates.

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use super::gzip::Gzip;
use super::zstd::Zstd;
use super::{Coding, Encoder, Encoders, SLICE_BYTES};

/// SplitMix64 (Steele, Lea and Flood, 2014), so that a seed means the same for ever.
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to but not including `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// What reads like a page.
fn text(size: usize) -> Vec<u8> {
    const WORDS: [&str; 12] = [
        "<li class=\"entry\">",
        "</li>\n",
        "<a href=\"/items/",
        "\">",
        "</a>",
        "the ",
        "tide ",
        "gate ",
        "opens ",
        "at ",
        "noon, ",
        "again. ",
    ];
    let mut random = Random::new(size as u64);
    let mut text = Vec::with_capacity(size + 32);
    while text.len() < size {
        text.extend_from_slice(random.pick(&WORDS).as_bytes());
        if random.below(4) == 0 {
            text.extend_from_slice(random.below(10_000).to_string().as_bytes());
        }
    }
    text.truncate(size);
    text
}

/// What cannot be made shorter.
fn noise(size: usize) -> Vec<u8> {
    let mut random = Random::new(size as u64);
    (0..size).map(|_| random.next() as u8).collect()
}

fn zeros(size: usize) -> Vec<u8> {
    vec![0; size]
}

const CONTENTS: [fn(usize) -> Vec<u8>; 3] = [text, noise, zeros];

const SIZES: [usize; 7] = [0, 1, 255, 4096, 16 * 1024, 100_000, 1 << 20];

/// All that a reader of this coding gets, up to the end of the bytes or the first error.
fn decode_some(coding: Coding, coded: &[u8]) -> (Vec<u8>, io::Result<()>) {
    let mut reader: Box<dyn Read + '_> = match coding {
        // Of several members all, so that one too many would be seen.
        Coding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(coded)),
        Coding::Brotli => Box::new(::brotli::Decompressor::new(coded, 4096)),
        Coding::Zstd => Box::new(::zstd::Decoder::with_buffer(coded).unwrap()),
    };
    let mut decoded = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return (decoded, Ok(())),
            Ok(read) => decoded.extend_from_slice(&piece[..read]),
            Err(error) => return (decoded, Err(error)),
        }
    }
}

fn decode(coding: Coding, coded: &[u8]) -> Vec<u8> {
    let (decoded, result) = decode_some(coding, coded);
    result.unwrap();
    decoded
}

fn encode(encoders: &mut Encoders, coding: Coding, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encoders.encode(coding, bytes, &mut out).unwrap();
    out
}

/// Codes in pieces of this size.
fn encode_in_pieces(coding: Coding, bytes: &[u8], piece: usize) -> Vec<u8> {
    let mut encoder = Encoder::new(coding).unwrap();
    let mut out = Vec::new();
    for piece in bytes.chunks(piece) {
        encoder.push(piece, &mut out).unwrap();
    }
    encoder.finish(&mut out).unwrap();
    out
}

#[test]
fn whole_contents_come_back() {
    let mut encoders = Encoders::new();
    for content in CONTENTS {
        for size in SIZES {
            let bytes = content(size);
            for coding in Coding::ALL {
                let coded = encode(&mut encoders, coding, &bytes);
                assert!(
                    decode(coding, &coded) == bytes,
                    "{coding:?}, {size} bytes are others"
                );
            }
        }
    }
}

#[test]
fn contents_in_pieces_come_back() {
    for content in CONTENTS {
        for size in SIZES {
            let bytes = content(size);
            for coding in Coding::ALL {
                for piece in [1000, SLICE_BYTES, size.max(1)] {
                    let coded = encode_in_pieces(coding, &bytes, piece);
                    assert!(
                        decode(coding, &coded) == bytes,
                        "{coding:?}, {size} bytes by {piece} are others"
                    );
                }
            }
        }
    }
}

#[test]
fn contents_come_back_byte_by_byte() {
    for coding in Coding::ALL {
        let bytes = text(5000);
        assert!(decode(coding, &encode_in_pieces(coding, &bytes, 1)) == bytes);
    }
}

#[test]
fn pieces_and_flushes_at_random_come_back() {
    let mut random = Random::new(7);
    for round in 0..60 {
        let coding = random.pick(&Coding::ALL);
        let size = random.below(200_000);
        let bytes = random.pick(&CONTENTS)(size);
        let mut encoder = Encoder::new(coding).unwrap();
        let mut out = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let bound = random.pick(&[2, 300, 20_000, 100_000]);
            let end = bytes.len().min(at + random.below(bound));
            encoder.push(&bytes[at..end], &mut out).unwrap();
            at = end;
            if random.below(4) == 0 {
                encoder.flush(&mut out).unwrap();
            }
        }
        encoder.finish(&mut out).unwrap();
        assert!(
            decode(coding, &out) == bytes,
            "round {round}: {coding:?}, {size} bytes are others"
        );
    }
}

#[test]
fn text_becomes_much_shorter_and_noise_hardly_longer() {
    let mut encoders = Encoders::new();
    for coding in Coding::ALL {
        let (page, noise) = (text(16 * 1024), noise(1 << 20));
        for coded in [
            encode(&mut encoders, coding, &page),
            encode_in_pieces(coding, &page, 1024),
        ] {
            assert!(coded.len() * 3 < page.len(), "{coding:?}: {}", coded.len());
        }
        for coded in [
            encode(&mut encoders, coding, &noise),
            encode_in_pieces(coding, &noise, SLICE_BYTES),
        ] {
            let more = coded.len() - noise.len();
            assert!(more < 1024, "{coding:?}: {more} more");
        }
    }
}

#[test]
fn a_flush_makes_all_decodable() {
    for coding in Coding::ALL {
        for content in CONTENTS {
            let bytes = content(100_000);
            let mut encoder = Encoder::new(coding).unwrap();
            let mut out = Vec::new();
            let mut at = 0;
            for step in [1, 5, 700, 40_000, 3, 59_000] {
                let end = at + step;
                encoder.push(&bytes[at..end], &mut out).unwrap();
                encoder.flush(&mut out).unwrap();
                at = end;
                let (decoded, _) = decode_some(coding, &out);
                assert!(
                    decoded == bytes[..at],
                    "{coding:?}: {} of {at} bytes",
                    decoded.len()
                );
            }
            encoder.finish(&mut out).unwrap();
            assert!(decode(coding, &out) == bytes[..at], "{coding:?}");
        }
    }
}

#[test]
fn a_flush_with_nothing_new_adds_nothing() {
    for coding in Coding::ALL {
        let mut encoder = Encoder::new(coding).unwrap();
        let mut out = Vec::new();
        encoder.flush(&mut out).unwrap();
        assert!(out.is_empty(), "{coding:?}");
        encoder.push(b"noon", &mut out).unwrap();
        encoder.flush(&mut out).unwrap();
        let len = out.len();
        assert!(len > 0, "{coding:?}");
        encoder.flush(&mut out).unwrap();
        encoder.push(b"", &mut out).unwrap();
        encoder.flush(&mut out).unwrap();
        assert_eq!(out.len(), len, "{coding:?}");
        encoder.finish(&mut out).unwrap();
        assert_eq!(decode(coding, &out), b"noon");
    }
}

#[test]
fn an_unfinished_content_is_not_taken_for_a_whole_one() {
    for coding in Coding::ALL {
        let bytes = text(10_000);
        let mut encoder = Encoder::new(coding).unwrap();
        let mut out = Vec::new();
        encoder.push(&bytes, &mut out).unwrap();
        encoder.flush(&mut out).unwrap();
        let (decoded, result) = decode_some(coding, &out);
        assert!(decoded == bytes, "{coding:?}");
        assert!(result.is_err(), "{coding:?}");
    }
}

#[test]
fn what_is_made_does_not_depend_on_what_was_coded_before() {
    let contents: Vec<Vec<u8>> = [300, 16 * 1024, 70_000, 0, 2_000_000, 5, 20_000]
        .into_iter()
        .flat_map(|size| CONTENTS.map(|content| content(size)))
        .collect();
    let mut used = Encoders::new();
    for _ in 0..2 {
        for bytes in &contents {
            for coding in Coding::ALL {
                let fresh = encode(&mut Encoders::new(), coding, bytes);
                let again = encode(&mut used, coding, bytes);
                assert!(fresh == again, "{coding:?}, {} bytes", bytes.len());
            }
        }
    }
}

#[test]
fn a_whole_content_owes_nothing_to_one_that_was_broken_off() {
    let (broken, bytes) = (text(50_000), text(9_000));
    let (mut gzip, mut zstd) = (Gzip::new(), Zstd::new().unwrap());
    let mut out = Vec::new();
    gzip.push(&broken, &mut out).unwrap();
    zstd.push(&broken, &mut out).unwrap();
    zstd.flush(&mut out).unwrap();
    out.clear();
    gzip.encode(&bytes, &mut out).unwrap();
    assert!(out == encode(&mut Encoders::new(), Coding::Gzip, &bytes));
    out.clear();
    zstd.encode(&bytes, &mut out).unwrap();
    assert!(out == encode(&mut Encoders::new(), Coding::Zstd, &bytes));
}

#[test]
fn a_stream_holds_back_little() {
    // Nobody flushes: what was pushed long ago can be decoded all the same.
    let bytes = noise(600_000);
    for (coding, limit) in [
        (Coding::Gzip, 64 * 1024),
        (Coding::Brotli, 16 * 1024),
        (Coding::Zstd, 32 * 1024),
    ] {
        let mut encoder = Encoder::new(coding).unwrap();
        let mut out = Vec::new();
        for (index, piece) in bytes.chunks(10_000).enumerate() {
            encoder.push(piece, &mut out).unwrap();
            let pushed = index * 10_000 + piece.len();
            let (decoded, _) = decode_some(coding, &out);
            let held_back = pushed - decoded.len();
            assert!(held_back < limit, "{coding:?}: {held_back} of {pushed}");
        }
    }
}

#[test]
fn a_result_is_appended_and_is_all_there_is_of_it() {
    let mut encoders = Encoders::new();
    for coding in Coding::ALL {
        let mut out = b"before".to_vec();
        encoders.encode(coding, b"first", &mut out).unwrap();
        let end = out.len();
        encoders.encode(coding, b"second", &mut out).unwrap();
        assert_eq!(&out[..6], b"before");
        assert_eq!(decode(coding, &out[6..end]), b"first");
        assert_eq!(decode(coding, &out[end..]), b"second");
    }
}

#[test]
fn gzip_has_a_plain_header_and_a_trailer() {
    let mut encoders = Encoders::new();
    // Twice, as the second comes of a state that was used.
    for _ in 0..2 {
        let coded = encode(&mut encoders, Coding::Gzip, b"tide");
        // Magic, deflate, no flags, no time, no extra flags.
        assert_eq!(coded[..9], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0]);
        let mut crc = flate2::Crc::new();
        crc.update(b"tide");
        let trailer = [crc.sum().to_le_bytes(), 4_u32.to_le_bytes()].concat();
        assert_eq!(coded[coded.len() - 8..], trailer);
    }
}

#[test]
fn zstd_says_the_length_where_it_is_known() {
    use ::zstd::zstd_safe::get_frame_content_size;

    let mut encoders = Encoders::new();
    for size in [0, 1, 1000, 300_000] {
        let bytes = text(size);
        let coded = encode(&mut encoders, Coding::Zstd, &bytes);
        let said = get_frame_content_size(&coded).unwrap();
        assert_eq!(said, Some(size as u64));
    }
    let coded = encode_in_pieces(Coding::Zstd, &text(2000), 1000);
    assert_eq!(get_frame_content_size(&coded).unwrap(), None);
}

/// The window of a frame (RFC 8878 section 3.1.1.1), in bytes.
fn zstd_window(frame: &[u8]) -> u64 {
    let descriptor = frame[4];
    if descriptor & 0x20 != 0 {
        // One segment: no window but the content itself.
        return 0;
    }
    let (exponent, mantissa) = (frame[5] >> 3, u64::from(frame[5] & 7));
    let base = 1 << (10 + exponent);
    base + base / 8 * mantissa
}

#[test]
fn zstd_windows_are_within_what_clients_take() {
    let bytes = text(3 << 20);
    for coded in [
        encode(&mut Encoders::new(), Coding::Zstd, &bytes),
        encode_in_pieces(Coding::Zstd, &bytes, SLICE_BYTES),
    ] {
        let window = zstd_window(&coded);
        assert!(window > 0 && window <= 8 << 20, "{window}");
    }
}

#[test]
fn encoders_may_move_to_another_thread() {
    let mut encoder = Encoder::new(Coding::Brotli).unwrap();
    let mut encoders = Encoders::new();
    let coded = thread::spawn(move || {
        let mut out = encode(&mut encoders, Coding::Zstd, b"x");
        out.clear();
        encoder.push(b"elsewhere", &mut out).unwrap();
        encoder.finish(&mut out).unwrap();
        out
    });
    let coded = coded.join().unwrap();
    assert_eq!(decode(Coding::Brotli, &coded), b"elsewhere");
}

/// What a program makes of this on its standard input.
fn filter(program: &str, input: Vec<u8>) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(["-d", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    output.stdout
}

#[test]
fn other_programs_decode_it() {
    for (coding, program) in [(Coding::Gzip, "gzip"), (Coding::Zstd, "zstd")] {
        if crate::testing::skipped_without(&[program]) {
            continue;
        }
        for content in CONTENTS {
            let bytes = content(300_000);
            let whole = encode(&mut Encoders::new(), coding, &bytes);
            assert!(filter(program, whole) == bytes, "{program}");
            let sliced = encode_in_pieces(coding, &bytes, SLICE_BYTES);
            assert!(filter(program, sliced) == bytes, "{program}, in pieces");
        }
    }
}
