//! What is said instead of a file: a page of the site's own, or the status in words.

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use reactor::{Reply, Status};
use rustix::io::Errno;

use super::asset::Asset;
use super::cache::sight::AtOnce;
use super::config::{Config, ErrorPage};
use super::disk::load::{Disk, Looked, Patience, is_absence};
use super::disk::open::Root;
use super::handler::{Files, Lent};
use super::path::FilePath;
use super::resolve::Sight;
use super::respond::answer::content_reply;

/// The pages, the first one that is for a status counts.
#[derive(Debug)]
pub struct ErrorPages(Vec<Page>);

#[derive(Debug)]
struct Page {
    first: u16,
    last: u16,
    /// The top of the system, for one that is named by its whole path; `None` for one that is in
    /// the directory that is served.
    root: Option<Arc<Root>>,
    /// Its path below that.
    path: Vec<u8>,
}

impl ErrorPages {
    /// The pages that `config` names; relative ones are below `root`.
    ///
    /// # Errors
    ///
    /// One of them is no file that can be read.
    pub fn new(config: &Config, root: &Arc<Root>) -> io::Result<ErrorPages> {
        let pages = config.error_pages.iter().map(|page| {
            Page::new(page, root).map_err(|error| {
                let (file, kind) = (page.file.display(), error.kind());
                let hint = hint(page, root);
                io::Error::new(kind, format!("the error page {file}: {error}{hint}"))
            })
        });
        pages.collect::<io::Result<_>>().map(ErrorPages)
    }

    /// Refuses a request with `status`, if there is a page for that.
    pub(super) fn reply(
        &self,
        status: Status,
        files: &Arc<Files>,
        lent: &mut Lent<'_, '_>,
    ) -> Option<Reply> {
        let page = self.page_for(status)?;
        Some(page.reply(status, files, lent))
    }

    fn page_for(&self, status: Status) -> Option<&Page> {
        let code = status.code();
        let is_for = |page: &&Page| (page.first..=page.last).contains(&code);
        self.0.iter().find(is_for)
    }
}

impl Page {
    fn new(page: &ErrorPage, root: &Arc<Root>) -> io::Result<Page> {
        let (own, path) = match page.file.is_absolute() {
            false => (None, page.file.clone()),
            // Whoever names a file by its whole path means whatever is there, each time.
            true => {
                let top = Root::open(Path::new("/"), true)?;
                (Some(Arc::new(top)), without_climbing(&page.file)?)
            }
        };
        let made = Page {
            first: page.first,
            last: page.last,
            root: own,
            path: path.into_os_string().into_vec(),
        };
        let mut buffer = Vec::new();
        let path = FilePath::from_names(&made.path, &mut buffer)
            .ok_or_else(|| io::Error::other("it leads out of the directory, or is too long"))?;
        let root = made.root.as_ref().unwrap_or(root);
        let opened = root.open_below(path.as_c_str())?;
        match opened.metadata.is_file() {
            true => Ok(made),
            false => Err(io::Error::other("it is not a regular file")),
        }
    }

    fn reply(&self, status: Status, files: &Arc<Files>, lent: &mut Lent<'_, '_>) -> Reply {
        let found = files.look(&mut lent.local.tree, lent.now);
        if found.is_overdue && self.root.is_none() {
            return self.reply_later(status, files, lent);
        }
        let root = Arc::clone(self.root.as_ref().unwrap_or(found.directory));
        let mut disk = Disk {
            loader: &files.loader,
            root: &root,
            patience: Patience::AtOnce,
            wall: lent.wall,
        };
        let looked = match self.root {
            Some(_) => look(&self.path, &mut disk),
            None => look(
                &self.path,
                &mut AtOnce {
                    disk,
                    cache: found.cache,
                    now: lent.now,
                    unsure: None,
                },
            ),
        };
        match looked {
            Ok(Some(asset)) => page_reply(&asset, status, lent.out),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.reply_later(status, files, lent)
            }
            _ => Reply::in_words(status),
        }
    }

    /// Has a job look for the page, which may wait for a disk.
    #[cold]
    fn reply_later(&self, status: Status, files: &Arc<Files>, lent: &mut Lent<'_, '_>) -> Reply {
        let (wall, asked_at) = (lent.wall, lent.now);
        let is_below = self.root.is_none();
        let root: Box<dyn FnOnce() -> Arc<Root> + Send> = match self.root.clone() {
            Some(own) => Box::new(move || own),
            None => Box::new(files.look_later(lent)),
        };
        let (files, path) = (Arc::clone(files), self.path.clone());
        Reply::brief_job(move |_| {
            let root = root();
            let looked = look(&path, &mut files.waiting(&root, wall));
            Reply::then(move |request| {
                let (Ok(Some(asset)), Some(mut lent)) = (looked, request.parts(files.reach)) else {
                    return Reply::in_words(status);
                };
                if is_below {
                    files.keep(&asset, &root, asked_at, &mut lent);
                }
                page_reply(&asset, status, lent.out)
            })
        })
    }
}

/// What may have been meant by a page that cannot be had: elsewhere a slash at the beginning stands
/// for the directory that is served.
fn hint(page: &ErrorPage, root: &Arc<Root>) -> String {
    let Ok(below) = page.file.strip_prefix("/") else {
        return String::new();
    };
    let meant = ErrorPage {
        file: below.to_owned(),
        ..page.clone()
    };
    match Page::new(&meant, root) {
        Ok(_) => format!("; for the one in the directory write {}", below.display()),
        Err(_) => String::new(),
    }
}

/// The same path without `..` in it: what those lead to is looked up once.
fn without_climbing(path: &Path) -> io::Result<PathBuf> {
    let names: Vec<Component<'_>> = path.components().collect();
    let climbs = |name: &Component<'_>| *name == Component::ParentDir;
    let Some(last) = names.iter().rposition(climbs) else {
        return Ok(names.iter().collect());
    };
    let (above, below) = names.split_at(last + 1);
    let above = above.iter().collect::<PathBuf>().canonicalize()?;
    Ok(above.join(below.iter().collect::<PathBuf>()))
}

fn look(path: &[u8], sight: &mut impl Sight) -> io::Result<Option<Arc<Asset>>> {
    let mut buffer = Vec::new();
    let Some(path) = FilePath::from_names(path, &mut buffer) else {
        return Ok(None);
    };
    Ok(match sight.look(&path)? {
        Looked::File(asset) => Some(asset),
        Looked::Directory | Looked::Nothing => None,
    })
}

/// A page with its type and nothing that would let others keep it for the file's.
fn page_reply(asset: &Asset, status: Status, out: &mut reactor::ReplyBuffer) -> Reply {
    out.field("Content-Type", &asset.traits.content_type);
    content_reply(&asset.identity.content).with_status(status)
}

/// The status that an error of the system comes to; what is the server's fault is logged.
pub fn status_of(error: &io::Error) -> Status {
    if is_absence(error) {
        return Status::NOT_FOUND;
    }
    // The bound is there to be met, and says so to the client.
    if error.kind() == ErrorKind::QuotaExceeded {
        return Status::SERVICE_UNAVAILABLE;
    }
    match Errno::from_io_error(error) {
        Some(Errno::ACCESS | Errno::PERM) => Status::FORBIDDEN,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS | Errno::AGAIN) => {
            log::error!("cannot open a file: {error}");
            Status::SERVICE_UNAVAILABLE
        }
        _ => {
            log::error!("cannot read a file: {error}");
            Status::INTERNAL_SERVER_ERROR
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::testing::TempDir;

    /// The pages of these statuses and files, in a directory that has `404.html` and `sub`.
    fn pages(pages: &[(u16, u16, PathBuf)]) -> io::Result<ErrorPages> {
        let dir = TempDir::new();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("404.html"), "missing").unwrap();
        std::fs::write(dir.path().join("sub/5xx.html"), "broken").unwrap();
        let page = |(first, last, file): &(u16, u16, PathBuf)| ErrorPage {
            first: *first,
            last: *last,
            file: match file.starts_with("ROOT") {
                true => dir.path().join(file.strip_prefix("ROOT").unwrap()),
                false => file.clone(),
            },
        };
        let config = Config {
            error_pages: pages.iter().map(page).collect(),
            ..sample::config(dir.path())
        };
        ErrorPages::new(&config, &Arc::new(Root::open(dir.path(), false).unwrap()))
    }

    #[test]
    fn the_first_page_that_is_for_a_status_counts() {
        let pages = pages(&[
            (404, 404, "404.html".into()),
            (500, 599, "sub/5xx.html".into()),
            (400, 599, "ROOT/404.html".into()),
        ])
        .unwrap();
        let path = |code| {
            let page = pages.page_for(Status::new(code).unwrap())?;
            Some((
                String::from_utf8_lossy(&page.path).into_owned(),
                page.root.is_some(),
            ))
        };
        let relative = |path: &str| Some((path.to_owned(), false));
        assert_eq!(path(404), relative("404.html"));
        assert_eq!(path(500), relative("sub/5xx.html"));
        assert_eq!(path(599), relative("sub/5xx.html"));
        for code in [400, 403, 405, 499] {
            let (path, is_absolute) = path(code).unwrap();
            assert!(is_absolute && path.starts_with('/') && path.ends_with("/404.html"));
        }
        for code in [301, 399] {
            assert_eq!(path(code), None, "{code}");
        }
    }

    #[test]
    fn what_is_no_page_is_named_before_anything_is_served() {
        for file in [
            "missing.html",
            "sub",
            "../secret",
            "/",
            "ROOT/missing",
            "ROOT/sub",
            "",
        ] {
            let error = pages(&[(404, 404, file.into())]).unwrap_err();
            let text = error.to_string();
            let name = file.strip_prefix("ROOT").unwrap_or(file);
            assert!(
                text.starts_with("the error page ") && text.contains(name),
                "{text}"
            );
        }
    }

    #[test]
    fn a_page_that_was_meant_otherwise_is_told_how() {
        for (file, said) in [
            (
                "/404.html",
                "the error page /404.html: No such file or directory (os error 2); for the one in \
                 the directory write 404.html",
            ),
            (
                "/none.html",
                "the error page /none.html: No such file or directory (os error 2)",
            ),
            (
                "../404.html",
                "the error page ../404.html: it leads out of the directory, or is too long",
            ),
        ] {
            let error = pages(&[(404, 404, file.into())]).unwrap_err();
            assert_eq!(error.to_string(), said);
        }
    }

    #[test]
    fn a_path_climbs_once() {
        let dir = TempDir::new();
        let folder = dir.path().canonicalize().unwrap();
        std::fs::create_dir(folder.join("sub")).unwrap();
        std::os::unix::fs::symlink("sub", folder.join("link")).unwrap();
        for (path, expected) in [
            ("sub/page", "sub/page"),
            ("./sub//./page", "sub/page"),
            ("link/page", "link/page"),
            ("sub/../link/page", "link/page"),
            ("link/../sub/../page", "page"),
        ] {
            let found = without_climbing(&folder.join(path)).unwrap();
            assert_eq!(found, folder.join(expected), "{path}");
        }
        assert!(without_climbing(&folder.join("none/../page")).is_err());
    }

    #[test]
    fn an_error_of_the_system_is_a_status() {
        for (errno, status) in [
            (Errno::NOENT, 404),
            (Errno::NOTDIR, 404),
            (Errno::XDEV, 404),
            (Errno::LOOP, 404),
            (Errno::NAMETOOLONG, 404),
            (Errno::ACCESS, 403),
            (Errno::PERM, 403),
            (Errno::MFILE, 503),
            (Errno::NFILE, 503),
            (Errno::NOMEM, 503),
            (Errno::AGAIN, 503),
            (Errno::IO, 500),
        ] {
            assert_eq!(status_of(&errno.into()).code(), status, "{errno:?}");
        }
        assert_eq!(status_of(&io::Error::other("ours")).code(), 500);
        assert_eq!(status_of(&ErrorKind::QuotaExceeded.into()).code(), 503);
    }
}
