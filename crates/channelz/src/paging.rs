//! Pages of long lists.

use prost::Message;

/// The items of a page for which the request has no limit.
///
/// Source: `EntriesPerPage` of grpc-go.
const DEFAULT_ITEMS: usize = 100;

/// The most items of a page, whatever the request has.
const MOST_ITEMS: usize = 1_000;

/// The most bytes of a page with more than one item. Clients accept messages of 4 MiB by default.
const MOST_BYTES: usize = 1 << 20;

/// One page.
#[derive(Debug, PartialEq)]
pub(crate) struct Page<M> {
    pub(crate) items: Vec<M>,
    /// True when there was no further item when the page was made.
    pub(crate) is_last: bool,
}

/// Returns the first page of `items`: at most `max_results` of them, where that is above 0.
pub(crate) fn page<M: Message>(items: impl Iterator<Item = M>, max_results: i64) -> Page<M> {
    // A negative number is not allowed; grpc-go takes it for 0.
    let limit = usize::try_from(max_results.max(0)).unwrap_or(MOST_ITEMS);
    let limit = if limit == 0 {
        DEFAULT_ITEMS
    } else {
        limit.min(MOST_ITEMS)
    };
    let mut page = Page {
        items: Vec::new(),
        is_last: true,
    };
    let mut bytes = 0;
    for item in items {
        bytes += item.encoded_len();
        let is_full = page.items.len() == limit || bytes > MOST_BYTES;
        if is_full && !page.items.is_empty() {
            page.is_last = false;
            break;
        }
        page.items.push(item);
    }
    page
}
