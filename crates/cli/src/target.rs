//! `trunkline target`: shows the parts of a target.

use serde_json::{Map, Value, json};
use trunkline::target::{ErrorKind, HostPort, ParseError, Schemes, Target, TargetView, Warning};

use crate::args::TargetArgs;
use crate::failure::Failure;
use crate::out::{Line, Out, Style};

pub(crate) fn run(args: &TargetArgs, out: &Out) -> Result<(), Failure> {
    let mut known = Schemes::STANDARD.known().to_vec();
    known.extend(args.schemes.iter().map(String::as_str));
    let target = Target::parse_with(&args.target, Schemes::new(&known, &args.default_scheme))
        .map_err(|error| failure(&args.target, &error))?;
    let object = describe(&args.target, &target);
    if out.is_json() {
        out.object(&Value::Object(object));
        return Ok(());
    }
    for (name, value) in rows(&object) {
        out.line(Line::styled(Style::Weak, format!("{name:>18}")).and(format!(" {value}")));
    }
    for warning in target.warnings() {
        out.warn(&warning.to_string());
    }
    Ok(())
}

/// Makes the error of a target that does not parse: what is wrong, where, and what was probably meant.
pub(crate) fn failure(text: &str, error: &ParseError) -> Failure {
    let pointer = " ".repeat(column(text, error.at()));
    let failure = Failure::unusable(error.kind().to_string(), error.message())
        .field("at", error.at())
        .suggest(error.suggestion())
        .detail(text.escape_debug().to_string())
        .detail(format!("{pointer}^ expected {}", error.expected()));
    if error.kind() == ErrorKind::Endpoint && text.contains("://") {
        return failure.detail(
            "the text between the second and the third slash is the authority (for `dns`: the DNS \
             server to ask); the name comes after the third slash, or directly after `scheme:`",
        );
    }
    failure
}

/// Returns the column at which the byte with index `at` is printed.
fn column(text: &str, at: usize) -> usize {
    text.char_indices()
        .take_while(|(start, _)| *start < at)
        .map(|(_, c)| c.escape_debug().count())
        .sum()
}

fn describe(input: &str, target: &Target) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("input", json!(input));
    put("scheme", json!(target.scheme()));
    put("authority", json!(target.authority()));
    put("userinfo", json!(target.userinfo()));
    put("endpoint", json!(target.endpoint()));
    put("opaque", json!(target.opaque()));
    put("path", json!(target.path()));
    put("query", json!(target.query()));
    put("fragment", json!(target.fragment()));
    put("canonical", json!(target.canonical()));
    put("default_authority", json!(target.default_authority()));
    put("used_default_scheme", json!(target.used_default_scheme()));
    if let Some((name, value)) = view(target.view()) {
        put(name, value);
    }
    let warnings: Vec<Value> = target.warnings().iter().map(warning).collect();
    if !warnings.is_empty() {
        put("warnings", Value::Array(warnings));
    }
    object
}

/// Returns the typed view, and the field that it is printed under: its scheme.
fn view(view: &TargetView) -> Option<(&'static str, Value)> {
    Some(match view {
        TargetView::Dns { host, port, server } => {
            let server = server.as_ref().map(HostPort::to_string);
            (
                "dns",
                json!({ "host": host.as_str(), "port": port, "server": server }),
            )
        }
        TargetView::Srv { name, server } => {
            let server = server.as_ref().map(HostPort::to_string);
            ("srv", json!({ "name": name, "server": server }))
        }
        TargetView::Unix { path } => ("unix", json!({ "path": String::from_utf8_lossy(path) })),
        TargetView::UnixAbstract { name } => (
            "unix_abstract",
            json!({ "name": String::from_utf8_lossy(name) }),
        ),
        TargetView::Ipv4(addresses) => ("ipv4", json!({ "addresses": texts(addresses) })),
        TargetView::Ipv6(addresses) => ("ipv6", json!({ "addresses": texts(addresses) })),
        TargetView::Vsock { cid, port } => ("vsock", json!({ "cid": cid, "port": port })),
        TargetView::Passthrough { address, .. } => ("passthrough", json!({ "address": address })),
        TargetView::Xds { authority, name } => {
            ("xds", json!({ "authority": authority, "name": name }))
        }
        _ => return None,
    })
}

fn texts(values: &[impl ToString]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn warning(warning: &Warning) -> Value {
    json!({
        "kind": warning.kind().to_string(),
        "at": warning.at(),
        "message": warning.message(),
        "suggestion": warning.suggestion(),
    })
}

/// Returns the rows of the table for people, in reading order.
fn rows(object: &Map<String, Value>) -> Vec<(String, String)> {
    let order = [
        "scheme",
        "userinfo",
        "authority",
        "opaque",
        "path",
        "query",
        "fragment",
        "endpoint",
        "canonical",
        "default_authority",
        "dns",
        "srv",
        "unix",
        "unix_abstract",
        "ipv4",
        "ipv6",
        "vsock",
        "passthrough",
        "xds",
    ];
    let mut rows = Vec::new();
    for name in order {
        match object.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Object(fields)) => {
                for (field, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                    rows.push((format!("{name} {field}"), plain(value)));
                }
            }
            Some(value) => rows.push((name.replace('_', " "), plain(value))),
        }
    }
    rows
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.escape_debug().to_string(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
