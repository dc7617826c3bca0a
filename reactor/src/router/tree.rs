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
}

/// A part of [`Tree::text`].
#[derive(Clone, Copy, Debug, Default)]
struct Label {
    start: u32,
    len: u32,
}

/// A place in the tree: what a path can be up to here, and how it can go on.
#[derive(Debug)]
struct Node {
    /// Static text before this place and behind the parent's.
    label: Label,
    /// The first bytes of the labels of `children`.
    first_bytes: Vec<u8>,
    /// The nodes after static text.
    children: Vec<u32>,
    /// The nodes after a parameter with a suffix, longest suffix first.
    suffixed: Vec<u32>,
    /// The node after a parameter that is a whole segment.
    param: u32,
    /// The endpoint of a catch-all.
    catch_all: u32,
    /// The endpoint of the pattern that ends here.
    end: u32,
    parent: u32,
    /// What lies between the parent and the label.
    via: Via,
}

#[derive(Clone, Copy, Debug)]
enum Via {
    Static,
    Param { suffix: Label },
}

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
        self.add_node(label, NONE, Via::Static)
    }

    /// The endpoint of this pattern in the tree of this root, made if there is none yet. If there
    /// is, the tree is left as it was.
    pub(super) fn endpoint_or_insert(&mut self, root: u32, parts: &[Part]) -> &mut Endpoint {
        let mut node = root;
        let mut parts = parts.iter().peekable();
        let mut catch_all = false;
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
                }
                Part::CatchAll => catch_all = true,
            }
        }
        let next = self.endpoints.len() as u32;
        let owner = &mut self.nodes[node as usize];
        let slot = if catch_all {
            &mut owner.catch_all
        } else {
            &mut owner.end
        };
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
            let here = &self.nodes[node as usize];
            match here.first_bytes.iter().position(|&byte| byte == first) {
                Some(index) => {
                    node = here.children[index];
                    let shared = self.split_behind(node, text);
                    text = &text[shared..];
                }
                None => {
                    let label = self.add_text(text);
                    let child = self.add_node(label, node, Via::Static);
                    let here = &mut self.nodes[node as usize];
                    here.first_bytes.push(first);
                    here.children.push(child);
                    return child;
                }
            }
        }
        node
    }

    /// The node behind a parameter with this suffix and then this text, below `node`.
    fn insert_param(&mut self, node: u32, suffix: &[u8], text: &[u8]) -> u32 {
        if let Some(child) = self.param_child(node, suffix) {
            let shared = self.split_behind(child, text);
            return self.insert_static(child, &text[shared..]);
        }
        let via = Via::Param {
            suffix: self.add_text(suffix),
        };
        let label = self.add_text(text);
        let child = self.add_node(label, node, via);
        if suffix.is_empty() {
            self.nodes[node as usize].param = child;
        } else {
            let shorter = |&other: &u32| self.suffix_len(other) < suffix.len();
            let others = &self.nodes[node as usize].suffixed;
            let index = others.iter().position(shorter).unwrap_or(others.len());
            self.nodes[node as usize].suffixed.insert(index, child);
        }
        child
    }

    /// The child of `node` behind a parameter with this suffix.
    fn param_child(&self, node: u32, suffix: &[u8]) -> Option<u32> {
        let node = &self.nodes[node as usize];
        if suffix.is_empty() {
            return Some(node.param).filter(|&child| child != NONE);
        }
        let same = |&child: &u32| match self.nodes[child as usize].via {
            Via::Param { suffix: known } => self.text(known) == suffix,
            Via::Static => false,
        };
        node.suffixed.iter().copied().find(same)
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
        let lower = self.add_node(below, node, Via::Static);
        let first = self.text[below.start as usize];
        let (upper_half, lower_half) = self.nodes.split_at_mut(lower as usize);
        let (upper, lower_node) = (&mut upper_half[node as usize], &mut lower_half[0]);
        upper.label.len = shared as u32;
        lower_node.first_bytes = std::mem::replace(&mut upper.first_bytes, vec![first]);
        lower_node.children = std::mem::replace(&mut upper.children, vec![lower]);
        lower_node.suffixed = std::mem::take(&mut upper.suffixed);
        lower_node.param = std::mem::replace(&mut upper.param, NONE);
        lower_node.catch_all = std::mem::replace(&mut upper.catch_all, NONE);
        lower_node.end = std::mem::replace(&mut upper.end, NONE);
        let moved = lower_node.children.iter().chain(&lower_node.suffixed);
        for &child in moved.chain([&lower_node.param]) {
            if let Some(child) = upper_half.get_mut(child as usize) {
                child.parent = lower;
            }
        }
        shared
    }

    fn add_node(&mut self, label: Label, parent: u32, via: Via) -> u32 {
        let index = self.nodes.len() as u32;
        self.nodes.push(Node {
            label,
            first_bytes: Vec::new(),
            children: Vec::new(),
            suffixed: Vec::new(),
            param: NONE,
            catch_all: NONE,
            end: NONE,
            parent,
            via,
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

    /// Length of the suffix of the parameter before `node`.
    fn suffix_len(&self, node: u32) -> usize {
        match self.nodes[node as usize].via {
            Via::Param { suffix } => suffix.len as usize,
            Via::Static => 0,
        }
    }
}

impl Tree {
    /// Shows `accept` the endpoints of the patterns that match the path, most specific first,
    /// until it returns something. Then `params` holds what the parameters of that pattern
    /// matched; otherwise it is empty.
    #[inline]
    pub(super) fn walk<R>(
        &self,
        root: u32,
        path: &[u8],
        params: &mut Params,
        mut accept: impl FnMut(&Endpoint) -> Option<R>,
    ) -> Option<R> {
        params.clear();
        if path.first() != Some(&b'/') || path.len() > PATH_BYTES_MAX {
            return None;
        }
        let mut node = self.nodes.get(root as usize)?;
        // The path matches up to here, which is always right behind the label of `node`.
        let mut position = 1;
        loop {
            if position == path.len() {
                if let Some(endpoint) = self.endpoints.get(node.end as usize)
                    && let Some(accepted) = accept(endpoint)
                {
                    return Some(accepted);
                }
            } else if let Some(child) = self.static_child(node, &path[position..]) {
                node = child;
                position += child.label.len as usize;
                continue;
            }
            // Parameters whose suffix is not below this were already tried at `node`.
            let mut suffix_below = usize::MAX;
            loop {
                if let Some((child, end)) = self.param_step(node, path, position, suffix_below) {
                    params.push(position, end.value);
                    node = child;
                    position = end.position;
                    break;
                }
                if let Some(endpoint) = self.endpoints.get(node.catch_all as usize) {
                    params.push(position, path.len());
                    if let Some(accepted) = accept(endpoint) {
                        return Some(accepted);
                    }
                    params.pop();
                }
                let parent = self.nodes.get(node.parent as usize)?;
                (position, suffix_below) = match node.via {
                    Via::Static => (position - node.label.len as usize, usize::MAX),
                    Via::Param { suffix } => (params.pop(), suffix.len as usize),
                };
                node = parent;
            }
        }
    }

    /// The child whose label the rest of the path begins with.
    #[inline]
    fn static_child(&self, node: &Node, rest: &[u8]) -> Option<&Node> {
        let first = rest.first()?;
        let index = node.first_bytes.iter().position(|byte| byte == first)?;
        let child = &self.nodes[node.children[index] as usize];
        rest.starts_with(self.text(child.label)).then_some(child)
    }

    /// The child behind the parameter with the longest suffix below `suffix_below` that the segment
    /// at `position` and what follows it match.
    #[inline]
    fn param_step(
        &self,
        node: &Node,
        path: &[u8],
        position: usize,
        suffix_below: usize,
    ) -> Option<(&Node, ParamEnd)> {
        let has_param = node.param != NONE || !node.suffixed.is_empty();
        if !has_param || suffix_below == 0 {
            return None;
        }
        let rest = &path[position..];
        let segment = rest
            .iter()
            .position(|&byte| byte == b'/')
            .unwrap_or(rest.len());
        if segment == 0 {
            return None;
        }
        let (segment, after) = rest.split_at(segment);
        for &child in &node.suffixed {
            let child = &self.nodes[child as usize];
            let Via::Param { suffix } = child.via else {
                continue;
            };
            let suffix = self.text(suffix);
            if suffix.len() < suffix_below
                && suffix.len() < segment.len()
                && segment.ends_with(suffix)
                && after.starts_with(self.text(child.label))
            {
                let end = position + segment.len();
                return Some((
                    child,
                    ParamEnd {
                        value: end - suffix.len(),
                        position: end + child.label.len as usize,
                    },
                ));
            }
        }
        let child = self.nodes.get(node.param as usize)?;
        after.starts_with(self.text(child.label)).then(|| {
            let end = position + segment.len();
            (
                child,
                ParamEnd {
                    value: end,
                    position: end + child.label.len as usize,
                },
            )
        })
    }
}

/// Where a parameter's step ends.
struct ParamEnd {
    /// The end of its value.
    value: usize,
    /// The end of the label behind its suffix.
    position: usize,
}
