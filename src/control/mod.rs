//! The control thread: it waits for signals and tells the server what they mean.
//!
//! Must not know what is served. Signals have nginx's meanings, except that TERM drains, which is
//! what containers expect of it.
//!
//! ```text
//!   serving ── TERM, INT, QUIT ──► draining ── TERM, INT ──► stopping ──► ended
//!                                     └── finished, or shutdown timeout ────┘
//! ```

use std::io;
use std::thread;

use reactor::{Error, Running};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

/// The signals of this process. Taken over before any thread runs, so that none ends the process
/// while it starts.
#[derive(Debug)]
pub struct Control {
    signals: Signals,
}

/// What signals come to, beside draining and stopping the server.
pub trait Actions {
    /// Draining begins.
    fn drain(&self) {}

    /// Log files were moved away and are to be opened anew.
    fn reopen_logs(&self);

    /// The configuration is to be read again.
    fn reload(&self);
}

/// How far the server has been told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    Draining,
    Stopping,
}

/// What to do about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Drain,
    Stop,
    ReopenLogs,
    Reload,
    RefuseUpgrade,
    Nothing,
}

impl Control {
    /// Takes the signals over.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn new() -> io::Result<Control> {
        Ok(Control {
            signals: Signals::new([SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGHUP])?,
        })
    }

    /// Carries out signals until the server has ended.
    ///
    /// # Errors
    ///
    /// What ended the server if it was not told to.
    pub fn run(mut self, running: Running, actions: &dyn Actions) -> Result<(), Error> {
        let server = running.handle();
        let signals = self.signals.handle();
        let waiter = thread::Builder::new()
            .name("wait".into())
            .spawn(move || {
                let result = running.wait();
                signals.close();
                result
            })
            .map_err(|cause| Error::System {
                what: "start a thread",
                cause,
            })?;
        let mut phase = Phase::Serving;
        for signal in self.signals.forever() {
            let deed;
            (phase, deed) = phase.after(signal);
            match deed {
                Deed::Drain => {
                    log::info!("draining: no new connections, finishing what is being answered");
                    actions.drain();
                    server.drain();
                }
                Deed::Stop => {
                    log::warn!("stopping at once");
                    server.stop();
                }
                Deed::ReopenLogs => actions.reopen_logs(),
                Deed::Reload => actions.reload(),
                Deed::RefuseUpgrade => log::warn!("the binary cannot be upgraded while it runs"),
                Deed::Nothing => {}
            }
        }
        // The waiter does not panic: it only waits.
        waiter.join().unwrap_or(Ok(()))
    }
}

impl Phase {
    /// The phase after a signal, and what to do.
    fn after(self, signal: i32) -> (Phase, Deed) {
        match (self, signal) {
            (Phase::Serving, SIGTERM | SIGINT | SIGQUIT) => (Phase::Draining, Deed::Drain),
            (Phase::Draining, SIGTERM | SIGINT) => (Phase::Stopping, Deed::Stop),
            (_, SIGUSR1) => (self, Deed::ReopenLogs),
            (_, SIGHUP) => (self, Deed::Reload),
            // Left alone it would end the process, which nobody who sends it wants.
            (_, SIGUSR2) => (self, Deed::RefuseUpgrade),
            _ => (self, Deed::Nothing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_mean_what_the_diagram_says() {
        use Phase::{Draining, Serving, Stopping};

        for (phase, signal, expected) in [
            (Serving, SIGTERM, (Draining, Deed::Drain)),
            (Serving, SIGINT, (Draining, Deed::Drain)),
            (Serving, SIGQUIT, (Draining, Deed::Drain)),
            (Serving, SIGUSR1, (Serving, Deed::ReopenLogs)),
            (Serving, SIGHUP, (Serving, Deed::Reload)),
            (Serving, SIGUSR2, (Serving, Deed::RefuseUpgrade)),
            (Draining, SIGTERM, (Stopping, Deed::Stop)),
            (Draining, SIGINT, (Stopping, Deed::Stop)),
            (Draining, SIGQUIT, (Draining, Deed::Nothing)),
            (Draining, SIGUSR1, (Draining, Deed::ReopenLogs)),
            (Stopping, SIGTERM, (Stopping, Deed::Nothing)),
            (Stopping, SIGUSR1, (Stopping, Deed::ReopenLogs)),
        ] {
            assert_eq!(phase.after(signal), expected, "{phase:?} {signal}");
        }
    }
}
