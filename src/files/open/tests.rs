//! What is opened below a root, in both ways.

use std::io::Read;
use std::os::unix::fs::symlink;

use super::super::path::FilePath;
use super::*;
use crate::testing::TempDir;

/// A root in a directory that has a secret beside it, opened in both ways.
fn roots(dir: &TempDir) -> Vec<Root> {
    std::fs::create_dir_all(dir.path().join("root/sub")).unwrap();
    std::fs::write(dir.path().join("secret"), "secret").unwrap();
    std::fs::write(dir.path().join("root/file"), "file").unwrap();
    std::fs::write(dir.path().join("root/sub/file"), "sub file").unwrap();
    let path = dir.path().join("root");
    vec![
        Root::open(&path, false).unwrap(),
        Root::open_name_by_name(&path, false).unwrap(),
    ]
}

fn content(root: &Root, path: &CStr) -> io::Result<String> {
    let mut text = String::new();
    root.open_below(path)?.file.read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn opens_files_and_directories_below() {
    let dir = TempDir::new();
    for root in roots(&dir) {
        assert_eq!(content(&root, c"file").unwrap(), "file");
        assert_eq!(content(&root, c"sub/file").unwrap(), "sub file");
        assert!(root.open_below(c".").unwrap().metadata.is_dir());
        assert!(root.open_below(c"sub").unwrap().metadata.is_dir());
        let missing = root.open_below(c"sub/missing").unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let through_file = root.open_below(c"file/file").unwrap_err();
        assert_eq!(through_file.kind(), io::ErrorKind::NotADirectory);
    }
}

#[test]
fn symbolic_links_do_not_lead_out() {
    let dir = TempDir::new();
    for root in roots(&dir) {
        let inside = dir.path().join("root");
        let links = [
            ("out", "../secret"),
            ("up", ".."),
            ("sub/out", "../../secret"),
            ("absolute", dir.path().join("secret").to_str().unwrap()),
            ("etc", "/etc"),
            ("magic", "/proc/self/root"),
        ]
        .map(|(name, target)| {
            let link = inside.join(name);
            symlink(target, &link).unwrap();
            link
        });
        for path in [
            c"out",
            c"up/secret",
            c"sub/out",
            c"absolute",
            c"etc/passwd",
            c"magic/etc/passwd",
            c"../secret",
            c"/etc/passwd",
            c"sub/../../secret",
        ] {
            if matches!(
                path.to_bytes(),
                [b'.' | b'/', ..] | [_, _, _, b'/', b'.', ..]
            ) && root.way == Way::NameByName
            {
                // This way relies on paths without `..`, which `FilePath` guarantees.
                continue;
            }
            assert!(content(&root, path).is_err(), "{path:?} by {:?}", root.way);
        }
        for link in links {
            std::fs::remove_file(link).unwrap();
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn symbolic_links_that_stay_inside_are_followed_where_the_kernel_watches() {
    let dir = TempDir::new();
    let [beneath, name_by_name] = &roots(&dir)[..] else {
        panic!()
    };
    symlink("sub/file", dir.path().join("root/link")).unwrap();
    if beneath.way == Way::Beneath {
        assert_eq!(content(beneath, c"link").unwrap(), "sub file");
    }
    assert!(content(name_by_name, c"link").is_err());
}

#[test]
fn no_request_reads_the_secret() {
    let dir = TempDir::new();
    let roots = roots(&dir);
    let ups = [
        "..",
        "%2e%2e",
        ".%2e",
        "%2e.",
        "%252e%252e",
        "%c0%ae%c0%ae",
        "..%00",
        "...",
        ".. ",
    ];
    let slashes = ["/", "%2f", "%252f", "\\", "%5c", "//", "/./", "%c0%af"];
    for up in ups {
        for slash in slashes {
            for prefix in ["", "sub/", "sub%2f", "file/", "./"] {
                for depth in 1..4 {
                    let raw = format!("/{prefix}{}secret", format!("{up}{slash}").repeat(depth));
                    let Ok(path) = FilePath::parse(raw.as_bytes()) else {
                        continue;
                    };
                    for root in &roots {
                        assert!(content(root, path.as_c_str()).is_err(), "{raw}");
                    }
                }
            }
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_directory_is_told_without_reading_it() {
    let dir = TempDir::new();
    let [beneath, name_by_name] = &roots(&dir)[..] else {
        panic!()
    };
    symlink("..", dir.path().join("root/up")).unwrap();
    for (path, expected) in [
        (c"sub", true),
        (c"file", false),
        (c"missing", false),
        (c"up", false),
    ] {
        let expected = expected && beneath.way == Way::Beneath;
        assert_eq!(beneath.has_directory(path), expected, "{path:?}");
        assert!(!name_by_name.has_directory(path), "{path:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_fifo_does_not_block() {
    use rustix::fs::{FileType, mknodat};

    let dir = TempDir::new();
    for root in roots(&dir) {
        let path = dir.path().join("root/fifo");
        mknodat(CWD, &path, FileType::Fifo, Mode::from(0o600), 0).unwrap();
        let opened = root.open_below(c"fifo").unwrap();
        assert!(!opened.metadata.is_file() && !opened.metadata.is_dir());
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_root_must_be_a_directory() {
    let dir = TempDir::new();
    drop(roots(&dir));
    let error = Root::open(&dir.path().join("secret"), false).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    let error = Root::open(&dir.path().join("missing"), false).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}
