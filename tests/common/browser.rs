//! A browser that people use: headless Chromium, which starts for each visit and keeps what
//! browsers keep between them.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A browser in the home directory of somebody, who visits one page after the other.
pub struct Browser {
    home: TempDir,
    flags: Vec<String>,
}

/// What a visit gave.
#[derive(Debug)]
pub struct Visit {
    /// The page as the browser has it after loading and running, empty if it did not load.
    pub page: String,
    /// What the browser said, with what it says on its console.
    pub said: String,
}

impl Browser {
    /// One that has visited nothing.
    pub fn new() -> Browser {
        let home = tempfile::tempdir().unwrap();
        let flags = Vec::new();
        Browser { home, flags }
    }

    /// One that has visited nothing, of somebody who wants pages dark.
    pub fn dark() -> Browser {
        let mut browser = Browser::new();
        let flag = "--blink-settings=preferredColorScheme=0";
        browser.flags.push(flag.into());
        browser
    }

    /// The home directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Visits `url`, and leaves when it is loaded.
    pub fn visit(&self, url: &str) -> Visit {
        let profile = self.home().join("profile");
        let output = Command::new("timeout")
            .args(["60", "chromium", "--headless", "--no-sandbox"])
            .args(["--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-sync"])
            .args(["--disable-component-update", "--disable-dev-shm-usage"])
            .args(["--no-proxy-server", "--enable-logging=stderr", "--dump-dom"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(&self.flags)
            .arg(url)
            .env("HOME", self.home())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Visit {
            page: text(&output.stdout),
            said: text(&output.stderr),
        }
    }
}

impl Visit {
    /// Fails unless the page has this in it.
    #[track_caller]
    pub fn expect(&self, part: &str) {
        assert!(self.page.contains(part), "no {part}: {self:#?}");
    }

    /// What the page and its policy had the browser say on its console.
    pub fn console(&self) -> Vec<&str> {
        let lines = self.said.lines();
        lines.filter(|line| line.contains(":CONSOLE")).collect()
    }
}
