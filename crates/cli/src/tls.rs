//! TLS as the command line asks for it, and what a server showed.

use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::AsyncReadExt;
use futures_util::future::{Either, select};
use serde_json::{Value, json};
use trunkline::tls::{Certificate, TlsClient, TlsErrorKind};
use trunkline::{ConnectionInfo, Runtime, Stream, Tls, TlsError};

use crate::args::{RootsName, TlsArgs};
use crate::failure::Failure;
use crate::file::{self, GivenFile};
use crate::out::{Line, Out, Style};

/// The longest wait for the end of a file that is a pipe, where there is no `--timeout`.
const FILE_LIMIT: Duration = Duration::from_secs(10);

impl TlsArgs {
    /// Returns the options of TLS; `None` without `--tls`. Waits at most for `timeout` for the end of
    /// a pipe.
    pub(crate) fn open(&self, timeout: Option<Duration>) -> Result<Option<Tls>, Failure> {
        if !self.tls {
            return Ok(None);
        }
        let limit = timeout.unwrap_or(FILE_LIMIT);
        let open = |path: &Path| {
            file::open(path, limit).map_err(|error| {
                let text = format!("{} cannot be read: {error}", path.display());
                Failure::unusable("file", text)
            })
        };
        let mut tls = match self.ca.as_deref().map(open).transpose()? {
            Some(GivenFile::Path(path)) => Tls::new().with_ca_file(path),
            Some(GivenFile::Contents(pem)) => Tls::new().with_ca_pem(pem),
            None => match self.roots {
                Some(RootsName::Bundled) => Tls::new().with_bundled_roots(),
                Some(RootsName::Platform) | None => Tls::new().with_platform_roots(),
            },
        };
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            tls = match (open(cert)?, open(key)?) {
                (GivenFile::Path(cert), GivenFile::Path(key)) => tls.with_identity_files(cert, key),
                (cert, key) => tls.with_identity_pem(contents(cert)?, contents(key)?),
            };
        }
        if let Some(name) = &self.server_name {
            tls = tls.with_server_name(name);
        }
        Ok(Some(tls))
    }
}

fn contents(file: GivenFile) -> Result<Vec<u8>, Failure> {
    match file {
        GivenFile::Contents(contents) => Ok(contents),
        GivenFile::Path(path) => std::fs::read(&path).map_err(|error| {
            let text = format!("{} cannot be read: {error}", path.display());
            Failure::unusable("file", text)
        }),
    }
}

/// What a server showed in a handshake.
#[derive(Debug)]
pub(crate) struct Shown {
    version: Option<String>,
    cipher: Option<String>,
    alpn: Option<Vec<u8>>,
    resumed: bool,
    verified: bool,
    error: Option<(&'static str, String)>,
    certificates: Vec<Vec<u8>>,
}

impl Shown {
    /// Describes a handshake that succeeded.
    fn connected(info: &ConnectionInfo) -> Self {
        let tls = info.tls.as_ref();
        Self {
            version: tls.map(|tls| tls.version.clone()),
            cipher: tls.map(|tls| tls.cipher.clone()),
            alpn: info.alpn.as_deref().map(<[u8]>::to_vec),
            resumed: tls.is_some_and(|tls| tls.resumed),
            verified: true,
            error: None,
            certificates: info.peer_certificates.to_vec(),
        }
    }

    /// Describes a handshake that failed.
    fn failed(error: &TlsError) -> Self {
        let certificates = error.peer_certificates();
        Self {
            version: error.info().map(|tls| tls.version.clone()),
            cipher: error.info().map(|tls| tls.cipher.clone()),
            alpn: error.alpn().map(<[u8]>::to_vec),
            resumed: error.info().is_some_and(|tls| tls.resumed),
            verified: !certificates.is_empty() && !error.is_about_certificate(),
            error: Some(described(error)),
            certificates: certificates.iter().map(|der| der.to_vec()).collect(),
        }
    }

    /// Describes a handshake that did not end, or whose stream failed.
    fn interrupted(kind: &'static str, text: String) -> Self {
        Self {
            version: None,
            cipher: None,
            alpn: None,
            resumed: false,
            verified: false,
            error: Some((kind, text)),
            certificates: Vec::new(),
        }
    }

    /// Returns the error as the failure of the command.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let (kind, text) = self.error.as_ref()?;
        Some(Failure::operation(*kind, text).suggest(hint(kind)))
    }

    pub(crate) fn to_json(&self) -> Value {
        let error = self.error.as_ref();
        let error = error
            .map(|(kind, text)| json!({ "kind": kind, "message": text, "suggestion": hint(kind) }));
        let alpn = self.alpn.as_deref().map(String::from_utf8_lossy);
        let certificates: Vec<Value> = self
            .certificates
            .iter()
            .map(|der| certificate(der))
            .collect();
        json!({
            "version": self.version,
            "cipher": self.cipher,
            "alpn": alpn,
            "resumed": self.resumed,
            "verified": self.verified,
            "error": error,
            "certificates": certificates,
        })
    }

    /// Prints what the server showed, for people.
    pub(crate) fn print(&self, out: &Out) {
        let (style, word) = if self.verified {
            (Style::Good, "verified")
        } else {
            (Style::Bad, "not verified")
        };
        let mut line = Line::from("TLS  ".to_owned()).and_styled(style, word);
        let alpn = self.alpn.as_deref().map(String::from_utf8_lossy);
        for part in [
            self.version.as_deref(),
            self.cipher.as_deref(),
            alpn.as_deref(),
        ] {
            line = line.and(part.map_or_else(String::new, |part| format!(", {part}")));
        }
        out.line(line);
        for der in &self.certificates {
            let Some(own) = Certificate::from_der(der) else {
                out.line(Line::from("  a certificate that cannot be read".to_owned()));
                continue;
            };
            out.line(Line::from(format!("  subject {}", own.subject)));
            out.line(Line::from(format!("    issuer {}", own.issuer)));
            if !own.names.is_empty() {
                out.line(Line::from(format!("    names  {}", own.names.join(", "))));
            }
            let validity = format!("    valid  {} to {}", own.not_before, own.not_after);
            out.line(Line::from(validity));
        }
    }
}

/// The longest wait for a server's answer to a client certificate, which comes after a handshake of
/// TLS 1.3. A server that accepts it sends its HTTP/2 SETTINGS, or nothing.
const VERDICT_LIMIT: Duration = Duration::from_secs(1);

/// Does a handshake until `deadline`, and returns what the server showed.
pub(crate) async fn handshake(
    client: &TlsClient,
    stream: Box<dyn Stream>,
    runtime: &dyn Runtime,
    deadline: Option<Instant>,
) -> Shown {
    let done = until(runtime, deadline, client.handshake(stream)).await;
    let mut connected = match done {
        None => {
            let text = "connected, but the TLS handshake has not ended";
            return Shown::interrupted("deadline", text.to_owned());
        }
        Some(Err(error)) => return Shown::failed(&error),
        Some(Ok(connected)) => connected,
    };
    let mut shown = Shown::connected(&connected.info);
    if connected
        .info
        .tls
        .as_ref()
        .is_some_and(|tls| tls.asked_for_certificate)
    {
        let limit = runtime.now() + VERDICT_LIMIT;
        let limit = deadline.map_or(limit, |deadline| deadline.min(limit));
        let mut byte = [0];
        let read = connected.stream.read(&mut byte);
        if let Some(Err(error)) = until(runtime, Some(limit), read).await {
            let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
            shown.error = Some(match tls {
                Some(tls) => described(tls),
                None => ("io", error.to_string()),
            });
        }
    }
    connected.stream.abort();
    shown
}

/// Waits for `future` until `deadline`; `None` when that has passed.
async fn until<T>(
    runtime: &dyn Runtime,
    deadline: Option<Instant>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let Some(deadline) = deadline else {
        return Some(future.await);
    };
    match select(pin!(future), runtime.sleep_until(deadline)).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

/// Returns the kind and the text of an error.
fn described(error: &TlsError) -> (&'static str, String) {
    (kind(error.kind()), error.to_string())
}

/// Returns a certificate as JSON; its texts are `null` where it cannot be read.
fn certificate(der: &[u8]) -> Value {
    match Certificate::from_der(der) {
        Some(own) => json!({
            "subject": own.subject,
            "issuer": own.issuer,
            "names": own.names,
            "not_before": own.not_before.to_string(),
            "not_after": own.not_after.to_string(),
        }),
        None => json!({
            "subject": null,
            "issuer": null,
            "names": [],
            "not_before": null,
            "not_after": null,
        }),
    }
}

/// Returns the name of a kind in JSON.
fn kind(kind: TlsErrorKind) -> &'static str {
    match kind {
        TlsErrorKind::Expired => "expired",
        TlsErrorKind::NotYetValid => "not_yet_valid",
        TlsErrorKind::WrongName => "wrong_name",
        TlsErrorKind::UnknownIssuer => "unknown_issuer",
        TlsErrorKind::BadCertificate => "bad_certificate",
        TlsErrorKind::NoAlpn => "no_alpn",
        TlsErrorKind::Plaintext => "plaintext",
        TlsErrorKind::Protocol => "protocol",
        TlsErrorKind::Incompatible => "incompatible",
        TlsErrorKind::ClientCertificateWanted => "client_certificate_wanted",
        TlsErrorKind::ClientCertificateRefused => "client_certificate_refused",
        TlsErrorKind::Alert => "alert",
        TlsErrorKind::Closed => "closed",
        TlsErrorKind::Io => "io",
        _ => "tls",
    }
}

/// Returns what the user can do about an error of this kind.
fn hint(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "wrong_name" => "give the name of the server with --server-name",
        "unknown_issuer" => "give the root certificate of the server's issuer with --ca",
        "client_certificate_wanted" => "give a client certificate with --cert and --key",
        "plaintext" => "leave --tls out, or give the port that serves TLS",
        _ => return None,
    })
}
