//! Why there can be no channel to a server.

use std::error::Error;
use std::fmt;

use trunkline_channel::BuildError;

/// Why there can be no channel to a server of the bootstrap. The text is for its author.
#[derive(Debug)]
pub(super) enum ServerError {
    /// The server is given by a name, and the program was built without the resolver `dns`.
    NoDns,
    /// The server needs TLS, and the program was built without it.
    #[cfg(not(feature = "tls"))]
    NoTls,
    /// A token would be sent without encryption (gRFC A97).
    TokenInPlaintext,
    /// The channel cannot be built.
    Channel(BuildError),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDns => f.write_str(
                "server_uri is a name, and this program has no DNS client: turn on the feature `dns` of \
                 trunkline, or give an address, such as `ipv4:192.0.2.1:443`",
            ),
            #[cfg(not(feature = "tls"))]
            Self::NoTls => f.write_str(
                "channel_creds has the type \"tls\", and this program has no TLS: turn on the feature \
                 `tls` of trunkline",
            ),
            Self::TokenInPlaintext => f.write_str(
                "call_creds has a token, which is for encrypted connections only, and channel_creds has \
                 the type \"insecure\": use \"tls\", or remove call_creds",
            ),
            Self::Channel(error) => error.fmt(f),
        }
    }
}

impl Error for ServerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Channel(error) => Some(error),
            _ => None,
        }
    }
}

impl From<BuildError> for ServerError {
    fn from(error: BuildError) -> Self {
        Self::Channel(error)
    }
}
