//! Deliberate bugs, to prove that the simulation finds such bugs. They exist in tests only.

/// A bug that a simulation may switch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// A connection over its budget is not queued.
    ForgottenRequeue,
    /// A short read clears `can_read` although the peer has closed.
    ReadClearedEarly,
    /// A result finds the exchange that has taken the place of its own.
    NoGenerationCheck,
    /// An exchange that has ended keeps its pipes' blocks.
    LeakedBlock,
    /// A deadline that moves earlier leaves its entry where it is.
    EarlierDeadlineForgotten,
    /// `can_write` stays cleared after an event.
    WriteEdgeForgotten,
    /// A wake-up that comes while its connection is queued is not remembered.
    LostWake,
    /// The connection is closed at once while the client still sends.
    NoLingering,
    /// What is pipelined behind an exchange is dropped.
    PipelinedDropped,
    /// The input behind a body that is read in pieces begins one byte late.
    BodyOffByOne,
}
