//! Lists of what is really on a disk: what is in them, and where they end.

use std::path::Path;

use super::*;
use crate::testing::TempDir;

fn wanted(hidden: bool) -> Wanted {
    Wanted {
        hidden,
        order: Order::default(),
        extent: Extent {
            names_max: usize::MAX,
            time_max: Duration::MAX,
        },
    }
}

/// What is in a directory, links left out.
fn list(directory: &Path, hidden: bool) -> Listing {
    read(open(directory), wanted(hidden), |_| None, |_| Ok(())).unwrap()
}

fn open(path: &Path) -> std::fs::File {
    std::fs::File::open(path).unwrap()
}

fn names(listing: &Listing) -> Vec<&[u8]> {
    let entries = listing.entries.iter();
    entries.map(|entry| entry.name.as_slice()).collect()
}

#[test]
fn a_list_has_an_end() {
    let dir = TempDir::new();
    let write = |name: &str, size: usize| std::fs::write(dir.path().join(name), "x".repeat(size));
    for number in 0..ENTRIES_MAX {
        write(&format!("{number}"), 1).unwrap();
    }
    let all = list(dir.path(), false);
    assert_eq!((all.entries.len(), all.is_cut()), (ENTRIES_MAX, false));
    assert_eq!(all.entries[9_999].name, b"9999");
    assert!(!page(&all, "/").contains("class=\"more\""));

    write("one more", 2).unwrap();
    std::fs::create_dir(dir.path().join("zz")).unwrap();
    let first = |query: &str| {
        let order = Order::parse(query);
        let wanted = Wanted {
            order,
            ..wanted(false)
        };
        read(open(dir.path()), wanted, |_| None, |_| Ok(())).unwrap()
    };
    for (query, beginning, end) in [
        ("", ["zz", "0", "1"], "9998"),
        ("order=desc", ["zz", "one more", "9999"], "2"),
        ("sort=size", ["zz", "0", "1"], "9998"),
        ("sort=size&order=desc", ["zz", "one more", "0"], "9997"),
    ] {
        let cut = first(query);
        assert_eq!((cut.entries.len(), cut.found), (ENTRIES_MAX, 10_002));
        let names = names(&cut);
        assert_eq!(names[..3], beginning.map(str::as_bytes), "{query}");
        assert_eq!(names[ENTRIES_MAX - 1], end.as_bytes(), "{query}");
    }
    let page = page(&first(""), "/");
    has(
        &page,
        "<p class=\"more\">Only the first 10,000 of 10,002 entries are shown, in this order.</p>",
    );
    has(
        &page,
        "<footer>Shown: 1 folder, 9,999 files, 9.8 KiB</footer>",
    );
    assert_eq!(page.matches("<tr").count(), ENTRIES_MAX + 1);
    let objects = serde_json::from_slice::<Vec<Value>>(&json_of(&first(""))).unwrap();
    assert_eq!(objects.len(), ENTRIES_MAX + 1);
    let last = value!({"type": "cut", "shown": 10_000, "found": 10_002, "unread": false});
    assert_eq!(objects[ENTRIES_MAX], last);
}

#[test]
fn names_that_nobody_looked_at_are_said_to_be_there() {
    let dir = TempDir::new();
    for name in ["a", "b", ".hidden"] {
        std::fs::write(dir.path().join(name), "x").unwrap();
    }
    let first = |names_max: usize, time_max: Duration| {
        let extent = Extent {
            names_max,
            time_max,
        };
        let wanted = Wanted {
            extent,
            ..wanted(false)
        };
        read(open(dir.path()), wanted, |_| None, |_| Ok(())).unwrap()
    };
    // The system has two names of its own in each directory.
    assert!(!first(5, Duration::MAX).is_cut());
    assert!(first(4, Duration::MAX).is_cut());
    assert_eq!(first(5, Duration::ZERO), first(0, Duration::MAX));
    let none = first(0, Duration::MAX);
    let text = page(&none, "/");
    has(
        &text,
        "<p class=\"more\">There may be more: not all names were looked at.</p>",
    );
    has(&text, "<footer>Nothing is shown.</footer>");
    let cut = value!([{"type": "cut", "shown": 0, "found": 0, "unread": true}]);
    let text = json_of(&none);
    assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), cut);

    let both = Listing {
        found: 1_234,
        is_unread: true,
        ..by_name(vec![entry("a", Kind::File, 1)])
    };
    has(
        &page(&both, "/"),
        "<p class=\"more\">Only the first 1 of 1,234 entries are shown, in this order. \
         There may be more: not all names were looked at.</p>",
    );
}

#[test]
fn reading_ends_where_the_entries_may_not_be_held() {
    let dir = TempDir::new();
    for number in 0..100 {
        std::fs::write(dir.path().join(format!("{number}")), "").unwrap();
    }
    let mut asked = Vec::new();
    let hold = |bytes: usize| {
        asked.push(bytes);
        match asked.len() {
            ..50 => Ok(()),
            _ => Err(io::ErrorKind::QuotaExceeded.into()),
        }
    };
    let error = read(open(dir.path()), wanted(false), |_| None, hold).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
    assert_eq!(asked.len(), 50);
    assert!(asked.is_sorted() && asked[49] > 50 * size_of::<Entry>());
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_served_is_listed() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, Mode, mknodat};

    let dir = TempDir::new();
    let at = |name: &[u8]| dir.path().join(OsStr::from_bytes(name));
    let files: [&[u8]; 6] = [b"a", b"caf\xe9", b"back\\slash", b".env", b"...", b"B.txt"];
    for name in files {
        std::fs::write(at(name), name).unwrap();
    }
    for name in [&b"folder"[..], b".git", b".well-known"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    let _socket = UnixListener::bind(at(b"socket")).unwrap();
    mknodat(CWD, at(b"fifo"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
    let times = open(&at(b"a"));
    times
        .set_modified(std::time::UNIX_EPOCH + MODIFIED)
        .unwrap();

    let listing = list(dir.path(), false);
    assert_eq!(
        names(&listing),
        [&b"folder"[..], b"a", b"B.txt", b"caf\xe9"]
    );
    assert!(!listing.is_cut());
    assert_eq!(listing.entries[1], entry("a", Kind::File, 1));
    let folder = &listing.entries[0];
    assert_eq!((folder.kind, folder.size), (Kind::Directory, 0));

    let all = list(dir.path(), true);
    let expected: [&[u8]; 8] = [
        b".git",
        b".well-known",
        b"folder",
        b"...",
        b".env",
        b"a",
        b"B.txt",
        b"caf\xe9",
    ];
    assert_eq!(names(&all), expected);

    let error = read(open(&at(b"a")), wanted(false), |_| None, |_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
}

#[test]
#[cfg(target_os = "linux")]
fn names_that_no_request_can_have_are_not_listed() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let dir = TempDir::new();
    let served: [&[u8]; 4] = [b"100%", b"50%20", b"%61", b"%"];
    let never: [&[u8]; 5] = [b"50%25", b"a%2Fb", b"%2e", b"a%5cb", b"\xc0\xaf"];
    for name in served.into_iter().chain(never) {
        std::fs::write(dir.path().join(OsStr::from_bytes(name)), "x").unwrap();
    }
    for hidden in [false, true] {
        let listing = list(dir.path(), hidden);
        let mut listed = names(&listing);
        listed.sort();
        let mut expected = served;
        expected.sort();
        assert_eq!(listed, expected);
    }
}

#[test]
fn links_are_what_they_are_said_to_be() {
    let dir = TempDir::new();
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    std::fs::write(dir.path().join("file"), "text").unwrap();
    for (name, target) in [
        ("to-folder", "folder"),
        ("to-file", "file"),
        ("to-device", "/dev/null"),
        ("to-nothing", "missing"),
        (".hidden", "file"),
    ] {
        std::os::unix::fs::symlink(target, dir.path().join(name)).unwrap();
    }
    let none = list(dir.path(), false);
    assert_eq!(names(&none), [&b"folder"[..], b"file"]);

    let folder = open(dir.path());
    let follow = |name: &CStr| std::fs::metadata(dir.path().join(name.to_str().ok()?)).ok();
    let followed = read(&folder, wanted(false), follow, |_| Ok(())).unwrap();
    assert_eq!(
        names(&followed),
        [&b"folder"[..], b"to-folder", b"file", b"to-file"]
    );
    let kinds: Vec<_> = followed
        .entries
        .iter()
        .map(|entry| (entry.kind, entry.size))
        .collect();
    let (directory, file) = ((Kind::Directory, 0), (Kind::File, 4));
    assert_eq!(kinds, [directory, directory, file, file]);
}
