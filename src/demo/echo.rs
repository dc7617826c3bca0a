//! `POST /echo`: the body comes back as it arrives, however long it is.

use reactor::{FieldName, Incoming, Progress, Pull, Reply, Request, Status, Stream};

/// Answers with the request's body and its content type.
pub fn handle(request: &mut Request<'_>) -> Reply {
    let view = request.view();
    let content_type = view
        .field(FieldName::ContentType)
        .unwrap_or(b"application/octet-stream");
    request.out().field("Content-Type", content_type);
    // What somebody else's page makes a browser send here must not come back as a page of ours.
    request.out().field("X-Content-Type-Options", "nosniff");
    match length(
        view.field(FieldName::ContentLength),
        view.field(FieldName::TransferEncoding),
    ) {
        Some(0) => Reply::status(Status::OK),
        Some(length) => Reply::stream("", Echo)
            .without_content_type()
            .with_length(length),
        None => Reply::stream("", Echo).without_content_type(),
    }
}

/// The length of a body, if the head tells; without either field there is no body (RFC 9112 section
/// 6.3).
fn length(content_length: Option<&[u8]>, transfer_encoding: Option<&[u8]>) -> Option<u64> {
    match (content_length, transfer_encoding) {
        (None, None) => Some(0),
        (Some(length), None) => std::str::from_utf8(length).ok()?.parse().ok(),
        (_, Some(_)) => None,
    }
}

struct Echo;

impl Stream for Echo {
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress {
        loop {
            let count = match io.body.peek() {
                Incoming::Data(bytes) => io.out.write(bytes),
                Incoming::Later => return Progress::Later,
                Incoming::End => return Progress::End,
            };
            if count == 0 {
                return Progress::More;
            }
            io.body.consume(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_told_where_it_is_known() {
        assert_eq!(length(None, None), Some(0));
        assert_eq!(length(Some(b"12"), None), Some(12));
        assert_eq!(length(None, Some(b"chunked")), None);
    }
}
