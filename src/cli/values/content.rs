//! Values of the flags for what is served: paths, statuses, patterns, header fields and types.

use std::path::PathBuf;

use glob::Pattern;

use super::{OFF, is_visible, or_off, size};
use crate::encoding::Coding;
use crate::files::{CacheControl, ErrorPage, Try};
use crate::middleware::HeaderField;

/// Fields that the server writes itself, whatever others say of them: they tell how an answer is
/// sent, or which form of a file it has.
const OWN_FIELDS: [&str; 13] = [
    "Content-Length",
    "Transfer-Encoding",
    "Trailer",
    "Connection",
    "Keep-Alive",
    "Upgrade",
    "Date",
    "Server",
    "Content-Encoding",
    "Content-Range",
    "Accept-Ranges",
    "ETag",
    "Last-Modified",
];

/// What a candidate of `--try-files` has in the place of the path that was asked for.
const URI: &str = "$uri";

/// What is looked for, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TryFiles(pub Vec<Try>);

/// Codings, the best first; none for `off`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codings(pub Vec<Coding>);

/// A content type and the extensions it is for, in lower case and without dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mime {
    /// The type, with its parameters.
    pub content_type: String,
    /// The extensions.
    pub extensions: Vec<String>,
}

/// A name of an index file.
pub fn index_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(['/', '\0']) || text.starts_with('.') {
        return Err("write names of files, as in index.html,index.htm".into());
    }
    Ok(text.to_owned())
}

/// What is looked for, with commas or white space between: paths, and a status at the end.
pub fn try_files(text: &str) -> Result<TryFiles, String> {
    let separators = |c: char| c == ',' || c.is_whitespace();
    let parts = text.split(separators).filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts.collect();
    let mut candidates = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        candidates.push(match part.strip_prefix('=') {
            Some(code) if at > 0 && at + 1 == parts.len() => Try::Status(status(code)?),
            Some(_) => return Err(format!("'{part}' stands at the end, with paths before it")),
            None => Try::Path(candidate(part)?),
        });
    }
    // Without it every request would have the same answer, and that is not what anyone typed.
    if !text.contains(URI) {
        return Err(format!(
            "there is no {URI} in it: write it in single quotes, or the shell takes it away"
        ));
    }
    Ok(TryFiles(candidates))
}

/// The file that answers where there is none, as a candidate: from the root on.
pub fn fallback(text: &str) -> Result<String, String> {
    let wanted = "write the path of a file below the directory, as in index.html";
    if text.starts_with('=') || text.contains('$') || text.ends_with('/') || text.is_empty() {
        return Err(wanted.into());
    }
    candidate(text)
}

/// A path in which `$uri` stands for the one that was asked for. Neither may lead upwards.
fn candidate(text: &str) -> Result<String, String> {
    for (at, _) in text.match_indices('$') {
        let name = text[at + 1..].split(|c: char| !c.is_alphanumeric() && c != '_');
        let name = name.take(1).collect::<String>();
        if name != URI[1..] {
            return Err(format!("there is no variable '${name}', write {URI}"));
        }
    }
    if text.starts_with('@') {
        return Err(format!("there are no named places like '{text}'"));
    }
    // The path that was asked for may end in a slash.
    let mut names = text.split('/').flat_map(|part| part.split(URI));
    if names.any(|name| matches!(name, "." | "..")) {
        return Err(format!(
            "there must be no . or .. among the names of '{text}'"
        ));
    }
    if text.contains(|c: char| c == '\\' || c.is_control()) {
        return Err("a path has no backslash and no control character".into());
    }
    let is_whole = text.starts_with(URI) || text.starts_with('/');
    Ok(if is_whole {
        text.to_owned()
    } else {
        format!("/{text}")
    })
}

/// The status of an error.
fn status(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(code @ 400..=599) if !text.starts_with('+') => Ok(code),
        _ if text.contains(',') => Err(format!(
            "'{text}' is no status: write a range, as in 400-499, or the flag once for each"
        )),
        _ => Err(format!("'{text}' is no status from 400 to 599")),
    }
}

/// Statuses and the file for them.
pub fn error_page(text: &str) -> Result<ErrorPage, String> {
    let wanted = "write STATUS=FILE, as in 404=404.html, 500-504=x.html or 5xx=50x.html";
    let (range, file) = match text.split_once('=') {
        Some((range, file)) if !file.is_empty() => (range, PathBuf::from(file)),
        _ => return Err(wanted.into()),
    };
    let (first, last) = match range.split_once('-') {
        _ if range.eq_ignore_ascii_case("4xx") => (400, 499),
        _ if range.eq_ignore_ascii_case("5xx") => (500, 599),
        Some((first, last)) => (status(first)?, status(last)?),
        None => (status(range)?, status(range)?),
    };
    if first > last {
        return Err(format!("'{range}' goes backwards"));
    }
    Ok(ErrorPage { first, last, file })
}

/// A value of `Cache-Control`, behind a pattern or for all files.
pub fn cache_control(text: &str) -> Result<CacheControl, String> {
    let (pattern, value) = if text.starts_with(['/', '*']) {
        let missing = "the value is missing, as in '*.css=max-age=3600'";
        let (pattern, value) = text.split_once('=').ok_or(missing)?;
        let words = pattern.rsplit_once(char::is_whitespace);
        if words.is_some_and(|(_, last)| VALUED.contains(&last)) {
            return Err(missing.into());
        }
        if pattern.contains('{') && pattern.contains('}') {
            return Err("there are no { } in patterns: write the flag once for each".into());
        }
        (Some(glob(pattern)?), value)
    } else {
        (None, text)
    };
    if !is_visible(value) {
        return Err("write a value in visible ASCII characters, as in max-age=3600".into());
    }
    if let Some(name) = strange_directive(value) {
        return Err(format!(
            "there is no directive '{name}'; a pattern begins with / or *, as in '*.css=no-cache'"
        ));
    }
    Ok(CacheControl {
        pattern,
        value: value.to_owned(),
    })
}

/// Directives of `Cache-Control` that have a value (RFC 9111 section 5.2.2, RFC 5861): none is the
/// end of a pattern.
const VALUED: [&str; 4] = [
    "max-age",
    "s-maxage",
    "stale-while-revalidate",
    "stale-if-error",
];

/// The name of a directive that none has: a pattern that was begun in another way would else be
/// sent with every file. What is quoted is not looked at.
fn strange_directive(value: &str) -> Option<&str> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let name = |directive| str::split(directive, "=").next().unwrap_or_default().trim();
    let plain = value.split('"').next().unwrap_or_default();
    let mut names = plain.split(',').map(name);
    names.find(|name| name.is_empty() || !name.chars().all(is_letter))
}

/// A pattern of paths.
fn glob(text: &str) -> Result<Pattern, String> {
    Pattern::new(text).map_err(|error| {
        let position = error.pos + 1;
        let why = error.msg.replace('`', "");
        format!("the pattern '{text}' is wrong near its character {position}: {why}")
    })
}

/// A header field.
pub fn header(text: &str) -> Result<HeaderField, String> {
    let wanted = "write NAME: VALUE, as in 'X-Frame-Options: DENY'";
    let (name, value) = text.split_once(':').ok_or(wanted)?;
    let value = value.trim();
    if !is_token(name) {
        return Err(format!("'{name}' is no name of a field; {wanted}"));
    }
    if !is_visible(value) {
        return Err(format!("write visible ASCII characters behind '{name}:'"));
    }
    match OWN_FIELDS.iter().find(|own| own.eq_ignore_ascii_case(name)) {
        Some(&"Server") => Err("for Server there is --server-header".into()),
        Some(own) => Err(format!("{own} is written by the server itself")),
        None => Ok(HeaderField {
            name: name.to_owned(),
            value: value.to_owned(),
        }),
    }
}

/// A content type and its extensions.
pub fn mime(text: &str) -> Result<Mime, String> {
    let wanted = "write TYPE=EXTENSION, as in text/x-log=log,trace";
    // Parameters have the sign too: it is the last one that counts.
    let (content_type, extensions) = text.rsplit_once('=').ok_or(wanted)?;
    if !is_content_type(content_type) {
        return Err(format!("'{content_type}' is no content type; {wanted}"));
    }
    let extension = |text: &str| {
        let text = text.trim();
        let name = text.strip_prefix('.').unwrap_or(text);
        let is_wrong =
            |c: char| matches!(c, '.' | '/' | '\\') || c.is_whitespace() || c.is_control();
        match name.is_empty() || name.contains(is_wrong) {
            true => Err(format!("'{text}' is no extension; {wanted}")),
            false => Ok(name.to_ascii_lowercase()),
        }
    };
    Ok(Mime {
        content_type: content_type.to_owned(),
        extensions: extensions
            .split(',')
            .map(extension)
            .collect::<Result<_, _>>()?,
    })
}

/// Whether this is a media type (RFC 9110 section 8.3.1). A semicolon in a quoted parameter is not
/// understood.
fn is_content_type(text: &str) -> bool {
    let mut parts = text.split(';').map(str::trim);
    let is_type = |text: &str| match text.split_once('/') {
        Some((kind, subtype)) => is_token(kind) && is_token(subtype),
        None => false,
    };
    let is_quoted = |value: &str| {
        let inner = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        inner.is_some_and(|inner| !inner.contains(['"', '\\']) && inner.is_ascii())
    };
    let is_parameter = |text: &str| match text.split_once('=') {
        Some((name, value)) => is_token(name) && (is_token(value) || is_quoted(value)),
        None => false,
    };
    parts.next().is_some_and(is_type) && parts.all(is_parameter) && is_visible(text)
}

/// Whether this is a token (RFC 9110 section 5.6.2).
fn is_token(text: &str) -> bool {
    let is_token_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Codings with commas between them.
pub fn codings(text: &str) -> Result<Codings, String> {
    if text == OFF {
        return Ok(Codings(Vec::new()));
    }
    let mut codings = Vec::new();
    for name in text.split(',').map(str::trim) {
        let found = Coding::ALL
            .into_iter()
            .find(|coding| coding.as_str() == name);
        match found {
            Some(coding) if codings.contains(&coding) => {
                return Err(format!("{name} is there twice"));
            }
            Some(coding) => codings.push(coding),
            None => return Err("write zstd, br or gzip, with commas between them, or off".into()),
        }
    }
    Ok(Codings(codings))
}

/// Bytes of a worker's cache of files; 0 for none.
pub fn file_cache(text: &str) -> Result<usize, String> {
    match text {
        OFF => Ok(0),
        _ => or_off(size(text, 1, isize::MAX as u64).map(|bytes| bytes as usize)),
    }
}
