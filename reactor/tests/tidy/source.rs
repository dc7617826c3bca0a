//! Source files as the rules see them: lines, code without comments and literals, and which lines
//! belong to tests.
//!
//! This is no Rust parser: it knows comments, literals, attributes and brackets, which is enough
//! for code that `rustfmt` has formatted.

use std::fs;
use std::ops::Range;
use std::path::Path;

/// A file of Rust.
pub struct Source {
    /// From the workspace's root, with slashes.
    pub path: String,
    /// Its lines as they are.
    pub lines: Vec<String>,
    /// Its text with comments and literals blanked out, line for line.
    pub code: String,
    /// Which lines are compiled for tests only.
    pub is_test: Vec<bool>,
}

impl Source {
    /// A file with this text; `path` says whether all of it is for tests.
    pub fn new(path: &str, text: &str) -> Source {
        let code = blank(text);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut is_test = vec![is_outside_src(path); lines.len()];
        for item in test_items(&code) {
            let last = line_of(&code, item.end.saturating_sub(1));
            is_test[line_of(&code, item.start) - 1..last].fill(true);
        }
        Source {
            path: path.into(),
            lines,
            code,
            is_test,
        }
    }

    /// The lines of code, each with its number and whether it is for tests.
    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str, bool)> {
        let numbered = self.code.lines().enumerate();
        numbered.map(|(index, line)| (index + 1, line, self.is_test[index]))
    }

    /// The number of the line that `at` is in, an offset in the code.
    pub fn line_at(&self, at: usize) -> usize {
        line_of(&self.code, at)
    }

    /// Whether that line is for tests.
    pub fn is_test_at(&self, at: usize) -> bool {
        self.is_test[self.line_at(at) - 1]
    }

    /// Whether nothing of it is compiled but for tests.
    pub fn is_for_tests(&self) -> bool {
        !self.is_test.contains(&false)
    }

    /// The module that the file is, as names from its crate's root.
    pub fn module(&self) -> Vec<&str> {
        let path = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        let path = path.split_once("src/").map_or("", |(_, path)| path);
        let mut names: Vec<&str> = path.split('/').collect();
        if matches!(names.last(), Some(&"mod" | &"lib" | &"main")) {
            names.pop();
        }
        names
    }

    /// What the paths of modules that are declared here for tests only begin with.
    fn test_modules(&self) -> Vec<String> {
        let folder = match self.path.rsplit_once('/') {
            Some((folder, "mod.rs" | "lib.rs" | "main.rs")) => folder,
            _ => self.path.strip_suffix(".rs").unwrap_or(&self.path),
        };
        let items = test_items(&self.code);
        let names = items.into_iter().filter_map(|item| {
            let (_, declared) = self.code[item].rsplit_once("mod ")?;
            declared.strip_suffix(';')
        });
        names.map(|name| format!("{folder}/{name}")).collect()
    }
}

/// All files of Rust in these folders of the workspace.
pub fn load(root: &Path, folders: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in folders {
        read_folder(root, folder, &mut sources);
    }
    mark_test_modules(&mut sources);
    sources
}

/// Marks the files of modules that are declared for tests only.
pub fn mark_test_modules(sources: &mut [Source]) {
    let modules: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in sources {
        let within = |module: &String| {
            let rest = source.path.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        if modules.iter().any(within) {
            source.is_test.fill(true);
        }
    }
}

fn read_folder(root: &Path, folder: &str, sources: &mut Vec<Source>) {
    let entries = fs::read_dir(root.join(folder)).expect("the folder can be listed");
    let entries = entries.map(|entry| entry.expect("the folder can be listed").path());
    let mut paths: Vec<_> = entries.collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().expect("it has a name").to_string_lossy();
        let inner = format!("{folder}/{name}");
        if path.is_dir() {
            read_folder(root, &inner, sources);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).expect("sources are text");
            sources.push(Source::new(&inner, &text));
        }
    }
}

/// Whether a file is no part of a library or program, but of its tests, benchmarks or examples.
fn is_outside_src(path: &str) -> bool {
    !path.starts_with("src/") && !path.contains("/src/")
}

/// The number of the line that the byte `at` is in.
fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// `text` with comments and literals replaced by blanks; lines stay where they are.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let word = rest.iter().take_while(|c| is_word(**c)).count();
        let hidden = opaque(rest, word);
        for c in &rest[..hidden] {
            code.push(if *c == '\n' { '\n' } else { ' ' });
        }
        let shown = if hidden > 0 { 0 } else { word.max(1) };
        code.extend(&rest[hidden..hidden + shown]);
        at += hidden + shown;
    }
    code
}

/// The length of the comment or literal at the start of `rest`, if there is one; `rest` begins with
/// a word of length `word`.
fn opaque(rest: &[char], word: usize) -> usize {
    match rest {
        ['/', '/', ..] => rest.iter().take_while(|c| **c != '\n').count(),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => quoted(rest, '"'),
        ['\'', '\\', ..] => quoted(rest, '\''),
        ['\'', _, '\'', ..] => 3,
        ['r', ..] | ['b' | 'c', 'r', ..] if word <= 2 => raw_string(rest, word),
        _ => 0,
    }
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a raw string whose prefix is `word` letters long; 0 if there is none.
fn raw_string(rest: &[char], word: usize) -> usize {
    let hashes = rest[word..].iter().take_while(|c| **c == '#').count();
    if rest.get(word + hashes) != Some(&'"') || (word == 2 && rest[1] != 'r') {
        return 0;
    }
    let mut end = vec!['"'];
    end.resize(1 + hashes, '#');
    let start = word + hashes + 1;
    let inner = rest[start..]
        .windows(end.len())
        .position(|window| window == end);
    inner.map_or(rest.len(), |inner| start + inner + end.len())
}

/// Whether `c` may be in a name.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where items are that `#[cfg(test)]` stands on, with that attribute.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    for (start, _) in code.match_indices("#[cfg(") {
        let condition_end = start + bracketed(&code[start + 1..]) + 1;
        let condition = &code[start..condition_end];
        let is_inner = items.last().is_some_and(|outer| start < outer.end);
        let is_test = has_word(condition, "test") && !condition.contains("not(test)");
        if is_test && !is_inner {
            items.push(start..condition_end + item(&code[condition_end..]));
        }
    }
    items
}

/// Whether `word` is in `text` and no part of a longer one.
pub fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        let begins = !word.starts_with(is_word) || !before.ends_with(is_word);
        let ends = !word.ends_with(is_word) || !after.starts_with(is_word);
        begins && ends
    })
}

/// The length of the item that `code` begins with: to its closing brace, or to what ends it at the
/// outer level.
fn item(code: &str) -> usize {
    let mut at = 0;
    while let Some(c) = code[at..].chars().next() {
        match c {
            '{' => return at + bracketed(&code[at..]),
            '(' | '[' => at += bracketed(&code[at..]),
            ';' | ',' => return at + 1,
            '}' => return at,
            c => at += c.len_utf8(),
        }
    }
    at
}

/// The length of what `code` begins with: a bracket and all up to the one that closes it.
pub fn bracketed(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

#[test]
fn comments_and_literals_are_blanked_out() {
    for (text, expected) in [
        ("a // b\nc", "a     \nc"),
        ("a /* /* b */ \n c */ d", "a            \n      d"),
        (r#"a("b\"c", 'd', '\'', '"')"#, "a(      ,    ,     ,    )"),
        ("r\"a\\\" br#\"b\" # \"# r#type", "                  r#type"),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
        ("for r in b { crab\"s\" }", "for r in b { crab    }"),
    ] {
        assert_eq!(blank(text), expected, "{text}");
    }
}

#[test]
fn lines_for_tests_are_known() {
    let text = "fn a() {}\n#[cfg(test)]\nfn b(x: [u8; 2], y: u8) {\n}\nfn c() {}\n\
        struct D {\n#[cfg(test)]\ne: u8,\nf: u8,\n}\n#[cfg(not(test))]\nfn g() {}\n\
        #[cfg(all(test, unix))]\nmod tests {\n#[cfg(test)]\nfn h() {}\n}\nfn i() {}";
    let source = Source::new("src/a.rs", text);
    let marked = source.code_lines().filter(|(_, _, is_test)| *is_test);
    let marked: Vec<usize> = marked.map(|(number, _, _)| number).collect();
    assert_eq!(marked, [2, 3, 4, 7, 8, 13, 14, 15, 16, 17]);
    assert!(Source::new("tests/a.rs", "fn a() {}").is_test_at(0));
}

#[test]
fn modules_for_tests_are_known_by_their_declaration() {
    let mut sources = [
        ("reactor/src/lib.rs", "#[cfg(test)]\nmod a;\nmod b;\n"),
        ("reactor/src/a/mod.rs", "fn a() {}"),
        ("reactor/src/a/c.rs", "fn c() {}"),
        ("reactor/src/ab.rs", "fn b() {}"),
        ("reactor/src/b/mod.rs", "#[cfg(test)]\npub(crate) mod d;"),
        ("reactor/src/b/d.rs", "#[cfg(test)] mod e;"),
        ("reactor/src/b/d/e.rs", "fn e() {}"),
    ]
    .map(|(path, text)| Source::new(path, text));
    mark_test_modules(&mut sources);
    let marked = sources.iter().map(|source| source.is_test_at(0));
    assert_eq!(
        marked.collect::<Vec<_>>(),
        [true, true, true, false, true, true, true]
    );
    let modules = sources.iter().map(Source::module);
    let expected: [&[&str]; 7] = [
        &[],
        &["a"],
        &["a", "c"],
        &["ab"],
        &["b"],
        &["b", "d"],
        &["b", "d", "e"],
    ];
    assert_eq!(modules.collect::<Vec<_>>(), expected);
}
