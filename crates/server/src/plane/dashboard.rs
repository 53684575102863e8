//! The dashboard's files, as part of the binary.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH,
            CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH,
            REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse as _, Response},
};

/// The page that every view of the dashboard begins with.
const PAGE: &str = "/index.html";
/// Below it, names change with the content.
const NAMED_BY_CONTENT: &str = "/assets/";
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// The page may load and call what comes from here, and nothing else. Charts
/// and components set styles in place.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);
const VERBS: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// What `make dashboard` made before this binary was compiled; empty when
/// nothing had.
pub(super) const BUILT: &[Asset] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));

/// A file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    /// Where it is served, with a slash at the front.
    pub(super) path: &'static str,
    pub(super) plain: &'static [u8],
    pub(super) gzip: Option<&'static [u8]>,
}

/// Answers whatever no other part of the port does.
#[derive(Clone, Debug)]
pub(super) struct Dashboard {
    files: &'static [Asset],
    /// For a person where there is no page.
    welcome: String,
}

impl Dashboard {
    /// Of these files; none of them is a build without dashboard, which says so
    /// with `welcome`.
    pub(super) fn new(files: &'static [Asset], welcome: String) -> Self {
        Self { files, welcome }
    }

    /// Answers a request. A path that is no file of ours is a view of the page
    /// when it is a browser that asks.
    pub(super) fn answer(&self, request: &Request) -> Response {
        let (path, headers) = (request.uri().path(), request.headers());
        let page = self.file(PAGE);
        let found = match self.file(path) {
            Some(file) => Some(file),
            None if path == "/" => page,
            None if path.starts_with(NAMED_BY_CONTENT) => None,
            None if is_read(request.method()) && wants_page(headers) => page,
            None => None,
        };
        let is_ours = found.is_some() || path == "/";
        let response = if is_ours && !is_read(request.method()) {
            not_read(path)
        } else if let Some(file) = found {
            file.answer(headers)
        } else {
            self.nothing_at(path, page.is_some() || !wants_page(headers))
        };
        if request.method() == Method::HEAD {
            return without_body(response);
        }
        response
    }

    fn file(&self, path: &str) -> Option<&Asset> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Neither a file nor a view. Without a page, a person is told how to get one.
    fn nothing_at(&self, path: &str, in_short: bool) -> Response {
        if path == "/" {
            return text(StatusCode::OK, self.welcome.clone());
        }
        if !in_short {
            return text(StatusCode::NOT_FOUND, self.welcome.clone());
        }
        let sentence = format!("there is nothing at {path}; the dashboard is at /\n");
        text(StatusCode::NOT_FOUND, sentence)
    }
}

impl Asset {
    fn answer(&self, asked: &HeaderMap) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if self.path.starts_with(NAMED_BY_CONTENT) {
            headers.insert(CACHE_CONTROL, FOREVER);
        } else {
            let etag = self.etag();
            let is_known = knows(asked, &etag);
            headers.insert(CACHE_CONTROL, ASK_AGAIN);
            headers.insert(
                ETAG,
                HeaderValue::from_str(&etag).expect("digits and quotes are visible ASCII"),
            );
            if is_known {
                return (StatusCode::NOT_MODIFIED, headers).into_response();
            }
        }
        if self.path == PAGE {
            headers.insert(CONTENT_SECURITY_POLICY, POLICY);
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        let media_type = HeaderValue::from_static(media_type(self.path));
        headers.insert(CONTENT_TYPE, media_type);
        let body = match self.gzip {
            Some(gzip) if takes_gzip(asked) => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                gzip
            }
            _ => self.plain,
        };
        (headers, body).into_response()
    }

    /// Weak: plain and compressed are the same page.
    fn etag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.plain.hash(&mut hasher);
        format!("W/\"{:016x}\"", hasher.finish())
    }
}

fn text(status: StatusCode, text: String) -> Response {
    let plain = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, plain, text).into_response()
}

fn not_read(path: &str) -> Response {
    let sentence = format!("{path} can only be read: use GET or HEAD\n");
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, sentence);
    response.headers_mut().insert(ALLOW, VERBS);
    response
}

/// What HEAD gets: the headers, the body's length among them.
fn without_body(mut response: Response) -> Response {
    let length = axum::body::HttpBody::size_hint(response.body()).exact();
    // Of what has not changed, no length is told.
    if let Some(length) = length.filter(|_| response.status() != StatusCode::NOT_MODIFIED) {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    *response.body_mut() = Body::empty();
    response
}

fn is_read(verb: &Method) -> bool {
    verb == Method::GET || verb == Method::HEAD
}

/// The parts of a header that is a list.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// Whether a browser wants a page, not what belongs to one.
fn wants_page(headers: &HeaderMap) -> bool {
    list(headers, &ACCEPT).any(|kind| kind.split(';').next() == Some("text/html"))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    list(headers, &ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case("gzip") && weight.parse::<f32>().is_ok_and(|q| q > 0.0)
    })
}

fn knows(headers: &HeaderMap, etag: &str) -> bool {
    list(headers, &IF_NONE_MATCH).any(|known| known == "*" || known == etag)
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("json" | "map" | "webmanifest") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
