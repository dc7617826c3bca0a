//! What clients send, made harmless: no value can end a line, a field or a string, or speak to a
//! terminal.

/// Bytes of one value that are written; what is beyond is cut and replaced by an ellipsis. Heads
/// may be 64 KiB, and logs should not grow by that a request.
const VALUE_BYTES_MAX: usize = 8 << 10;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes `value` as a JSON string with its quotes (RFC 8259 section 7). A byte that is not part of
/// UTF-8 becomes the code point of its number, `\u0080` to `\u00ff`.
pub fn json_string(value: &[u8], out: &mut Vec<u8>) {
    let (value, is_cut) = cut(value);
    out.push(b'"');
    if value.iter().all(|byte| is_plain(*byte) && byte.is_ascii()) {
        out.extend_from_slice(value);
    } else {
        for chunk in value.utf8_chunks() {
            valid_json(chunk.valid().as_bytes(), out);
            for byte in chunk.invalid() {
                code_point(*byte, out);
            }
        }
    }
    if is_cut {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'"');
}

/// Writes `value` as a JSON string of visible ASCII alone, with its quotes: for what others have
/// put into certificates, where characters that turn or hide their neighbours serve to deceive.
pub fn json_ascii(value: &str, out: &mut Vec<u8>) {
    let is_cut = value.len() > VALUE_BYTES_MAX;
    let value = &value[..value.floor_char_boundary(VALUE_BYTES_MAX)];
    out.push(b'"');
    for c in value.chars() {
        if c.is_ascii() {
            let mut byte = [0];
            valid_json(c.encode_utf8(&mut byte).as_bytes(), out);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.extend_from_slice(b"\\u");
                unit.to_be_bytes().iter().for_each(|byte| hex(*byte, out));
            }
        }
    }
    if is_cut {
        out.extend_from_slice(b"...");
    }
    out.push(b'"');
}

/// Writes `value` as nginx does in its own formats: quotes, backslashes, and everything that is not
/// visible ASCII as `\xHH`. An empty value is a hyphen.
pub fn visible(value: &[u8], out: &mut Vec<u8>) {
    if value.is_empty() {
        out.push(b'-');
        return;
    }
    let (value, is_cut) = cut(value);
    for byte in value {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f.. => {
                let digit = |nibble: u8| HEX[usize::from(nibble)].to_ascii_uppercase();
                out.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
            }
            _ => out.push(*byte),
        }
    }
    if is_cut {
        out.extend_from_slice(b"...");
    }
}

/// A text for people as one line: control characters, which names of files may have in them, are
/// escaped.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// Writes a number in decimal digits.
pub fn number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

fn cut(value: &[u8]) -> (&[u8], bool) {
    match value.get(..VALUE_BYTES_MAX) {
        Some(part) if value.len() > VALUE_BYTES_MAX => (part, true),
        _ => (value, false),
    }
}

/// Whether a byte of valid UTF-8 may stand in a JSON string as it is. RFC 8259 allows DEL too, but
/// terminals act on it.
fn is_plain(byte: u8) -> bool {
    !matches!(byte, 0..=0x1f | b'"' | b'\\' | 0x7f)
}

/// The first byte of what may not stand in a JSON string as it is. Terminals act on the control
/// characters U+0080 to U+009F too, whose first byte is 0xC2.
fn first_special(text: &[u8]) -> Option<usize> {
    let is_special = |at: usize| match text[at] {
        0xc2 => matches!(text.get(at + 1), Some(0x80..=0x9f)),
        byte => !is_plain(byte),
    };
    (0..text.len()).find(|at| is_special(*at))
}

fn valid_json(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(special) = first_special(text) {
        out.extend_from_slice(&text[..special]);
        match text[special] {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            0xc2 => {
                // The code points U+0080 to U+009F have the numbers of their second bytes.
                code_point(text[special + 1], out);
                text = &text[special + 2..];
                continue;
            }
            byte => code_point(byte, out),
        }
        text = &text[special + 1..];
    }
    out.extend_from_slice(text);
}

fn code_point(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u00");
    hex(byte, out);
}

fn hex(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &[u8]) -> String {
        let mut out = Vec::new();
        json_string(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn nginx(value: &[u8]) -> String {
        let mut out = Vec::new();
        visible(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_escapes_what_it_must() {
        for (value, text) in [
            (&b""[..], r#""""#),
            (b"/plain?a=b&c='d'", r#""/plain?a=b&c='d'""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"\r\n\t\0\x1b[2J\x7f", r#""\r\n\t\u0000\u001b[2J\u007f""#),
            ("grün €𝄞".as_bytes(), r#""grün €𝄞""#),
            (b"a\x80\xff", r#""a\u0080\u00ff""#),
            (b"\xc3\"", r#""\u00c3\"""#),
            (b"\xed\xa0\x80", r#""\u00ed\u00a0\u0080""#),
            (
                "\u{9b}2J\u{a0}\u{80}".as_bytes(),
                "\"\\u009b2J\u{a0}\\u0080\"",
            ),
        ] {
            assert_eq!(json(value), text);
        }
    }

    #[test]
    fn every_pair_of_bytes_gives_a_string_that_ends_only_at_its_end() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let text = json(&[first, second]);
                let inner = &text[1..text.len() - 1];
                let mut bytes = inner.bytes();
                while let Some(byte) = bytes.next() {
                    assert!(byte >= 0x20 && byte != b'"', "{text}");
                    if byte == b'\\' {
                        bytes.next().unwrap();
                    }
                }
            }
        }
    }

    #[test]
    fn every_character_can_be_written_in_ascii() {
        let mut out = Vec::new();
        for c in '\0'..=char::MAX {
            out.clear();
            json_ascii(c.encode_utf8(&mut [0; 4]), &mut out);
            assert!(out.iter().all(|byte| (b' '..=b'~').contains(byte)), "{c:?}");
            let read: String = serde_json::from_slice(&out).unwrap();
            assert!(read.chars().eq([c]), "{c:?}");
        }
    }

    #[test]
    fn nginx_formats_have_hexadecimal_escapes() {
        assert_eq!(nginx(b""), "-");
        assert_eq!(nginx(b"curl/8.0 (a; b)"), "curl/8.0 (a; b)");
        assert_eq!(
            nginx(b"a\"b\\c\r\n\x7f\xc3\xbc"),
            "a\\x22b\\x5Cc\\x0D\\x0A\\x7F\\xC3\\xBC"
        );
    }

    #[test]
    fn long_values_are_cut() {
        let long = vec![b'a'; VALUE_BYTES_MAX + 1];
        assert_eq!(json(&long).len(), VALUE_BYTES_MAX + 2 + "…".len());
        assert_eq!(nginx(&long).len(), VALUE_BYTES_MAX + 3);
        assert_eq!(json(&long[1..]).len(), VALUE_BYTES_MAX + 2);
        let mut out = Vec::new();
        let odd = format!("a{}", "ü".repeat(VALUE_BYTES_MAX / 2));
        json_ascii(&odd, &mut out);
        assert!(out.ends_with(b"\\u00fc...\""));
        assert_eq!(out.len(), 1 + (VALUE_BYTES_MAX / 2 - 1) * 6 + 2 + 3);
    }

    #[test]
    fn a_text_for_people_is_one_line() {
        assert_eq!(one_line("grün: \"x\" \\"), "grün: \"x\" \\");
        assert_eq!(one_line("a\nb\x1b[31m\u{9b}"), "a\\nb\\u{1b}[31m\\u{9b}");
    }

    #[test]
    fn numbers_are_decimal() {
        for value in [0, 7, 10, 99, 100, 12_345, u64::MAX] {
            let mut out = Vec::new();
            number(value, &mut out);
            assert_eq!(out, value.to_string().as_bytes());
        }
    }
}
