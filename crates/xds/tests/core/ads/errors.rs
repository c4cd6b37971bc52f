//! 2.11: which errors take away a resource, and which only cast doubt on it.

use trunkline_status::Code;
use trunkline_xds::core::{Bootstrap, ServerFeatures};
use trunkline_xds_proto::envoy::service::discovery::v3::DiscoveryResponse;

use super::driver::{Cluster, Driver, Routes, resource_error, response, seconds, server};

/// What happens to the resource.
#[derive(Clone, Copy, Debug)]
enum Cause {
    Nack,
    Deletion,
    Refused(Code),
    NoConnection,
    Unanswered,
}

impl Cause {
    const ALL: [Self; 7] = [
        Self::Nack,
        Self::Deletion,
        Self::Refused(Code::NotFound),
        Self::Refused(Code::PermissionDenied),
        Self::Refused(Code::Internal),
        Self::NoConnection,
        Self::Unanswered,
    ];

    const fn is_data_error(self) -> bool {
        match self {
            Self::Nack | Self::Deletion => true,
            Self::Refused(code) => matches!(code, Code::NotFound | Code::PermissionDenied),
            Self::NoConnection | Self::Unanswered => false,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Nack => "is invalid: virtual_hosts[0].domains: no domains".to_owned(),
            Self::Deletion => "does not exist: deleted by the server".to_owned(),
            Self::Refused(code) => format!("was refused by the server: {code}: no"),
            Self::NoConnection => "cannot be had: dns:///a:18000: refused".to_owned(),
            Self::Unanswered => "cannot be had: dns:///a:18000: stream ended without a response: \
                                 UNAVAILABLE: broken"
                .to_owned(),
        }
    }

    fn happen(self, driver: &mut Driver) {
        match self {
            Self::Nack => driver.send(0, Cluster, "2", "y", &["c=bad"]),
            Self::Deletion => driver.send(0, Cluster, "2", "y", &[]),
            Self::Refused(code) => driver.send_response(
                0,
                DiscoveryResponse {
                    resource_errors: vec![resource_error("c", code, "no")],
                    ..response(Cluster, "2", "y", &[])
                },
            ),
            Self::NoConnection => driver.fail_link(0, "refused"),
            Self::Unanswered => driver.end_stream(0, "broken"),
        }
    }
}

/// Returns the lines about watchers.
fn deliveries(driver: &mut Driver) -> Vec<String> {
    let mut lines = driver.take_lines();
    lines.retain(|line| line.starts_with('w'));
    lines
}

/// 2.11: the table, and that a late watcher is notified of the same, and that a valid resource heals
/// everything.
#[test]
fn xds_2_11_table() {
    for fails_on_data_errors in [false, true] {
        for is_cached in [false, true] {
            for cause in Cause::ALL {
                if matches!(cause, Cause::Deletion) && !is_cached {
                    continue;
                }
                table(fails_on_data_errors, is_cached, cause);
            }
        }
    }
}

fn table(fails_on_data_errors: bool, is_cached: bool, cause: Cause) {
    let row = format!("fails: {fails_on_data_errors}, cached: {is_cached}, {cause:?}");
    let features = ServerFeatures::default().with_fail_on_data_errors(fails_on_data_errors);
    let mut driver = Driver::with(Bootstrap::new(server("a").with_features(features)));
    driver.watch(Cluster, "c");
    if is_cached {
        driver.send(0, Cluster, "1", "x", &["c=1"]);
        if matches!(cause, Cause::Unanswered) {
            driver.pass(seconds(1));
            driver.end_stream(0, "restart");
        }
    }
    driver.take_lines();
    cause.happen(&mut driver);

    let text = cause.text();
    let is_ambient = is_cached && !(cause.is_data_error() && fails_on_data_errors);
    if is_ambient {
        assert_eq!(
            deliveries(&mut driver),
            [format!("w0 CDS c ambient: {text}")],
            "{row}"
        );
    } else {
        assert_eq!(
            deliveries(&mut driver),
            [format!("w0 CDS c error: {text}")],
            "{row}"
        );
    }

    let late = driver.watch(Cluster, "c");
    let expected = if is_ambient {
        vec!["w1 CDS c 1".to_owned(), format!("w1 CDS c ambient: {text}")]
    } else {
        vec![format!("w1 CDS c error: {text}")]
    };
    assert_eq!(deliveries(&mut driver), expected, "{row}");
    driver.unwatch(late);

    driver.pass(seconds(2));
    driver.send(0, Cluster, "3", "z", &["c=1"]);
    let healed = if is_ambient {
        "w0 CDS c ambient cleared"
    } else {
        "w0 CDS c 1"
    };
    assert_eq!(deliveries(&mut driver), [healed], "{row}");
}

/// 2.11: a valid resource that differs replaces the value and the ambient error in one.
#[test]
fn xds_2_11_change_clears_the_ambient_error() {
    let mut driver = Driver::new();
    driver.watch(Cluster, "c");
    driver.send(0, Cluster, "1", "x", &["c=1"]);
    driver.send(0, Cluster, "2", "y", &["c=bad"]);
    driver.take_lines();
    driver.send(0, Cluster, "3", "z", &["c=2"]);
    assert_eq!(deliveries(&mut driver), ["w0 CDS c 2"]);
}

/// 2.11: a connection error is cleared by any response on the link; an error of the resource that was
/// there before is ambient again.
#[test]
fn xds_2_11_any_response_clears_a_connection_error() {
    let mut driver = Driver::new();
    driver.watch(Cluster, "c");
    driver.watch(Routes, "r");
    driver.send(0, Cluster, "1", "x", &["c=1"]);
    driver.send(0, Routes, "1", "y", &["r=1"]);
    driver.send(0, Routes, "2", "z", &["r=bad"]);
    driver.take_lines();
    driver.fail_link(0, "refused");
    assert_eq!(
        deliveries(&mut driver),
        [
            "w1 RDS r ambient: cannot be had: dns:///a:18000: refused",
            "w0 CDS c ambient: cannot be had: dns:///a:18000: refused",
        ]
    );
    driver.send(0, Cluster, "2", "u", &["c=1"]);
    assert_eq!(
        deliveries(&mut driver),
        [
            "w1 RDS r ambient: is invalid: virtual_hosts[0].domains: no domains",
            "w0 CDS c ambient cleared",
        ]
    );
}

/// 2.11: `resource_errors` are kept until the resource or another error comes.
#[test]
fn xds_2_11_received_error_is_kept() {
    let mut driver = Driver::new();
    driver.watch(Routes, "r");
    driver.watch(Routes, "s");
    driver.take_lines();
    driver.send_response(
        0,
        DiscoveryResponse {
            resource_errors: vec![
                resource_error("r", Code::NotFound, "no such routes"),
                resource_error("others", Code::NotFound, "not asked for"),
            ],
            ..response(Routes, "1", "x", &[])
        },
    );
    assert_eq!(
        deliveries(&mut driver),
        ["w0 RDS r error: was refused by the server: NOT_FOUND: no such routes"]
    );
    driver.send(0, Routes, "2", "y", &["s=1"]);
    assert_eq!(deliveries(&mut driver), ["w1 RDS s 1"]);
    let dump = driver.client.dump();
    let states = dump.authorities[0].resources.iter();
    let states = states.map(|resource| resource.state.label(resource.cached.is_some()));
    assert_eq!(states.collect::<Vec<_>>(), ["received_error", "acked"]);
}
