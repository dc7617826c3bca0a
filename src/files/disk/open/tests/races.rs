//! Lookups while another thread renames what they come by.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::*;

/// How often each outcome is to be seen before a race counts as run.
const OUTCOMES: usize = 200;

/// How long that may take.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Looks `path` up in every way while `change` goes on elsewhere, until the file and errors have
/// both been seen often. Whatever the moment, nothing but `content` is read.
fn race(tree: &Tree, path: &CStr, content: &str, change: impl Fn() + Sync) {
    for root in tree.roots(Links::Below) {
        let stop = AtomicBool::new(false);
        let (mut files, mut errors) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    change();
                }
            });
            let start = Instant::now();
            let mut wrong = None;
            while files.min(errors) < OUTCOMES && start.elapsed() < TIME_MAX {
                match root.open_below(path) {
                    Ok(opened) if opened.metadata.is_dir() => {}
                    Ok(opened) => {
                        let text = std::io::read_to_string(opened.file).unwrap();
                        if text != content {
                            wrong = Some(text);
                            break;
                        }
                        files += 1;
                    }
                    Err(_) => errors += 1,
                }
                let seen = root.peek(path);
                if seen.is_ok_and(|metadata| metadata.is_symlink()) {
                    wrong = Some("a link".into());
                    break;
                }
            }
            stop.store(true, Ordering::Relaxed);
            assert_eq!(wrong, None, "{path:?} by {root:?}");
        });
        let outcomes = (files, errors);
        assert!(
            files.min(errors) >= OUTCOMES,
            "{outcomes:?} {path:?} by {root:?}"
        );
    }
}

/// Exchanges two names, so that none of them is missing at any time.
#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) {
    use rustix::fs::{RenameFlags, renameat_with};

    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
}

#[cfg(not(target_os = "linux"))]
fn exchange(one: &Path, other: &Path) {
    let between = one.with_extension("between");
    std::fs::rename(one, &between).unwrap();
    std::fs::rename(other, one).unwrap();
    std::fs::rename(&between, other).unwrap();
}

#[test]
fn a_directory_becomes_a_link_that_leads_out() {
    let tree = Tree::new();
    let at = |name: &str| tree.root().join(name);
    std::fs::create_dir(tree.outside().join("elsewhere")).unwrap();
    std::fs::write(tree.outside().join("elsewhere/file"), "secret").unwrap();
    symlink("../elsewhere", at("bait")).unwrap();
    race(&tree, c"sub/file", "sub file", || {
        exchange(&at("sub"), &at("bait"))
    });
}

#[test]
fn a_file_becomes_a_link_that_leads_out() {
    let tree = Tree::new();
    let at = |name: &str| tree.root().join(name);
    race(&tree, c"sub/file", "sub file", || {
        exchange(&at("sub/file"), &at("sub/out"))
    });
}

#[test]
fn a_file_becomes_a_fifo() {
    let tree = Tree::new();
    let at = |name: &str| tree.root().join(name);
    race(&tree, c"file", "file", || {
        exchange(&at("file"), &at("fifo"))
    });
}

#[test]
fn a_directory_leaves_while_a_link_leads_up_from_it() {
    let tree = Tree::new();
    let at = |name: &str| tree.root().join(name);
    // From `sub/deeper` two up there is the root's file; from where it is moved to, a secret one.
    let away = tree.outside().join("away");
    std::fs::create_dir_all(away.join("deeper")).unwrap();
    std::fs::write(tree.outside().join("file"), "secret").unwrap();
    symlink("../../file", at("sub/deeper/up-twice")).unwrap();
    race(&tree, c"sub/deeper/up-twice", "file", || {
        exchange(&at("sub/deeper"), &away.join("deeper"));
    });
}
