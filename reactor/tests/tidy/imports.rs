//! The paths that code names, and whether a layer may name them.

use super::source::{Source, is_word};
use super::{Finding, Layer};

/// A path in the code, in full: groups are taken apart, and `crate`, `self` and `super` resolved.
#[derive(Debug, PartialEq)]
pub struct Named {
    /// Where the path begins.
    pub line: usize,
    /// Whether it begins at the crate's root; else with the name of a crate, or of something near.
    pub is_local: bool,
    /// The names, from the crate's root or from a crate's name on.
    pub names: Vec<String>,
}

/// Finds paths that lead out of `layers` upwards or sideways, or to the crate's own root. Lines for
/// tests are exempt: tests build what they need from above.
pub fn wrong_layers(source: &Source, layers: &[Layer]) -> Vec<Finding> {
    let module = source.module();
    let Some(own) = module.first().filter(|_| !source.is_for_tests()) else {
        return Vec::new();
    };
    let Some(from) = layers.iter().find(|layer| layer.folder == *own) else {
        return vec![source.finding(1, format!("`{own}` has no row in the table of layers"))];
    };
    let mut findings = Vec::new();
    for named in paths(source) {
        let Some(target) = named.names.first().filter(|_| named.is_local) else {
            continue;
        };
        if source.is_test[named.line - 1] || target == own {
            continue;
        }
        let wrong = match layers.iter().find(|layer| layer.folder == target) {
            None => format!("`{own}` names `crate::{target}` by way of the crate's root"),
            Some(to) if from.never.contains(&to.folder) => {
                format!("`{own}` never imports `{target}`")
            }
            Some(to) if to.row == from.row => {
                format!("`{own}` imports `{target}`, which is of the same row")
            }
            Some(to) if to.row > from.row => {
                format!("`{own}` imports `{target}`, which is a row above")
            }
            Some(_) => continue,
        };
        findings.push(source.finding(named.line, wrong));
    }
    findings
}

/// All paths of more than one name.
pub fn paths(source: &Source) -> Vec<Named> {
    let tokens = tokens(&source.code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (offset, first) = tokens[at];
        let continues = at > 0 && matches!(tokens[at - 1].1, "::" | ".");
        if !first.starts_with(is_word) || continues || tokens.get(at + 1).map(|t| t.1) != Some("::")
        {
            at += 1;
            continue;
        }
        let mut all = Vec::new();
        at += tree(&tokens[at..], &mut Vec::new(), &mut all);
        let line = source.line_at(offset);
        found.extend(
            all.iter()
                .map(|names| resolve(line, names, &source.module())),
        );
    }
    found
}

/// Words and punctuation, with their offsets; `::` is one.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let length = match first {
            ':' if rest.starts_with("::") => 2,
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        if !first.is_whitespace() {
            tokens.push((at, &rest[..length]));
        }
        at += length;
    }
    tokens
}

/// Takes the paths that `tokens` begin with apart, each behind `before`; says how many tokens that
/// were.
fn tree<'a>(
    tokens: &[(usize, &'a str)],
    before: &mut Vec<&'a str>,
    all: &mut Vec<Vec<&'a str>>,
) -> usize {
    let depth = before.len();
    let mut at = 0;
    loop {
        let token = tokens.get(at).map_or("", |token| token.1);
        if token == "{" {
            at += 1;
            while tokens.get(at).is_some_and(|token| token.1 != "}") {
                at += tree(&tokens[at..], before, all).max(1);
            }
            at += 1;
            break;
        }
        if !token.starts_with(is_word) && token != "*" {
            break;
        }
        before.push(token);
        at += 1;
        if tokens.get(at).is_none_or(|token| token.1 != "::") {
            all.push(before.clone());
            at += if tokens.get(at).is_some_and(|token| token.1 == "as") {
                2
            } else {
                0
            };
            break;
        }
        at += 1;
    }
    before.truncate(depth);
    at
}

/// A path as seen from the crate's root.
fn resolve(line: usize, names: &[&str], module: &[&str]) -> Named {
    let mut base = match names[0] {
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        _ => {
            let names = names.iter().map(ToString::to_string).collect();
            return Named {
                line,
                is_local: false,
                names,
            };
        }
    };
    for name in names {
        match *name {
            "crate" | "self" => {}
            "super" => drop(base.pop()),
            name => base.push(name),
        }
    }
    let names = base.into_iter().map(String::from).collect();
    Named {
        line,
        is_local: true,
        names,
    }
}

#[cfg(test)]
const SAMPLE_LAYERS: [Layer; 4] = [
    Layer {
        row: 2,
        folder: "top",
        never: &["base"],
    },
    Layer {
        row: 1,
        folder: "left",
        never: &[],
    },
    Layer {
        row: 1,
        folder: "right",
        never: &[],
    },
    Layer {
        row: 0,
        folder: "base",
        never: &[],
    },
];

#[test]
fn groups_are_taken_apart_and_resolved() {
    let text = "use crate::{a, b::{self, C as D}};\nuse super::super::e::*;\n\
        use std::io;\nfn f(x: self::G, y: Vec<crate::h::I>) { x.y::<u8>() }\n\
        pub(in crate::left) fn g() {}";
    let found = paths(&Source::new("reactor/src/left/deep/x.rs", text));
    let shown: Vec<String> = found
        .iter()
        .map(|named| {
            let root = if named.is_local { "/" } else { "" };
            format!("{}:{root}{}", named.line, named.names.join("/"))
        })
        .collect();
    let expected = [
        "1:/a",
        "1:/b",
        "1:/b/C",
        "2:/left/e/*",
        "3:std/io",
        "4:/left/deep/x/G",
        "4:/h/I",
        "5:/left",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn only_lower_rows_may_be_imported() {
    for (path, text, expected) in [
        (
            "left/x.rs",
            "use crate::base::A;\nuse crate::left::B;\nuse super::C;",
            None,
        ),
        (
            "left/x.rs",
            "use crate::base::A;\nuse crate::right::B;",
            Some((2, "same row")),
        ),
        (
            "left/x.rs",
            "use crate::{\n    base::A,\n    top::B,\n};",
            Some((1, "a row above")),
        ),
        (
            "left/mod.rs",
            "use super::top::A;",
            Some((1, "a row above")),
        ),
        (
            "base.rs",
            "fn f() {\n    crate::left::g();\n}",
            Some((2, "a row above")),
        ),
        (
            "base.rs",
            "use crate::Thing;",
            Some((1, "the crate's root")),
        ),
        (
            "base.rs",
            "use super::{left, other};",
            Some((1, "a row above")),
        ),
        (
            "top.rs",
            "use crate::base::A;",
            Some((1, "never imports `base`")),
        ),
        ("new.rs", "use std::io;", Some((1, "no row"))),
        (
            "base.rs",
            "/// [`crate::top`]\n// use crate::top;\nconst A: &str = \"crate::top\";",
            None,
        ),
        (
            "base.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::top::A;\n}",
            None,
        ),
        ("lib.rs", "use crate::top::A;", None),
    ] {
        let source = Source::new(&format!("reactor/src/{path}"), text);
        let found = wrong_layers(&source, &SAMPLE_LAYERS);
        match (found.first(), expected) {
            (None, None) => {}
            (Some(found), Some((line, rule))) => {
                assert_eq!(found.line, line, "{found}");
                assert!(found.rule.contains(rule), "{found}");
            }
            (found, expected) => panic!("{text}: {found:?} instead of {expected:?}"),
        }
    }
}
