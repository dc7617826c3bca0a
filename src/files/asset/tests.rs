//! What is said of files, when, and who may code them.

use super::*;
use crate::files::sample::{self, WALL};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A file last changed at `modified` that is described at `now`, with one beside it.
fn asset(modified: Duration, beside: Option<Duration>, now: Duration) -> Asset {
    let sibling = beside.map(|modified| Sibling {
        path: c"a.txt.gz".to_owned(),
        stamp: Stamp::sample(3, modified),
        coding: Coding::Gzip,
        content: sample::memory(b"gz!"),
    });
    let traits = Traits {
        cache_control: Some("no-cache".into()),
        varies: true,
        may_be_coded: true,
        ..sample::traits()
    };
    let place = Place {
        absent: vec![c"a.txt.br".to_owned()],
        ..sample::place("a.txt")
    };
    let (stamp, content) = (Stamp::sample(10, modified), sample::memory(b"0123456789"));
    Asset::new(
        place,
        stamp,
        traits,
        content,
        sibling.into_iter().collect(),
        now,
    )
}

/// These fields as they go on the wire.
fn lines(fields: &[(&str, &str)]) -> FieldLines {
    let mut lines = FieldLines::default();
    for (name, value) in fields {
        lines.add(name, value);
    }
    lines
}

#[test]
fn a_form_that_was_made_counts() {
    let asset = sample::asset("a", &[b'a'; 1000]);
    let before = asset.weight();
    let claim = asset.claim(Coding::Gzip).unwrap();
    assert_eq!(asset.weight(), before);
    let made = asset.coded_form(Coding::Gzip, Arc::from([0; 300]), WALL);
    asset.keep_coded(Coding::Gzip, made);
    drop(claim);
    assert_eq!(asset.weight(), before + 300 + FIELDS_BYTES);
}

fn tag(form: &Representation) -> &str {
    std::str::from_utf8(form.etag.as_bytes()).unwrap()
}

#[test]
fn all_that_is_said_of_a_file_is_written_once() {
    let asset = asset(seconds(1_000_000_000), Some(seconds(1_000_000_001)), WALL);
    let tag = "\"de0b6b3a7640000-a\"";
    let validators = [
        ("ETag", tag),
        ("Last-Modified", "Sun, 09 Sep 2001 01:46:40 GMT"),
        ("Vary", "Accept-Encoding"),
        ("Cache-Control", "no-cache"),
    ];
    let form = &asset.identity;
    assert_eq!(form.validators, lines(&validators));
    assert_eq!(form.description, lines(&[("Accept-Ranges", "bytes")]));
    let kind = ("Content-Type", "text/plain; charset=utf-8");
    let whole = [&validators[..], &[kind, ("Accept-Ranges", "bytes")]].concat();
    assert_eq!(form.whole, lines(&whole));

    let form = asset.sibling(Coding::Gzip).unwrap();
    let validators = [
        ("ETag", "\"de0b6b3e2feca00-3-gzip\""),
        ("Last-Modified", "Sun, 09 Sep 2001 01:46:41 GMT"),
        ("Vary", "Accept-Encoding"),
        ("Cache-Control", "no-cache"),
    ];
    let description = [("Content-Encoding", "gzip"), ("Accept-Ranges", "bytes")];
    assert_eq!(form.validators, lines(&validators));
    assert_eq!(form.description, lines(&description));
    let whole = [&validators[..], &[kind], &description].concat();
    assert_eq!(form.whole, lines(&whole));
    assert_eq!(asset.sibling_codings().collect::<Vec<_>>(), [Coding::Gzip]);
    assert!(asset.sibling(Coding::Brotli).is_none());
}

#[test]
fn what_is_coded_on_the_fly_has_a_weak_tag_and_no_parts() {
    let asset = asset(seconds(1_000_000_000), None, WALL);
    let form = asset.coded_form(Coding::Brotli, (*b"short").into(), WALL);
    assert_eq!(tag(&form), "W/\"de0b6b3a7640000-a-br\"");
    let description = [("Content-Encoding", "br"), ("Accept-Ranges", "none")];
    assert_eq!(form.description, lines(&description));
    assert_eq!(form.modified, asset.identity.modified);
    assert_eq!((form.coding, form.content.len()), (Some(Coding::Brotli), 5));
}

#[test]
fn nothing_is_said_that_is_not_so() {
    // A time that means nothing.
    let stamp = Stamp::sample_changed(1, seconds(1), seconds(2));
    let content = sample::memory(b"x");
    let asset = Asset::new(
        sample::place("a"),
        stamp,
        sample::traits(),
        content,
        vec![],
        WALL,
    );
    let form = &asset.identity;
    assert_eq!(form.validators, lines(&[("ETag", "\"s77359400-1\"")]));
    assert_eq!(form.modified, None);
    // A time that HTTP has no words for.
    let stamp = Stamp::sample(1, seconds(253_402_300_800));
    let content = sample::memory(b"x");
    let late = seconds(300_000_000_000);
    let asset = Asset::new(
        sample::place("a"),
        stamp,
        sample::traits(),
        content,
        vec![],
        late,
    );
    assert_eq!(asset.identity.modified, None);
    assert_eq!(
        asset.identity.validators,
        lines(&[("ETag", tag(&asset.identity))])
    );
}

#[test]
fn a_file_comes_of_age_with_all_that_is_beside_it() {
    let now = WALL;
    let old = now - seconds(60);
    for (modified, beside, is_weak, age) in [
        (old, None, [false, false], None),
        (old, Some(old), [false, false], None),
        (now, None, [true, false], Some(now + seconds(2))),
        (
            now - seconds(1),
            Some(old),
            [true, false],
            Some(now + seconds(1)),
        ),
        (old, Some(now), [false, true], Some(now + seconds(2))),
        (
            now - seconds(1),
            Some(now),
            [true, true],
            Some(now + seconds(2)),
        ),
        // It is going to be changed: nobody knows what the clock will say then.
        (
            now + seconds(100),
            None,
            [true, false],
            Some(now + seconds(102)),
        ),
    ] {
        let asset = asset(modified, beside, now);
        let sibling = asset.sibling(Coding::Gzip);
        let tags = [Some(&asset.identity), sibling];
        let found = tags.map(|form| form.is_some_and(|form| form.etag.is_weak()));
        assert_eq!(found, is_weak, "{modified:?} {beside:?}");
        let just_before = age.map(|age| age - Duration::from_nanos(1));
        assert!(!asset.has_come_of_age(just_before.unwrap_or(now + seconds(9999))));
        assert!(age.is_none_or(|age| asset.has_come_of_age(age)));
        // RFC 9110 section 8.8.2.1: never later than Date.
        assert_eq!(asset.identity.modified, Some(modified.min(now)));
    }
}

#[test]
fn a_file_without_a_real_time_is_as_young_as_the_system_says() {
    let now = WALL;
    let described_at = |now| {
        let stamp = Stamp::sample_changed(1, seconds(1), WALL);
        let (place, content) = (sample::place("a"), sample::memory(b"x"));
        Asset::new(place, stamp, sample::traits(), content, vec![], now)
    };
    let asset = described_at(now + seconds(1));
    assert!(asset.identity.etag.is_weak());
    assert!(!asset.has_come_of_age(now + seconds(1)) && asset.has_come_of_age(now + seconds(2)));
    assert!(!described_at(now + seconds(2)).identity.etag.is_weak());
}

#[test]
fn it_depends_on_what_is_there_and_on_what_is_not() {
    let asset = asset(seconds(5), Some(seconds(6)), WALL);
    let sources: Vec<_> = (asset.sources())
        .map(|(path, stamp)| (path.as_bytes(), stamp.map(|stamp| stamp.modified)))
        .collect();
    let expected: [(&[u8], _); 3] = [
        (b"a.txt", Some(seconds(5))),
        (b"a.txt.gz", Some(seconds(6))),
        (b"a.txt.br", None),
    ];
    assert_eq!(sources, expected);
}

#[test]
fn it_weighs_all_its_forms_and_holds_their_descriptors() {
    let asset = asset(seconds(5), Some(seconds(6)), WALL);
    let before = asset.weight();
    assert!(before >= 10 + 3 + 2 * FIELDS_BYTES);
    let form = asset.coded_form(Coding::Zstd, (*b"1234567").into(), WALL);
    asset.keep_coded(Coding::Zstd, form);
    assert_eq!(asset.weight(), before + 7 + FIELDS_BYTES);
    // Nothing is kept of a coding that is of no use.
    let form = asset.coded_form(Coding::Gzip, (*b"0123456789").into(), WALL);
    asset.keep_coded(Coding::Gzip, form);
    assert_eq!(asset.weight(), before + 7 + FIELDS_BYTES);
    assert_eq!(asset.descriptors(), 0);

    let stamp = Stamp::sample(1 << 20, seconds(5));
    let sibling = |content| Sibling {
        path: c"b.gz".to_owned(),
        stamp,
        coding: Coding::Gzip,
        content,
    };
    let siblings = vec![sibling(sample::file()), sibling(sample::memory(b"x"))];
    let traits = sample::traits();
    let large = Asset::new(
        sample::place("b"),
        stamp,
        traits,
        sample::file(),
        siblings,
        WALL,
    );
    assert_eq!(large.descriptors(), 2);
    assert!(
        large.weight() < 4 * FIELDS_BYTES,
        "the file is not in memory"
    );
}

#[test]
fn a_coding_is_kept_if_it_is_smaller_and_the_first_one_stays() {
    let asset = asset(seconds(5), None, WALL);
    let form = |coding, bytes: &[u8]| asset.coded_form(coding, bytes.into(), WALL);
    assert!(asset.coded(Coding::Gzip).is_none());
    let kept = asset.keep_coded(Coding::Gzip, form(Coding::Gzip, b"123456789"));
    assert_eq!(kept.unwrap().content.len(), 9);
    let kept = asset.keep_coded(Coding::Gzip, form(Coding::Gzip, b"1"));
    assert_eq!(kept.unwrap().content.len(), 9);
    assert!(asset.coded(Coding::Gzip).unwrap().is_some());

    let kept = asset.keep_coded(Coding::Zstd, form(Coding::Zstd, b"0123456789"));
    assert!(kept.is_none());
    assert!(asset.coded(Coding::Zstd).unwrap().is_none(), "it was tried");
    assert!(asset.coded(Coding::Brotli).is_none());
}

#[test]
fn one_at_a_time_may_code_it() {
    let asset = Arc::new(asset(seconds(5), None, WALL));
    let claim = asset.claim(Coding::Gzip).unwrap();
    assert!(Arc::ptr_eq(claim.asset(), &asset));
    assert_eq!(claim.coding(), Coding::Gzip);
    assert!(asset.claim(Coding::Gzip).is_none());
    let other = asset.claim(Coding::Zstd).unwrap();
    drop(claim);
    let again = asset.claim(Coding::Gzip).unwrap();
    assert!(asset.claim(Coding::Zstd).is_none());
    drop((again, other));
    assert!(asset.claim(Coding::Zstd).is_some());
}
