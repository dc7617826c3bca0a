//! The event loop: where transport, protocol and service meet.
