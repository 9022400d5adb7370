//! Storage commitment requests as the index keeps them: plain data.

/// A request to be noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCommitment {
    /// Who asks: transaction UIDs of one are nothing to another.
    pub principal: String,
    /// (0008,1195).
    pub transaction: String,
    /// Unix time in milliseconds.
    pub at: i64,
    /// What is asked; opaque here, not empty.
    pub request: Vec<u8>,
}

/// What became of noting a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenedCommitment {
    /// It is noted under this number.
    New(i64),
    /// The principal used this transaction UID before.
    Used,
    /// The principal has as many as it may have.
    TooMany,
}

/// A request that was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// When it came: Unix time in milliseconds.
    pub at: i64,
    /// How far it is.
    pub state: CommitmentState,
}

/// How far a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitmentState {
    /// Being worked on, or waiting.
    Pending,
    /// Its result; opaque here.
    Done(Vec<u8>),
    /// Its result is not kept any more.
    Expired,
}

/// A request without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingCommitment {
    /// The index's own number.
    pub id: i64,
    /// As given in [`NewCommitment::request`].
    pub request: Vec<u8>,
}
