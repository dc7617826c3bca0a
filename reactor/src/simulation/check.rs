//! What holds between any two turns of a worker.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::{ConnectionView, CoreView, Key, ListenerView};
use crate::limits::Limits;
use crate::time::{Instant, Wheel};
use crate::transport::memory::Network;

/// Requests that one connection may have answered in one turn: its budget, for each of the times
/// that a turn may drive it.
const REQUESTS_A_TURN: u32 = 4 * 64;

/// A record of TLS at its longest (RFC 8446 section 5.2).
const RECORD_BYTES_MAX: usize = 5 + (16 << 10) + 256;

/// Sealed bytes that a connection may hold.
const SEALED_BYTES_MAX: usize = (64 << 10) + RECORD_BYTES_MAX;

/// Ciphertext that a connection may hold behind plaintext that was not read: one read of it.
const BACKLOG_BYTES_MAX: usize = 16 << 10;

/// Plaintext that a connection may hold: what TLS decrypts before it takes no more.
const UNREAD_BYTES_MAX: usize = (16 << 10) + RECORD_BYTES_MAX;

/// What is remembered of a worker from its last turn.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    requests: BTreeMap<Key, u32>,
    dues: BTreeMap<Key, Instant>,
    now: Instant,
}

impl Watcher {
    /// Checks a worker after a turn.
    pub(super) fn check(
        &mut self,
        view: &CoreView,
        network: &Network,
        poller: usize,
        limits: &Limits,
    ) -> Result<(), String> {
        if view.lent != view.held {
            return Err(format!("{} blocks lent, {} found", view.lent, view.held));
        }
        if view.stray_output > 0 {
            return Err(format!("{} bytes of nobody's output", view.stray_output));
        }
        for listener in &view.listeners {
            check_listener(listener, network, poller)?;
        }
        for connection in &view.connections {
            check_waiting(connection, network, poller)
                .and_then(|()| check_deadline(connection, view, limits))
                .and_then(|()| self.check_in_time(connection))
                .and_then(|()| self.check_budget(connection))
                .and_then(|()| check_tls(connection))
                .map_err(|why| format!("{why}: {connection:?}"))?;
        }
        let all = &view.connections;
        self.requests = all.iter().map(|one| (one.key, one.requests)).collect();
        self.dues = all.iter().map(|one| (one.key, one.due)).collect();
        self.now = view.now;
        let starved = view.connections.iter().any(|one| one.starved);
        let held = view
            .connections
            .iter()
            .find(|one| one.holds_head && !one.queued);
        match held {
            Some(held) if starved => Err(format!("others starve for the block of {held:?}")),
            _ => Ok(()),
        }
    }

    /// A deadline that had passed when the turn began was not left where it was.
    fn check_in_time(&self, connection: &ConnectionView) -> Result<(), String> {
        let before = self.dues.get(&connection.key);
        let overdue = connection.due + Wheel::TICK <= self.now;
        match overdue && before == Some(&connection.due) {
            true => Err("its deadline has passed".to_owned()),
            false => Ok(()),
        }
    }

    fn check_budget(&self, connection: &ConnectionView) -> Result<(), String> {
        let before = self.requests.get(&connection.key).copied().unwrap_or(0);
        match connection.requests - before {
            0..=REQUESTS_A_TURN => Ok(()),
            count => Err(format!("{count} requests in one turn")),
        }
    }
}

fn check_listener(listener: &ListenerView, network: &Network, poller: usize) -> Result<(), String> {
    let token = listener.key.bits() as usize;
    let owed = network.owed_edge(poller, token).is_some();
    match network.could_read(poller, token) && !owed && !listener.queued && !listener.retries {
        true => Err("connections wait to be accepted by nobody".to_owned()),
        false => Ok(()),
    }
}

/// What could go on is queued, starves for a block, or is owed an edge.
fn check_waiting(
    connection: &ConnectionView,
    network: &Network,
    poller: usize,
) -> Result<(), String> {
    let token = connection.key.bits() as usize;
    if !connection.is_listed {
        return Err("it is in a list once too often, or not at all".to_owned());
    }
    if connection.queued || connection.starved {
        return Ok(());
    }
    if let Some(why) = connection.could_go_on {
        return Err(format!("it waits although {why}"));
    }
    let owed = network.owed_edge(poller, token);
    let read_edge = owed.is_some_and(|edge| edge.readable);
    let write_edge = owed.is_some_and(|edge| edge.writable);
    if connection.wants_read && connection.can_read {
        return Err("it waits although it could read".to_owned());
    }
    if connection.has_output && connection.can_write {
        return Err("it waits although it could write".to_owned());
    }
    if connection.wants_read && !read_edge && network.could_read(poller, token) {
        return Err("it waits to read what is there".to_owned());
    }
    if connection.has_output && !write_edge && network.could_write(poller, token) {
        return Err("it waits to write though there is room".to_owned());
    }
    Ok(())
}

/// What TLS buffers is bounded, however slowly it is taken.
fn check_tls(connection: &ConnectionView) -> Result<(), String> {
    let tls = connection.tls.unwrap_or_default();
    match tls {
        _ if tls.sealed > SEALED_BYTES_MAX => Err("too much is sealed".to_owned()),
        _ if tls.backlog > BACKLOG_BYTES_MAX => Err("too much ciphertext is kept".to_owned()),
        _ if tls.unread > UNREAD_BYTES_MAX => Err("too much plaintext is kept".to_owned()),
        _ => Ok(()),
    }
}

fn check_deadline(
    connection: &ConnectionView,
    view: &CoreView,
    limits: &Limits,
) -> Result<(), String> {
    let Some(armed) = connection.armed.filter(|_| connection.in_wheel) else {
        return Err("it has no deadline".to_owned());
    };
    if armed > connection.due {
        return Err("its deadline comes too late".to_owned());
    }
    let longest = limits.idle_timeout + limits.body_timeout + Duration::from_secs(300);
    if connection.due > view.now + longest {
        return Err("its deadline is too far away".to_owned());
    }
    let waits = !connection.has_output && connection.state == "Streaming";
    match connection.wake_at {
        Some(wake_at) if waits && connection.due > wake_at => {
            Err("its stream is not woken in time".to_owned())
        }
        _ => Ok(()),
    }
}

/// Checks that nothing is left of what a worker has done.
pub(super) fn check_end(view: &CoreView) -> Result<(), String> {
    let left = [
        ("blocks", view.lent - usize::from(view.has_scratch)),
        ("connections", view.connections.len()),
        ("exchanges", view.exchanges),
        ("collected bytes", view.collected_bytes),
        ("timers", view.timers),
        ("handshakes", usize::from(view.has_handshakes)),
    ];
    match left.iter().find(|(_, count)| *count > 0) {
        Some((what, count)) => Err(format!("{count} {what} are left at the end")),
        None => Ok(()),
    }
}
