//! A list as JSON, with the members of nginx's `autoindex_format json`; times are as RFC 3339 has
//! them.

use super::{Entry, Kind, Listing, date};

/// An array with an object for each entry, in the order of the list: `name`, in which U+FFFD is in
/// the place of what is not UTF-8; `type`, which is `file` or `directory`; `mtime`, if it is known;
/// and `size`, of files.
pub fn json(listing: &Listing) -> Vec<u8> {
    let mut out = Vec::with_capacity(listing.entries.len() * 128 + 16);
    out.push(b'[');
    for (at, entry) in listing.entries.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",\n" } else { b"\n" });
        push_entry(entry, &mut out);
    }
    out.extend_from_slice(b"\n]\n");
    out
}

fn push_entry(entry: &Entry, out: &mut Vec<u8>) {
    let name = String::from_utf8_lossy(&entry.name);
    out.extend_from_slice(b"{\"name\":");
    // Text is always JSON, and writing to a vector cannot fail.
    let _ = serde_json::to_writer(&mut *out, &*name);
    let kind = match entry.kind {
        Kind::Directory => "directory",
        Kind::File => "file",
    };
    out.extend_from_slice(format!(",\"type\":\"{kind}\"").as_bytes());
    if let Some(modified) = entry.modified.and_then(date::rfc3339) {
        out.extend_from_slice(format!(",\"mtime\":\"{modified}\"").as_bytes());
    }
    if entry.kind == Kind::File {
        out.extend_from_slice(format!(",\"size\":{}", entry.size).as_bytes());
    }
    out.push(b'}');
}
