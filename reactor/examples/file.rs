//! A file, whole or from one byte to another. It is read as the client takes it; what is not in
//! memory is read by jobs, so the event loop never waits for a disk.
//!
//! `cargo run --release -p reactor --example file -- large.iso`, then
//! `curl -O localhost:8080/file` and `curl -r 1000-1999 localhost:8080/file | wc -c`

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use reactor::sys::{OpenFile, Residence};
use reactor::{FieldName, FileBody, ReadAt, Reply, Request, Route, Server, Site, Status};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("which file?")?;
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let residence = Residence::of(&file);
    let file: Arc<dyn ReadAt> = Arc::new(OpenFile::new(file, residence));
    let route = Route::get("/file", move |request: &mut Request<'_>| {
        let wanted = request.field(FieldName::Range);
        let wanted = wanted.and_then(|value| part(value, length));
        request.out().field("Accept-Ranges", "bytes");
        if let Some(Range { start, end }) = &wanted {
            let value = format!("bytes {start}-{}/{length}", end - 1);
            request.out().field("Content-Range", value);
        }
        let status = match &wanted {
            Some(_) => Status::PARTIAL_CONTENT,
            None => Status::OK,
        };
        let body = FileBody::new(Arc::clone(&file), wanted.unwrap_or(0..length));
        Reply::file("application/octet-stream", body).with_status(status)
    });
    let site = Site::builder().route(route).build()?;
    Server::new(site).listen("127.0.0.1:8080".parse()?).run()?;
    Ok(())
}

/// What `bytes=first-last` or `bytes=first-` asks for; all else is answered with the whole file.
fn part(value: &[u8], length: u64) -> Option<Range<u64>> {
    let value = std::str::from_utf8(value).ok()?;
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    let start = first.parse().ok()?;
    let end = match last {
        "" => length,
        last => last.parse::<u64>().ok()?.checked_add(1)?.min(length),
    };
    (start < end).then_some(start..end)
}
