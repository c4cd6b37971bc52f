//! The measured cases, in the groups that the tables have.

use trunkline_benches::protocol::{Case, Kind};

/// Cases that share a table.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    /// Name of the picture.
    pub(crate) plot: Option<&'static str>,
    pub(crate) cases: Vec<Case>,
}

const KIB: usize = 1024;
/// The length of the messages of a stream.
const STREAMED: usize = 64 * KIB;
/// How many messages of a stream are on their way: 1 MiB.
const STREAMED_AHEAD: usize = 16;

/// Returns all groups.
pub(crate) fn groups() -> Vec<Group> {
    let sizes = [
        (16, 1),
        (16, 16),
        (16, 100),
        (KIB, 1),
        (KIB, 16),
        (KIB, 100),
    ];
    let unary = |change: fn(Case) -> Case| {
        let cases = sizes.map(|(bytes, in_flight)| change(Case::unary(bytes, in_flight)));
        cases.to_vec()
    };
    vec![
        Group {
            title: "one backend",
            plot: Some("rpc-one"),
            cases: unary(|case| case),
        },
        Group {
            title: "three backends, in turn",
            plot: Some("rpc-three"),
            cases: unary(Case::balanced),
        },
        Group {
            title: "one backend, TLS",
            plot: Some("rpc-tls"),
            cases: unary(Case::encrypted),
        },
        Group {
            title: "three backends, in turn, TLS",
            plot: None,
            cases: unary(|case| case.balanced().encrypted()),
        },
        Group {
            title: "one backend, each call with a timeout",
            plot: None,
            cases: vec![Case::unary(16, 1).timed(), Case::unary(16, 100).timed()],
        },
        Group {
            title: "one stream with messages each way",
            plot: Some("rpc-stream"),
            cases: vec![
                Case::stream(STREAMED, STREAMED_AHEAD),
                Case::stream(STREAMED, STREAMED_AHEAD).encrypted(),
            ],
        },
        Group {
            title: "a channel for each call: cold starts, and storms of connections",
            plot: Some("rpc-cold"),
            cases: vec![
                Case::cold(1),
                Case::cold(100),
                Case::cold(1).encrypted(),
                Case::cold(100).encrypted(),
            ],
        },
    ]
}

/// Returns the cases that are measured with all cores free.
pub(crate) fn free_group() -> Group {
    Group {
        title: "one backend, all cores free",
        plot: Some("rpc-free"),
        cases: vec![
            Case::unary(16, 1),
            Case::unary(16, 100),
            Case::unary(KIB, 100),
        ],
    }
}

/// Returns the case of many backends that are connected and idle.
pub(crate) fn resident(is_quick: bool) -> Case {
    Case::resident(if is_quick { 20 } else { 1_000 })
}

/// Returns a name for texts, which differs from that of every other case.
pub(crate) fn name(case: &Case) -> String {
    let size = match case.bytes {
        bytes if bytes % KIB == 0 => format!("{} KiB", bytes / KIB),
        bytes => format!("{bytes} B"),
    };
    let (kind, in_flight) = match case.kind {
        Kind::Unary => (size, format!("{} in flight", case.in_flight)),
        Kind::Stream => (
            format!("stream of {size}"),
            format!("{} ahead", case.in_flight),
        ),
        Kind::Cold | Kind::Resident => ("cold".to_owned(), format!("{} at a time", case.in_flight)),
    };
    if case.kind == Kind::Resident {
        return format!("resident, {} backends", case.backends);
    }
    let backends = match case.backends {
        1 => "",
        _ => ", round_robin",
    };
    let tls = if case.tls { ", TLS" } else { "" };
    let timeout = if case.timeout { ", timeout" } else { "" };
    format!("{kind}, {in_flight}{backends}{tls}{timeout}")
}
