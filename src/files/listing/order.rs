//! The order of a list, and how a query asks for it: `?sort=size&order=desc`.

use std::cmp::Ordering;

use super::Entry;

/// The order of a list. Directories come first in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// What decides.
    pub key: Key,
    /// Whether the largest comes first, the latest, the last of the alphabet.
    pub descending: bool,
}

/// What decides over the order. The same sizes and times are in the order of the names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Key {
    /// The name, as people sort them: whatever the case, and numbers by their value.
    #[default]
    Name,
    /// The size; directories have none.
    Size,
    /// The time of the last change.
    Modified,
}

impl Key {
    /// All keys, in the order of the columns.
    pub const ALL: [Key; 3] = [Key::Name, Key::Size, Key::Modified];

    /// The name in a query.
    pub const fn as_str(self) -> &'static str {
        match self {
            Key::Name => "name",
            Key::Size => "size",
            Key::Modified => "time",
        }
    }
}

impl Order {
    /// The order that a query asks for; what it does not say, or cannot be read, is as usual.
    pub fn parse(query: &str) -> Order {
        let value = |name: &str| {
            let mut parts = query.split('&').filter_map(|part| part.split_once('='));
            parts.find(|(own, _)| *own == name).map(|(_, value)| value)
        };
        let key =
            value("sort").and_then(|text| Key::ALL.into_iter().find(|key| key.as_str() == text));
        Order {
            key: key.unwrap_or_default(),
            descending: value("order") == Some("desc"),
        }
    }

    /// The query that asks for it.
    pub fn query(self) -> String {
        let direction = if self.descending { "desc" } else { "asc" };
        format!("?sort={}&order={direction}", self.key.as_str())
    }

    /// Which of two entries comes first.
    pub(super) fn compare(self, own: &Keyed, other: &Keyed) -> Ordering {
        let by_name = || {
            let folded = natural(&own.folded, &other.folded);
            folded.then_with(|| own.entry.name.cmp(&other.entry.name))
        };
        let by_key = match self.key {
            Key::Name => by_name(),
            Key::Size => own.entry.size.cmp(&other.entry.size),
            Key::Modified => own.entry.modified.cmp(&other.entry.modified),
        };
        let by_key = if self.descending {
            by_key.reverse()
        } else {
            by_key
        };
        let by_kind = own.entry.kind.cmp(&other.entry.kind);
        by_kind.then(by_key).then_with(by_name)
    }
}

/// An entry, with its name as it is compared.
pub(super) struct Keyed {
    /// The name in lower case.
    folded: String,
    entry: Entry,
}

impl Keyed {
    pub(super) fn new(entry: Entry) -> Keyed {
        Keyed {
            folded: String::from_utf8_lossy(&entry.name).to_lowercase(),
            entry,
        }
    }

    pub(super) fn into_entry(self) -> Entry {
        self.entry
    }

    /// Bytes that it holds beside its own.
    pub(super) fn name_bytes(&self) -> usize {
        self.folded.capacity() + self.entry.name.capacity()
    }
}

/// Compares character by character, and by its value what is a number in both: `a2` comes before
/// `a10`.
fn natural(mut own: &str, mut other: &str) -> Ordering {
    loop {
        let (Some(first), Some(second)) = (own.chars().next(), other.chars().next()) else {
            return own.len().cmp(&other.len());
        };
        let by_part = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (number, behind) = split_number(own);
            let (other_number, behind_other) = split_number(other);
            (own, other) = (behind, behind_other);
            number
                .len()
                .cmp(&other_number.len())
                .then(number.cmp(other_number))
        } else {
            own = &own[first.len_utf8()..];
            other = &other[second.len_utf8()..];
            first.cmp(&second)
        };
        if by_part.is_ne() {
            return by_part;
        }
    }
}

/// The digits that a text begins with, without zeros before them, and what is behind.
fn split_number(text: &str) -> (&str, &str) {
    let is_no_digit = |c: char| !c.is_ascii_digit();
    let (digits, behind) = text.split_at(text.find(is_no_digit).unwrap_or(text.len()));
    (digits.trim_start_matches('0'), behind)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Kind, Listing};
    use super::*;

    fn entry(name: &str, kind: Kind, size: u64, modified: u64) -> Entry {
        Entry {
            name: name.into(),
            kind,
            size,
            modified: (modified > 0).then(|| Duration::from_secs(modified)),
        }
    }

    fn names(listing: &Listing) -> Vec<String> {
        let name = |entry: &Entry| String::from_utf8_lossy(&entry.name).into_owned();
        listing.entries.iter().map(name).collect()
    }

    #[test]
    fn a_query_asks_for_an_order() {
        for (query, key, descending) in [
            ("", Key::Name, false),
            ("sort=name", Key::Name, false),
            ("sort=size&order=asc", Key::Size, false),
            ("order=desc&x=1&sort=time", Key::Modified, true),
            ("order=desc", Key::Name, true),
            ("sort=time&sort=size", Key::Modified, false),
            ("sort=Size&order=DESC", Key::Name, false),
            ("sort&order", Key::Name, false),
            ("sort=%73ize", Key::Name, false),
            ("sort=<script>&order=down", Key::Name, false),
        ] {
            assert_eq!(Order::parse(query), Order { key, descending }, "{query}");
        }
        for key in Key::ALL {
            for descending in [false, true] {
                let order = Order { key, descending };
                assert_eq!(Order::parse(&order.query()[1..]), order);
            }
        }
    }

    #[test]
    fn names_are_in_the_order_of_people() {
        // What is the same but for zeros and case is in the order of its bytes.
        let sorted = [
            "",
            "01",
            "1",
            "2",
            "10",
            "010a",
            "A",
            "a",
            "a1b2",
            "a1b10",
            "a01b11",
            "a2",
            "a10",
            "a99999999999999999999998",
            "a99999999999999999999999",
            "b",
            "B c",
            "ä",
            "Ü",
        ];
        let entries = sorted.iter().rev();
        let entries = entries.map(|name| entry(name, Kind::File, 0, 0));
        assert_eq!(
            names(&Listing::of(entries.collect(), Order::default())),
            sorted
        );
    }

    #[test]
    fn directories_are_first_whatever_decides() {
        let entries = vec![
            entry("c", Kind::File, 10, 30),
            entry("a", Kind::File, 30, 10),
            entry("b", Kind::File, 20, 0),
            entry("d", Kind::File, 20, 20),
            entry("y", Kind::Directory, 0, 5),
            entry("x", Kind::Directory, 0, 40),
        ];
        for (query, expected) in [
            ("", "xyabcd"),
            ("order=desc", "yxdcba"),
            ("sort=size", "xycbda"),
            ("sort=size&order=desc", "xyabdc"),
            ("sort=time", "yxbadc"),
            ("sort=time&order=desc", "xycdab"),
        ] {
            let listing = Listing::of(entries.clone(), Order::parse(query));
            assert_eq!(names(&listing).concat(), expected, "{query}");
        }
    }
}
