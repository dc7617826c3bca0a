//! What is on the disk: opened below the root and nowhere else, read without making a worker wait.

pub mod load;
pub mod open;
