//! The address that a control plane listens on, as given on the command line.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};

/// What an address looks like, for messages.
const SHAPE: &str = "give address:port, like 127.0.0.1:8090";

/// An address, or that of a host that is named. Whether others reach it is asked
/// of what comes out of here, not of the name.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let is_name = host.starts_with(|first: char| first.is_ascii_alphanumeric())
        && host.contains(|letter: char| letter.is_ascii_alphabetic())
        && !host.contains([':', '/', '[', ']', '@']);
    let port = port.parse::<u16>().ok().filter(|_| is_name);
    let Some(port) = port else {
        return Err(SHAPE.to_owned());
    };
    // It means this machine, whatever its files of names say.
    if host.eq_ignore_ascii_case("localhost") {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let found = (host, port).to_socket_addrs();
    let found: Vec<SocketAddr> = found.map(Iterator::collect).unwrap_or_default();
    let first = found.iter().find(|one| one.is_ipv4()).or(found.first());
    first
        .copied()
        .ok_or_else(|| format!("no host has the name {host}; {SHAPE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_and_may_have_a_name() {
        for (text, expected) in [
            ("127.0.0.1:8090", "127.0.0.1:8090"),
            ("[::1]:0", "[::1]:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("localhost:8090", "127.0.0.1:8090"),
            ("LocalHost:0", "127.0.0.1:0"),
        ] {
            assert_eq!(address(text), Ok(expected.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_answered_with_an_example() {
        for text in [
            "",
            ":8090",
            "8090",
            "localhost",
            "localhost:",
            "localhost:port",
            "localhost:70000",
            "::1:8090",
            "127.0.0.1",
            "1.2.3:80",
            "http://localhost:8090",
        ] {
            assert_eq!(address(text), Err(SHAPE.to_owned()), "{text}");
        }
    }
}
