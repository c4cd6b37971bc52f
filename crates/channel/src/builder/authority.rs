//! The authority of a channel.

use http::uri::Authority;
use trunkline_resolver::{CredentialsKind, ResolverFactory};
use trunkline_target::{Target, TargetView};

use crate::error::{BuildError, BuildErrorKind};

/// The authority of a target whose own cannot be sent, and that names no host. gRPC's clients send it
/// for Unix sockets, too.
const NO_HOST: Authority = Authority::from_static("localhost");

/// Returns the authority of a channel: that of the application, or else the resolver's for the
/// target, or else the target's own. `text` is the target for errors.
///
/// An authority of the target that HTTP/2 libraries refuse becomes `localhost` if the target is not
/// the name of a host: calls then reach their server, as those of grpc-go do. It is not replaced
/// where the peer proves that it has this name.
///
/// # Errors
///
/// When an authority cannot be sent that was given, that is the name of a host, or that a peer must
/// prove.
pub(super) fn channel_authority(
    own: Option<&str>,
    resolver: &dyn ResolverFactory,
    target: &Target,
    credentials: CredentialsKind,
    text: &str,
) -> Result<Authority, BuildError> {
    if let Some(own) = own {
        let origin = "that `.authority(..)` or `Tls::with_server_name` set";
        return parse(own, origin, "");
    }
    let origin = format!("of the target `{text}`");
    let remedy = "; give another with `.authority(..)`";
    if let Some(resolvers) = resolver.default_authority(target) {
        return parse(&resolvers, &origin, remedy);
    }
    let encoded = target.default_authority();
    let is_proven = credentials != CredentialsKind::Plaintext;
    match parse(&encoded, &origin, remedy) {
        Err(_) if !is_proven && !names_a_host(target) => Ok(NO_HOST),
        result => result,
    }
}

/// Returns whether the endpoint of a target is the name of a host, which calls must not replace.
fn names_a_host(target: &Target) -> bool {
    match target.view() {
        TargetView::Dns { .. } | TargetView::Srv { .. } => true,
        TargetView::Passthrough { host_port, .. } => host_port.is_some(),
        _ => false,
    }
}

fn parse(authority: &str, origin: &str, remedy: &str) -> Result<Authority, BuildError> {
    authority.parse().map_err(|error: http::uri::InvalidUri| {
        BuildError::new(
            BuildErrorKind::Authority,
            format!(
                "the authority `{authority}` {origin} cannot be sent over HTTP/2 ({error}){remedy}"
            ),
        )
        .with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use trunkline_resolver::StaticFactory;
    use trunkline_target::Schemes;

    use super::*;

    /// `localhost` takes the place of a name only where no peer proves it: over TLS a certificate
    /// for `localhost` must not be accepted for another name.
    #[test]
    fn a_name_that_a_peer_proves_is_not_replaced() {
        let text = "fleet:///orders/eu";
        let target = Target::parse_with(text, Schemes::new(&["fleet"], "fleet")).expect("a target");
        let resolver = StaticFactory::from_endpoints("fleet", []);
        let authority =
            |own, credentials| channel_authority(own, &resolver, &target, credentials, text);
        let plaintext = authority(None, CredentialsKind::Plaintext);
        assert_eq!(plaintext.expect("an authority"), "localhost");
        let error = authority(None, CredentialsKind::Tls).expect_err("no name to prove");
        assert_eq!(error.kind(), BuildErrorKind::Authority, "{error}");
        let own = authority(Some("orders.test"), CredentialsKind::Tls);
        assert_eq!(own.expect("an authority"), "orders.test");
    }
}
