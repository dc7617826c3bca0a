//! HTTP/1.0 and HTTP/1.1 (RFC 9110, RFC 9112), for both roles.

mod body;
mod chunked;
mod control;
mod encode;
pub mod framing;
mod line;
mod parse;
mod resume;
mod scan;
mod violation;

pub use body::{BodyReader, BodyStep};
pub use encode::{
    CONTINUE, LAST_CHUNK, Persistence, Prelude, Repeatable, ResponseFields, whole_answer,
    write_chunk_line, write_head,
};
pub use parse::HeadParser;
pub use violation::Violation;
