//! Where a value comes from: the flag if it was given, else the first variable that is set, else
//! the flag's default.
//!
//! Must not know which flags and variables there are.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;

/// A variable's name and how its text is read.
pub type Variable<T> = (&'static str, fn(&str) -> Result<T, String>);

/// The command line and the environment.
pub struct Sources<'a> {
    /// The parsed command line.
    pub matches: &'a ArgMatches,
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Sources<'_> {
    /// Whether this flag was given on the command line.
    pub fn is_given(&self, flag: &str) -> bool {
        self.matches.value_source(flag) == Some(ValueSource::CommandLine)
    }

    /// `value` if it is from the command line, else that of the first variable which is set, else
    /// `value` all the same, for it is then the default.
    ///
    /// # Errors
    ///
    /// When the variable's text cannot be read; says which one it was.
    pub fn pick<T>(&self, flag: &str, value: T, variables: &[Variable<T>]) -> Result<T, String> {
        self.find(flag, value, variables).map(|(found, _)| found)
    }

    /// As `pick`, and whether anything but the default said so.
    ///
    /// # Errors
    ///
    /// As `pick`.
    pub fn find<T>(
        &self,
        flag: &str,
        value: T,
        variables: &[Variable<T>],
    ) -> Result<(T, bool), String> {
        if self.is_given(flag) {
            return Ok((value, true));
        }
        for (name, read) in variables {
            if let Some(found) = self.read(name, *read)? {
                return Ok((found, true));
            }
        }
        Ok((value, false))
    }

    /// The value of a variable; one that is set but empty counts as not set, for that is what
    /// `docker compose` makes of `NAME=${NAME:-}`.
    ///
    /// # Errors
    ///
    /// When its text cannot be read.
    pub fn read<T>(
        &self,
        name: &str,
        read: fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        let Some(text) = (self.variable)(name).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let text = text
            .into_string()
            .map_err(|_| format!("the value of {name} is not UTF-8"))?;
        match read(&text) {
            Ok(value) => Ok(Some(value)),
            Err(why) => Err(format!(
                "invalid value '{text}' in the environment's {name}: {why}"
            )),
        }
    }

    /// A variable that holds a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name)
            .filter(|text| !text.is_empty())
            .map(PathBuf::from)
    }
}
