//! What the simulated network does but seldom, and that it does it again with the same seed.

use std::collections::BTreeSet;

use super::*;

/// Everything that a poller says in a short run.
fn trace(seed: u64) -> Vec<Vec<Readiness>> {
    let mut worker = Worker::new(seed, Chaos::default());
    let mut clients = Vec::new();
    let mut transports = Vec::new();
    let mut said = Vec::new();
    for round in 0..40 {
        if round % 4 == 0 {
            clients.push(worker.network.connect(0, small()).unwrap());
            if let Ok((mut transport, _)) = worker.listener.accept() {
                worker.poller.register(&mut transport, 10 + round).unwrap();
                transports.push(transport);
            }
        }
        for client in &mut clients {
            client.send(b"abc");
        }
        if round % 7 == 6 {
            transports.remove(0);
        }
        said.push(worker.poll());
    }
    said
}

#[test]
fn a_seed_makes_the_same_run_again() {
    let traces: BTreeSet<String> = (0..20).map(|seed| format!("{:?}", trace(seed))).collect();
    assert_eq!(traces.len(), 20);
    for seed in 0..20 {
        assert_eq!(trace(seed), trace(seed));
    }
}

#[test]
fn what_seldom_happens_does_happen() {
    let mut worker = Worker::new(
        3,
        Chaos {
            spurious: 300,
            stale: 500,
            ..Chaos::NONE
        },
    );
    let _client = worker.network.connect(0, small()).unwrap();
    let mut transport = worker.accept();
    worker.poller.register(&mut transport, PEER).unwrap();
    // Nothing to read, and yet it is told now and then; but never that the client has left.
    let events: Vec<Readiness> = (0..50).flat_map(|_| worker.poll()).collect();
    assert!(
        events
            .iter()
            .any(|event| event.token == PEER && event.readable)
    );
    assert!(events.iter().any(|event| event.token == LISTENER));
    assert!(events.iter().all(|event| !event.closed));
    assert_eq!(kind(transport.read(&mut [0; 8])), ErrorKind::WouldBlock);

    // A socket that is gone is told of at most once more.
    let late = (0..50).filter(|_| {
        let _client = worker.network.connect(0, small()).unwrap();
        let mut gone = worker.accept();
        worker.poller.register(&mut gone, 77).unwrap();
        drop(gone);
        let told = worker.poll().iter().any(|event| event.token == 77);
        assert!(worker.poll().iter().all(|event| event.token != 77));
        told
    });
    assert!((1..50).contains(&late.count()));
}

#[test]
fn edges_that_are_held_back_come_later() {
    let mut worker = Worker::new(
        1,
        Chaos {
            held_back: 1000,
            ..Chaos::NONE
        },
    );
    let clients: Vec<Client> = (10..15)
        .map(|_| worker.network.connect(0, small()).unwrap())
        .collect();
    worker.poll();
    let mut transports: Vec<Transport> = clients.iter().map(|_| worker.accept()).collect();
    for (transport, token) in transports.iter_mut().zip(10..) {
        worker.poller.register(transport, token).unwrap();
    }
    let mut told = BTreeSet::new();
    let mut polls = 0;
    while worker.network.has_events(0) {
        let events = worker.poll();
        assert!(
            (1..5).contains(&events.len()),
            "all, or none although some are owed"
        );
        told.extend(events.iter().map(|event| event.token));
        polls += 1;
    }
    assert_eq!(told, (10..15).collect());
    assert!(polls > 1);
}

#[test]
fn what_is_delayed_is_under_way_and_comes() {
    let mut worker = Worker::new(
        1,
        Chaos {
            delayed: 1000,
            ..Chaos::NONE
        },
    );
    let mut client = worker.network.connect(0, LinkOptions::default()).unwrap();
    let mut transport = worker.accept();
    worker.poller.register(&mut transport, PEER).unwrap();
    worker.poll();
    assert_eq!(client.send(&[b'x'; 1000]), 1000);
    client.finish();
    let mut got: Vec<u8> = Vec::new();
    let mut parts = 0;
    loop {
        let mut buf = [0; 2000];
        match transport.read(&mut buf) {
            Ok(0) => break,
            Ok(count) => {
                got.extend(&buf[..count]);
                parts += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                assert!(
                    worker
                        .network
                        .owed_edge(0, PEER)
                        .is_some_and(|edge| edge.readable)
                );
                worker.poll();
            }
        }
    }
    assert_eq!(got, [b'x'; 1000]);
    assert!(parts > 1);
}
