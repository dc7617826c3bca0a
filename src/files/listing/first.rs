//! The first entries by an order, of however many there are.

use super::order::Keyed;
use super::{Entry, Listing, Order};

/// Finds the first entries of an order, one entry after the other, and never keeps more than twice
/// as many.
pub struct First {
    order: Order,
    most: usize,
    kept: Vec<Keyed>,
    /// Bytes of the names in `kept`.
    name_bytes: usize,
    /// How many entries there were.
    found: usize,
}

impl First {
    /// For the first `most` entries, at least one.
    pub fn new(order: Order, most: usize) -> First {
        First {
            order,
            most: most.max(1),
            kept: Vec::new(),
            name_bytes: 0,
            found: 0,
        }
    }

    /// Takes note of an entry.
    pub fn add(&mut self, entry: Entry) {
        self.found += 1;
        let keyed = Keyed::new(entry);
        self.name_bytes += keyed.name_bytes();
        self.kept.push(keyed);
        // Only then, so that each entry costs the same however many there are.
        if self.kept.len() >= 2 * self.most {
            self.cut_back();
        }
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> usize {
        self.kept.capacity() * size_of::<Keyed>() + self.name_bytes
    }

    /// The list of what came first; `is_unread` if there were names that nobody looked at.
    pub fn into_listing(mut self, is_unread: bool) -> Listing {
        self.cut_back();
        let order = self.order;
        self.kept
            .sort_unstable_by(|own, other| order.compare(own, other));
        Listing {
            entries: self.kept.into_iter().map(Keyed::into_entry).collect(),
            found: self.found,
            is_unread,
            order,
        }
    }

    /// Lets go of all but the first.
    fn cut_back(&mut self) {
        if self.kept.len() <= self.most {
            return;
        }
        let order = self.order;
        self.kept
            .select_nth_unstable_by(self.most, |own, other| order.compare(own, other));
        self.kept.truncate(self.most);
        self.name_bytes = self.kept.iter().map(Keyed::name_bytes).sum();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Key, Kind};
    use super::*;

    /// Entries whose names, sizes and times have orders of their own; every fifth is a directory.
    fn entries(count: u64) -> Vec<Entry> {
        let entry = |at: u64| Entry {
            name: format!("{}{}", ["A", "b", "ü"][at as usize % 3], at * 7919 % 1009).into(),
            kind: [Kind::Directory, Kind::File][usize::from(!at.is_multiple_of(5))],
            size: if at.is_multiple_of(5) {
                0
            } else {
                at * 31 % 97
            },
            modified: (!at.is_multiple_of(11)).then(|| Duration::from_secs(at * 17 % 89)),
        };
        (0..count).map(entry).collect()
    }

    fn first(order: Order, most: usize, entries: &[Entry]) -> Listing {
        let mut first = First::new(order, most);
        for entry in entries {
            first.add(entry.clone());
            assert!(first.kept.len() < 2 * most);
        }
        first.into_listing(false)
    }

    #[test]
    fn the_first_are_those_of_the_whole_in_every_order() {
        for key in Key::ALL {
            for descending in [false, true] {
                let order = Order { key, descending };
                let entries = entries(1000);
                let whole = first(order, 1000, &entries);
                assert_eq!((whole.entries.len(), whole.found), (1000, 1000));
                assert!(!whole.is_cut());
                for most in [1, 2, 50, 333, 500, 999] {
                    let cut = first(order, most, &entries);
                    assert_eq!(cut.entries, whole.entries[..most], "{order:?}, {most}");
                    assert_eq!(cut.found, 1000);
                    assert!(cut.is_cut());
                }
            }
        }
    }

    #[test]
    fn it_does_not_matter_in_which_order_they_are_found() {
        let mut entries = entries(400);
        let order = Order::parse("sort=time&order=desc");
        let expected = first(order, 60, &entries).entries;
        for shift in [1, 59, 60, 61, 200] {
            entries.rotate_left(shift);
            assert_eq!(first(order, 60, &entries).entries, expected);
            entries.reverse();
            assert_eq!(first(order, 60, &entries).entries, expected);
        }
    }

    #[test]
    fn what_is_kept_is_counted_and_has_an_end() {
        let mut first = First::new(Order::default(), 10);
        assert_eq!(first.bytes(), 0);
        let mut most = 0;
        for mut entry in entries(5000) {
            entry.name.resize(200, b'x');
            first.add(entry);
            most = most.max(first.bytes());
            let names: usize = first.kept.iter().map(Keyed::name_bytes).sum();
            assert_eq!(
                first.bytes(),
                names + first.kept.capacity() * size_of::<Keyed>()
            );
        }
        assert!(most < 40 * (size_of::<Keyed>() + 400), "{most} bytes");
    }

    #[test]
    fn there_is_a_list_of_nothing() {
        let listing = First::new(Order::default(), 3).into_listing(false);
        assert_eq!(listing, Listing::default());
        assert!(!listing.is_cut());
        assert!(First::new(Order::default(), 3).into_listing(true).is_cut());
    }
}
