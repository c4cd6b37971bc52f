//! The label `grpc.method`: [gRFC A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md),
//! attributes.

use trunkline_sim::Sim;
use trunkline_telemetry::{MetricsOptions, instruments};

use crate::world::{backend, builder, call, measured_with, only, target};

/// Makes a call of each path, and returns the methods with the number of their attempts.
fn attempts(options: MetricsOptions, paths: &[&str]) -> Vec<String> {
    let sim = Sim::new(1);
    backend(&sim, 1);
    let (channel, sink) = measured_with(builder(&sim, 1), options);
    sim.run(async {
        for path in paths {
            call(&channel, path, b"").await;
        }
    });
    let lines = sink.lines().into_iter();
    let lines = lines.map(|line| {
        let line = line.strip_prefix("grpc.client.attempt.started{grpc.method=");
        let target = format!(", grpc.target={}}}", target(1));
        line.expect("the only instrument").replace(&target, "")
    });
    lines.collect()
}

fn options() -> MetricsOptions {
    only(&[&instruments::ATTEMPT_STARTED])
}

const PATHS: [&str; 5] = ["/a.B/C", "/a.B/D", "/a.B/C", "/a.B/E", "/a.B/F"];

/// All methods are told apart where nothing else is set.
#[test]
fn methods_are_told_apart() {
    let methods = attempts(options(), &PATHS);
    assert_eq!(methods, ["a.B/C 2", "a.B/D 1", "a.B/E 1", "a.B/F 1"]);
}

/// A program that forwards any path cannot make any number of series: over the limit, the method is
/// `other`. Methods that were called before keep their name.
#[test]
fn methods_over_the_limit_are_other() {
    let paths: Vec<&str> = PATHS.iter().chain(&PATHS).copied().collect();
    let methods = attempts(options().with_max_methods(2), &paths);
    assert_eq!(methods, ["a.B/C 4", "a.B/D 2", "other 4"]);
    let many: Vec<String> = (0..600).map(|number| format!("/a.B/M{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let methods = attempts(options(), &many);
    assert_eq!(methods.len(), 513);
    assert_eq!(methods.last().map(String::as_str), Some("other 88"));
}

/// "Unregistered/generic method names should by default be reported with `other`": with a list.
#[test]
fn unlisted_methods_are_other() {
    let methods = attempts(options().with_methods(["a.B/C", "/a.B/D"]), &PATHS);
    assert_eq!(methods, ["a.B/C 2", "a.B/D 1", "other 2"]);
}

/// "Implementations should provide the option to override this behavior".
#[test]
fn a_filter_chooses_methods() {
    let options = options().with_method_filter(|method| method.ends_with("/E"));
    assert_eq!(attempts(options, &PATHS), ["a.B/E 1", "other 4"]);
}

/// "Implementations should provide the option to override recorded target names with `other`".
#[test]
fn a_filter_chooses_targets() {
    let sim = Sim::new(1);
    backend(&sim, 1);
    let options = options().with_target_filter(|target| !target.starts_with("ipv4:"));
    let (channel, sink) = measured_with(builder(&sim, 1), options);
    sim.run(call(&channel, "/a.B/C", b""));
    let line = "grpc.client.attempt.started{grpc.method=a.B/C, grpc.target=other} 1";
    assert_eq!(sink.lines(), [line]);
}
