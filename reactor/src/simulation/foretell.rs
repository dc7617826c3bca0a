//! What has to come back for a request: its answer, and what becomes of the connection.

use super::cold::parts_body;
use super::kind::Kind;
use super::request::{Asked, Body, Final, Then};
use super::site::{BYE, DROPPED, EARLY, FILE_BYTES, PIECE, SHARED_BYTES, SMALL, pattern};
use crate::limits::Limits;

/// Foretells the answer.
pub(super) fn expect(
    asked: &mut Asked,
    kind: Kind,
    length: usize,
    body: Option<&Body>,
    target: &str,
    limits: &Limits,
) {
    let sent = body.map_or(&[][..], |body| &body.data[..]);
    let last = target.rsplit('/').next().unwrap_or_default();
    let pieces = || PIECE.repeat(last.parse().unwrap_or(0));
    let streams = matches!(kind, Kind::Echo | Kind::Beat | Kind::Drop | Kind::Ignore);
    asked.is_collected = !streams && !kind.is_answered_early();
    let (answer, then) = match kind {
        Kind::Small => (Final::whole(200, SMALL), Then::Persists),
        Kind::Version | Kind::Beat => (Final::error(200), Then::Persists),
        Kind::User => (Final::whole(200, format!("user {last}")), Then::Persists),
        Kind::Collect | Kind::Echo => (Final::whole(200, sent), Then::Persists),
        Kind::Shared => (Final::whole(200, pattern(SHARED_BYTES)), Then::Persists),
        Kind::Cold => (Final::whole(200, pattern(FILE_BYTES)), Then::Persists),
        Kind::Parts => (Final::whole(200, parts_body()), Then::Persists),
        Kind::File => (Final::whole(200, pattern(FILE_BYTES)), Then::Persists),
        Kind::Bye => (Final::whole(200, BYE), Then::Closes),
        Kind::Early => (Final::whole(401, EARLY), Then::MayClose),
        Kind::Drop => (Final::whole(200, DROPPED), Then::MayClose),
        Kind::Ignore => (Final::whole(200, pattern(length)), Then::MayCloseUnsaid),
        Kind::Missing => (Final::error(404), Then::MayClose),
        Kind::WrongMethod => (Final::error(405), Then::MayClose),
        Kind::Panic | Kind::JobPanic => (Final::error(500), Then::Closes),
        Kind::StreamPanic if length == 0 => (Final::error(500), Then::Closes),
        Kind::StreamPanic => (Final::cut(200, pattern(length)), Then::Closes),
        Kind::Torn => (Final::cut(200, pattern(FILE_BYTES)), Then::Closes),
        Kind::Short => (Final::cut(200, pattern(length)), Then::Closes),
        Kind::Stream | Kind::Sized | Kind::LargeJob | Kind::JobStream | Kind::Task => {
            (Final::whole(200, pattern(length)), Then::Persists)
        }
        Kind::Later | Kind::Ticks => (Final::whole(200, pieces()), Then::Persists),
        Kind::Then => (Final::whole(200, format!("then {last}")), Then::Persists),
        Kind::Job | Kind::Answer => {
            let text = format!("job {last} of {}", sent.len());
            (Final::whole(200, text), Then::Persists)
        }
    };
    asked.finals = vec![answer];
    if asked.is_cold && limits.jobs_max <= 1 {
        // Too many jobs wait for one that reads what comes next.
        let body = asked.finals[0].body.clone().unwrap_or_default();
        asked.finals.push(Final::cut(200, body));
    }
    asked.then = match (then, sent.is_empty()) {
        (Then::MayClose | Then::MayCloseUnsaid, true) if body.is_none() => Then::Persists,
        (then, _) => then,
    };
    if let Some(body) = body {
        expect_of_body(asked, kind, length, body, limits);
    }
}

/// Foretells what else the answer may be because of the body.
fn expect_of_body(asked: &mut Asked, kind: Kind, length: usize, body: &Body, limits: &Limits) {
    let answers_early = kind.is_answered_early();
    let too_large = body.data.len() as u64 > limits.body_bytes_max;
    match (too_large || body.is_broken, body.is_chunked) {
        (false, _) => {}
        (true, false) if answers_early => {}
        (true, false) => {
            asked.finals = vec![Final::error(413)];
            asked.then = Then::MayClose;
        }
        // Nobody reads the body: the answer stands, but what is behind it cannot be found.
        (true, true) if answers_early || kind == Kind::Drop => {
            if body.is_broken {
                asked.then = Then::Closes;
            }
        }
        (true, true) => {
            let status = if too_large { 413 } else { 400 };
            asked.finals = vec![Final::error(status)];
            asked.then = Then::Closes;
            match kind {
                Kind::Echo => asked.finals.push(Final::cut(200, body.data.clone())),
                Kind::Beat => asked.finals.push(Final {
                    is_cut: true,
                    ..Final::error(200)
                }),
                Kind::Ignore => {
                    asked.finals.push(Final::whole(200, pattern(length)));
                    asked.finals.push(Final::cut(200, pattern(length)));
                    asked.then = Then::MayCloseUnsaid;
                }
                _ => {}
            }
        }
    }
}

/// Takes the bodies away: the answers to HEAD.
pub(super) fn bare(asked: &mut Asked) {
    for one in &mut asked.finals {
        if one.is_cut {
            // Nobody makes the body that would be cut.
            asked.then = Then::MayClose;
        }
        one.is_cut = false;
        one.body = Some(Vec::new());
    }
    let only_stream = asked.what.contains("stream-panic")
        || asked.what.contains("/echo")
        || asked.what.contains("/beat");
    if only_stream {
        asked.finals = vec![
            Final::whole(200, ""),
            Final::whole(413, ""),
            Final::whole(400, ""),
        ];
        asked.then = Then::MayCloseUnsaid;
    }
}
