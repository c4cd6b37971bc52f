//! The clients that are compared.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tonic::Request;
use tonic::metadata::MetadataKey;
use trunkline::PeerAddr;
use trunkline::xds::core::Bootstrap;
use trunkline::xds::{Xds, XdsPool};

use super::process::Process;
use crate::clients::DEADLINE;
use crate::clients::NamedRuntime;
use crate::suite::foreign::{GRPC_GO, command};
use crate::suite::proto::{Empty, SimpleRequest};
use crate::suite::stub::{Place, Stub};
use crate::wrong::Wrong;

/// The name of grpc-java's client.
const GRPC_JAVA: &str = "grpc-java";

/// Calls to be made, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls {
    pub(super) count: usize,
    pub(super) method: Method,
    /// One header, or none.
    pub(super) header: Option<(&'static str, &'static str)>,
}

/// The methods that the calls have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Method {
    Empty,
    Unary,
}

/// How the calls of a client ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Called {
    /// The calls that each backend answered.
    pub(super) backends: BTreeMap<SocketAddr, usize>,
    /// The calls by their code, in upper case and without separators: `OK`, `UNAVAILABLE`.
    pub(super) codes: BTreeMap<String, usize>,
    /// A text of those that failed, by their code.
    pub(super) texts: BTreeMap<String, String>,
}

impl Called {
    /// Returns how many calls failed.
    pub(super) fn failed(&self) -> usize {
        let codes = self.codes.iter();
        codes
            .filter(|(code, _)| *code != "OK")
            .map(|(_, calls)| calls)
            .sum()
    }
}

/// The program of another project's client.
#[derive(Clone, Debug)]
pub(super) struct Foreign {
    /// Its name, which is its node.
    pub(super) name: &'static str,
    command: Vec<String>,
}

impl Foreign {
    /// Returns grpc-go's client, which is in the program of the control plane.
    pub(super) fn grpc_go(xds: &[String]) -> Self {
        let mut command = xds.to_vec();
        command.push("client".to_owned());
        Self {
            name: GRPC_GO,
            command,
        }
    }
}

/// Returns the clients of other projects that this machine has, and prints which it has not. `xds` is the program
/// of the control plane.
pub(super) fn foreign(xds: &[String]) -> Result<Vec<Foreign>, Wrong> {
    let mut all = vec![Foreign::grpc_go(xds)];
    match command("xds-java")? {
        Ok(command) => all.push(Foreign {
            name: GRPC_JAVA,
            command,
        }),
        Err(why) => println!("skipped: grpc-java's client of xDS: {why}"),
    }
    Ok(all)
}

/// A client.
#[derive(Debug)]
pub(super) enum Client {
    /// Another project's.
    Foreign(Process),
    /// Ours.
    Own {
        stub: Box<Stub>,
        runtime: NamedRuntime,
    },
}

impl Client {
    /// Starts another project's client.
    pub(super) fn foreign(one: &Foreign, target: &str, bootstrap: &str) -> Result<Self, Wrong> {
        let variables = [
            ("GRPC_XDS_BOOTSTRAP_CONFIG", bootstrap),
            // grpc-java reads additional addresses only then.
            ("GRPC_EXPERIMENTAL_XDS_DUALSTACK_ENDPOINTS", "true"),
        ];
        let (process, _) = Process::start(one.name, &one.command, &[target], &variables)?;
        Ok(Self::Foreign(process))
    }

    /// Builds a channel of ours.
    pub(super) fn own(
        runtime: &NamedRuntime,
        target: &str,
        bootstrap: &str,
    ) -> Result<Self, Wrong> {
        let bootstrap = Bootstrap::parse(bootstrap)?;
        // Otherwise the channels of all runtimes could share a client.
        let xds = Xds::new()
            .with_bootstrap(bootstrap)
            .with_pool(XdsPool::new());
        let stub = Stub::new_with(&Place::target(target), runtime, |builder| builder.with(xds))?;
        Ok(Self::Own {
            stub: Box::new(stub),
            runtime: runtime.clone(),
        })
    }

    /// Returns whether it is one of ours.
    pub(super) fn is_own(&self) -> bool {
        matches!(self, Self::Own { .. })
    }

    /// Makes calls, one after the other.
    pub(super) fn call(&mut self, calls: Calls) -> Result<Called, Wrong> {
        match self {
            Self::Foreign(process) => foreign_calls(process, calls),
            Self::Own { stub, runtime } => {
                let stub = Stub::clone(stub);
                runtime.wait(own_calls(stub, calls))?
            }
        }
    }
}

fn foreign_calls(process: &mut Process, calls: Calls) -> Result<Called, Wrong> {
    let method = match calls.method {
        Method::Empty => "EmptyCall",
        Method::Unary => "UnaryCall",
    };
    let headers: BTreeMap<&str, &str> = calls.header.into_iter().collect();
    let command = json!({
        "command": "call",
        "method": format!("/grpc.testing.TestService/{method}"),
        "count": calls.count,
        "headers": headers,
        "timeout": DEADLINE.as_secs_f64(),
    });
    called(&process.ask(&command, "called")?)
}

/// Reads the event `called` of another project's client.
pub(super) fn called(answer: &Value) -> Result<Called, Wrong> {
    let counts = |field: &str| -> BTreeMap<String, usize> {
        let entries = answer[field].as_object().into_iter().flatten();
        let entry = |(key, value): (&String, &Value)| {
            let count = value.as_u64().unwrap_or_default();
            (key.clone(), usize::try_from(count).unwrap_or(usize::MAX))
        };
        entries.map(entry).collect()
    };
    let mut called = Called::default();
    for (address, count) in counts("backends") {
        called.backends.insert(address.parse()?, count);
    }
    for (code, count) in counts("codes") {
        called.codes.insert(plain(&code), count);
    }
    for (code, text) in answer["texts"].as_object().into_iter().flatten() {
        let text = text.as_str().unwrap_or_default();
        called.texts.insert(plain(code), text.to_owned());
    }
    Ok(called)
}

/// Returns a code as [`Called::codes`] has it: other projects print `DeadlineExceeded` or
/// `DEADLINE_EXCEEDED`.
fn plain(code: &str) -> String {
    code.replace('_', "").to_uppercase()
}

async fn own_calls(stub: Stub, calls: Calls) -> Result<Called, Wrong> {
    let mut called = Called::default();
    for _ in 0..calls.count {
        let (code, text) = match own_call(&stub, calls).await {
            Ok(peer) => {
                *called.backends.entry(peer).or_default() += 1;
                (tonic::Code::Ok, String::new())
            }
            Err(status) => (status.code(), status.message().to_owned()),
        };
        let code = format!("{code:?}").to_uppercase();
        if !text.is_empty() {
            called.texts.insert(code.clone(), text);
        }
        *called.codes.entry(code).or_default() += 1;
    }
    Ok(called)
}

/// Makes one call with a header, and returns the address of the server, or the code and text of its failure.
pub(super) async fn answer(
    stub: Stub,
    header: Option<(&'static str, &'static str)>,
) -> Result<SocketAddr, String> {
    let calls = Calls {
        count: 1,
        method: Method::Empty,
        header,
    };
    let answer = own_call(&stub, calls).await;
    answer.map_err(|status| format!("{:?}: {}", status.code(), status.message()))
}

/// Makes one call, and returns the address of the server.
async fn own_call(stub: &Stub, calls: Calls) -> Result<SocketAddr, tonic::Status> {
    let mut tests = stub.tests();
    let extensions = match calls.method {
        Method::Empty => {
            let call = tests.empty_call(request(Empty {}, calls.header)?);
            call.await?.extensions().clone()
        }
        Method::Unary => {
            let call = tests.unary_call(request(SimpleRequest::default(), calls.header)?);
            call.await?.extensions().clone()
        }
    };
    match extensions.get::<PeerAddr>() {
        Some(PeerAddr::Ip(peer)) => Ok(*peer),
        other => Err(tonic::Status::internal(format!(
            "not an IP address: {other:?}"
        ))),
    }
}

fn request<M>(
    message: M,
    header: Option<(&'static str, &'static str)>,
) -> Result<Request<M>, tonic::Status> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    if let Some((name, value)) = header {
        let name = MetadataKey::from_static(name);
        let value = value
            .parse()
            .map_err(|_| tonic::Status::internal("a header that cannot be sent"))?;
        request.metadata_mut().insert(name, value);
    }
    Ok(request)
}
