//! Whole answers that are given often, ready to be sent in one piece.
//!
//! A body that is shared, such as a file in a cache, is often sent many times within a second with
//! the same head. Where that shows, the two are kept one behind the other: one piece is cheaper to
//! send than two, by one to three in a hundred for 16 KiB. When the date changes it is overwritten
//! in place.
//!
//! ```text
//!   asked for ──► missed ── again, with nothing between ──► answer ──► not asked for
//!                   │ ▲                                      │ ▲       for a second: dropped
//!                   └─┘ another body, or another head        └─┘ the date changes
//! ```
//!
//! Clients that read slowly must not make it grow: what one of them still has to get is neither
//! overwritten nor replaced nor dropped, and until it is sent the same answer goes out in two
//! pieces, as without this. A place makes one answer a second, so that bodies that are asked for in
//! turn are not copied again and again.

use std::ops::Range;
use std::sync::Arc;

use crate::http::Status;
use crate::proto::h1::{Prelude, Repeatable, ResponseFields, whole_answer};

/// Answers that are kept at most. With [`BODY_BYTES_MAX`] this bounds what they take: 2 MiB, and as
/// much for bodies that nobody else has any more.
const ANSWERS_MAX: usize = 64;

/// What is longer gains too little.
const BODY_BYTES_MAX: usize = 32 << 10;

/// Heads with longer lines of their own are written each time.
const LINES_BYTES_MAX: usize = 2 << 10;

/// The answers that a worker keeps. Each body has one place where its answer can be.
#[derive(Debug)]
pub(super) struct Prepared {
    places: Box<[Place; ANSWERS_MAX]>,
}

#[derive(Debug, Default)]
struct Place {
    answer: Option<Answer>,
    missed: Missed,
    /// The edition of the prelude in which the last answer was made.
    made_in: u64,
}

/// What was asked for last, if it was not there: a head that is another one each time must not cost
/// a copy of the body.
#[derive(Debug, Default)]
struct Missed {
    made_of: Option<Repeatable>,
    /// Where in memory the body is; only to be compared.
    body: usize,
    lines: Vec<u8>,
}

#[derive(Debug)]
struct Answer {
    made_of: Repeatable,
    /// The edition of the prelude that it begins with.
    edition: u64,
    body: Arc<[u8]>,
    whole: Arc<[u8]>,
    /// Where in the whole the further lines of the head are.
    lines: Range<usize>,
}

impl Default for Prepared {
    fn default() -> Prepared {
        Prepared {
            places: Box::new(std::array::from_fn(|_| Place::default())),
        }
    }
}

impl Prepared {
    /// The answer of this head and this body in one piece, if it is at hand. It is made when it is
    /// asked for twice in a row.
    #[inline]
    pub fn find(
        &mut self,
        prelude: &Prelude,
        head: &ResponseFields<'_>,
        body: &Arc<[u8]>,
    ) -> Option<&Arc<[u8]>> {
        let address = body.as_ptr() as usize;
        let place = &mut self.places[(address >> 6 ^ address >> 12) % ANSWERS_MAX];
        match &mut place.answer {
            Some(answer) if answer.is_of(head, body) => {
                place.missed.made_of = None;
                if answer.edition != prelude.edition() {
                    answer.take_date(prelude)?;
                }
            }
            _ => place.miss(prelude, head, body)?,
        }
        place.answer.as_ref().map(|answer| &answer.whole)
    }

    /// Drops what was not asked for since the date before this one: to be called when it changes.
    pub fn sweep(&mut self, prelude: &Prelude) {
        for place in self.places.iter_mut() {
            let is_idle =
                |answer: &mut Answer| answer.edition + 1 < prelude.edition() && answer.is_sent();
            place.answer.take_if(is_idle);
        }
    }
}

impl Place {
    /// Makes the answer if it is the second time in a row that it is not there.
    #[cold]
    fn miss(
        &mut self,
        prelude: &Prelude,
        head: &ResponseFields<'_>,
        body: &Arc<[u8]>,
    ) -> Option<()> {
        let is_fit = body.len() <= BODY_BYTES_MAX
            && head.lines.len() <= LINES_BYTES_MAX
            && head.status == Status::OK;
        let may_make =
            self.made_in != prelude.edition() && self.answer.as_ref().is_none_or(Answer::is_sent);
        if !is_fit || !may_make {
            return None;
        }
        if !self.missed.is_of(head, body) {
            self.missed.take(head, body);
            return None;
        }
        self.made_in = prelude.edition();
        let start = prelude.text().len();
        self.answer = Some(Answer {
            made_of: Repeatable::of(head),
            edition: prelude.edition(),
            body: Arc::clone(body),
            whole: whole_answer(prelude, head, body).into(),
            lines: start..start + head.lines.len(),
        });
        Some(())
    }
}

impl Missed {
    fn is_of(&self, head: &ResponseFields<'_>, body: &[u8]) -> bool {
        let is_head = |made_of: &Repeatable| made_of.equals(&Repeatable::of(head));
        self.made_of.as_ref().is_some_and(is_head)
            && self.body == body.as_ptr() as usize
            && self.lines == head.lines
    }

    fn take(&mut self, head: &ResponseFields<'_>, body: &[u8]) {
        self.made_of = Some(Repeatable::of(head));
        self.body = body.as_ptr() as usize;
        self.lines.clear();
        self.lines.extend_from_slice(head.lines);
    }
}

impl Answer {
    /// Whether it has this head, but for the date, and this body.
    #[inline]
    fn is_of(&self, head: &ResponseFields<'_>, body: &Arc<[u8]>) -> bool {
        Arc::ptr_eq(&self.body, body)
            && self.made_of.equals(&Repeatable::of(head))
            && self.whole[self.lines.clone()] == *head.lines
    }

    /// Whether nobody has still to be sent a part of it.
    fn is_sent(&self) -> bool {
        Arc::strong_count(&self.whole) == 1
    }

    /// Takes the date over, unless it is still being sent.
    #[cold]
    fn take_date(&mut self, prelude: &Prelude) -> Option<()> {
        let text = prelude.text();
        Arc::get_mut(&mut self.whole)?[..text.len()].copy_from_slice(text);
        self.edition = prelude.edition();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::buffer::{BLOCK_BYTES_MIN, Output, Pool};
    use crate::http::Framing;
    use crate::proto::h1::{Persistence, write_head};

    const DATES: [&str; 2] = [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Mon, 07 Nov 1994 08:49:38 GMT",
    ];

    fn prelude() -> Prelude {
        let mut prelude = Prelude::new(Some("tidegate"));
        prelude.set_date(DATES[0]);
        prelude
    }

    fn body(length: usize) -> Arc<[u8]> {
        (0..length).map(|i| (i % 251) as u8).collect()
    }

    fn head(body: &[u8]) -> ResponseFields<'static> {
        ResponseFields {
            status: Status::OK,
            content_type: None,
            lines: b"ETag: \"1\"\r\n",
            framing: Framing::Length(body.len() as u64),
            persistence: Persistence::Implied,
        }
    }

    /// The answer as it goes out where nothing is prepared.
    fn written(prelude: &Prelude, head: &ResponseFields<'_>, body: &[u8]) -> Vec<u8> {
        let mut pool = Pool::new(BLOCK_BYTES_MIN, 1 << 20);
        let mut output = Output::new();
        write_head(&mut output, &mut pool, &mut prelude.clone(), head, b"").unwrap();
        let all = [output.front(), body].concat();
        output.clear(&mut pool);
        all
    }

    /// Another second: the date is another one, and idle answers go.
    fn tick(prelude: &mut Prelude, prepared: &mut Prepared) {
        prelude.set_date(DATES[prelude.edition() as usize % 2]);
        prepared.sweep(prelude);
    }

    #[test]
    fn is_made_at_the_second_time_and_is_what_would_be_written() {
        let (mut prelude, mut prepared) = (prelude(), Prepared::default());
        for length in [1, 5000, BODY_BYTES_MAX] {
            tick(&mut prelude, &mut prepared);
            let body = body(length);
            let head = head(&body);
            assert_eq!(prepared.find(&prelude, &head, &body), None);
            let whole = prepared.find(&prelude, &head, &body).unwrap();
            assert_eq!(**whole, written(&prelude, &head, &body));
            let first = Arc::clone(whole);
            let again = prepared.find(&prelude, &head, &body).unwrap();
            assert!(Arc::ptr_eq(&first, again), "made once");
        }
        let body = body(BODY_BYTES_MAX + 1);
        for _ in 0..3 {
            assert_eq!(prepared.find(&prelude, &head(&body), &body), None);
        }
        let body = &Arc::from(&body[..5000]);
        let lines = format!("X: {:LINES_BYTES_MAX$}\r\n", "");
        let long = ResponseFields {
            lines: lines.as_bytes(),
            ..head(body)
        };
        for _ in 0..3 {
            assert_eq!(prepared.find(&prelude, &long, body), None);
        }
    }

    #[test]
    fn nothing_else_is_taken_for_it() {
        let (mut prelude, mut prepared) = (prelude(), Prepared::default());
        let body = body(5000);
        let usual = head(&body);
        let equal_body: Arc<[u8]> = Arc::from(&*body);
        let others = [
            ResponseFields {
                status: Status::CREATED,
                ..usual
            },
            ResponseFields {
                content_type: Some("text/plain"),
                ..usual
            },
            ResponseFields {
                lines: b"ETag: \"2\"\r\n",
                ..usual
            },
            ResponseFields {
                lines: b"ETag: \"1\"\r\nVary: *\r\n",
                ..usual
            },
            ResponseFields {
                lines: b"",
                ..usual
            },
            ResponseFields {
                persistence: Persistence::Close,
                ..usual
            },
        ];
        for other in others {
            tick(&mut prelude, &mut prepared);
            prepared.find(&prelude, &usual, &body);
            prepared.find(&prelude, &usual, &body).unwrap();
            tick(&mut prelude, &mut prepared);
            for _ in 0..3 {
                let found = prepared.find(&prelude, &other, &body);
                let wanted = written(&prelude, &other, &body);
                assert!(found.is_none_or(|whole| **whole == wanted), "{other:?}");
            }
        }
        tick(&mut prelude, &mut prepared);
        prepared.find(&prelude, &usual, &body);
        assert!(prepared.find(&prelude, &usual, &body).is_some());
        assert_eq!(prepared.find(&prelude, &usual, &equal_body), None);
    }

    #[test]
    fn bodies_in_turn_are_copied_once_a_second() {
        let (mut prelude, mut prepared) = (prelude(), Prepared::default());
        // More than there are places, so that some share one.
        let bodies: Vec<Arc<[u8]>> = (0..2 * ANSWERS_MAX).map(|_| body(5000)).collect();
        for _ in 0..3 {
            tick(&mut prelude, &mut prepared);
            let wholes: std::collections::HashSet<usize> = (0..10)
                .flat_map(|_| &bodies)
                .filter_map(|body| {
                    prepared.find(&prelude, &head(body), body);
                    let whole = prepared.find(&prelude, &head(body), body)?;
                    Some(whole.as_ptr() as usize)
                })
                .collect();
            assert!(!wholes.is_empty() && wholes.len() <= ANSWERS_MAX);
        }
    }

    #[test]
    fn slow_readers_do_not_make_it_grow() {
        let (mut prelude, mut prepared) = (prelude(), Prepared::default());
        let body = body(5000);
        let usual = head(&body);
        let closing = ResponseFields {
            persistence: Persistence::Close,
            ..usual
        };
        prepared.find(&prelude, &usual, &body);
        let held = Arc::clone(prepared.find(&prelude, &usual, &body).unwrap());
        let before = held.to_vec();
        for _ in 0..5 {
            tick(&mut prelude, &mut prepared);
            for head in [usual, usual, closing, closing, closing] {
                assert_eq!(prepared.find(&prelude, &head, &body), None);
                assert_eq!(Arc::strong_count(&held), 2, "it stays in its place");
            }
        }
        assert_eq!(*held, before[..]);
        drop(held);
        let whole = prepared.find(&prelude, &usual, &body).unwrap();
        assert_eq!(**whole, written(&prelude, &usual, &body));
    }

    #[test]
    fn a_head_that_does_not_come_again_costs_no_copy() {
        let (prelude, mut prepared) = (prelude(), Prepared::default());
        let body = body(5000);
        let usual = head(&body);
        for number in 0..100 {
            let line = format!("X-Request-Id: {number}\r\n");
            let head = ResponseFields {
                lines: line.as_bytes(),
                ..usual
            };
            assert_eq!(prepared.find(&prelude, &head, &body), None);
            assert_eq!(Arc::strong_count(&body), 1);
        }
        prepared.find(&prelude, &usual, &body);
        let first = Arc::clone(prepared.find(&prelude, &usual, &body).unwrap());
        let closing = ResponseFields {
            persistence: Persistence::Close,
            ..usual
        };
        for _ in 0..10 {
            assert_eq!(prepared.find(&prelude, &closing, &body), None);
            let again = prepared.find(&prelude, &usual, &body).unwrap();
            assert!(Arc::ptr_eq(&first, again), "others drive it out");
        }
    }

    #[test]
    fn follows_the_date_in_place() {
        let (mut prelude, mut prepared) = (prelude(), Prepared::default());
        let body = body(5000);
        let head = head(&body);
        prepared.find(&prelude, &head, &body);
        let place = prepared.find(&prelude, &head, &body).unwrap().as_ptr();
        for _ in 0..3 {
            tick(&mut prelude, &mut prepared);
            let whole = prepared.find(&prelude, &head, &body).unwrap();
            assert_eq!(**whole, written(&prelude, &head, &body));
            assert_eq!(whole.as_ptr(), place);
        }
    }

    #[test]
    fn what_is_not_asked_for_is_dropped() {
        let (mut prelude, mut prepared) = (prelude(), Prepared::default());
        let body = body(5000);
        let head = head(&body);
        prepared.find(&prelude, &head, &body);
        prepared.find(&prelude, &head, &body).unwrap();
        for holders in [2, 1] {
            tick(&mut prelude, &mut prepared);
            assert_eq!(Arc::strong_count(&body), holders);
        }
    }

    #[test]
    fn holds_a_bounded_number_of_bodies() {
        let (prelude, mut prepared) = (prelude(), Prepared::default());
        let bodies: Vec<Arc<[u8]>> = (0..10 * ANSWERS_MAX).map(|_| body(5000)).collect();
        for body in bodies.iter().chain(&bodies) {
            prepared.find(&prelude, &head(body), body);
            prepared.find(&prelude, &head(body), body);
        }
        let held = bodies.iter().filter(|body| Arc::strong_count(body) > 1);
        let held = held.count();
        assert!(held > ANSWERS_MAX / 2 && held <= ANSWERS_MAX, "{held}");
    }
}
