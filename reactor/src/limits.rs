//! Every bound of the engine, with its default, its unit and the reason for it.

use std::time::Duration;

/// Bounds on what one client, one worker and the process may use, and the deadlines of a
/// connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of a request head, request line and all header fields together; beyond it 431.
    /// 16 KiB holds the largest cookies that browsers send; at most 65,535, for ranges into a head
    /// are 16 bits wide.
    pub head_bytes_max: usize,
    /// Bytes of a request target; beyond it 414. RFC 9112 section 3 recommends at least 8,000.
    pub target_bytes_max: usize,
    /// Header fields of a request; beyond it 431. Browsers send 10 to 30, proxies add a few.
    pub fields_max: usize,
    /// Bytes of a request body; beyond it 413. 10 MiB takes photographs and forms, not films.
    pub body_bytes_max: u64,
    /// Bytes of a chunk's size line with its extensions; nobody uses extensions but attackers.
    pub chunk_line_bytes_max: usize,
    /// Bytes of a chunked body's trailer section.
    pub trailer_bytes_max: usize,
    /// Requests answered on one connection before it is closed, so that no client keeps its place
    /// for ever; 0 means no bound.
    pub requests_max: u32,
    /// Connections of the whole process; the next one is told 503 and closed.
    pub connections_max: usize,
    /// Connections from one client address (an IPv6 /64 counts as one); 0 means no bound.
    pub connections_per_address_max: usize,
    /// Bytes of the block pool of one worker: what all its clients together can make it buffer.
    pub pool_bytes_max: usize,
    /// Bytes of request bodies that one worker collects for handlers that want them whole.
    pub collected_bytes_max: usize,
    /// Bytes waiting in one direction of one exchange, and in the output of one connection, before
    /// whoever fills it has to wait. Three blocks leave in one piece of the 64 KiB that systems cut
    /// into packets late or never; with four, framing makes that two pieces, which at
    /// least doubled the cost of a 1 MiB file over loopback.
    pub pipe_bytes_max: usize,
    /// Threads of the job pool; jobs may block, so there are more of them than cores. A quarter of
    /// them is for brief jobs alone, such as reads of files.
    pub job_threads: usize,
    /// Jobs waiting for a thread; the next one is answered with 503. As many brief ones may wait
    /// beside them: the next one is answered with 503, too, but for a read of a file that is being
    /// sent, which cuts its response.
    pub jobs_max: usize,
    /// First byte of a head to its end, in all: a client has this long whatever it drips.
    pub header_timeout: Duration,
    /// Connection to the end of its TLS handshake, in all.
    pub handshake_timeout: Duration,
    /// Longest time without a byte of the body.
    pub body_timeout: Duration,
    /// Longest time in which a client takes no byte of its response.
    pub write_timeout: Duration,
    /// Longest time between two requests; 75 seconds is what nginx has and browsers expect.
    pub idle_timeout: Duration,
    /// End of the request, with its body where that is collected, to the first byte of the
    /// response: how long a job may take. So long may one also take to read a piece of a file.
    pub request_timeout: Duration,
    /// Bytes a second that a head must arrive at after its first second.
    pub head_rate_min: u32,
    /// Bytes a second that a body must arrive at, over its whole time, after the first
    /// `body_timeout`.
    pub body_rate_min: u32,
    /// Bytes of an unread request body that are read and thrown away to keep the connection.
    pub skip_bytes_max: u64,
    /// Bytes that are read and thrown away while a connection lingers: more than `body_bytes_max`,
    /// so that who sends a body that is refused gets to read why, if that takes half a minute at
    /// most.
    pub linger_bytes_max: u64,
    /// Time that a connection lingers in which nothing comes in: its answer is sent and its write
    /// side shut, but the client may still be sending, and closing now would reset the connection
    /// before the answer is read.
    pub linger_timeout: Duration,
    /// Time that connections idle at the start of a drain stay open, for requests already on their
    /// way.
    pub drain_grace: Duration,
    /// Time after which a drain is over, finished or not.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_bytes_max: 16 << 10,
            target_bytes_max: 8 << 10,
            fields_max: 100,
            body_bytes_max: 10 << 20,
            chunk_line_bytes_max: 256,
            trailer_bytes_max: 4 << 10,
            requests_max: 10_000,
            connections_max: 65_536,
            connections_per_address_max: 0,
            pool_bytes_max: 256 << 20,
            collected_bytes_max: 256 << 20,
            pipe_bytes_max: 48 << 10,
            job_threads: 16,
            jobs_max: 10_000,
            header_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            request_timeout: Duration::from_secs(30),
            head_rate_min: 64,
            body_rate_min: 128,
            skip_bytes_max: 64 << 10,
            linger_bytes_max: 16 << 20,
            linger_timeout: Duration::from_secs(5),
            drain_grace: Duration::from_secs(1),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}
