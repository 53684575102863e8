//! `sslmode` and `sslrootcert` of an address: whether connections are encrypted.

use std::fs;

use gauntlet_client::pb::{self, SslMode};

use super::{ENCODE, decoded};

const MODES: &str = "say disable, require, verify-ca or verify-full";

/// Reads what stands behind the `?` of an address into it, and the file that
/// `sslrootcert` names. Values are not repeated: one may be a password.
pub(super) fn read(parameters: &str, address: &mut pb::PostgresAddress) -> Result<(), String> {
    let mut file = None;
    for parameter in parameters.split('&').filter(|one| !one.is_empty()) {
        match parameter.split_once('=') {
            Some(("sslmode", value)) => address.set_ssl_mode(mode(&decoded(value)?)?),
            Some(("sslrootcert", value)) => file = Some(decoded(value)?),
            Some((name, _)) => return Err(refused(name)),
            None => return Err(refused("")),
        }
    }
    let is_own = file.as_ref().is_some_and(|file| file != "system");
    if address.ssl_mode() == SslMode::VerifyCa && !is_own {
        return Err(
            "sslmode=verify-ca needs sslrootcert=FILE with the certificate of the server's authority: those that a system trusts sign for anybody; give it, or use sslmode=verify-full".to_owned(),
        );
    }
    let Some(file) = file else { return Ok(()) };
    if !matches!(address.ssl_mode(), SslMode::VerifyCa | SslMode::VerifyFull) {
        return Err(
            "sslrootcert needs sslmode=verify-ca or sslmode=verify-full: nothing is held against it otherwise".to_owned(),
        );
    }
    if file != "system" {
        let pem = fs::read_to_string(&file)
            .map_err(|error| format!("the file {file} of sslrootcert cannot be read: {error}"))?;
        // Nothing would be sent of an empty one, and the system's authorities believed.
        if !pem.contains("-----BEGIN CERTIFICATE") {
            return Err(format!(
                "the file {file} of sslrootcert has no section CERTIFICATE; give the certificate of the server's authority as PEM"
            ));
        }
        address.root_certificate = pem;
    }
    Ok(())
}

fn mode(word: &str) -> Result<SslMode, String> {
    match word {
        "disable" => Ok(SslMode::Disable),
        "require" => Ok(SslMode::Require),
        "verify-ca" => Ok(SslMode::VerifyCa),
        "verify-full" => Ok(SslMode::VerifyFull),
        "allow" | "prefer" => Err(format!(
            "sslmode={word} leaves it to the server whether connections are encrypted, which changes what is measured; {MODES}"
        )),
        _ => Err(format!("the address has an sslmode that is none; {MODES}")),
    }
}

/// The name is repeated only if it is a word: a `?` in a password makes one of what
/// follows.
fn refused(name: &str) -> String {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_word) {
        return format!(
            "the address has a parameter that is not known; only sslmode and sslrootcert are taken, and {ENCODE}"
        );
    }
    let instead = match name {
        "channel_binding" => {
            "leave it out: logins are bound to the server's certificate where the server offers it, and sslmode=verify-full keeps out who pretends to be the server"
        }
        "sslcert" | "sslkey" => {
            "certificates of clients are not known to gauntlet: let the user log in with a password"
        }
        "user" | "password" | "host" | "port" | "dbname" => {
            "write it where it belongs: postgres://USER:PASSWORD@HOST:PORT/DATABASE"
        }
        _ => "leave it out: only sslmode and sslrootcert are taken",
    };
    format!("the address has the parameter \"{name}\"; {instead}")
}

/// What is behind the database in an address that is shown; empty without
/// encryption. The certificate itself is too long to be read.
pub(super) fn shown(address: &pb::PostgresAddress) -> String {
    let mode = match address.ssl_mode() {
        SslMode::Unspecified | SslMode::Disable => return String::new(),
        SslMode::Require => "require",
        SslMode::VerifyCa => "verify-ca",
        SslMode::VerifyFull => "verify-full",
    };
    let root = if address.root_certificate.is_empty() {
        ""
    } else {
        " (root certificate given)"
    };
    format!("?sslmode={mode}{root}")
}

#[cfg(test)]
mod tests {
    use super::super::postgres;
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\n";

    fn address(mode: SslMode, root: &str) -> pb::PostgresAddress {
        pb::PostgresAddress {
            host: "h".to_owned(),
            database: "d".to_owned(),
            user: "u".to_owned(),
            ssl_mode: mode.into(),
            root_certificate: root.to_owned(),
            ..pb::PostgresAddress::default()
        }
    }

    #[test]
    fn encryption_is_read_with_its_file_and_shown_without() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a ca.pem");
        std::fs::write(&file, PEM).unwrap();
        let file = file.to_str().unwrap().replace(' ', "%20");
        let with_file = format!("?sslmode=verify-full&sslrootcert={file}");
        let for_any_host = format!("?sslmode=verify-ca&sslrootcert={file}");
        for (parameters, expected, shown) in [
            ("", address(SslMode::Unspecified, ""), ""),
            ("?", address(SslMode::Unspecified, ""), ""),
            ("?sslmode=disable", address(SslMode::Disable, ""), ""),
            (
                "?sslmode=require",
                address(SslMode::Require, ""),
                "?sslmode=require",
            ),
            (
                "?sslrootcert=system&sslmode=verify-full",
                address(SslMode::VerifyFull, ""),
                "?sslmode=verify-full",
            ),
            (
                with_file.as_str(),
                address(SslMode::VerifyFull, PEM),
                "?sslmode=verify-full (root certificate given)",
            ),
            (
                for_any_host.as_str(),
                address(SslMode::VerifyCa, PEM),
                "?sslmode=verify-ca (root certificate given)",
            ),
        ] {
            let read = postgres(&format!("postgres://u@h/d{parameters}")).unwrap();
            assert_eq!(read, expected, "{parameters}");
            assert_eq!(super::shown(&read), shown);
        }
    }

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let key = "-----BEGIN PRIVATE KEY-----\n";
        for text in ["", " \n", key] {
            std::fs::write(&file, text).unwrap();
            for mode in ["verify-ca", "verify-full"] {
                let file = file.display();
                let url = format!("postgres://u@h/d?sslmode={mode}&sslrootcert={file}");
                let error = postgres(&url).expect_err(text);
                let words = format!("the file {file} of sslrootcert has no section CERTIFICATE");
                assert!(error.starts_with(&words), "{text:?}: {error}");
            }
        }
    }

    #[test]
    fn what_is_not_taken_is_refused_with_what_to_do() {
        for (parameters, words) in [
            (
                "sslmode=prefer",
                "say disable, require, verify-ca or verify-full",
            ),
            ("sslmode=allow", "sslmode=allow leaves it to the server"),
            ("sslmode=secret", "an sslmode that is none; say disable"),
            ("sslrootcert=/ca.pem", "needs sslmode=verify-ca"),
            (
                "sslmode=require&sslrootcert=/ca.pem",
                "needs sslmode=verify-ca",
            ),
            (
                "sslmode=verify-ca&sslrootcert=/nowhere/ca.pem",
                "the file /nowhere/ca.pem of sslrootcert cannot be read: No such file",
            ),
            ("sslmode=verify-ca", "needs sslrootcert=FILE"),
            (
                "sslmode=verify-ca&sslrootcert=system",
                "or use sslmode=verify-full",
            ),
            (
                "sslmode=require&channel_binding=require",
                "\"channel_binding\"; leave it out: logins are bound",
            ),
            ("sslmode=require&secret", "a parameter that is not known"),
            ("sslmode=require&ssl%6Dode=disable", "? as %3F"),
            ("sslcert=secret", "log in with a password"),
            ("password=secret", "write it where it belongs"),
            (
                "connect_timeout=1",
                "only sslmode and sslrootcert are taken",
            ),
        ] {
            let url = format!("postgres://u:secret@h/d?{parameters}");
            let error = postgres(&url).expect_err(parameters);
            assert!(
                error.contains(words) && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
