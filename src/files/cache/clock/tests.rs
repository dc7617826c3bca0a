//! What the cache holds, compared with a list that is kept in the simplest way.

use std::time::Duration;

use super::*;
use crate::encoding::Coding;
use crate::files::sample;
use crate::testing::TempDir;

/// SplitMix64 (Steele, Lea and Flood, 2014), so that a seed means the same for ever.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

/// What the list knows of an entry.
struct Known {
    asset: Arc<Asset>,
    bytes: usize,
    descriptors: usize,
    is_used: bool,
}

/// A list of what should be there, and the cache.
struct Pair {
    cache: Cache,
    list: HashMap<String, Known>,
}

impl Pair {
    fn new(bounds: Bounds) -> Pair {
        Pair {
            cache: Cache::new(bounds),
            list: HashMap::new(),
        }
    }

    fn insert(&mut self, key: &str, asset: &Arc<Asset>) {
        self.list.remove(key);
        self.cache.insert(asset, Instant::START);
        self.list.insert(
            key.to_owned(),
            Known {
                asset: Arc::clone(asset),
                bytes: weight(asset),
                descriptors: asset.descriptors(),
                is_used: false,
            },
        );
        self.check(Some(key));
    }

    fn count_again(&mut self, key: &str) {
        self.cache.count_again(key.as_bytes());
        if let Some(known) = self.list.get_mut(key) {
            known.bytes = weight(&known.asset);
        }
        self.check(Some(key));
    }

    fn find(&mut self, key: &str) {
        let hit = self.cache.find(key.as_bytes());
        match (hit, self.list.get_mut(key)) {
            (Some(hit), Some(known)) => {
                assert!(Arc::ptr_eq(hit.asset, &known.asset));
                known.is_used = true;
            }
            (None, None) => {}
            (hit, _) => panic!("{key} is in one of them: in the cache {}", hit.is_some()),
        }
    }

    fn remove(&mut self, key: &str) {
        self.cache.remove(key.as_bytes());
        self.list.remove(key);
        self.check(None);
    }

    /// Compares both after a change at `changed`: what is gone had to go.
    fn check(&mut self, changed: Option<&str>) {
        let bounds = self.cache.bounds;
        let is_there = |key: &str, cache: &Cache| cache.places.contains_key(key.as_bytes());
        let gone: Vec<String> = (self.list.keys())
            .filter(|key| !is_there(key, &self.cache))
            .cloned()
            .collect();
        let gone: Vec<(String, Known)> = gone
            .into_iter()
            .map(|key| (key.clone(), self.list.remove(&key).unwrap()))
            .collect();

        let bytes: usize = self.list.values().map(|known| known.bytes).sum();
        let descriptors: usize = self.list.values().map(|known| known.descriptors).sum();
        let cache = &self.cache;
        assert_eq!((cache.bytes, cache.descriptors), (bytes, descriptors));
        assert!(bytes <= bounds.bytes_max && descriptors <= bounds.descriptors_max);
        assert_eq!(cache.places.len(), self.list.len());
        assert_eq!(cache.entries.len(), self.list.len());

        let is_too_large = |known: &Known| {
            known.bytes > bounds.bytes_max / SHARE_MAX
                || known.descriptors > bounds.descriptors_max / SHARE_MAX
        };
        let others = || gone.iter().filter(|(key, _)| Some(&**key) != changed);
        for (key, known) in &gone {
            assert_eq!(Some(&**key) == changed, is_too_large(known), "{key}");
        }
        // The last one to go, whichever that was, had to.
        let had_to = |known: &Known| {
            bytes + known.bytes > bounds.bytes_max
                || descriptors + known.descriptors > bounds.descriptors_max
        };
        assert!(others().count() == 0 || others().any(|(_, known)| had_to(known)));
        // One that was used goes only after all that were not.
        let kept = |(key, _): &(&String, &Known)| Some(&***key) != changed;
        if others().any(|(_, known)| known.is_used) {
            let left = self.list.iter().filter(kept);
            assert!(left.into_iter().all(|(_, known)| known.is_used));
        }
        for (place, entry) in &cache.entries {
            assert_eq!(cache.places.get(&entry.asset.key), Some(&place));
            let key = std::str::from_utf8(&entry.asset.key).unwrap();
            if let Some(known) = self.list.get_mut(key) {
                // Whoever was passed by has to be used again.
                known.is_used &= entry.is_used;
                assert_eq!(known.is_used, entry.is_used, "{key}");
            }
        }
    }
}

/// A file of up to so many bytes; every fourth holds a descriptor.
fn any_asset(key: &str, random: &mut Random, bytes_max: usize) -> Arc<Asset> {
    match random.below(4) {
        0 => sample::asset_of(key, sample::file()),
        _ => sample::asset(key, &vec![b'x'; random.below(bytes_max)]),
    }
}

/// Brings an asset in a coding of some length.
fn grow(asset: &Asset, random: &mut Random) {
    let coding = Coding::ALL[random.below(Coding::ALL.len())];
    let bytes = vec![
        b'c';
        random
            .below(asset.identity.content.len() as usize + 1)
            .min(9000)
    ];
    asset.keep_coded(coding, asset.coded_form(coding, bytes.into(), sample::WALL));
}

#[test]
fn the_bounds_hold_whatever_happens_and_nothing_goes_without_need() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let bounds = Bounds {
            bytes_max: [0, 9_000, 60_000, 1 << 20][random.below(4)],
            descriptors_max: [0, 7, 8, 24, 1000][random.below(5)],
        };
        let mut pair = Pair::new(bounds);
        for _ in 0..400 {
            let key = format!("file-{}", random.below(40));
            match random.below(10) {
                0..4 => {
                    let asset = any_asset(&key, &mut random, 12_000);
                    pair.insert(&key, &asset);
                }
                4..8 => pair.find(&key),
                8 => {
                    if let Some(known) = pair.list.get(&key) {
                        grow(&known.asset, &mut random);
                    }
                    pair.count_again(&key);
                }
                _ if random.below(50) == 0 => {
                    pair.cache.clear();
                    pair.list.clear();
                    pair.check(None);
                }
                _ => pair.remove(&key),
            }
        }
    }
}

fn bounds(bytes_max: usize) -> Bounds {
    Bounds {
        bytes_max,
        descriptors_max: 80,
    }
}

#[test]
fn what_is_used_survives_a_stream_of_what_is_asked_for_once() {
    let mut cache = Cache::new(bounds(100_000));
    let hot = ["a", "b", "c"].map(|key| sample::asset(key, &[b'x'; 1000]));
    for asset in &hot {
        cache.insert(asset, Instant::START);
    }
    for count in 0..10_000 {
        for asset in &hot {
            assert!(cache.find(&asset.key).is_some(), "after {count} others");
        }
        let once = sample::asset(&format!("once-{count}"), &[b'x'; 2000]);
        cache.insert(&once, Instant::START);
    }
}

#[test]
fn what_takes_more_than_its_share_is_not_kept_and_drives_nobody_out() {
    let mut cache = Cache::new(bounds(80_000));
    let small = sample::asset("small", b"small");
    cache.insert(&small, Instant::START);
    let large = sample::asset("large", &[b'x'; 10_001]);
    cache.insert(&large, Instant::START);
    assert!(cache.find(b"large").is_none() && cache.find(b"small").is_some());
    // What was at the same path is not there any more either.
    cache.insert(&sample::asset("small", &[b'x'; 10_001]), Instant::START);
    assert!(cache.find(b"small").is_none());
    assert_eq!((cache.bytes, cache.descriptors), (0, 0));
}

#[test]
fn what_has_outgrown_its_share_goes() {
    let mut cache = Cache::new(bounds(80_000));
    let asset = sample::asset("a", &[b'x'; 8000]);
    cache.insert(&asset, Instant::START);
    let form = asset.coded_form(Coding::Gzip, vec![b'c'; 5000].into(), sample::WALL);
    asset.keep_coded(Coding::Gzip, form);
    cache.confirm(b"a", Instant::START);
    assert!(cache.find(b"a").is_none());
    assert_eq!(cache.bytes, 0);
    cache.count_again(b"a");
    cache.confirm(b"b", Instant::START);
}

#[test]
fn a_hit_says_when_it_was_looked_at() {
    let at = |seconds: u64| at(seconds * 1000);
    let mut cache = Cache::new(bounds(80_000));
    cache.insert(&sample::asset("a", b"one"), at(1));
    assert_eq!(cache.find(b"a").unwrap().checked_at, at(1));
    cache.confirm(b"a", at(5));
    assert_eq!(cache.find(b"a").unwrap().checked_at, at(5));
    let other = sample::asset("a", b"other");
    cache.insert(&other, at(6));
    let hit = cache.find(b"a").unwrap();
    assert!(Arc::ptr_eq(hit.asset, &other));
    assert_eq!(hit.checked_at, at(6));
}

fn at(millis: u64) -> Instant {
    Instant::START + Duration::from_millis(millis)
}

/// Looks at each time that the cache wants it to, up to `end`; returns these times.
fn looks(cache: &mut Cache, from: u64, end: u64) -> Vec<Instant> {
    let mut looks = Vec::new();
    let mut next = cache.close_unused(at(from));
    while let Some(due) = next.filter(|due| *due <= at(end)) {
        looks.push(due);
        next = cache.close_unused(due);
    }
    looks
}

#[test]
fn open_files_that_nobody_asks_for_are_closed_and_small_ones_stay() {
    let mut cache = Cache::new(bounds(100_000));
    cache.insert(&sample::asset("small", b"small"), at(0));
    assert_eq!(cache.close_unused(at(0)), None);
    for key in ["a", "b"] {
        cache.insert(&sample::asset_of(key, sample::file()), at(1000));
    }
    assert_eq!(
        looks(&mut cache, 1000, 30_999),
        [6, 11, 16, 21, 26].map(|s| at(s * 1000))
    );
    // One of them is asked for once more, and found to be what it was.
    cache.confirm(b"a", at(31_000));
    looks(&mut cache, 31_000, 60_999);
    assert_eq!(cache.descriptors, 2);
    looks(&mut cache, 60_999, 90_999);
    assert!(cache.find(b"a").is_some() && cache.find(b"b").is_none());
    // Then nothing is to be looked at any more.
    assert_eq!(looks(&mut cache, 90_999, 999_999), [at(91_000)]);
    assert_eq!(cache.close_unused(at(999_999)), None);
    assert_eq!((cache.descriptors, cache.places.len()), (0, 1));
    assert!(cache.find(b"small").is_some());
    // With the next file it begins anew.
    cache.insert(&sample::asset_of("c", sample::file()), at(1_000_000));
    assert_eq!(cache.close_unused(at(1_000_000)), Some(at(1_005_000)));
}

#[test]
fn a_deleted_file_is_closed_at_the_next_look_however_often_it_was_asked_for() {
    let dir = TempDir::new();
    let open = |name| sample::asset_of(name, sample::file_at(&dir.path().join(name)));
    let mut cache = Cache::new(bounds(100_000));
    for name in ["deleted", "replaced", "kept"] {
        std::fs::write(dir.path().join(name), name).unwrap();
        cache.insert(&open(name), at(0));
    }
    assert_eq!(cache.close_unused(at(0)), Some(at(5000)));
    std::fs::remove_file(dir.path().join("deleted")).unwrap();
    std::fs::write(dir.path().join("new"), "new").unwrap();
    std::fs::rename(dir.path().join("new"), dir.path().join("replaced")).unwrap();
    for name in ["deleted", "replaced", "kept"] {
        cache.confirm(name.as_bytes(), at(4900));
        assert!(cache.find(name.as_bytes()).is_some());
    }
    assert_eq!(cache.close_unused(at(5000)), Some(at(10_000)));
    assert!(cache.find(b"deleted").is_none() && cache.find(b"replaced").is_none());
    assert!(cache.find(b"kept").is_some());
}

#[test]
fn many_entries_are_looked_at_in_several_turns() {
    let mut cache = Cache::new(Bounds {
        bytes_max: 100 << 20,
        descriptors_max: 8000,
    });
    let content = sample::file();
    for index in 0..1000 {
        cache.insert(
            &sample::asset_of(&index.to_string(), content.clone()),
            at(0),
        );
    }
    assert_eq!(cache.close_unused(at(0)), Some(at(5000)));
    let mut turns = 0;
    let mut before = cache.descriptors;
    while cache.close_unused(at(60_000)) == Some(at(5000)) {
        let closed = before - cache.descriptors;
        assert!(closed <= LOOKS_A_TURN, "{closed} in one turn");
        before = cache.descriptors;
        turns += 1;
    }
    assert_eq!((cache.descriptors, cache.entries.len()), (0, 0));
    assert!(turns >= 3, "{turns} turns");
}

#[test]
fn what_is_idle_is_closed_when_descriptors_run_short_and_nothing_else() {
    let mut cache = Cache::new(bounds(100_000));
    cache.insert(&sample::asset("small", b"small"), at(0));
    let content = sample::file();
    cache.insert(&sample::asset_of("sent", content.clone()), at(0));
    let used = sample::asset_of("used", sample::file());
    cache.insert(&used, at(0));
    assert!(!cache.close_idle());
    for key in ["a", "b"] {
        cache.insert(&sample::asset_of(key, sample::file()), at(0));
        cache.find(key.as_bytes());
    }
    assert!(cache.close_idle());
    assert_eq!((cache.descriptors, cache.places.len()), (2, 3));
    assert!(cache.find(b"a").is_none() && cache.find(b"b").is_none());
    drop((content, used));
    assert!(cache.close_idle() && !cache.close_idle());
    assert_eq!((cache.descriptors, cache.places.len()), (0, 1));
}
