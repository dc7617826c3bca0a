//! HTTP/1.0 and HTTP/1.1 (RFC 9110, RFC 9112), for both roles.

mod violation;

pub use violation::Violation;
