//! Finds what matches a path in the tree: down along static text as long as that goes, then back to
//! the parameters and catch-alls that were passed on the way.
//!
//! Every node is reached in exactly one way, and a parameter always takes a whole segment but for
//! its fixed suffix, so for a given path there is one position at which a node can be met. Going
//! back therefore needs no stack: the parent link tells where to, and the label or the parameter's
//! range tells how far. It also means that a walk enters no node twice.

use super::NONE;
use super::endpoint::Endpoint;
use super::params::{PATH_BYTES_MAX, Params};
use super::tree::{NO_PARAM, Node, Tree};

/// Where a walk goes from a node.
enum Step<'t, R> {
    /// To this node, and up to this position of the path.
    Into(&'t Node, usize),
    /// To its end.
    Accepted(R),
    /// Nowhere: no pattern goes on here.
    Back,
}

/// A search in the tree for one path.
pub(super) struct Walk<'t, 'p, F> {
    pub(super) tree: &'t Tree,
    pub(super) path: &'p [u8],
    pub(super) params: &'p mut Params,
    pub(super) accept: F,
}

impl<'t, R, F: FnMut(&Endpoint) -> Option<R>> Walk<'t, '_, F> {
    /// Shows `accept` the endpoints of the patterns that match the path, most specific first,
    /// until it returns something. Then `params` holds what the parameters of that pattern
    /// matched; otherwise it is empty.
    #[inline]
    pub(super) fn run(&mut self, root: u32) -> Option<R> {
        self.params.clear();
        if self.path.first() != Some(&b'/') || self.path.len() > PATH_BYTES_MAX {
            return None;
        }
        let tree = self.tree;
        let mut node = tree.nodes.get(root as usize)?;
        // The path matches up to here, which is always right behind the label of `node`.
        let mut position = 1;
        loop {
            if position == self.path.len() {
                if let Some(accepted) = self.offer(node.end) {
                    return Some(accepted);
                }
            } else if let Some(child) = self.static_child(node, position) {
                node = child;
                position += child.label.len as usize;
                continue;
            }
            // Parameters whose suffix is not below this were already tried at `node`.
            let mut suffix_below = usize::MAX;
            loop {
                match self.param_child(node, position, suffix_below) {
                    Step::Into(child, reached) => {
                        node = child;
                        position = reached;
                        break;
                    }
                    Step::Accepted(accepted) => return Some(accepted),
                    Step::Back => {}
                }
                if node.catch_all != NONE {
                    self.params.push(position, self.path.len());
                    if let Some(accepted) = self.offer(node.catch_all) {
                        return Some(accepted);
                    }
                    self.params.pop();
                }
                let parent = tree.nodes.get(node.parent as usize)?;
                if node.suffix == NO_PARAM {
                    position -= node.label.len as usize;
                    suffix_below = usize::MAX;
                } else {
                    position = self.params.pop();
                    suffix_below = node.suffix.len as usize;
                }
                node = parent;
            }
        }
    }

    /// Shows an endpoint, if it is one.
    #[inline]
    fn offer(&mut self, endpoint: u32) -> Option<R> {
        let endpoint = self.tree.endpoints.get(endpoint as usize)?;
        (self.accept)(endpoint)
    }

    /// The child whose label the path has at `position`.
    #[inline]
    fn static_child(&self, node: &Node, position: usize) -> Option<&'t Node> {
        let rest = &self.path[position..];
        let child = self.tree.child(node, *rest.first()?)?;
        let child = &self.tree.nodes[child as usize];
        self.leads_to(child, rest).then_some(child)
    }

    /// Whether the rest of the path begins with the node's label. A label of one byte needs no
    /// look: the child was chosen by its first byte, or both begin with a slash behind a parameter.
    #[inline]
    fn leads_to(&self, node: &Node, rest: &[u8]) -> bool {
        node.label.len == 1 || begins_with(rest, self.tree.text(node.label))
    }

    /// Takes the segment at `position` as a parameter, the one with the longest suffix below
    /// `suffix_below` that leads anywhere.
    #[inline]
    fn param_child(&mut self, node: &Node, position: usize, suffix_below: usize) -> Step<'t, R> {
        let tree = self.tree;
        if (node.param & node.suffixed) == NONE || suffix_below == 0 {
            return Step::Back;
        }
        let rest = &self.path[position..];
        let len = segment_len(rest);
        if len == 0 {
            return Step::Back;
        }
        let (segment, after) = rest.split_at(len);
        if node.suffixed != NONE {
            match self.suffixed_child(node, position, segment, suffix_below) {
                Step::Back => {}
                step => return step,
            }
        }
        match tree.nodes.get(node.param as usize) {
            Some(child) => self.behind_param(child, position, position + len, after),
            None => Step::Back,
        }
    }

    /// The same for parameters with a suffix. Apart, so that what most routes need stays small.
    #[inline(never)]
    fn suffixed_child(
        &mut self,
        node: &Node,
        position: usize,
        segment: &[u8],
        suffix_below: usize,
    ) -> Step<'t, R> {
        let tree = self.tree;
        let end = position + segment.len();
        for &child in tree
            .suffixed
            .get(node.suffixed as usize)
            .into_iter()
            .flatten()
        {
            let child = &tree.nodes[child as usize];
            let suffix = tree.text(child.suffix);
            let fits = suffix.len() < suffix_below && suffix.len() < segment.len();
            if fits && segment.ends_with(suffix) {
                let after = &self.path[end..];
                match self.behind_param(child, position, end - suffix.len(), after) {
                    Step::Back => {}
                    step => return step,
                }
            }
        }
        Step::Back
    }

    /// Goes on behind a parameter that took the path from `start` to `end`; `after` is the path
    /// behind its suffix.
    #[inline(always)]
    fn behind_param(
        &mut self,
        child: &'t Node,
        start: usize,
        end: usize,
        after: &[u8],
    ) -> Step<'t, R> {
        self.params.push(start, end);
        if after.is_empty() {
            if let Some(accepted) = self.offer(child.param_end) {
                return Step::Accepted(accepted);
            }
        } else if self.leads_to(child, after) {
            let reached = self.path.len() - after.len() + child.label.len as usize;
            return Step::Into(child, reached);
        }
        self.params.pop();
        Step::Back
    }
}

/// Whether `text` begins with `label`. Short labels, which most are, are compared in two
/// overlapping halves; the library's comparison is only worth its call for longer ones.
#[inline]
fn begins_with(text: &[u8], label: &[u8]) -> bool {
    let Some(text) = text.get(..label.len()) else {
        return false;
    };
    match label.len() {
        0 => true,
        1 => text[0] == label[0],
        2..=3 => same_ends::<2>(text, label),
        4..=8 => same_ends::<4>(text, label),
        9..=16 => same_ends::<8>(text, label),
        _ => text == label,
    }
}

/// Whether the first and the last `N` bytes are the same.
#[inline]
fn same_ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk::<N>() && a.last_chunk::<N>() == b.last_chunk::<N>()
}

/// Bytes up to the next slash. Looks at eight at a time: segments are too short for the call of a
/// vectorised search to pay.
#[inline]
fn segment_len(rest: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let (words, tail) = rest.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // A byte is zero where there is a slash; only a zero byte, or one above it, borrows.
        let word = u64::from_le_bytes(*word) ^ (ONES * b'/' as u64);
        let slashes = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if slashes != 0 {
            return index * 8 + slashes.trailing_zeros() as usize / 8;
        }
    }
    let in_tail = tail.iter().position(|&byte| byte == b'/');
    in_tail.map_or(rest.len(), |index| rest.len() - tail.len() + index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_with_is_starts_with() {
        let text: Vec<u8> = (0..40).collect();
        for len in 0..=text.len() {
            let mut label = text[..len].to_vec();
            assert!(begins_with(&text, &label), "{len}");
            assert_eq!(begins_with(&text[..len / 2], &label), len == 0, "{len}");
            for index in 0..len {
                label[index] ^= 0x80;
                assert!(!begins_with(&text, &label), "{len} {index}");
                label[index] ^= 0x80;
            }
        }
    }

    #[test]
    fn segment_len_finds_the_first_slash() {
        // Bytes that differ from a slash in one bit, or that a borrow could make look like one.
        for filler in [0x00, 0x0f, 0x2e, 0x30, 0x6f, 0xaf, 0xff, b'a'] {
            for len in 0..40 {
                let mut rest = vec![filler; len];
                assert_eq!(segment_len(&rest), len, "{filler} {len}");
                for index in (0..len).rev() {
                    rest[index] = b'/';
                    assert_eq!(segment_len(&rest), index, "{filler} {len} {index}");
                }
            }
        }
    }

    #[test]
    fn a_byte_above_a_slash_is_not_taken_for_one() {
        for above in 0..=255 {
            assert_eq!(
                segment_len(&[b'a', above, b'/', above, b'a', b'a', b'a', b'a']),
                { if above == b'/' { 1 } else { 2 } }
            );
        }
    }
}
