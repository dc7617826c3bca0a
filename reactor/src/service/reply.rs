//! Replies: what a handler returns.

use std::fmt;
use std::sync::Arc;

use super::{FileBody, ReplyBuffer, Request, Stream};
use crate::http::Status;

/// The answer to a request: a status, a content type, and a body in one of its forms. Other header
/// fields go into the [`ReplyBuffer`]. Framing, `Date`, `Server` and `Connection` are the engine's.
#[derive(Debug)]
pub struct Reply {
    pub(crate) status: Status,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) close: bool,
    pub(crate) body: Body,
}

/// The forms of a body.
pub enum Body {
    /// None.
    Empty,
    /// Bytes that live as long as the program.
    Static(&'static [u8]),
    /// Bytes shared with others, such as a cache.
    Shared(Arc<[u8]>),
    /// Bytes on the heap.
    Owned(Vec<u8>),
    /// What was written into the reply buffer.
    Written,
    /// Parts of a file.
    File(FileBody),
    /// Bytes that are made as the client takes them, and how many there will be if that is known.
    Stream(Box<dyn Stream>, Option<u64>),
    /// Nothing yet: work that may block makes the reply.
    Job(Job, Pace),
    /// Nothing yet, in the reply of a job: this makes the reply on the worker.
    Then(Next),
}

/// Work that may block or take long, run by the job pool; its result is the reply. It cannot return
/// another job.
pub type Job = Box<dyn FnOnce(&mut ReplyBuffer) -> Reply + Send>;

/// How long work takes that may block, by which it is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It looks at a disk once or a few times, and hardly computes. It takes turns with long work,
    /// and some threads are for it alone.
    Brief,
    /// It may take long.
    Long,
}

/// What makes a reply on the worker when a job is done, see [`Reply::then`].
pub type Next = Box<dyn FnOnce(&mut Request<'_>) -> Reply + Send>;

impl Reply {
    /// A reply of this status without body.
    pub const fn status(status: Status) -> Reply {
        Reply {
            status,
            content_type: None,
            close: false,
            body: Body::Empty,
        }
    }

    /// A reply that says its status in words, as the engine's own do.
    pub fn in_words(status: Status) -> Reply {
        match status.line() {
            "" => Reply::status(status),
            line => Reply::text(line).with_status(status),
        }
    }

    /// Plain text that lives as long as the program.
    pub const fn text(text: &'static str) -> Reply {
        Reply::fixed("text/plain; charset=utf-8", text.as_bytes())
    }

    /// Bytes that live as long as the program.
    pub const fn fixed(content_type: &'static str, bytes: &'static [u8]) -> Reply {
        Reply::ok(content_type, Body::Static(bytes))
    }

    /// Bytes shared with others.
    pub const fn shared(content_type: &'static str, bytes: Arc<[u8]>) -> Reply {
        Reply::ok(content_type, Body::Shared(bytes))
    }

    /// Bytes on the heap.
    pub const fn owned(content_type: &'static str, bytes: Vec<u8>) -> Reply {
        Reply::ok(content_type, Body::Owned(bytes))
    }

    /// What was written into the reply buffer's body.
    pub const fn written(content_type: &'static str) -> Reply {
        Reply::ok(content_type, Body::Written)
    }

    /// Parts of a file.
    pub const fn file(content_type: &'static str, body: FileBody) -> Reply {
        Reply::ok(content_type, Body::File(body))
    }

    /// Bytes that `stream` makes as the client takes them.
    pub fn stream(content_type: &'static str, stream: impl Stream) -> Reply {
        Reply::ok(content_type, Body::Stream(Box::new(stream), None))
    }

    /// Whatever `work` returns; it is run by the job pool and may block. When too many jobs are
    /// waiting the answer is 503. The reply buffer that it is handed is its own. If the client has
    /// left before it begins, it is dropped without being run.
    pub fn job(work: impl FnOnce(&mut ReplyBuffer) -> Reply + Send + 'static) -> Reply {
        Reply::work(Box::new(work), Pace::Long)
    }

    /// The same for `work` that only waits for a disk for a moment: others that take long do not
    /// keep it waiting.
    pub fn brief_job(work: impl FnOnce(&mut ReplyBuffer) -> Reply + Send + 'static) -> Reply {
        Reply::work(Box::new(work), Pace::Brief)
    }

    /// What a job returns that has done what may block and leaves the reply to be made on the
    /// worker, where the request and the worker's local value are. The request has no body there.
    /// It may be another job. Means nothing but in the reply of a job.
    pub fn then(next: impl FnOnce(&mut Request<'_>) -> Reply + Send + 'static) -> Reply {
        Reply {
            body: Body::Then(Box::new(next)),
            ..Reply::status(Status::OK)
        }
    }

    /// With another status.
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Reply {
        self.status = status;
        self
    }

    /// With the number of bytes that a stream is going to make; the client is told so, and a stream
    /// that ends earlier cuts the connection. Means nothing for other bodies.
    #[must_use]
    pub fn with_length(mut self, bytes: u64) -> Reply {
        if let Body::Stream(_, length) = &mut self.body {
            *length = Some(bytes);
        }
        self
    }

    /// Without a content type of its own; one may be given through the reply buffer.
    #[must_use]
    pub fn without_content_type(mut self) -> Reply {
        self.content_type = None;
        self
    }

    /// With the connection closed after it.
    #[must_use]
    pub fn closing(mut self) -> Reply {
        self.close = true;
        self
    }

    /// Whether the body is in memory, so that the reply can be sent at once.
    #[inline]
    pub(crate) fn is_in_memory(&self) -> bool {
        !matches!(
            self.body,
            Body::File(_) | Body::Stream(..) | Body::Job(..) | Body::Then(_)
        )
    }

    fn work(job: Job, pace: Pace) -> Reply {
        Reply {
            body: Body::Job(job, pace),
            ..Reply::status(Status::OK)
        }
    }

    const fn ok(content_type: &'static str, body: Body) -> Reply {
        Reply {
            status: Status::OK,
            content_type: Some(content_type),
            close: false,
            body,
        }
    }
}

impl Body {
    /// The bytes if they are in memory, else none; `written` is the reply buffer's body.
    #[inline]
    pub(crate) fn bytes<'a>(&'a self, written: &'a [u8]) -> &'a [u8] {
        match self {
            Body::Static(bytes) => bytes,
            Body::Shared(bytes) => bytes,
            Body::Owned(bytes) => bytes,
            Body::Written => written,
            Body::Empty | Body::File(_) | Body::Stream(..) | Body::Job(..) | Body::Then(_) => &[],
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Empty => f.write_str("Empty"),
            Body::Static(bytes) => write!(f, "Static({} bytes)", bytes.len()),
            Body::Shared(bytes) => write!(f, "Shared({} bytes)", bytes.len()),
            Body::Owned(bytes) => write!(f, "Owned({} bytes)", bytes.len()),
            Body::Written => f.write_str("Written"),
            Body::File(body) => write!(f, "File({} bytes)", body.len()),
            Body::Stream(_, length) => write!(f, "Stream({length:?})"),
            Body::Job(..) => f.write_str("Job"),
            Body::Then(_) => f.write_str("Then"),
        }
    }
}
