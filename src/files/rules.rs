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
