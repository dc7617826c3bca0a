//! Files that are kept open: for how long, and what becomes of them when they are deleted.
#![forbid(unsafe_code)]

mod common;

use std::fs;

use common::{Folder, PATIENCE, pattern, until};

#[test]
fn a_deleted_file_is_closed_though_nobody_asks_for_anything() {
    let folder = Folder::new();
    let server = folder.serve(&["-w", "1"]);
    for name in ["deleted.bin", "replaced.bin", "kept.bin"] {
        folder.write(name, pattern(100_000));
        assert_eq!(server.get(&format!("/{name}")).status, 200);
    }
    assert_eq!(server.open_files(), 3);
    fs::remove_file(folder.path("deleted.bin")).unwrap();
    folder.replace("replaced.bin", pattern(200_000));
    until("both are closed", PATIENCE, || {
        (server.open_files() <= 1).then_some(())
    });
    assert_eq!(
        server.open_files(),
        1,
        "there is no need to close the third"
    );
    assert!(server.get("/replaced.bin").body == pattern(200_000));
}

#[test]
fn a_deleted_file_that_is_being_sent_is_sent_to_its_end_and_then_closed() {
    const LENGTH: usize = 32 << 20;
    let folder = Folder::new();
    folder.write("large.bin", pattern(LENGTH));
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    client.send(&common::get("/large.bin"));
    assert_eq!(client.response_to("HEAD").status, 200);
    let first = client.take(100_000);
    fs::remove_file(folder.path("large.bin")).unwrap();
    until("nobody else is served it", PATIENCE, || {
        (server.get("/large.bin").status == 404).then_some(())
    });
    assert_eq!(server.open_files(), 1);
    let rest = client.take(LENGTH - first.len());
    assert!([first, rest].concat() == pattern(LENGTH));
    until("it is closed", PATIENCE, || {
        (server.open_files() == 0).then_some(())
    });
}
