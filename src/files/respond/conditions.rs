//! The conditions that a request sets (RFC 9110 section 13): whether it is to be answered at all.
//!
//! Owns the fields `If-*`: how they are read, what each means, and which of them count. Must not
//! know where a file's tag and date come from, nor how answers look.
//!
//! Conditions count only where the answer without them would be a success (section 13.2.1). So
//! there is nothing to evaluate for a file that does not exist: the answer is 404 all the same, and
//! so it is with redirects and errors.

use std::borrow::Cow;
use std::time::Duration;

use reactor::{FieldName, FieldSet, RequestView};

use crate::files::etag::{ETag, SentTag, parse_http_date};

/// The fields that state conditions.
const FIELDS: FieldSet = FieldSet::of(&[
    FieldName::IfMatch,
    FieldName::IfNoneMatch,
    FieldName::IfModifiedSince,
    FieldName::IfUnmodifiedSince,
    FieldName::IfRange,
]);

/// The conditions of a request.
#[derive(Debug)]
pub struct Conditions<'a> {
    if_match: Option<Cow<'a, [u8]>>,
    if_none_match: Option<Cow<'a, [u8]>>,
    if_modified_since: Option<&'a [u8]>,
    if_unmodified_since: Option<&'a [u8]>,
    if_range: Option<Validator<'a>>,
}

/// What conditions come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request is answered as if there were no conditions.
    Proceed,
    /// The client has what it asks for: 304.
    NotModified,
    /// The client wants no answer in this state: 412.
    Failed,
}

/// What `If-Range` says of the client's copy.
#[derive(Clone, Copy, Debug)]
enum Validator<'a> {
    Tag(SentTag<'a>),
    Date(Duration),
    /// Not one tag or one date: it matches nothing.
    Malformed,
}

impl<'a> Conditions<'a> {
    /// The conditions of a request; `None` if there are none.
    #[inline]
    pub fn of(view: &RequestView<'a>) -> Option<Conditions<'a>> {
        match view.has_any(FIELDS) {
            true => Conditions::collect(|name| view.values(name)),
            false => None,
        }
    }

    /// As [`Conditions::of`], from the values of the fields of each name.
    fn collect<I: Iterator<Item = &'a [u8]>>(
        values: impl Fn(FieldName) -> I,
    ) -> Option<Conditions<'a>> {
        let conditions = Conditions {
            if_match: joined(values(FieldName::IfMatch)),
            if_none_match: joined(values(FieldName::IfNoneMatch)),
            if_modified_since: only(values(FieldName::IfModifiedSince)),
            if_unmodified_since: only(values(FieldName::IfUnmodifiedSince)),
            if_range: Validator::of(values(FieldName::IfRange)),
        };
        let is_any = conditions.if_match.is_some()
            || conditions.if_none_match.is_some()
            || conditions.if_modified_since.is_some()
            || conditions.if_unmodified_since.is_some()
            || conditions.if_range.is_some();
        is_any.then_some(conditions)
    }

    /// Whether the request is to be answered with a representation that has this tag and date, in
    /// the order of section 13.2.2 (all but its last step, which is [`Conditions::if_range`]).
    ///
    /// `modified` is what `Last-Modified` says, since the epoch; `None` if the answer has none.
    pub fn evaluate(
        &self,
        method_is_get_or_head: bool,
        etag: &ETag,
        modified: Option<Duration>,
    ) -> Verdict {
        if let Some(list) = &self.if_match {
            if !is_listed(list, |tag| etag.matches_strongly(tag)) {
                return Verdict::Failed;
            }
        } else if is_later(modified, self.if_unmodified_since) == Some(true) {
            return Verdict::Failed;
        }
        if let Some(list) = &self.if_none_match {
            return match is_listed(list, |tag| etag.matches_weakly(tag)) {
                false => Verdict::Proceed,
                true if method_is_get_or_head => Verdict::NotModified,
                true => Verdict::Failed,
            };
        }
        if method_is_get_or_head && is_later(modified, self.if_modified_since) == Some(false) {
            return Verdict::NotModified;
        }
        Verdict::Proceed
    }

    /// Whether the field `Range` counts (section 13.1.5): without `If-Range` it does, with one only
    /// if the client surely has parts of these same bytes.
    ///
    /// `modified` is what `Last-Modified` says, and `now` what `Date` does. A date proves nothing
    /// in the second that it names, as the file may change once more (section 8.8.2.2).
    pub fn if_range(&self, etag: &ETag, modified: Option<Duration>, now: Duration) -> bool {
        match (self.if_range, modified) {
            (None, _) => true,
            (Some(Validator::Tag(tag)), _) => etag.matches_strongly(tag),
            (Some(Validator::Date(date)), Some(modified)) => {
                date.as_secs() == modified.as_secs() && date.as_secs() < now.as_secs()
            }
            (Some(Validator::Date(_) | Validator::Malformed), _) => false,
        }
    }
}

impl<'a> Validator<'a> {
    fn of(mut values: impl Iterator<Item = &'a [u8]>) -> Option<Validator<'a>> {
        let value = values.next()?;
        if values.next().is_some() {
            return Some(Validator::Malformed);
        }
        let tag = SentTag::parse(value).map(Validator::Tag);
        let date = || parse_http_date(value).map(Validator::Date);
        tag.or_else(date).or(Some(Validator::Malformed))
    }
}

/// The value of a field that is a list: several lines are one (section 5.3).
fn joined<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<Cow<'a, [u8]>> {
    let mut list = Cow::Borrowed(values.next()?);
    for value in values {
        let list = list.to_mut();
        list.extend_from_slice(b", ");
        list.extend_from_slice(value);
    }
    Some(list)
}

/// The value of a field that may be there once; several lines are none that is valid.
fn only<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Whether a list of tags has one that matches, or is `*`: any.
fn is_listed(list: &[u8], matches: impl Fn(SentTag<'_>) -> bool) -> bool {
    list == b"*" || SentTags { rest: list }.any(matches)
}

/// Whether a file was changed after the second that a date names; `None` if the date is not valid
/// or the file has none, in which case the field does not count (sections 13.1.3 and 13.1.4).
fn is_later(modified: Option<Duration>, date: Option<&[u8]>) -> Option<bool> {
    let date = parse_http_date(date?)?;
    Some(modified?.as_secs() > date.as_secs())
}

/// The tags of a list (section 5.6.1). Elements that are none are passed over. It takes a time
/// linear in the length, as a quote that is not closed is the last one.
struct SentTags<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for SentTags<'a> {
    type Item = SentTag<'a>;

    fn next(&mut self) -> Option<SentTag<'a>> {
        loop {
            let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b',');
            let start = self.rest.iter().position(|byte| !is_between(byte))?;
            self.rest = &self.rest[start..];
            let found = SentTag::split_from(self.rest);
            if let Some((tag, rest)) = found {
                self.rest = rest.trim_ascii_start();
                if self.rest.first().is_none_or(|byte| *byte == b',') {
                    return Some(tag);
                }
            }
            let comma = self.rest.iter().position(|byte| *byte == b',')?;
            self.rest = &self.rest[comma..];
        }
    }
}

#[cfg(test)]
mod tests;
