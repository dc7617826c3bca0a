//! A directory to be served, and requests for what is in it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::{Client, Response, Server};

/// A directory `root` in a folder of its own, which is removed in the end.
pub struct Folder {
    folder: TempDir,
}

impl Folder {
    /// An empty one.
    pub fn new() -> Folder {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        Folder { folder }
    }

    /// What is beside the directory.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The directory.
    pub fn root(&self) -> PathBuf {
        self.beside("root")
    }

    /// The path of a file in the directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root().join(name)
    }

    /// Writes a file that has just been changed, with the directories that it is in.
    pub fn write_now(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Writes a file that was last changed a day ago, so that its tag is strong.
    pub fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        self.write_now(&name, bytes);
        self.age(name, Duration::from_secs(24 * 60 * 60));
    }

    /// Puts a file that was just written in the place of what was there, at one instant.
    pub fn replace(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let new = self.beside("new");
        fs::write(&new, bytes).unwrap();
        fs::rename(&new, self.path(name)).unwrap();
    }

    /// Sets when a file was last changed, to so long ago.
    pub fn age(&self, name: impl AsRef<Path>, age: Duration) {
        self.set_modified(name, SystemTime::now() - age);
    }

    /// Sets when a file was last changed.
    pub fn set_modified(&self, name: impl AsRef<Path>, time: SystemTime) {
        let file = File::options().append(true).open(self.path(name)).unwrap();
        file.set_modified(time).unwrap();
    }

    /// Makes a file of this length whose bytes are zero and take no room.
    pub fn make_sparse(&self, name: &str, length: u64) -> File {
        let file = File::create(self.path(name)).unwrap();
        file.set_len(length).unwrap();
        file
    }

    /// A server of the directory with these flags.
    pub fn serve(&self, args: &[&str]) -> Server {
        let root = self.root();
        Server::start(&[&[root.to_str().unwrap()], args].concat())
    }
}

impl<S: Read + Write> Client<S> {
    /// The answer to a GET with these field lines, each with its CR LF.
    pub fn ask(&mut self, target: &str, fields: &str) -> Response {
        self.ask_with("GET", target, fields)
    }

    /// The answer to a request of this method with these field lines.
    pub fn ask_with(&mut self, method: &str, target: &str, fields: &str) -> Response {
        self.send(request(method, target, fields).as_bytes());
        self.response_to(method)
    }
}

/// A request with these field lines, each with its CR LF.
pub fn request(method: &str, target: &str, fields: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n")
}
