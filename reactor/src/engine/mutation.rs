//! Deliberate bugs, to prove that the simulation finds such bugs. They exist in tests only.

/// A bug that a simulation may switch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// A connection over its budget is not queued.
    ForgottenRequeue,
    /// That the peer has closed is not remembered, so that a short read counts as the last.
    CloseForgotten,
    /// A result finds the exchange that has taken the place of its own.
    NoGenerationCheck,
    /// An exchange that has ended keeps its pipes' blocks.
    LeakedBlock,
    /// A deadline that moves earlier leaves its entry where it is.
    EarlierDeadlineForgotten,
    /// An event does not set `can_write`.
    WriteEdgeForgotten,
    /// A wake-up that comes while the client has not taken all is not remembered.
    LostWake,
    /// A connection is closed at once while the client still sends.
    NoLingering,
    /// What is pipelined behind an exchange is dropped.
    PipelinedDropped,
    /// The input behind a body that is read in pieces begins one byte late.
    BodyOffByOne,
    /// Plaintext that TLS still holds does not count as something to read.
    PlaintextForgotten,
    /// A handshake over the budget of its turn is not queued.
    HandshakeForgotten,
    /// A connection over TLS is closed without a goodbye.
    GoodbyeForgotten,
    /// An answer that is cut ends over TLS as if it was whole.
    CutForgotten,
    /// A connection whose job has read more of a file is not queued.
    ReadForgotten,
    /// What a job has read goes to the exchange that has taken the place of its own.
    ReadMisdelivered,
}

#[cfg(test)]
impl Mutation {
    /// Every one of them.
    pub(crate) const ALL: [Mutation; 16] = [
        Mutation::ForgottenRequeue,
        Mutation::CloseForgotten,
        Mutation::NoGenerationCheck,
        Mutation::LeakedBlock,
        Mutation::EarlierDeadlineForgotten,
        Mutation::WriteEdgeForgotten,
        Mutation::LostWake,
        Mutation::NoLingering,
        Mutation::PipelinedDropped,
        Mutation::BodyOffByOne,
        Mutation::PlaintextForgotten,
        Mutation::HandshakeForgotten,
        Mutation::GoodbyeForgotten,
        Mutation::CutForgotten,
        Mutation::ReadForgotten,
        Mutation::ReadMisdelivered,
    ];
}
