//! A list as a page: no script, its style within it, and links that stay below the directory
//! whatever the names are.

use std::io::{self, Write};

use super::{Entry, Key, Kind, Listing, Order, date, hand_on};
use crate::files::path::escaped;

/// The value of `Content-Security-Policy` for pages: nothing is loaded and nothing runs, and the
/// one style is the page's own, known by its SHA-256.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-VorreavB00+ZNmHKemEYtWi4brpqeG24bf4urSaBR3w='; \
    base-uri 'none'; form-action 'none'";

/// The text between the tags of `style`, which the policy knows to the byte.
const STYLE: &str = include_str!("style.css");

/// A house, for the top of what is served.
const HOME: &str = "<svg viewBox=\"0 0 16 16\" aria-hidden=\"true\">\
    <path d=\"M8 1 0 8h2v7h4v-5h4v5h4V8h2z\"/></svg>";

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Writes the page of a directory. `path` is the request's, percent-encoded, and ends in a slash:
/// links are relative to it.
///
/// # Errors
///
/// Those of `out`.
pub fn html(listing: &Listing, path: &str, out: &mut impl Write) -> io::Result<()> {
    let mut page = Page {
        out: Vec::new(),
        order: listing.order,
    };
    page.head(path);
    page.breadcrumbs(path);
    page.notice(listing);
    page.put("<table>\n<thead>\n<tr>");
    for key in Key::ALL {
        page.column(key);
    }
    page.put("</tr>\n</thead>\n<tbody>\n");
    if path.contains(|c| c != '/') {
        let query = page.query();
        page.put("<tr class=\"u\"><td><a href=\"../");
        page.put(&query);
        page.put("\"><span>Parent directory</span></a></td><td></td><td></td></tr>\n");
    }
    for entry in &listing.entries {
        page.entry(entry);
        hand_on(&mut page.out, out)?;
    }
    page.put("</tbody>\n</table>\n<footer>");
    page.put(&summary(listing));
    page.put("</footer>\n</main>\n</body>\n</html>\n");
    out.write_all(&page.out)
}

/// Appends a name as it is in a link: every byte that means something in a URL is encoded.
pub fn encode_name(name: &[u8], link: &mut Vec<u8>) {
    for byte in name {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                link.push(*byte);
            }
            // Writing to a vector cannot fail.
            _ => {
                let _ = write!(link, "%{byte:02X}");
            }
        }
    }
}

/// A page in the making.
struct Page {
    /// What is not handed on yet.
    out: Vec<u8>,
    order: Order,
}

impl Page {
    /// Appends markup.
    fn put(&mut self, markup: &str) {
        self.out.extend_from_slice(markup.as_bytes());
    }

    /// Appends text in which nothing is markup. U+FFFD is in the place of what is not UTF-8, and of
    /// what would change the text around it: control characters, and those that turn the direction
    /// of writing, by which a name could show another ending than it has.
    fn put_text(&mut self, text: &[u8]) {
        for chunk in text.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '&' => self.put("&amp;"),
                    '<' => self.put("&lt;"),
                    '>' => self.put("&gt;"),
                    '"' => self.put("&quot;"),
                    '\'' => self.put("&#39;"),
                    '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.put("\u{fffd}"),
                    _ if c.is_control() => self.put("\u{fffd}"),
                    _ => self.put(c.encode_utf8(&mut [0; 4])),
                }
            }
            if !chunk.invalid().is_empty() {
                self.put("\u{fffd}");
            }
        }
    }

    /// Appends the relative link to a name. The dot before it says that it is neither scheme nor
    /// host.
    fn put_link(&mut self, name: &[u8]) {
        self.put("./");
        encode_name(name, &mut self.out);
    }

    /// The query that takes the order along to another directory, if it is not the usual one.
    fn query(&self) -> String {
        if self.order == Order::default() {
            return String::new();
        }
        self.order.query().replace('&', "&amp;")
    }

    fn head(&mut self, path: &str) {
        self.put(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>Index of ",
        );
        self.put_text(&decoded(path));
        self.put("</title>\n<style>");
        self.put(STYLE);
        self.put("</style>\n</head>\n<body>\n<main>\n");
    }

    /// The way from the top to this directory, each directory above it a link.
    fn breadcrumbs(&mut self, path: &str) {
        let query = self.query();
        let names: Vec<&str> = path.trim_start_matches('/').split_terminator('/').collect();
        if names.is_empty() {
            return self.put("<h1>Index of /</h1>\n");
        }
        self.put("<nav aria-label=\"Path\"><h1>");
        for (at, name) in [""].iter().chain(&names).enumerate() {
            let ups = "../".repeat(names.len() - at);
            let is_here = ups.is_empty();
            match (at, is_here) {
                // Two slashes in a path have a name between them that nobody sees.
                (1.., _) if name.is_empty() => continue,
                (_, true) => self.put("<span aria-current=\"page\">"),
                (_, false) => self.put(&format!("<a href=\"{ups}{query}\">")),
            }
            match at {
                0 => self.put(&format!("{HOME}<b>Top</b>")),
                _ => {
                    self.put("<bdi>");
                    self.put_text(&decoded(name));
                    self.put("</bdi>");
                }
            }
            self.put(if is_here { "</span>" } else { "</a>" });
            self.put("<i>/</i>");
        }
        self.put("</h1></nav>\n");
    }

    /// Says of a list that is cut what is not in it.
    fn notice(&mut self, listing: &Listing) {
        let (shown, found) = (listing.entries.len(), listing.found);
        let mut sentences = Vec::new();
        if found > shown {
            let (shown, found) = (grouped(shown as u64), grouped(found as u64));
            sentences.push(format!(
                "Only the first {shown} of {found} entries are shown, in this order."
            ));
        }
        if listing.is_unread {
            sentences.push("There may be more: not all names were looked at.".into());
        }
        if !sentences.is_empty() {
            self.put(&format!("<p class=\"more\">{}</p>\n", sentences.join(" ")));
        }
    }

    /// The head of a column: a link that sorts by it, the other way around if that is how it is.
    fn column(&mut self, key: Key) {
        let (name, unit) = match key {
            Key::Name => ("Name", ""),
            Key::Size => ("Size", ""),
            Key::Modified => ("Modified", " <small>(UTC)</small>"),
        };
        let is_sorted = self.order.key == key;
        // The largest and the latest are what one looks for; names begin with a.
        let descending = if is_sorted {
            !self.order.descending
        } else {
            key != Key::Name
        };
        let sorted = match (is_sorted, self.order.descending) {
            (false, _) => "",
            (true, false) => " aria-sort=\"ascending\"",
            (true, true) => " aria-sort=\"descending\"",
        };
        let query = Order { key, descending }.query().replace('&', "&amp;");
        self.put(&format!(
            "<th scope=\"col\"{sorted}><a href=\"{query}\">{name}{unit}</a></th>"
        ));
    }

    fn entry(&mut self, entry: &Entry) {
        let is_directory = entry.kind == Kind::Directory;
        self.put(if is_directory {
            "<tr class=\"d\">"
        } else {
            "<tr>"
        });
        self.put("<td><a href=\"");
        self.put_link(&entry.name);
        if is_directory {
            let query = self.query();
            self.put("/");
            self.put(&query);
        }
        self.put("\"><span><bdi>");
        self.put_text(&entry.name);
        self.put(if is_directory { "</bdi>/" } else { "</bdi>" });
        self.put("</span></a></td>");
        if is_directory {
            self.put("<td></td>");
        } else {
            let (exact, size) = (grouped(entry.size), human(entry.size));
            let unit = if entry.size == 1 { "byte" } else { "bytes" };
            self.put(&format!("<td title=\"{exact} {unit}\">{size}</td>"));
        }
        self.put("<td>");
        if let Some((day, clock)) = entry.modified.and_then(date::day_and_clock) {
            let minute = &clock[..5];
            self.put(&format!(
                "<time datetime=\"{day}T{clock}Z\">{day} {minute}</time>"
            ));
        }
        self.put("</td></tr>\n");
    }
}

/// The bytes of a path, which has been found to have no broken escapes.
fn decoded(path: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, behind @ ..] = rest {
        let byte = match rest {
            [b'%', high, low, ..] => escaped(*high, *low),
            _ => None,
        };
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[3..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    bytes
}

/// How many directories and files there are, and how large they are together.
fn summary(listing: &Listing) -> String {
    let entries = &listing.entries;
    let count = |kind| entries.iter().filter(|entry| entry.kind == kind).count();
    let sum = |total: u64, entry: &Entry| total.saturating_add(entry.size);
    let text = |count: usize, one: &str, many: &str| {
        let name = if count == 1 { one } else { many };
        (count > 0).then(|| format!("{} {name}", grouped(count as u64)))
    };
    let files = count(Kind::File);
    let parts = [
        text(count(Kind::Directory), "folder", "folders"),
        text(files, "file", "files"),
        (files > 0).then(|| human(entries.iter().fold(0, sum))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match (parts.is_empty(), listing.is_cut()) {
        (true, false) => "Nothing is here.".into(),
        (true, true) => "Nothing is shown.".into(),
        (false, false) => parts.join(", "),
        (false, true) => format!("Shown: {}", parts.join(", ")),
    }
}

/// Bytes as people read them: `512 B`, `1.2 KiB`.
fn human(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = 0;
    let mut unit = 1_u128;
    let mut name = "";
    for next in UNITS {
        unit <<= 10;
        name = next;
        tenths = (u128::from(bytes) * 10 + unit / 2) / unit;
        if tenths < 10_240 {
            break;
        }
    }
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// A number with its digits in groups: `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
