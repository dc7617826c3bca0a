//! Requests as handlers, middleware and observers see them.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use super::{ReplyBuffer, Route};
use crate::http::{Field, FieldName, FieldSet, Method, RequestHead, Version};
use crate::router::{Params, decode_text};
use crate::time::Instant;
use crate::transport::Peer;
use crate::transport::tls::TlsInfo;

/// What can be known of a request from its head: a view of memory that the engine owns.
#[derive(Clone, Copy)]
pub struct RequestView<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) fields: &'a [Field],
    pub(crate) head: &'a RequestHead,
    /// The path that was routed, if it differs from the one in the head.
    pub(crate) path: Option<&'a [u8]>,
    pub(crate) params: &'a Params,
    pub(crate) route: &'a Route,
    pub(crate) peer: Peer,
    pub(crate) tls: Option<&'a TlsInfo>,
}

impl<'a> RequestView<'a> {
    /// The method.
    #[inline]
    pub fn method(&self) -> Method {
        self.head.method
    }

    /// The method's text; differs from the method's name only for [`Method::Other`].
    pub fn method_text(&self) -> &'a str {
        ascii(self.head.method_text.of(self.text))
    }

    /// The request target as it was sent.
    pub fn target(&self) -> &'a str {
        ascii(self.head.target.of(self.text))
    }

    /// The path in its normal form, which is what was routed: unreserved characters are not
    /// percent-encoded, there are no dot segments. Other escapes are left in it.
    pub fn path(&self) -> &'a str {
        ascii(self.raw_path())
    }

    /// The query without its `?`, undecoded; empty when there is none.
    pub fn query(&self) -> &'a str {
        ascii(self.head.query.of(self.text))
    }

    /// The host that the request is for, without port; empty when HTTP/1.0 named none.
    pub fn host(&self) -> &'a str {
        ascii(self.head.host.of(self.text))
    }

    /// The protocol version.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Whether the request has a header field of any of these names.
    #[inline]
    pub fn has_any(&self, names: FieldSet) -> bool {
        self.head.names.intersects(names)
    }

    /// The value of the first header field of this name.
    pub fn field(&self, name: FieldName) -> Option<&'a [u8]> {
        self.fields
            .iter()
            .find(|field| field.id == name)
            .map(|field| field.value.of(self.text))
    }

    /// The values of all header fields of this name, in their order.
    pub fn values(&self, name: FieldName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let text = self.text;
        self.fields
            .iter()
            .filter(move |field| field.id == name)
            .map(move |field| field.value.of(text))
    }

    /// The value of the first header field of this name (in any case), for names without an id.
    pub fn field_named(&self, name: &str) -> Option<&'a [u8]> {
        let name = name.as_bytes();
        self.all_fields()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// All header fields in their order: name as sent, and value.
    pub fn all_fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let text = self.text;
        self.fields
            .iter()
            .map(move |field| (field.name.of(text), field.value.of(text)))
    }

    /// The percent-decoded value of the route's parameter `name`; `None` also if it is not UTF-8.
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        self.raw_param(name).and_then(decode_text)
    }

    /// The value of the route's parameter `name`, undecoded.
    pub fn raw_param(&self, name: &str) -> Option<&'a [u8]> {
        let path = self.raw_path();
        let index = self.route.names.iter().position(|own| **own == *name)?;
        self.params.value(index, path)
    }

    /// The path in its normal form, undecoded: see [`RequestView::path`].
    #[inline]
    pub fn raw_path(&self) -> &'a [u8] {
        self.path.unwrap_or_else(|| self.head.path.of(self.text))
    }

    /// The pattern of the route, as it was registered; empty for requests that no route matched.
    pub fn pattern(&self) -> &'a str {
        &self.route.path
    }

    /// The data of the route.
    pub fn data<T: Any>(&self) -> Option<&'a T> {
        self.route
            .data
            .as_deref()
            .and_then(|data| data.downcast_ref())
    }

    /// How the connection was secured; `None` if it is plain.
    #[inline]
    pub fn tls(&self) -> Option<&'a TlsInfo> {
        self.tls
    }

    /// Who sent the request.
    pub fn peer(&self) -> Peer {
        self.peer
    }
}

impl fmt::Debug for RequestView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} from {}",
            self.method_text(),
            self.target(),
            self.peer
        )
    }
}

/// A request, and what it takes to answer it.
pub struct Request<'a> {
    pub(crate) view: RequestView<'a>,
    pub(crate) body: &'a [u8],
    pub(crate) out: &'a mut ReplyBuffer,
    pub(crate) local: &'a mut dyn Any,
    pub(crate) now: Instant,
    pub(crate) wall: Duration,
}

/// A request taken apart, so that all of it can be used at once.
#[derive(Debug)]
pub struct Parts<'a, 'b, T> {
    /// What can be known of the request from its head.
    pub view: RequestView<'a>,
    /// Where header fields and dynamic bodies of the reply are written.
    pub out: &'b mut ReplyBuffer,
    /// What was asked for of the worker's local value.
    pub local: &'b mut T,
    /// See [`Request::now`].
    pub now: Instant,
    /// See [`Request::wall`].
    pub wall: Duration,
}

impl<'a> Request<'a> {
    /// The body, where it is collected (see [`super::BodyMode`]); else empty.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Where header fields and dynamic bodies of the reply are written.
    pub fn out(&mut self) -> &mut ReplyBuffer {
        self.out
    }

    /// The worker's local value, if it is a `T`.
    pub fn local<T: Any>(&mut self) -> Option<&mut T> {
        self.local.downcast_mut()
    }

    /// When the worker's turn began in which this is asked: a clock that only goes forward.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The time of day of [`Request::now`], since the Unix epoch.
    pub fn wall(&self) -> Duration {
        self.wall
    }

    /// The request taken apart, with what `reach` finds in the worker's local value.
    pub fn parts<T>(
        &mut self,
        reach: impl FnOnce(&mut dyn Any) -> Option<&mut T>,
    ) -> Option<Parts<'a, '_, T>> {
        Some(Parts {
            view: self.view,
            out: self.out,
            local: reach(self.local)?,
            now: self.now,
            wall: self.wall,
        })
    }

    /// What can be known of the request from its head; outlives the borrow of this request.
    pub fn view(&self) -> RequestView<'a> {
        self.view
    }
}

impl<'a> Deref for Request<'a> {
    type Target = RequestView<'a>;

    #[inline]
    fn deref(&self) -> &RequestView<'a> {
        &self.view
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view.fmt(f)
    }
}

/// Text that the parser has let through only as visible ASCII.
#[inline]
fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or("")
}
