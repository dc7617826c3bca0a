//! Words that have their places, or none.

use super::Finding;
use super::source::{Source, has_word};

/// Words and where they may not be.
pub struct Ban {
    /// The words; one that begins or ends with a letter is only found whole.
    pub words: &'static [&'static str],
    /// Where they may not be: beginnings of paths.
    pub within: &'static [&'static str],
    /// Where they may be all the same: beginnings of paths.
    pub except: &'static [&'static str],
    /// Which lines are meant.
    pub lines: Lines,
    /// The rule.
    pub rule: &'static str,
}

/// Which lines a ban means.
#[derive(Clone, Copy, PartialEq)]
pub enum Lines {
    /// Code that is not for tests.
    Code,
    /// All code.
    CodeAndTests,
    /// Comments too.
    Text,
}

impl Ban {
    /// Finds the words where they may not be.
    pub fn check(&self, source: &Source) -> Vec<Finding> {
        let is_at = |beginning: &&str| source.path.starts_with(*beginning);
        if !self.within.iter().any(is_at) || self.except.iter().any(is_at) {
            return Vec::new();
        }
        let mut findings = Vec::new();
        for (number, code, is_test) in source.code_lines() {
            let text = match self.lines {
                Lines::Code if is_test => continue,
                Lines::Code | Lines::CodeAndTests => code,
                Lines::Text => &source.lines[number - 1],
            };
            for word in self.words.iter().filter(|word| has_word(text, word)) {
                findings.push(source.finding(number, format!("`{word}`: {}", self.rule)));
            }
        }
        findings
    }
}

/// Finds functions whose name begins with `get_`; `get_mut` is the standard library's word.
pub fn getters(source: &Source) -> Vec<Finding> {
    let is_getter = |line: &str| line.contains("fn get_") && !has_word(line, "get_mut");
    let lines = source.code_lines().filter(|(_, line, _)| is_getter(line));
    lines
        .map(|(number, _, _)| source.finding(number, "names do not begin with `get_`"))
        .collect()
}

/// Finds a crate's root that lets unsafe code in.
pub fn unsafe_roots(source: &Source) -> Vec<Finding> {
    let is_root = source.path.ends_with("src/lib.rs") || source.path.ends_with("src/main.rs");
    if !is_root
        || source
            .code
            .lines()
            .any(|line| line == "#![forbid(unsafe_code)]")
    {
        return Vec::new();
    }
    vec![source.finding(1, "a crate's root says `#![forbid(unsafe_code)]`")]
}

#[cfg(test)]
const SAMPLE: Ban = Ban {
    words: &["mio", "Rc<RefCell", ".unwrap()", "thread_local!"],
    within: &["reactor/src/"],
    except: &["reactor/src/poller.rs"],
    lines: Lines::Code,
    rule: "not here",
};

#[test]
fn words_are_found_whole_and_in_code_only() {
    for (text, expected) in [
        ("use mio::Poll;", 1),
        ("fn f(x: &mut mio::Poll) { y.unwrap() }", 2),
        ("let a: Rc<RefCell<u8>>;", 1),
        ("thread_local! {}", 1),
        ("let miocene = minimio::a; // mio, x.unwrap()\n/// mio\n", 0),
        ("a.unwrap_or(\"mio\")", 0),
        ("#[cfg(test)]\nfn f() { mio::f() }", 0),
    ] {
        let found = SAMPLE.check(&Source::new("reactor/src/a.rs", text));
        assert_eq!(found.len(), expected, "{text}: {found:?}");
        let exempt = ["reactor/src/poller.rs", "src/a.rs"];
        for path in exempt {
            assert!(SAMPLE.check(&Source::new(path, text)).is_empty());
        }
    }
}

#[test]
fn which_lines_are_meant_is_heeded() {
    let text = "//! mio\n#[cfg(test)]\nmod tests {\n    use mio::A;\n}\n";
    let source = Source::new("reactor/src/a.rs", text);
    for (lines, expected) in [
        (Lines::Code, vec![]),
        (Lines::CodeAndTests, vec![4]),
        (Lines::Text, vec![1, 4]),
    ] {
        let found = Ban { lines, ..SAMPLE }.check(&source);
        assert_eq!(
            found.iter().map(|found| found.line).collect::<Vec<_>>(),
            expected
        );
    }
}

#[test]
fn getters_and_unsafe_roots_are_found() {
    let getter = Source::new(
        "src/a.rs",
        "impl A {\n    pub fn get_b() {}\n    fn get_mut() {}\n}",
    );
    assert_eq!(
        getters(&getter)
            .iter()
            .map(|found| found.line)
            .collect::<Vec<_>>(),
        [2]
    );
    for (path, text, expected) in [
        ("src/main.rs", "fn main() {}", 1),
        ("src/main.rs", "// #![forbid(unsafe_code)]", 1),
        ("reactor/src/lib.rs", "#![deny(unsafe_code)]", 1),
        ("reactor/src/lib.rs", "#![forbid(unsafe_code)]", 0),
        ("src/a.rs", "", 0),
    ] {
        assert_eq!(
            unsafe_roots(&Source::new(path, text)).len(),
            expected,
            "{path}: {text}"
        );
    }
}
