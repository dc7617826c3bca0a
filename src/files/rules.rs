//! What a path decides of a file, whatever is in it: its type, how long others may keep it, whether
//! it is sent in codings.

use super::asset::Traits;
use super::config::{CacheControl, Config};
use super::types::{Types, is_compressible};
use crate::encoding::Coding;

/// Shorter files are not coded: the fields that say so are as long as what is saved.
const CODED_BYTES_MIN: u64 = 256;

/// The rules.
#[derive(Debug)]
pub struct Rules {
    /// Names of files that answer for the directory they are in, the first one first.
    pub index: Vec<String>,
    /// Codings for which a file beside the one that is asked for is looked for.
    pub precompressed: Vec<Coding>,
    /// Codings in which files are sent that have none beside them.
    pub compress: Vec<Coding>,
    cache_control: Vec<CacheControl>,
    types: Types,
}

impl Rules {
    /// The rules that `config` states.
    pub fn new(config: &Config) -> Rules {
        Rules {
            index: config.index.clone(),
            precompressed: config.precompressed.clone(),
            compress: config.compress.clone(),
            cache_control: config.cache_control.clone(),
            types: Types::new(&config.types),
        }
    }

    /// What holds for the file at `path`.
    pub fn traits(&self, path: &[u8]) -> Traits {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let content_type = self.types.content_type(name).to_owned();
        let cache_control = self.cache_control(path, name).map(str::to_owned);
        let is_compressible = is_compressible(&content_type);
        let must_stay = cache_control.as_deref().is_some_and(forbids_coding);
        let may_be_coded = is_compressible && !must_stay && !self.compress.is_empty();
        let has_siblings = is_compressible && !self.precompressed.is_empty();
        Traits {
            content_type,
            cache_control,
            varies: may_be_coded || has_siblings,
            may_be_coded,
        }
    }

    /// The codings for a file of `size` bytes that is coded on the fly.
    pub fn codings(&self, traits: &Traits, size: u64) -> &[Coding] {
        match traits.may_be_coded && size >= CODED_BYTES_MIN {
            true => &self.compress,
            false => &[],
        }
    }

    fn cache_control(&self, path: &[u8], name: &[u8]) -> Option<&str> {
        /// A star does not match a slash, two do; a dot at the beginning of a name is as any other.
        const OPTIONS: glob::MatchOptions = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: false,
        };
        let is_for = |rule: &&CacheControl| {
            let Some(pattern) = &rule.pattern else {
                return true;
            };
            // What is not UTF-8 is matched by stars alone.
            match pattern.as_str().contains('/') {
                true => {
                    let path = format!("/{}", String::from_utf8_lossy(path));
                    pattern.matches_with(&path, OPTIONS)
                }
                false => pattern.matches_with(&String::from_utf8_lossy(name), OPTIONS),
            }
        };
        let rule = self.cache_control.iter().find(is_for)?;
        Some(&rule.value)
    }
}

/// Whether a value of `Cache-Control` says that the bytes must stay as they are (RFC 9111 section
/// 5.2.2.6).
pub fn forbids_coding(cache_control: &str) -> bool {
    let mut directives = cache_control.split(',');
    directives.any(|directive| directive.trim().eq_ignore_ascii_case("no-transform"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::sample;
    use super::*;

    fn rules(change: impl FnOnce(Config) -> Config) -> Rules {
        Rules::new(&change(sample::config(Path::new("/srv"))))
    }

    fn cache_control(rules: &[(&str, &str)]) -> Rules {
        let rule = |(pattern, value): &(&str, &str)| CacheControl {
            pattern: (*pattern != "all").then(|| glob::Pattern::new(pattern).unwrap()),
            value: (*value).to_owned(),
        };
        self::rules(|config| Config {
            cache_control: rules.iter().map(rule).collect(),
            ..config
        })
    }

    #[test]
    fn the_first_pattern_that_is_for_a_file_counts() {
        let rules = cache_control(&[
            ("/assets/**", "assets"),
            ("/fonts/*.woff2", "fonts"),
            ("/**/private/*", "private"),
            ("*.css", "styles"),
            ("*.min.*", "small"),
            ("/robots.txt", "robots"),
            ("*.[jt]s", "scripts"),
            ("*", "rest"),
            ("all", "never"),
        ]);
        for (path, value) in [
            ("assets/a.css", "assets"),
            ("assets/deep/down/a.css", "assets"),
            ("assets", "rest"),
            ("other/assets/a.css", "styles"),
            ("fonts/a.woff2", "fonts"),
            // A star does not match a slash.
            ("fonts/more/a.woff2", "rest"),
            ("private/a", "private"),
            ("a/b/private/c", "private"),
            ("a/b/private/c/d", "rest"),
            ("a.css", "styles"),
            ("a/b/c.css", "styles"),
            ("a.CSS", "rest"),
            ("css", "rest"),
            (".css", "styles"),
            ("a.min.js", "small"),
            ("a.js", "scripts"),
            ("dir.js/a", "rest"),
            ("robots.txt", "robots"),
            ("a/robots.txt", "rest"),
            (".well-known/x", "rest"),
        ] {
            let traits = rules.traits(path.as_bytes());
            assert_eq!(traits.cache_control.as_deref(), Some(value), "{path}");
        }
    }

    #[test]
    fn a_file_that_no_pattern_is_for_has_no_value() {
        assert_eq!(rules(|config| config).traits(b"a.css").cache_control, None);
        let rules = cache_control(&[("*.css", "styles"), ("all", "rest")]);
        assert_eq!(rules.traits(b"a").cache_control.as_deref(), Some("rest"));
        let rules = cache_control(&[("*.css", "styles"), ("/a/?.js", "one")]);
        for path in [&b"a.js"[..], b"a/bc.js", b"css.", b""] {
            assert_eq!(rules.traits(path).cache_control, None);
        }
        // What is not UTF-8 is a name as any other.
        let traits = rules.traits(b"\xff\xfe.css");
        assert_eq!(traits.cache_control.as_deref(), Some("styles"));
    }

    #[test]
    fn what_may_be_coded_depends_on_its_type_and_its_fields() {
        let plain = rules(|config| config);
        for (path, varies, may_be_coded) in [
            (&b"a.txt"[..], true, true),
            (b"a.html", true, true),
            (b"a.svg", true, true),
            (b"a.png", false, false),
            (b"a.zip", false, false),
            (b"a", false, false),
        ] {
            let traits = plain.traits(path);
            assert_eq!((traits.varies, traits.may_be_coded), (varies, may_be_coded));
        }
        let none = rules(|config| Config {
            compress: Vec::new(),
            precompressed: Vec::new(),
            ..config
        });
        let traits = none.traits(b"a.txt");
        assert!(!traits.varies && !traits.may_be_coded);
        let beside = rules(|config| Config {
            compress: Vec::new(),
            ..config
        });
        let traits = beside.traits(b"a.txt");
        assert!(traits.varies && !traits.may_be_coded);
        // RFC 9111 section 5.2.2.6: the bytes stay as they are.
        let fixed = cache_control(&[("all", "public, No-Transform")]);
        let traits = fixed.traits(b"a.txt");
        assert!(traits.varies && !traits.may_be_coded);
    }

    #[test]
    fn a_short_file_is_not_coded() {
        let rules = rules(|config| config);
        let text = rules.traits(b"a.txt");
        assert_eq!(rules.codings(&text, CODED_BYTES_MIN - 1), []);
        assert_eq!(rules.codings(&text, CODED_BYTES_MIN), Coding::ALL);
        assert_eq!(rules.codings(&rules.traits(b"a.png"), 1 << 30), []);
    }

    #[test]
    fn a_directive_is_a_word_of_its_own() {
        for value in [
            "no-transform",
            "NO-TRANSFORM",
            "a, no-transform",
            "max-age=1,no-transform ",
        ] {
            assert!(forbids_coding(value), "{value}");
        }
        for value in [
            "",
            "no-transforms",
            "x-no-transform",
            "no-store",
            "no-transform=1",
        ] {
            assert!(!forbids_coding(value), "{value}");
        }
    }
}
