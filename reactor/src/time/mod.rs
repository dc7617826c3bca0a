//! Time: where it is read, how it is counted, and who is told when it has come.

mod clock;
mod instant;
mod wheel;

pub use clock::{Clock, ManualClock};
pub use instant::Instant;
pub use wheel::Wheel;
