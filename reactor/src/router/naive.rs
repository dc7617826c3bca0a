//! The router against a naive one that tries every route of a request and sorts what matches by
//! the documented order. It shares no code with the tree or the pattern parser: routes are made
//! as segments and written out for the router.

use std::cmp::Reverse;
use std::ops::Range;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use super::{InsertCause, Lookup, MethodSet, Params, Router};

/// A segment of a pattern. Texts are literal, names are not part of it.
#[derive(Clone, Debug, PartialEq)]
enum Segment {
    Text(String),
    Param(String, String),
    Rest,
}

#[derive(Clone, Debug)]
struct NaiveRoute {
    host: Option<&'static str>,
    segments: Vec<Segment>,
    /// The first letter of all names.
    name: char,
    method: Option<u8>,
}

#[derive(Clone, Debug)]
struct Request {
    host: &'static str,
    path: String,
    method: u8,
    fallback: Option<u8>,
}

/// Specificity of one piece of a pattern, smaller goes first: a byte of text, a parameter by the
/// length of its suffix, a catch-all.
type Rank = (u8, Reverse<usize>);

impl NaiveRoute {
    /// The pattern as a user would write it.
    fn pattern(&self) -> String {
        let escape = |text: &str| text.replace('{', "{{").replace('}', "}}");
        let mut pattern = String::new();
        for (index, segment) in self.segments.iter().enumerate() {
            let name = format!("{}{index}", self.name);
            pattern += "/";
            pattern += &match segment {
                Segment::Text(text) => escape(text),
                Segment::Param(before, after) => {
                    format!("{}{{{name}}}{}", escape(before), escape(after))
                }
                Segment::Rest => format!("{{*{name}}}"),
            };
        }
        pattern
    }

    /// Whether the names of two routes with the same segments differ.
    fn other_names(&self, other: &NaiveRoute) -> bool {
        let unnamed = |segment: &Segment| matches!(segment, Segment::Text(_));
        self.name != other.name && !self.segments.iter().all(unnamed)
    }

    fn same_host(&self, other: &NaiveRoute) -> bool {
        let spelled_alike = |host: &str| host.to_lowercase().trim_end_matches('.').to_owned();
        self.host.map(spelled_alike) == other.host.map(spelled_alike)
    }

    /// How well the host fits, smaller is better.
    fn host_rank(&self, host: &str) -> Option<Rank> {
        let host = host.strip_suffix('.').unwrap_or(host).to_lowercase();
        let Some(pattern) = self.host else {
            return Some((2, Reverse(0)));
        };
        let pattern = pattern.strip_suffix('.').unwrap_or(pattern).to_lowercase();
        match pattern.strip_prefix('*') {
            Some(suffix) => {
                let covered = host.ends_with(suffix) && host.len() > suffix.len();
                covered.then_some((1, Reverse(suffix.len())))
            }
            None => (host == pattern).then_some((0, Reverse(0))),
        }
    }

    /// What the parameters match in the path.
    fn matches(&self, path: &str) -> Option<Vec<Range<usize>>> {
        let mut ranges = Vec::new();
        let mut rest = path;
        for segment in &self.segments {
            rest = rest.strip_prefix('/')?;
            let here = path.len() - rest.len();
            let (text, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            match segment {
                Segment::Text(expected) if text == expected => rest = after,
                Segment::Param(before, end)
                    if text.len() > before.len() + end.len()
                        && text.starts_with(before.as_str())
                        && text.ends_with(end.as_str()) =>
                {
                    ranges.push(here + before.len()..here + text.len() - end.len());
                    rest = after;
                }
                Segment::Rest => {
                    ranges.push(here..path.len());
                    rest = "";
                }
                _ => return None,
            }
        }
        rest.is_empty().then_some(ranges)
    }

    fn rank(&self) -> Vec<Rank> {
        let mut ranks = Vec::new();
        let text = |ranks: &mut Vec<Rank>, len| {
            ranks.extend(std::iter::repeat_n((0, Reverse(0)), len));
        };
        for segment in &self.segments {
            match segment {
                Segment::Text(static_text) => text(&mut ranks, 1 + static_text.len()),
                Segment::Param(before, after) => {
                    text(&mut ranks, 1 + before.len());
                    ranks.push((1, Reverse(after.len())));
                    text(&mut ranks, after.len());
                }
                Segment::Rest => {
                    text(&mut ranks, 1);
                    ranks.push((2, Reverse(0)));
                }
            }
        }
        ranks
    }

    /// How well the method fits, smaller is better.
    fn method_rank(&self, request: &Request) -> Option<u8> {
        match self.method {
            None => Some(2),
            Some(method) if method == request.method => Some(0),
            method => (method == request.fallback).then_some(1),
        }
    }

    fn methods(&self) -> MethodSet {
        self.method.map_or(MethodSet::ALL, MethodSet::of)
    }
}

/// Puts the routes into a router and checks which are refused and why; returns the others.
fn insert_all(router: &mut Router<usize>, routes: &[NaiveRoute]) -> Vec<NaiveRoute> {
    let mut kept: Vec<NaiveRoute> = Vec::new();
    for route in routes {
        let result = router.insert(route.host, &route.pattern(), route.method, kept.len());
        let alike =
            |other: &&NaiveRoute| other.same_host(route) && other.segments == route.segments;
        let mut others = kept.iter().filter(alike);
        let cause = result.map_err(|error| error.cause);
        if others.clone().any(|other| other.method == route.method) {
            assert!(
                matches!(cause, Err(InsertCause::Repeated(_))),
                "{route:?} {cause:?}"
            );
        } else if others.any(|other| other.other_names(route)) {
            assert!(
                matches!(cause, Err(InsertCause::OtherNames(_))),
                "{route:?} {cause:?}"
            );
        } else {
            assert_eq!(cause, Ok(()), "{route:?}");
            kept.push(route.clone());
        }
    }
    kept
}

fn check(router: &Router<usize>, routes: &[NaiveRoute], request: &Request) {
    let Request {
        host,
        path,
        method,
        fallback,
    } = request;
    let mut methods = MethodSet::EMPTY;
    let mut found = Vec::new();
    for (index, route) in routes.iter().enumerate() {
        if let (Some(host), Some(ranges)) = (route.host_rank(host), route.matches(path)) {
            methods |= route.methods();
            if let Some(method) = route.method_rank(request) {
                found.push((host, route.rank(), method, index, ranges));
            }
        }
    }
    found.sort_by(|a, b| (&a.0, &a.1, a.2).cmp(&(&b.0, &b.1, b.2)));

    // Leftovers of an earlier lookup must not show.
    let mut params = Params::new();
    params.push(7, 9);
    let result = router.lookup(
        host.as_bytes(),
        path.as_bytes(),
        *method,
        *fallback,
        &mut params,
    );
    match (found.first(), result) {
        (Some((.., index, ranges)), Lookup::Found(matched)) => {
            assert_eq!(matched.value, index, "{request:?}");
            assert_eq!(matched.pattern, routes[*index].pattern());
            assert_eq!(matched.host, routes[*index].host);
            assert_eq!(matched.names.len(), ranges.len());
            assert!(
                params.ranges().eq(ranges.iter().cloned()),
                "{request:?} {params:?}"
            );
        }
        (None, Lookup::MethodNotAllowed(allowed)) => {
            assert_eq!(allowed, methods, "{request:?}");
            assert!(!methods.is_empty() && params.is_empty());
        }
        (None, Lookup::NotFound) => {
            assert!(methods.is_empty() && params.is_empty(), "{request:?}");
        }
        (expected, result) => panic!("{request:?}: {expected:?} expected, not {result:?}"),
    }
    assert_eq!(
        router.methods_of(host.as_bytes(), path.as_bytes()),
        methods,
        "{request:?}"
    );
}

fn any_segment() -> impl Strategy<Value = Segment> {
    let affix = || prop_oneof![3 => Just(String::new()), 2 => "[ab{]{1,2}"];
    prop_oneof![
        4 => "[ab{}]{0,3}".prop_map(Segment::Text),
        4 => (affix(), affix()).prop_map(|(before, after)| Segment::Param(before, after)),
    ]
}

fn any_route() -> impl Strategy<Value = NaiveRoute> {
    let hosts = [
        None,
        None,
        None,
        Some("h.t"),
        Some("H.T."),
        Some("a.h.t"),
        Some("*.t"),
        Some("*.h.T"),
        Some("*.a.h.t"),
    ];
    let segments = (vec(any_segment(), 0..4), any::<bool>()).prop_map(|(mut segments, rest)| {
        if rest || segments.is_empty() {
            segments.push(Segment::Rest);
        }
        segments
    });
    let name = select(vec!['x', 'x', 'x', 'y']);
    (
        select(hosts.to_vec()),
        segments,
        name,
        weighted(0.8, 0..4u8),
    )
        .prop_map(|(host, segments, name, method)| NaiveRoute {
            host,
            segments,
            name,
            method,
        })
}

fn any_request() -> impl Strategy<Value = Request> {
    let hosts = [
        "", "h.t", "H.t.", "a.h.t", "b.A.H.T", "b.h.t.", ".h.t", "t", "other",
    ];
    let host = select(hosts.to_vec());
    let path = vec("[ab{}]{0,4}", 1..5).prop_map(|segments| format!("/{}", segments.join("/")));
    (host, path, 0..4u8, weighted(0.5, 0..4u8)).prop_map(|(host, path, method, fallback)| Request {
        host,
        path,
        method,
        fallback,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn finds_what_the_naive_router_finds(
        routes in vec(any_route(), 0..40),
        requests in vec(any_request(), 40),
    ) {
        let mut router = Router::new(&[]);
        let kept = insert_all(&mut router, &routes);
        for request in &requests {
            check(&router, &kept, request);
        }
        let listed = router.routes().map(|route| (route.pattern.to_owned(), route.method));
        prop_assert!(listed.eq(kept.iter().map(|route| (route.pattern(), route.method))));
    }

    #[test]
    fn no_text_makes_it_panic(
        patterns in vec("[/{}*ab?é]{0,12}", 0..20),
        hosts in vec("[*.:ab\\[\\]]{0,6}", 20),
        paths in vec(vec(select(b"/{}*ab.\0\xff".to_vec()), 0..12), 0..20),
    ) {
        let mut router = Router::new(&[]);
        for (pattern, host) in patterns.iter().zip(&hosts) {
            let _ = router.insert(None, pattern, None, ());
            let _ = router.insert(Some(host), &format!("/{pattern}"), Some(3), ());
        }
        let mut params = Params::new();
        for (path, host) in paths.iter().zip(&hosts) {
            let found = router.lookup(host.as_bytes(), path, 3, None, &mut params);
            prop_assert_eq!(
                found == Lookup::NotFound,
                router.methods_of(host.as_bytes(), path).is_empty()
            );
            for range in params.ranges() {
                prop_assert!(range.start <= range.end && range.end <= path.len());
            }
        }
    }
}
