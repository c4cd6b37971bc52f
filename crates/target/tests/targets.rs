//! Compares 138 targets with grpc-go's results in `data/targets.tsv`.
//!
//! A row contains the input and each part that grpc-go parses from it. Each row that concerns the
//! parser is compared in full, or listed in [`DEVIATIONS`] with the reason. Each row listed there
//! must really differ, so that the list stays correct.

use trunkline_target::{ErrorKind, HostPort, Schemes, Target, TargetView, encode_authority};

const ROWS: &str = include_str!("data/targets.tsv");

/// The standard schemes, and those of the grpc-go tests that the rows come from.
const KNOWN: &[&str] = &[
    "dns",
    "srv",
    "unix",
    "unix-abstract",
    "ipv4",
    "ipv6",
    "vsock",
    "passthrough",
    "xds",
    "testresolverforparser",
    "whatever",
];

/// Kinds of rows that concern a dialer, a proxy or a lookup, not the parser. If such a row has the
/// parts of a target, these are compared too.
const NOT_THE_PARSERS: &[&str] = &[
    "dial-address",
    "custom-dialer",
    "proxy",
    "proxy-error",
    "dns-resolve",
];

/// Rows in which this parser differs on purpose: the quirk or rule, the rows, and the kind of the
/// error if it is an error here.
const DEVIATIONS: &[(&str, &[u32], Option<ErrorKind>)] = &[
    // q1: a bare IPv6 address is put in brackets, not after `localhost`.
    ("q1", &[81, 84, 93, 215], None),
    // q2: escapes are decoded in the opaque part as in the path.
    ("q2", &[153, 184], None),
    // q3: a known scheme with a malformed authority is not read as a host name.
    ("q3", &[169, 221, 222], Some(ErrorKind::Authority)),
    // q21: these schemes are never read as a host name.
    ("q21", &[176, 177], Some(ErrorKind::Unsupported)),
    ("q21", &[196, 197], None),
    // A target that no resolver can use is an error at once: a port must be a number up to 65535 (a
    // service's name would need the system's tables), `scheme://` of an unknown scheme is not a
    // host, and a DNS message cannot contain an empty label.
    (
        "view",
        &[2, 11, 65, 160, 161, 206, 211],
        Some(ErrorKind::Port),
    ),
    ("view", &[29, 64], Some(ErrorKind::Scheme)),
    ("view", &[200], Some(ErrorKind::Host)),
];

struct Row<'a> {
    number: u32,
    kind: &'a str,
    default_scheme: &'a str,
    input: String,
    /// The cells from `fell_back` to `dns_server`.
    parts: Vec<&'a str>,
    result: &'a str,
}

fn rows() -> Vec<Row<'static>> {
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split('\t').collect();
        Row {
            number: cells[0].parse().expect("a number"),
            kind: cells[2],
            default_scheme: if cells[4].is_empty() { "dns" } else { cells[4] },
            // The file escapes the only control character in this way.
            input: cells[5].replace("\\x7f", "\x7f"),
            parts: cells[6..=17].to_vec(),
            result: cells[18],
        }
    };
    ROWS.lines().skip(1).map(row).collect()
}

impl Row<'_> {
    fn parse(&self) -> Result<Target, trunkline_target::ParseError> {
        Target::parse_with(&self.input, Schemes::new(KNOWN, self.default_scheme))
    }

    /// Returns whether grpc-go rejects the target too, at once or when the channel first leaves
    /// idle.
    fn is_refused(&self) -> bool {
        self.parts[1] == "(error)"
            || self.parts[10].starts_with("BUILD-ERR")
            || self.kind == "build-error"
            || self.result.contains("first RPC UNAVAILABLE")
    }

    /// Returns the differences between the row and the parsed target; empty if there are none.
    fn differences(&self, target: &Target) -> Vec<String> {
        let [
            fell_back,
            scheme,
            host,
            path,
            opaque,
            query,
            fragment,
            endpoint,
            canonical,
            authority,
            dns,
            server,
        ] = self.parts[..]
        else {
            panic!("row {} is short", self.number);
        };
        let opaque_here = target.opaque().unwrap_or_default().into_owned();
        let path_here = match &opaque_here {
            opaque if opaque.is_empty() => target.path().into_owned(),
            _ => String::new(),
        };
        let (dns_here, server_here) = match target.view() {
            TargetView::Dns { host, port, server } => {
                let host_port = HostPort {
                    host: host.clone(),
                    port: *port,
                };
                (Some(host_port), server.clone())
            }
            _ => (None, None),
        };
        let fell_back_here = if target.used_default_scheme() {
            "yes"
        } else {
            "no"
        };
        [
            ("fell_back", fell_back, fell_back_here),
            ("scheme", scheme, target.scheme()),
            ("url_host", host, &target.authority().unwrap_or_default()),
            ("path", path, &path_here),
            ("opaque", opaque, &opaque_here),
            ("query", query, target.query().unwrap_or_default()),
            ("fragment", fragment, &target.fragment().unwrap_or_default()),
            ("endpoint", endpoint, &target.endpoint()),
            ("canonical", canonical, &target.canonical()),
            ("authority", authority, &target.default_authority()),
            (
                "dns",
                &written(dns),
                &dns_here.map(shown).unwrap_or_default(),
            ),
            (
                "server",
                &written(server),
                &server_here.map(shown).unwrap_or_default(),
            ),
        ]
        .iter()
        .filter(|(_, expected, actual)| expected != actual)
        .map(|(name, expected, actual)| format!("{name}: {expected:?} there, {actual:?} here"))
        .collect()
    }
}

/// Converts a host and port of a cell to one form: `ip host=::1 port=443` and `ip addr=[::1]:443`
/// both become `ip [::1]:443`.
fn written(cell: &str) -> String {
    if let Some(address) = cell.strip_prefix("ip addr=") {
        return format!("ip {address}");
    }
    let Some((kind, rest)) = cell.split_once(" host=") else {
        return cell.to_owned();
    };
    let (host, port) = rest.split_once(" port=").expect("a port after a host");
    if kind == "ip" && host.contains(':') {
        return format!("{kind} [{host}]:{port}");
    }
    format!("{kind} {host}:{port}")
}

fn shown(host_port: HostPort) -> String {
    let kind = if host_port.host.ip().is_some() {
        "ip"
    } else {
        "name"
    };
    format!("{kind} {host_port}")
}

fn deviation(number: u32) -> Option<&'static (&'static str, &'static [u32], Option<ErrorKind>)> {
    DEVIATIONS
        .iter()
        .find(|(_, numbers, _)| numbers.contains(&number))
}

/// Each part of each target equals grpc-go's, or the row is a listed deviation.
#[test]
fn every_row_is_read_as_by_grpc_go() {
    let mut compared = 0;
    for row in rows() {
        if row.parts[1].is_empty() {
            continue; // A row without parts is for another test.
        }
        let Row { number, input, .. } = &row;
        match (row.parse(), deviation(*number)) {
            (Ok(target), None) => {
                assert!(!row.is_refused(), "row {number} `{input}`: refused there");
                assert_eq!(row.differences(&target), [""; 0], "row {number} `{input}`");
            }
            (Ok(target), Some((reason, _, error))) => {
                assert_eq!(
                    *error, None,
                    "row {number} `{input}` ({reason}): an error here"
                );
                let differences = row.differences(&target);
                assert!(
                    !differences.is_empty(),
                    "row {number} `{input}`: no deviation"
                );
            }
            (Err(error), Some((reason, _, kind))) => {
                assert_eq!(
                    Some(error.kind()),
                    *kind,
                    "row {number} ({reason}): {error}"
                );
                assert!(error.at() <= input.len(), "row {number}: {error:?}");
            }
            (Err(error), None) => {
                assert!(row.is_refused(), "row {number} `{input}`: {error}");
                assert!(error.at() <= input.len(), "row {number}: {error:?}");
            }
        }
        compared += 1;
    }
    assert_eq!(compared, 124);
}

/// The number of rows that do not concern the parser is fixed, so that no row is lost by a typing
/// error.
#[test]
fn rows_of_other_parts_are_known() {
    let rows = rows();
    assert_eq!(rows.len(), 138);
    let others = rows
        .iter()
        .filter(|row| NOT_THE_PARSERS.contains(&row.kind));
    assert_eq!(others.count(), 27);
    for (reason, numbers, _) in DEVIATIONS {
        for number in *numbers {
            let row = rows.iter().find(|row| row.number == *number);
            assert!(row.is_some(), "{reason} names row {number}, which is none");
        }
    }
}

/// `encode_authority` encodes as grpc-go does.
#[test]
fn authorities_are_encoded_as_by_grpc_go() {
    let mut compared = 0;
    for row in rows().iter().filter(|row| row.kind == "encode-authority") {
        assert_eq!(
            encode_authority(&row.input),
            row.parts[9],
            "row {}",
            row.number
        );
        compared += 1;
    }
    assert_eq!(compared, 2);
}

/// The scheme of a custom resolver is not read as a host name if it is among the known schemes.
///
/// In grpc-go's test of this row, the server name of an address replaces the default authority. The
/// parser returns the default authority; the channel replaces it.
#[test]
fn a_registered_scheme_is_no_host() {
    let row = rows()
        .into_iter()
        .find(|row| row.number == 76)
        .expect("row 76");
    let target = row.parse().expect("a target");
    assert_eq!(target.scheme(), "whatever");
    assert_eq!(target.default_authority(), "whatever");
}
