//! System calls and socket options behind safe functions.
//!
//! Owns what the engine asks of the operating system outside of sockets: how many descriptors and
//! cores there are, how files are read, sent and closed without waiting, which descriptors the
//! parent process passed, what a failed `accept` means. Must not know anything of the engine.

mod accept;
mod cores;
mod descriptors;
mod files;
mod inherited;
mod send_file;

pub use accept::AcceptError;
pub use cores::{cores_available, pin_current_thread};
pub use descriptors::{is_among_last, raise_descriptor_limit};
pub use files::{OpenFile, Residence, open_files};
pub use inherited::{Inherited, take_inherited};
pub use send_file::{SENDS_FILES, send_file};
