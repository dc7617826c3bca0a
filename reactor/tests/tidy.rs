//! Reads the sources as text and finds what breaks the rules that the compiler does not know: who
//! may import whom, which words have their places, and the shape of files.
//!
//! The rules are the tables here; how they are checked is in `tidy/`, where each checker is tested
//! on samples that break its rule.

#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

use std::fmt;
use std::path::Path;
use std::sync::LazyLock;

use source::Source;
use words::{Ban, Lines};

/// A folder or file at the root of a crate, and its place among the others: it imports only what is
/// of a lower row.
pub struct Layer {
    row: u8,
    folder: &'static str,
    /// Lower rows that it does not import all the same.
    never: &'static [&'static str],
}

const fn layer(row: u8, folder: &'static str, never: &'static [&'static str]) -> Layer {
    Layer { row, folder, never }
}

/// The engine, from top to bottom.
const ENGINE: &[Layer] = &[
    layer(7, "server", &[]),
    layer(6, "engine", &[]),
    layer(5, "service", &["proto"]),
    layer(4, "proto", &[]),
    layer(4, "transport", &["http"]),
    layer(3, "http", &[]),
    layer(2, "router", &[]),
    layer(2, "buffer", &["sys"]),
    layer(1, "time", &["sys"]),
    layer(0, "limits", &[]),
    layer(0, "error", &[]),
    layer(0, "sys", &[]),
];

/// The product: `app` puts the features together; settings are values that each feature defines
/// for itself.
const PRODUCT: &[Layer] = &[
    layer(4, "app", &[]),
    layer(3, "cli", &[]),
    layer(2, "config", &[]),
    layer(1, "control", &[]),
    layer(1, "demo", &[]),
    layer(1, "files", &[]),
    layer(1, "health", &[]),
    layer(1, "logs", &[]),
    layer(1, "metrics", &[]),
    layer(1, "middleware", &[]),
    layer(1, "proxy", &[]),
    layer(1, "tls", &[]),
    layer(0, "cluster", &[]),
    layer(0, "encoding", &[]),
    layer(0, "words", &[]),
];

const SOURCES: &[&str] = &["reactor/src/", "src/"];

const BANS: &[Ban] = &[
    Ban {
        words: &["mio"],
        within: SOURCES,
        except: &[
            "reactor/src/transport/listener.rs",
            "reactor/src/transport/poller.rs",
            "reactor/src/transport/tcp.rs",
            "reactor/src/transport/unix.rs",
        ],
        lines: Lines::CodeAndTests,
        rule: "only the poller and its sockets know mio",
    },
    Ban {
        words: &["rustls"],
        within: SOURCES,
        except: &["reactor/src/transport/tls"],
        lines: Lines::CodeAndTests,
        rule: "only transport/tls*.rs knows rustls",
    },
    Ban {
        words: &[
            "Instant::now",
            "SystemTime",
            "std::net",
            "std::io",
            "std::fs",
            "thread",
            "sync",
        ],
        within: &["reactor/src/proto/"],
        except: &[],
        lines: Lines::Code,
        rule: "a protocol takes bytes and a time, and returns what they mean",
    },
    Ban {
        words: &["Instant::now", "SystemTime::now"],
        within: &["reactor/src/"],
        except: &["reactor/src/time/clock.rs"],
        lines: Lines::Code,
        rule: "the engine reads its clock, so that a simulation can replace it",
    },
    Ban {
        words: &[
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "UnixStream",
            "UnixListener",
            "socket2",
        ],
        within: &["reactor/src/"],
        except: &["reactor/src/transport/", "reactor/src/sys/"],
        lines: Lines::Code,
        rule: "sockets belong to transport and sys",
    },
    Ban {
        words: &["std::fs", "std::io", "File", "thread"],
        within: &["reactor/src/http/", "reactor/src/router/"],
        except: &[],
        lines: Lines::Code,
        rule: "these layers do no I/O",
    },
    Ban {
        words: &["Rc<RefCell", "Arc<Mutex", "Arc<RwLock"],
        within: &["reactor/src/engine/", "reactor/src/service/"],
        except: &[],
        lines: Lines::CodeAndTests,
        rule: "a worker owns what it touches: keys and the ready queue instead",
    },
    Ban {
        words: &["thread_local!"],
        within: SOURCES,
        except: &[],
        lines: Lines::CodeAndTests,
        rule: "what a worker keeps is in its context or in its local value",
    },
    Ban {
        words: &[
            ".unwrap()",
            ".unwrap_err()",
            ".expect(",
            ".expect_err(",
            "unimplemented!",
        ],
        within: SOURCES,
        except: &[],
        lines: Lines::Code,
        rule: "what can fail is handled",
    },
    Ban {
        words: &["todo!", "dbg!", "TODO", "FIXME", "XXX"],
        within: SOURCES,
        except: &[],
        lines: Lines::Text,
        rule: "nothing is left for later",
    },
];

/// Files that a rule on their shape does not hold for, and why.
const EXEMPT: &[(&str, &str, &str)] = &[
    (
        "reactor/src/proto/h1/parse/tests/requests.rs",
        FUNCTIONS,
        "a table, one value a line",
    ),
    (
        "reactor/src/proto/h1/parse/tests/responses.rs",
        FUNCTIONS,
        "a table, one value a line",
    ),
    (
        "reactor/src/transport/memory/tests/mod.rs",
        FUNCTIONS,
        "a table, one value a line",
    ),
];

const FILES: &str = "the length of files";
const FUNCTIONS: &str = "the length of functions";

/// All that is held to a shape, tests and benchmarks too.
const FOLDERS: &[&str] = &[
    "src",
    "tests",
    "benches",
    "reactor/src",
    "reactor/tests",
    "reactor/benches",
    "reactor/examples",
    "reactor/fuzz/fuzz_targets",
];

/// What breaks a rule, and where.
#[derive(Debug)]
pub struct Finding {
    path: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

impl Source {
    fn finding(&self, line: usize, rule: impl Into<String>) -> Finding {
        Finding {
            path: self.path.clone(),
            line,
            rule: rule.into(),
        }
    }
}

static ALL: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    source::load(&root, FOLDERS)
});

/// Checks all files whose path begins with `within`, and fails with all that was found.
fn check(within: &str, rule: impl Fn(&Source) -> Vec<Finding>) {
    let sources: Vec<&Source> = ALL.iter().filter(|s| s.path.starts_with(within)).collect();
    assert!(sources.len() > 10, "the sources are elsewhere");
    let findings: Vec<String> = sources
        .iter()
        .flat_map(|source| rule(source))
        .map(|found| found.to_string())
        .collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// Checks a rule on the shape of all files, but for those that are exempt from it. Who is exempt
/// without need is found too.
fn check_shape(name: &str, rule: impl Fn(&Source) -> Vec<Finding>) {
    check("", |source| {
        let exempt = EXEMPT
            .iter()
            .any(|(path, what, _)| *path == source.path && *what == name);
        match (exempt, rule(source)) {
            (false, found) => found,
            (true, found) if found.is_empty() => {
                vec![source.finding(1, format!("needs no exemption from {name} any more"))]
            }
            (true, _) => Vec::new(),
        }
    });
}

#[test]
fn the_engine_imports_downwards_only() {
    check("reactor/src/", |source| {
        imports::wrong_layers(source, ENGINE)
    });
}

#[test]
fn the_product_imports_downwards_only() {
    check("src/", |source| imports::wrong_layers(source, PRODUCT));
}

#[test]
fn words_are_in_their_places() {
    check("", |source| {
        BANS.iter().flat_map(|ban| ban.check(source)).collect()
    });
}

#[test]
fn names_have_no_get_prefix() {
    check("", words::getters);
}

#[test]
fn unsafe_code_is_forbidden() {
    check("", words::unsafe_roots);
    let roots = ["reactor/src/lib.rs", "src/main.rs"];
    assert!(
        roots
            .iter()
            .all(|root| ALL.iter().any(|source| source.path == *root))
    );
}

#[test]
fn files_begin_with_what_they_are() {
    check("", shape::without_docs);
}

#[test]
fn lines_fit() {
    check("", shape::wide);
}

#[test]
fn files_are_short() {
    check_shape(FILES, shape::long_file);
}

#[test]
fn functions_fit_a_screen() {
    check_shape(FUNCTIONS, shape::long_functions);
}

#[test]
fn every_exemption_is_of_a_file_that_exists() {
    for (path, what, why) in EXEMPT {
        assert!(
            ALL.iter().any(|source| source.path == *path),
            "{path}: {what}: {why}"
        );
    }
}
