//! The answer with a list of what is in a directory, made by a job.

use std::ffi::{CStr, CString};
use std::io::{self, ErrorKind};

use reactor::{FieldName, Reply, ReplyBuffer, RequestView};

use super::disk::open::Root;
use super::handler::Files;
use super::list_body::{LISTS, ListBody, PIECE_BYTES, Share};
use super::listing::{self, Order, Wanted, wants_json};
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
    ///
    /// # Errors
    ///
    /// The directory cannot be read, or `QuotaExceeded`: all lists together would hold too much.
    pub fn make(
        &self,
        root: &Root,
        directory: &[u8],
        files: &Files,
        out: &mut ReplyBuffer,
    ) -> io::Result<Reply> {
        let mut body = self.body(root, directory, files.hidden)?;
        let choice = self.acceptance.choose(files.loader.codings_of_pages());
        if let Choice::Coding(coding) = choice {
            body = body.coded(coding, &files.encoders)?;
            out.field("Content-Encoding", coding.as_str());
        }
        // Nothing can fail any more: an error has none of these fields.
        out.field("Vary", "Accept, Accept-Encoding");
        if self.is_json {
            return Ok(body.into_reply("application/json"));
        }
        out.field("Content-Security-Policy", listing::CONTENT_SECURITY_POLICY);
        Ok(body.into_reply("text/html; charset=utf-8"))
    }

    /// The list, not coded.
    fn body(&self, root: &Root, directory: &[u8], hidden: bool) -> io::Result<ListBody> {
        let mut buffer = Vec::new();
        let path = FilePath::from_names(directory, &mut buffer).ok_or(ErrorKind::NotFound)?;
        let opened = root.open_below(path.as_c_str())?;
        let target = |name: &CStr| {
            let below = [path.as_bytes(), name.to_bytes()].join(&b'/');
            let below = CString::new(below.strip_prefix(b"/").unwrap_or(&below)).ok()?;
            root.peek(&below).ok()
        };
        let wanted = Wanted {
            hidden,
            order: self.order,
            extent: listing::EXTENT,
        };
        // Held until the entries are written.
        let mut entries = Share::new(&LISTS);
        let hold = |bytes: usize| entries.hold(bytes.saturating_sub(PIECE_BYTES));
        let listing = listing::read(&opened.file, wanted, target, hold)?;
        let mut body = ListBody::new(&LISTS);
        match self.is_json {
            true => listing::json(&listing, &mut body)?,
            false => listing::html(&listing, &self.path, &mut body)?,
        }
        Ok(body)
    }
}
