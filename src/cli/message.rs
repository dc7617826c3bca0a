//! What is said about a wrong command line: one line, whatever was wrong.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The one line for an error of clap's, whose own texts have several.
pub fn one_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidArg)
    {
        let hint = match error.get(ContextKind::SuggestedArg) {
            Some(ContextValue::String(similar)) => format!(", did you mean '{similar}'?"),
            _ => String::new(),
        };
        let what = if given.starts_with('-') {
            "unknown option"
        } else {
            "unexpected argument"
        };
        return format!("{what} '{given}'{hint} (see 'tidegate --help')");
    }
    let text = error.to_string();
    let parts: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .collect();
    let line = parts.join(" ");
    let line = line
        .strip_prefix("error: ")
        .unwrap_or(&line)
        .replace(" tip: ", "; ");
    format!("{line} (see 'tidegate --help')")
}
