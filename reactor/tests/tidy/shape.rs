//! The shape of files: what they begin with, how wide and how long they and their functions are.

use super::Finding;
use super::source::{Source, bracketed, is_word};

/// Characters in a line.
pub const WIDTH_MAX: usize = 100;

/// Lines of a file, tests included.
pub const FILE_LINES_MAX: usize = 500;

/// Lines of a function, from its name to its closing brace.
pub const FUNCTION_LINES_MAX: usize = 70;

/// Finds files that do not begin by saying what they are.
pub fn without_docs(source: &Source) -> Vec<Finding> {
    let begins = source
        .lines
        .first()
        .is_some_and(|line| line.starts_with("//! "));
    let rule = "a file begins with `//!`, what it owns and what it must not know";
    if begins {
        Vec::new()
    } else {
        vec![source.finding(1, rule)]
    }
}

/// Finds lines that are too wide.
pub fn wide(source: &Source) -> Vec<Finding> {
    let lines = source.lines.iter().enumerate();
    let wide = lines.filter(|(_, line)| line.chars().count() > WIDTH_MAX);
    let rule = format!("a line has at most {WIDTH_MAX} characters");
    wide.map(|(index, _)| source.finding(index + 1, rule.clone()))
        .collect()
}

/// Finds a file that is too long.
pub fn long_file(source: &Source) -> Vec<Finding> {
    let count = source.lines.len();
    if count <= FILE_LINES_MAX {
        return Vec::new();
    }
    vec![source.finding(count, format!("a file has at most {FILE_LINES_MAX} lines"))]
}

/// Finds functions that are too long.
pub fn long_functions(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, _) in source.code.match_indices("fn ") {
        let is_part = source.code[..at].chars().next_back().is_some_and(is_word);
        let Some(end) = body_end(&source.code[at..]).filter(|_| !is_part) else {
            continue;
        };
        let first = source.line_at(at);
        let count = source.line_at(at + end - 1) - first + 1;
        if count > FUNCTION_LINES_MAX {
            let rule =
                format!("a function has at most {FUNCTION_LINES_MAX} lines, this one has {count}");
            findings.push(source.finding(first, rule));
        }
    }
    findings
}

/// The end of the function that `code` begins with; `None` if it has no body.
fn body_end(code: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(c) = code[at..].chars().next() {
        match c {
            '{' => return Some(at + bracketed(&code[at..])),
            '(' | '[' => at += bracketed(&code[at..]),
            ';' => return None,
            c => at += c.len_utf8(),
        }
    }
    None
}

#[cfg(test)]
fn sample(text: &str) -> Source {
    Source::new("reactor/src/a.rs", text)
}

#[test]
fn a_file_begins_with_what_it_is() {
    assert!(without_docs(&sample("//! A.\n")).is_empty());
    for text in ["", "use a;\n//! A.\n", "// A.\n", "//!\n//! A.\n"] {
        assert_eq!(without_docs(&sample(text)).len(), 1, "{text:?}");
    }
}

#[test]
fn widths_are_counted_in_characters() {
    let fits = "é".repeat(WIDTH_MAX);
    assert!(wide(&sample(&fits)).is_empty());
    let found = wide(&sample(&format!("a\n{fits}b\n")));
    assert_eq!(
        found.iter().map(|found| found.line).collect::<Vec<_>>(),
        [2]
    );
}

#[test]
fn a_file_has_an_end() {
    assert!(long_file(&sample(&"a\n".repeat(FILE_LINES_MAX))).is_empty());
    assert_eq!(
        long_file(&sample(&"a\n".repeat(FILE_LINES_MAX + 1))).len(),
        1
    );
}

#[test]
fn functions_are_measured_to_their_closing_brace() {
    let function = |lines: usize| {
        let body = "    if \"}\" == \"\" {} // }\n".repeat(lines - 2);
        format!("trait T {{\n    fn a(x: [u8; 2]);\n}}\npub fn b(f: fn(u8)) {{\n{body}}}\n")
    };
    assert!(long_functions(&sample(&function(FUNCTION_LINES_MAX))).is_empty());
    let found = long_functions(&sample(&function(FUNCTION_LINES_MAX + 1)));
    assert_eq!(
        found.iter().map(|found| found.line).collect::<Vec<_>>(),
        [4]
    );
}
