//! Unix stream sockets of the system, and the files that name them.

use std::fs::{self, Metadata};
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::transport::listener::BACKLOG;
use crate::transport::{ListenAddress, Peer};

/// A connection over a Unix stream socket.
#[derive(Debug)]
pub struct UnixTransport(pub(super) mio::net::UnixStream);

impl UnixTransport {
    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }

    pub(super) fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    pub(super) fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(bufs)
    }

    pub(super) fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

/// A listening Unix stream socket. Dropping one that we made removes its file.
#[derive(Debug)]
pub struct UnixSocketListener {
    pub(super) listener: mio::net::UnixListener,
    path: PathBuf,
    /// The file, if we made it.
    file: Option<FileId>,
}

impl UnixSocketListener {
    /// Takes over a socket that listens already; its file belongs to whoever made it.
    pub(super) fn from_inherited(socket: net::UnixListener) -> io::Result<UnixSocketListener> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let path = address
            .as_pathname()
            .map(Path::to_path_buf)
            .unwrap_or_default();
        Ok(UnixSocketListener {
            listener: mio::net::UnixListener::from_std(socket),
            path,
            file: None,
        })
    }

    pub(super) fn accept(&mut self) -> io::Result<(UnixTransport, Peer)> {
        let (stream, _) = self.listener.accept()?;
        Ok((UnixTransport(stream), Peer::Unix))
    }

    pub(super) fn local_address(&self) -> ListenAddress {
        ListenAddress::Unix(self.path.clone())
    }
}

impl Drop for UnixSocketListener {
    fn drop(&mut self) {
        // Another server may have put its own socket in the place of ours.
        let ours = self
            .file
            .is_some_and(|file| FileId::at(&self.path).is_ok_and(|at| at == file));
        if ours && let Err(error) = fs::remove_file(&self.path) {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Binds a path. The file of a server that is gone is replaced.
///
/// # Errors
///
/// `AddrInUse` if a server listens there or the path names something that is not a socket.
pub(super) fn bind(path: &Path) -> io::Result<UnixSocketListener> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path, &address)? => {
            fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        result => result?,
    }
    let file = FileId::at(path)?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    Ok(UnixSocketListener {
        listener: mio::net::UnixListener::from_std(socket.into()),
        path: path.to_path_buf(),
        file: Some(file),
    })
}

/// Whether a path names a socket that nobody listens on: its server ended without removing it.
fn is_stale(path: &Path, address: &SockAddr) -> io::Result<bool> {
    // A connection to a plain file is refused as well, and that one is not ours to remove.
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Ok(false);
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Not to wait for a live server whose queue is full.
    probe.set_nonblocking(true)?;
    let refused = io::ErrorKind::ConnectionRefused;
    Ok(probe
        .connect(address)
        .is_err_and(|error| error.kind() == refused))
}

/// What tells one file from another that has its name later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn at(path: &Path) -> io::Result<FileId> {
        let metadata: Metadata = fs::symlink_metadata(path)?;
        Ok(FileId {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::env;
    use std::process;

    /// A path that nobody else has, with no file there.
    fn free_path(name: &str) -> PathBuf {
        let path = env::temp_dir().join(format!("tidegate-{}-{name}", process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    fn bind_at(path: &Path) -> io::Result<UnixSocketListener> {
        bind(path)
    }

    #[test]
    fn the_file_goes_with_the_listener() {
        let path = free_path("own");
        let mut listener = bind_at(&path).unwrap();
        assert_eq!(listener.local_address(), ListenAddress::Unix(path.clone()));
        assert_eq!(
            listener.accept().unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        let mut client = net::UnixStream::connect(&path).unwrap();
        let (mut socket, peer) = listener.accept().unwrap();
        assert_eq!(peer, Peer::Unix);
        client.write_all(b"hello").unwrap();
        let mut buf = [0; 16];
        assert_eq!(socket.read(&mut buf).unwrap(), 5);
        assert_eq!(
            socket.read(&mut buf).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_file_is_replaced() {
        let path = free_path("stale");
        drop(net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let listener = bind_at(&path).unwrap();
        net::UnixStream::connect(&path).unwrap();
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_live_server_is_left_alone() {
        let path = free_path("live");
        let server = net::UnixListener::bind(&path).unwrap();
        assert_eq!(bind_at(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        net::UnixStream::connect(&path).unwrap();
        drop(server);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_live_server_with_a_full_queue_is_left_alone() {
        let path = free_path("full");
        let server = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        server.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        server.listen(0).unwrap();
        let mut waiting = Vec::new();
        loop {
            let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            if client.connect(&SockAddr::unix(&path).unwrap()).is_err() {
                break;
            }
            waiting.push(client);
        }
        assert_eq!(bind_at(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let path = free_path("plain");
        fs::write(&path, "precious").unwrap();
        assert_eq!(bind_at(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_file_of_a_successor_is_left_alone() {
        let path = free_path("successor");
        let first = bind_at(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let second = bind_at(&path).unwrap();
        drop(first);
        net::UnixStream::connect(&path).unwrap();
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn a_path_that_is_too_long_is_refused() {
        let path = PathBuf::from(format!("/tmp/{}", "x".repeat(200)));
        assert_eq!(
            bind_at(&path).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }
}
