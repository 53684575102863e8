//! Pages of lists: opaque tokens that are good for the query that gave them.

use std::marker::PhantomData;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::{Name, Project, RunId, WorkerId},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{digest::digest, fields::Fields};

/// Entries on a page when the caller does not say.
pub const DEFAULT_SIZE: u32 = 50;
/// The most entries on a page.
pub const LARGEST_SIZE: u32 = 1000;

/// The first byte of every token, so that a later layout is told apart.
const LAYOUT: u8 = 1;

/// Which page of a list, in the order of the key `K`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<K> {
    /// The key of the last entry of the page before; `None` for the first page.
    pub after: Option<K>,
    /// The most entries to return, 1 to [`LARGEST_SIZE`].
    pub size: u32,
    query: u64,
    key: PhantomData<K>,
}

impl<K: Key> Page<K> {
    /// How many entries to read: one more than the page holds, so that
    /// [`Page::cut`] knows whether there is a next page.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.size + 1
    }

    /// Shortens what was read by [`Page::limit`] to the page and returns its
    /// `next_page_token`: empty on the last page.
    pub fn cut<T>(&self, entries: &mut Vec<T>, key: impl FnOnce(&T) -> K) -> String {
        if entries.len() <= self.size as usize {
            return String::new();
        }
        entries.truncate(self.size as usize);
        entries
            .last()
            .map_or_else(String::new, |last| self.token(&key(last)))
    }

    /// The token of the page after the entry with this key.
    #[must_use]
    pub fn token(&self, last: &K) -> String {
        let mut bytes = vec![LAYOUT];
        bytes.extend(self.query.to_be_bytes());
        last.write(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// Reads a page request of the query that `query` describes in full.
pub(crate) fn page<K: Key>(
    fields: &mut Fields<'_>,
    request: Option<pb::PageRequest>,
    query: &str,
) -> Option<Page<K>> {
    let request = request.unwrap_or_default();
    let mut fields = fields.child("page");
    let size = match request.page_size {
        0 => Some(DEFAULT_SIZE),
        size => fields.count("page_size", size, LARGEST_SIZE),
    };
    let query = (digest(query) >> 64) as u64;
    let after = after(&mut fields, &request.page_token, query);
    Some(Page {
        after,
        size: size?,
        query,
        key: PhantomData,
    })
}

fn after<K: Key>(fields: &mut Fields<'_>, token: &str, query: u64) -> Option<K> {
    if token.is_empty() {
        return None;
    }
    let Some((of, key)) = parse(token) else {
        fields.add(
            "page_token",
            "is not a token: give the next_page_token of the page before, or nothing",
        );
        return None;
    };
    if of != query {
        fields.add(
            "page_token",
            "is of another query: begin again without it, or repeat the query it came from",
        );
        return None;
    }
    Some(key)
}

fn parse<K: Key>(token: &str) -> Option<(u64, K)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let mut rest = bytes.strip_prefix(&[LAYOUT])?;
    let query = u64::from_be_bytes(take(&mut rest)?);
    let key = K::read(&mut rest)?;
    rest.is_empty().then_some((query, key))
}

/// A list's order: what a token says of the last entry of a page.
pub trait Key: Sized {
    /// Appends the key.
    fn write(&self, bytes: &mut Vec<u8>);
    /// Takes the key off the front; `None` when it is none.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (front, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*front)
}

impl Key for i64 {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_be_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes).map(Self::from_be_bytes)
    }
}

impl Key for String {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend((self.len() as u64).to_be_bytes());
        bytes.extend(self.as_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::try_from(u64::from_be_bytes(take(bytes)?)).ok()?;
        let (text, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}

impl Key for Uuid {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.as_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes).map(Self::from_bytes)
    }
}

impl<A: Key, B: Key> Key for (A, B) {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read(bytes)?, B::read(bytes)?))
    }
}

/// Keys that are written as a simpler one: `Type: simpler, to, from`.
macro_rules! written_as {
    ($($type:ty: $simple:ty, $to:expr, $from:expr;)*) => {$(
        impl Key for $type {
            fn write(&self, bytes: &mut Vec<u8>) {
                let to: fn(&$type) -> $simple = $to;
                to(self).write(bytes);
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                let from: fn($simple) -> Option<$type> = $from;
                from(<$simple>::read(bytes)?)
            }
        }
    )*};
}

written_as! {
    i32: i64, |number| i64::from(*number), |wide| i32::try_from(wide).ok();
    Timestamp: i64, |time| time.0, |us| Some(Timestamp(us));
    RunId: Uuid, |id| id.0, |uuid| Some(RunId(uuid));
    WorkerId: Uuid, |id| id.0, |uuid| Some(WorkerId(uuid));
    Name: String, |name| name.as_str().to_owned(), |text| Name::new(text).ok();
    Project: String, |project| project.as_str().to_owned(), |text| Project::new(text).ok();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Violations, fields::read};

    fn decode<K: Key>(size: u32, token: &str, query: &str) -> Result<Page<K>, Violations> {
        let request = pb::PageRequest {
            page_size: size,
            page_token: token.to_owned(),
        };
        read(Vec::new(), |fields| page(fields, Some(request), query))
    }

    #[test]
    fn sizes_have_a_default_and_a_limit() {
        let nothing: Page<i64> = read(Vec::new(), |fields| page(fields, None, "q")).unwrap();
        assert_eq!((nothing.after, nothing.size), (None, 50));
        assert_eq!(decode::<i64>(0, "", "q").unwrap().size, 50);
        assert_eq!(decode::<i64>(1000, "", "q").unwrap().limit(), 1001);
        assert_eq!(
            decode::<i64>(1001, "", "q"),
            Err(Violations::one(
                "page.page_size",
                "must be 1 to 1000, it is 1001"
            ))
        );
    }

    #[test]
    fn a_token_is_refused_by_another_query_and_when_it_is_damaged() {
        let page: Page<(Timestamp, RunId)> = decode(0, "", "runs of acme").unwrap();
        let key = (Timestamp(-5), RunId(Uuid::from_u128(7)));
        let token = page.token(&key);
        assert_eq!(
            decode(0, &token, "runs of acme").map(|page| page.after),
            Ok(Some(key))
        );
        let refused = |token: &str, query: &str| {
            decode::<(Timestamp, RunId)>(0, token, query)
                .unwrap_err()
                .to_string()
        };
        assert!(refused(&token, "runs of others").contains("another query"));
        for bad in [
            "!",
            "AA",
            "AQ",
            &token[..token.len() - 2],
            &format!("{token}AA"),
        ] {
            assert!(
                refused(bad, "runs of acme").contains("not a token"),
                "{bad}"
            );
        }
        // A key that cannot be: a name that is no name.
        let texts: Page<String> = decode(0, "", "q").unwrap();
        let token = texts.token(&"Not A Name".to_owned());
        assert!(decode::<Name>(0, &token, "q").is_err());
    }

    #[test]
    fn a_page_is_cut_where_it_ends() {
        let page: Page<i64> = decode(2, "", "q").unwrap();
        for (count, left, more) in [(0, 0, false), (2, 2, false), (3, 2, true)] {
            let mut entries: Vec<i64> = (1..=count).collect();
            let token = page.cut(&mut entries, |entry| *entry);
            assert_eq!((entries.len(), !token.is_empty()), (left, more), "{count}");
            if more {
                assert_eq!(decode::<i64>(2, &token, "q").unwrap().after, Some(2));
            }
        }
    }

    proptest! {
        #[test]
        fn every_key_survives(number: i64, text: String, id: u128) {
            let page: Page<(String, (i64, WorkerId))> = decode(0, "", "q").unwrap();
            let key = (text, (number, WorkerId(Uuid::from_u128(id))));
            let token = page.token(&key);
            prop_assert_eq!(decode(0, &token, "q").unwrap().after, Some(key));
        }

        #[test]
        fn no_token_panics(token: String) {
            let _ = decode::<(String, i64)>(0, &token, "q");
        }
    }
}
