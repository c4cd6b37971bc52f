//! Compares parsing a target with general URI parsers.
//!
//! The peers get each target as a URI in the form that they accept best, `scheme:///..`. They do not
//! check gRPC's rules; Trunkline's parser checks the typed view too. A peer that rejects a target has no
//! figure for it.
//!
//! Times are CPU times of the thread; contestants take turns, in three separate processes. `--json FILE`
//! writes all figures. Without `--bench`, as `cargo test` runs it, each is parsed once.

use std::hint::black_box;
use std::process::ExitCode;

use fluent_uri::Uri as FluentUri;
use http::Uri;
use trunkline_benches::allocations::{CountingAllocator, allocations};
use trunkline_benches::clock::nanoseconds;
use trunkline_benches::contest::Contest;
use trunkline_benches::publish;
use trunkline_benches::results::Side;
use trunkline_benches::runs::{self, Run, is_whole};
use trunkline_benches::turns::{Turns, Work};
use trunkline_benches::versions;
use trunkline_target::{Target, TargetRef};
use url::Url;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Typical targets, each with the same target as a URI.
const TARGETS: [(&str, &str); 6] = [
    ("localhost:50051", "dns:///localhost:50051"),
    (
        "dns:///orders.prod.svc.cluster.local:50051",
        "dns:///orders.prod.svc.cluster.local:50051",
    ),
    (
        "dns://10.0.0.53:53/orders.example.com:443",
        "dns://10.0.0.53:53/orders.example.com:443",
    ),
    ("[2001:db8::1]:50051", "dns:///%5B2001:db8::1%5D:50051"),
    ("unix:///var/run/orders.sock", "unix:///var/run/orders.sock"),
    (
        "ipv4:10.0.0.1:50051,10.0.0.2:50051,10.0.0.3:50051",
        "ipv4:10.0.0.1:50051,10.0.0.2:50051,10.0.0.3:50051",
    ),
];

/// The case of all targets, one after the other.
const ALL: &str = "all six";

const OURS: &str = "`TargetRef`";
const URL: &str = "`url::Url`";

/// Parses a text, and returns whether it is accepted.
type Parse = fn(&str) -> bool;

/// The parsers: ours get the target, the others the URI.
const PARSERS: [(&str, Side, Parse); 5] = [
    (OURS, Side::Ours, |text| {
        black_box(TargetRef::parse(text)).is_ok()
    }),
    ("`Target`", Side::Ours, |text| {
        black_box(Target::parse(text)).is_ok()
    }),
    (URL, Side::Peer, |text| black_box(Url::parse(text)).is_ok()),
    ("`http::Uri`", Side::Peer, |text| {
        black_box(text.parse::<Uri>()).is_ok()
    }),
    ("`fluent_uri::Uri`", Side::Peer, |text| {
        black_box(FluentUri::parse(text)).is_ok()
    }),
];

const TIME: &str = "time";
const ALLOCATIONS: &str = "allocations";

/// The most time that `TargetRef` may take for all targets, as a fraction of `url`'s.
const OF_URL: f64 = 0.2;

const WHOLE: Turns = Turns {
    rounds: 25,
    least: 2e6,
};

fn main() -> ExitCode {
    let run = runs::measure(|| measure(if is_whole() { WHOLE } else { Turns::ONCE }));
    let mut results = run.results("parse");
    results.notes.push(format!(
        "{} separate runs of {} rounds; the CPU time of the thread",
        runs::RUNS,
        WHOLE.rounds
    ));
    let versions = ["url", "http", "fluent-uri"];
    let versions = versions.map(|name| (name.to_owned(), versions::of(name).to_owned()));
    results.versions = versions.to_vec();
    let (time, allocated) = (run.contest(TIME), run.contest(ALLOCATIONS));
    let title = "Time to parse, as a ratio to `url`'s (in brackets: its time)";
    results.tables.push(time.table_of_ratios(title, URL, "ns"));
    let mut table = allocated.table_of_figures("Allocations", 0);
    table.hide_spread();
    results.tables.push(table);
    // The number of allocations is the same in a short run.
    results.targets.push(allocated.target(ALL, OURS, 0.0));
    if is_whole() {
        let target = time.target_of_ratio(ALL, OURS, URL, OF_URL);
        results.targets.insert(0, target);
    }
    publish::end(&results)
}

fn measure(turns: Turns) -> Run {
    let sides = PARSERS.map(|(name, side, _)| (name, side));
    let (mut time, mut allocated) = (
        Contest::new(TIME, &sides),
        Contest::new(ALLOCATIONS, &sides),
    );
    let mut left_out = Vec::new();
    let each = TARGETS
        .iter()
        .map(|target| (target.0.to_owned(), vec![*target]));
    for (case, targets) in [(ALL.to_owned(), TARGETS.to_vec())].into_iter().chain(each) {
        let case = if case == ALL {
            case
        } else {
            format!("`{case}`")
        };
        let (mut works, mut counts, mut takes_part): (Vec<Work<'_>>, Vec<Vec<f64>>, Vec<bool>) =
            Default::default();
        for (name, side, parse) in PARSERS {
            let texts: Vec<&str> = targets
                .iter()
                .map(|(target, uri)| if side == Side::Ours { *target } else { *uri })
                .collect();
            let accepted = texts.iter().all(|text| parse(text));
            assert!(accepted || side == Side::Peer, "{name} rejects {case}");
            if accepted {
                let count = allocations(|| texts.iter().for_each(|text| _ = parse(text)));
                counts.push(vec![count as f64]);
                works.push(Box::new(move |times| time_of(&texts, parse, times)));
            } else {
                counts.push(Vec::new());
                if let [text] = texts[..] {
                    left_out.push(format!("{name}: {case}: it rejects `{text}`"));
                }
            }
            takes_part.push(accepted);
        }
        let mut figures = turns.measure(&mut works).into_iter();
        let figures = takes_part
            .into_iter()
            .map(|takes_part| if takes_part { figures.next() } else { None }.unwrap_or_default());
        time.add(&*case, figures.collect());
        allocated.add(case, counts);
    }
    Run {
        contests: vec![time, allocated],
        left_out,
    }
}

/// Returns the nanoseconds in which the texts are parsed so many times.
fn time_of(texts: &[&str], parse: Parse, times: u64) -> f64 {
    nanoseconds(|| {
        for _ in 0..times {
            for text in texts {
                black_box(parse(black_box(text)));
            }
        }
    })
}
