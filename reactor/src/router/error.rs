//! Why a route was refused, in words for whoever wrote it.

use std::fmt;

use super::host::HostError;
use super::pattern::PatternError;

/// A route was refused; the router is as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsertError {
    /// The refused route as its user wrote it: method, host and path, as in
    /// `GET example.com/users/{id}`; `ANY` stands for a route without a method.
    pub route: String,
    /// The reason.
    pub cause: InsertCause,
}

/// The reason for which a route was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InsertCause {
    /// The path pattern is malformed.
    Pattern(PatternError),
    /// The host is malformed.
    Host(HostError),
    /// The method index is above 15.
    Method(u8),
    /// This other route has the same host, path and method.
    Repeated(String),
    /// This other route has the same host and matches the same paths, but its parameters have
    /// other names: one of the two is probably a mistake.
    OtherNames(String),
}

impl fmt::Display for InsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route `{}`: ", self.route)?;
        match &self.cause {
            InsertCause::Pattern(error) => error.fmt(f),
            InsertCause::Host(error) => error.fmt(f),
            InsertCause::Method(index) => write!(f, "there is no method {index}"),
            InsertCause::Repeated(other) => write!(f, "already there as `{other}`"),
            InsertCause::OtherNames(other) => {
                write!(
                    f,
                    "matches the same paths as `{other}` under other parameter names"
                )
            }
        }
    }
}

impl std::error::Error for InsertError {}
