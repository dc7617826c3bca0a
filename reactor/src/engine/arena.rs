//! A slab whose keys are checked by generation.

use slab::Slab;

/// The place of a value in an arena, valid as long as the value stays there: a key of an entry
/// that was removed finds nothing, also when its index is in use again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

impl Key {
    /// A key from its number.
    pub const fn from_bits(bits: u64) -> Key {
        Key(bits)
    }

    /// The key as a number: `generation << 32 | index`.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The index in the slab.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as u32 as usize
    }

    #[inline]
    const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    const fn new(generation: u32, index: usize) -> Key {
        Key((generation as u64) << 32 | index as u64)
    }
}

/// Values at fixed indexes, found by [`Key`].
#[derive(Debug)]
pub struct Arena<T> {
    entries: Slab<T>,
    /// The current generation of each index that was ever in use.
    generations: Vec<u32>,
}

impl<T> Default for Arena<T> {
    fn default() -> Arena<T> {
        Arena {
            entries: Slab::new(),
            generations: Vec::new(),
        }
    }
}

impl<T> Arena<T> {
    /// Puts `value` in.
    pub fn insert(&mut self, value: T) -> Key {
        let index = self.entries.insert(value);
        if index == self.generations.len() {
            self.generations.push(0);
        }
        Key::new(self.generations[index], index)
    }

    /// The value of this key, if it is still there.
    #[inline]
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.is_current(key) {
            true => self.entries.get_mut(key.index()),
            false => None,
        }
    }

    /// The value of this key, if it is still there.
    pub fn get(&self, key: Key) -> Option<&T> {
        match self.is_current(key) {
            true => self.entries.get(key.index()),
            false => None,
        }
    }

    /// The key of the value at `index`, if there is one.
    pub fn key_at(&self, index: usize) -> Option<Key> {
        self.entries
            .contains(index)
            .then(|| Key::new(self.generations[index], index))
    }

    /// Takes the value of this key out, if it is still there.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        if !self.is_current(key) {
            return None;
        }
        let value = self.entries.try_remove(key.index())?;
        let generation = &mut self.generations[key.index()];
        *generation = generation.wrapping_add(1);
        Some(value)
    }

    /// Values in the arena.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The keys of all values.
    pub fn keys(&self) -> Vec<Key> {
        self.entries
            .iter()
            .map(|(index, _)| Key::new(self.generations[index], index))
            .collect()
    }

    #[inline]
    fn is_current(&self, key: Key) -> bool {
        self.generations.get(key.index()) == Some(&key.generation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_never_finds_the_next_value_of_its_index() {
        let mut arena = Arena::default();
        let first = arena.insert("first");
        assert_eq!(arena.remove(first), Some("first"));
        let second = arena.insert("second");
        assert_eq!(second.index(), first.index());
        assert_eq!(arena.get(first), None);
        assert_eq!(arena.get_mut(first), None);
        assert_eq!(arena.remove(first), None);
        assert_eq!(arena.get(second), Some(&"second"));
        assert_eq!(arena.key_at(second.index()), Some(second));
        assert_eq!(Key::from_bits(second.bits()), second);
        assert_eq!((arena.len(), arena.keys()), (1, vec![second]));
    }
}
