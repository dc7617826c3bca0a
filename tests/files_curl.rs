//! Files as curl gets them: coded, in parts, resumed after a cut, only if they have changed.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use common::{Folder, Server, pattern, skipped_without, text};

const LARGE: usize = 20_000_001;

/// A server of a few files, over HTTPS too, and what curl begins with to ask it.
struct Site {
    folder: Folder,
    server: Server,
}

impl Site {
    fn new() -> Option<Site> {
        if skipped_without("curl") {
            return None;
        }
        let folder = Folder::new();
        folder.write("large.bin", pattern(LARGE));
        folder.write("page.html", text(50_000));
        folder.write("long.html", text(3_000_000));
        let server = folder.serve(&["--tls-self-signed", "--tls-listen", "127.0.0.1:0"]);
        Some(Site { folder, server })
    }

    /// Both of its addresses, with the name of a file behind them.
    fn urls(&self, name: &str) -> [String; 2] {
        let (plain, secure) = (self.server.address(), self.server.secure_address());
        [
            format!("http://{plain}/{name}"),
            format!("https://{secure}/{name}"),
        ]
    }

    fn out(&self) -> String {
        self.folder.beside("out").to_str().unwrap().to_owned()
    }
}

fn curl(args: &[&str]) -> Output {
    Command::new("curl")
        .args(["-sS", "-k", "--noproxy", "*", "--max-time", "60"])
        .args(args)
        .output()
        .unwrap()
}

/// What curl printed; it must have gone well.
fn content(args: &[&str]) -> Vec<u8> {
    let output = curl(args);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "curl {args:?}: {error}");
    output.stdout
}

fn holds(path: impl AsRef<Path>, bytes: &[u8]) -> bool {
    fs::read(path).unwrap() == bytes
}

#[test]
fn whole_files_and_coded_ones() {
    let Some(site) = Site::new() else { return };
    for url in site.urls("large.bin") {
        assert!(content(&[&url]) == pattern(LARGE), "{url}");
        assert!(
            content(&["-0", "--no-alpn", &url]) == pattern(LARGE),
            "{url}"
        );
    }
    for (name, size) in [("page.html", 50_000), ("long.html", 3_000_000)] {
        for url in site.urls(name) {
            let plain = text(size);
            let write = ["-w", "%{stderr}%{size_download}"];
            for round in 0..2 {
                let output = curl(&[&write[..], &["--compressed", &url]].concat());
                assert!(output.stdout == plain, "{url} {round}");
                let length = String::from_utf8(output.stderr)
                    .unwrap()
                    .parse::<usize>()
                    .unwrap();
                assert!(length < size / 2, "{url}: {length} of {size} bytes");
            }
            assert!(
                content(&["--compressed", "-0", "--no-alpn", &url]) == plain,
                "{url}"
            );
        }
    }
}

#[test]
fn ranges() {
    let Some(site) = Site::new() else { return };
    let bytes = pattern(LARGE);
    for url in site.urls("large.bin") {
        for (range, expected) in [
            ("0-0", &bytes[..1]),
            ("1000000-1999999", &bytes[1_000_000..2_000_000]),
            ("-1000", &bytes[LARGE - 1000..]),
            ("19999999-", &bytes[19_999_999..]),
        ] {
            assert!(content(&["-r", range, &url]) == expected, "{url} {range}");
        }
        let parts = content(&["-r", "0-9,100-109", &url]);
        assert!(memchr::memmem::find(&parts, &bytes[100..110]).is_some());
        let code = content(&[
            "-r",
            "99999999-",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            &url,
        ]);
        assert_eq!(code, b"416");
    }
}

#[test]
fn a_download_that_was_cut_is_resumed_to_the_byte() {
    let Some(site) = Site::new() else { return };
    let bytes = pattern(LARGE);
    let out = site.out();
    for url in site.urls("large.bin") {
        for length in [1, 4095, 70_000, LARGE / 2, LARGE - 1] {
            fs::write(&out, &bytes[..length]).unwrap();
            content(&["-C", "-", "-o", &out, &url]);
            assert!(holds(&out, &bytes), "{url} from {length}");
        }
        // One that curl itself gives up, however far it came.
        fs::remove_file(&out).unwrap();
        let output = curl(&["--limit-rate", "2M", "-m", "1", "-o", &out, &url]);
        assert_eq!(output.status.code(), Some(28));
        let length = fs::metadata(&out).unwrap().len();
        assert!(length < LARGE as u64, "{length} bytes in a second");
        content(&["-C", "-", "-o", &out, &url]);
        assert!(holds(&out, &bytes), "{url} from {length}");
    }
}

#[test]
fn a_download_that_the_file_s_end_cut_is_noticed_and_resumed() {
    let Some(site) = Site::new() else { return };
    let (out, path) = (site.out(), site.folder.path("large.bin"));
    let cut = LARGE - 1_000_000;
    let slow = ["--limit-rate", "20M", "-o", &out];
    for url in site.urls("large.bin") {
        fs::write(&path, pattern(LARGE)).unwrap();
        let _ = fs::remove_file(&out);
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-k", "--noproxy", "*"])
            .args(slow)
            .arg(&url);
        let mut curl = curl.spawn().unwrap();
        common::until("it has begun", common::PATIENCE, || {
            fs::metadata(&out)
                .is_ok_and(|data| data.len() > 0)
                .then_some(())
        });
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(cut as u64).unwrap();
        let code = curl.wait().unwrap().code();
        assert!(
            [Some(18), Some(56)].contains(&code),
            "{url}: curl took it for whole: {code:?}"
        );
        assert!(holds(&out, &pattern(LARGE)[..cut]), "{url}");
        fs::write(&path, pattern(LARGE)).unwrap();
        common::until("it is there again", common::PATIENCE, || {
            let response = site.server.connect().ask_with("HEAD", "/large.bin", "");
            (response.field("content-length") == Some(&*LARGE.to_string())).then_some(())
        });
        content(&["-C", "-", "-o", &out, &url]);
        assert!(holds(&out, &pattern(LARGE)), "{url}");
    }
}

#[test]
fn only_what_has_changed_comes_again() {
    let Some(site) = Site::new() else { return };
    let (out, tag) = (site.out(), site.folder.beside("tag"));
    let tag = tag.to_str().unwrap();
    for url in site.urls("page.html") {
        for coding in [&[][..], &["--compressed"]] {
            let _ = fs::remove_file(tag);
            let save = ["--etag-compare", tag, "--etag-save", tag, "-o", &out];
            let code = ["-w", "%{http_code} %{size_download}", &url];
            let args = [coding, &save, &code].concat();
            assert!(content(&args).starts_with(b"200 "), "{url}");
            assert!(holds(&out, &text(50_000)));
            for _ in 0..2 {
                assert_eq!(content(&args), b"304 0", "{url} {coding:?}");
            }
        }
        let _ = fs::remove_file(&out);
        let args = ["-R", "-z", &out, "-o", &out, "-w", "%{http_code}", &url];
        assert!(content(&args).ends_with(b"200"));
        assert_eq!(content(&args), b"304");
        let modified = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        let (own, copy) = (site.folder.path("page.html"), Path::new(&out));
        let apart = modified(&own).duration_since(modified(copy)).unwrap();
        assert!(
            apart < Duration::from_secs(1),
            "curl sets the time that it was told"
        );
    }
}
