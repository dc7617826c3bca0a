//! Parsing of request and response heads (RFC 9112 sections 2 to 5): the pass over a head that is
//! complete, which records what it finds. A head that comes in pieces is continued by `resume`, and
//! parsed here once when its last byte is there. Owns no bytes and knows nothing of connections.

use super::control::{Control, Role, Seen};
use super::resume::{Phase, Progress};
use super::{Violation, framing, line, scan};
use crate::http::{
    Field, FieldName, Framing, Method, RequestHead, ResponseHead, Span, TargetForm, Version, uri,
};
use crate::limits::Limits;

/// Progress in one head; what a connection keeps while it waits for the rest of one.
///
/// No byte is examined more than twice however a head arrives: once when it is new, and once more
/// when a head that did not come whole is complete and gets recorded. Whatever can be refused is
/// refused as soon as its bytes are there: a byte that may not be where it is at once, a field that
/// may not follow an earlier one at its colon, a target or a value when its line ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadParser {
    progress: Progress,
}

impl HeadParser {
    /// Parses the request head that `buf` begins with, and puts its header fields into `fields`,
    /// whose earlier content is dropped.
    ///
    /// `buf` starts with the same bytes as at the last call and may have grown. `Ok(None)` means
    /// that the head is incomplete; `fields` is then undefined. With a head the parser is as new.
    /// After a violation neither the parser nor the connection can be used again.
    pub fn parse_request(
        &mut self,
        buf: &[u8],
        fields: &mut Vec<Field>,
        limits: &Limits,
    ) -> Result<Option<RequestHead>, Violation> {
        let buf = bounded(buf, limits);
        if self.progress.scanned > 0 && !self.progress.resume(buf, Role::Request, limits)? {
            return self.wait(buf, limits);
        }
        let mut control = Control::new(Role::Request, Seen::default());
        match request(buf, fields, &mut control, limits) {
            Ok(head) => {
                self.progress = Progress::default();
                Ok(Some(head))
            }
            Err(Stop::Violation(violation)) => Err(violation),
            Err(Stop::Incomplete(phase)) => {
                self.suspend(phase, buf, fields, &control);
                self.wait(buf, limits)
            }
        }
    }

    /// Parses the head of a response to a request of method `request`, as [`Self::parse_request`]
    /// does with the head of a request.
    pub fn parse_response(
        &mut self,
        buf: &[u8],
        fields: &mut Vec<Field>,
        request: Method,
        limits: &Limits,
    ) -> Result<Option<ResponseHead>, Violation> {
        let buf = bounded(buf, limits);
        if self.progress.scanned > 0 && !self.progress.resume(buf, Role::Response, limits)? {
            return self.wait(buf, limits);
        }
        let mut control = Control::new(Role::Response, Seen::default());
        match response(buf, fields, request, &mut control, limits) {
            Ok(head) => {
                self.progress = Progress::default();
                Ok(Some(head))
            }
            Err(Stop::Violation(violation)) => Err(violation),
            Err(Stop::Incomplete(phase)) => {
                self.suspend(phase, buf, fields, &control);
                self.wait(buf, limits)
            }
        }
    }

    /// Whether any byte of a head was seen; the empty line that may precede a request is not one.
    pub fn has_begun(&self) -> bool {
        self.progress.phase != Phase::Start
    }

    /// Keeps what resuming needs after a pass over all of `buf` that found the head incomplete.
    #[cold]
    fn suspend(&mut self, phase: Phase, buf: &[u8], fields: &[Field], control: &Control) {
        let fields = match phase {
            Phase::Name { .. } | Phase::Value { .. } | Phase::ValueLf { .. } => fields.len(),
            _ => 0,
        };
        self.progress = Progress {
            phase,
            scanned: buf.len() as u16,
            fields: fields as u16,
            seen: control.seen,
        };
    }

    /// Says that the head is incomplete, or that it is too large to be completed.
    #[cold]
    fn wait<T>(&self, buf: &[u8], limits: &Limits) -> Result<Option<T>, Violation> {
        if buf.len() < head_bytes_max(limits) {
            return Ok(None);
        }
        Err(match self.progress.phase {
            Phase::Target { .. } => Violation::TargetTooLong,
            _ => Violation::HeadTooLarge,
        })
    }
}

/// Why a pass ended before the head's end.
enum Stop {
    Violation(Violation),
    /// All bytes were examined, and the last of them is in this phase.
    Incomplete(Phase),
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Stop {
        Stop::Violation(violation)
    }
}

/// Parses a request head.
#[inline]
fn request(
    buf: &[u8],
    fields: &mut Vec<Field>,
    control: &mut Control,
    limits: &Limits,
) -> Result<RequestHead, Stop> {
    let line = skip_empty_line(buf)?;
    let (method, method_end) = method(buf, line)?;
    let start = method_end + 1;
    let path_end = scan::path_end(buf, start);
    let end = match buf.get(path_end) {
        Some(b'?') => scan::target_end(buf, path_end + 1),
        _ => path_end,
    };
    if !line::target_ends(buf, start, end, limits)? {
        let (line, target) = (line as u16, start as u16);
        return Err(Stop::Incomplete(Phase::Target { line, target }));
    }
    let version = version(buf, line, start, end + 1)?;
    control.seen.http10 = version == Version::Http10;
    let target = if line::is_origin_form(buf, method, start) {
        Target {
            form: TargetForm::Origin,
            host: Span::default(),
            path: Span::new(start, path_end),
            query: Span::new(end.min(path_end + 1), end),
        }
    } else {
        other_target(buf, method, start, end)?
    };
    let len = field_lines(
        buf,
        end + 1 + line::VERSION_LINE_BYTES,
        fields,
        control,
        limits,
    )?;
    if version == Version::Http11 && !control.has_host() {
        return Err(Stop::Violation(Violation::HostMissing));
    }
    let framing = framing::request(control.framing_fields())?;
    let has_body = !matches!(framing, Framing::None | Framing::Length(0));
    Ok(RequestHead {
        method,
        version,
        form: target.form,
        keep_alive: control.keep_alive(),
        expects_continue: has_body && control.expects_continue(),
        wants_upgrade: control.wants_upgrade(),
        method_text: Span::new(line, method_end),
        target: Span::new(start, end),
        path: target.path,
        query: target.query,
        host: if target.host.is_empty() {
            control.host
        } else {
            target.host
        },
        names: control.names,
        framing,
        len,
    })
}

/// Parses a response head.
fn response(
    buf: &[u8],
    fields: &mut Vec<Field>,
    request: Method,
    control: &mut Control,
    limits: &Limits,
) -> Result<ResponseHead, Stop> {
    let (reason, end) = status_line(buf)?;
    let status = line::status(buf).ok_or(Violation::StatusLine)?;
    control.seen.http10 = line::is_http10(buf, 0);
    let len = field_lines(buf, end, fields, control, limits)?;
    let framing = framing::response(request, status, control.framing_fields())?;
    Ok(ResponseHead {
        status,
        version: control.version(),
        keep_alive: control.keep_alive() && framing != Framing::UntilClose,
        wants_upgrade: control.wants_upgrade(),
        reason,
        framing,
        len,
    })
}

/// Where the request line begins: after one empty line at most (RFC 9112 section 2.2).
#[inline]
fn skip_empty_line(buf: &[u8]) -> Result<usize, Stop> {
    match buf {
        [b'\r', b'\n', _, ..] => Ok(2),
        [] | [b'\r'] | [b'\r', b'\n'] => Err(Stop::Incomplete(Phase::Start)),
        [b'\r', ..] => Err(Stop::Violation(Violation::LineEnd)),
        _ => Ok(0),
    }
}

/// The method that begins at `line`, and where it ends.
#[inline]
fn method(buf: &[u8], line: usize) -> Result<(Method, usize), Stop> {
    if buf[line..].starts_with(b"GET ") {
        return Ok((Method::Get, line + 3));
    }
    match line::method_end(buf, line, line)? {
        Some(end) => Ok((Method::from_bytes(&buf[line..end]), end)),
        None => Err(Stop::Incomplete(Phase::Method { line: line as u16 })),
    }
}

/// The version that begins at `start`, with the line end after it.
#[inline]
fn version(buf: &[u8], line: usize, target: usize, start: usize) -> Result<Version, Stop> {
    match buf[start..].first_chunk::<{ line::VERSION_LINE_BYTES }>() {
        Some(b"HTTP/1.1\r\n") => return Ok(Version::Http11),
        Some(b"HTTP/1.0\r\n") => return Ok(Version::Http10),
        _ => {}
    }
    for at in start..buf.len().min(start + line::VERSION_LINE_BYTES) {
        line::check_version_byte(buf, start, at)?;
    }
    Err(Stop::Incomplete(Phase::Version {
        line: line as u16,
        target: target as u16,
        version: start as u16,
    }))
}

/// The parts of a target, as ranges of the buffer.
struct Target {
    form: TargetForm,
    host: Span,
    path: Span,
    query: Span,
}

/// The parts of a target that is not in origin form.
#[cold]
fn other_target(buf: &[u8], method: Method, start: usize, end: usize) -> Result<Target, Stop> {
    let target = uri::split_target(method, &buf[start..end]).ok_or(Violation::Target)?;
    let span = |range: std::ops::Range<usize>| Span::new(start + range.start, start + range.end);
    Ok(Target {
        form: target.form,
        host: span(target.host),
        path: span(target.path),
        query: span(target.query),
    })
}

/// Checks a status line; gives its reason phrase and where the line after it begins.
fn status_line(buf: &[u8]) -> Result<(Span, usize), Stop> {
    for at in 0..buf.len().min(line::STATUS_BYTES) {
        line::check_status_byte(buf, at)?;
    }
    let phase = match buf.len() {
        0 => Phase::Start,
        _ => Phase::Status,
    };
    let start = match buf.get(line::STATUS_BYTES - 1) {
        None => return Err(Stop::Incomplete(phase)),
        Some(b'\r') => line::STATUS_BYTES - 1,
        Some(_) => line::STATUS_BYTES,
    };
    let end = scan::value_end(buf, start);
    match (buf.get(end), buf.get(end + 1)) {
        (None, _) => Err(Stop::Incomplete(Phase::Reason)),
        (Some(b'\r'), None) => Err(Stop::Incomplete(Phase::StatusLf)),
        (Some(b'\r'), Some(b'\n')) => Ok((Span::new(start, end), end + 2)),
        (Some(b'\r'), _) => Err(Stop::Violation(Violation::LineEnd)),
        (Some(byte), _) => Err(Stop::Violation(line::reason_violation(*byte))),
    }
}

/// Parses the field lines from `start` to the empty line; gives where the head ends.
#[inline]
fn field_lines(
    buf: &[u8],
    start: usize,
    fields: &mut Vec<Field>,
    control: &mut Control,
    limits: &Limits,
) -> Result<usize, Stop> {
    fields.clear();
    let mut line = start;
    loop {
        if buf.get(line) == Some(&b'\r') {
            return end_of_head(buf, line);
        }
        if fields.len() >= limits.fields_max && line < buf.len() {
            return Err(Stop::Violation(line::excess_violation(buf[line])));
        }
        // The whole line first, then what is in it: where the next line begins does not have to
        // wait for the colon, which is half of the time that a line takes.
        let end = scan::value_end(buf, line);
        if !matches!(buf.get(end..end + 2), Some(b"\r\n")) {
            return Err(bad_line(buf, line, start, control));
        }
        let colon = scan::name_end(buf, line);
        let id = FieldName::from_bytes(&buf[line..colon]);
        if id == FieldName::Other || buf[colon] != b':' {
            check_name(buf, line, start)?;
        }
        if id.frames() {
            control.seen.announce(id, control.role)?;
        }
        let (from, to) = scan::trim(buf, colon + 1, end);
        let field = Field {
            id,
            name: Span::new(line, colon),
            value: Span::new(from, to),
        };
        fields.push(field);
        control.names.insert(id);
        if id.frames() {
            control.judge(id, buf, field.value)?;
        }
        line = end + 2;
    }
}

/// Checks a field name that was not recognised, or that no colon follows.
#[inline(never)]
fn check_name(buf: &[u8], line: usize, start: usize) -> Result<(), Stop> {
    let end = scan::token_end(buf, line);
    match buf.get(end) {
        Some(b':') if end > line => Ok(()),
        None => Err(Stop::Incomplete(Phase::Name { line: line as u16 })),
        Some(byte) => {
            let violation = line::name_violation(*byte, end == line, line == start);
            Err(Stop::Violation(violation))
        }
    }
}

/// Why a line has no end: what is wrong with its name or else with its value, or that it is
/// incomplete.
#[cold]
fn bad_line(buf: &[u8], line: usize, start: usize, control: &mut Control) -> Stop {
    if let Err(stop) = check_name(buf, line, start) {
        return stop;
    }
    let colon = scan::name_end(buf, line);
    let id = FieldName::from_bytes(&buf[line..colon]);
    if let Err(violation) = control.seen.announce(id, control.role) {
        return Stop::Violation(violation);
    }
    let end = scan::value_end(buf, colon + 1);
    let value = colon as u16 + 1;
    match (buf.get(end), buf.get(end + 1)) {
        (None, _) => Stop::Incomplete(Phase::Value { id, value }),
        (Some(b'\r'), None) => Stop::Incomplete(Phase::ValueLf { id, value }),
        (Some(b'\r'), _) => Stop::Violation(Violation::LineEnd),
        (Some(byte), _) => Stop::Violation(line::value_violation(*byte)),
    }
}

/// Where a head ends whose empty line begins at `line`.
#[inline]
fn end_of_head(buf: &[u8], line: usize) -> Result<usize, Stop> {
    match buf.get(line + 1) {
        Some(b'\n') => Ok(line + 2),
        Some(_) => Err(Stop::Violation(Violation::LineEnd)),
        None => Err(Stop::Incomplete(Phase::EndLf)),
    }
}

/// As much of `buf` as a head may have.
#[inline]
fn bounded<'a>(buf: &'a [u8], limits: &Limits) -> &'a [u8] {
    &buf[..buf.len().min(head_bytes_max(limits))]
}

/// Bytes that a head may have; ranges into it are 16 bits wide.
#[inline]
fn head_bytes_max(limits: &Limits) -> usize {
    limits.head_bytes_max.min(u16::MAX as usize)
}

const _: () = assert!(size_of::<HeadParser>() <= 16);

#[cfg(test)]
mod tests;
