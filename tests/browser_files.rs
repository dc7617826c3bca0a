//! Directories as people see them who use a browser: lists, applications that make their pages
//! there, error pages, and what is not sent again.
#![forbid(unsafe_code)]

mod common;

use std::fs;

use common::{Browser, Folder, Server, Visit, skipped_without, until};
use serde_json::Value;

/// The address of `path`, which begins with a slash.
fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address())
}

/// The address of what `link`, relative to the directory at `base`, leads to.
fn joined(base: &str, link: &str) -> String {
    let link = link.replace("&amp;", "&");
    match link.strip_prefix("../") {
        Some(rest) => {
            let (above, _) = base.trim_end_matches('/').rsplit_once('/').unwrap();
            joined(&format!("{above}/"), rest)
        }
        None => format!("{base}{}", link.trim_start_matches("./")),
    }
}

/// The link whose markup is followed by `text`.
#[track_caller]
fn link_of<'a>(page: &'a str, text: &str) -> &'a str {
    let text = format!("\">{text}");
    let (before, _) = page
        .split_once(&text)
        .unwrap_or_else(|| panic!("no {text} in {page}"));
    let (_, link) = before.rsplit_once("href=\"").unwrap();
    link
}

/// The link of an entry with this name, which is written as markup.
#[track_caller]
fn entry_of<'a>(page: &'a str, name: &str) -> &'a str {
    link_of(page, &format!("<span><bdi>{name}</bdi>"))
}

/// Where in the page the entry of this name is.
fn place_of(page: &str, name: &str) -> usize {
    page.find(&format!("<bdi>{name}</bdi>")).unwrap()
}

fn assert_silent(visit: &Visit) {
    assert!(visit.console().is_empty(), "{visit:#?}");
}

#[test]
fn links_of_a_list_lead_to_what_they_name() {
    if skipped_without("chromium") {
        return;
    }
    let folder = Folder::new();
    let names = [
        ("a note.txt", "a note.txt"),
        (
            "Grüße #1 50%20 why? a+b & c.txt",
            "Grüße #1 50%20 why? a+b &amp; c.txt",
        ),
        (
            "javascript:document.title=1.txt",
            "javascript:document.title=1.txt",
        ),
    ];
    for (name, _) in names {
        folder.write(name, format!("this is <{name}>"));
    }
    folder.write("large.txt", "x".repeat(10_000));
    // It is refused to all who ask, so nobody is led to it.
    folder.write("50%25.txt", "never");
    folder.write("für alle/drafts #2/deep.txt", "below");
    let server = folder.serve(&["--browse"]);
    let browser = Browser::new();
    let top = url(&server, "/");
    let list = browser.visit(&top);
    assert_silent(&list);
    assert!(!list.page.contains("50%25.txt"), "{list:#?}");
    for (name, shown) in names {
        let file = browser.visit(&joined(&top, entry_of(&list.page, shown)));
        let text = format!("this is <{name}>").replace('&', "&amp;");
        file.expect(&text.replace('<', "&lt;").replace('>', "&gt;"));
    }

    let by_name = place_of(&list.page, "a note.txt") < place_of(&list.page, "large.txt");
    assert!(by_name, "{list:#?}");
    let sort = joined(&top, link_of(&list.page, "Size</a>"));
    let sorted = browser.visit(&sort);
    sorted.expect("aria-sort=\"descending\"><a href=\"?sort=size&amp;order=asc\">Size</a>");
    let by_size = place_of(&sorted.page, "large.txt") < place_of(&sorted.page, "a note.txt");
    assert!(by_size, "{sorted:#?}");

    // The order goes along, down and up again.
    let inner = joined(&top, entry_of(&sorted.page, "für alle"));
    let inner_list = browser.visit(&inner);
    inner_list.expect("<title>Index of /für alle/</title>");
    inner_list.expect("aria-sort=\"descending\"");
    let directory = inner.split_once('?').unwrap().0;
    let deep = joined(directory, entry_of(&inner_list.page, "drafts #2"));
    let deep_list = browser.visit(&deep);
    let directory = deep.split_once('?').unwrap().0;
    let file = browser.visit(&joined(directory, entry_of(&deep_list.page, "deep.txt")));
    file.expect("below");
    let up = joined(
        directory,
        link_of(&deep_list.page, "<span>Parent directory"),
    );
    assert_eq!(up, inner);
    let crumb = joined(directory, link_of(&deep_list.page, "<bdi>für alle"));
    assert_eq!(crumb, inner);
}

#[test]
fn names_with_markup_are_text_to_a_browser() {
    if skipped_without("chromium") {
        return;
    }
    let name = "<img src=x onerror=document.title='gone'>";
    let shown = name.replace('<', "&lt;").replace('>', "&gt;");
    let folder = Folder::new();
    folder.write(name, "");
    folder.write("\"'><script>document.title='gone'<!--", "");
    folder.write(format!("in/{name}/<b onclick=x>.txt"), "");
    folder.write("harm/index.html", format!("<title>well</title>{name}"));
    let server = folder.serve(&["--browse"]);
    // That names are harmless may not be because the policy forbids the harm.
    let allowed = "Content-Security-Policy: default-src * 'unsafe-inline'";
    let open = folder.serve(&["--browse", "--header", allowed]);
    let browser = Browser::new();

    // Such markup does run where it is markup.
    let harm = browser.visit(&url(&open, "/harm/"));
    harm.expect("<title>gone</title>");

    for server in [&server, &open] {
        let top = url(server, "/");
        let list = browser.visit(&top);
        list.expect("<title>Index of /</title>");
        list.expect(&format!("<bdi>{shown}</bdi>"));
        list.expect("<bdi>\"'&gt;&lt;script&gt;document.title='gone'&lt;!--</bdi>");
        let inner = joined(&top, entry_of(&list.page, "in"));
        let inner_list = browser.visit(&inner);
        let deep = browser.visit(&joined(&inner, entry_of(&inner_list.page, &shown)));
        deep.expect(&format!("<title>Index of /in/{shown}/</title>"));
        deep.expect(&format!("<span aria-current=\"page\"><bdi>{shown}</bdi>"));
        for visit in [list, inner_list, deep] {
            assert!(!visit.page.contains("<img"), "{visit:#?}");
            assert!(!visit.page.contains("<script"), "{visit:#?}");
            assert!(!visit.page.contains("<b "), "{visit:#?}");
            assert_silent(&visit);
        }
    }
}

/// Shows the list and writes down what its style comes to, before it counts as loaded.
const LOOK: &str = "<!doctype html><title>look</title><p id=seen>nothing</p><iframe src='/list/' \
    onload=\"
        const list = this.contentWindow, look = (query) =>
            list.getComputedStyle(list.document.querySelector(query));
        seen.textContent = [look('body').backgroundColor, look('body').color,
            look('table').borderTopLeftRadius].join(' ')\"></iframe>";

#[test]
fn a_list_has_its_style_in_light_and_in_dark() {
    if skipped_without("chromium") {
        return;
    }
    let folder = Folder::new();
    folder.write("list/a.txt", "a");
    folder.write("look.html", LOOK);
    let server = folder.serve(&["--browse"]);
    let page = url(&server, "/look.html");
    for (browser, colors) in [
        (Browser::new(), "rgb(246, 249, 250) rgb(19, 38, 45) 12px"),
        (Browser::dark(), "rgb(12, 21, 24) rgb(227, 238, 241) 12px"),
    ] {
        let visit = browser.visit(&page);
        visit.expect(&format!("<p id=\"seen\">{colors}</p>"));
        assert_silent(&visit);
    }

    // A policy that does not know the style keeps it out, and the browser says so.
    let other = "Content-Security-Policy: style-src 'none'; script-src 'unsafe-inline'";
    let strict = folder.serve(&["--browse", "--header", other]);
    let visit = Browser::dark().visit(&url(&strict, "/look.html"));
    visit.expect("<p id=\"seen\">rgba(0, 0, 0, 0) rgb(0, 0, 0) 0px</p>");
    assert!(!visit.console().is_empty(), "{visit:#?}");
}

/// A small application. Its script says what came of everything when all is loaded.
const APPLICATION: &str = "<!doctype html><title>loading</title><link rel=icon href=data:,>\
    <link rel=stylesheet href=/assets/app.css><img id=logo src=/assets/logo.svg>\
    <main>loading</main><script src=/assets/app.js></script>";

const SCRIPT: &str = "const [, user] = location.pathname.match(/^\\/users\\/(\\d+)$/) ?? [];
document.title = user ? `User ${user}` : 'Home';
addEventListener('load', () => {
    const [script] = performance.getEntriesByName(new URL('/assets/app.js', location));
    document.querySelector('main').textContent = [
        'logo ' + logo.naturalWidth,
        getComputedStyle(document.querySelector('main')).color,
        script.encodedBodySize < script.decodedBodySize ? 'coded' : 'plain',
    ].join(', ');
});
";

const LOGO: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='48' height='24'/>";

/// A folder with the application.
fn application() -> Folder {
    let folder = Folder::new();
    folder.write("index.html", APPLICATION);
    folder.write("assets/app.js", SCRIPT.to_owned() + &"// \n".repeat(1000));
    folder.write("assets/app.css", "main { color: rgb(14, 116, 144) }");
    folder.write("assets/logo.svg", LOGO);
    folder
}

#[test]
fn an_application_opens_where_it_is_linked_to() {
    if skipped_without("chromium") {
        return;
    }
    let folder = application();
    let server = folder.serve(&["--spa"]);
    let plain = folder.serve(&["--spa", "--compress", "off"]);
    for (server, coded) in [(&server, "coded"), (&plain, "plain")] {
        for (path, title) in [("/users/42", "User 42"), ("/", "Home")] {
            let visit = Browser::new().visit(&url(server, path));
            visit.expect(&format!("<title>{title}</title>"));
            let all = format!("<main>logo 48, rgb(14, 116, 144), {coded}</main>");
            visit.expect(&all);
            assert_silent(&visit);
        }
    }
}

#[test]
fn a_browser_runs_what_was_compressed_beforehand() {
    if skipped_without("chromium") {
        return;
    }
    let folder = application();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let other = SCRIPT.replace("User ${", "Packed ${");
    std::io::Write::write_all(&mut gzip, other.as_bytes()).unwrap();
    folder.write("assets/app.js.gz", gzip.finish().unwrap());
    let server = folder.serve(&["--spa"]);
    let visit = Browser::new().visit(&url(&server, "/users/42"));
    visit.expect("<title>Packed 42</title>");
    visit.expect("<main>logo 48, rgb(14, 116, 144), coded</main>");
}

#[test]
fn an_error_page_is_shown_with_its_style_and_image() {
    if skipped_without("chromium") {
        return;
    }
    let folder = application();
    let page = APPLICATION.replace("<main>", "<p>We have no such page.</p><main>");
    folder.write("404.html", page);
    let server = folder.serve(&["--error-page", "404=404.html"]);
    let visit = Browser::new().visit(&url(&server, "/users/none/at/all"));
    visit.expect("<p>We have no such page.</p>");
    visit.expect("<main>logo 48, rgb(14, 116, 144), coded</main>");
    // It is an error all the same, and the browser knows.
    assert_eq!(server.get("/users/none/at/all").status, 404);
}

/// The paths and statuses of an access log in JSON from its line `from` on, in the order of the
/// paths, when there are so many.
fn requests(log: &std::path::Path, from: usize, count: usize) -> Vec<(String, u64)> {
    let mut requests = until("the requests are logged", common::PATIENCE, || {
        let text = fs::read_to_string(log).ok()?;
        let lines: Vec<&str> = text.lines().skip(from).collect();
        (lines.len() >= count && text.ends_with('\n')).then(|| {
            let parsed = lines.iter().map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let path = line["path"].as_str().unwrap().to_owned();
                (path, line["status"].as_u64().unwrap())
            });
            parsed.collect::<Vec<_>>()
        })
    });
    requests.sort();
    requests
}

#[test]
fn a_second_visit_asks_only_whether_anything_is_new() {
    if skipped_without("chromium") {
        return;
    }
    let folder = application();
    let log = folder.beside("access.log");
    let server = folder.serve(
        &[
            &[
                "--spa",
                "--cache-control",
                "*.svg=max-age=31536000, immutable",
            ][..],
            &["--cache-control", "no-cache", "--log-format", "json"],
            &["--access-log", log.to_str().unwrap()],
            // Another worker could have seen the old script less than a second ago.
            &["-w", "1"],
        ]
        .concat(),
    );
    let browser = Browser::new();
    let page = url(&server, "/users/42");
    let paths = [
        "/assets/app.css",
        "/assets/app.js",
        "/assets/logo.svg",
        "/users/42",
    ];
    let all = |statuses: [u64; 4]| paths.map(str::to_owned).into_iter().zip(statuses).collect();
    let first: Vec<_> = all([200; 4]);
    browser.visit(&page).expect("<title>User 42</title>");
    assert_eq!(requests(&log, 0, 4), first);

    // The image may be used for a year without asking.
    browser.visit(&page).expect("<title>User 42</title>");
    let mut second: Vec<_> = all([304; 4]);
    second.remove(2);
    assert_eq!(requests(&log, 4, 3), second);

    // What is new is sent, and the rest still not.
    let other = SCRIPT.replace("User ${", "Person ${");
    folder.replace("assets/app.js", other);
    until("the new file is served", common::PATIENCE, || {
        server
            .get("/assets/app.js")
            .text()
            .contains("Person")
            .then_some(())
    });
    let from = fs::read_to_string(&log).unwrap().lines().count();
    let visit = browser.visit(&page);
    visit.expect("<title>Person 42</title>");
    visit.expect("<main>logo 48, rgb(14, 116, 144), ");
    let mut third = second;
    third[1].1 = 200;
    let mut asked = requests(&log, from, 3);
    asked.dedup();
    assert_eq!(asked, third);
}
