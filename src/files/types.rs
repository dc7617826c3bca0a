//! Content types by file name.

use std::path::Path;

/// What is not known is bytes, which browsers save and do not show.
const UNKNOWN: &str = "application/octet-stream";

/// Where the database is out of date, or names what browsers do not know.
const OVERRIDES: [(&str, &str); 4] = [
    // Playlists of segments (HLS, RFC 8216).
    ("m3u8", "application/vnd.apple.mpegurl"),
    // Source maps.
    ("map", "application/json"),
    ("rpm", "application/x-rpm"),
    // Segments of a video (HLS).
    ("ts", "video/mp2t"),
];

/// The content type of a file of this name. Text is taken to be UTF-8, as nearly all of it is.
pub fn content_type(name: &str) -> &'static str {
    let extension = Path::new(name)
        .extension()
        .and_then(|own| own.to_str())
        .unwrap_or_default();
    if let Some((_, own)) = OVERRIDES
        .iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(extension))
    {
        return own;
    }
    let guessed = mime_guess::from_ext(extension)
        .first_raw()
        .unwrap_or(UNKNOWN);
    with_charset(guessed)
}

/// The types that are text, with their charset. Types that carry their encoding in themselves (XML)
/// or have only one (JSON, RFC 8259 section 8.1) stay as they are.
fn with_charset(content_type: &'static str) -> &'static str {
    match content_type {
        "text/html" => "text/html; charset=utf-8",
        "text/css" => "text/css; charset=utf-8",
        "text/javascript" | "application/javascript" => "text/javascript; charset=utf-8",
        "text/plain" => "text/plain; charset=utf-8",
        "text/markdown" => "text/markdown; charset=utf-8",
        "text/csv" => "text/csv; charset=utf-8",
        "text/tab-separated-values" => "text/tab-separated-values; charset=utf-8",
        "text/calendar" => "text/calendar; charset=utf-8",
        "text/vtt" => "text/vtt; charset=utf-8",
        "text/xml" => "text/xml; charset=utf-8",
        "text/x-c" => "text/x-c; charset=utf-8",
        "text/x-rust" => "text/x-rust; charset=utf-8",
        "text/x-lua" => "text/x-lua; charset=utf-8",
        "text/x-scss" => "text/x-scss; charset=utf-8",
        "text/less" => "text/less; charset=utf-8",
        "text/x-python" => "text/x-python; charset=utf-8",
        "text/x-toml" => "text/x-toml; charset=utf-8",
        "text/x-yaml" => "text/x-yaml; charset=utf-8",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_files_have_their_types() {
        for (name, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("INDEX.HTM", "text/html; charset=utf-8"),
            ("style.css", "text/css; charset=utf-8"),
            ("app.js", "text/javascript; charset=utf-8"),
            ("app.min.mjs", "text/javascript; charset=utf-8"),
            ("notes.txt", "text/plain; charset=utf-8"),
            ("README.md", "text/markdown; charset=utf-8"),
            ("data.json", "application/json"),
            ("app.js.map", "application/json"),
            ("site.webmanifest", "application/manifest+json"),
            ("feed.xml", "text/xml; charset=utf-8"),
            ("logo.svg", "image/svg+xml"),
            ("photo.JPEG", "image/jpeg"),
            ("photo.png", "image/png"),
            ("photo.webp", "image/webp"),
            ("photo.avif", "image/avif"),
            ("favicon.ico", "image/x-icon"),
            ("font.woff2", "font/woff2"),
            ("app.wasm", "application/wasm"),
            ("film.mp4", "video/mp4"),
            ("segment.ts", "video/mp2t"),
            ("paper.pdf", "application/pdf"),
            ("archive.tar.gz", "application/gzip"),
            ("LICENSE", UNKNOWN),
            ("strange.xyzzy", UNKNOWN),
            ("", UNKNOWN),
        ] {
            assert_eq!(content_type(name), expected, "{name}");
        }
    }
}
