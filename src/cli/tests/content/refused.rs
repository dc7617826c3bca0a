//! Values that cannot be read, and what is said of each.

use super::wrong;

/// Checks what is said of a value of a flag, which is written as in the help.
fn refuses(flag: &str, values: &[(&str, &str)]) {
    let name = flag.split(' ').next().unwrap();
    for (value, why) in values {
        let line = wrong(&["./public", name, value], &[]);
        // The line has no ends of lines in it, nor what a terminal would take for an order.
        let value = value.replace("\r\n", " ").replace('\0', "");
        let expected =
            format!("invalid value '{value}' for '{flag}': {why} (see 'tidegate --help')");
        assert_eq!(line, expected);
    }
}

#[test]
fn what_cannot_be_looked_for_is_refused() {
    let shell = "there is no $uri in it: write it in single quotes, or the shell takes it away";
    refuses(
        "--try-files <LIST>",
        &[
            ("", shell),
            (" /  /index.html", shell),
            ("=404", "'=404' stands at the end, with paths before it"),
            (
                "$uri =404 /x",
                "'=404' stands at the end, with paths before it",
            ),
            ("$uri =200", "'200' is no status from 400 to 599"),
            ("$uri =600", "'600' is no status from 400 to 599"),
            ("$uri =+404", "'+404' is no status from 400 to 599"),
            ("$uri =", "'' is no status from 400 to 599"),
            (
                "$uri $request_uri",
                "there is no variable '$request_uri', write $uri",
            ),
            ("$uri $urix", "there is no variable '$urix', write $uri"),
            ("$uri /$", "there is no variable '$', write $uri"),
            ("$uri @backend", "there are no named places like '@backend'"),
            (
                "$uri ../x",
                "there must be no . or .. among the names of '../x'",
            ),
            (
                "$uri/../x",
                "there must be no . or .. among the names of '$uri/../x'",
            ),
            (
                "$uri ./x",
                "there must be no . or .. among the names of './x'",
            ),
            (
                "$uri..",
                "there must be no . or .. among the names of '$uri..'",
            ),
            (
                "..$uri",
                "there must be no . or .. among the names of '..$uri'",
            ),
            (
                "$uri a\\b",
                "a path has no backslash and no control character",
            ),
            (
                "$uri a\0b",
                "a path has no backslash and no control character",
            ),
        ],
    );
}

#[test]
fn a_fallback_or_an_index_that_is_no_file_is_refused() {
    let file = "write the path of a file below the directory, as in index.html";
    refuses(
        "--fallback <FILE>",
        &[
            ("", file),
            ("/", file),
            ("docs/", file),
            ("$uri.html", file),
            ("=404", file),
            (
                "../index.html",
                "there must be no . or .. among the names of '../index.html'",
            ),
            ("a\\b", "a path has no backslash and no control character"),
        ],
    );
    refuses(
        "--index <FILES>",
        &[("a/b", "write names of files, as in index.html,index.htm")],
    );
}

#[test]
fn what_is_no_page_of_an_error_is_refused() {
    let wanted = "write STATUS=FILE, as in 404=404.html, 500-504=x.html or 5xx=50x.html";
    refuses(
        "--error-page <STATUS=FILE>",
        &[
            ("404", wanted),
            ("404=", wanted),
            ("404.html", wanted),
            ("=404.html", "'' is no status from 400 to 599"),
            ("399=x", "'399' is no status from 400 to 599"),
            ("200=x", "'200' is no status from 400 to 599"),
            ("3xx=x", "'3xx' is no status from 400 to 599"),
            (
                "404,500=x",
                "'404,500' is no status: write a range, as in 400-499, or the flag once for each",
            ),
            ("500-600=x", "'600' is no status from 400 to 599"),
            ("504-500=x", "'504-500' goes backwards"),
        ],
    );
}

#[test]
fn what_is_no_value_of_cache_control_is_refused() {
    let visible = "write a value in visible ASCII characters, as in max-age=3600";
    let strange = |name| {
        format!(
            "there is no directive '{name}'; a pattern begins with / or *, as in '*.css=no-cache'"
        )
    };
    refuses(
        "--cache-control <[GLOB=]VALUE>",
        &[
            ("", visible),
            ("*.css=", visible),
            (" no-cache", visible),
            ("max-age=1\r\nX: y", visible),
            ("max-age=ü", visible),
            ("*.css", "the value is missing, as in '*.css=max-age=3600'"),
            (
                "*.css max-age=1",
                "the value is missing, as in '*.css=max-age=3600'",
            ),
            (
                "*.{png,jpg}=max-age=1",
                "there are no { } in patterns: write the flag once for each",
            ),
            ("assets/*=no-cache", &strange("assets/*")),
            ("index.html=no-cache", &strange("index.html")),
            ("max-age=1,", &strange("")),
            (
                "/a***=no-cache",
                "the pattern '/a***' is wrong near its character 5: wildcards are either regular \
                 * or recursive **",
            ),
            (
                "/a**=no-cache",
                "the pattern '/a**' is wrong near its character 2: recursive wildcards must form \
                 a single path component",
            ),
            (
                "*.[ch=no-cache",
                "the pattern '*.[ch' is wrong near its character 3: invalid range pattern",
            ),
        ],
    );
}

#[test]
fn what_is_no_header_field_is_refused() {
    let wanted = "write NAME: VALUE, as in 'X-Frame-Options: DENY'";
    refuses(
        "--header <NAME: VALUE>",
        &[
            ("", wanted),
            ("X-One", wanted),
            ("X-One=1", wanted),
            (": 1", &format!("'' is no name of a field; {wanted}")),
            (
                "X One: 1",
                &format!("'X One' is no name of a field; {wanted}"),
            ),
            (
                "X-One : 1",
                &format!("'X-One ' is no name of a field; {wanted}"),
            ),
            ("X-One:", "write visible ASCII characters behind 'X-One:'"),
            (
                "X-One: a\r\nb: c",
                "write visible ASCII characters behind 'X-One:'",
            ),
            ("X-One: ü", "write visible ASCII characters behind 'X-One:'"),
            ("server: x", "for Server there is --server-header"),
            ("Date: x", "Date is written by the server itself"),
            ("etag: x", "ETag is written by the server itself"),
            (
                "connection: close",
                "Connection is written by the server itself",
            ),
            (
                "Keep-Alive: 1",
                "Keep-Alive is written by the server itself",
            ),
            (
                "Content-Length: 1",
                "Content-Length is written by the server itself",
            ),
            (
                "transfer-encoding: chunked",
                "Transfer-Encoding is written by the server itself",
            ),
        ],
    );
}

#[test]
fn what_is_no_content_type_is_refused() {
    let wanted = "write TYPE=EXTENSION, as in text/x-log=log,trace";
    let no_type = |text| format!("'{text}' is no content type; {wanted}");
    let no_extension = |text| format!("'{text}' is no extension; {wanted}");
    refuses(
        "--mime <TYPE=EXT[,EXT...]>",
        &[
            ("", wanted),
            ("text/plain", wanted),
            ("log=text/plain", &no_type("log")),
            ("=log", &no_type("")),
            ("text/=log", &no_type("text/")),
            ("text/a b=log", &no_type("text/a b")),
            ("text/a/b=log", &no_type("text/a/b")),
            ("text/plain; charset=utf-8", &no_type("text/plain; charset")),
            ("text/plain;=log", &no_type("text/plain;")),
            ("text/plain; a=\"=log", &no_type("text/plain; a=\"")),
            ("text/plain; a=\"ü\"=log", &no_type("text/plain; a=\"ü\"")),
            ("text/plain;\ta=b=log", &no_type("text/plain;\ta=b")),
            ("text/plain=", &no_extension("")),
            ("text/plain=a,,b", &no_extension("")),
            ("text/plain=.", &no_extension(".")),
            ("text/plain=tar.gz", &no_extension("tar.gz")),
            ("text/plain=a/b", &no_extension("a/b")),
            ("text/plain=a b", &no_extension("a b")),
        ],
    );
}

#[test]
fn what_is_no_coding_and_no_size_is_refused() {
    let wanted = "write zstd, br or gzip, with commas between them, or off";
    for flag in ["--precompressed <LIST>", "--compress <LIST>"] {
        refuses(
            flag,
            &[
                ("", wanted),
                ("brotli", wanted),
                ("GZIP", wanted),
                ("br,", wanted),
                ("br,off", wanted),
                ("br,gzip,br", "br is there twice"),
            ],
        );
    }
    refuses(
        "--file-cache <SIZE>",
        &[
            ("0", "it must be more than zero, or off"),
            (
                "16EiB",
                "write a whole number of bytes, or one with its unit KiB, MiB or GiB, as in \
                       16KiB, or off",
            ),
            (
                "9223372036854775808",
                "at most 9223372036854775807 bytes are possible, or off",
            ),
        ],
    );
}
