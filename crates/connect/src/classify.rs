//! Which protocol a request speaks: a pure function of verb, content type and method.

use http::Method as Verb;

use crate::codec::Codec;

/// What the registry knows of the path that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// A method with one request and one response message.
    Unary {
        /// The method may be called with GET.
        no_side_effects: bool,
    },
    /// A method that streams in at least one direction.
    Streaming,
    /// The service exists, the method does not.
    ServiceOnly,
    /// Not a path of ours.
    Nothing,
}

/// Who answers the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// gRPC over HTTP/2.
    Grpc,
    /// gRPC-Web, binary or text.
    GrpcWeb,
    /// Connect, one request and one response in plain HTTP bodies.
    ConnectUnary(Codec),
    /// Connect, one request in the query string.
    ConnectGet,
    /// Connect, enveloped messages.
    ConnectStream(Codec),
    /// A Connect call of a method that its service does not have.
    UnknownMethod,
    /// The verb is wrong; the value is the `Allow` header.
    WrongVerb(&'static str),
    /// The content type is wrong; the value is the `Accept-Post` header.
    WrongContentType(&'static str),
    /// Not an RPC: the axum router.
    Http,
}

const UNARY_TYPES: &str =
    "application/json, application/proto, application/grpc, application/grpc-web";
const STREAM_TYPES: &str =
    "application/connect+json, application/connect+proto, application/grpc, application/grpc-web";
const GRPC_TYPES: &str = "application/grpc, application/grpc+proto";
const GRPC_WEB_TYPES: &str = "application/grpc-web, application/grpc-web+proto, application/grpc-web-text, application/grpc-web-text+proto";

/// Chooses who answers. `content_type` is the header as sent, with or without parameters.
pub(crate) fn classify(verb: &Verb, content_type: Option<&str>, known: Known) -> Route {
    let content_type = essence(content_type.unwrap_or_default());
    if let Some(flavour) = content_type.strip_prefix("application/grpc") {
        return grpc(verb, flavour);
    }
    match known {
        Known::Nothing => Route::Http,
        Known::ServiceOnly => Route::UnknownMethod,
        Known::Unary { no_side_effects } => unary(verb, &content_type, no_side_effects),
        Known::Streaming => streaming(verb, &content_type),
    }
}

/// The media type without parameters, in lower case.
pub(crate) fn essence(content_type: &str) -> String {
    let end = content_type.find(';').unwrap_or(content_type.len());
    content_type[..end].trim().to_ascii_lowercase()
}

fn grpc(verb: &Verb, flavour: &str) -> Route {
    if verb != Verb::POST {
        return Route::WrongVerb("POST");
    }
    match flavour {
        "" | "+proto" => Route::Grpc,
        "-web" | "-web+proto" | "-web-text" | "-web-text+proto" => Route::GrpcWeb,
        other if other.starts_with("-web") => Route::WrongContentType(GRPC_WEB_TYPES),
        _ => Route::WrongContentType(GRPC_TYPES),
    }
}

fn unary(verb: &Verb, content_type: &str, no_side_effects: bool) -> Route {
    if verb == Verb::GET && no_side_effects {
        return Route::ConnectGet;
    }
    if verb != Verb::POST {
        return Route::WrongVerb(if no_side_effects { "GET, POST" } else { "POST" });
    }
    match content_type {
        "application/json" => Route::ConnectUnary(Codec::Json),
        "application/proto" => Route::ConnectUnary(Codec::Proto),
        _ => Route::WrongContentType(UNARY_TYPES),
    }
}

fn streaming(verb: &Verb, content_type: &str) -> Route {
    if verb != Verb::POST {
        return Route::WrongVerb("POST");
    }
    match content_type {
        "application/connect+json" => Route::ConnectStream(Codec::Json),
        "application/connect+proto" => Route::ConnectStream(Codec::Proto),
        _ => Route::WrongContentType(STREAM_TYPES),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNARY: Known = Known::Unary {
        no_side_effects: false,
    };
    const READ: Known = Known::Unary {
        no_side_effects: true,
    };

    #[test]
    fn every_request_has_one_answerer() {
        #[rustfmt::skip]
        let table = [
            // verb        content type                         known              route
            (Verb::POST,   "application/grpc",                  UNARY,             Route::Grpc),
            (Verb::POST,   "application/grpc+proto",            Known::Streaming,  Route::Grpc),
            (Verb::POST,   "application/grpc",                  Known::Nothing,    Route::Grpc),
            (Verb::POST,   "application/grpc+xyz",              UNARY,             Route::WrongContentType(GRPC_TYPES)),
            (Verb::GET,    "application/grpc",                  READ,              Route::WrongVerb("POST")),
            (Verb::POST,   "application/grpc-web",              UNARY,             Route::GrpcWeb),
            (Verb::POST,   "application/grpc-web-text+proto",   UNARY,             Route::GrpcWeb),
            (Verb::POST,   "application/grpc-web+json",         UNARY,             Route::WrongContentType(GRPC_WEB_TYPES)),
            (Verb::POST,   "application/json",                  UNARY,             Route::ConnectUnary(Codec::Json)),
            (Verb::POST,   "Application/JSON; charset=utf-8",   UNARY,             Route::ConnectUnary(Codec::Json)),
            (Verb::POST,   "application/proto",                 READ,              Route::ConnectUnary(Codec::Proto)),
            (Verb::POST,   "application/connect+json",          UNARY,             Route::WrongContentType(UNARY_TYPES)),
            (Verb::POST,   "text/plain",                        UNARY,             Route::WrongContentType(UNARY_TYPES)),
            (Verb::POST,   "",                                  UNARY,             Route::WrongContentType(UNARY_TYPES)),
            (Verb::GET,    "",                                  READ,              Route::ConnectGet),
            (Verb::GET,    "",                                  UNARY,             Route::WrongVerb("POST")),
            (Verb::PUT,    "application/json",                  READ,              Route::WrongVerb("GET, POST")),
            (Verb::POST,   "application/connect+json",          Known::Streaming,  Route::ConnectStream(Codec::Json)),
            (Verb::POST,   "application/connect+proto",         Known::Streaming,  Route::ConnectStream(Codec::Proto)),
            (Verb::POST,   "application/json",                  Known::Streaming,  Route::WrongContentType(STREAM_TYPES)),
            (Verb::GET,    "",                                  Known::Streaming,  Route::WrongVerb("POST")),
            (Verb::POST,   "application/json",                  Known::ServiceOnly, Route::UnknownMethod),
            (Verb::POST,   "application/json",                  Known::Nothing,    Route::Http),
            (Verb::GET,    "",                                  Known::Nothing,    Route::Http),
        ];
        for (verb, content_type, known, expected) in table {
            let found = classify(&verb, Some(content_type), known);
            assert_eq!(found, expected, "{verb} {content_type:?} {known:?}");
        }
    }

    #[test]
    fn a_missing_content_type_is_not_an_rpc() {
        assert_eq!(classify(&Verb::POST, None, Known::Nothing), Route::Http);
    }
}
