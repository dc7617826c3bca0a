//! The radix tree of paths: nodes in one contiguous arena, several roots (one for each host), and
//! at the nodes where patterns end the endpoints with their routes by method. Knows nothing of
//! hosts, names and values; a route is its index.
//!
//! ```text
//!            "/"                     /
//!           /   \
//!        "us"   (param)              /{page}
//!        /  \
//!  "ers/"    "age"                   /usage
//!    |  \
//! (param) (rest)                     /users/{id}, /users/{*rest}
//! ```
//!
//! Every node is reached in exactly one way, and a parameter always takes a whole segment but for
//! its fixed suffix, so for a given path there is one position at which a node can be met. Going
//! back therefore needs no stack: the parent link tells where to, and the label or the parameter's
//! range tells how far. It also means that a lookup visits no node twice.

use super::methods::MethodSet;
use super::params::{PATH_BYTES_MAX, Params};
use super::pattern::Part;

/// "No node", "no endpoint" or "no route", where one could be.
pub(super) const NONE: u32 = u32::MAX;

/// The nodes and endpoints of all hosts.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    endpoints: Vec<Endpoint>,
    /// The text of all labels and suffixes.
    text: Vec<u8>,
    /// The children of nodes with many, by the first byte of their label.
    tables: Vec<[u32; 256]>,
    /// The nodes after parameters with a suffix, for each node that has any: longest suffix first.
    suffixed: Vec<Vec<u32>>,
}

/// A part of [`Tree::text`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Label {
    start: u32,
    len: u32,
}

/// How many children a node holds itself.
const INLINE_MAX: usize = 4;

/// A place in the tree: what a path can be up to here, and how it can go on. One cache line.
#[derive(Clone, Debug)]
struct Node {
    /// Static text before this place, behind the parent's place or behind the parameter that lies
    /// between. Behind a parameter it is empty if no pattern goes on there.
    label: Label,
    /// The first bytes of the labels of `children`.
    first_bytes: [u8; INLINE_MAX],
    /// The nodes after static text, as long as they are few.
    children: [u32; INLINE_MAX],
    /// Which of `Tree::tables` has the children when they are many.
    table: u32,
    /// The node after a parameter that is a whole segment.
    param: u32,
    /// Which of `Tree::suffixed` has the nodes after parameters with a suffix.
    suffixed: u32,
    /// The endpoint of the pattern that ends here.
    end: u32,
    /// The endpoint of the pattern that ends with the parameter before the label.
    param_end: u32,
    /// The endpoint of the pattern that goes on with a catch-all.
    catch_all: u32,
    parent: u32,
    /// The suffix of the parameter before the label; starts at [`NONE`] if there is no parameter.
    suffix: Label,
}

const NO_PARAM: Label = Label {
    start: NONE,
    len: 0,
};

/// The routes of one path pattern: their indexes by method.
#[derive(Debug)]
pub(super) struct Endpoint {
    by_method: [u32; 16],
    any: u32,
    methods: MethodSet,
}

impl Endpoint {
    /// The route for this method, else for the fallback, else for any method.
    #[inline]
    pub(super) fn route(&self, method: u8, fallback: Option<u8>) -> Option<u32> {
        let exact = self.by_method.get(usize::from(method)).copied();
        if let Some(route) = exact.filter(|&route| route != NONE) {
            return Some(route);
        }
        let fallback = fallback.and_then(|method| self.by_method.get(usize::from(method)));
        let fallback = fallback.copied().filter(|&route| route != NONE);
        fallback.or(Some(self.any).filter(|&route| route != NONE))
    }

    /// The methods that have a route.
    pub(super) fn methods(&self) -> MethodSet {
        self.methods
    }

    /// The route of exactly this method or, with `None`, the one for any method.
    pub(super) fn exact(&self, method: Option<u8>) -> Option<u32> {
        let route = match method {
            Some(method) => *self.by_method.get(usize::from(method))?,
            None => self.any,
        };
        Some(route).filter(|&route| route != NONE)
    }

    /// Any route of the pattern.
    pub(super) fn some_route(&self) -> Option<u32> {
        let routes = self.by_method.iter().chain([&self.any]);
        routes.copied().find(|&route| route != NONE)
    }

    /// Adds a route of this method or, with `None`, for any method.
    pub(super) fn set(&mut self, method: Option<u8>, route: u32) {
        match method {
            Some(method) => {
                if let Some(slot) = self.by_method.get_mut(usize::from(method)) {
                    *slot = route;
                    self.methods |= MethodSet::of(method);
                }
            }
            None => {
                self.any = route;
                self.methods = MethodSet::ALL;
            }
        }
    }
}

impl Tree {
    /// Adds a tree without patterns and returns its root. Every pattern begins with a slash, so
    /// that is the root's label.
    pub(super) fn add_root(&mut self) -> u32 {
        let label = self.add_text(b"/");
        self.add_node(label, NONE, NO_PARAM)
    }

    /// The endpoint of this pattern in the tree of this root, made if there is none yet. If there
    /// is, the tree is left as it was.
    pub(super) fn endpoint_or_insert(&mut self, root: u32, parts: &[Part]) -> &mut Endpoint {
        let mut node = root;
        let mut parts = parts.iter().peekable();
        let mut slot: fn(&mut Node) -> &mut u32 = |node| &mut node.end;
        while let Some(part) = parts.next() {
            match part {
                Part::Static(text) => {
                    let below = if node == root { &text[1..] } else { text };
                    node = self.insert_static(node, below);
                }
                Part::Param { suffix } => {
                    let text = match parts.next_if(|next| matches!(next, Part::Static(_))) {
                        Some(Part::Static(text)) => text,
                        _ => &[][..],
                    };
                    node = self.insert_param(node, suffix, text);
                    if text.is_empty() {
                        slot = |node| &mut node.param_end;
                    }
                }
                Part::CatchAll => slot = |node| &mut node.catch_all,
            }
        }
        let next = self.endpoints.len() as u32;
        let slot = slot(&mut self.nodes[node as usize]);
        if *slot == NONE {
            *slot = next;
            self.endpoints.push(Endpoint {
                by_method: [NONE; 16],
                any: NONE,
                methods: MethodSet::EMPTY,
            });
        }
        let index = *slot as usize;
        &mut self.endpoints[index]
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
    fn child(&self, node: &Node, first: u8) -> Option<u32> {
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

    fn text(&self, label: Label) -> &[u8] {
        &self.text[label.start as usize..][..label.len as usize]
    }
}

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
        begins_with(rest, self.tree.text(child.label)).then_some(child)
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

    /// The same for parameters with a suffix.
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
        } else if begins_with(after, self.tree.text(child.label)) {
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
