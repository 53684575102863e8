//! `sslmode` and `sslrootcert` in the URL of a server.

use std::{fs, path::PathBuf};

use crate::verify::{Authorities, Proof};

/// Why the parameters of a URL do not say how to connect. The URL is not
/// repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadParameters {
    /// A word that is no mode.
    #[error("sslmode={0} is not known; there are disable, require, verify-ca and verify-full")]
    Mode(String),
    /// A mode that leaves it to the server.
    #[error(
        "sslmode={0} leaves it to the server whether the connection is encrypted; say disable, require, verify-ca or verify-full"
    )]
    Undecided(String),
    /// An authority of whom nothing is asked.
    #[error("sslrootcert needs sslmode=verify-ca or verify-full; nothing is checked otherwise")]
    Idle,
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
    /// TLS; without a file, or with `sslrootcert=system`, the machine's authorities
    /// are believed.
    pub fn of(url: &str) -> Result<Self, BadParameters> {
        let (mut mode, mut file) = (Mode::Disable, None);
        let Some((start, parameters)) = url.split_once('?') else {
            let url = url.to_owned();
            return Ok(Self { url, mode, file });
        };
        let mut others = Vec::new();
        for parameter in parameters.split('&') {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Mode::of(decoded(value)?)?,
                Some(("sslrootcert", value)) => file = Some(PathBuf::from(decoded(value)?)),
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
        Ok(Self { url, mode, file })
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

fn decoded(text: &str) -> Result<String, BadParameters> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = others.get(..2).ok_or(BadParameters::Escape)?;
        let digit = |at: usize| char::from(digits[at]).to_digit(16);
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            return Err(BadParameters::Escape);
        };
        bytes.push((high << 4 | low) as u8);
        rest = &others[2..];
    }
    String::from_utf8(bytes).map_err(|_| BadParameters::Escape)
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
                "postgres://u@h/d?a=b&sslmode=verify%2dca&sslrootcert=system",
                "postgres://u@h/d?a=b",
                Mode::VerifyCa,
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

    #[test]
    fn what_leaves_it_open_is_refused() {
        for (parameters, words) in [
            ("sslmode=prefer", "leaves it to the server"),
            ("sslmode=allow", "leaves it to the server"),
            ("sslmode=on", "sslmode=on is not known"),
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
                error.contains(words) && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
