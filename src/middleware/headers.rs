//! Header fields that every answer has, whatever it is.
//!
//! Must not know how they are written on the command line.

use reactor::{Middleware, ReplyHead, RequestView};

/// A header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderField {
    /// The name, a token (RFC 9110 section 5.6.2). The engine keeps those to itself that it writes
    /// of its own, `Content-Length` among them.
    pub name: String,
    /// The value, without white space around it.
    pub value: String,
}

/// Adds fields to every answer, errors too, in the place of what the answer itself had of that
/// name; but `Vary` goes beside it, for caches have to know all that an answer depends on. What
/// could not be read as a request reaches no middleware, and its 400 does not have them.
#[derive(Debug)]
pub struct Headers {
    /// The fields, and whether each is in the place of what the answer has of its name.
    fields: Box<[(HeaderField, bool)]>,
}

impl Headers {
    /// With these fields; all of one name are sent, in this order.
    pub fn new(fields: Vec<HeaderField>) -> Headers {
        let replaces = |at: usize| {
            let is_same = |other: &HeaderField| other.name.eq_ignore_ascii_case(&fields[at].name);
            let is_first = !fields[..at].iter().any(is_same);
            is_first && !fields[at].name.eq_ignore_ascii_case("Vary")
        };
        let replaces: Vec<bool> = (0..fields.len()).map(replaces).collect();
        Headers {
            fields: fields.into_iter().zip(replaces).collect(),
        }
    }
}

impl Middleware for Headers {
    fn after(&self, _request: &RequestView<'_>, head: &mut ReplyHead<'_>) {
        for (HeaderField { name, value }, replaces) in &self.fields {
            match replaces {
                true => head.set_field(name, value),
                false => head.add_field(name, value),
            }
        }
    }
}
