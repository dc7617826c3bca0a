//! The documented behaviour, case by case.

use super::{
    InsertCause, Lookup, MethodSet, PARAMS_MAX, PATH_BYTES_MAX, Params, PatternError,
    PatternProblem, Router,
};

const GET: u8 = 0;
const HEAD: u8 = 1;
const POST: u8 = 2;
const NAMES: &[&str] = &["GET", "HEAD", "POST"];

/// A router whose values are the patterns themselves, all of them GET routes of the default host.
fn paths(patterns: &[&'static str]) -> Router<&'static str> {
    let mut router = Router::new(NAMES);
    for pattern in patterns {
        router.insert(None, pattern, Some(GET), *pattern).unwrap();
    }
    router
}

/// A router whose values are the texts of its routes: `GET example.com/path`.
fn routes(texts: &[&'static str]) -> Router<&'static str> {
    let mut router = Router::new(NAMES);
    for text in texts {
        insert(&mut router, text).unwrap();
    }
    router
}

fn insert(router: &mut Router<&'static str>, text: &'static str) -> Result<(), super::InsertError> {
    let (method, rest) = text.split_once(' ').unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    let method = NAMES.iter().position(|name| *name == method);
    let host = Some(host).filter(|host| !host.is_empty());
    router.insert(host, path, method.map(|method| method as u8), text)
}

/// The value that a request finds, and its parameters as `name=value`.
fn find<'r>(
    router: &'r Router<&'static str>,
    host: &str,
    path: &str,
    method: u8,
) -> (Lookup<'r, &'static str>, String) {
    let mut params = Params::new();
    let fallback = (method == HEAD).then_some(GET);
    let result = router.lookup(
        host.as_bytes(),
        path.as_bytes(),
        method,
        fallback,
        &mut params,
    );
    let mut text = Vec::new();
    if let Lookup::Found(matched) = &result {
        assert_eq!(matched.names.len(), params.len());
        for name in matched.names {
            let value = params.named(name, matched.names, path.as_bytes()).unwrap();
            text.push(format!("{name}={}", str::from_utf8(value).unwrap()));
        }
    } else {
        assert!(params.is_empty());
    }
    (result, text.join(" "))
}

/// Checks what a request finds; an empty string is nothing.
#[track_caller]
fn expect(router: &Router<&'static str>, method: u8, host: &str, path: &str, value: &str) {
    match find(router, host, path, method).0 {
        Lookup::Found(matched) => assert_eq!(*matched.value, value, "{host}{path}"),
        other => assert_eq!((value, other), ("", Lookup::NotFound), "{host}{path}"),
    }
}

#[test]
fn paths_match_and_name_their_parameters() {
    let router = paths(&[
        "/",
        "/user",
        "/users",
        "/users/{id}",
        "/users/{id}/posts/{post}",
        "/users/new",
        "/files/{*rest}",
        "/@{user}",
        "/img/{name}.png",
        "/img/{name}.tar.gz",
        "/img/{name}.gz",
        "/img/{name}",
        "/v{version}/x",
        "/{{literal}}",
    ]);
    for (path, pattern, params) in [
        ("/", "/", ""),
        ("/user", "/user", ""),
        ("/users", "/users", ""),
        ("/users/", "", ""),
        ("/use", "", ""),
        ("/users/7", "/users/{id}", "id=7"),
        ("/users/new", "/users/new", ""),
        ("/users/newer", "/users/{id}", "id=newer"),
        ("/users/ne", "/users/{id}", "id=ne"),
        ("/users/7/", "", ""),
        ("/users//posts/1", "", ""),
        (
            "/users/new/posts/1",
            "/users/{id}/posts/{post}",
            "id=new post=1",
        ),
        (
            "/users/7/posts/a%2Fb",
            "/users/{id}/posts/{post}",
            "id=7 post=a%2Fb",
        ),
        ("/files", "", ""),
        ("/files/", "/files/{*rest}", "rest="),
        ("/files/a", "/files/{*rest}", "rest=a"),
        ("/files/a//b/", "/files/{*rest}", "rest=a//b/"),
        ("/@", "", ""),
        ("/@me", "/@{user}", "user=me"),
        ("/img/a.png", "/img/{name}.png", "name=a"),
        ("/img/.png", "/img/{name}", "name=.png"),
        ("/img/a.png.png", "/img/{name}.png", "name=a.png"),
        ("/img/a.tar.gz", "/img/{name}.tar.gz", "name=a"),
        ("/img/.tar.gz", "/img/{name}.gz", "name=.tar"),
        ("/img/a.jpg", "/img/{name}", "name=a.jpg"),
        ("/v1/x", "/v{version}/x", "version=1"),
        ("/v1", "", ""),
        ("/{literal}", "/{{literal}}", ""),
        ("", "", ""),
        ("users", "", ""),
        ("*", "", ""),
    ] {
        expect(&router, GET, "", path, pattern);
        assert_eq!(find(&router, "", path, GET).1, params, "{path}");
    }
}

#[test]
fn a_file_server_at_the_root_matches_everything() {
    let router = paths(&["/{*path}"]);
    for (path, params) in [("/", "path="), ("/a", "path=a"), ("//", "path=/")] {
        expect(&router, GET, "", path, "/{*path}");
        assert_eq!(find(&router, "", path, GET).1, params);
    }
}

#[test]
fn a_dead_end_is_left_for_the_next_best_pattern() {
    let router = paths(&[
        "/{a}/b/c",
        "/{a}/{b}/d",
        "/x/{b}/c",
        "/x/b/{c}/e",
        "/x/{*rest}",
        "/xy/b",
        "/{a}.y/{b}/c",
        "/{*all}",
    ]);
    for (path, pattern, params) in [
        ("/x/b/c", "/x/{b}/c", "b=b"),
        ("/x/b/c/e", "/x/b/{c}/e", "c=c"),
        ("/x/b/c/f", "/x/{*rest}", "rest=b/c/f"),
        ("/x/b/d", "/x/{*rest}", "rest=b/d"),
        ("/x/", "/x/{*rest}", "rest="),
        ("/x", "/{*all}", "all=x"),
        ("/xy/b", "/xy/b", ""),
        ("/xy/b/c", "/{a}/b/c", "a=xy"),
        ("/xy/b/d", "/{a}/{b}/d", "a=xy b=b"),
        ("/xy/b/e", "/{*all}", "all=xy/b/e"),
        ("/z.y/b/c", "/{a}.y/{b}/c", "a=z b=b"),
        ("/z.y/b/d", "/{a}/{b}/d", "a=z.y b=b"),
    ] {
        expect(&router, GET, "", path, pattern);
        assert_eq!(find(&router, "", path, GET).1, params, "{path}");
    }
}

#[test]
fn the_order_of_insertion_does_not_matter() {
    let patterns = [
        "/abc",
        "/ab",
        "/a",
        "/abd/{x}",
        "/abd/{x}/y",
        "/b{x}",
        "/b{x}c",
        "/{*r}",
    ];
    let mut reversed = patterns;
    reversed.reverse();
    let (forward, backward) = (paths(&patterns), paths(&reversed));
    for path in [
        "/", "/a", "/ab", "/abc", "/abd", "/abd/1", "/abd/1/y", "/b", "/b1", "/b1c", "/c",
    ] {
        let result = find(&forward, "", path, GET);
        assert!(matches!(result.0, Lookup::Found(_)));
        assert_eq!(result, find(&backward, "", path, GET), "{path}");
    }
}

#[test]
fn nodes_with_more_children_than_fit_keep_them_all() {
    let patterns: Vec<String> = (b'!'..=b'~')
        .filter(|byte| !b"#/?{}".contains(byte))
        .map(|byte| format!("/p{}x", char::from(byte)))
        .collect();
    let mut router = Router::new(NAMES);
    for pattern in &patterns {
        router.insert(None, pattern, None, pattern.clone()).unwrap();
    }
    router
        .insert(None, "/p{rest}", None, "rest".to_owned())
        .unwrap();
    let mut params = Params::new();
    for pattern in &patterns {
        let result = router.lookup(b"", pattern.as_bytes(), GET, None, &mut params);
        assert!(matches!(result, Lookup::Found(found) if found.value == pattern));
    }
    let result = router.lookup(b"", b"/p\xffx", GET, None, &mut params);
    assert!(matches!(result, Lookup::Found(found) if found.value == "rest"));
}

#[test]
fn the_most_specific_pattern_that_has_the_method_wins() {
    let router = routes(&[
        "GET /{*rest}",
        "POST /form",
        "POST /{name}",
        "GET h.t/form",
        "ANY /any",
        "GET /any",
    ]);
    expect(&router, GET, "", "/form", "GET /{*rest}");
    expect(&router, POST, "", "/form", "POST /form");
    expect(&router, POST, "h.t", "/form", "POST /form");
    expect(&router, GET, "h.t", "/form", "GET h.t/form");
    expect(&router, GET, "", "/any", "GET /any");
    expect(&router, POST, "", "/any", "ANY /any");
    expect(&router, 15, "", "/any", "ANY /any");
    expect(&router, 200, "", "/any", "ANY /any");
}

#[test]
fn head_falls_back_to_get_within_a_pattern() {
    let router = routes(&[
        "GET /both",
        "HEAD /both",
        "GET /get",
        "ANY /get",
        "ANY /any",
        "HEAD /{name}",
    ]);
    expect(&router, HEAD, "", "/both", "HEAD /both");
    expect(&router, HEAD, "", "/get", "GET /get");
    expect(&router, HEAD, "", "/any", "ANY /any");
    expect(&router, HEAD, "", "/other", "HEAD /{name}");
    expect(&router, POST, "", "/get", "ANY /get");
}

#[test]
fn a_method_that_no_pattern_has_is_told_which_there_are() {
    let router = routes(&["GET /a", "POST /{x}", "GET h.t/{*rest}"]);
    let allowed = |host, path, method| find(&router, host, path, method).0;
    let (get, post) = (MethodSet::of(GET), MethodSet::of(POST));
    assert_eq!(allowed("", "/a", 5), Lookup::MethodNotAllowed(get | post));
    assert_eq!(allowed("", "/b", 5), Lookup::MethodNotAllowed(post));
    assert_eq!(
        allowed("h.t", "/b", 5),
        Lookup::MethodNotAllowed(get | post)
    );
    assert_eq!(allowed("h.t", "/b/c", 5), Lookup::MethodNotAllowed(get));
    assert_eq!(allowed("", "/b/c", 5), Lookup::NotFound);
    assert_eq!(allowed("", "/b", 255), Lookup::MethodNotAllowed(post));
    assert_eq!(router.methods_of(b"", b"/a"), get | post);
    assert_eq!(router.methods_of(b"h.t", b"/b/c"), get);
    assert_eq!(router.methods_of(b"", b"/b/c"), MethodSet::EMPTY);
}

#[test]
fn a_route_for_any_method_allows_all() {
    let router = routes(&["ANY /a", "GET /{x}"]);
    assert_eq!(router.methods_of(b"", b"/a"), MethodSet::ALL);
    assert_eq!(router.methods_of(b"", b"/b"), MethodSet::of(GET));
}

#[test]
fn hosts_go_from_exact_over_wildcards_to_the_default() {
    let router = routes(&[
        "GET /ping",
        "GET /page",
        "GET Example.com/page",
        "GET *.example.com/page",
        "GET *.b.example.com/page",
        "GET *.example.com/wide",
        "GET a.b.example.com/exact",
    ]);
    for (host, path, route) in [
        ("", "/page", "GET /page"),
        ("other.org", "/page", "GET /page"),
        ("example.com", "/page", "GET Example.com/page"),
        ("EXAMPLE.com.", "/page", "GET Example.com/page"),
        ("example.com", "/ping", "GET /ping"),
        ("example.com", "/wide", ""),
        ("a.example.com", "/page", "GET *.example.com/page"),
        ("x.y.Example.COM.", "/page", "GET *.example.com/page"),
        ("a.b.example.com", "/page", "GET *.b.example.com/page"),
        ("a.b.example.com", "/wide", "GET *.example.com/wide"),
        ("a.b.example.com", "/exact", "GET a.b.example.com/exact"),
        ("a.b.example.com", "/ping", "GET /ping"),
        ("b.example.com", "/page", "GET *.example.com/page"),
        ("aexample.com", "/page", "GET /page"),
        (".example.com", "/page", "GET /page"),
    ] {
        expect(&router, GET, host, path, route);
    }
}

#[test]
fn without_a_default_host_other_hosts_find_nothing() {
    let router = routes(&["GET example.com/"]);
    expect(&router, GET, "example.com", "/", "GET example.com/");
    expect(&router, GET, "example.org", "/", "");
    expect(&Router::new(NAMES), GET, "example.org", "/", "");
}

#[test]
fn conflicts_name_both_routes() {
    let mut router = routes(&[
        "GET /users/{id}",
        "ANY /files/{*path}",
        "GET Example.com/a{x}b",
        "POST *.example.com/",
    ]);
    let before = format!("{router:?}");
    for (new, message) in [
        (
            "GET /users/{id}",
            "route `GET /users/{id}`: already there as `GET /users/{id}`",
        ),
        (
            "POST /users/{name}",
            "route `POST /users/{name}`: matches the same paths as `GET /users/{id}` \
             under other parameter names",
        ),
        (
            "ANY /files/{*path}",
            "route `ANY /files/{*path}`: already there as `ANY /files/{*path}`",
        ),
        (
            "GET /files/{*rest}",
            "route `GET /files/{*rest}`: matches the same paths as `ANY /files/{*path}` \
             under other parameter names",
        ),
        (
            "GET example.COM./a{x}b",
            "route `GET example.COM./a{x}b`: already there as `GET Example.com/a{x}b`",
        ),
        (
            "POST *.EXAMPLE.com/",
            "route `POST *.EXAMPLE.com/`: already there as `POST *.example.com/`",
        ),
    ] {
        assert_eq!(insert(&mut router, new).unwrap_err().to_string(), message);
        assert_eq!(
            format!("{router:?}"),
            before,
            "a refused route leaves no trace"
        );
    }
    for new in [
        "POST /users/{id}",
        "GET /users/{name}/posts",
        "GET /users/{other}.json",
        "GET /files/{id}",
        "GET example.com/users/{name}",
        "GET *.example.com/",
    ] {
        insert(&mut router, new).unwrap();
    }
}

#[test]
fn malformed_routes_say_what_is_wrong() {
    let mut router = Router::new(NAMES);
    for (host, path, method, message) in [
        (
            None,
            "x",
            Some(GET),
            "route `GET x`: at byte 0: a path begins with a slash",
        ),
        (
            Some("h.t"),
            "/x/{id",
            None,
            "route `ANY h.t/x/{id`: at byte 3: the brace is not closed \
             (a literal brace is written {{)",
        ),
        (
            Some("h.t:80"),
            "/",
            Some(7),
            "route `METHOD-7 h.t:80/`: the host of a route has no port",
        ),
        (
            None,
            "/",
            Some(16),
            "route `METHOD-16 /`: there is no method 16",
        ),
    ] {
        let error = router.insert(host, path, method, "").unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let error = router.insert(None, "/{a}/{a}", None, "").unwrap_err();
    let expected = PatternError {
        problem: PatternProblem::RepeatedName,
        position: 5,
    };
    assert_eq!(error.cause, InsertCause::Pattern(expected));
    assert!(router.is_empty());
}

#[test]
fn sixteen_parameters_are_kept() {
    let pattern: String = (0..PARAMS_MAX).map(|n| format!("/{{p{n}}}")).collect();
    let path: String = (0..PARAMS_MAX).map(|n| format!("/{}", n * n)).collect();
    let mut router = Router::new(NAMES);
    router.insert(None, &pattern, None, "all").unwrap();
    let expected: Vec<String> = (0..PARAMS_MAX).map(|n| format!("p{n}={}", n * n)).collect();
    assert_eq!(find(&router, "", &path, GET).1, expected.join(" "));
}

#[test]
fn paths_up_to_the_limit_are_found() {
    let router = paths(&["/{*rest}"]);
    let longest = format!("/{}", "a".repeat(PATH_BYTES_MAX - 1));
    expect(&router, GET, "", &longest, "/{*rest}");
    assert_eq!(
        find(&router, "", &longest, GET).1.len(),
        "rest=".len() + PATH_BYTES_MAX - 1
    );
    expect(&router, GET, "", &format!("{longest}a"), "");
}

#[test]
fn routes_are_listed_as_they_were_written() {
    let router = routes(&["POST Example.com/{a}", "ANY /", "GET *.example.com/x"]);
    let listed: Vec<_> = router
        .routes()
        .map(|route| (route.host, route.pattern, route.method, *route.value))
        .collect();
    assert_eq!(
        listed,
        [
            (
                Some("Example.com"),
                "/{a}",
                Some(POST),
                "POST Example.com/{a}"
            ),
            (None, "/", None, "ANY /"),
            (
                Some("*.example.com"),
                "/x",
                Some(GET),
                "GET *.example.com/x"
            ),
        ]
    );
    assert_eq!(router.len(), 3);
}
