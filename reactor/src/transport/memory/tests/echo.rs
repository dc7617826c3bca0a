//! The simulated network against a small engine, with and without mistakes.

use super::*;

/// What a reader does of rule 10 of the engine, and what it forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    Full,
    /// Takes a short read for drained though the end has been announced.
    NoSawClose,
    /// Forgets that there may be more to read than it took.
    NoCanRead,
    /// Forgets that there may be more room than it used.
    NoCanWrite,
}

/// An engine that echoes what comes, a few bytes a turn, and closes at the end.
struct Echo {
    transport: Option<Transport>,
    can_read: bool,
    can_write: bool,
    saw_close: bool,
    ended: bool,
    held: Vec<u8>,
    care: Care,
}

impl Echo {
    fn new(transport: Transport, care: Care) -> Echo {
        Echo {
            transport: Some(transport),
            can_read: false,
            can_write: false,
            saw_close: false,
            ended: false,
            held: Vec::new(),
            care,
        }
    }

    fn wants_read(&self) -> bool {
        self.transport.is_some() && !self.ended && self.held.len() < 6
    }

    fn wants_write(&self) -> bool {
        self.transport.is_some() && (self.ended || !self.held.is_empty())
    }

    fn see(&mut self, event: &Readiness) {
        self.can_read |= event.readable;
        self.can_write |= event.writable;
        self.saw_close |= event.closed;
    }

    fn turn(&mut self) {
        let Some(transport) = &mut self.transport else {
            return;
        };
        if self.can_read && !self.ended && self.held.len() < 6 {
            let mut buf = [0; 4];
            match transport.read(&mut buf) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.held.extend(&buf[..count]);
                    let short = count < buf.len() && transport.short_read_drains();
                    let trusted = !self.saw_close || self.care == Care::NoSawClose;
                    if (short && trusted) || self.care == Care::NoCanRead {
                        self.can_read = false;
                    }
                }
                Err(_) => self.can_read = false,
            }
        }
        if self.can_write && !self.held.is_empty() {
            match transport.write(&self.held) {
                Ok(count) => {
                    self.held.drain(..count);
                    self.can_write = self.care != Care::NoCanWrite;
                }
                Err(_) => self.can_write = false,
            }
        }
        if self.ended && self.held.is_empty() {
            self.transport = None;
        }
    }
}

/// Echoes three clients' bytes; says whether every client got its own back. An error when
/// the engine waits for an edge that is not owed.
fn echoes(seed: u64, care: Care) -> Result<(), String> {
    let mut worker = Worker::new(seed, Chaos::default());
    let mut random = Random::new(!seed);
    let sent = b"the quick brown fox jumps over the lazy dog";
    let mut clients = Vec::new();
    let mut echoes = Vec::new();
    for number in 0..3 {
        let read_bytes_max = if number == 2 { Some(2) } else { None };
        let client = worker
            .network
            .connect(
                0,
                LinkOptions {
                    read_bytes_max,
                    ..small()
                },
            )
            .unwrap();
        clients.push((client, 0, Vec::new()));
        let mut transport = worker.accept();
        worker.poller.register(&mut transport, 10 + number).unwrap();
        echoes.push(Echo::new(transport, care));
    }
    for _ in 0..100_000 {
        for (client, sent_bytes, got) in &mut clients {
            if random.chance(500) {
                let end = sent.len().min(*sent_bytes + 1 + random.below(8));
                *sent_bytes += client.send(&sent[*sent_bytes..end]);
                if *sent_bytes == sent.len() {
                    client.finish();
                }
            }
            if random.chance(300) {
                client.receive_some(got, 1 + random.below(8));
            }
        }
        for event in worker.poll() {
            if event.token >= 10 {
                echoes[event.token - 10].see(&event);
            }
        }
        for (number, echo) in echoes.iter_mut().enumerate() {
            echo.turn();
            let owed = worker.network.owed_edge(0, 10 + number);
            let reads = echo.wants_read() && worker.network.could_read(0, 10 + number);
            let writes = echo.wants_write() && worker.network.could_write(0, 10 + number);
            let read_edge = owed.is_some_and(|edge| edge.readable);
            let write_edge = owed.is_some_and(|edge| edge.writable);
            if (reads && !echo.can_read && !read_edge) || (writes && !echo.can_write && !write_edge)
            {
                return Err(format!("client {number} has stalled"));
            }
        }
        if echoes.iter().all(|echo| echo.transport.is_none()) {
            for (client, _, got) in &mut clients {
                client.receive(got);
                assert!(client.has_ended() && got == sent);
            }
            assert_eq!(worker.network.sockets(), 0);
            return Ok(());
        }
    }
    Err("it does not end".to_owned())
}

#[test]
fn a_careful_engine_never_stalls() {
    for seed in 0..2000 {
        assert_eq!(echoes(seed, Care::Full), Ok(()), "seed {seed}");
    }
}

#[test]
fn a_careless_engine_is_found_out() {
    for care in [Care::NoSawClose, Care::NoCanRead, Care::NoCanWrite] {
        let seed = (0..1000).find(|&seed| echoes(seed, care).is_err());
        assert!(seed.is_some(), "{care:?} was not found out");
    }
}
