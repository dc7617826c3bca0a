//! What is made of a file on the disk.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use rustix::io::Errno;

use super::*;
use crate::files::config::Config;
use crate::files::sample::{self, WALL};
use crate::testing::{TempDir, without_privileges};

/// A directory and its rules.
struct Site {
    root: Root,
    loader: Loader,
    dir: TempDir,
}

impl Site {
    fn new() -> Site {
        Site::with(|config| config)
    }

    fn with(change: impl FnOnce(Config) -> Config) -> Site {
        let dir = TempDir::new();
        let config = change(sample::config(dir.path()));
        Site {
            root: Root::open(dir.path(), false).unwrap(),
            loader: Loader::new(Rules::new(&config), config.sendfile),
            dir,
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.dir.path().join(name), bytes).unwrap();
    }

    fn disk(&self) -> Disk<'_> {
        Disk {
            loader: &self.loader,
            root: &self.root,
            patience: Patience::Waits,
            wall: WALL,
        }
    }

    fn look(&self, path: &str) -> Looked {
        let mut buffer = Vec::new();
        let path = FilePath::parse(path.as_bytes(), false, &mut buffer).unwrap();
        self.disk().look(&path).unwrap()
    }

    fn asset(&self, path: &str) -> Arc<Asset> {
        match self.look(path) {
            Looked::File(asset) => asset,
            other => panic!("{other:?} at {path}"),
        }
    }
}

#[test]
fn small_files_are_read_and_large_ones_stay_open() {
    let site = Site::new();
    for length in [0, 1, MEMORY_BYTES_MAX as usize] {
        let bytes = vec![b'x'; length];
        site.write("file", &bytes);
        let asset = site.asset("/file");
        let Content::Memory(found) = &asset.identity.content else {
            panic!("{length} bytes are small");
        };
        assert_eq!((&found[..], asset.descriptors()), (&bytes[..], 0));
        assert_eq!(asset.stamp.size, length as u64);
    }
    site.write("file", &vec![b'x'; MEMORY_BYTES_MAX as usize + 1]);
    let asset = site.asset("/file");
    assert_eq!(asset.identity.content.len(), MEMORY_BYTES_MAX + 1);
    let Content::File(file, _) = &asset.identity.content else {
        panic!("it is large");
    };
    assert_eq!(asset.descriptors(), 1);
    // It is this file, whatever becomes of its name.
    fs::remove_file(site.dir.path().join("file")).unwrap();
    let mut byte = [0];
    assert_eq!(file.read(&mut byte, MEMORY_BYTES_MAX).unwrap(), 1);
}

#[test]
fn what_is_no_regular_file_is_nothing() {
    let site = Site::new();
    let path = |name: &str| site.dir.path().join(name);
    fs::create_dir(path("dir")).unwrap();
    symlink("/etc/passwd", path("out")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    symlink("loop", path("loop")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    let mut mkfifo = Command::new("mkfifo");
    assert!(mkfifo.arg(path("fifo")).status().unwrap().success());
    site.write("file", b"file");
    let long = format!("/{}", "x".repeat(300));
    let absent = ["/missing", "/missing/file", "/file/file", &long];
    for name in ["/out", "/dangling", "/loop", "/socket", "/fifo"]
        .iter()
        .chain(&absent)
    {
        assert!(matches!(site.look(name), Looked::Nothing), "{name}");
    }
    assert!(matches!(site.look("/dir"), Looked::Directory));
    symlink("file", path("in")).unwrap();
    assert_eq!(site.asset("/in").identity.content.len(), 4);
}

#[test]
fn what_decides_of_an_asset_is_the_file_that_is_sent() {
    let site = Site::with(|config| Config {
        index: vec!["start.json".into()],
        ..config
    });
    fs::create_dir(site.dir.path().join("dir")).unwrap();
    site.write("dir/start.json", b"{}");
    let mut buffer = Vec::new();
    let path = FilePath::parse(b"/dir/", false, &mut buffer).unwrap();
    let asset = site.disk().look_for_index(&path).unwrap().unwrap();
    assert_eq!(asset.traits.content_type, "application/json");
    assert_eq!(&*asset.key, path.directory_key());
    assert_ne!(
        &*asset.key,
        path.as_bytes(),
        "the file that the directory is not"
    );
    assert!(site.disk().has_directory(&path).unwrap());
    assert!(site.disk().would_load(&asset).unwrap());
}

#[test]
fn a_name_of_an_index_that_does_not_fit_is_passed_over() {
    let site = Site::with(|config| Config {
        index: vec!["x".repeat(4000), "y".repeat(300), "index.html".into()],
        ..config
    });
    let long = "d".repeat(200);
    fs::create_dir(site.dir.path().join(&long)).unwrap();
    site.write(&format!("{long}/index.html"), b"index");
    let mut buffer = Vec::new();
    let path = FilePath::parse(long.as_bytes(), false, &mut buffer).unwrap();
    let asset = site.disk().look_for_index(&path).unwrap().unwrap();
    assert_eq!(asset.identity.content.len(), 5);
    assert!(site.disk().would_load(&asset).unwrap());
}

/// A line of ten bytes.
fn numbered(number: usize) -> String {
    format!("{number:09}\n")
}

/// Fails unless `text` is what [`write_numbered`] has made of a file at one time.
fn expect_one_state(text: &[u8]) {
    let text = std::str::from_utf8(text).unwrap();
    let mut lines = text.split_inclusive('\n');
    assert_eq!(lines.next(), Some(&*numbered(0)), "{text}");
    let mut lines = lines.peekable();
    let next = lines
        .peek()
        .map_or(1, |line| line.trim_end().parse().unwrap());
    for (at, line) in lines.enumerate() {
        assert_eq!(line, numbered(next + at), "{text}");
    }
}

/// Ends the writing when it is dropped: a failure would never end otherwise.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Writes lines behind the first one, each with another number, and begins anew after a hundred.
fn write_numbered(path: &Path, ended: &AtomicBool) {
    let mut file = fs::File::options().append(true).open(path).unwrap();
    let mut number = 1;
    while !ended.load(Relaxed) {
        if file.metadata().unwrap().len() > 1000 {
            file.set_len(10).unwrap();
        }
        io::Write::write_all(&mut file, numbered(number).as_bytes()).unwrap();
        number += 1;
    }
}

#[test]
fn what_is_in_memory_of_a_file_that_changes_all_the_time_was_so_at_one_time() {
    let site = Site::new();
    site.write("log", numbered(0).as_bytes());
    let path = site.dir.path().join("log");
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| write_numbered(&path, &ended));
        let _ending = Ending(&ended);
        let deadline = Instant::now() + Duration::from_secs(20);
        let (mut sizes, mut in_memory) = (HashSet::new(), 0);
        while (in_memory < 2000 || sizes.len() < 50) && Instant::now() < deadline {
            let asset = site.asset("/log");
            match &asset.identity.content {
                Content::Memory(bytes) => {
                    assert_eq!(bytes.len() as u64, asset.stamp.size);
                    expect_one_state(bytes);
                    sizes.insert(bytes.len());
                    in_memory += 1;
                }
                Content::File(_, length) => assert_eq!(*length, asset.stamp.size),
            }
        }
        assert!(sizes.len() >= 50, "it has hardly changed");
    });
}

#[test]
fn a_file_that_changes_at_each_read_is_sent_from_the_disk() {
    for (changes, reads_expected, is_in_memory) in
        [(0, 1, true), (1, 2, true), (2, 3, true), (3, 3, false)]
    {
        let site = Site::new();
        site.write("log", numbered(0).as_bytes());
        let path = site.dir.path().join("log");
        let file = File::open(&path).unwrap();
        let stamp = Stamp::of(&file.metadata().unwrap());
        let mut log = File::options().append(true).open(&path).unwrap();
        let mut reads = 0;
        let read = |file: &OpenFile, length: usize| {
            let bytes = site.disk().read(file, length);
            reads += 1;
            if reads <= changes {
                io::Write::write_all(&mut log, numbered(reads).as_bytes()).unwrap();
            }
            bytes
        };
        let (stamp, content) = site.disk().content_by(file, stamp, read).unwrap();
        assert_eq!(reads, reads_expected, "{changes} changes");
        assert_eq!(stamp.size, 10 * (1 + changes as u64));
        match content {
            Content::Memory(bytes) => {
                assert!(is_in_memory, "after {changes} changes");
                assert_eq!(bytes.len() as u64, stamp.size);
                expect_one_state(&bytes);
            }
            Content::File(_, length) => {
                assert!(!is_in_memory, "after {changes} changes");
                assert_eq!(length, stamp.size);
            }
        }
    }
}

#[test]
fn what_is_known_of_a_file_system_is_known_of_all_its_files() {
    let site = Site::new();
    for name in ["one", "two"] {
        site.write(name, b"bytes");
        site.asset(&format!("/{name}"));
    }
    let device = site.asset("/one").stamp.device;
    let known = site.loader.residences.lock().unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].0, device);
}

#[test]
fn what_says_that_nothing_is_served_is_told_from_faults() {
    let error = |errno: Errno| io::Error::from(errno);
    for errno in [
        Errno::NOENT,
        Errno::NOTDIR,
        Errno::LOOP,
        Errno::XDEV,
        Errno::NXIO,
    ] {
        assert!(is_absence(&error(errno)), "{errno:?}");
    }
    for errno in [
        Errno::ACCESS,
        Errno::IO,
        Errno::MFILE,
        Errno::AGAIN,
        Errno::NOMEM,
    ] {
        assert!(!is_absence(&error(errno)), "{errno:?}");
    }
    assert!(!is_absence(&io::Error::other("not the system's")));
}

#[test]
fn what_cannot_be_used_beside_a_file_is_looked_at_once() {
    let site = Site::with(|config| config);
    let at = |name: &str| site.dir.path().join(name);
    site.write("a.txt", b"text");
    fs::create_dir_all(at("dir/index.html")).unwrap();
    site.write("dir/index.htm", b"index");
    fs::create_dir(at("a.txt.gz")).unwrap();
    fs::create_dir(at("closed")).unwrap();
    fs::set_permissions(at("closed"), fs::Permissions::from_mode(0o000)).unwrap();
    symlink("closed/a.txt.br", at("a.txt.br")).unwrap();
    without_privileges(|| check_unusable(&site));
    fs::set_permissions(at("closed"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// The rest of it, as somebody who may not look into `closed`.
fn check_unusable(site: &Site) {
    let at = |name: &str| site.dir.path().join(name);
    let mut buffer = Vec::new();
    let path = FilePath::parse(b"/a.txt", false, &mut buffer).unwrap();
    let Looked::File(file) = site.disk().look(&path).unwrap() else {
        panic!("it is a file");
    };
    assert_eq!(file.sibling_codings().count(), 0);
    let mut buffer = Vec::new();
    let path = FilePath::parse(b"/dir/", false, &mut buffer).unwrap();
    let index = site.disk().look_for_index(&path).unwrap().unwrap();
    for asset in [&file, &index] {
        assert!(site.disk().would_load(asset).unwrap());
    }
    fs::remove_dir(at("a.txt.gz")).unwrap();
    assert!(!site.disk().would_load(&file).unwrap());
    site.write("a.txt.gz", b"coded");
    assert!(!site.disk().would_load(&file).unwrap());
    fs::remove_dir(at("dir/index.html")).unwrap();
    assert!(!site.disk().would_load(&index).unwrap());
}
