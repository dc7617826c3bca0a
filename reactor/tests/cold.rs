//! A disk that takes two seconds for each window is waited for by those only who asked for what is
//! on it: real threads, real sockets, one worker.

use std::fs::File;
use std::io::{self, ErrorKind, IoSliceMut, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use reactor::{
    FileBody, Limits, ListenAddress, ReadAt, Reply, Request, Route, Running, Server, Site,
};

/// What the disk takes for one window.
const DELAY: Duration = Duration::from_secs(2);

/// So many windows are read of the file.
const WINDOWS: usize = 2;

/// What others may wait for at most, but for one in a hundred of their requests.
const P99_MAX: Duration = Duration::from_millis(20);

/// A file on a slow disk, of which nothing is in memory.
#[derive(Debug)]
struct SlowDisk {
    bytes: Vec<u8>,
    /// What it has in two seconds.
    window_bytes: usize,
    /// So many of these it has had.
    windows: AtomicUsize,
    /// The file from which the system sends what was read; without one it is copied.
    file: Option<File>,
}

impl ReadAt for SlowDisk {
    fn read_now(&self, _: &mut [IoSliceMut<'_>], _: u64) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let window = offset as usize / self.window_bytes;
        if self.windows.fetch_max(window + 1, Relaxed) <= window {
            thread::sleep(DELAY);
        }
        let mut rest = &self.bytes[offset as usize..];
        rest.read(bytes)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(File::as_fd)
    }
}

fn serve(disk: SlowDisk) -> (Running, SocketAddr) {
    let length = disk.bytes.len() as u64;
    let disk: Arc<dyn ReadAt> = Arc::new(disk);
    let cold = move |_: &mut Request<'_>| {
        let body = FileBody::new(Arc::clone(&disk), 0..length);
        Reply::file("application/octet-stream", body)
    };
    let limits = Limits {
        requests_max: 0,
        ..Limits::default()
    };
    let site = Site::builder()
        .limits(limits)
        .route(Route::get("/cold", cold))
        .route(Route::get("/small", |_: &mut Request<'_>| {
            Reply::text("small")
        }))
        .build()
        .unwrap();
    let server = Server::new(site)
        .workers(1)
        .listen("127.0.0.1:0".parse().unwrap());
    let bound = server.bind().unwrap();
    let ListenAddress::Tcp(address) = bound.addresses()[0].address else {
        panic!("not TCP")
    };
    (bound.start().unwrap(), address)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).unwrap();
    stream
}

/// Asks for the file; its bytes, and how long they took.
fn fetch(address: SocketAddr) -> (Vec<u8>, Duration) {
    let began = Instant::now();
    let mut stream = connect(address);
    let request = b"GET /cold HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
    (answer.split_off(head.unwrap() + 4), began.elapsed())
}

/// Asks for little, once, and says how long that took.
fn ask(stream: &mut TcpStream) -> Duration {
    let began = Instant::now();
    stream
        .write_all(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let mut room = [0; 1024];
    while !answer.ends_with(b"small") {
        let count = stream.read(&mut room).unwrap();
        assert!(count > 0, "the server has closed");
        answer.extend_from_slice(&room[..count]);
    }
    began.elapsed()
}

fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[test]
fn a_slow_disk_delays_nobody_else() {
    let window_bytes = Limits::default().pipe_bytes_max;
    check_others(SlowDisk {
        bytes: sample(WINDOWS * window_bytes),
        window_bytes,
        windows: AtomicUsize::default(),
        file: None,
    });
}

#[test]
fn nor_does_one_from_which_the_system_sends() {
    // About as much as one job reads in.
    let window_bytes = 10 * Limits::default().pipe_bytes_max;
    let bytes = sample(WINDOWS * window_bytes);
    let path = std::env::temp_dir().join(format!("reactor-cold-{}", std::process::id()));
    std::fs::write(&path, &bytes).unwrap();
    let file = File::open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    check_others(SlowDisk {
        bytes,
        window_bytes,
        windows: AtomicUsize::default(),
        file: Some(file),
    });
}

fn check_others(disk: SlowDisk) {
    let expected = disk.bytes.clone();
    let (running, address) = serve(disk);

    let fetching = thread::spawn(move || fetch(address));
    let mut other = connect(address);
    let mut times = Vec::new();
    while !fetching.is_finished() {
        times.push(ask(&mut other));
    }
    let (body, took) = fetching.join().unwrap();
    assert!(body == expected, "{} bytes, or others", body.len());
    assert!(took >= DELAY * WINDOWS as u32, "it took {took:?}");

    times.sort_unstable();
    let (middle, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!(
        "{} requests in {took:?}: p50 {middle:?}, p99 {p99:?}, longest {:?}",
        times.len(),
        times[times.len() - 1]
    );
    assert!(times.len() > 100, "only {} requests", times.len());
    assert!(p99 < P99_MAX, "p99 is {p99:?}");
    running.handle().stop();
    running.wait().unwrap();
}
