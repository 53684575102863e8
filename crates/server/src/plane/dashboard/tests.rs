use axum::body::to_bytes;

use super::*;

const FILES: &[Asset] = &[
    Asset {
        path: "/assets/index-1a2b.js",
        plain: b"let all = 'of it';",
        gzip: Some(b"packed"),
    },
    Asset {
        path: "/assets/mono.woff2",
        plain: b"font",
        gzip: None,
    },
    Asset {
        path: "/favicon.svg",
        plain: b"<svg/>",
        gzip: None,
    },
    Asset {
        path: "/index.html",
        plain: b"<!doctype html>",
        gzip: Some(b"packed page"),
    },
];

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");

fn dashboard(files: &'static [Asset]) -> Dashboard {
    Dashboard::new(files, "make dashboard\n".to_owned())
}

fn ask(files: &'static [Asset], verb: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder().method(verb).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    dashboard(files).answer(&request.body(Body::empty()).unwrap())
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

async fn body(response: Response) -> String {
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn what_is_asked_for_is_what_comes() {
    let browser = [BROWSER].as_slice();
    let fetch = [("accept", "*/*")].as_slice();
    let page = "<!doctype html>";
    let nothing = |path: &str| format!("there is nothing at {path}; the dashboard is at /\n");
    let only_read = |path: &str| format!("{path} can only be read: use GET or HEAD\n");
    for (verb, path, headers, status, expected) in [
        ("GET", "/", browser, 200, page.to_owned()),
        ("GET", "/", fetch, 200, page.to_owned()),
        ("GET", "/?project=a", browser, 200, page.to_owned()),
        ("GET", "/index.html", fetch, 200, page.to_owned()),
        ("GET", "/runs/0199", browser, 200, page.to_owned()),
        ("GET", "/runs/0199", fetch, 404, nothing("/runs/0199")),
        ("GET", "/favicon.svg", fetch, 200, "<svg/>".to_owned()),
        ("GET", "/favicon.ico", fetch, 404, nothing("/favicon.ico")),
        ("GET", "/assets/mono.woff2", fetch, 200, "font".to_owned()),
        (
            "GET",
            "/assets/index-0.js",
            browser,
            404,
            nothing("/assets/index-0.js"),
        ),
        (
            "GET",
            "/assets/../index.html",
            fetch,
            404,
            nothing("/assets/../index.html"),
        ),
        ("POST", "/", browser, 405, only_read("/")),
        (
            "DELETE",
            "/assets/mono.woff2",
            fetch,
            405,
            only_read("/assets/mono.woff2"),
        ),
        // A call to a service that is not there is not told that its verb is wrong.
        ("POST", "/a.v1.B/C", browser, 404, nothing("/a.v1.B/C")),
    ] {
        let response = ask(FILES, verb, path, headers);
        let found = response.status().as_u16();
        if found == 405 {
            assert_eq!(header(&response, "allow"), "GET, HEAD", "{verb} {path}");
        }
        let found = (found, body(response).await);
        assert_eq!(found, (status, expected), "{verb} {path}");
    }
}

#[tokio::test]
async fn a_build_without_dashboard_says_so() {
    let browser = [BROWSER].as_slice();
    for (verb, path, headers, status, expected) in [
        ("GET", "/", browser, 200, "make dashboard\n"),
        ("GET", "/", [].as_slice(), 200, "make dashboard\n"),
        ("GET", "/runs/0199", browser, 404, "make dashboard\n"),
        (
            "GET",
            "/nothing",
            [].as_slice(),
            404,
            "there is nothing at /nothing; the dashboard is at /\n",
        ),
        (
            "POST",
            "/",
            browser,
            405,
            "/ can only be read: use GET or HEAD\n",
        ),
    ] {
        let response = ask(&[], verb, path, headers);
        let found = response.status().as_u16();
        let found = (found, body(response).await);
        assert_eq!(found, (status, expected.to_owned()), "{verb} {path}");
    }
}

#[tokio::test]
async fn who_takes_gzip_gets_it() {
    for (accepted, is_packed) in [
        ("gzip", true),
        ("br, GZIP;q=0.5", true),
        ("deflate, gzip; q=1.0", true),
        ("gzip;q=0", false),
        ("br", false),
        ("", false),
    ] {
        let asked = [("accept-encoding", accepted)];
        let response = ask(FILES, "GET", "/assets/index-1a2b.js", &asked);
        assert_eq!(header(&response, "vary"), "accept-encoding");
        let encoding = header(&response, "content-encoding").to_owned();
        let expected = if is_packed {
            ("gzip", "packed")
        } else {
            ("", "let all = 'of it';")
        };
        let found = (encoding.as_str(), &*body(response).await);
        assert_eq!(found, expected, "{accepted}");
    }
    let font = ask(
        FILES,
        "GET",
        "/assets/mono.woff2",
        &[("accept-encoding", "gzip")],
    );
    assert_eq!(header(&font, "content-encoding"), "");
}

#[tokio::test]
async fn a_page_is_asked_for_again_and_assets_are_not() {
    let asset = ask(FILES, "GET", "/assets/index-1a2b.js", &[]);
    let cached = "public, max-age=31536000, immutable";
    assert_eq!(header(&asset, "cache-control"), cached);
    assert_eq!(header(&asset, "content-security-policy"), "");

    let page = ask(FILES, "GET", "/runs/0199", &[BROWSER]);
    assert_eq!(header(&page, "cache-control"), "no-cache");
    let policy = header(&page, "content-security-policy");
    assert!(policy.starts_with("default-src 'self'; style-src 'self' 'unsafe-inline';"));
    assert_eq!(header(&page, "x-content-type-options"), "nosniff");
    assert_eq!(header(&page, "referrer-policy"), "no-referrer");
    let etag = header(&page, "etag").to_owned();

    for (known, status) in [
        (etag.clone(), 304),
        (format!("\"other\", {etag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
    ] {
        let again = ask(FILES, "GET", "/", &[("if-none-match", &known)]);
        assert_eq!(again.status().as_u16(), status, "{known}");
        assert_eq!(header(&again, "etag"), etag);
        assert_eq!(body(again).await.is_empty(), status == 304, "{known}");
    }
    // Another page has another etag.
    let other = ask(FILES, "GET", "/favicon.svg", &[]);
    assert_ne!(header(&other, "etag"), etag);
}

#[tokio::test]
async fn head_gets_the_headers_alone() {
    for (path, status, length) in [
        ("/", 200, "15"),
        ("/assets/mono.woff2", 200, "4"),
        ("/nothing", 404, "52"),
    ] {
        let response = ask(FILES, "HEAD", path, &[]);
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(header(&response, "content-length"), length, "{path}");
        assert_eq!(body(response).await, "", "{path}");
    }
}

#[test]
fn each_kind_of_file_has_its_type() {
    for (path, expected) in [
        ("/index.html", "text/html; charset=utf-8"),
        ("/assets/a-b.js", "text/javascript; charset=utf-8"),
        ("/assets/a.css", "text/css; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
        ("/favicon.ico", "image/x-icon"),
        ("/a.png", "image/png"),
        ("/assets/a.woff2", "font/woff2"),
        ("/a.json", "application/json"),
        ("/LICENSE", "application/octet-stream"),
    ] {
        assert_eq!(media_type(path), expected, "{path}");
    }
}

/// What is in this binary, if anything is, can be shown.
#[test]
fn the_table_has_a_page_or_nothing() {
    let is_page = |file: &Asset| file.path == PAGE && !file.plain.is_empty();
    assert!(BUILT.is_empty() || BUILT.iter().any(is_page));
    assert!(BUILT.iter().all(|file| file.path.starts_with('/')));
}
