//! Content types by file name, and what is worth compressing.

use super::path::extension;

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

/// Types beside `text/`, `+json` and `+xml` whose content is text, or as loosely packed as text.
const COMPRESSIBLE: [&str; 33] = [
    "application/ecmascript",
    "application/font-sfnt",
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/json5",
    "application/jsonl",
    "application/manifest",
    "application/n-triples",
    "application/postscript",
    "application/rtf",
    "application/sql",
    "application/toml",
    "application/vnd.apple.mpegurl",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-font-opentype",
    "application/x-font-otf",
    "application/x-font-truetype",
    "application/x-font-ttf",
    "application/x-javascript",
    "application/x-ndjson",
    "application/x-sh",
    "application/x-web-app-manifest",
    "application/xml",
    "application/xml-dtd",
    "application/yaml",
    "font/collection",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/vnd.microsoft.icon",
    "image/x-icon",
];

/// The content types of files: the user's own before those that are known.
#[derive(Debug)]
pub struct Types {
    /// Extension and type.
    own: Vec<(String, String)>,
}

impl Types {
    /// The user's own, each an extension without its dot and the type of such files. The first of
    /// an extension counts.
    pub fn new(own: &[(String, String)]) -> Types {
        let own = own.iter().map(|(extension, content_type)| {
            let content_type = with_charset(content_type).to_owned();
            (extension.clone(), content_type)
        });
        Types { own: own.collect() }
    }

    /// The content type of a file of this name, whose extension counts in upper and lower case.
    /// Text is taken to be UTF-8, as nearly all of it is.
    pub fn content_type(&self, name: &[u8]) -> &str {
        let extension = extension(name);
        let mut own = self.own.iter();
        match own.find(|(own, _)| own.as_bytes().eq_ignore_ascii_case(extension)) {
            Some((_, content_type)) => content_type,
            None => known(extension),
        }
    }
}

/// Whether content of this type gets notably smaller by compression. Parameters do not count.
pub fn is_compressible(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let begins = |prefix: &str| {
        let own = essence.get(..prefix.len());
        own.is_some_and(|own| own.eq_ignore_ascii_case(prefix))
    };
    let ends = |suffix: &str| {
        let start = essence.len().checked_sub(suffix.len());
        let own = start.and_then(|start| essence.get(start..));
        own.is_some_and(|own| own.eq_ignore_ascii_case(suffix))
    };
    begins("text/")
        || ends("+json")
        || ends("+xml")
        || COMPRESSIBLE
            .iter()
            .any(|own| own.eq_ignore_ascii_case(essence))
}

/// The content type of files with this extension, whatever the user's own are.
pub fn known(extension: &[u8]) -> &'static str {
    let Ok(extension) = std::str::from_utf8(extension) else {
        return UNKNOWN;
    };
    let mut overrides = OVERRIDES.iter();
    if let Some((_, own)) = overrides.find(|(own, _)| own.eq_ignore_ascii_case(extension)) {
        return own;
    }
    let guessed = mime_guess::from_ext(extension).first_raw();
    with_charset(guessed.unwrap_or(UNKNOWN))
}

/// The types that are text, with their charset. Types that carry their encoding in themselves (XML)
/// or have only one (JSON, RFC 8259 section 8.1) stay as they are.
fn with_charset(content_type: &str) -> &str {
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
        let types = Types::new(&[]);
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
            (".html", UNKNOWN),
            ("html", UNKNOWN),
            ("", UNKNOWN),
        ] {
            assert_eq!(types.content_type(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn the_extension_counts_whatever_is_before_it() {
        let types = Types::new(&[]);
        let html = "text/html; charset=utf-8";
        assert_eq!(types.content_type(b"caf\xe9.html"), html);
        assert_eq!(types.content_type("ü.html".as_bytes()), html);
        assert_eq!(types.content_type(b"a.htm\xe9"), UNKNOWN);
    }

    #[test]
    fn the_users_own_types_come_first() {
        let own = [
            ("html", "application/x-own"),
            ("ts", "text/typescript"),
            ("log", "text/plain"),
            ("old", "text/plain; charset=iso-8859-1"),
            ("log", "text/late"),
        ]
        .map(|(extension, own)| (extension.to_owned(), own.to_owned()));
        let types = Types::new(&own);
        for (name, expected) in [
            ("a.html", "application/x-own"),
            ("a.HTML", "application/x-own"),
            ("a.ts", "text/typescript"),
            ("a.log", "text/plain; charset=utf-8"),
            ("a.old", "text/plain; charset=iso-8859-1"),
            ("a.css", "text/css; charset=utf-8"),
        ] {
            assert_eq!(types.content_type(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn what_is_packed_is_not_compressed_again() {
        let types = Types::new(&[]);
        for (extensions, expected) in [
            (
                "html css js mjs txt md csv json map webmanifest xml svg xhtml rss atom wasm ttf \
                 otf eot ico bmp geojson jsonld yaml toml ics vtt m3u8 appcache",
                true,
            ),
            (
                "woff woff2 png jpg jpeg gif webp avif mp4 webm mp3 ogg zip gz br zst bz2 xz 7z \
                 pdf docx xlsx odt jar apk deb rpm exe bin xyzzy ts",
                false,
            ),
        ] {
            for extension in extensions.split(' ') {
                let own = types.content_type(format!("a.{extension}").as_bytes());
                assert_eq!(is_compressible(own), expected, "{extension}: {own}");
            }
        }
    }

    #[test]
    fn case_and_parameters_do_not_count() {
        for (content_type, expected) in [
            ("TEXT/HTML", true),
            ("text/html;charset=utf-8", true),
            ("Application/JSON ; x=y", true),
            ("application/Problem+JSON; charset=utf-8", true),
            ("image/png; text/html", false),
            ("application/octet-stream", false),
            ("text", false),
            ("json", false),
            ("", false),
            ("é", false),
            ("téxt/+jsoñ", false),
        ] {
            assert_eq!(is_compressible(content_type), expected, "{content_type}");
        }
    }
}
