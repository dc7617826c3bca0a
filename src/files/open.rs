//! Opens what is below a root, and nothing else: the kernel resolves the path and refuses to leave.
//!
//! Owns the root's descriptor. Must not know HTTP.

use std::ffi::CStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

/// How often a lookup that another process's renames got in the way of is tried again.
#[cfg(target_os = "linux")]
const TRIES_MAX: usize = 8;

/// A directory below which files are opened.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    way: Way,
}

/// How a path is kept below the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By `openat2` with `RESOLVE_BENEATH` (Linux 5.6): symbolic links are followed as long as they
    /// stay below the root.
    #[cfg(target_os = "linux")]
    Beneath,
    /// Name by name, where there is no `openat2` or a sandbox forbids it: symbolic links are not
    /// followed at all.
    NameByName,
}

/// An open file, directory, or whatever else had the name.
#[derive(Debug)]
pub struct Opened {
    /// Open for reading, and not blocking in case that it is a FIFO.
    pub file: File,
    /// What it was when it was opened.
    pub metadata: Metadata,
}

impl Root {
    /// Opens a directory as root.
    ///
    /// # Errors
    ///
    /// When it is no directory, or cannot be read.
    pub fn open(path: &Path) -> io::Result<Root> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, path, flags, Mode::empty())?;
        let way = best_way(directory.as_fd());
        Ok(Root { directory, way })
    }

    /// Opens what is at `path`, which is relative and has no `.` or `..` among its names.
    ///
    /// # Errors
    ///
    /// What the system said; `EXDEV` when a symbolic link led out of the root.
    pub fn open_below(&self, path: &CStr) -> io::Result<Opened> {
        let descriptor = match self.way {
            #[cfg(target_os = "linux")]
            Way::Beneath => open_beneath(self.directory.as_fd(), path, flags())?,
            Way::NameByName => open_name_by_name(self.directory.as_fd(), path)?,
        };
        let file = File::from(descriptor);
        let metadata = file.metadata()?;
        Ok(Opened { file, metadata })
    }

    /// Whether there is a directory at `path`, also one whose names may not be read: it may still
    /// be passed through. What cannot be told is no directory.
    #[cfg(target_os = "linux")]
    pub fn has_directory(&self, path: &CStr) -> bool {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match self.way {
            Way::Beneath => open_beneath(self.directory.as_fd(), path, flags).is_ok(),
            Way::NameByName => false,
        }
    }

    /// Whether there is a directory at `path` whose names may not be read. Cannot be told here.
    #[cfg(not(target_os = "linux"))]
    pub fn has_directory(&self, _path: &CStr) -> bool {
        false
    }
}

/// A FIFO without a writer must not block, and a terminal must not become ours.
fn flags() -> OFlags {
    OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY
}

#[cfg(target_os = "linux")]
fn best_way(directory: BorrowedFd<'_>) -> Way {
    match open_beneath(directory, c".", flags()) {
        Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => {
            log::warn!("no openat2 on this system: symbolic links are not followed");
            Way::NameByName
        }
        _ => Way::Beneath,
    }
}

#[cfg(not(target_os = "linux"))]
fn best_way(_directory: BorrowedFd<'_>) -> Way {
    Way::NameByName
}

#[cfg(target_os = "linux")]
fn open_beneath(root: BorrowedFd<'_>, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};

    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut result = Err(Errno::AGAIN);
    for _ in 0..TRIES_MAX {
        result = openat2(root, path, flags, Mode::empty(), resolve);
        // EAGAIN: something was renamed during the lookup, so the kernel cannot say where it led.
        if !matches!(result, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    result
}

fn open_name_by_name(root: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd, Errno> {
    let path = path.to_bytes();
    let (directories, name) = match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&path[..0], path),
    };
    let mut parent: Option<OwnedFd> = None;
    for name in directories
        .split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty())
    {
        let at = parent.as_ref().map_or(root, AsFd::as_fd);
        let flags = flags() | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        parent = Some(openat(at, name, flags, Mode::empty())?);
    }
    let at = parent.as_ref().map_or(root, AsFd::as_fd);
    openat(at, name, flags() | OFlags::NOFOLLOW, Mode::empty())
}

#[cfg(test)]
mod tests {
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
        let root = || Root::open(&dir.path().join("root")).unwrap();
        vec![
            root(),
            Root {
                way: Way::NameByName,
                ..root()
            },
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
                        let raw =
                            format!("/{prefix}{}secret", format!("{up}{slash}").repeat(depth));
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
        let error = Root::open(&dir.path().join("secret")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
        let error = Root::open(&dir.path().join("missing")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
