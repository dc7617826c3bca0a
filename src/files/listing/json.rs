//! A list as JSON, with the members of nginx's `autoindex_format json`; times are as RFC 3339 has
//! them.

use std::io::{self, Write};

use super::{Entry, Kind, Listing, date, hand_on};

/// Writes an array with an object for each entry, in the order of the list: `name`, in which U+FFFD
/// is in the place of what is not UTF-8; `type`, which is `file` or `directory`; `mtime`, if it is
/// known; and `size`, of files.
///
/// The last object of a list that is cut has the `type` `cut` and no name, but says how many
/// entries are `shown` and how many were `found`, and whether some names are `unread`.
///
/// # Errors
///
/// Those of `out`.
pub fn json(listing: &Listing, out: &mut impl Write) -> io::Result<()> {
    let mut made = vec![b'['];
    for (at, entry) in listing.entries.iter().enumerate() {
        made.extend_from_slice(if at > 0 { b",\n" } else { b"\n" });
        push_entry(entry, &mut made);
        hand_on(&mut made, out)?;
    }
    if listing.is_cut() {
        let (shown, found, unread) = (listing.entries.len(), listing.found, listing.is_unread);
        made.extend_from_slice(if shown > 0 { b",\n" } else { b"\n" });
        let object =
            format!(r#"{{"type":"cut","shown":{shown},"found":{found},"unread":{unread}}}"#);
        made.extend_from_slice(object.as_bytes());
    }
    made.extend_from_slice(b"\n]\n");
    out.write_all(&made)
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
