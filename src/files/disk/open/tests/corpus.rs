//! Thousands of paths, each asked of all ways: their answers are the same.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::*;

/// Names that paths are made of, beside those that are in the tree.
const NAMES: [&str; 8] = [
    ".",
    "..",
    "",
    "missing",
    "deeper",
    "up-to-file",
    "to-top",
    ".hidden",
];

/// Asks all roots and compares; says what the answer is.
fn compare(roots: &[Root], path: &[u8]) -> Answer {
    let first = ask(&roots[0], path);
    for root in &roots[1..] {
        let other = ask(root, path);
        assert_eq!(other, first, "{} by {root:?}", path.escape_ascii());
    }
    first.answer
}

fn names(tree: &Tree) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(tree.root()).unwrap();
    let entries = entries.map(|entry| entry.unwrap().file_name().into_vec());
    let mut names: Vec<_> = entries
        .filter(|name| !name.starts_with(b"chain-") || name.ends_with(b"-1"))
        .chain(NAMES.map(Into::into))
        .collect();
    // Not in the order of the disk, so that each run is the same.
    names.sort();
    names
}

#[test]
fn paths_of_one_and_two_names() {
    let tree = Tree::new();
    let names = names(&tree);
    for links in [Links::Below, Links::Anywhere] {
        let roots = tree.roots(links);
        for first in &names {
            compare(&roots, first);
            for second in &names {
                compare(&roots, &[&first[..], second].join(&b'/'));
            }
        }
    }
}

#[test]
fn paths_of_many_names() {
    let tree = Tree::new();
    let names = names(&tree);
    // Names that a walk goes on from, so that long paths come far.
    let further = [
        "sub",
        "dot",
        "to-sub",
        "to-sub-slash",
        "..",
        "sub/deeper",
        "sub/to-top",
        ".",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as usize % below
    };
    for links in [Links::Below, Links::Anywhere] {
        let roots = tree.roots(links);
        let mut files = 0;
        for _ in 0..4_000 {
            let mut path = Vec::new();
            for _ in 0..random(6) {
                path.extend_from_slice(further[random(further.len())].as_bytes());
                path.push(b'/');
            }
            path.extend_from_slice(&names[random(names.len())]);
            files += usize::from(matches!(compare(&roots, &path), Answer::File(_)));
        }
        assert!(files > 100, "{files} files");
    }
}

#[test]
fn links_in_directories_count_as_those_at_the_end() {
    let tree = Tree::new();
    for links in [Links::Below, Links::Anywhere] {
        let roots = tree.roots(links);
        for (count, expected) in [
            (39, file("file")),
            (40, file("file")),
            (41, error(Errno::LOOP)),
        ] {
            let path = format!("{}file", "dot/".repeat(count));
            assert_eq!(compare(&roots, path.as_bytes()), expected, "{count}");
        }
        let path = format!("{}chain-20", "dot/".repeat(20));
        assert_eq!(compare(&roots, path.as_bytes()), file("file"));
        let path = format!("{}chain-21", "dot/".repeat(20));
        assert_eq!(compare(&roots, path.as_bytes()), error(Errno::LOOP));
    }
}

#[test]
fn names_of_every_kind() {
    let tree = Tree::new();
    let longest = "n".repeat(255);
    let names = [
        &b"caf\xe9"[..],
        b"\xff\xfe\x80",
        "日本語".as_bytes(),
        "e\u{301}".as_bytes(),
        b" ",
        b"a\nb\t\x7f",
        b"%2e%2e",
        b"...",
        b".. ",
        b"-rf",
        b"a\\b",
        b"*?[",
        longest.as_bytes(),
    ];
    for name in names {
        // Not every file system takes every name.
        if std::fs::write(tree.root().join(OsStr::from_bytes(name)), name).is_err() {
            println!("skipped: {}", name.escape_ascii());
            continue;
        }
        let link = OsString::from_vec([b"l", &name[..name.len().min(200)]].concat());
        symlink(OsStr::from_bytes(name), tree.root().join(link)).unwrap();
    }
    let roots = tree.roots(Links::Below);
    for name in names {
        if tree.root().join(OsStr::from_bytes(name)).exists() {
            assert_eq!(compare(&roots, name), Answer::File(name.into()));
            let link = [b"l", &name[..name.len().min(200)]].concat();
            assert_eq!(compare(&roots, &link), Answer::File(name.into()));
        }
    }
    let too_long = "n".repeat(256);
    assert_eq!(
        compare(&roots, too_long.as_bytes()),
        error(Errno::NAMETOOLONG)
    );
    let too_long = format!("missing/{too_long}");
    assert_eq!(compare(&roots, too_long.as_bytes()), error(Errno::NOENT));
    let longest_path = "./".repeat(2045) + "file";
    assert_eq!(compare(&roots, longest_path.as_bytes()), file("file"));
    let longest_path = "/".repeat(4091);
    let longest_path = format!("sub{}x", &longest_path[..4090]);
    assert_eq!(
        compare(&roots, longest_path.as_bytes()),
        error(Errno::NOENT)
    );
}

#[test]
fn two_thousand_entries_and_sixty_levels() {
    let tree = Tree::new();
    let many = tree.root().join("many");
    std::fs::create_dir(&many).unwrap();
    for number in 0..2_000 {
        std::fs::write(many.join(format!("{number}.txt")), number.to_string()).unwrap();
    }
    let levels = ["level"; 60].join("/");
    let deepest = tree.root().join(&levels);
    std::fs::create_dir_all(&deepest).unwrap();
    std::fs::write(deepest.join("file"), "deepest").unwrap();
    symlink("../".repeat(60) + "file", deepest.join("to-file")).unwrap();
    symlink("../".repeat(61) + "secret", deepest.join("out")).unwrap();
    symlink(&levels, tree.root().join("to-deepest")).unwrap();
    let roots = tree.roots(Links::Below);
    for number in 0..2_000 {
        let path = format!("many/{number}.txt");
        assert_eq!(compare(&roots, path.as_bytes()), file(&number.to_string()));
    }
    assert_eq!(compare(&roots, b"many/2000.txt"), error(Errno::NOENT));
    for start in [&levels, "to-deepest"] {
        let at = |name: &str| compare(&roots, format!("{start}/{name}").as_bytes());
        assert_eq!(at("file"), file("deepest"));
        assert_eq!(at("to-file"), file("file"));
        assert_eq!(at("out"), error(Errno::XDEV));
        assert_eq!(at(""), Answer::Directory);
        assert_eq!(at("file/"), error(Errno::NOTDIR));
    }
}
