//! The answer with a list of what is in a directory, made by a job.

use std::ffi::{CStr, CString};
use std::io::{self, ErrorKind};

use reactor::{FieldName, Reply, ReplyBuffer, RequestView};

use super::disk::open::Root;
use super::handler::Files;
use super::listing::{self, Order, wants_json};
use super::path::FilePath;
use crate::encoding::{Acceptance, Choice};

/// What a request says of the list that it asks for.
pub(super) struct ListPage {
    /// The path of the directory as the request has it.
    path: String,
    order: Order,
    is_json: bool,
    acceptance: Acceptance,
}

impl ListPage {
    /// What `view` asks for; `None` if its path is none of a directory, on which the links of a
    /// list would lead elsewhere.
    pub fn asked_for(view: &RequestView<'_>) -> Option<ListPage> {
        view.path().ends_with('/').then(|| ListPage {
            path: view.path().to_owned(),
            order: Order::parse(view.query()),
            is_json: wants_json(view.values(FieldName::Accept)),
            acceptance: Acceptance::parse(view.values(FieldName::AcceptEncoding)),
        })
    }

    /// Reads the directory and makes the list, in a coding if the client takes one. May wait for a
    /// disk.
    pub fn make(
        &self,
        root: &Root,
        directory: &[u8],
        files: &Files,
        out: &mut ReplyBuffer,
    ) -> io::Result<Reply> {
        let mut buffer = Vec::new();
        let path = FilePath::from_names(directory, &mut buffer).ok_or(ErrorKind::NotFound)?;
        let opened = root.open_below(path.as_c_str())?;
        let target = |name: &CStr| {
            let below = [path.as_bytes(), name.to_bytes()].join(&b'/');
            let below = CString::new(below.strip_prefix(b"/").unwrap_or(&below)).ok()?;
            root.peek(&below).ok()
        };
        let mut listing = listing::read(&opened.file, files.hidden, target)?;
        listing.sort(self.order);
        out.field("Vary", "Accept, Accept-Encoding");
        let (kind, body) = match self.is_json {
            true => ("application/json", listing::json(&listing)),
            false => {
                let policy = listing::CONTENT_SECURITY_POLICY;
                out.field("Content-Security-Policy", policy);
                (
                    "text/html; charset=utf-8",
                    listing::html(&listing, &self.path),
                )
            }
        };
        let Choice::Coding(coding) = self.acceptance.choose(files.loader.codings_of_pages()) else {
            return Ok(Reply::owned(kind, body));
        };
        let mut coded = Vec::new();
        files
            .encoders
            .lend(|encoders| encoders.encode(coding, &body, &mut coded))?;
        out.field("Content-Encoding", coding.as_str());
        Ok(Reply::owned(kind, coded))
    }
}
