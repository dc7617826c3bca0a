//! What a line of the access log is made of.

use std::time::Duration;

use reactor::http::Version;
use reactor::tls::{ClientCertificate, TlsInfo, TlsVersion};
use reactor::transport::Peer;
use reactor::{FieldName, Status, Summary};

use super::stamp::{Stamp, Style};
use super::{Format, combined, json, text};

/// One finished request, for a line. Texts are as the client sent them and may hold any byte.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When the head had arrived, since the Unix epoch.
    pub at: Duration,
    /// From the end of the head to the end of the answer.
    pub duration: Duration,
    /// Who sent it.
    pub peer: Peer,
    /// The status that was sent.
    pub status: Status,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the response's body.
    pub bytes_out: u64,
    /// What was asked; `None` when it could not be read.
    pub asked: Option<Asked<'a>>,
}

/// What a request asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method's text.
    pub method: &'a str,
    /// The target as it was sent.
    pub target: &'a str,
    /// The path in its normal form, without query.
    pub path: &'a str,
    /// The host, without port.
    pub host: &'a str,
    /// The version.
    pub version: Version,
    /// The pattern of the route.
    pub route: &'a str,
    /// The `User-Agent` field.
    pub user_agent: &'a [u8],
    /// The `Referer` field.
    pub referer: &'a [u8],
    /// How the connection was secured; `None` for a plain one.
    pub tls: Option<Secured<'a>>,
}

/// How a connection was secured.
#[derive(Clone, Copy, Debug)]
pub struct Secured<'a> {
    /// The version.
    pub version: TlsVersion,
    /// The suite, by IANA's name.
    pub cipher: &'a str,
    /// Whether it goes on from an earlier connection.
    pub is_resumed: bool,
    /// The name that the client asked for.
    pub server_name: Option<&'a str>,
    /// The certificate that the client showed.
    pub client: Option<&'a ClientCertificate>,
}

impl<'a> Secured<'a> {
    /// What the engine knows.
    fn of(tls: &'a TlsInfo) -> Secured<'a> {
        Secured {
            version: tls.version(),
            cipher: tls.cipher_suite(),
            is_resumed: tls.is_resumed(),
            server_name: tls.server_name(),
            client: tls.client(),
        }
    }
}

impl<'a> Entry<'a> {
    /// What a summary says.
    pub fn of(summary: &Summary<'a>) -> Entry<'a> {
        let asked = summary.request.map(|request| Asked {
            method: request.method_text(),
            target: request.target(),
            // `*` and `host:port` have no path.
            path: if request.path().is_empty() {
                request.target()
            } else {
                request.path()
            },
            host: request.host(),
            version: request.version(),
            route: request.pattern(),
            user_agent: request.field(FieldName::UserAgent).unwrap_or_default(),
            referer: request.field(FieldName::Referer).unwrap_or_default(),
            tls: request.tls().map(Secured::of),
        });
        Entry {
            at: summary.at,
            duration: summary.duration,
            peer: summary.peer,
            status: summary.status,
            bytes_in: summary.bytes_in,
            bytes_out: summary.bytes_out,
            asked,
        }
    }
}

/// Turns entries into lines of one format.
#[derive(Debug)]
pub struct Formatter {
    format: Format,
    colours: bool,
    stamp: Stamp,
}

impl Formatter {
    /// A formatter; `colours` means something for [`Format::Text`] only.
    pub fn new(format: Format, colours: bool) -> Formatter {
        let style = match format {
            Format::Json => Style::Rfc3339,
            Format::Combined | Format::Common => Style::Common,
            Format::Text => Style::Clock,
        };
        Formatter {
            format,
            colours,
            stamp: Stamp::new(style),
        }
    }

    /// Appends the line of `entry`, with its line feed.
    pub fn write(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        match self.format {
            Format::Json => json::write(entry, &mut self.stamp, out),
            Format::Combined => combined::write(entry, true, &mut self.stamp, out),
            Format::Common => combined::write(entry, false, &mut self.stamp, out),
            Format::Text => text::write(entry, self.colours, &mut self.stamp, out),
        }
        out.push(b'\n');
    }
}

/// The version as request lines have it.
pub fn version_text(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
    }
}

#[cfg(test)]
pub mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// An entry to compare formats by, at 2026-11-20 13:14:05.042 UTC.
    pub fn example() -> Entry<'static> {
        Entry {
            at: Duration::from_millis(1_795_180_445_042),
            duration: Duration::from_micros(1_234),
            peer: Peer::V4(Ipv4Addr::new(192, 0, 2, 1), 49_152),
            status: Status::OK,
            bytes_in: 7,
            bytes_out: 1_536,
            asked: Some(Asked {
                method: "GET",
                target: "/users/%37?x=\"1\"",
                path: "/users/7",
                host: "example.com",
                version: Version::Http11,
                route: "/users/{id}",
                user_agent: b"curl/8 \"\xff\"",
                referer: b"",
                tls: None,
            }),
        }
    }

    /// The example over TLS.
    pub fn secured(client: Option<&ClientCertificate>) -> Entry<'_> {
        let mut entry = example();
        entry.asked.as_mut().unwrap().tls = Some(Secured {
            version: TlsVersion::V1_3,
            cipher: "TLS_AES_128_GCM_SHA256",
            is_resumed: false,
            server_name: Some("example.com"),
            client,
        });
        entry
    }

    /// The example's line in a format.
    pub fn line(entry: &Entry<'_>, format: Format, colours: bool) -> String {
        let mut out = Vec::new();
        Formatter::new(format, colours).write(entry, &mut out);
        String::from_utf8(out).unwrap()
    }
}
