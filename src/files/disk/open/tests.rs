//! What is opened below a root: each way alone, and all of them against each other.

mod corpus;
mod races;
mod tree;

use std::io::ErrorKind;
use std::os::unix::fs::symlink;

use super::*;
use crate::files::path::FilePath;
use crate::testing::{TempDir, skip, undisturbed, without_privileges};
use tree::{Answer, Tree, ask, error, file, roots};

#[test]
fn a_root_must_be_a_directory() {
    let tree = Tree::new();
    let open = |name: &str| Root::open(&tree.outside().join(name), false).unwrap_err();
    assert_eq!(open("secret").kind(), ErrorKind::NotADirectory);
    assert_eq!(open("missing").kind(), ErrorKind::NotFound);
}

#[test]
fn a_root_is_surely_where_it_is_and_nowhere_else() {
    let dir = TempDir::new();
    let at = |name: &str| dir.path().join(name);
    for name in ["one", "two"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    symlink("one", at("link")).unwrap();
    std::fs::write(at("file"), "").unwrap();
    let root = Root::open(&at("link"), false).unwrap();
    // Looking at a link that nobody has followed for long changes it on the disk.
    root.replaced_at(&at("link"));
    for (name, is_there) in [
        ("one", true),
        ("link", true),
        ("two", false),
        ("file", false),
        ("missing", false),
    ] {
        let asked = root.is_surely_at(&at(name));
        match root.way {
            #[cfg(target_os = "linux")]
            Way::BeneathAtOnce => assert_eq!(asked, is_there, "{name}"),
            _ => assert!(!asked, "{name}"),
        }
    }
    // Where there is no way to ask, it is never sure.
    let root = Root::open_name_by_name(&at("one"), false).unwrap();
    assert!(!root.is_surely_at(&at("one")));
}

/// What a path comes to where links stay below the root, and where they may lead anywhere.
type Case = (&'static str, Answer, Answer);

/// Asks each path of each way.
fn check(cases: impl IntoIterator<Item = Case>) {
    let tree = Tree::new();
    for (path, below, anywhere) in cases {
        for (links, expected) in [(Links::Below, below), (Links::Anywhere, anywhere)] {
            for root in tree.roots(links) {
                let asked = ask(&root, path.as_bytes());
                assert_eq!(asked.answer, expected, "{path} by {root:?}");
                let is_directory = expected == Answer::Directory;
                assert_eq!(asked.has_directory, is_directory, "{path} by {root:?}");
            }
        }
    }
}

#[test]
fn what_is_below_the_root_is_opened() {
    use Answer::Directory;

    let (missing, out) = (|| error(Errno::NOENT), || error(Errno::XDEV));
    let no_directory = || error(Errno::NOTDIR);
    check([
        (".", Directory, Directory),
        ("file", file("file"), file("file")),
        ("file/", no_directory(), no_directory()),
        ("file/x", no_directory(), no_directory()),
        ("sub", Directory, Directory),
        ("sub/", Directory, Directory),
        ("sub/file", file("sub file"), file("sub file")),
        ("sub//file", file("sub file"), file("sub file")),
        ("sub/./file", file("sub file"), file("sub file")),
        ("missing", missing(), missing()),
        ("sub/missing", missing(), missing()),
        ("missing/file", missing(), missing()),
        ("ü.txt", file("utf-8"), file("utf-8")),
        // What requests cannot say, as `FilePath` refuses it.
        ("", missing(), missing()),
        ("/", out(), out()),
        ("/etc/passwd", out(), out()),
        ("..", out(), out()),
        ("../secret", out(), out()),
        ("sub/../../secret", out(), out()),
        ("../root/file", out(), out()),
        // Links that stay.
        ("to-file", file("file"), file("file")),
        ("to-sub/file", file("sub file"), file("sub file")),
        ("to-sub-slash/file", file("sub file"), file("sub file")),
        ("to-sub-slash", Directory, Directory),
        ("sub/up-to-file", file("file"), file("file")),
        ("to-sub/up-to-file", file("file"), file("file")),
        ("dot/dot/file", file("file"), file("file")),
        ("dots", file("sub file"), file("sub file")),
        ("sub/to-top/file", file("file"), file("file")),
        ("chain-40", file("file"), file("file")),
    ]);
}

#[test]
fn what_is_elsewhere_or_no_file_is_not_opened() {
    use Answer::Directory;

    let (missing, out) = (|| error(Errno::NOENT), || error(Errno::XDEV));
    let (no_directory, in_circles) = (|| error(Errno::NOTDIR), || error(Errno::LOOP));
    let special = || error(Errno::NXIO);
    check([
        // Links that lead nowhere.
        ("dangling", missing(), missing()),
        ("dangling/x", missing(), missing()),
        ("through-missing", missing(), missing()),
        ("to-file-slash", no_directory(), no_directory()),
        ("through-file", no_directory(), no_directory()),
        ("file-dot", no_directory(), no_directory()),
        ("file-dots", no_directory(), no_directory()),
        ("self", in_circles(), in_circles()),
        ("ring-a/x", in_circles(), in_circles()),
        ("chain-41", in_circles(), in_circles()),
        // Links that lead out.
        ("out", out(), file("secret")),
        ("sub/out", out(), file("secret")),
        ("to-sub/out", out(), file("secret")),
        ("up", out(), Directory),
        ("up/secret", out(), file("secret")),
        ("out-and-in", out(), file("file")),
        ("absolute", out(), file("secret")),
        ("absolute-in", out(), file("file")),
        ("top", out(), Directory),
        // What is no file.
        ("fifo", special(), special()),
        ("fifo/", no_directory(), no_directory()),
        ("socket", special(), special()),
        ("to-fifo", special(), special()),
        ("to-socket", special(), special()),
        ("null", out(), special()),
        ("terminal", out(), special()),
    ]);
}

#[test]
#[cfg(target_os = "linux")]
fn links_of_proc_that_are_no_paths_are_not_followed() {
    let tree = Tree::new();
    for (links, expected) in [(Links::Below, Errno::XDEV), (Links::Anywhere, Errno::LOOP)] {
        for root in tree.roots(links) {
            for path in ["magic", "magic/", "magic/etc/passwd", "sub/to-top/magic"] {
                let answer = ask(&root, path.as_bytes()).answer;
                assert_eq!(answer, error(expected), "{path} by {root:?}");
            }
        }
    }
}

#[test]
fn no_request_reads_the_secret() {
    let tree = Tree::new();
    let roots = tree.roots(Links::Below);
    let ups = [
        "..",
        "%2e%2e",
        ".%2e",
        "%2e.",
        "%252e%252e",
        "%c0%ae%c0%ae",
        "%e0%80%ae.",
        "..%00",
        "...",
        ".. ",
        "up",
        "sub/..",
    ];
    let slashes = ["/", "%2f", "%252f", "\\", "%5c", "//", "/./", "%c0%af"];
    let mut buffer = Vec::new();
    for up in ups {
        for slash in slashes {
            for prefix in ["", "sub/", "sub%2f", "file/", "./", "to-sub/", "dot/"] {
                for depth in 1..4 {
                    let raw = format!("/{prefix}{}secret", format!("{up}{slash}").repeat(depth));
                    for hidden in [false, true] {
                        let Ok(path) = FilePath::parse(raw.as_bytes(), hidden, &mut buffer) else {
                            continue;
                        };
                        for root in &roots {
                            assert!(root.open_below(path.as_c_str()).is_err(), "{raw}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_file_that_was_read_is_opened_at_once() {
    let tree = Tree::new();
    for root in tree.roots(Links::Below) {
        assert_eq!(ask(&root, b"sub/file").answer, file("sub file"));
        let opened = undisturbed(|| root.open_now(c"sub/file"), io::Result::is_ok);
        let peeked = undisturbed(|| root.peek_now(c"sub/file"), io::Result::is_ok);
        let is_at_once = root.way != Way::NameByName && root.way != tree::way_without_cache();
        if is_at_once {
            assert_eq!(
                std::io::read_to_string(opened.unwrap().file).unwrap(),
                "sub file"
            );
            assert_eq!(peeked.unwrap().len(), 8);
        } else {
            assert_eq!(opened.unwrap_err().kind(), ErrorKind::WouldBlock);
            assert_eq!(peeked.unwrap_err().kind(), ErrorKind::WouldBlock);
        }
    }
}

#[test]
fn a_name_that_was_never_asked_for_is_not_looked_for_at_once() {
    let tree = Tree::new();
    for root in tree.roots(Links::Below) {
        let error = root.open_now(c"sub/never").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{root:?}");
        let error = root.peek_now(c"sub/never").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{root:?}");
    }
}

#[test]
fn what_may_not_be_read_is_seen_all_the_same() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let dir = TempDir::new();
    let at = |name: &str| dir.path().join(name);
    let allow = |name: &str, mode| set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
    for name in ["unlisted", "shut"] {
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(at(&format!("{name}/file")), name).unwrap();
    }
    std::fs::write(at("unreadable"), "").unwrap();
    symlink("unreadable", at("to-unreadable")).unwrap();
    symlink("shut/..", at("through-shut")).unwrap();
    symlink("unlisted/../unlisted/file", at("through-unlisted")).unwrap();
    tree::make_fifo(&at("fifo"));
    for (name, mode) in [
        ("unreadable", 0),
        ("fifo", 0),
        ("unlisted", 0o311),
        ("shut", 0o644),
    ] {
        allow(name, mode);
    }
    without_privileges(|| {
        if std::fs::read(at("unreadable")).is_ok() {
            skip("running as root");
            return;
        }
        for (path, expected, has_directory) in guarded() {
            let mut answers = roots(dir.path(), Links::Below)
                .into_iter()
                .map(|root| ask(&root, path.as_bytes()));
            let first = answers.next().unwrap();
            assert_eq!(first.answer, expected, "{path}");
            assert_eq!(first.has_directory, has_directory, "{path}");
            for other in answers {
                assert_eq!(other, first, "{path}");
            }
        }
    });
    for (name, mode) in [("unlisted", 0o755), ("shut", 0o755)] {
        allow(name, mode);
    }
}

/// What permissions leave to be seen, and whether there is a directory.
fn guarded() -> [(&'static str, Answer, bool); 15] {
    let denied = || error(Errno::ACCESS);
    [
        ("unreadable", denied(), false),
        ("to-unreadable", denied(), false),
        ("unlisted", denied(), true),
        ("unlisted/", denied(), true),
        ("unlisted/file", file("unlisted"), false),
        ("unlisted/..", Answer::Directory, true),
        ("unlisted/.", denied(), true),
        ("shut", Answer::Directory, true),
        ("shut/", Answer::Directory, true),
        ("shut/.", denied(), false),
        ("shut/..", denied(), false),
        ("shut/file", denied(), false),
        ("through-shut", denied(), false),
        ("through-unlisted", file("unlisted"), false),
        ("fifo", error(Errno::NXIO), false),
    ]
}

#[test]
fn links_of_others_in_shared_directories_are_followed_as_the_system_does() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{PermissionsExt, lchown};

    let dir = TempDir::new();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("file"), "file").unwrap();
    std::fs::create_dir(at("shared")).unwrap();
    symlink("../file", at("shared/to-file")).unwrap();
    symlink(".", at("shared/dot")).unwrap();
    set_permissions(at("shared"), Permissions::from_mode(0o1777)).unwrap();
    let owners = [("shared", 12), ("shared/to-file", 34), ("shared/dot", 34)];
    if owners
        .map(|(name, owner)| lchown(at(name), Some(owner), None))
        .iter()
        .any(Result::is_err)
    {
        skip("not running as root");
        return;
    }
    for path in [
        "shared/to-file",
        "shared/dot",
        "shared/dot/",
        "shared/dot/to-file",
    ] {
        let answers: Vec<_> = roots(dir.path(), Links::Below)
            .into_iter()
            .map(|root| ask(&root, path.as_bytes()))
            .collect();
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{path}: {answers:?}"
        );
    }
}
