//! Answers with files: from a request's path to what is there, at once or by way of a job.
//!
//! What is then said of it is [`super::respond::answer`]'s.

use std::any::Any;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reactor::time::Instant;
use reactor::{ErrorHandler, Handler, Parts, Reply, Request, Status};

use super::asset::Asset;
use super::cache::clock::Cache;
use super::cache::sight::{AtOnce, InJob};
use super::cache::tree::{Found, Look, Tree};
use super::config::Config;
use super::disk::load::{Disk, Loader, Patience, is_exhaustion};
use super::disk::open::Root;
use super::errors::{ErrorPages, status_of};
use super::list_page::ListPage;
use super::path::{FilePath, Refusal};
use super::resolve::{Candidates, Outcome};
use super::respond::answer::Answer;
use super::rules::Rules;
use super::worker::Worker;
use crate::encoding::SpareEncoders;

/// Finds this feature's part of a worker's local value.
pub type Reach = fn(&mut dyn Any) -> Option<&mut Worker>;

/// The handler of a directory's files, and of what is refused beside them.
#[derive(Clone)]
pub struct Handle(Arc<Files>);

/// What a directory's files are answered with.
pub(super) struct Files {
    /// Tells what workers keep for it from what they kept for another.
    id: u64,
    root_path: PathBuf,
    root: Arc<Root>,
    candidates: Candidates,
    browse: bool,
    pub hidden: bool,
    pub loader: Loader,
    pub errors: ErrorPages,
    /// For jobs.
    pub encoders: SpareEncoders,
    pub reach: Reach,
}

/// What a request is answered with: all that the worker lends.
pub(super) type Lent<'a, 'b> = Parts<'a, 'b, Worker>;

/// What can be told of a path at once.
enum Resolved {
    /// What it comes to.
    Now(io::Result<Outcome>),
    /// Nothing; this file was at hand, if it still is there.
    Later(Option<Arc<Asset>>),
}

impl Files {
    /// The answer to a request.
    fn answer(self: &Arc<Files>, lent: &mut Lent<'_, '_>) -> Reply {
        let raw = lent.view.raw_path();
        match self.resolve_at_once(raw, lent) {
            Ok(Resolved::Later(unsure)) => self.answer_later(raw, unsure, lent),
            Ok(Resolved::Now(outcome)) => self.conclude(outcome, lent),
            Err(Refusal::Malformed) => self.fail(Status::BAD_REQUEST, lent),
            Err(_) => self.fail(Status::NOT_FOUND, lent),
        }
    }

    /// What a path comes to as far as that can be told at once.
    fn resolve_at_once(&self, raw: &[u8], lent: &mut Lent<'_, '_>) -> Result<Resolved, Refusal> {
        let worker = &mut *lent.local;
        let path = self.path(raw, &mut worker.path)?;
        let found = self.look(&mut worker.tree, lent.now);
        if found.is_overdue {
            let at_hand = path.and_then(|path| at_hand(&path, found.cache));
            return Ok(Resolved::Later(at_hand));
        }
        let mut sight = AtOnce {
            disk: Disk {
                loader: &self.loader,
                root: found.directory,
                patience: Patience::AtOnce,
                wall: lent.wall,
            },
            cache: found.cache,
            now: lent.now,
            unsure: None,
        };
        Ok(match self.candidates.resolve(path.as_ref(), &mut sight) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Resolved::Later(sight.unsure),
            outcome => Resolved::Now(outcome),
        })
    }

    /// The path of the file that is asked for; `None` if there can be none, but something for an
    /// application.
    #[inline]
    fn path<'b>(
        &self,
        raw: &[u8],
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<FilePath<'b>>, Refusal> {
        match FilePath::parse(raw, self.hidden, buffer) {
            Err(Refusal::Separator) => Ok(None),
            path => path.map(Some),
        }
    }

    /// Has a job look at the disk, which may take its time, and first if `unsure` still is what is
    /// there.
    #[cold]
    fn answer_later(
        self: &Arc<Files>,
        raw: &[u8],
        unsure: Option<Arc<Asset>>,
        lent: &mut Lent<'_, '_>,
    ) -> Reply {
        let (files, raw, wall) = (Arc::clone(self), raw.to_vec(), lent.wall);
        let (asked_at, look) = (lent.now, self.look_later(lent));
        Reply::brief_job(move |_| {
            let root = look();
            let mut sight = InJob {
                disk: files.waiting(&root, wall),
                at_hand: unsure,
            };
            let outcome = files.resolve_waiting(&raw, &mut sight);
            Reply::then(move |request| {
                let Some(mut lent) = request.parts(files.reach) else {
                    return Reply::in_words(Status::INTERNAL_SERVER_ERROR);
                };
                if let Ok(Outcome::Asset(asset)) = &outcome {
                    files.keep(asset, &root, asked_at, &mut lent);
                }
                files.conclude(outcome, &mut lent)
            })
        })
    }

    fn resolve_waiting(&self, raw: &[u8], sight: &mut InJob<'_>) -> io::Result<Outcome> {
        let mut buffer = Vec::new();
        let Ok(path) = self.path(raw, &mut buffer) else {
            return Ok(Outcome::Status(Status::NOT_FOUND.code()));
        };
        self.candidates.resolve(path.as_ref(), sight)
    }

    /// The disk as jobs see it.
    pub(super) fn waiting<'a>(&'a self, root: &'a Root, wall: Duration) -> Disk<'a> {
        Disk {
            loader: &self.loader,
            root,
            patience: Patience::Waits,
            wall,
        }
    }

    /// The root as it is now, and the files of it that the worker has at hand.
    #[inline]
    pub(super) fn look<'a>(&'a self, tree: &'a mut Tree, now: Instant) -> Found<'a> {
        tree.look(self.id, &self.root_path, &self.root, now)
    }

    /// Has a job find out what the root is, if nobody does that already; else it is as it was.
    pub(super) fn look_later(
        &self,
        lent: &mut Lent<'_, '_>,
    ) -> impl FnOnce() -> Arc<Root> + Send + use<> {
        let root = self.root(lent);
        let look = lent.local.tree.ask(&self.root_path, lent.now);
        move || look.map_or(root, Look::run)
    }

    /// Keeps at hand what a job has found below `root` for a request of `asked_at`.
    pub(super) fn keep(
        &self,
        asset: &Arc<Asset>,
        root: &Arc<Root>,
        asked_at: Instant,
        lent: &mut Lent<'_, '_>,
    ) {
        // Meanwhile another directory may have come, or another handler have had its turn.
        let found = self.look(&mut lent.local.tree, lent.now);
        if Arc::ptr_eq(found.directory, root) {
            found.cache.insert(asset, asked_at);
        }
    }

    /// The root as it is now.
    fn root(&self, lent: &mut Lent<'_, '_>) -> Arc<Root> {
        Arc::clone(self.look(&mut lent.local.tree, lent.now).directory)
    }

    /// Answers with what the path came to.
    fn conclude(self: &Arc<Files>, outcome: io::Result<Outcome>, lent: &mut Lent<'_, '_>) -> Reply {
        match outcome {
            Ok(Outcome::Asset(asset)) => {
                let answer = Answer {
                    files: self,
                    asset: &asset,
                };
                let result = answer.reply(lent);
                result.unwrap_or_else(|status| self.fail(status, lent))
            }
            Ok(Outcome::Redirect) => {
                let location = directory_location(lent.view.path(), lent.view.query());
                lent.out.field("Location", location);
                Reply::in_words(Status::MOVED_PERMANENTLY)
            }
            Ok(Outcome::Bare(directory)) if self.browse => self.list(directory, lent),
            // As in nginx: 403 for a directory without an index, 404 where there is none.
            Ok(Outcome::Bare(_)) => self.fail(Status::FORBIDDEN, lent),
            Ok(Outcome::Status(code)) => {
                let status = Status::new(code).unwrap_or(Status::NOT_FOUND);
                self.fail(status, lent)
            }
            Err(error) if is_exhaustion(&error) && lent.local.tree.close_idle() => {
                self.answer(lent)
            }
            Err(error) => self.fail(status_of(&error), lent),
        }
    }

    /// The list of what is in a directory, made by a job.
    fn list(self: &Arc<Files>, directory: Vec<u8>, lent: &mut Lent<'_, '_>) -> Reply {
        let Some(page) = ListPage::asked_for(&lent.view) else {
            return self.fail(Status::FORBIDDEN, lent);
        };
        let (files, root) = (Arc::clone(self), self.root(lent));
        Reply::job(move |out| match page.make(&root, &directory, &files, out) {
            Ok(reply) => reply,
            Err(error) => files.fail_later(status_of(&error)),
        })
    }

    /// Refuses a request from a job.
    fn fail_later(self: Arc<Files>, status: Status) -> Reply {
        Reply::then(move |request| {
            let Some(mut lent) = request.parts(self.reach) else {
                return Reply::in_words(status);
            };
            if status == Status::SERVICE_UNAVAILABLE {
                lent.out.field("Retry-After", "1");
            }
            self.fail(status, &mut lent)
        })
    }

    /// Refuses a request, with a page if there is one.
    pub(super) fn fail(self: &Arc<Files>, status: Status, lent: &mut Lent<'_, '_>) -> Reply {
        let page = self.errors.reply(status, self, lent);
        page.unwrap_or_else(|| Reply::in_words(status))
    }
}

impl Handle {
    /// A handler of the files that `config` states.
    ///
    /// # Errors
    ///
    /// When the directory, or the page for an error, cannot be read.
    pub fn new(config: &Config, reach: Reach) -> io::Result<Handle> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let root = Arc::new(Root::open(&config.root, config.follow_symlinks)?);
        let candidates = Candidates::new(&config.try_files);
        warn_of_missing(&candidates, &root, &config.root);
        Ok(Handle(Arc::new(Files {
            id: COUNT.fetch_add(1, Ordering::Relaxed),
            root_path: config.root.clone(),
            errors: ErrorPages::new(config, &root)?,
            root,
            candidates,
            browse: config.browse,
            hidden: config.hidden,
            loader: Loader::new(Rules::new(config), config.sendfile),
            encoders: SpareEncoders::default(),
            reach,
        })))
    }
}

impl Handler for Handle {
    fn handle(&self, request: &mut Request<'_>) -> Reply {
        match request.parts(self.0.reach) {
            Some(mut lent) => self.0.answer(&mut lent),
            None => Reply::in_words(Status::INTERNAL_SERVER_ERROR),
        }
    }
}

impl ErrorHandler for Handle {
    fn handle(&self, status: Status, request: &mut Request<'_>) -> Option<Reply> {
        let mut lent = request.parts(self.0.reach)?;
        self.0.errors.reply(status, &self.0, &mut lent)
    }
}

/// What is at hand of a path, whether it still is there or not.
fn at_hand(path: &FilePath<'_>, cache: &mut Cache) -> Option<Arc<Asset>> {
    let key = match path.is_directory() {
        true => path.directory_key(),
        false => path.as_bytes(),
    };
    cache.find(key).map(|hit| Arc::clone(hit.asset))
}

/// Says which files are not there yet that are to answer where there is none.
fn warn_of_missing(candidates: &Candidates, root: &Root, root_path: &Path) {
    for file in candidates.files() {
        let mut buffer = Vec::new();
        let is_there = FilePath::from_names(file.as_bytes(), &mut buffer).is_some_and(|path| {
            let opened = root.open_below(path.as_c_str());
            opened.is_ok_and(|opened| opened.metadata.is_file())
        });
        if !is_there {
            let root = root_path.display();
            log::warn!("there is no file {file} in {root}, which is to answer where there is none");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_never_on_another_host() {
        assert_eq!(directory_location("/a/b", ""), "/a/b/");
        assert_eq!(directory_location("/a%20b", "x=1&y"), "/a%20b/?x=1&y");
        assert_eq!(directory_location("//example.com", ""), "/example.com/");
        assert_eq!(directory_location("///a//b", "q"), "/a//b/?q");
    }
}
