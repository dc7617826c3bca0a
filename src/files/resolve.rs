//! Which file answers for a path: tries one candidate after the other.
//!
//! Must not touch the disk: that is for whoever looks.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use super::asset::Asset;
use super::config::Try;
use super::disk::load::Looked;
use super::path::FilePath;

/// What stands for the path that was asked for.
const URI: &str = "$uri";

/// Who says what there is at a path.
pub trait Sight {
    /// What is at `path`.
    fn look(&mut self, path: &FilePath<'_>) -> io::Result<Looked>;

    /// The file that answers for the directory at `path`; `None` if it has none.
    fn look_for_index(&mut self, path: &FilePath<'_>) -> io::Result<Option<Arc<Asset>>>;

    /// Whether there is a directory at `path`.
    fn has_directory(&mut self, path: &FilePath<'_>) -> io::Result<bool>;
}

/// What a path comes to.
#[derive(Debug)]
pub enum Outcome {
    /// This file.
    Asset(Arc<Asset>),
    /// The same path with a slash at its end.
    Redirect,
    /// The directory at this path, which has no index.
    Bare(Vec<u8>),
    /// Nothing; this status.
    Status(u16),
}

/// The candidates, in their order.
#[derive(Debug)]
pub struct Candidates(Vec<Candidate>);

#[derive(Debug)]
enum Candidate {
    /// The path itself, as a file.
    Uri,
    /// The path itself, as a directory.
    UriDirectory,
    /// Another path: texts with the path that was asked for between them; a directory if it ends in
    /// a slash.
    Other { texts: Vec<String> },
    /// The end of the search.
    Status(u16),
}

impl Candidates {
    /// The candidates that `tries` name.
    pub fn new(tries: &[Try]) -> Candidates {
        let candidate = |one: &Try| match one {
            Try::Status(status) => Candidate::Status(*status),
            Try::Path(path) if path == "$uri" => Candidate::Uri,
            Try::Path(path) if path == "$uri/" => Candidate::UriDirectory,
            Try::Path(path) => Candidate::Other {
                texts: path.split(URI).map(str::to_owned).collect(),
            },
        };
        Candidates(tries.iter().map(candidate).collect())
    }

    /// The files that are tried whatever the path is.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|candidate| match candidate {
            Candidate::Other { texts } => match &texts[..] {
                [file] if !file.ends_with('/') => Some(file.as_str()),
                _ => None,
            },
            _ => None,
        })
    }

    /// What `path` comes to; without one, what comes after it does: the page of an application.
    ///
    /// # Errors
    ///
    /// What cannot be told without waiting is `WouldBlock`. That a file may not be read counts only
    /// where nothing else was found; any other error ends the search, as nobody knows then what is
    /// there: a script that cannot be opened just now is no page of an application.
    pub fn resolve(
        &self,
        path: Option<&FilePath<'_>>,
        sight: &mut impl Sight,
    ) -> io::Result<Outcome> {
        let mut bare = None;
        let mut failure = None;
        for candidate in &self.0 {
            match try_one(candidate, path, sight) {
                Ok(Tried::Nothing) => {}
                Ok(Tried::Bare(directory)) => {
                    bare.get_or_insert(directory);
                }
                Ok(Tried::Found(outcome)) => return Ok(outcome),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    failure.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        match (bare, failure) {
            (_, Some(error)) => Err(error),
            (Some(directory), _) => Ok(Outcome::Bare(directory)),
            _ => Ok(Outcome::Status(404)),
        }
    }
}

/// What a candidate came to.
enum Tried {
    Nothing,
    /// A directory without index: something better may follow.
    Bare(Vec<u8>),
    Found(Outcome),
}

fn try_one(
    candidate: &Candidate,
    path: Option<&FilePath<'_>>,
    sight: &mut impl Sight,
) -> io::Result<Tried> {
    match (candidate, path) {
        (Candidate::Status(status), _) => Ok(Tried::Found(Outcome::Status(*status))),
        (Candidate::Uri, Some(path)) if !path.is_directory() => try_file(path, sight),
        (Candidate::UriDirectory, Some(path)) if path.is_directory() => try_directory(path, sight),
        (Candidate::UriDirectory, Some(path)) => Ok(match sight.has_directory(path)? {
            true => Tried::Found(Outcome::Redirect),
            false => Tried::Nothing,
        }),
        (Candidate::Uri | Candidate::UriDirectory, _) => Ok(Tried::Nothing),
        (Candidate::Other { texts }, _) => try_other(texts, path, sight),
    }
}

fn try_other(
    texts: &[String],
    path: Option<&FilePath<'_>>,
    sight: &mut impl Sight,
) -> io::Result<Tried> {
    let uri = match path {
        // The path of a directory ends in a slash: nothing can be put behind it.
        Some(path) if !path.is_directory() => [b"/", path.as_bytes()].concat(),
        _ if texts.len() > 1 => return Ok(Tried::Nothing),
        _ => Vec::new(),
    };
    let pieces: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
    let joined = pieces.join(&uri[..]);
    let mut buffer = Vec::new();
    match FilePath::from_names(&joined, &mut buffer) {
        None => Ok(Tried::Nothing),
        Some(other) if other.is_directory() => try_directory(&other, sight),
        Some(other) => try_file(&other, sight),
    }
}

fn try_file(path: &FilePath<'_>, sight: &mut impl Sight) -> io::Result<Tried> {
    Ok(match sight.look(path)? {
        Looked::File(asset) => Tried::Found(Outcome::Asset(asset)),
        Looked::Directory | Looked::Nothing => Tried::Nothing,
    })
}

fn try_directory(path: &FilePath<'_>, sight: &mut impl Sight) -> io::Result<Tried> {
    if let Some(asset) = sight.look_for_index(path)? {
        return Ok(Tried::Found(Outcome::Asset(asset)));
    }
    Ok(match sight.has_directory(path)? {
        true => Tried::Bare(path.as_bytes().to_vec()),
        false => Tried::Nothing,
    })
}

#[cfg(test)]
mod tests;
