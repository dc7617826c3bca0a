//! What each worker keeps for files: its tree, and what is used again.

use std::sync::Arc;

use reactor::time::Instant;

use super::cache::clock::Bounds;
use super::cache::tree::Tree;
use super::respond::ration::Ration;
use crate::encoding::Encoders;

/// A worker's part of the files.
pub struct Worker {
    /// The root, and files at hand.
    pub tree: Tree,
    /// What codes small files.
    pub encoders: Encoders,
    /// How much may be coded in a turn.
    pub ration: Arc<Ration>,
    /// Room for the path of a request.
    pub path: Vec<u8>,
}

impl Worker {
    /// With a cache that keeps these bounds.
    pub fn new(bounds: Bounds) -> Worker {
        Worker {
            tree: Tree::new(bounds),
            encoders: Encoders::new(),
            ration: Ration::new(),
            path: Vec::new(),
        }
    }

    /// To be called in each turn, which then may code its share again. Closes what is open for
    /// nothing; returns when it has to be looked again.
    pub fn tend(&mut self, now: Instant) -> Option<Instant> {
        self.ration.begin_turn();
        self.tree.close_unused(now)
    }
}
