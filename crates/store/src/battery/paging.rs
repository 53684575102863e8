//! Walks over lists, page by page.

use std::future::Future;

use crate::{PageQuery, Result};

/// Reads a whole list in pages of `limit`; `between` is awaited after every
/// page. The walk ends at the first page that is not full.
pub async fn walk<T, K, Page, Between>(
    limit: u32,
    key_of: impl Fn(&T) -> K,
    list: impl Fn(PageQuery<K>) -> Page,
    mut between: impl FnMut(usize) -> Between,
) -> Vec<T>
where
    Page: Future<Output = Result<Vec<T>>>,
    Between: Future<Output = ()>,
{
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = list(PageQuery { after, limit })
            .await
            .expect("a page is read");
        assert!(
            page.len() <= limit as usize,
            "a page is no longer than asked"
        );
        let full = page.len() == limit as usize;
        found.extend(page);
        if !full {
            return found;
        }
        after = found.last().map(&key_of);
        between(pages).await;
        pages += 1;
    }
}
