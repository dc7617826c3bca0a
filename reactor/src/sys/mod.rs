//! System calls and socket options behind safe functions.
