//! `sslmode` and `sslrootcert` in the URL of a server.

use std::{error::Error as _, fs, path::PathBuf, str::FromStr as _};

use tokio_postgres::config::{Config, Host};

use crate::verify::{Authorities, Proof};

/// Why the parameters of a URL do not say how to connect. The URL is not
/// repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadParameters {
    /// A word that is no mode. It is repeated only if it looks like one.
    #[error("{} is not known; there are disable, require, verify-ca and verify-full", named(.0))]
    Mode(String),
    /// A mode that leaves it to the server.
    #[error(
        "sslmode={0} leaves it to the server whether the connection is encrypted; say disable, require, verify-ca or verify-full"
    )]
    Undecided(String),
    /// An authority of whom nothing is asked.
    #[error("sslrootcert needs sslmode=verify-ca or verify-full; nothing is checked otherwise")]
    Idle,
    /// The machine's authorities, of whom some sign for everybody.
    #[error(
        "sslmode=verify-ca needs sslrootcert=FILE with the certificate of the server's authority: those that this machine trusts sign for anybody; give it, or use sslmode=verify-full"
    )]
    AnyAuthority,
    /// A part of the login was taken for parameters, or the other way round.
    #[error("the address has a ? in front of its @; in a user or a password {ENCODE}")]
    QuestionMark,
    /// A mode that is not where it was looked for.
    #[error(
        "the address has an sslmode that is not among its parameters; in a user or a password {ENCODE}"
    )]
    Hidden,
    /// TLS where there is none.
    #[error("there is no TLS over a unix socket, which stays on this machine; use sslmode=disable")]
    Socket,
    /// A server without a name to ask for.
    #[error(
        "sslmode={0} needs the server's name, and the address has none; write it as postgres://USER@HOST:PORT/DATABASE, also beside hostaddr"
    )]
    NoHost(&'static str),
    /// What the driver said.
    #[error("{0}")]
    Driver(String),
    /// The authorities' file.
    #[error("the file {} of sslrootcert cannot be read: {why}", file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A `%` without its digits.
    #[error("the address has a % that is not followed by two hexadecimal digits")]
    Escape,
}

/// How to write what would be read as a part of the URL.
const ENCODE: &str = "write % as %25, ? as %3F, @ as %40, : as %3A and / as %2F";

/// What a URL says of encryption, and the rest of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The URL without the two parameters.
    pub url: String,
    /// What is asked of the server.
    pub mode: Mode,
    /// Whose certificates are believed; `None` for the machine's.
    pub file: Option<PathBuf>,
}

/// The modes of libpq that do not leave it to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No TLS.
    Disable,
    /// TLS with whichever server answers.
    Require,
    /// Its certificate comes from a trusted authority.
    VerifyCa,
    /// The same, and the certificate is for the host that was asked for.
    VerifyFull,
}

impl Mode {
    /// The word of libpq.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    fn of(word: String) -> Result<Self, BadParameters> {
        match word.as_str() {
            "disable" => Ok(Self::Disable),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            "allow" | "prefer" => Err(BadParameters::Undecided(word)),
            _ => Err(BadParameters::Mode(word)),
        }
    }
}

impl Parameters {
    /// Takes `sslmode` and `sslrootcert` out of a URL. Without a mode there is no
    /// TLS; without a file, or with `sslrootcert=system`, `verify-full` believes the
    /// machine's authorities.
    pub fn of(url: &str) -> Result<Self, BadParameters> {
        let (mut mode, mut file) = (Mode::Disable, None);
        let Some((start, parameters)) = url.split_once('?') else {
            let url = url.to_owned();
            return Ok(Self { url, mode, file });
        };
        // The driver takes all in front of the first @ for the login, with its ?.
        let is_login = !start.contains('@') && parameters.contains('@');
        let all = decoded(parameters);
        if is_login && all.as_deref().unwrap_or(parameters).contains("sslmode") {
            return Err(BadParameters::QuestionMark);
        }
        let mut others = Vec::new();
        for parameter in parameters.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            // A name that cannot be decoded is none of ours.
            match decoded(name).as_deref() {
                Ok("sslmode") => mode = Mode::of(decoded(value)?)?,
                Ok("sslrootcert") => file = Some(PathBuf::from(decoded(value)?)),
                _ => others.push(parameter),
            }
        }
        if file.is_some() && matches!(mode, Mode::Disable | Mode::Require) {
            return Err(BadParameters::Idle);
        }
        let url = match others.as_slice() {
            [] => start.to_owned(),
            others => format!("{start}?{}", others.join("&")),
        };
        let file = file.filter(|file| file.as_os_str() != "system");
        if mode == Mode::VerifyCa && file.is_none() {
            return Err(BadParameters::AnyAuthority);
        }
        Ok(Self { url, mode, file })
    }

    /// The rest of the URL as the driver reads it, which must find no mode in it:
    /// one that only the driver sees would be overruled in silence.
    pub fn config(&self) -> Result<Config, BadParameters> {
        let config = Config::from_str(&self.url);
        let config = config.map_err(|error| BadParameters::Driver(why(&error)))?;
        if config.get_ssl_mode() != Config::new().get_ssl_mode() {
            return Err(BadParameters::Hidden);
        }
        if self.mode == Mode::Disable {
            return Ok(config);
        }
        let hosts = config.get_hosts();
        if hosts.iter().any(|host| matches!(host, Host::Unix(_))) {
            return Err(BadParameters::Socket);
        }
        if hosts.is_empty() {
            return Err(BadParameters::NoHost(self.mode.word()));
        }
        Ok(config)
    }

    /// What the server must prove, by the file as it is now; `None` without TLS.
    pub fn proof(&self) -> Result<Option<Proof>, BadParameters> {
        Ok(match self.mode {
            Mode::Disable => None,
            Mode::Require => Some(Proof::Nothing),
            Mode::VerifyCa => Some(Proof::Authority(self.authorities()?)),
            Mode::VerifyFull => Some(Proof::Host(self.authorities()?)),
        })
    }

    fn authorities(&self) -> Result<Authorities, BadParameters> {
        let Some(file) = &self.file else {
            return Ok(Authorities::System);
        };
        let read = fs::read_to_string(file);
        let pem = read.map_err(|error| BadParameters::File {
            file: file.clone(),
            why: error.to_string(),
        })?;
        Ok(Authorities::Pem(pem))
    }
}

/// The driver's sentence with its cause. A name of a parameter that is no word is
/// left out: a `?` in a password makes one of what follows.
fn why(error: &tokio_postgres::Error) -> String {
    let Some(cause) = error.source().map(ToString::to_string) else {
        return error.to_string();
    };
    let name = cause.strip_prefix("unknown option `");
    let name = name.and_then(|name| name.strip_suffix('`'));
    match name {
        Some(name) if !is_word(name, b'_') => {
            format!("{error}: unknown option; in a user or a password {ENCODE}")
        }
        _ => format!("{error}: {cause}"),
    }
}

/// Whether a text has small letters only, and what joins them.
fn is_word(text: &str, joint: u8) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == joint)
}

/// A mode as it may be repeated.
fn named(mode: &str) -> String {
    if is_word(mode, b'-') {
        return format!("sslmode={mode}");
    }
    "the sslmode".to_owned()
}

fn decoded(text: &str) -> Result<String, BadParameters> {
    percent_decoded(text).ok_or(BadParameters::Escape)
}

/// A part of a URL without its escapes; `None` where one is not of two
/// hexadecimal digits, or all is not UTF-8.
#[must_use]
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = others.get(..2)?;
        let digit = |at: usize| char::from(digits[at]).to_digit(16);
        bytes.push((digit(0)? << 4 | digit(1)?) as u8);
        rest = &others[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_taken_out_of_a_url() {
        for (url, rest, mode, file) in [
            ("postgres://u@h/d", "postgres://u@h/d", Mode::Disable, None),
            (
                "postgres://u@h/d?sslmode=disable",
                "postgres://u@h/d",
                Mode::Disable,
                None,
            ),
            (
                "postgres://u@h/d?sslmode=require&connect_timeout=3",
                "postgres://u@h/d?connect_timeout=3",
                Mode::Require,
                None,
            ),
            (
                "postgres://u@h/d?a=b&sslmode=verify%2dfull&sslrootcert=system",
                "postgres://u@h/d?a=b",
                Mode::VerifyFull,
                None,
            ),
            (
                "postgres://u@h/d?ssl%6Dode=require",
                "postgres://u@h/d",
                Mode::Require,
                None,
            ),
            (
                "postgres://u@h/d?sslmode=verify-ca&sslrootcert=ca.pem",
                "postgres://u@h/d",
                Mode::VerifyCa,
                Some(PathBuf::from("ca.pem")),
            ),
            // The driver knows where this login ends, and there is no TLS to lose.
            (
                "postgres://u:p?w@h/d?connect_timeout=3",
                "postgres://u:p?w@h/d?connect_timeout=3",
                Mode::Disable,
                None,
            ),
            (
                "postgres://u@h/d?sslrootcert=a%20ca.pem&sslmode=verify-full",
                "postgres://u@h/d",
                Mode::VerifyFull,
                Some(PathBuf::from("a ca.pem")),
            ),
        ] {
            let expected = Parameters {
                url: rest.to_owned(),
                mode,
                file,
            };
            assert_eq!(Parameters::of(url), Ok(expected), "{url}");
        }
    }

    /// What a URL is refused for, which must not repeat a part of its password.
    fn refused(url: &str, words: &str) {
        let read = Parameters::of(url).and_then(|read| read.config());
        let error = read.expect_err(url).to_string();
        assert!(
            error.contains(words) && !error.contains("ecret"),
            "{url}: {error}"
        );
    }

    #[test]
    fn no_mode_is_passed_over() {
        for url in [
            "postgres://u:s?ecret@h/d?sslmode=require",
            "postgres://u:s?ecret@h/d?sslmode=prefer",
            "postgres://u:s?ecret@h/d?sslmode=verify-full&sslrootcert=ca.pem",
            "postgres://u:s?ecret&sslmode=require@h/d",
            "postgres://u:s?ecret@h/d?ssl%6Dode=prefer",
            "postgres://h/d?user=u&password=s@ecret&sslmode=require",
        ] {
            refused(url, "a ? in front of its @; in a user or a password write");
        }
        // Only the driver finds it.
        refused(
            "postgres://u:s?%ecret@h/d?ssl%6Dode=require",
            "an sslmode that is not among its parameters; in a user or a password write % as %25, ? as %3F",
        );
        refused(
            "postgres://u:s@h?ecret@h/d?sslmode=require",
            "unknown option; in a user or a password write",
        );
        refused("postgres://u@h/d?sslkey=ecret", "unknown option `sslkey`");
    }

    #[test]
    fn tls_needs_the_name_of_a_host() {
        for mode in ["require", "verify-full"] {
            for place in ["%2Frun%2Fpostgresql/d?", "/d?host=/run/postgresql&"] {
                let url = format!("postgres://u:secret@{place}sslmode={mode}");
                refused(&url, "there is no TLS over a unix socket");
            }
            let url = format!("postgres://u:secret@/d?hostaddr=10.0.0.1&sslmode={mode}");
            refused(&url, "needs the server's name, and the address has none");
        }
        for url in [
            "postgres://u@%2Frun%2Fpostgresql/d",
            "postgres://u@%2Frun%2Fpostgresql/d?sslmode=disable",
            "postgres://u@/d?hostaddr=10.0.0.1",
            "postgres://u@h/d?hostaddr=10.0.0.1&sslmode=require",
        ] {
            let read = Parameters::of(url).and_then(|read| read.config());
            assert!(read.is_ok(), "{url}: {read:?}");
        }
    }

    #[test]
    fn what_leaves_it_open_is_refused() {
        for (parameters, words) in [
            ("sslmode=prefer", "leaves it to the server"),
            ("sslmode=allow", "leaves it to the server"),
            ("sslmode=on", "sslmode=on is not known"),
            (
                "sslmode=Secret1",
                "the sslmode is not known; there are disable",
            ),
            (
                "sslmode=verify-ca",
                "sslmode=verify-ca needs sslrootcert=FILE",
            ),
            (
                "sslmode=verify-ca&sslrootcert=system",
                "give it, or use sslmode=verify-full",
            ),
            (
                "sslmode=require&sslrootcert=ca.pem",
                "needs sslmode=verify-ca",
            ),
            ("sslrootcert=ca.pem", "needs sslmode=verify-ca"),
            (
                "sslmode=verify-full&sslrootcert=/nowhere/ca.pem",
                "the file /nowhere/ca.pem of sslrootcert cannot be read: No such file",
            ),
            ("sslmode=%2", "a % that is not followed"),
        ] {
            let url = format!("postgres://u:secret@h/d?{parameters}");
            let read = Parameters::of(&url).and_then(|read| read.proof());
            let error = read.expect_err(parameters).to_string();
            assert!(
                error.contains(words) && !error.to_lowercase().contains("secret"),
                "{error}"
            );
        }
    }
}
