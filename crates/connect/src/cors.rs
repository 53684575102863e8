//! Which web pages may call.

use std::time::Duration;

use http::{HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer, ExposeHeaders};

/// The origins whose pages a browser lets call this server. Cookies are never part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Every page. Where calls need no token this lets any page that a user visits act as that user.
    #[default]
    Any,
    /// Pages served from `localhost`, `127.0.0.1` or `[::1]`, on any port.
    Loopback,
    /// These origins, each as browsers write it, for example `https://bench.example.com`.
    List(Vec<HeaderValue>),
}

impl CorsOrigins {
    /// The outermost layer: it answers preflights and marks every response.
    pub(crate) fn layer(self) -> CorsLayer {
        let origins = match self {
            Self::Any => AllowOrigin::any(),
            Self::Loopback => AllowOrigin::predicate(|origin, _| is_loopback(origin)),
            Self::List(origins) => AllowOrigin::list(origins),
        };
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST])
            // Metadata are headers of any name, so a list would forbid some of them.
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(ExposeHeaders::any())
            .max_age(Duration::from_hours(2))
    }
}

fn is_loopback(origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let Some((_, authority)) = origin.split_once("://") else {
        return false;
    };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        let check = |origin: &'static str, expected: bool| {
            assert_eq!(
                is_loopback(&HeaderValue::from_static(origin)),
                expected,
                "{origin}"
            );
        };
        check("http://localhost", true);
        check("http://localhost:5173", true);
        check("https://127.0.0.1:8090", true);
        check("http://[::1]:8090", true);
        check("http://[::1]", true);
        check("http://localhost.example.com", false);
        check("http://example.com:8090", false);
        check("http://localhost:x@example.com", false);
        check("null", false);
    }
}
