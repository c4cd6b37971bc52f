//! The channels under the stub: bare h2, tonic's, and ours.

use std::future::Future;
use std::sync::Arc;

use http::Uri;
use http::uri::Scheme;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use trunkline::{AsyncStd, Channel, Runtime, Smol, Tls, Tokio};
use trunkline_benches::protocol::{Case, Kind, Setup, resident_backends};
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;

use crate::service::Service;
use crate::variant::{Shape, Variant};
use crate::watchers;

/// Makes channels of one kind.
pub(crate) trait Stack: Clone + Send + 'static {
    type Channel: Service;

    /// Makes a channel to the backends of a case. It may still be connecting.
    fn connect(&self, case: Case) -> impl Future<Output = Connected<Self::Channel>> + Send;
}

/// A channel, and what the stub puts before the path.
#[derive(Clone)]
pub(crate) struct Connected<S> {
    pub(crate) service: S,
    /// It is that of the backends only for bare h2, which sends it as it is. The others have the authority,
    /// and the stub of an application puts nothing before the path.
    pub(crate) origin: Uri,
}

impl<S: Service> Connected<S> {
    pub(crate) fn stub(&self) -> GreeterClient<S> {
        GreeterClient::with_origin(self.service.clone(), self.origin.clone())
    }
}

/// Returns the addresses of the backends of a case.
pub(crate) fn backends(setup: &Setup, case: &Case) -> Vec<String> {
    let all = if case.tls {
        &setup.tls_backends
    } else {
        &setup.backends
    };
    if case.kind == Kind::Resident {
        let many = resident_backends(&all[0], case.backends).into_iter();
        return many.map(|address| address.to_string()).collect();
    }
    all[..case.backends].to_vec()
}

/// Returns the origin of the backends of a case.
pub(crate) fn origin(setup: &Setup, case: &Case) -> Uri {
    let scheme = if case.tls {
        Scheme::HTTPS
    } else {
        Scheme::HTTP
    };
    let builder = Uri::builder()
        .scheme(scheme)
        .authority(setup.server_name.as_str());
    builder.path_and_query("/").build().expect("a good name")
}

/// tonic's `Channel`.
#[derive(Clone)]
pub(crate) struct Tonic {
    pub(crate) setup: Arc<Setup>,
}

impl Stack for Tonic {
    type Channel = tonic::transport::Channel;

    async fn connect(&self, case: Case) -> Connected<Self::Channel> {
        let backends = backends(&self.setup, &case);
        let endpoints: Vec<Endpoint> = backends
            .iter()
            .map(|address| tonic_endpoint(&self.setup, &case, address))
            .collect();
        let service = match &endpoints[..] {
            [endpoint] => endpoint.connect().await.expect("a connection"),
            _ => tonic::transport::Channel::balance_list(endpoints.into_iter()),
        };
        Connected {
            service,
            origin: Uri::default(),
        }
    }
}

fn tonic_endpoint(setup: &Setup, case: &Case, address: &str) -> Endpoint {
    let scheme = if case.tls { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"));
    let endpoint = endpoint.expect("a good address").tcp_nodelay(true);
    if !case.tls {
        return endpoint;
    }
    // tonic adds ALPN `h2` by itself.
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&setup.root_pem))
        .domain_name(&setup.server_name);
    endpoint.tls_config(tls).expect("a good certificate")
}

/// Our `Channel`.
#[derive(Clone)]
pub(crate) struct Trunkline {
    pub(crate) setup: Arc<Setup>,
    pub(crate) variant: Variant,
}

impl Stack for Trunkline {
    type Channel = Channel;

    async fn connect(&self, case: Case) -> Connected<Channel> {
        let runtime: Arc<dyn Runtime> = match self.variant.shape {
            Shape::Tokio => Arc::new(Tokio::new()),
            Shape::AsyncStdBlockOn
            | Shape::AsyncStdEachCall
            | Shape::AsyncStdPool
            | Shape::OwnBlockOn
            | Shape::OwnEachCall => Arc::new(AsyncStd::new()),
            Shape::SmolBlockOn => Arc::new(Smol::new()),
        };
        let target = format!("ipv4:{}", backends(&self.setup, &case).join(","));
        let mut builder = Channel::builder(target).runtime(runtime);
        if case.backends > 1 {
            builder = builder.load_balancing("round_robin");
        }
        let builder = if case.tls {
            let tls = Tls::new().with_ca_pem(self.setup.root_pem.as_str());
            builder.tls(tls.with_server_name(self.setup.server_name.as_str()))
        } else {
            builder.plaintext()
        };
        let builder = watchers::add(self.variant.watcher, builder);
        // The floor sends the same.
        let builder = builder.authority(self.setup.server_name.as_str());
        Connected {
            service: builder.build().expect("a good target"),
            origin: Uri::default(),
        }
    }
}
