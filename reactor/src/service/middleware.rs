//! Middleware: runs inline before and after the handler, on every request of the routes it is put
//! on.

use super::{Reply, ReplyBuffer, Request, RequestView};
use crate::http::Status;

/// May answer early, may change the head of the answer. Shared by all workers, must not block, and
/// is guarded against panics as handlers are.
pub trait Middleware: Send + Sync + 'static {
    /// Runs when the head has arrived, before the body is read; an answer given here is final, the
    /// handler and the remaining middleware are not asked. Fields that are added to the reply
    /// buffer stay there for the handler's answer.
    fn before(&self, request: &mut Request<'_>) -> Option<Reply> {
        let _ = request;
        None
    }

    /// Runs when the answer's head is known, in the reverse order of `before`, also for answers
    /// that some middleware gave.
    fn after(&self, request: &RequestView<'_>, head: &mut ReplyHead<'_>) {
        let _ = (request, head);
    }
}

/// The head of an answer, before it is written.
#[derive(Debug)]
pub struct ReplyHead<'a> {
    pub(crate) status: &'a mut Status,
    pub(crate) content_type: &'a mut Option<&'static str>,
    pub(crate) buffer: &'a mut ReplyBuffer,
}

impl ReplyHead<'_> {
    /// The status.
    pub fn status(&self) -> Status {
        *self.status
    }

    /// Changes the status. One that never has a body takes the answer's body away.
    pub fn set_status(&mut self, status: Status) {
        *self.status = status;
    }

    /// The value of the first field of this name (in any case).
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        match *self.content_type {
            Some(value) if name.eq_ignore_ascii_case("content-type") => Some(value.as_bytes()),
            _ => self.buffer.field_value(name),
        }
    }

    /// Adds a field beside others of the same name.
    pub fn add_field(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.buffer.field(name, value);
    }

    /// Replaces all fields of this name with one.
    pub fn set_field(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.remove_field(name);
        self.buffer.field(name, value);
    }

    /// Removes all fields of this name.
    pub fn remove_field(&mut self, name: &str) {
        if name.eq_ignore_ascii_case("content-type") {
            *self.content_type = None;
        }
        self.buffer.remove_field(name);
    }
}
