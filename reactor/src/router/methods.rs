//! A set of methods as a bit mask. The router knows methods only as indexes from 0 to 15; what they
//! are called is its user's business.

use std::ops::{BitOr, BitOrAssign};

/// How many methods there can be: their indexes are below this.
pub const METHODS_MAX: u8 = 16;

/// A set of method indexes, 0 to 15: what a path allows, for the `Allow` field of RFC 9110
/// section 10.2.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MethodSet(u16);

impl MethodSet {
    /// No method.
    pub const EMPTY: MethodSet = MethodSet(0);

    /// Every method: what a route without a method allows.
    pub const ALL: MethodSet = MethodSet(u16::MAX);

    /// The set of this one method; empty if the index is above 15.
    pub const fn of(method: u8) -> MethodSet {
        if method < METHODS_MAX {
            MethodSet(1 << method)
        } else {
            MethodSet::EMPTY
        }
    }

    /// Whether the method is in the set.
    pub const fn contains(self, method: u8) -> bool {
        self.0 & MethodSet::of(method).0 != 0
    }

    /// Whether no method is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set as a mask in which bit `n` stands for method `n`.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The methods of the set, lowest index first.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..METHODS_MAX).filter(move |&method| self.contains(method))
    }
}

impl BitOr for MethodSet {
    type Output = MethodSet;

    fn bitor(self, other: MethodSet) -> MethodSet {
        MethodSet(self.0 | other.0)
    }
}

impl BitOrAssign for MethodSet {
    fn bitor_assign(&mut self, other: MethodSet) {
        self.0 |= other.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = MethodSet::of(0) | MethodSet::of(15) | MethodSet::of(3);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 3, 15]);
        assert_eq!(set.bits(), 0b1000_0000_0000_1001);
        assert!(set.contains(3) && !set.contains(4) && !set.is_empty());
    }

    #[test]
    fn an_index_above_fifteen_is_in_no_set() {
        assert!(MethodSet::of(16).is_empty());
        assert!(!MethodSet::ALL.contains(16));
        assert!(!MethodSet::ALL.contains(255));
        assert_eq!(MethodSet::ALL.iter().count(), 16);
    }
}
