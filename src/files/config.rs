//! What is served from a directory, and how.

use std::path::PathBuf;

use crate::encoding::Coding;

/// Which directory is served, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The directory.
    pub root: PathBuf,
    /// Names of files that answer for the directory they are in, the first one first.
    pub index: Vec<String>,
    /// Whether a directory without such a file is answered with a list of what is in it.
    pub browse: bool,
    /// Whether names that begin with a dot are served.
    pub hidden: bool,
    /// Whether symbolic links may lead out of the directory.
    pub follow_symlinks: bool,
    /// What is looked for, in this order; the answer is 404 if nothing of it is there.
    pub try_files: Vec<Try>,
    /// What is sent with an error, instead of its name.
    pub error_pages: Vec<ErrorPage>,
    /// Values of `Cache-Control`; the first that is for a file counts.
    pub cache_control: Vec<CacheControl>,
    /// Content types by extension (in lower case, without dot), before those that are known.
    pub types: Vec<(String, String)>,
    /// Codings for which a file beside the one that is asked for is looked for, the best first.
    pub precompressed: Vec<Coding>,
    /// Codings in which text is sent that has no such file beside it, the best first.
    pub compress: Vec<Coding>,
    /// Bytes that each worker's cache of files may hold; 0 for no cache.
    pub cache_bytes_max: usize,
    /// Whether the system sends files by itself where it can.
    pub sendfile: bool,
}

/// What is looked for in place of a request's path, as in nginx's `try_files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Try {
    /// A path below the directory, such as `$uri.html`, in which `$uri` stands for the path that
    /// was asked for. One that ends in a slash means a directory: its index, or the list of it.
    Path(String),
    /// The end of the search: this status.
    Status(u16),
}

/// What is sent with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    /// The first status that it is for.
    pub first: u16,
    /// The last status that it is for.
    pub last: u16,
    /// The file; a relative path begins at the directory that is served.
    pub file: PathBuf,
}

/// A value of `Cache-Control`, and for which files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheControl {
    /// For files whose path matches; `None` for all. A pattern with a slash is for the whole path
    /// below the directory, `*` in it does not match a slash, `**` does; one without a slash is for
    /// the last name.
    pub pattern: Option<glob::Pattern>,
    /// The value.
    pub value: String,
}
