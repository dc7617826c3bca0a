//! Blocks of memory, and what connections keep in them.
