//! The radix tree of paths: nodes in one contiguous arena, several roots (one for each host), and
//! at the nodes where patterns end the endpoints with their routes by method. Knows nothing of
//! hosts, names and values; a route is its index.
//!
//! ```text
//!            "/"                     /
//!           /   \
//!        "us"   (param)              /{page}
//!        /  \
//!  "ers/"  "age"                     /usage
//!   /   \
//! (param) (rest)                     /users/{id}, /users/{*rest}
//! ```
//!
//! Insertion cuts a label where two patterns part, so that no two children of a node begin with the
//! same byte. Finding is the business of `walk`.

use super::NONE;
use super::endpoint::Endpoint;
use super::pattern::Pattern;

/// How many children a node holds itself.
const INLINE_MAX: usize = 4;

/// The nodes and endpoints of all hosts.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) endpoints: Vec<Endpoint>,
    /// The nodes after parameters with a suffix, for each node that has any: longest suffix first.
    pub(super) suffixed: Vec<Vec<u32>>,
    /// The children of nodes with more than [`INLINE_MAX`], by the first byte of their label.
    tables: Vec<[u32; 256]>,
    /// The text of all labels and suffixes.
    text: Vec<u8>,
}

/// A part of [`Tree::text`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Label {
    pub(super) start: u32,
    pub(super) len: u32,
}

/// A place in the tree: what a path can be up to here, and how it can go on. One cache line.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Static text before this place, behind the parent's place or behind the parameter that lies
    /// between. Behind a parameter it is empty if no pattern goes on there.
    pub(super) label: Label,
    /// The first bytes of the labels of `children`.
    first_bytes: [u8; INLINE_MAX],
    /// The nodes after static text, as long as they are few.
    children: [u32; INLINE_MAX],
    /// Which of `Tree::tables` has the children when they are many.
    table: u32,
    /// The node after a parameter that is a whole segment.
    pub(super) param: u32,
    /// Which of `Tree::suffixed` has the nodes after parameters with a suffix.
    pub(super) suffixed: u32,
    /// The endpoint of the pattern that ends here.
    pub(super) end: u32,
    /// The endpoint of the pattern that ends with the parameter before the label.
    pub(super) param_end: u32,
    /// The endpoint of the pattern that goes on with a catch-all.
    pub(super) catch_all: u32,
    pub(super) parent: u32,
    /// The suffix of the parameter before the label; starts at [`NONE`] if there is no parameter.
    pub(super) suffix: Label,
}

const _: () = assert!(size_of::<Node>() == 64);

/// The `suffix` of a node that no parameter lies before.
pub(super) const NO_PARAM: Label = Label {
    start: NONE,
    len: 0,
};

impl Tree {
    /// Adds a tree without patterns and returns its root. Every pattern begins with a slash, so
    /// that is the root's label.
    pub(super) fn add_root(&mut self) -> u32 {
        let label = self.add_text(b"/");
        self.add_node(label, NONE, NO_PARAM)
    }

    /// The endpoint of this pattern in the tree of this root, made if there is none yet. If there
    /// is, the tree is left as it was.
    pub(super) fn endpoint_or_insert(&mut self, root: u32, pattern: &Pattern) -> &mut Endpoint {
        let start = pattern.start.strip_prefix(b"/").unwrap_or(&pattern.start);
        let mut place = self.insert_static(root, start);
        for param in &pattern.params {
            place = self.insert_param(place, &param.suffix, &param.text);
        }
        let node = &mut self.nodes[place as usize];
        let slot = match pattern.params.last() {
            _ if pattern.catch_all => &mut node.catch_all,
            Some(param) if param.text.is_empty() => &mut node.param_end,
            _ => &mut node.end,
        };
        if *slot == NONE {
            *slot = self.endpoints.len() as u32;
            self.endpoints.push(Endpoint::new());
        }
        &mut self.endpoints[*slot as usize]
    }

    /// The node behind this text below `node`.
    fn insert_static(&mut self, mut node: u32, mut text: &[u8]) -> u32 {
        while let Some(&first) = text.first() {
            match self.child(&self.nodes[node as usize], first) {
                Some(child) => {
                    node = child;
                    let shared = self.split_behind(node, text);
                    text = &text[shared..];
                }
                None => {
                    let label = self.add_text(text);
                    let child = self.add_node(label, node, NO_PARAM);
                    self.add_child(node, first, child);
                    return child;
                }
            }
        }
        node
    }

    /// The node behind a parameter with this suffix and then this text, below `node`.
    fn insert_param(&mut self, node: u32, suffix: &[u8], text: &[u8]) -> u32 {
        let Some(child) = self.param_child(node, suffix) else {
            let suffix = self.add_text(suffix);
            let label = self.add_text(text);
            let child = self.add_node(label, node, suffix);
            self.add_param_child(node, child);
            return child;
        };
        if text.is_empty() {
            return child;
        }
        if self.nodes[child as usize].label.len == 0 {
            self.nodes[child as usize].label = self.add_text(text);
            return child;
        }
        let shared = self.split_behind(child, text);
        self.insert_static(child, &text[shared..])
    }

    /// The child of `node` behind a parameter with this suffix.
    fn param_child(&self, node: u32, suffix: &[u8]) -> Option<u32> {
        let node = &self.nodes[node as usize];
        if suffix.is_empty() {
            return Some(node.param).filter(|&child| child != NONE);
        }
        let mut suffixed = self.suffixed.get(node.suffixed as usize)?.iter().copied();
        suffixed.find(|&child| self.text(self.nodes[child as usize].suffix) == suffix)
    }

    fn add_param_child(&mut self, node: u32, child: u32) {
        let suffix_len = |child: u32| self.nodes[child as usize].suffix.len;
        let len = suffix_len(child);
        if len == 0 {
            self.nodes[node as usize].param = child;
            return;
        }
        if let Some(others) = self
            .suffixed
            .get_mut(self.nodes[node as usize].suffixed as usize)
        {
            let shorter = |&other: &u32| self.nodes[other as usize].suffix.len < len;
            let index = others.iter().position(shorter).unwrap_or(others.len());
            others.insert(index, child);
        } else {
            self.nodes[node as usize].suffixed = self.suffixed.len() as u32;
            self.suffixed.push(vec![child]);
        }
    }

    /// The child of `node` whose label begins with this byte.
    #[inline]
    pub(super) fn child(&self, node: &Node, first: u8) -> Option<u32> {
        let child = match self.tables.get(node.table as usize) {
            Some(table) => table[usize::from(first)],
            None => node.children[node.first_bytes.iter().position(|&byte| byte == first)?],
        };
        Some(child).filter(|&child| child != NONE)
    }

    fn add_child(&mut self, node: u32, first: u8, child: u32) {
        let node = &mut self.nodes[node as usize];
        if let Some(table) = self.tables.get_mut(node.table as usize) {
            table[usize::from(first)] = child;
        } else if let Some(free) = node.children.iter().position(|&child| child == NONE) {
            node.first_bytes[free] = first;
            node.children[free] = child;
        } else {
            let mut table = [NONE; 256];
            for (&byte, &child) in node.first_bytes.iter().zip(&node.children) {
                table[usize::from(byte)] = child;
            }
            table[usize::from(first)] = child;
            node.table = self.tables.len() as u32;
            self.tables.push(table);
        }
    }

    /// Shortens the label of `node` to what it shares with `text`, whose length is returned. What
    /// the node was becomes a child of it.
    fn split_behind(&mut self, node: u32, text: &[u8]) -> usize {
        let label = self.nodes[node as usize].label;
        let pairs = self.text(label).iter().zip(text);
        let shared = pairs.take_while(|(known, new)| known == new).count();
        if shared == label.len as usize {
            return shared;
        }
        let below = Label {
            start: label.start + shared as u32,
            len: label.len - shared as u32,
        };
        let first = self.text(below)[0];
        let lower = self.add_node(below, node, NO_PARAM);
        let upper = Node {
            label: Label {
                len: shared as u32,
                ..label
            },
            parent: self.nodes[node as usize].parent,
            suffix: self.nodes[node as usize].suffix,
            param_end: self.nodes[node as usize].param_end,
            ..self.nodes[lower as usize].clone()
        };
        let was = std::mem::replace(&mut self.nodes[node as usize], upper);
        self.nodes[lower as usize] = Node {
            label: below,
            parent: node,
            suffix: NO_PARAM,
            param_end: NONE,
            ..was
        };
        self.add_child(node, first, lower);
        for child in self.children_of(lower) {
            self.nodes[child as usize].parent = lower;
        }
        shared
    }

    /// All children of a node.
    fn children_of(&self, node: u32) -> Vec<u32> {
        let node = &self.nodes[node as usize];
        let of_text = match self.tables.get(node.table as usize) {
            Some(table) => &table[..],
            None => &node.children[..],
        };
        let suffixed = self
            .suffixed
            .get(node.suffixed as usize)
            .into_iter()
            .flatten();
        let all = of_text.iter().chain(suffixed).chain([&node.param]);
        all.copied().filter(|&child| child != NONE).collect()
    }

    fn add_node(&mut self, label: Label, parent: u32, suffix: Label) -> u32 {
        let index = self.nodes.len() as u32;
        self.nodes.push(Node {
            label,
            first_bytes: [0; INLINE_MAX],
            children: [NONE; INLINE_MAX],
            table: NONE,
            param: NONE,
            suffixed: NONE,
            end: NONE,
            param_end: NONE,
            catch_all: NONE,
            parent,
            suffix,
        });
        index
    }

    fn add_text(&mut self, text: &[u8]) -> Label {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(text);
        Label {
            start,
            len: text.len() as u32,
        }
    }

    /// The text of a label or suffix.
    #[inline]
    pub(super) fn text(&self, label: Label) -> &[u8] {
        &self.text[label.start as usize..][..label.len as usize]
    }
}
