//! The router against matchit on the routes of matchit's own benchmark, the GitHub API, with the
//! four paths that it looks up. Ours also checks the method.

use divan::{Bencher, black_box};
use reactor::router::{Lookup, Params, Router};

const GET: u8 = 0;

/// The paths of matchit's benchmark.
const PATHS: [&str; 4] = [
    "/user/repos",
    "/repos/rust-lang/rust/stargazers",
    "/orgs/rust-lang/public_members/nikomatsakis",
    "/repos/rust-lang/rust/releases/1.51.0",
];

/// Each of them with a byte gone, so that no route matches.
const ABSENT_PATHS: [&str; 4] = [
    "/user/repo",
    "/repos/rust-lang/rust/stargazer",
    "/orgs/rust-lang/public_member/nikomatsakis",
    "/repos/rust-lang/rust/release/1.51.0",
];

fn main() {
    divan::main();
}

fn ours(host: Option<&str>) -> Router<bool> {
    let mut router = Router::new(&["GET"]);
    for route in ROUTES {
        router.insert(host, route, Some(GET), true).unwrap();
    }
    router
}

fn matchit() -> matchit::Router<bool> {
    let mut router = matchit::Router::new();
    for route in ROUTES {
        router.insert(*route, true).unwrap();
    }
    router
}

fn bench_ours(bencher: Bencher, router: &Router<bool>, host: &str, paths: &[&str], found: bool) {
    let mut params = Params::new();
    bencher.bench_local(|| {
        for path in black_box(paths) {
            let host = black_box(host).as_bytes();
            let result = router.lookup(host, path.as_bytes(), black_box(GET), None, &mut params);
            match black_box(result) {
                Lookup::Found(matched) => assert!(found && *matched.value),
                _ => assert!(!found),
            }
        }
    });
}

fn bench_matchit(bencher: Bencher, paths: &[&str], found: bool) {
    let router = matchit();
    bencher.bench_local(|| {
        for path in black_box(paths) {
            match black_box(router.at(path)) {
                Ok(matched) => assert!(found && *matched.value),
                Err(_) => assert!(!found),
            }
        }
    });
}

mod found {
    use super::*;

    #[divan::bench]
    fn reactor(bencher: Bencher) {
        bench_ours(bencher, &ours(None), "", &PATHS, true);
    }

    #[divan::bench]
    fn matchit(bencher: Bencher) {
        bench_matchit(bencher, &PATHS, true);
    }

    #[divan::bench(args = PATHS)]
    fn reactor_each(bencher: Bencher, path: &str) {
        bench_ours(bencher, &ours(None), "", &[path], true);
    }

    #[divan::bench(args = PATHS)]
    fn matchit_each(bencher: Bencher, path: &str) {
        bench_matchit(bencher, &[path], true);
    }
}

mod absent {
    use super::*;

    #[divan::bench]
    fn reactor(bencher: Bencher) {
        bench_ours(bencher, &ours(None), "", &ABSENT_PATHS, false);
    }

    #[divan::bench]
    fn matchit(bencher: Bencher) {
        bench_matchit(bencher, &ABSENT_PATHS, false);
    }
}

mod hosts {
    use super::*;

    #[divan::bench]
    fn exact_of_100(bencher: Bencher) {
        let mut router = ours(Some("www.example.com"));
        for n in 0..99 {
            let host = format!("www{n}.example.com");
            router.insert(Some(&host), "/", Some(GET), true).unwrap();
        }
        bench_ours(bencher, &router, "www.example.com", &PATHS, true);
    }

    #[divan::bench]
    fn wildcard(bencher: Bencher) {
        let mut router = ours(Some("*.example.com"));
        router
            .insert(Some("example.com"), "/", Some(GET), true)
            .unwrap();
        bench_ours(bencher, &router, "www.example.com", &PATHS, true);
    }

    #[divan::bench]
    fn none_so_default(bencher: Bencher) {
        let mut router = ours(None);
        router
            .insert(Some("*.example.com"), "/", Some(GET), true)
            .unwrap();
        router
            .insert(Some("example.com"), "/", Some(GET), true)
            .unwrap();
        bench_ours(bencher, &router, "www.example.org", &PATHS, true);
    }
}

/// The routes of version 3 of the GitHub API, as matchit's benchmark has them.
const ROUTES: &[&str] = &[
    "/authorizations",
    "/authorizations/{p1}",
    "/applications/{p1}/tokens/{p2}",
    "/events",
    "/repos/{p1}/{p2}/events",
    "/networks/{p1}/{p2}/events",
    "/orgs/{p1}/events",
    "/users/{p1}/received_events",
    "/users/{p1}/received_events/public",
    "/users/{p1}/events",
    "/users/{p1}/events/public",
    "/users/{p1}/events/orgs/{p2}",
    "/feeds",
    "/notifications",
    "/repos/{p1}/{p2}/notifications",
    "/notifications/threads/{p1}",
    "/notifications/threads/{p1}/subscription",
    "/repos/{p1}/{p2}/stargazers",
    "/users/{p1}/starred",
    "/user/starred",
    "/user/starred/{p1}/{p2}",
    "/repos/{p1}/{p2}/subscribers",
    "/users/{p1}/subscriptions",
    "/user/subscriptions",
    "/repos/{p1}/{p2}/subscription",
    "/user/subscriptions/{p1}/{p2}",
    "/users/{p1}/gists",
    "/gists",
    "/gists/{p1}",
    "/gists/{p1}/star",
    "/repos/{p1}/{p2}/git/blobs/{p3}",
    "/repos/{p1}/{p2}/git/commits/{p3}",
    "/repos/{p1}/{p2}/git/refs",
    "/repos/{p1}/{p2}/git/tags/{p3}",
    "/repos/{p1}/{p2}/git/trees/{p3}",
    "/issues",
    "/user/issues",
    "/orgs/{p1}/issues",
    "/repos/{p1}/{p2}/issues",
    "/repos/{p1}/{p2}/issues/{p3}",
    "/repos/{p1}/{p2}/assignees",
    "/repos/{p1}/{p2}/assignees/{p3}",
    "/repos/{p1}/{p2}/issues/{p3}/comments",
    "/repos/{p1}/{p2}/issues/{p3}/events",
    "/repos/{p1}/{p2}/labels",
    "/repos/{p1}/{p2}/labels/{p3}",
    "/repos/{p1}/{p2}/issues/{p3}/labels",
    "/repos/{p1}/{p2}/milestones/{p3}/labels",
    "/repos/{p1}/{p2}/milestones/",
    "/repos/{p1}/{p2}/milestones/{p3}",
    "/emojis",
    "/gitignore/templates",
    "/gitignore/templates/{p1}",
    "/meta",
    "/rate_limit",
    "/users/{p1}/orgs",
    "/user/orgs",
    "/orgs/{p1}",
    "/orgs/{p1}/members",
    "/orgs/{p1}/members/{p2}",
    "/orgs/{p1}/public_members",
    "/orgs/{p1}/public_members/{p2}",
    "/orgs/{p1}/teams",
    "/teams/{p1}",
    "/teams/{p1}/members",
    "/teams/{p1}/members/{p2}",
    "/teams/{p1}/repos",
    "/teams/{p1}/repos/{p2}/{p3}",
    "/user/teams",
    "/repos/{p1}/{p2}/pulls",
    "/repos/{p1}/{p2}/pulls/{p3}",
    "/repos/{p1}/{p2}/pulls/{p3}/commits",
    "/repos/{p1}/{p2}/pulls/{p3}/files",
    "/repos/{p1}/{p2}/pulls/{p3}/merge",
    "/repos/{p1}/{p2}/pulls/{p3}/comments",
    "/user/repos",
    "/users/{p1}/repos",
    "/orgs/{p1}/repos",
    "/repositories",
    "/repos/{p1}/{p2}",
    "/repos/{p1}/{p2}/contributors",
    "/repos/{p1}/{p2}/languages",
    "/repos/{p1}/{p2}/teams",
    "/repos/{p1}/{p2}/tags",
    "/repos/{p1}/{p2}/branches",
    "/repos/{p1}/{p2}/branches/{p3}",
    "/repos/{p1}/{p2}/collaborators",
    "/repos/{p1}/{p2}/collaborators/{p3}",
    "/repos/{p1}/{p2}/comments",
    "/repos/{p1}/{p2}/commits/{p3}/comments",
    "/repos/{p1}/{p2}/commits",
    "/repos/{p1}/{p2}/commits/{p3}",
    "/repos/{p1}/{p2}/readme",
    "/repos/{p1}/{p2}/keys",
    "/repos/{p1}/{p2}/keys/{p3}",
    "/repos/{p1}/{p2}/downloads",
    "/repos/{p1}/{p2}/downloads/{p3}",
    "/repos/{p1}/{p2}/forks",
    "/repos/{p1}/{p2}/hooks",
    "/repos/{p1}/{p2}/hooks/{p3}",
    "/repos/{p1}/{p2}/releases",
    "/repos/{p1}/{p2}/releases/{p3}",
    "/repos/{p1}/{p2}/releases/{p3}/assets",
    "/repos/{p1}/{p2}/stats/contributors",
    "/repos/{p1}/{p2}/stats/commit_activity",
    "/repos/{p1}/{p2}/stats/code_frequency",
    "/repos/{p1}/{p2}/stats/participation",
    "/repos/{p1}/{p2}/stats/punch_card",
    "/repos/{p1}/{p2}/statuses/{p3}",
    "/search/repositories",
    "/search/code",
    "/search/issues",
    "/search/users",
    "/legacy/issues/search/{p1}/{p2}/{p3}/{p4}",
    "/legacy/repos/search/{p1}",
    "/legacy/user/search/{p1}",
    "/legacy/user/email/{p1}",
    "/users/{p1}",
    "/user",
    "/users",
    "/user/emails",
    "/users/{p1}/followers",
    "/user/followers",
    "/users/{p1}/following",
    "/user/following",
    "/user/following/{p1}",
    "/users/{p1}/following/{p2}",
    "/users/{p1}/keys",
    "/user/keys",
    "/user/keys/{p1}",
];
