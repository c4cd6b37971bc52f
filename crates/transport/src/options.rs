//! The options of HTTP/2.

use crate::keepalive::KeepaliveOptions;

/// The smallest flow-control window that is used: HTTP/2's initial one. A call of any size gets
/// through it.
///
/// Source: [RFC 9113 section 6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2).
pub(crate) const MIN_WINDOW: u32 = 0xffff;

/// The largest flow-control window.
///
/// Source: [RFC 9113 section 6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2).
pub(crate) const MAX_WINDOW: u32 = i32::MAX as u32;

/// The options of HTTP/2.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpOptions {
    /// The flow-control window of each call, in bytes; 2 MiB by default. A value outside of the
    /// range from 65,535 to 2^31 - 1 is replaced by the nearest one in it.
    ///
    /// It bounds what is kept of a response that the application does not read. A connection keeps
    /// at most this much for each of its calls.
    pub stream_window: u32,
    /// The flow-control window of the connection, in bytes; 2^31 - 1 by default. The range is that
    /// of `stream_window`.
    ///
    /// It bounds what is kept of all unread responses together. Once they use it up, no other call
    /// on the connection gets data until one of them is read. The default is so large that only
    /// their own windows hold back calls: it takes 1,024 unread responses of 2 MiB to use it up. A
    /// smaller value saves memory where an application leaves many responses unread; then make
    /// `stream_window` smaller too.
    ///
    /// Source: [RFC 9113 section 5.2](https://www.rfc-editor.org/rfc/rfc9113#section-5.2).
    pub connection_window: u32,
    /// The longest header list that is taken from the server (the head of a response, or its
    /// trailers), in bytes as HPACK counts them; 1 MiB by default.
    ///
    /// A longer one fails its call alone, with `RESOURCE_EXHAUSTED`. One that takes more than about
    /// 2.5 times as much before it is decoded, or 8 times as much after, ends the connection, and so
    /// does a list in more CONTINUATION frames than 2.5 times as much takes when they are full (160 by
    /// default; 5 with a small limit). h2 does that: it must decode all lists in order.
    pub max_header_list: u32,
    /// When a connection whose peer is silent is tested and given up; off by default.
    pub keepalive: KeepaliveOptions,
    /// Whether the window of each call grows with the bandwidth-delay product of the path; false by
    /// default. It then begins at 65,535 bytes and grows up to 16 MiB, and `stream_window` has no
    /// meaning.
    ///
    /// It saves memory where many responses are not read at once and the path is short, and speeds up
    /// single responses where the path is long: 2 MiB are too few for one beyond 160 Mbit/s at 100 ms.
    /// The path is measured by HTTP/2 PINGs, each right after data of the server.
    pub adaptive_window: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            stream_window: 2 * 1024 * 1024,
            connection_window: MAX_WINDOW,
            max_header_list: 1024 * 1024,
            keepalive: KeepaliveOptions::default(),
            adaptive_window: false,
        }
    }
}

impl HttpOptions {
    /// Sets the flow-control window of each call, in bytes. Default: 2 MiB.
    #[must_use]
    pub fn with_stream_window(mut self, stream_window: u32) -> Self {
        self.stream_window = stream_window;
        self
    }

    /// Sets the flow-control window of the connection, in bytes. Default: 2^31 - 1.
    #[must_use]
    pub fn with_connection_window(mut self, connection_window: u32) -> Self {
        self.connection_window = connection_window;
        self
    }

    /// Sets the longest header list that is taken from the server, in bytes. Default: 1 MiB.
    #[must_use]
    pub fn with_max_header_list(mut self, max_header_list: u32) -> Self {
        self.max_header_list = max_header_list;
        self
    }

    /// Sets whether the window of each call grows with the bandwidth-delay product of the path.
    /// Default: false.
    #[must_use]
    pub fn with_adaptive_window(mut self, adaptive_window: bool) -> Self {
        self.adaptive_window = adaptive_window;
        self
    }

    /// Sets when a connection whose peer is silent is tested and given up. Default: off.
    #[must_use]
    pub fn with_keepalive(mut self, keepalive: KeepaliveOptions) -> Self {
        self.keepalive = keepalive;
        self
    }
}
