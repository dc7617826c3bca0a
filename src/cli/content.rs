//! What is served, on the command line: the flags, and what they come to together.
//!
//! Must not look at any file.

// The texts are for terminals: what looks like a link in them is an address.
#![allow(rustdoc::broken_intra_doc_links)]

use std::path::PathBuf;

use clap::Args;

use super::environment::Sources;
use super::values::content::{self as values, Codings, Mime, TryFiles};
use super::values::switch;
use crate::files::{CacheControl, Config, ErrorPage, Try};
use crate::middleware::HeaderField;

/// Flags that say how a directory is served, by id and as they are written.
const NEEDS_DIRECTORY: [(&str, &str); 14] = [
    ("index", "--index FILES"),
    ("browse", "--browse"),
    ("hidden", "--hidden"),
    ("follow_symlinks", "--follow-symlinks"),
    ("spa", "--spa"),
    ("fallback", "--fallback FILE"),
    ("try_files", "--try-files LIST"),
    ("error_page", "--error-page STATUS=FILE"),
    ("cache_control", "--cache-control VALUE"),
    ("mime", "--mime TYPE=EXT"),
    ("precompressed", "--precompressed LIST"),
    ("compress", "--compress LIST"),
    ("file_cache", "--file-cache SIZE"),
    ("sendfile", "--sendfile SWITCH"),
];

/// What is served.
#[derive(Args, Debug)]
#[command(next_help_heading = "What is served")]
pub struct Content {
    /// Directory to serve; without one, the demo site [env: TIDEGATE_ROOT]
    ///
    /// Files are served to GET and HEAD. Names that begin with a dot are not, except below
    /// /.well-known/ (see --hidden); nothing outside of the directory is, however the path is
    /// written, nor through a symbolic link that leads out of it or is absolute (see
    /// --follow-symlinks). A directory that takes the place of this one is served within a second.
    #[arg(value_name = "ROOT", conflicts_with = "root", help_heading = None::<&str>)]
    pub directory: Option<PathBuf>,
    /// The same as ROOT
    #[arg(short, long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Serve the demo routes beside the directory
    ///
    /// /ping, /plaintext, /json, /echo, /users/{id} and /events go before files of the same name.
    /// Without a directory they are served anyway, with a page on / that shows them.
    #[arg(long)]
    pub demo: bool,
    /// Files to look for in a directory, first one first
    ///
    /// A request for a directory is answered with the first of these files that is in it, else with
    /// a list if --browse is given, else with 403.
    #[arg(
        long,
        value_name = "FILES",
        default_value = "index.html",
        value_delimiter = ','
    )]
    #[arg(value_parser = values::index_name)]
    pub index: Vec<String>,
    /// List what is in a directory that has no index file
    ///
    /// As a page, or as JSON for clients that prefer application/json. What is not served is not
    /// listed.
    #[arg(long)]
    pub browse: bool,
    /// Serve names that begin with a dot, too
    ///
    /// Such names are often of files that were never meant for others: .env, .git, .htpasswd.
    #[arg(long)]
    pub hidden: bool,
    /// Follow symbolic links that lead out of the directory
    ///
    /// Those that stay inside are followed anyway. Whoever may make a link in the directory then
    /// decides what of the machine is served.
    #[arg(long)]
    pub follow_symlinks: bool,
    /// Answer with index.html where there is no file
    ///
    /// For single-page applications, which make their pages in the browser. Short for
    /// --fallback index.html.
    #[arg(long, conflicts_with_all = ["fallback", "try_files"])]
    pub spa: bool,
    /// File to answer with where there is none
    ///
    /// Its path is below the directory, and the status is 200. --error-page sends a file with 404.
    #[arg(long, value_name = "FILE", value_parser = values::fallback)]
    #[arg(conflicts_with = "try_files")]
    pub fallback: Option<String>,
    /// What to look for, first one first [default: '$uri $uri/']
    ///
    /// Paths below the directory with spaces or commas between them, in single quotes:
    /// '$uri $uri.html $uri/ /index.html =404'. $uri is the path that was asked for, a slash at the
    /// end means a directory, and =404 or another status from 400 to 599 is the answer when nothing
    /// was found; 404 if none is given.
    #[arg(long, value_name = "LIST", value_parser = values::try_files)]
    pub try_files: Option<TryFiles>,
    /// File to send with an error, repeatable
    ///
    /// 404=404.html, 500-504=x.html, 5xx=50x.html; the first that is for the status counts. A
    /// relative path begins at the directory that is served. What could not be read as a request,
    /// and what ends the connection, is said in a line of text.
    #[arg(long, value_name = "STATUS=FILE", value_parser = values::error_page)]
    pub error_page: Vec<ErrorPage>,
    /// Value of Cache-Control for all files, or those that match, repeatable
    ///
    /// max-age=60, or behind a pattern that begins with / or *: '*.css=max-age=3600',
    /// '/assets/**=public, max-age=31536000, immutable'. One with a slash is for the whole path, *
    /// in it does not match a slash, ** does; one without is for the name. The first that is for a
    /// file counts.
    #[arg(long, value_name = "[GLOB=]VALUE", value_parser = values::cache_control)]
    pub cache_control: Vec<CacheControl>,
    /// Header field that every answer has, repeatable
    ///
    /// 'X-Frame-Options: DENY'. In the place of what the answer itself has of that name, but Vary,
    /// which is added to it; errors and the demo's answers have it too, unless they are for what
    /// could not be read as a request.
    #[arg(long, value_name = "NAME: VALUE", value_parser = values::header)]
    pub header: Vec<HeaderField>,
    /// Content type by the extension of files, repeatable
    ///
    /// text/x-log=log,trace, or with a parameter: 'text/plain; charset=latin1=txt'. Goes before the
    /// types that are known.
    #[arg(long, value_name = "TYPE=EXT[,EXT...]", value_parser = values::mime)]
    pub mime: Vec<Mime>,
    /// Codings of files to look for beside the one asked for, or off
    ///
    /// The best first: style.css.br beside style.css is sent in its place to clients that take br,
    /// and so are .zst for zstd and .gz for gzip.
    #[arg(long, value_name = "LIST", default_value = "br,zstd,gzip")]
    #[arg(value_parser = values::codings)]
    pub precompressed: Codings,
    /// Codings to send text in, or off
    ///
    /// The best first: text that has no such file beside it is sent in one that the client takes.
    #[arg(long, value_name = "LIST", default_value = "zstd,br,gzip")]
    #[arg(value_parser = values::codings)]
    pub compress: Codings,
    /// Memory of each worker's cache of files, in bytes, or off
    ///
    /// Small files that are often asked for are sent from there.
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = values::file_cache)]
    pub file_cache: usize,
    /// Whether the system sends large files by itself: on or off [default: on]
    ///
    /// Without TLS that halves what they cost. A file that is cut short or written over in place,
    /// not replaced, then changes under the clients that it is being sent to, also in what counts
    /// as sent already. With off files are copied, and what was sent stays as it was.
    #[arg(long, value_name = "SWITCH", value_parser = switch)]
    pub sendfile: Option<bool>,
}

/// What the flags come to.
pub struct Served {
    /// The directory.
    pub files: Option<Config>,
    /// Whether there are the demo routes.
    pub demo: bool,
    /// What every answer has.
    pub headers: Vec<HeaderField>,
}

/// What is served, and how.
///
/// # Errors
///
/// When flags need a directory and there is none, or one of them makes another mean nothing.
pub fn settle(flags: Content, sources: &Sources<'_>) -> Result<Served, String> {
    let root = flags.directory.or(flags.root);
    let Some(root) = root.or_else(|| sources.path("TIDEGATE_ROOT")) else {
        let mut needy = NEEDS_DIRECTORY.iter();
        return match needy.find(|(id, _)| sources.is_given(id)) {
            Some((_, usage)) => Err(needs_directory(usage)),
            None => Ok(Served {
                files: None,
                demo: true,
                headers: flags.header,
            }),
        };
    };
    Ok(Served {
        files: Some(Config {
            root,
            index: flags.index,
            browse: flags.browse,
            hidden: flags.hidden,
            follow_symlinks: flags.follow_symlinks,
            try_files: try_files(flags.spa, flags.fallback, flags.try_files),
            error_pages: error_pages(flags.error_page)?,
            cache_control: cache_control(flags.cache_control)?,
            types: types(flags.mime)?,
            precompressed: flags.precompressed.0,
            compress: flags.compress.0,
            cache_bytes_max: flags.file_cache,
            sendfile: flags.sendfile.unwrap_or(true),
        }),
        demo: flags.demo,
        headers: flags.header,
    })
}

fn needs_directory(usage: &str) -> String {
    let flag = usage.split(' ').next().unwrap_or(usage);
    format!("{flag} needs a directory to serve: tidegate DIR {usage}")
}

/// What is looked for: the path itself, as a file or a directory, unless something else was said.
fn try_files(spa: bool, fallback: Option<String>, list: Option<TryFiles>) -> Vec<Try> {
    let fallback = fallback.or(spa.then(|| "/index.html".to_owned()));
    list.map_or_else(
        || {
            let own = ["$uri".to_owned(), "$uri/".to_owned()];
            own.into_iter().chain(fallback).map(Try::Path).collect()
        },
        |TryFiles(list)| list,
    )
}

/// Refuses pages that would never be sent.
fn error_pages(pages: Vec<ErrorPage>) -> Result<Vec<ErrorPage>, String> {
    for (at, page) in pages.iter().enumerate() {
        let covers = |before: &ErrorPage| before.first <= page.first && page.last <= before.last;
        if let Some(before) = pages[..at].iter().find(|before| covers(before)) {
            return Err(format!(
                "invalid --error-page: {} is never sent, {} before it is for the same",
                page.file.display(),
                before.file.display()
            ));
        }
    }
    Ok(pages)
}

/// Refuses values that would never be used.
fn cache_control(values: Vec<CacheControl>) -> Result<Vec<CacheControl>, String> {
    for (at, own) in values.iter().enumerate() {
        let covers =
            |before: &CacheControl| before.pattern.is_none() || before.pattern == own.pattern;
        if let Some(before) = values[..at].iter().find(|before| covers(before)) {
            return Err(format!(
                "invalid --cache-control: '{}' is never used, '{}' before it is for the same files",
                own.value, before.value
            ));
        }
    }
    Ok(values)
}

/// Types by extension; an extension that has two is refused.
fn types(flags: Vec<Mime>) -> Result<Vec<(String, String)>, String> {
    let mut types: Vec<(String, String)> = Vec::new();
    for mime in flags {
        for extension in mime.extensions {
            if types.iter().any(|(known, _)| *known == extension) {
                return Err(format!("invalid --mime: {extension} is given twice"));
            }
            types.push((extension, mime.content_type.clone()));
        }
    }
    Ok(types)
}
