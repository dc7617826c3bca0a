//! The kinds of requests that the script writes.

/// What a request asks of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Small,
    Version,
    User,
    Collect,
    Echo,
    Beat,
    Shared,
    File,
    Cold,
    Parts,
    Bye,
    Early,
    Drop,
    Ignore,
    Missing,
    WrongMethod,
    Panic,
    Stream,
    Sized,
    Short,
    Torn,
    StreamPanic,
    Later,
    Ticks,
    Job,
    Answer,
    LargeJob,
    JobStream,
    JobPanic,
    Then,
    Task,
}

impl Kind {
    /// The answer does not need the body.
    pub fn is_answered_early(self) -> bool {
        matches!(self, Kind::Missing | Kind::WrongMethod | Kind::Early)
    }

    /// A job makes the answer.
    pub fn is_job(self) -> bool {
        use Kind::{Job, JobPanic, JobStream, LargeJob, Then};
        matches!(self, Job | LargeJob | JobStream | JobPanic | Then)
    }

    /// The length of the answer is not known when it begins.
    pub fn is_endless(self) -> bool {
        use Kind::{Beat, Echo, Ignore, JobStream, Later, Stream, StreamPanic, Ticks};
        matches!(
            self,
            Beat | Echo | Ignore | Stream | StreamPanic | Later | Ticks | JobStream
        )
    }
}

/// The kinds, each with how often it comes among all.
pub(super) const KINDS: &[(usize, Kind)] = &[
    (10, Kind::Small),
    (1, Kind::Version),
    (6, Kind::User),
    (12, Kind::Collect),
    (12, Kind::Echo),
    (4, Kind::Beat),
    (4, Kind::Shared),
    (3, Kind::File),
    (9, Kind::Cold),
    (4, Kind::Parts),
    (1, Kind::Bye),
    (4, Kind::Early),
    (6, Kind::Drop),
    (4, Kind::Ignore),
    (3, Kind::Missing),
    (2, Kind::WrongMethod),
    (2, Kind::Panic),
    (6, Kind::Stream),
    (4, Kind::Sized),
    (1, Kind::Short),
    (1, Kind::Torn),
    (3, Kind::StreamPanic),
    (8, Kind::Later),
    (6, Kind::Ticks),
    (14, Kind::Job),
    (4, Kind::Answer),
    (4, Kind::LargeJob),
    (3, Kind::JobStream),
    (2, Kind::JobPanic),
    (4, Kind::Then),
    (3, Kind::Task),
];
