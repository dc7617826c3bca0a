//! TCP sockets of the system: streams, and listeners for one or several workers.

use std::io::{self, IoSlice};
use std::net::{self, Ipv4Addr, Shutdown, SocketAddr};
use std::time::Duration;

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::transport::listener::BACKLOG;
use crate::transport::{ListenAddress, Peer};

/// A TCP connection.
#[derive(Debug)]
pub struct TcpTransport(pub(super) mio::net::TcpStream);

// Calls go past the standard library, whose recv and send are cancellation points of the C library:
// that costs 1.5 % of a small request. With read and write it would be 2 % more: then the system
// takes the socket for a file, which has a position and locks. The standard library ignores SIGPIPE
// at start, so a write to a broken connection is an error here too.
impl TcpTransport {
    #[inline]
    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(&self.0, buf, RecvFlags::empty())?.0)
    }

    #[inline]
    pub(super) fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(&self.0, buf, SendFlags::empty())?)
    }

    #[inline]
    pub(super) fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut nothing = SendAncillaryBuffer::default();
        let flags = SendFlags::empty();
        Ok(rustix::net::sendmsg(&self.0, bufs, &mut nothing, flags)?)
    }

    pub(super) fn write_and_more(&mut self, buf: &[u8]) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        const FLAGS: SendFlags = SendFlags::MORE;
        #[cfg(not(target_os = "linux"))]
        const FLAGS: SendFlags = SendFlags::empty();
        Ok(rustix::net::send(&self.0, buf, FLAGS)?)
    }

    /// The largest segment; 1 where the system does not tell.
    pub(super) fn segment_bytes(&self) -> usize {
        let told = SockRef::from(&self.0).tcp_mss();
        told.map_or(1, |bytes| bytes.max(1) as usize)
    }

    pub(super) fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }

    pub(super) fn abort(&mut self) {
        // Fails only on a connection that is gone already.
        let _ = SockRef::from(&self.0).set_linger(Some(Duration::ZERO));
    }
}

/// A listening TCP socket.
#[derive(Debug)]
pub struct TcpSocketListener(pub(super) mio::net::TcpListener);

impl TcpSocketListener {
    /// Takes over a socket that listens already, with the same options as one that we made.
    pub(super) fn from_inherited(socket: net::TcpListener) -> io::Result<TcpSocketListener> {
        set_inherited_options(&SockRef::from(&socket))?;
        socket.set_nonblocking(true)?;
        Ok(TcpSocketListener(mio::net::TcpListener::from_std(socket)))
    }

    pub(super) fn accept(&mut self) -> io::Result<(TcpTransport, Peer)> {
        let (stream, address) = self.0.accept()?;
        Ok((TcpTransport(stream), Peer::from(address)))
    }

    pub(super) fn local_address(&self) -> io::Result<ListenAddress> {
        self.0.local_addr().map(ListenAddress::Tcp)
    }
}

/// Binds an address for this many workers; one listener only where the system does not spread
/// connections over several.
pub(super) fn bind(address: SocketAddr, workers: usize) -> io::Result<Vec<TcpSocketListener>> {
    if !BALANCES || workers <= 1 {
        return Ok(vec![listen(open(address, false)?)?]);
    }
    // SO_REUSEPORT would share the address with any other process of the same user. An address that
    // can be bound without it is free. The system chooses only free ports for port 0.
    if address.port() != 0 {
        drop(open(address, false)?);
    }
    let first = listen(open(address, true)?)?;
    let address = first.0.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..workers {
        listeners.push(listen(open(address, true)?)?);
    }
    Ok(listeners)
}

/// A socket bound to an address. `[::]` means all addresses of both families, and is IPv4's
/// `0.0.0.0` on a system without IPv6.
fn open(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = match Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    ) {
        Err(error)
            if address.is_ipv6()
                && address.ip().is_unspecified()
                && error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()) =>
        {
            return open((Ipv4Addr::UNSPECIFIED, address.port()).into(), shared);
        }
        result => result?,
    };
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A restarted server need not wait for the last connections of the one before.
    socket.set_reuse_address(true)?;
    if shared {
        share(&socket)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listen(socket: Socket) -> io::Result<TcpSocketListener> {
    set_inherited_options(&SockRef::from(&socket))?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    Ok(TcpSocketListener(mio::net::TcpListener::from_std(
        socket.into(),
    )))
}

/// Sets on a listener what accepted sockets inherit from it, so that they cost no system calls.
fn set_inherited_options(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL);
    #[cfg(not(target_os = "openbsd"))]
    let keepalive = keepalive.with_retries(KEEPALIVE_PROBES);
    // No TCP_USER_TIMEOUT: Linux also counts the time in which a peer's window is small, although
    // it takes what fits into that, and breaks the connection of who reads slowly.
    socket.set_tcp_keepalive(&keepalive)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(target_os = "freebsd")]
fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port_lb(true)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn share(_socket: &Socket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether the system spreads connections over the sockets that share an address.
const BALANCES: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd"
));
/// A peer that vanished without a word is noticed though nothing is sent: after two minutes. It is
/// not probed as long as it has not acknowledged what was sent; then the system decides when it has
/// sent that often enough.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 6;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    use rustix::io::{FdFlags, fcntl_getfd};

    #[test]
    fn accepted_sockets_inherit_the_options() {
        for workers in [1, 2] {
            let mut listeners = bind((Ipv4Addr::LOCALHOST, 0).into(), workers).unwrap();
            let listener = listeners.remove(0);
            listeners.clear();
            let client = net::TcpStream::connect(listener.0.local_addr().unwrap()).unwrap();
            let (socket, peer) = accept_waiting(listener);
            assert_eq!(peer, Peer::from(client.local_addr().unwrap()));

            let socket = SockRef::from(&socket.0);
            assert!(socket.tcp_nodelay().unwrap());
            assert!(socket.nonblocking().unwrap());
            assert!(socket.keepalive().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_IDLE);
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
            assert_eq!(socket.tcp_user_timeout().unwrap(), None);
            assert!(fcntl_getfd(&*socket).unwrap().contains(FdFlags::CLOEXEC));
        }
    }

    /// Accepts after waiting for the connection, by way of a blocking socket.
    fn accept_waiting(listener: TcpSocketListener) -> (TcpTransport, Peer) {
        SockRef::from(&listener.0).set_nonblocking(false).unwrap();
        let mut listener = listener;
        listener.accept().unwrap()
    }
}
