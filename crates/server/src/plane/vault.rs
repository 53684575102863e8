//! Seals the targets' passwords: AES-256-GCM with one key per store.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead as _, Generate as _, Key, KeyInit as _, Payload},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gauntlet_model::target::{Sealed, Secret};
use gauntlet_orchestrator::access::{BadSeal, Vault};

/// The variable that holds the key.
pub(super) const KEY_VARIABLE: &str = "GAUNTLET_SECRET_KEY";

/// The first byte of every seal, so that a later layout is told apart.
const LAYOUT: u8 = 1;
const NONCE: usize = 12;
/// What is sealed cannot be taken for something else that is sealed with the same key.
const PURPOSE: &[u8] = b"gauntlet target password";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is no key.
    #[error(
        "{0} does not hold a key: it must be 32 bytes in base64; make one with: openssl rand -base64 32"
    )]
    Malformed(String),
    /// The file cannot be read or made.
    #[error("the key file {} cannot be used: {error}; set {KEY_VARIABLE}, or name another file", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Seals and opens with one key.
pub(super) struct KeyVault {
    cipher: Aes256Gcm,
}

impl KeyVault {
    /// With the key given, else with that of the file, which is made when it is
    /// not there.
    pub(super) fn open(given: Option<&str>, file: &Path) -> Result<Self, KeyError> {
        if let Some(text) = given {
            return Self::of(text).ok_or_else(|| KeyError::Malformed(KEY_VARIABLE.to_owned()));
        }
        let text = read_or_make(file).map_err(|error| KeyError::File {
            path: file.to_owned(),
            error,
        })?;
        let source = || format!("the key file {}", file.display());
        Self::of(&text).ok_or_else(|| KeyError::Malformed(source()))
    }

    fn of(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.trim()).ok()?;
        let cipher = Aes256Gcm::new_from_slice(&bytes).ok()?;
        Some(Self { cipher })
    }
}

impl Vault for KeyVault {
    fn seal(&self, secret: &Secret) -> Sealed {
        let nonce = Nonce::generate();
        let payload = Payload {
            msg: secret.expose().as_bytes(),
            aad: PURPOSE,
        };
        let sealed = self
            .cipher
            .encrypt(&nonce, payload)
            .expect("a password is far shorter than what the cipher can seal");
        Sealed([&[LAYOUT], nonce.as_slice(), &sealed].concat())
    }

    fn open(&self, sealed: &Sealed) -> Result<Secret, BadSeal> {
        let damaged = || BadSeal("the store holds something else in its place".to_owned());
        let rest = sealed.0.strip_prefix(&[LAYOUT]).ok_or_else(damaged)?;
        let (nonce, message) = rest.split_first_chunk::<NONCE>().ok_or_else(damaged)?;
        let payload = Payload {
            msg: message,
            aad: PURPOSE,
        };
        let opened = self.cipher.decrypt(&Nonce::from(*nonce), payload);
        let opened = opened.map_err(|_| {
            BadSeal(
                "it was sealed with another key; start the control plane with the key of that time, or add the target again under another name".to_owned(),
            )
        })?;
        String::from_utf8(opened)
            .map(Secret::new)
            .map_err(|_| damaged())
    }
}

fn read_or_make(file: &Path) -> io::Result<String> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(file),
        read => read,
    }
}

/// Makes a key file that nobody else can read. It appears whole or not at all:
/// of two programs that make it at a time, one finds the other's.
fn make(file: &Path) -> io::Result<String> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let draft = file.with_extension(format!("{}.draft", std::process::id()));
    let text = format!("{}\n", STANDARD.encode(Key::<Aes256Gcm>::generate()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut draft| {
            draft.write_all(text.as_bytes())?;
            draft.sync_all()
        });
    let linked = written.and_then(|()| fs::hard_link(&draft, file));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::read_to_string(file),
        linked => linked.map(|()| text),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn vault(byte: u8) -> KeyVault {
        KeyVault::of(&STANDARD.encode([byte; 32])).unwrap()
    }

    #[test]
    fn what_is_sealed_can_be_opened() {
        for text in ["", "hunter2", "pässword \0", &"x".repeat(1_024)] {
            let secret = Secret::new(text.to_owned());
            let sealed = vault(1).seal(&secret);
            assert_eq!(vault(1).open(&sealed), Ok(secret));
        }
    }

    #[test]
    fn two_seals_of_one_password_differ() {
        let secret = Secret::new("hunter2".to_owned());
        assert_ne!(vault(1).seal(&secret), vault(1).seal(&secret));
    }

    #[test]
    fn another_key_and_any_change_are_noticed() {
        let sealed = vault(1).seal(&Secret::new("hunter2".to_owned()));
        let refused = vault(2).open(&sealed).unwrap_err();
        assert!(refused.0.contains("another key"), "{refused}");
        for at in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            assert!(vault(1).open(&changed).is_err(), "byte {at}");
        }
        for length in 0..sealed.0.len() {
            let cut = Sealed(sealed.0[..length].to_vec());
            assert!(vault(1).open(&cut).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn the_key_file_is_made_once_and_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/secret.key");
        let sealed = KeyVault::open(None, &file)
            .unwrap()
            .seal(&Secret::new("hunter2".to_owned()));
        let again = KeyVault::open(None, &file).unwrap().open(&sealed);
        assert_eq!(again.unwrap().expose(), "hunter2");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let inside = fs::read_dir(file.parent().unwrap()).unwrap();
        assert_eq!(inside.count(), 1, "no draft is left");
    }

    #[test]
    fn a_bad_key_is_named_by_its_place_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret.key");
        for bad in ["", "hunter2", &STANDARD.encode([1; 31])] {
            let given = KeyVault::open(Some(bad), &file).err().unwrap();
            assert!(given.to_string().starts_with(KEY_VARIABLE), "{given}");
            fs::write(&file, bad).unwrap();
            let read = KeyVault::open(None, &file).err().unwrap().to_string();
            assert!(
                read.contains("secret.key") && !read.contains("hunter2"),
                "{read}"
            );
        }
    }
}
