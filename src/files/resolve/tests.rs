//! Which file answers, over a disk that is a table.

use std::collections::HashMap;

use super::super::sample;
use super::*;

/// What is where; what is not in the table is not there. The index of a directory is at its path
/// with a slash.
struct Table {
    there: HashMap<&'static str, There>,
    /// What was looked for.
    asked: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    File,
    Directory,
    Refused,
    Cold,
    Broken,
}

impl Table {
    fn new(there: &[(&'static str, There)]) -> Table {
        Table {
            there: there.iter().copied().collect(),
            asked: Vec::new(),
        }
    }

    fn find(&mut self, path: &str) -> io::Result<Option<There>> {
        self.asked.push(path.to_owned());
        match self.there.get(path) {
            Some(There::Refused) => Err(ErrorKind::PermissionDenied.into()),
            Some(There::Cold) => Err(ErrorKind::WouldBlock.into()),
            Some(There::Broken) => Err(ErrorKind::InvalidData.into()),
            found => Ok(found.copied()),
        }
    }
}

fn text<'p>(path: &FilePath<'p>) -> &'p str {
    std::str::from_utf8(path.as_bytes()).unwrap()
}

impl Sight for Table {
    fn look(&mut self, path: &FilePath<'_>) -> io::Result<Looked> {
        assert!(!path.is_directory(), "it cannot be a file");
        Ok(match self.find(text(path))? {
            Some(There::File) => Looked::File(sample::asset(text(path), b"")),
            Some(_) => Looked::Directory,
            None => Looked::Nothing,
        })
    }

    fn look_for_index(&mut self, path: &FilePath<'_>) -> io::Result<Option<Arc<Asset>>> {
        let key = format!("{}/", text(path));
        Ok(match self.find(&key)? {
            Some(There::File) => Some(sample::asset(&key, b"")),
            _ => None,
        })
    }

    fn has_directory(&mut self, path: &FilePath<'_>) -> io::Result<bool> {
        Ok(self.find(text(path))? == Some(There::Directory))
    }
}

fn tries(texts: &[&str]) -> Candidates {
    let one = |text: &&str| match text.strip_prefix('=') {
        Some(status) => Try::Status(status.parse().unwrap()),
        None => Try::Path((*text).to_owned()),
    };
    Candidates::new(&texts.iter().map(one).collect::<Vec<_>>())
}

/// What a path comes to, in words.
fn resolve(texts: &[&str], path: &str, table: &mut Table) -> String {
    let mut buffer = Vec::new();
    let path = FilePath::parse(path.as_bytes(), false, &mut buffer).unwrap();
    resolve_any(texts, Some(&path), table)
}

fn resolve_any(texts: &[&str], path: Option<&FilePath<'_>>, table: &mut Table) -> String {
    match tries(texts).resolve(path, table) {
        Ok(Outcome::Asset(asset)) => format!("file {}", String::from_utf8_lossy(&asset.key)),
        Ok(Outcome::Redirect) => "redirect".into(),
        Ok(Outcome::Bare(directory)) => format!("bare {}", String::from_utf8_lossy(&directory)),
        Ok(Outcome::Status(status)) => format!("status {status}"),
        Err(error) => format!("{:?}", error.kind()),
    }
}

const PLAIN: &[&str] = &["$uri", "$uri/"];
const SINGLE_PAGE: &[&str] = &["$uri", "$uri/", "/index.html"];
const CLEAN: &[&str] = &["$uri", "$uri.html", "$uri/", "=404"];
const PAGES: &[&str] = &["/pages/$uri/$uri.html", "/fallback/", "=410"];

#[test]
fn without_a_path_there_is_what_comes_after_it() {
    let there = [
        ("index.html", There::File),
        ("fallback", There::Directory),
        ("fallback/index.html", There::File),
        (".html", There::File),
    ];
    for (texts, expected) in [
        (PLAIN, "status 404"),
        (SINGLE_PAGE, "file index.html"),
        (CLEAN, "status 404"),
        (&["$uri.html", "=451"], "status 451"),
    ] {
        let mut table = Table::new(&there);
        assert_eq!(resolve_any(texts, None, &mut table), expected, "{texts:?}");
    }
}

#[test]
fn each_candidate_comes_to_what_is_there() {
    use There::{Directory, File};
    let there = [
        ("", Directory),
        ("/", File),
        ("index.html", File),
        ("file", File),
        ("page.html", File),
        ("both", File),
        ("both.html", File),
        ("dir", Directory),
        ("dir/", File),
        ("dir.html", File),
        ("bare", Directory),
        ("bare/file", File),
        ("pages/x/x.html", File),
        ("fallback", Directory),
        ("fallback/", File),
    ];
    for (texts, path, expected) in [
        (PLAIN, "/file", "file file"),
        (PLAIN, "/file/", "status 404"),
        (PLAIN, "/missing", "status 404"),
        (PLAIN, "/missing/", "status 404"),
        (PLAIN, "/", "file /"),
        (PLAIN, "/dir", "redirect"),
        (PLAIN, "/dir/", "file dir/"),
        (PLAIN, "/bare", "redirect"),
        (PLAIN, "/bare/", "bare bare"),
        (PLAIN, "/bare/file", "file bare/file"),
        (&["$uri"], "/dir", "status 404"),
        (&["$uri"], "/dir/", "status 404"),
        (&["$uri/"], "/file", "status 404"),
        (SINGLE_PAGE, "/file", "file file"),
        (SINGLE_PAGE, "/missing", "file index.html"),
        (SINGLE_PAGE, "/missing/", "file index.html"),
        (SINGLE_PAGE, "/dir", "redirect"),
        // Something better than a list of names follows.
        (SINGLE_PAGE, "/bare/", "file index.html"),
        (CLEAN, "/page", "file page.html"),
        (CLEAN, "/page.html", "file page.html"),
        (CLEAN, "/both", "file both"),
        (CLEAN, "/dir", "file dir.html"),
        (CLEAN, "/dir/", "file dir/"),
        (CLEAN, "/missing", "status 404"),
        (CLEAN, "/", "file /"),
        (PAGES, "/x", "file pages/x/x.html"),
        (PAGES, "/y", "file fallback/"),
        // Nothing can be put behind a slash.
        (PAGES, "/x/", "file fallback/"),
        (&["=503"], "/file", "status 503"),
        (&["$uri", "=503", "/index.html"], "/missing", "status 503"),
        (&["/bare/", "=204"], "/x", "status 204"),
        (&["/bare/"], "/x", "bare bare"),
        (&["/dir/", "/bare/"], "/x", "file dir/"),
        (&["/missing/", "/bare/"], "/x", "bare bare"),
        (&["/bare/", "/"], "/x", "file /"),
        // A candidate that leads elsewhere is none.
        (&["/../secret", "$uri"], "/file", "file file"),
        (&[], "/file", "status 404"),
    ] {
        let found = resolve(texts, path, &mut Table::new(&there));
        assert_eq!(found, expected, "{texts:?} {path}");
    }
}

#[test]
fn what_may_not_be_read_is_passed_over_and_no_other_error_is() {
    use There::{Broken, Cold, Directory, File, Refused};
    for (texts, path, there, expected) in [
        (PLAIN, "/a", &[("a", Refused)][..], "PermissionDenied"),
        (
            PLAIN,
            "/a/",
            &[("a/", Refused), ("a", Directory)],
            "PermissionDenied",
        ),
        (
            CLEAN,
            "/a",
            &[("a", Refused), ("a.html", File)],
            "file a.html",
        ),
        (
            CLEAN,
            "/a",
            &[("a", Refused), ("a.html", Broken)],
            "InvalidData",
        ),
        (SINGLE_PAGE, "/a", &[("a", Refused)], "PermissionDenied"),
        (
            SINGLE_PAGE,
            "/a",
            &[("a", Broken), ("index.html", Refused)],
            "InvalidData",
        ),
        // It may be a script, which must not become the application's page.
        (
            SINGLE_PAGE,
            "/a",
            &[("a", Broken), ("index.html", File)],
            "InvalidData",
        ),
        // Rather an error than a list that may not be all there is.
        (
            &["/a/", "/b"],
            "/x",
            &[("a", Directory), ("b", Refused)],
            "PermissionDenied",
        ),
        // What has to be waited for may be what is looked for: nothing behind it counts.
        (PLAIN, "/a", &[("a", Cold)], "WouldBlock"),
        (CLEAN, "/a", &[("a", Cold), ("a.html", File)], "WouldBlock"),
        (
            CLEAN,
            "/a",
            &[("a", Refused), ("a.html", Cold)],
            "WouldBlock",
        ),
        (CLEAN, "/a", &[("a", File), ("a.html", Cold)], "file a"),
        (PLAIN, "/a/", &[("a/", Cold)], "WouldBlock"),
    ] {
        let found = resolve(texts, path, &mut Table::new(there));
        assert_eq!(found, expected, "{texts:?} {path} {there:?}");
    }
}

#[test]
fn nothing_is_looked_for_behind_what_was_found() {
    let mut table = Table::new(&[("a.html", There::File)]);
    resolve(CLEAN, "/a", &mut table);
    assert_eq!(table.asked, ["a", "a.html"]);
    let mut table = Table::new(&[]);
    resolve(&["$uri", "=404", "/late"], "/a", &mut table);
    assert_eq!(table.asked, ["a"]);
}
