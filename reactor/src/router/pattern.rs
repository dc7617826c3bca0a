//! Reads path patterns: `/static`, `/{param}`, `/prefix-{param}.suffix`, `/{*rest}`, with `{{` and
//! `}}` for braces. Knows nothing of the tree that they are put in.

use std::fmt;

use super::params::PARAMS_MAX;

/// A pattern in pieces, ready for the tree.
pub(super) struct Pattern {
    /// Static text up to the first parameter or the catch-all; begins with a slash.
    pub(super) start: Vec<u8>,
    /// The parameters, each with what follows it.
    pub(super) params: Vec<Param>,
    /// Whether a catch-all ends the pattern.
    pub(super) catch_all: bool,
    /// The names of the parameters and of the catch-all, in their order.
    pub(super) names: Box<[Box<str>]>,
}

/// A parameter and the static text behind it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Param {
    /// The text up to the end of the parameter's segment.
    pub(super) suffix: Vec<u8>,
    /// The text from there on, up to the next parameter; empty or begins with a slash.
    pub(super) text: Vec<u8>,
}

/// What is wrong with a pattern, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// What is wrong.
    pub problem: PatternProblem,
    /// At which byte of the pattern, counted from 0.
    pub position: usize,
}

/// What can be wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternProblem {
    /// It does not begin with `/`.
    NoLeadingSlash,
    /// A byte that no path has: a control, a space, `?` or `#`.
    NotInPaths,
    /// A `{` without its `}`.
    Unclosed,
    /// A `}` without its `{`.
    Unopened,
    /// `{}` or `{*}`.
    EmptyName,
    /// A name with anything but letters, digits, `_` and `-`.
    Name,
    /// A name that the pattern already has.
    RepeatedName,
    /// More than one parameter in a segment.
    SecondInSegment,
    /// A catch-all that something follows.
    CatchAllNotLast,
    /// A catch-all that does not begin its segment.
    CatchAllInSegment,
    /// More than [`PARAMS_MAX`] parameters.
    TooManyParams,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.problem {
            PatternProblem::NoLeadingSlash => "a path begins with a slash",
            PatternProblem::NotInPaths => "no path contains this byte",
            PatternProblem::Unclosed => "the brace is not closed (a literal brace is written {{)",
            PatternProblem::Unopened => "no brace is open here (a literal brace is written }})",
            PatternProblem::EmptyName => "the parameter has no name",
            PatternProblem::Name => "a parameter's name has only letters, digits, _ and -",
            PatternProblem::RepeatedName => "another parameter has the same name",
            PatternProblem::SecondInSegment => "a segment has at most one parameter",
            PatternProblem::CatchAllNotLast => "something follows the catch-all",
            PatternProblem::CatchAllInSegment => "a catch-all stands right behind a slash",
            PatternProblem::TooManyParams => {
                return write!(
                    f,
                    "at byte {}: a pattern has at most {PARAMS_MAX} parameters",
                    self.position
                );
            }
        };
        write!(f, "at byte {}: {what}", self.position)
    }
}

impl Pattern {
    /// Reads a pattern as its user wrote it.
    pub(super) fn parse(text: &str) -> Result<Pattern, PatternError> {
        if !text.starts_with('/') {
            return Err(problem(PatternProblem::NoLeadingSlash, 0));
        }
        let mut parser = Parser {
            text: text.as_bytes(),
            position: 0,
            start: Vec::new(),
            params: Vec::new(),
            catch_all: false,
            names: Vec::new(),
        };
        while parser.position < parser.text.len() {
            parser.step()?;
        }
        Ok(Pattern {
            start: parser.start,
            params: parser.params,
            catch_all: parser.catch_all,
            names: parser.names.into(),
        })
    }
}

struct Parser<'t> {
    text: &'t [u8],
    position: usize,
    start: Vec<u8>,
    params: Vec<Param>,
    catch_all: bool,
    names: Vec<Box<str>>,
}

impl Parser<'_> {
    /// Takes one byte of static text, one escaped brace or one parameter.
    fn step(&mut self) -> Result<(), PatternError> {
        let here = self.position;
        if self.catch_all {
            return Err(problem(PatternProblem::CatchAllNotLast, here));
        }
        match &self.text[here..] {
            [brace @ b'{', b'{', ..] | [brace @ b'}', b'}', ..] => {
                self.push(*brace);
                self.position += 2;
            }
            [b'{', ..] => self.parameter()?,
            [b'}', ..] => return Err(problem(PatternProblem::Unopened, here)),
            [0..=b' ' | b'?' | b'#' | 0x7f, ..] => {
                return Err(problem(PatternProblem::NotInPaths, here));
            }
            [byte, ..] => {
                self.push(*byte);
                self.position += 1;
            }
            [] => {}
        }
        Ok(())
    }

    /// Adds a byte to the static text that is being read.
    fn push(&mut self, byte: u8) {
        match self.params.last_mut() {
            None => self.start.push(byte),
            Some(param) if param.text.is_empty() && byte != b'/' => param.suffix.push(byte),
            Some(param) => param.text.push(byte),
        }
    }

    /// Takes `{name}` or `{*name}`.
    fn parameter(&mut self) -> Result<(), PatternError> {
        let open = self.position;
        let inside = &self.text[open + 1..];
        let length = memchr::memchr3(b'}', b'{', b'/', inside)
            .filter(|&length| inside[length] == b'}')
            .ok_or(problem(PatternProblem::Unclosed, open))?;
        let (name, catch_all) = match &inside[..length] {
            [b'*', name @ ..] => (name, true),
            name => (name, false),
        };
        self.name(name, open)?;
        let before = self.params.last().map_or(&self.start, |param| &param.text);
        if before.is_empty() {
            return Err(problem(PatternProblem::SecondInSegment, open));
        }
        if catch_all && !before.ends_with(b"/") {
            return Err(problem(PatternProblem::CatchAllInSegment, open));
        }
        if catch_all {
            self.catch_all = true;
        } else {
            self.params.push(Param::default());
        }
        self.position = open + 1 + length + 1;
        Ok(())
    }

    /// Checks and keeps the name of the parameter whose brace opens at `open`.
    fn name(&mut self, name: &[u8], open: usize) -> Result<(), PatternError> {
        let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if name.is_empty() {
            return Err(problem(PatternProblem::EmptyName, open));
        }
        if !name.iter().all(of_name) {
            return Err(problem(PatternProblem::Name, open));
        }
        if self.names.iter().any(|known| known.as_bytes() == name) {
            return Err(problem(PatternProblem::RepeatedName, open));
        }
        if self.names.len() == PARAMS_MAX {
            return Err(problem(PatternProblem::TooManyParams, open));
        }
        self.names.push(String::from_utf8_lossy(name).into());
        Ok(())
    }
}

fn problem(problem: PatternProblem, position: usize) -> PatternError {
    PatternError { problem, position }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fall_into_pieces() {
        type Case<'c> = (
            &'c str,
            &'c str,
            &'c [(&'c str, &'c str)],
            bool,
            &'c [&'c str],
        );
        let cases: [Case<'_>; 11] = [
            ("/", "/", &[], false, &[]),
            ("/a/b", "/a/b", &[], false, &[]),
            ("/{id}", "/", &[("", "")], false, &["id"]),
            ("/@{user}/", "/@", &[("", "/")], false, &["user"]),
            (
                "/f/{name}.json/x",
                "/f/",
                &[(".json", "/x")],
                false,
                &["name"],
            ),
            ("/{a}/{b}", "/", &[("", "/"), ("", "")], false, &["a", "b"]),
            ("/f/{*rest}", "/f/", &[], true, &["rest"]),
            ("/{a-1}/{*B_2}", "/", &[("", "/")], true, &["a-1", "B_2"]),
            ("/{{x}}", "/{x}", &[], false, &[]),
            ("/{{{a}}}{{b/c}}", "/{", &[("}{b", "/c}")], false, &["a"]),
            ("/é", "/é", &[], false, &[]),
        ];
        for (text, start, params, catch_all, names) in cases {
            let parsed = Pattern::parse(text).unwrap();
            assert_eq!(parsed.start, start.as_bytes(), "{text}");
            let expected = params.iter().map(|(suffix, text)| Param {
                suffix: suffix.as_bytes().to_vec(),
                text: text.as_bytes().to_vec(),
            });
            assert_eq!(parsed.params, expected.collect::<Vec<_>>(), "{text}");
            assert_eq!(parsed.catch_all, catch_all, "{text}");
            assert!(
                parsed
                    .names
                    .iter()
                    .map(|name| &**name)
                    .eq(names.iter().copied()),
                "{text}"
            );
        }
    }

    #[test]
    fn malformed_patterns_are_refused_with_the_position() {
        let many: String = (0..=PARAMS_MAX).map(|n| format!("/{{p{n}}}")).collect();
        for (pattern, expected, position) in [
            ("", PatternProblem::NoLeadingSlash, 0),
            ("a/b", PatternProblem::NoLeadingSlash, 0),
            ("{*all}", PatternProblem::NoLeadingSlash, 0),
            ("/a b", PatternProblem::NotInPaths, 2),
            ("/a?b", PatternProblem::NotInPaths, 2),
            ("/a#b", PatternProblem::NotInPaths, 2),
            ("/a\n", PatternProblem::NotInPaths, 2),
            ("/{", PatternProblem::Unclosed, 1),
            ("/x/{id", PatternProblem::Unclosed, 3),
            ("/{id/x}", PatternProblem::Unclosed, 1),
            ("/{a{b}", PatternProblem::Unclosed, 1),
            ("/a}", PatternProblem::Unopened, 2),
            ("/{a}}", PatternProblem::Unopened, 4),
            ("/{}", PatternProblem::EmptyName, 1),
            ("/{*}", PatternProblem::EmptyName, 1),
            ("/{id:[0-9]+}", PatternProblem::Name, 1),
            ("/{a*}", PatternProblem::Name, 1),
            ("/{a}/{a}", PatternProblem::RepeatedName, 5),
            ("/{a}/{*a}", PatternProblem::RepeatedName, 5),
            ("/{a}{b}", PatternProblem::SecondInSegment, 4),
            ("/{a}-{b}", PatternProblem::SecondInSegment, 5),
            ("/{a}{*b}", PatternProblem::SecondInSegment, 4),
            ("/{*a}/b", PatternProblem::CatchAllNotLast, 5),
            ("/{*a}{b}", PatternProblem::CatchAllNotLast, 5),
            ("/a{*b}", PatternProblem::CatchAllInSegment, 2),
            (&many, PatternProblem::TooManyParams, many.len() - 5),
        ] {
            let error = Pattern::parse(pattern).err().unwrap();
            assert_eq!(error, problem(expected, position), "{pattern}");
            assert!(error.to_string().contains(&format!("at byte {position}:")));
        }
    }

    #[test]
    fn sixteen_parameters_are_not_too_many() {
        let many: String = (0..PARAMS_MAX).map(|n| format!("/{{p{n}}}")).collect();
        assert_eq!(Pattern::parse(&many).unwrap().names.len(), PARAMS_MAX);
    }
}
