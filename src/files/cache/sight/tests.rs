//! The cache over a real directory, whose files change, by a clock that is moved by hand.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

#[cfg(target_os = "linux")]
use reactor::sys::Residence;

use super::*;
use crate::encoding::Coding;
use crate::files::asset::Content;
use crate::files::cache::clock::Bounds;
use crate::files::disk::load::{Loader, Patience};
use crate::files::disk::open::Root;
use crate::files::rules::Rules;
use crate::files::sample::{self, WALL};
use crate::testing::TempDir;
#[cfg(target_os = "linux")]
use crate::testing::undisturbed;

/// A directory, and what a worker has at hand of it.
struct Site {
    root: Root,
    loader: Loader,
    cache: Cache,
    patience: Patience,
    dir: TempDir,
}

impl Site {
    fn new() -> Site {
        let dir = TempDir::new();
        Site {
            root: Root::open(dir.path(), false).unwrap(),
            loader: Loader::new(Rules::new(&sample::config(dir.path())), true),
            cache: Cache::new(Bounds {
                bytes_max: 1 << 20,
                descriptors_max: 100,
            }),
            patience: Patience::Waits,
            dir,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file that was left alone for long, but for its first second, and never has the
    /// state that a file there had before.
    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        let changed = |path| fs::metadata(path).map(|found| (found.ctime(), found.ctime_nsec()));
        let before = changed(&path).ok();
        loop {
            fs::write(&path, text).unwrap();
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000))
                .unwrap();
            // The file system's clock ticks every few milliseconds.
            if changed(&path).ok() != before {
                return;
            }
        }
    }

    fn sight(&mut self, millis: u64, wall: Duration) -> AtOnce<'_> {
        AtOnce {
            disk: Disk {
                loader: &self.loader,
                root: &self.root,
                patience: self.patience,
                wall,
            },
            cache: &mut self.cache,
            now: Instant::START + Duration::from_millis(millis),
            unsure: None,
        }
    }

    /// What is at a path, so many milliseconds after the beginning.
    fn look(&mut self, path: &str, millis: u64) -> Looked {
        let mut buffer = Vec::new();
        let path = FilePath::parse(path.as_bytes(), false, &mut buffer).unwrap();
        self.sight(millis, WALL).look(&path).unwrap()
    }

    /// The same in words.
    fn tell(&mut self, path: &str, millis: u64) -> String {
        match self.look(path, millis) {
            Looked::File(asset) => text(&asset),
            Looked::Directory => "a directory".into(),
            Looked::Nothing => "nothing".into(),
        }
    }

    /// The index of a directory, in words.
    fn index(&mut self, path: &str, millis: u64) -> String {
        let mut buffer = Vec::new();
        let path = FilePath::parse(path.as_bytes(), false, &mut buffer).unwrap();
        let found = self.sight(millis, WALL).look_for_index(&path).unwrap();
        found.map_or("nothing".into(), |asset| text(&asset))
    }
}

/// All that an asset has: its bytes, and those of what is beside it.
fn text(asset: &Asset) -> String {
    let content = |content: &Content| match content {
        Content::Memory(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Content::File(_, length) => format!("{length} bytes"),
    };
    let mut text = content(&asset.identity.content);
    for coding in asset.sibling_codings() {
        let form = asset.sibling(coding).unwrap();
        text += &format!(", {}: {}", coding.as_str(), content(&form.content));
    }
    text
}

fn file(looked: Looked) -> Arc<Asset> {
    match looked {
        Looked::File(asset) => asset,
        other => panic!("{other:?} is no file"),
    }
}

/// What happens to `a.txt`.
type Change = fn(&Site);

/// Changes of a file that has `old` in it, and what there is then.
const CHANGES: [(&str, Change, &str); 12] = [
    ("nothing", |_| {}, "old"),
    (
        "rewritten, as long and as old",
        |site| site.write("a.txt", "new"),
        "new",
    ),
    ("truncated", |site| site.write("a.txt", ""), ""),
    ("grown", |site| site.write("a.txt", "older"), "older"),
    (
        "much",
        |site| site.write("a.txt", &"x".repeat(70_000)),
        "70000 bytes",
    ),
    (
        "replaced",
        |site| {
            site.write("b.txt", "new");
            fs::rename(site.path("b.txt"), site.path("a.txt")).unwrap();
        },
        "new",
    ),
    (
        "removed",
        |site| fs::remove_file(site.path("a.txt")).unwrap(),
        "nothing",
    ),
    (
        "a directory",
        |site| {
            fs::remove_file(site.path("a.txt")).unwrap();
            fs::create_dir(site.path("a.txt")).unwrap();
        },
        "a directory",
    ),
    (
        "a link that leads out",
        |site| {
            fs::remove_file(site.path("a.txt")).unwrap();
            symlink("/etc/passwd", site.path("a.txt")).unwrap();
        },
        "nothing",
    ),
    (
        "a link to another file",
        |site| {
            site.write("b.txt", "new");
            fs::remove_file(site.path("a.txt")).unwrap();
            symlink("b.txt", site.path("a.txt")).unwrap();
        },
        "new",
    ),
    (
        "something beside it",
        |site| site.write("a.txt.gz", "gz"),
        "old, gzip: gz",
    ),
    (
        "two beside it",
        |site| {
            site.write("a.txt.gz", "gz");
            site.write("a.txt.br", "br");
        },
        "old, br: br, gzip: gz",
    ),
];

#[test]
fn what_has_changed_is_seen_after_a_second_and_not_before() {
    for (what, change, expected) in CHANGES {
        let mut site = Site::new();
        site.write("a.txt", "old");
        assert_eq!(site.tell("/a.txt", 0), "old", "{what}");
        change(&site);
        assert_eq!(site.tell("/a.txt", 999), "old", "{what}");
        assert_eq!(site.tell("/a.txt", 1000), expected, "{what}");
        assert_eq!(site.tell("/a.txt", 1001), expected, "{what}");
    }
}

#[test]
fn what_is_beside_a_file_comes_and_goes_with_its_own_changes() {
    let mut site = Site::new();
    site.write("a.txt", "file");
    site.write("a.txt.gz", "one");
    assert_eq!(site.tell("/a.txt", 0), "file, gzip: one");
    site.write("a.txt.gz", "two");
    assert_eq!(site.tell("/a.txt", 1000), "file, gzip: two");
    fs::remove_file(site.path("a.txt.gz")).unwrap();
    assert_eq!(site.tell("/a.txt", 1999), "file, gzip: two");
    assert_eq!(site.tell("/a.txt", 2000), "file");
    // What is no file is not beside it.
    fs::create_dir(site.path("a.txt.br")).unwrap();
    symlink("/etc/passwd", site.path("a.txt.gz")).unwrap();
    assert_eq!(site.tell("/a.txt", 3000), "file");
    // Nor is anything beside what is not worth a coding.
    site.write("a.png", "picture");
    site.write("a.png.gz", "gz");
    assert_eq!(site.tell("/a.png", 3000), "picture");
}

#[test]
fn what_is_the_same_is_kept_and_fresh_for_another_second() {
    let mut site = Site::new();
    site.write("a.txt", "old");
    let first = file(site.look("/a.txt", 0));
    assert!(Arc::ptr_eq(&first, &file(site.look("/a.txt", 1000))));
    site.write("a.txt", "new");
    assert!(Arc::ptr_eq(&first, &file(site.look("/a.txt", 1999))));
    assert_eq!(site.tell("/a.txt", 2000), "new");
    // What is used all the time is looked at every second nevertheless.
    site.write("a.txt", "newer");
    let told: Vec<String> = (20..=30).map(|at| site.tell("/a.txt", 100 * at)).collect();
    assert_eq!(told.iter().filter(|text| *text == "newer").count(), 1);
    assert_eq!(told[10], "newer");
}

#[test]
fn what_comes_before_an_index_takes_its_place() {
    let mut site = Site::new();
    fs::create_dir(site.path("dir")).unwrap();
    assert_eq!(site.index("/dir/", 0), "nothing");
    // What is not there is not remembered.
    site.write("dir/index.htm", "second");
    assert_eq!(site.index("/dir/", 1), "second");
    site.write("dir/index.html", "first");
    assert_eq!(site.index("/dir/", 1000), "second");
    assert_eq!(site.index("/dir/", 1001), "first");
    fs::remove_file(site.path("dir/index.html")).unwrap();
    assert_eq!(site.index("/dir/", 2001), "second");
    fs::remove_file(site.path("dir/index.htm")).unwrap();
    assert_eq!(site.index("/dir/", 3001), "nothing");
    // A directory of that name is none.
    fs::create_dir(site.path("dir/index.html")).unwrap();
    site.write("dir/index.htm", "second");
    assert_eq!(site.index("/dir", 3002), "second");
    assert_eq!(site.index("/dir/", 5000), "second");
}

#[test]
fn a_directory_and_its_index_and_a_file_do_not_get_mixed_up() {
    let mut site = Site::new();
    fs::create_dir_all(site.path("a/index.html")).unwrap();
    site.write("index.html", "of the root");
    site.write("a/index.htm", "of a");
    assert_eq!(site.index("/", 0), "of the root");
    assert_eq!(site.index("/a/", 0), "of a");
    assert_eq!(site.tell("/a", 0), "a directory");
    assert_eq!(site.tell("/a/index.htm", 0), "of a");
    assert_eq!(site.tell("/index.html", 0), "of the root");
    assert_eq!(site.index("/a/", 1), "of a");
    assert_eq!(site.tell("/a", 1), "a directory");
}

#[test]
fn a_young_file_is_read_again_when_it_comes_of_age() {
    let mut site = Site::new();
    site.write("a.txt", "file");
    let modified = Duration::from_secs(1_000_000_000);
    let mut look = |millis: u64, wall| {
        let mut buffer = Vec::new();
        let path = FilePath::parse(b"/a.txt", false, &mut buffer).unwrap();
        file(site.sight(millis, wall).look(&path).unwrap())
    };
    let young = look(0, modified);
    assert!(young.identity.etag.is_weak());
    let seconds = Duration::from_secs;
    assert!(Arc::ptr_eq(&young, &look(1000, modified + seconds(1))));
    // It is still fresh.
    assert!(Arc::ptr_eq(&young, &look(1999, modified + seconds(2))));
    let old = look(2000, modified + seconds(2));
    assert!(!Arc::ptr_eq(&young, &old) && !old.identity.etag.is_weak());
    let Content::Memory(bytes) = &old.identity.content else {
        panic!("it is small");
    };
    let Content::Memory(before) = &young.identity.content else {
        panic!("it is small");
    };
    assert!(!Arc::ptr_eq(bytes, before), "the bytes were not read again");
    assert!(Arc::ptr_eq(&old, &look(3000, modified + seconds(3))));
}

#[test]
fn what_was_coded_stays_with_a_file_that_has_not_changed() {
    let mut site = Site::new();
    site.write("a.txt", &"text ".repeat(100));
    let asset = file(site.look("/a.txt", 0));
    let form = asset.coded_form(Coding::Zstd, (*b"coded").into(), WALL);
    asset.keep_coded(Coding::Zstd, form);
    assert!(
        file(site.look("/a.txt", 1000))
            .coded(Coding::Zstd)
            .is_some()
    );
    site.write("a.txt", &"other ".repeat(100));
    assert!(
        file(site.look("/a.txt", 2000))
            .coded(Coding::Zstd)
            .is_none()
    );
}

#[test]
fn nothing_is_kept_where_there_is_no_room() {
    let mut site = Site::new();
    site.cache = Cache::new(Bounds {
        bytes_max: 0,
        descriptors_max: 0,
    });
    site.write("a.txt", "old");
    assert_eq!(site.tell("/a.txt", 0), "old");
    site.write("a.txt", "new");
    assert_eq!(site.tell("/a.txt", 0), "new");
}

/// What a job sees at a path when this was at hand.
fn in_job(site: &Site, path: &str, at_hand: &Arc<Asset>) -> Arc<Asset> {
    let mut sight = InJob {
        disk: Disk {
            loader: &site.loader,
            root: &site.root,
            patience: Patience::Waits,
            wall: WALL,
        },
        at_hand: Some(Arc::clone(at_hand)),
    };
    let mut buffer = Vec::new();
    let path = FilePath::parse(path.as_bytes(), false, &mut buffer).unwrap();
    match path.is_directory() {
        true => sight.look_for_index(&path).unwrap().unwrap(),
        false => file(sight.look(&path).unwrap()),
    }
}

#[test]
fn what_was_at_hand_stays_if_a_job_finds_it_unchanged() {
    let mut site = Site::new();
    fs::create_dir(site.path("dir")).unwrap();
    for name in ["a.txt", "b.txt", "dir/index.html"] {
        site.write(name, name);
    }
    let known = file(site.look("/a.txt", 0));
    assert!(Arc::ptr_eq(&in_job(&site, "/a.txt", &known), &known));
    // It is not taken for another file.
    assert_eq!(text(&in_job(&site, "/b.txt", &known)), "b.txt");
    assert_eq!(text(&in_job(&site, "/dir/", &known)), "dir/index.html");
    let index = in_job(&site, "/dir/", &known);
    assert!(Arc::ptr_eq(&in_job(&site, "/dir/", &index), &index));
    site.write("a.txt", "other");
    assert_eq!(text(&in_job(&site, "/a.txt", &known)), "other");
}

/// Whether the file system of these tests can tell without waiting what is at a path, as most can:
/// tmpfs does not remember which names it lacks, and some wait for each read.
#[cfg(target_os = "linux")]
fn can_be_told_at_once(site: &Site, path: &str) -> bool {
    let would_block = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    let is_told = |seen: &io::Result<fs::Metadata>| !seen.as_ref().is_err_and(would_block);
    match path {
        "/missing" => is_told(&undisturbed(|| site.root.peek_now(c"missing"), is_told)),
        "/a.txt" => {
            let file = fs::File::open(site.path("a.txt")).unwrap();
            Residence::of(&file) != Residence::Unknown
        }
        _ => true,
    }
}

/// Only Linux knows what it could tell without waiting.
#[cfg(target_os = "linux")]
#[test]
fn what_the_system_knows_by_heart_is_told_without_waiting() {
    let mut site = Site::new();
    fs::create_dir(site.path("dir")).unwrap();
    site.write("dir/index.html", "index");
    for name in ["a.txt", "a.txt.gz", "a.txt.br"] {
        site.write(name, name);
    }
    for round in 0..3 {
        for path in ["/a.txt", "/missing", "/dir"] {
            let millis = 2000 * round;
            let waited = site.tell(path, millis);
            site.cache.clear();
            site.patience = Patience::AtOnce;
            let mut buffer = Vec::new();
            let parsed = FilePath::parse(path.as_bytes(), false, &mut buffer).unwrap();
            let look = || site.sight(millis, WALL).look(&parsed);
            match undisturbed(look, io::Result::is_ok) {
                Ok(_) => assert_eq!(site.tell(path, millis), waited),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{path}");
                    let can_be_told = site.root.is_at_once() && can_be_told_at_once(&site, path);
                    assert!(!can_be_told, "{path} is known by heart");
                }
            }
            site.patience = Patience::Waits;
        }
    }
}
