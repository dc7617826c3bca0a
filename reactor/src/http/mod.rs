//! The words of HTTP, common to all its versions: methods, status codes, header fields, targets,
//! heads. No input or output, no policy.

mod head;
mod headers;
mod method;
mod status;
pub mod uri;

pub use head::{Framing, RequestHead, ResponseHead, Span, TargetForm, Version};
pub use headers::{Field, FieldName, FieldSet};
pub use method::Method;
pub use status::Status;
