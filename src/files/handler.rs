//! Answers with files.

use std::fs::Metadata;
use std::io::{self, ErrorKind, Write};
use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;
use reactor::{FileBody, Handler, Method, Reply, Request, Status};
use rustix::io::Errno;

use super::open::{Opened, Root};
use super::path::{FilePath, Refusal, extension};
use super::types::known;

/// Files up to this size are read at once; that costs one system call and no exchange. Beyond it
/// copying costs more than having the kernel send the file.
const AT_ONCE_BYTES_MAX: u64 = 64 << 10;

/// The first second that has no form in HTTP any more: the year 10000.
const HTTP_DATE_END: Duration = Duration::from_secs(253_402_300_800);

/// The handler of a directory's files.
#[derive(Debug)]
pub struct Files {
    root: Root,
    index: Vec<String>,
}

/// What a path came to.
enum Found {
    /// A regular file and its content type.
    File(Opened, &'static str),
    /// A directory, asked for without the slash at its end.
    Directory,
}

impl Files {
    /// A handler of the files below `root`, which answers with the first file of `index` that is
    /// there for a directory.
    pub fn new(root: Root, index: Vec<String>) -> Files {
        Files { root, index }
    }

    fn find(&self, raw: &[u8]) -> Result<Found, Status> {
        let mut buffer = Vec::new();
        let path = FilePath::parse(raw, false, &mut buffer).map_err(|refusal| match refusal {
            Refusal::Malformed => Status::BAD_REQUEST,
            Refusal::NotServed => Status::NOT_FOUND,
        })?;
        if path.is_directory() {
            return self.find_index(&path);
        }
        let opened = match self.root.open_below(path.as_c_str()) {
            Ok(opened) => opened,
            Err(error) => {
                return match status_of(&error) {
                    // Its index may be there for all, even if its list of names is not.
                    Status::FORBIDDEN if self.root.has_directory(path.as_c_str()) => {
                        Ok(Found::Directory)
                    }
                    status => Err(status),
                };
            }
        };
        if opened.metadata.is_file() {
            Ok(Found::File(opened, type_of(&path)))
        } else if opened.metadata.is_dir() {
            Ok(Found::Directory)
        } else {
            Err(Status::NOT_FOUND)
        }
    }

    fn find_index(&self, directory: &FilePath<'_>) -> Result<Found, Status> {
        let mut buffer = Vec::new();
        for name in &self.index {
            let Some(path) = directory.join(name, &mut buffer) else {
                continue;
            };
            match self.root.open_below(path.as_c_str()) {
                Ok(opened) if opened.metadata.is_file() => {
                    return Ok(Found::File(opened, type_of(&path)));
                }
                Ok(_) => {}
                Err(error) => match status_of(&error) {
                    Status::NOT_FOUND => {}
                    status => return Err(status),
                },
            }
        }
        // As in nginx: 403 for a directory without an index, 404 where there is none.
        match self.root.open_below(directory.as_c_str()) {
            Ok(opened) if opened.metadata.is_dir() => Err(Status::FORBIDDEN),
            Ok(_) => Err(Status::NOT_FOUND),
            Err(error) => Err(status_of(&error)),
        }
    }
}

impl Handler for Files {
    fn handle(&self, request: &mut Request<'_>) -> Reply {
        let view = request.view();
        let raw = view.raw_param("path").unwrap_or_default();
        match self.find(raw) {
            Ok(Found::File(opened, kind)) => send(request, opened, kind),
            Ok(Found::Directory) => {
                let location = directory_location(view.path(), view.query());
                request.out().field("Location", location);
                refuse(Status::MOVED_PERMANENTLY)
            }
            Err(status) => refuse(status),
        }
    }
}

/// Where the directory at `path` is: there with a slash at its end. Two slashes at the beginning
/// would name another host (RFC 3986 section 4.2).
fn directory_location(path: &str, query: &str) -> String {
    let path = path.trim_start_matches('/');
    let mark = if query.is_empty() { "" } else { "?" };
    format!("/{path}/{mark}{query}")
}

fn send(request: &mut Request<'_>, opened: Opened, kind: &'static str) -> Reply {
    let Opened { file, metadata } = opened;
    let length = metadata.len();
    let is_head = request.method() == Method::Head;
    let out = request.out();
    if let Some(modified) = last_modified(&metadata) {
        out.field("Last-Modified", modified);
    }
    // For HEAD the length is all that counts.
    if is_head || length > AT_ONCE_BYTES_MAX {
        return Reply::file(
            kind,
            FileBody {
                file,
                start: 0,
                length,
            },
        );
    }
    match read(&file, length as usize, out.body()) {
        Ok(()) => Reply::written(kind),
        Err(error) => refuse(status_of(&error)),
    }
}

/// The content type of the file at `path`.
fn type_of(path: &FilePath<'_>) -> &'static str {
    known(extension(path.file_name()))
}

/// Appends a file of `length` bytes to `body`: less if it has been cut off since, and no more.
fn read(file: &std::fs::File, length: usize, body: &mut Vec<u8>) -> io::Result<()> {
    let end = body.len() + length;
    body.reserve_exact(length);
    while body.len() < end {
        match rustix::io::read(file, rustix::buffer::spare_capacity(body)) {
            Ok(0) => break,
            Ok(_) => {}
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // The room may have been larger, and the file grown.
    body.truncate(end);
    Ok(())
}

/// The time of the last change as HTTP writes it: `Fri, 20 Nov 2026 13:14:05 GMT`.
fn last_modified(metadata: &Metadata) -> Option<[u8; 29]> {
    let since_epoch = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    if since_epoch >= HTTP_DATE_END {
        return None;
    }
    let mut text = [0; 29];
    write!(
        &mut text[..],
        "{}",
        HttpDate::from(UNIX_EPOCH + since_epoch)
    )
    .ok()?;
    Some(text)
}

/// The status that an error of the system comes to; what is the server's fault is logged.
fn status_of(error: &io::Error) -> Status {
    match error.kind() {
        ErrorKind::PermissionDenied => Status::FORBIDDEN,
        ErrorKind::NotFound | ErrorKind::NotADirectory => Status::NOT_FOUND,
        _ => match Errno::from_io_error(error) {
            // ENXIO is a socket, EXDEV and ELOOP are links that lead out or nowhere.
            Some(
                Errno::NXIO
                | Errno::NODEV
                | Errno::XDEV
                | Errno::LOOP
                | Errno::MLINK
                | Errno::NAMETOOLONG
                | Errno::INVAL
                | Errno::ILSEQ
                | Errno::OPNOTSUPP,
            ) => Status::NOT_FOUND,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS | Errno::AGAIN) => {
                log::error!("cannot open a file: {error}");
                Status::SERVICE_UNAVAILABLE
            }
            _ => {
                log::error!("cannot read a file: {error}");
                Status::INTERNAL_SERVER_ERROR
            }
        },
    }
}

/// A reply that says its status in words, as the engine's own do.
fn refuse(status: Status) -> Reply {
    let text = match status {
        Status::MOVED_PERMANENTLY => "301 Moved Permanently\n",
        Status::BAD_REQUEST => "400 Bad Request\n",
        Status::FORBIDDEN => "403 Forbidden\n",
        Status::NOT_FOUND => "404 Not Found\n",
        Status::INTERNAL_SERVER_ERROR => "500 Internal Server Error\n",
        Status::SERVICE_UNAVAILABLE => "503 Service Unavailable\n",
        _ => return Reply::status(status),
    };
    Reply::text(text).with_status(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn files(dir: &TempDir) -> Files {
        let index = vec!["index.html".into(), "index.htm".into()];
        Files::new(Root::open(dir.path(), false).unwrap(), index)
    }

    /// The content of the file that a path comes to, `/` for a directory, or the status.
    fn found(files: &Files, raw: &str) -> Result<String, u16> {
        match files.find(raw.as_bytes()) {
            Ok(Found::File(opened, _)) => Ok(std::io::read_to_string(opened.file).unwrap()),
            Ok(Found::Directory) => Ok("/".into()),
            Err(status) => Err(status.code()),
        }
    }

    #[test]
    fn a_path_comes_to_a_file_an_index_or_a_status() {
        let dir = TempDir::new();
        for name in ["with", "old", "without", "odd/index.html"] {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        for name in [
            "a.txt",
            "with/index.html",
            "with/index.htm",
            "old/index.htm",
            ".env",
        ] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        let files = files(&dir);
        for (raw, expected) in [
            ("a.txt", Ok("a.txt")),
            ("%61.txt", Ok("a.txt")),
            ("with", Ok("/")),
            ("with/", Ok("with/index.html")),
            ("old/", Ok("old/index.htm")),
            ("without", Ok("/")),
            ("without/", Err(403)),
            ("odd/", Err(403)),
            ("", Err(403)),
            ("missing", Err(404)),
            ("missing/", Err(404)),
            ("a.txt/", Err(404)),
            ("a.txt/b", Err(404)),
            (".env", Err(404)),
            ("%2eenv", Err(404)),
            ("..", Err(404)),
            ("%00", Err(400)),
            ("%", Err(400)),
        ] {
            assert_eq!(found(&files, raw), expected.map(str::to_owned), "{raw}");
        }
        assert_eq!(found(&files, &"n".repeat(300)), Err(404));
        assert_eq!(found(&files, &"n".repeat(5000)), Err(404));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn only_regular_files_are_served() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        use std::os::unix::net::UnixListener;

        let dir = TempDir::new();
        let _socket = UnixListener::bind(dir.path().join("socket")).unwrap();
        mknodat(
            CWD,
            dir.path().join("fifo"),
            FileType::Fifo,
            Mode::from(0o600),
            0,
        )
        .unwrap();
        std::os::unix::fs::symlink("/dev/null", dir.path().join("device")).unwrap();
        std::os::unix::fs::symlink("loop", dir.path().join("loop")).unwrap();
        let files = files(&dir);
        for name in ["socket", "fifo", "device", "loop"] {
            assert_eq!(found(&files, name), Err(404), "{name}");
        }
    }

    #[test]
    fn a_directory_is_never_on_another_host() {
        assert_eq!(directory_location("/a/b", ""), "/a/b/");
        assert_eq!(directory_location("/a%20b", "x=1&y"), "/a%20b/?x=1&y");
        assert_eq!(directory_location("//example.com", ""), "/example.com/");
        assert_eq!(directory_location("///a//b", "q"), "/a//b/?q");
    }

    #[test]
    fn a_read_takes_no_more_than_there_was() {
        let dir = TempDir::new();
        let path = dir.path().join("file");
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        for (length, expected) in [(0, 0), (100, 100), (70_000, 70_000), (80_000, 70_000)] {
            let file = std::fs::File::open(&path).unwrap();
            let mut body = Vec::with_capacity(1 << 20);
            read(&file, length, &mut body).unwrap();
            assert_eq!(body.len(), expected);
        }
    }

    #[test]
    fn last_modified_has_the_form_of_http() {
        let dir = TempDir::new();
        let file = std::fs::File::create(dir.path().join("file")).unwrap();
        let modified = |seconds: u64| {
            file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds))
                .unwrap();
            last_modified(&file.metadata().unwrap())
        };
        assert_eq!(
            modified(1_795_180_445).as_ref(),
            Some(b"Fri, 20 Nov 2026 13:14:05 GMT")
        );
        file.set_modified(UNIX_EPOCH - Duration::from_secs(1))
            .unwrap();
        assert_eq!(last_modified(&file.metadata().unwrap()), None);
    }
}
