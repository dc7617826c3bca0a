//! The pass that continues a head which did not come whole. It validates new bytes only and records
//! nothing: when it reaches the end, the complete head is parsed once from the start.
//!
//! ```text
//!  request:   Start ─► Method ─► Target ─► Version ─┐
//!                                                   ├─► Name ─► Value ─► ValueLf ─┐
//!  response:  Start ─► Status ─► Reason ─► StatusLf ─┘   │ ▲                       │
//!                                                       │ └───────────────────────┘
//!                                                       └► EndLf ─► the end
//! ```
//!
//! Bytes are refused as they come, repeated and contradictory fields at their colon, and what a
//! target or a value means when its line ends.

use super::control::{Control, Role, Seen};
use super::{Violation, line, scan};
use crate::http::{FieldName, Method, Span, uri};
use crate::limits::Limits;

/// Where in a head the bytes examined so far end, with the offsets that judging the line will need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before the head, or in the empty line that may precede a request.
    #[default]
    Start,
    /// In the method of the request line that begins at `line`.
    Method { line: u16 },
    /// In the target that begins at `target`.
    Target { line: u16, target: u16 },
    /// In the version that begins at `version`, or in the line end after it.
    Version {
        line: u16,
        target: u16,
        version: u16,
    },
    /// In the first [`line::STATUS_BYTES`] bytes of a status line.
    Status,
    /// In the reason phrase.
    Reason,
    /// After the CR of a status line.
    StatusLf,
    /// At the beginning of a field line, or in the field name that begins at `line`.
    Name { line: u16 },
    /// In the value after the colon before `value`.
    Value { id: FieldName, value: u16 },
    /// After the CR of such a line.
    ValueLf { id: FieldName, value: u16 },
    /// After the CR of the empty line.
    EndLf,
}

/// Progress in one head: all that is kept between two reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) phase: Phase,
    /// Bytes examined.
    pub(super) scanned: u16,
    /// Complete field lines.
    pub(super) fields: u16,
    pub(super) seen: Seen,
}

impl Progress {
    /// Examines what is new in `buf`, which is at most 65,535 bytes, and says whether the head's
    /// end is there.
    pub(super) fn resume(
        &mut self,
        buf: &[u8],
        role: Role,
        limits: &Limits,
    ) -> Result<bool, Violation> {
        while let Some(&byte) = buf.get(self.scanned as usize) {
            let at = self.scanned as usize;
            let (phase, scanned) = match self.phase {
                Phase::Status | Phase::Reason => status_line(self.phase, buf, at)?,
                Phase::Start | Phase::Method { .. } | Phase::Target { .. } => {
                    request_line(self.phase, buf, at, limits)?
                }
                Phase::Version { version, .. } => {
                    line::check_version_byte(buf, version as usize, at)?;
                    (self.end_request_line(buf, at)?, at + 1)
                }
                Phase::Name { line } => self.name(line, role, buf, at, limits)?,
                Phase::Value { id, value } => value_bytes(id, value, buf, at)?,
                Phase::StatusLf | Phase::ValueLf { .. } | Phase::EndLf if byte != b'\n' => {
                    return Err(Violation::LineEnd);
                }
                Phase::StatusLf => {
                    self.seen.http10 = line::is_http10(buf, 0);
                    (Phase::Name { line: self.next() }, at + 1)
                }
                Phase::ValueLf { id, value } => {
                    self.end_field(id, value, role, buf, at)?;
                    (Phase::Name { line: self.next() }, at + 1)
                }
                Phase::EndLf => return Ok(true),
            };
            self.phase = phase;
            self.scanned = scanned as u16;
        }
        Ok(false)
    }

    /// The offset after the byte being looked at.
    fn next(&self) -> u16 {
        self.scanned + 1
    }

    /// Judges the request line if its last byte is at `at`.
    fn end_request_line(&mut self, buf: &[u8], at: usize) -> Result<Phase, Violation> {
        let Phase::Version {
            line,
            target,
            version,
        } = self.phase
        else {
            return Ok(self.phase);
        };
        if at + 1 < version as usize + line::VERSION_LINE_BYTES {
            return Ok(self.phase);
        }
        let method = Method::from_bytes(&buf[line as usize..target as usize - 1]);
        if !line::is_origin_form(buf, method, target as usize) {
            uri::split_target(method, &buf[target as usize..version as usize - 1])
                .ok_or(Violation::Target)?;
        }
        self.seen.http10 = line::is_http10(buf, version as usize);
        Ok(Phase::Name { line: self.next() })
    }

    /// Continues at the beginning of a field line or in a field name.
    fn name(
        &mut self,
        line: u16,
        role: Role,
        buf: &[u8],
        at: usize,
        limits: &Limits,
    ) -> Result<(Phase, usize), Violation> {
        let start = line as usize;
        if at == start {
            if buf[at] == b'\r' {
                return Ok((Phase::EndLf, at + 1));
            }
            if self.fields as usize >= limits.fields_max {
                return Err(line::excess_violation(buf[at]));
            }
        }
        let end = scan::token_end(buf, at);
        match buf.get(end) {
            None => Ok((Phase::Name { line }, end)),
            Some(b':') if end > start => {
                let id = FieldName::from_bytes(&buf[start..end]);
                self.seen.announce(id, role)?;
                let value = end as u16 + 1;
                Ok((Phase::Value { id, value }, end + 1))
            }
            Some(byte) => Err(line::name_violation(*byte, end == start, self.fields == 0)),
        }
    }

    /// Judges the field whose line ends at `at`.
    fn end_field(
        &mut self,
        id: FieldName,
        value: u16,
        role: Role,
        buf: &[u8],
        at: usize,
    ) -> Result<(), Violation> {
        self.fields += 1;
        if id.frames() {
            let (from, to) = scan::trim(buf, value as usize, at - 1);
            Control::new(role, self.seen).judge(id, buf, Span::new(from, to))?;
        }
        Ok(())
    }
}

/// Continues before the version of a request line, or before any head.
fn request_line(
    phase: Phase,
    buf: &[u8],
    at: usize,
    limits: &Limits,
) -> Result<(Phase, usize), Violation> {
    match phase {
        Phase::Method { line } => Ok(match line::method_end(buf, line as usize, at)? {
            Some(end) => {
                let target = end as u16 + 1;
                (Phase::Target { line, target }, end + 1)
            }
            None => (phase, buf.len()),
        }),
        Phase::Target { line, target } => {
            let end = scan::target_end(buf, at);
            if !line::target_ends(buf, target as usize, end, limits)? {
                return Ok((phase, end));
            }
            let version = end as u16 + 1;
            Ok((
                Phase::Version {
                    line,
                    target,
                    version,
                },
                end + 1,
            ))
        }
        _ => match (at, buf[at]) {
            (0, b'\r') | (1, b'\n') => Ok((Phase::Start, at + 1)),
            (1, _) => Err(Violation::LineEnd),
            _ => Ok((Phase::Method { line: at as u16 }, at)),
        },
    }
}

/// Continues in a status line.
fn status_line(phase: Phase, buf: &[u8], at: usize) -> Result<(Phase, usize), Violation> {
    match phase {
        Phase::Reason => {
            let end = scan::value_end(buf, at);
            match buf.get(end) {
                None => Ok((Phase::Reason, end)),
                Some(b'\r') => Ok((Phase::StatusLf, end + 1)),
                Some(byte) => Err(line::reason_violation(*byte)),
            }
        }
        _ => {
            line::check_status_byte(buf, at)?;
            Ok(match (at + 1, buf[at]) {
                (line::STATUS_BYTES, b'\r') => (Phase::StatusLf, at + 1),
                (line::STATUS_BYTES, _) => (Phase::Reason, at + 1),
                _ => (Phase::Status, at + 1),
            })
        }
    }
}

/// Continues in a field value.
fn value_bytes(
    id: FieldName,
    value: u16,
    buf: &[u8],
    at: usize,
) -> Result<(Phase, usize), Violation> {
    let end = scan::value_end(buf, at);
    match buf.get(end) {
        None => Ok((Phase::Value { id, value }, end)),
        Some(b'\r') => Ok((Phase::ValueLf { id, value }, end + 1)),
        Some(byte) => Err(line::value_violation(*byte)),
    }
}
