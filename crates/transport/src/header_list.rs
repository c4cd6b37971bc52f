//! The size of header lists.

use http::{HeaderMap, Request};

/// What HTTP/2 adds to the length of each field's name and value, in bytes.
///
/// Source: [RFC 9113 section 6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2).
const FIELD_OVERHEAD: usize = 32;

fn size_of_field(name: &str, value: &[u8]) -> usize {
    name.len() + value.len() + FIELD_OVERHEAD
}

/// Returns the size of a header list, in bytes as HTTP/2 counts them: the length of each name and
/// value, and 32 for each field.
///
/// Source: [RFC 9113 section 6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2).
#[must_use]
pub fn header_list_size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| size_of_field(name.as_str(), value.as_bytes()))
        .sum()
}

/// Returns the size of the header list of a request, in bytes as HTTP/2 counts them.
pub(crate) fn size_of_request(head: &Request<()>) -> usize {
    let uri = head.uri();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let pseudo = [
        (":method", Some(head.method().as_str())),
        (":scheme", uri.scheme_str()),
        (
            ":authority",
            uri.authority().map(|authority| authority.as_str()),
        ),
        (":path", Some(path)),
    ];
    let pseudo = pseudo.into_iter().filter_map(|(name, value)| {
        let value = value?;
        Some(size_of_field(name, value.as_bytes()))
    });
    pseudo.sum::<usize>() + header_list_size(head.headers())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size is the length of each name and value, and 32 bytes for each field. (RFC 9113
    /// section 6.5.2)
    #[test]
    fn every_field_counts() {
        let head = Request::post("http://a.test/s/m")
            .header("x-one", "1234")
            .header("x-one", "5")
            .body(())
            .expect("a request");
        let fields = [
            ":method".len() + "POST".len(),
            ":scheme".len() + "http".len(),
            ":authority".len() + "a.test".len(),
            ":path".len() + "/s/m".len(),
            "x-one".len() + "1234".len(),
            "x-one".len() + "5".len(),
        ];
        assert_eq!(
            size_of_request(&head),
            fields.iter().sum::<usize>() + 6 * 32
        );
    }
}
