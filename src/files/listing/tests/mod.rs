//! Lists of names that mean harm, and of many names.

mod reading;

use serde_json::{Value, json as value};

use super::*;

/// 20 November 2026, 13:14:05.
const MODIFIED: Duration = Duration::from_secs(1_795_180_445);

fn entry(name: impl Into<Vec<u8>>, kind: Kind, size: u64) -> Entry {
    Entry {
        name: name.into(),
        kind,
        size,
        modified: Some(MODIFIED),
    }
}

fn page(listing: &Listing, path: &str) -> String {
    let mut out = Vec::new();
    html(listing, path, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn json_of(listing: &Listing) -> Vec<u8> {
    let mut out = Vec::new();
    json(listing, &mut out).unwrap();
    out
}

/// A list by name.
fn by_name(entries: Vec<Entry>) -> Listing {
    Listing::of(entries, Order::default())
}

/// The page of a directory with one file of this name.
fn page_of(name: impl Into<Vec<u8>>) -> String {
    page(&by_name(vec![entry(name, Kind::File, 1)]), "/")
}

/// Asserts that the page has this in it.
#[track_caller]
fn has(page: &str, part: &str) {
    assert!(page.contains(part), "no {part} in {page}");
}

#[test]
fn names_are_text_and_nothing_else() {
    let long = "x".repeat(255);
    for (name, text, link) in [
        (&b"a.txt"[..], "a.txt", "a.txt"),
        (
            b"<script>alert(1)<",
            "&lt;script&gt;alert(1)&lt;",
            "%3Cscript%3Ealert%281%29%3C",
        ),
        (
            b"\"><img onerror='x'>",
            "&quot;&gt;&lt;img onerror=&#39;x&#39;&gt;",
            "%22%3E%3Cimg%20onerror%3D%27x%27%3E",
        ),
        (b"&amp;", "&amp;amp;", "%26amp%3B"),
        (
            b"a\nb\tc\x7f\x1b",
            "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}",
            "a%0Ab%09c%7F%1B",
        ),
        // Shown as it is written, this would be gpj.exe.
        (
            "\u{202e}exe.jpg\u{2066}\u{2028}".as_bytes(),
            "\u{fffd}exe.jpg\u{fffd}\u{fffd}",
            "%E2%80%AEexe.jpg%E2%81%A6%E2%80%A8",
        ),
        (
            "\u{200f}שלום".as_bytes(),
            "\u{200f}שלום",
            "%E2%80%8F%D7%A9%D7%9C%D7%95%D7%9D",
        ),
        (b"caf\xe9.txt", "caf\u{fffd}.txt", "caf%E9.txt"),
        (b"\xff\xfe\xc3", "\u{fffd}\u{fffd}\u{fffd}", "%FF%FE%C3"),
        ("ü~-_.".as_bytes(), "ü~-_.", "%C3%BC~-_."),
        (
            b"javascript:alert(1)",
            "javascript:alert(1)",
            "javascript%3Aalert%281%29",
        ),
        (b"a:b?c#d%20", "a:b?c#d%20", "a%3Ab%3Fc%23d%2520"),
        (
            b"  two  blanks ",
            "  two  blanks ",
            "%20%20two%20%20blanks%20",
        ),
        (
            b"</style></bdi>",
            "&lt;/style&gt;&lt;/bdi&gt;",
            "%3C%2Fstyle%3E%3C%2Fbdi%3E",
        ),
        (long.as_bytes(), &long, &long),
    ] {
        let row = format!(
            "<tr><td><a href=\"./{link}\"><span><bdi>{text}</bdi></span></a></td>\
             <td title=\"1 byte\">1 B</td>\
             <td><time datetime=\"2026-11-20T13:14:05Z\">2026-11-20 13:14</time></td></tr>\n"
        );
        has(&page_of(name), &row);
    }
    let directory = by_name(vec![entry("a&b", Kind::Directory, 0)]);
    let row = "<tr class=\"d\"><td><a href=\"./a%26b/\"><span><bdi>a&amp;b</bdi>/</span></a></td>\
               <td></td><td><time";
    has(&page(&directory, "/"), row);
}

#[test]
fn a_path_is_a_way_of_links() {
    let listing = Listing::default();
    let top = "<a href=\"../../../\"><svg";
    let root = page(&listing, "/");
    has(&root, "<title>Index of /</title>");
    has(&root, "<h1>Index of /</h1>");
    assert!(!root.contains("../"));

    let deep = page(&listing, "/a%20b/%3Cscript%3E/c&d/");
    has(
        &deep,
        "<title>Index of /a b/&lt;script&gt;/c&amp;d/</title>",
    );
    has(&deep, top);
    has(
        &deep,
        "<b>Top</b></a><i>/</i><a href=\"../../\"><bdi>a b</bdi></a><i>/</i>",
    );
    has(
        &deep,
        "<a href=\"../\"><bdi>&lt;script&gt;</bdi></a><i>/</i>",
    );
    has(
        &deep,
        "<span aria-current=\"page\"><bdi>c&amp;d</bdi></span><i>/</i></h1>",
    );
    has(
        &deep,
        "<tr class=\"u\"><td><a href=\"../\"><span>Parent directory</span></a></td>",
    );

    // Browsers count what is between two slashes as a name too.
    let empty = page(&listing, "/a//b/");
    has(&empty, top);
    has(
        &empty,
        "<a href=\"../../\"><bdi>a</bdi></a><i>/</i><span aria-current=\"page\"><bdi>b",
    );
    // What a path cannot have is shown as it is.
    has(
        &page(&listing, "/%zz%4/%e9%2/"),
        "<title>Index of /%zz%4/\u{fffd}%2/</title>",
    );
    has(&page(&listing, "//"), "<h1>Index of /</h1>");
}

#[test]
fn heads_of_columns_sort_and_say_how_it_is_sorted() {
    let entries = vec![entry("d", Kind::Directory, 0)];
    let listing = by_name(entries.clone());
    let name = "<a href=\"?sort=name&amp;order=asc\">Name</a></th>";
    let size = "<th scope=\"col\"><a href=\"?sort=size&amp;order=desc\">Size</a></th>";
    let modified = "<th scope=\"col\"><a href=\"?sort=time&amp;order=desc\">Modified ";
    let usual = page(&listing, "/a/");
    for part in [
        "<th scope=\"col\" aria-sort=\"ascending\"><a href=\"?sort=name&amp;order=desc\">Name</a>",
        size,
        modified,
        "<a href=\"./d/\">",
        "<a href=\"../\"><span>",
    ] {
        has(&usual, part);
    }
    assert_eq!(usual.matches("aria-sort=\"").count(), 1);

    let listing = Listing::of(entries, Order::parse("sort=size&order=desc"));
    let by_size = page(&listing, "/a/");
    let query = "?sort=size&amp;order=desc";
    for part in [
        &format!("<th scope=\"col\">{name}"),
        "<th scope=\"col\" aria-sort=\"descending\"><a href=\"?sort=size&amp;order=asc\">Size</a>",
        modified,
        // The order stays as it is in the directories below and above.
        &format!("<a href=\"./d/{query}\">"),
        &format!("<a href=\"../{query}\"><svg"),
        &format!("<a href=\"../{query}\"><span>Parent"),
    ] {
        has(&by_size, part);
    }
}

#[test]
fn sizes_are_for_people_and_exact() {
    for (bytes, exact, size) in [
        (0, "0 bytes", "0 B"),
        (1, "1 byte", "1 B"),
        (1023, "1,023 bytes", "1023 B"),
        (1024, "1,024 bytes", "1.0 KiB"),
        (1229, "1,229 bytes", "1.2 KiB"),
        (1_048_524, "1,048,524 bytes", "1023.9 KiB"),
        (1_048_525, "1,048,525 bytes", "1.0 MiB"),
        (u64::MAX, "18,446,744,073,709,551,615 bytes", "16.0 EiB"),
    ] {
        let listing = by_name(vec![entry("x", Kind::File, bytes)]);
        has(
            &page(&listing, "/"),
            &format!("<td title=\"{exact}\">{size}</td>"),
        );
    }
    let mut entries = Vec::new();
    let mut summary = |more: Option<Entry>| {
        entries.extend(more);
        let page = page(&by_name(entries.clone()), "/");
        let (_, footer) = page.split_once("<footer>").unwrap();
        footer.split_once("</footer>").unwrap().0.to_owned()
    };
    assert_eq!(summary(None), "Nothing is here.");
    assert_eq!(summary(Some(entry("a", Kind::Directory, 0))), "1 folder");
    assert_eq!(summary(Some(entry("b", Kind::Directory, 0))), "2 folders");
    assert_eq!(
        summary(Some(entry("c", Kind::File, 1000))),
        "2 folders, 1 file, 1000 B"
    );
    let largest = entry("d", Kind::File, u64::MAX);
    assert_eq!(summary(Some(largest)), "2 folders, 2 files, 16.0 EiB");
}

#[test]
fn a_time_that_cannot_be_written_is_left_out() {
    let mut unknown = entry("x", Kind::File, 1);
    for modified in [None, Some(Duration::MAX)] {
        unknown.modified = modified;
        let listing = by_name(vec![unknown.clone()]);
        has(&page(&listing, "/"), "1 B</td><td></td></tr>");
        assert_eq!(
            json_of(&listing),
            b"[\n{\"name\":\"x\",\"type\":\"file\",\"size\":1}\n]\n"
        );
    }
}

#[test]
fn the_policy_knows_the_style_and_nothing_else_is_in_the_page() {
    let page = page_of("a.txt");
    let (_, behind) = page.split_once("<style>").unwrap();
    let (style, _) = behind.split_once("</style>").unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, style.as_bytes());
    let source = format!(" 'sha256-{}';", base64(digest.as_ref()));
    assert!(
        CONTENT_SECURITY_POLICY.contains(&source),
        "it has to be{source}"
    );
    for part in [
        "<script", "<link", "<img", " style=", " on", "url(", "@import", "http:",
    ] {
        assert!(!page.contains(part), "{part}");
    }
}

/// Base64 (RFC 4648 section 4).
fn base64(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| {
            bits << 8 | usize::from(three.get(at).copied().unwrap_or_default())
        });
        for at in 0..4 {
            let is_there = at <= three.len();
            let digit = alphabet[bits >> (18 - 6 * at) & 63];
            text.push(if is_there { char::from(digit) } else { '=' });
        }
    }
    text
}

#[test]
fn json_has_what_nginx_has() {
    let entries = vec![
        entry("b \"1\"\n<&>\u{2028}\\", Kind::File, u64::MAX),
        entry(b"caf\xe9", Kind::File, 0),
        entry("z", Kind::Directory, 0),
    ];
    let listing = Listing::of(entries, Order::parse("sort=size&order=desc"));
    let mtime = "2026-11-20T13:14:05Z";
    let expected = value!([
        {"name": "z", "type": "directory", "mtime": mtime},
        {"name": "b \"1\"\n<&>\u{2028}\\", "type": "file", "mtime": mtime, "size": u64::MAX},
        {"name": "caf\u{fffd}", "type": "file", "mtime": mtime, "size": 0},
    ]);
    let text = json_of(&listing);
    assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), expected);
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 5);
    let empty = json_of(&Listing::default());
    assert_eq!(serde_json::from_slice::<Value>(&empty).unwrap(), value!([]));
}

#[test]
fn a_list_is_handed_on_in_parts() {
    /// Remembers how long the parts are.
    struct Parts(Vec<usize>);
    impl Write for Parts {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let name = |at: usize| format!("{at}{}", "&".repeat(250));
    let entries = (0..ENTRIES_MAX).map(|at| entry(name(at), Kind::File, 1));
    let listing = by_name(entries.collect());
    let (mut page, mut array) = (Parts(Vec::new()), Parts(Vec::new()));
    html(&listing, "/", &mut page).unwrap();
    json(&listing, &mut array).unwrap();
    for parts in [page.0, array.0] {
        assert!(parts.len() > 100);
        assert!(*parts.iter().max().unwrap() < HANDED_ON_BYTES + 4096);
    }
}
