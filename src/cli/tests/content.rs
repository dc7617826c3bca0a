//! What is served, and how.

mod refused;

use std::path::PathBuf;

use clap::CommandFactory;

use super::{config, wrong};
use crate::cli::flags::Flags;
use crate::encoding::Coding;
use crate::files::{CacheControl, Config, ErrorPage, Try};
use crate::middleware::HeaderField;

/// What a directory is served with by these arguments.
fn files(arguments: &[&str]) -> Config {
    let arguments = [&["./public"], arguments].concat();
    config(&arguments, &[]).files.unwrap()
}

/// The candidates of a list, as they were written.
fn candidates(arguments: &[&str]) -> Vec<String> {
    let text = |own| match own {
        Try::Path(path) => path,
        Try::Status(code) => format!("={code}"),
    };
    let tries = files(arguments).try_files;
    tries.into_iter().map(text).collect()
}

#[test]
fn a_directory_is_served_carefully_unless_something_else_is_said() {
    let expected = Config {
        root: PathBuf::from("./public"),
        index: vec!["index.html".into()],
        browse: false,
        hidden: false,
        follow_symlinks: false,
        try_files: vec![Try::Path("$uri".into()), Try::Path("$uri/".into())],
        error_pages: Vec::new(),
        cache_control: Vec::new(),
        types: Vec::new(),
        precompressed: vec![Coding::Brotli, Coding::Zstd, Coding::Gzip],
        compress: vec![Coding::Zstd, Coding::Brotli, Coding::Gzip],
        cache_bytes_max: 64 << 20,
        sendfile: true,
    };
    assert_eq!(files(&[]), expected);
    let expected = Config {
        browse: true,
        hidden: true,
        follow_symlinks: true,
        ..expected
    };
    assert_eq!(
        files(&["--browse", "--hidden", "--follow-symlinks"]),
        expected
    );
}

#[test]
fn without_a_directory_its_flags_mean_nothing() {
    let values = [
        ("index", "--index FILES", "a.html"),
        ("browse", "--browse", ""),
        ("hidden", "--hidden", ""),
        ("follow_symlinks", "--follow-symlinks", ""),
        ("spa", "--spa", ""),
        ("fallback", "--fallback FILE", "a.html"),
        ("try_files", "--try-files LIST", "$uri"),
        ("error_page", "--error-page STATUS=FILE", "404=a.html"),
        ("cache_control", "--cache-control VALUE", "no-cache"),
        ("mime", "--mime TYPE=EXT", "text/x=x"),
        ("precompressed", "--precompressed LIST", "br"),
        ("compress", "--compress LIST", "off"),
        ("file_cache", "--file-cache SIZE", "off"),
        ("sendfile", "--sendfile SWITCH", "off"),
    ];
    for (id, usage, value) in values {
        let flag = format!("--{}", id.replace('_', "-"));
        let arguments = [flag.as_str(), value];
        let arguments = &arguments[..if value.is_empty() { 1 } else { 2 }];
        let expected = format!("{flag} needs a directory to serve: tidegate DIR {usage}");
        assert_eq!(wrong(arguments, &[]), expected);
        assert_eq!(wrong(&[&["--demo"], arguments].concat(), &[]), expected);
        config(arguments, &[("TIDEGATE_ROOT", "/srv")]);
    }
    // Every flag of the group is here, or does without a directory.
    for argument in Flags::command().get_arguments() {
        let id = argument.get_id().as_str();
        if argument.get_help_heading() == Some("What is served") {
            let is_tested = values.iter().any(|(known, ..)| *known == id);
            let is_free = matches!(id, "root" | "demo" | "header");
            assert!(is_tested != is_free, "{id}");
        }
    }
}

#[test]
fn what_is_looked_for_is_a_list_or_a_fallback() {
    assert_eq!(candidates(&["--spa"]), ["$uri", "$uri/", "/index.html"]);
    for (file, expected) in [
        ("404.html", "/404.html"),
        ("/app/index.html", "/app/index.html"),
        ("a b,c.html", "/a b,c.html"),
    ] {
        assert_eq!(
            candidates(&["--fallback", file]),
            ["$uri", "$uri/", expected]
        );
    }
    for (list, expected) in [
        ("$uri", &["$uri"][..]),
        (
            "$uri $uri/ $uri.html /index.html =404",
            &["$uri", "$uri/", "$uri.html", "/index.html", "=404"],
        ),
        ("$uri,index.html,=410", &["$uri", "/index.html", "=410"]),
        (" $uri ,, $uri/ ", &["$uri", "$uri/"]),
        ("cache$uri.html $uri", &["/cache$uri.html", "$uri"]),
        ("$uri/index.htm $uri-en", &["$uri/index.htm", "$uri-en"]),
        ("/.well-known$uri", &["/.well-known$uri"]),
    ] {
        assert_eq!(candidates(&["--try-files", list]), expected, "{list}");
    }
    for (one, other, said) in [
        (
            "--spa",
            "--fallback=a",
            "'--spa' cannot be used with '--fallback <FILE>'",
        ),
        (
            "--spa",
            "--try-files=$uri",
            "'--spa' cannot be used with '--try-files <LIST>'",
        ),
        (
            "--fallback=a",
            "--try-files=$uri",
            "'--fallback <FILE>' cannot be used with '--try-files <LIST>'",
        ),
    ] {
        let line = wrong(&["./public", one, other], &[]);
        assert_eq!(line, format!("the argument {said} (see 'tidegate --help')"));
    }
}

#[test]
fn errors_have_pages() {
    let page = |first, last, file: &str| ErrorPage {
        first,
        last,
        file: file.into(),
    };
    let arguments = [
        "--error-page=404=404.html",
        "--error-page=500-504=/srv/x=1.html",
        "--error-page",
        "4XX=40x.html",
        "--error-page=5xx=errors/50x.html",
    ];
    let expected = [
        page(404, 404, "404.html"),
        page(500, 504, "/srv/x=1.html"),
        page(400, 499, "40x.html"),
        page(500, 599, "errors/50x.html"),
    ];
    assert_eq!(files(&arguments).error_pages, expected);
    for (first, second) in [
        ("404=a", "404=b"),
        ("4xx=a", "404=b"),
        ("400-410=a", "404-405=b"),
    ] {
        let arguments = ["./public", "--error-page", first, "--error-page", second];
        assert_eq!(
            wrong(&arguments, &[]),
            "invalid --error-page: b is never sent, a before it is for the same"
        );
    }
}

#[test]
fn values_of_cache_control_are_for_all_files_or_for_some() {
    let value = |pattern: &str, value: &str| CacheControl {
        pattern: (!pattern.is_empty()).then(|| glob::Pattern::new(pattern).unwrap()),
        value: value.into(),
    };
    for (text, pattern, expected) in [
        ("max-age=60", "", "max-age=60"),
        ("no-cache", "", "no-cache"),
        (
            "private=\"a, b/c\", max-age=1",
            "",
            "private=\"a, b/c\", max-age=1",
        ),
        ("*=no-store", "*", "no-store"),
        ("*.css=max-age=3600", "*.css", "max-age=3600"),
        (
            "/assets/**=public, max-age=31536000, immutable",
            "/assets/**",
            "public, max-age=31536000, immutable",
        ),
        ("*.[hH][tT]ml=no-cache", "*.[hH][tT]ml", "no-cache"),
    ] {
        let found = files(&["--cache-control", text]).cache_control;
        assert_eq!(found, [value(pattern, expected)], "{text}");
    }
    let arguments = [
        "--cache-control=*.css=no-cache",
        "--cache-control=max-age=1",
    ];
    let expected = [value("*.css", "no-cache"), value("", "max-age=1")];
    assert_eq!(files(&arguments).cache_control, expected);
    for (first, second) in [
        ("no-cache", "*.css=max-age=1"),
        ("*.css=no-cache", "*.css=max-age=1"),
    ] {
        let arguments = [
            "./public",
            "--cache-control",
            first,
            "--cache-control",
            second,
        ];
        assert_eq!(
            wrong(&arguments, &[]),
            "invalid --cache-control: 'max-age=1' is never used, 'no-cache' before it is for the \
             same files"
        );
    }
}

#[test]
fn answers_get_header_fields() {
    let field = |name: &str, value: &str| HeaderField {
        name: name.into(),
        value: value.into(),
    };
    let arguments = [
        "--header=X-Frame-Options: DENY",
        "--header",
        "link:</a.css>; rel=preload",
        "--header=Link:  <https://b.example/>; rel=\"next\" ",
    ];
    let expected = [
        field("X-Frame-Options", "DENY"),
        field("link", "</a.css>; rel=preload"),
        field("Link", "<https://b.example/>; rel=\"next\""),
    ];
    assert_eq!(config(&arguments, &[]).headers, expected);
    let with_root = config(&["./public", arguments[0]], &[]);
    assert_eq!(with_root.headers, expected[..1]);
    assert_eq!(config(&[], &[]).headers, []);
}

#[test]
fn extensions_have_types() {
    let arguments = [
        "--mime=text/x-log=LOG,.trace",
        "--mime",
        "text/plain; charset=latin1=txt",
        "--mime=application/vnd.x+json;v=\"a=1\"= y ,Ü",
    ];
    let expected = [
        ("log", "text/x-log"),
        ("trace", "text/x-log"),
        ("txt", "text/plain; charset=latin1"),
        ("y", "application/vnd.x+json;v=\"a=1\""),
        ("Ü", "application/vnd.x+json;v=\"a=1\""),
    ];
    let expected = expected.map(|(extension, own)| (extension.to_owned(), own.to_owned()));
    assert_eq!(files(&arguments).types, expected);
    for second in ["text/b=x", "text/a=y,X"] {
        let line = wrong(&["./public", "--mime=text/a=x", "--mime", second], &[]);
        assert_eq!(line, "invalid --mime: x is given twice");
    }
}

#[test]
fn codings_and_the_cache_can_be_off() {
    let coded = files(&[
        "--precompressed=gzip",
        "--compress",
        "br, zstd",
        "--file-cache=1k",
    ]);
    assert_eq!(coded.precompressed, [Coding::Gzip]);
    assert_eq!(coded.compress, [Coding::Brotli, Coding::Zstd]);
    assert_eq!(coded.cache_bytes_max, 1024);
    let off = files(&["--precompressed=off", "--compress=off", "--file-cache=off"]);
    assert_eq!((off.precompressed, off.compress), (Vec::new(), Vec::new()));
    assert_eq!(off.cache_bytes_max, 0);
    assert!(!files(&["--sendfile", "off"]).sendfile && files(&["--sendfile", "on"]).sendfile);
}
