//! The event loop: where transport, protocol and service meet.
//!
//! ```text
//!   worker ──► core.turn(): poll ► events ► mailbox ► timers ► ready queue
//!                 │ owns              │
//!                 ├── slots ◄─────────┘  accept, downstream: one state machine a socket
//!                 ├── context            what slots share: pool, wheel, exchanges, reply buffer
//!                 └── site               what is served; swapped whole
//! ```

mod accept;
mod arena;
mod context;
mod core;
mod dispatch;
mod downstream;
mod exchange;
mod handshakes;
#[cfg(test)]
mod inspect;
mod jobs;
mod mailbox;
mod mutation;
mod prepared;
mod ready;
mod sending;
mod site;
mod socket;
mod starved;
mod stats;
mod worker;

#[cfg(test)]
pub(crate) use downstream::ConnectionView;
#[cfg(test)]
pub(crate) use handshakes::ANSWERS_A_TURN;
#[cfg(test)]
pub(crate) use inspect::{CoreView, ListenerView};
#[cfg(test)]
pub(crate) use jobs::Begun;
pub(crate) use mutation::Mutation;

pub use self::core::{Core, CoreParts, Tend, Turn};
pub use accept::{Arrival, Entrance, Handoff, Room};
pub use arena::Key;
pub use jobs::JobPool;
pub use mailbox::{Address, Mail, Mailbox, mailbox};
pub use site::{Site, SiteBuilder};
pub use stats::{Census, Counter, WorkerStats};
pub use worker::run;
