//! What every answer carries: date and server, and of errors a page.
#![forbid(unsafe_code)]

mod common;

use std::time::{SystemTime, UNIX_EPOCH};

use common::Server;

#[test]
fn every_answer_says_when_and_who() {
    let server = Server::start(&[]);
    let before = now();
    let response = server.get("/ping");
    let date = response.field("date").unwrap();
    let expected = (before - 1..=now()).map(imf_fixdate).collect::<Vec<_>>();
    assert!(
        expected.iter().any(|own| own == date),
        "{date} is none of {expected:?}"
    );
    assert_eq!(response.field("server"), Some("tidegate"));
    let refused = server.get("/nothing");
    assert!(refused.field("date").is_some() && refused.field("server").is_some());

    let server = Server::start(&["--server-header", "off"]);
    assert_eq!(server.get("/ping").field("server"), None);
    assert_eq!(server.get("/nothing").field("server"), None);
    let server = Server::start(&["--server-header", "Harbour/2"]);
    assert_eq!(server.get("/ping").field("server"), Some("Harbour/2"));
}

#[test]
fn errors_have_a_readable_page() {
    let server = Server::start(&[]);
    for (target, status) in [("/nothing", 404), ("/echo", 405)] {
        let response = server.get(target);
        assert_eq!(response.status, status);
        assert!(!response.text().is_empty());
        assert!(
            response.field("content-type").unwrap().starts_with("text/"),
            "{response:?}"
        );
    }
}

#[test]
fn the_page_of_an_error_repeats_nothing_of_the_request_unescaped() {
    let server = Server::start(&[]);
    let response = server.get("/%3Cscript%3Ealert(1)%3C/script%3E?<b>");
    assert!([400, 404].contains(&response.status), "{response:?}");
    assert!(!response.text().contains("<script>") && !response.text().contains("<b>"));
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// `seconds` since 1970 in the format of RFC 9110 section 5.6.7, counted out day by day.
fn imf_fixdate(seconds: u64) -> String {
    const LENGTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    const NAMES: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][days as usize % 7];
    let (mut year, mut month, mut day) = (1970_u64, 0, days);
    loop {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let length = LENGTHS[month] + u64::from(leap && month == 1);
        if day < length {
            break;
        }
        day -= length;
        month += 1;
        if month == 12 {
            (year, month) = (year + 1, 0);
        }
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let (day, month) = (day + 1, &NAMES[3 * month..3 * month + 3]);
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}
