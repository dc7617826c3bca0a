//! A directory of everything that may be in one, and what is said of it.

use std::ffi::CString;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use super::super::*;
use crate::testing::{TempDir, undisturbed};

/// A root with a secret beside it.
pub struct Tree {
    dir: TempDir,
    _socket: UnixListener,
}

impl Tree {
    pub fn new() -> Tree {
        let dir = TempDir::new();
        let root = dir.path().join("root");
        std::fs::create_dir_all(root.join("sub/deeper")).unwrap();
        std::fs::create_dir_all(root.join("empty")).unwrap();
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        for (name, content) in [
            ("file", "file"),
            ("sub/file", "sub file"),
            ("sub/deeper/file", "deeper file"),
            ("ü.txt", "utf-8"),
            (".hidden", "hidden"),
        ] {
            std::fs::write(root.join(name), content).unwrap();
        }
        let outside = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        for (name, target) in [
            ("to-file", "file"),
            ("to-file-slash", "file/"),
            ("to-sub", "sub"),
            ("to-sub-slash", "sub//"),
            ("dot", "."),
            ("dots", "sub/../sub/./deeper/../file"),
            ("sub/up-to-file", "../file"),
            ("sub/to-top", ".."),
            ("sub/deeper/to-top", "../to-top/."),
            ("dangling", "nothing"),
            ("through-missing", "nothing/../file"),
            ("through-file", "file/x"),
            ("file-dot", "file/."),
            ("file-dots", "file/../file"),
            ("self", "self"),
            ("ring-a", "ring-b"),
            ("ring-b", "sub/../ring-a"),
            ("out", "../secret"),
            ("sub/out", "../../secret"),
            ("up", ".."),
            ("out-and-in", "../root/file"),
            ("absolute", &outside("secret")),
            ("absolute-in", &outside("root/file")),
            ("top", "/"),
            ("above-top", "/../../etc"),
            ("magic", "/proc/self/root"),
            ("to-fifo", "sub/../fifo"),
            ("to-socket", "socket"),
            ("null", "/dev/null"),
            ("terminal", "/dev/tty"),
        ] {
            symlink(target, root.join(name)).unwrap();
        }
        let mut target = "file".to_owned();
        for count in 1..=41 {
            let name = format!("chain-{count}");
            symlink(&target, root.join(&name)).unwrap();
            target = name;
        }
        make_fifo(&root.join("fifo"));
        let socket = UnixListener::bind(root.join("socket")).unwrap();
        Tree {
            dir,
            _socket: socket,
        }
    }

    /// The directory that the root is in.
    pub fn outside(&self) -> &Path {
        self.dir.path()
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// The root in each way that this system has.
    pub fn roots(&self, links: Links) -> Vec<Root> {
        roots(&self.root(), links)
    }
}

/// The directory as root, in each way that this system has.
pub fn roots(path: &Path, links: Links) -> Vec<Root> {
    let follow = links == Links::Anywhere;
    let mut roots = vec![
        Root::open_name_by_name(path, follow).unwrap(),
        Root::open(path, follow).unwrap(),
    ];
    if roots[1].way != Way::NameByName {
        let way = way_without_cache();
        let uncached = Root::open(path, follow).unwrap();
        roots.push(Root { way, ..uncached });
    }
    roots
}

/// The kernel's way where it cannot say that it would have to wait.
pub fn way_without_cache() -> Way {
    #[cfg(target_os = "linux")]
    return Way::Beneath;
    #[cfg(not(target_os = "linux"))]
    return Way::NameByName;
}

#[cfg(target_os = "linux")]
pub fn make_fifo(path: &Path) {
    use rustix::fs::{FileType, mknodat};

    mknodat(CWD, path, FileType::Fifo, Mode::from(0o600), 0).unwrap();
}

#[cfg(not(target_os = "linux"))]
pub fn make_fifo(path: &Path) {
    let status = std::process::Command::new("mkfifo").arg(path).status();
    assert!(status.unwrap().success());
}

/// What opening came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// A file of this content.
    File(Vec<u8>),
    Directory,
    Error(Errno),
}

pub fn file(content: &str) -> Answer {
    Answer::File(content.into())
}

pub fn error(errno: Errno) -> Answer {
    Answer::Error(errno)
}

/// All that can be asked of a path.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    pub answer: Answer,
    /// The number and the mode of what is there.
    pub seen: Result<(u64, u32), Errno>,
    pub has_directory: bool,
}

/// Asks all of a path. What is said at once must be the same, if anything is.
pub fn ask(root: &Root, path: &[u8]) -> Asked {
    let path = CString::new(path).unwrap();
    let again = error(Errno::AGAIN);
    let answer_of = || answer(root.open_below(&path));
    let seen_of = || seen(root.peek(&path));
    let seen = undisturbed(seen_of, |seen| *seen != Err(Errno::AGAIN));
    let is_directory = seen.is_ok_and(|(_, mode)| mode & 0o170_000 == 0o040_000);
    let asked = Asked {
        answer: undisturbed(answer_of, |answer| *answer != again),
        seen,
        has_directory: undisturbed(
            || root.peek(&path).is_ok_and(|found| found.is_dir()),
            |has| *has == is_directory,
        ),
    };
    let answered_now = answer(root.open_now(&path));
    assert!(
        answered_now == again || answered_now == asked.answer,
        "{path:?}: {answered_now:?} is not {asked:?}"
    );
    let seen_now = self::seen(root.peek_now(&path));
    assert!(
        seen_now == Err(Errno::AGAIN) || seen_now == asked.seen,
        "{path:?}: {seen_now:?} is not {asked:?}"
    );
    asked
}

fn answer(result: io::Result<Opened>) -> Answer {
    let mut opened = match result {
        Ok(opened) => opened,
        Err(error) => return Answer::Error(errno(&error)),
    };
    if opened.metadata.is_dir() {
        return Answer::Directory;
    }
    assert!(opened.metadata.is_file());
    let mut content = Vec::new();
    opened.file.read_to_end(&mut content).unwrap();
    Answer::File(content)
}

fn seen(result: io::Result<Metadata>) -> Result<(u64, u32), Errno> {
    let metadata = result.map_err(|error| errno(&error))?;
    Ok((metadata.ino(), metadata.mode()))
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap()
}
