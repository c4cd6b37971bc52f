//! Formats the table of backends.

use trunkline_testkit::backend::IpVersion;

use crate::fleet::{BackendState, Fleet, Member};
use crate::zone::DnsZone;

/// The row of one backend.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) in_dns: bool,
    pub(crate) family: &'static str,
    pub(crate) rate: f64,
    pub(crate) calls: u64,
    pub(crate) opened: u64,
    pub(crate) closed: u64,
    pub(crate) state: String,
}

/// Returns a row for each backend.
pub(crate) fn rows(fleet: &Fleet, zone: &DnsZone) -> Vec<Row> {
    fleet
        .members()
        .iter()
        .map(|member| row(member, zone.has(member.name())))
        .collect()
}

fn row(member: &Member, in_dns: bool) -> Row {
    let total = member.counters.total();
    let family = match (member.uses(IpVersion::V4), member.uses(IpVersion::V6)) {
        (false, false) => "-",
        (true, false) => "IPv4",
        (false, true) => "IPv6",
        (true, true) => "both",
    };
    let state = match member.state {
        BackendState::Serving => "serving".to_owned(),
        BackendState::SilentOnIpv6 => "silent on IPv6".to_owned(),
        BackendState::Stopping => "stopping".to_owned(),
        BackendState::Ended(exit) => format!("ended, {}", exit.status),
    };
    Row {
        name: member.name().to_owned(),
        port: member.port(),
        in_dns,
        family,
        rate: member.rate(),
        calls: total.calls,
        opened: total.accepts,
        closed: total.closes,
        state,
    }
}

/// Returns the lines of the table, the head first.
pub(crate) fn lines(rows: &[Row]) -> Vec<String> {
    let head = format!(
        "{:<8} {:>6}  {:<6}  {:<6}  {:>7}  {:>7}  {:>6}  {:>6}  {}",
        "backend", "port", "in DNS", "family", "calls/s", "calls", "opened", "closed", "state"
    );
    let row = |row: &Row| {
        format!(
            "{:<8} {:>6}  {:<6}  {:<6}  {:>7.1}  {:>7}  {:>6}  {:>6}  {}",
            row.name,
            row.port,
            if row.in_dns { "yes" } else { "no" },
            row.family,
            row.rate,
            row.calls,
            row.opened,
            row.closed,
            row.state,
        )
    };
    std::iter::once(head).chain(rows.iter().map(row)).collect()
}

/// Returns one line about the backends that have not ended.
pub(crate) fn line(rows: &[Row]) -> String {
    let part = |row: &Row| format!("{} {} {:.0}/s", row.name, row.family, row.rate);
    let parts: Vec<String> = rows
        .iter()
        .filter(|row| !row.state.starts_with("ended"))
        .map(part)
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_rows() -> [Row; 2] {
        let a = Row {
            name: "a".to_owned(),
            port: 40001,
            in_dns: true,
            family: "IPv6",
            rate: 99.96,
            calls: 12_345,
            opened: 1,
            closed: 0,
            state: "serving".to_owned(),
        };
        let b = Row {
            name: "b".to_owned(),
            port: 40002,
            in_dns: false,
            family: "-",
            rate: 0.0,
            closed: 1,
            state: "ended, exit status: 0".to_owned(),
            ..a.clone()
        };
        [a, b]
    }

    #[test]
    fn columns_line_up() {
        assert_eq!(
            lines(&some_rows()).join("\n"),
            "\
backend    port  in DNS  family  calls/s    calls  opened  closed  state
a         40001  yes     IPv6      100.0    12345       1       0  serving
b         40002  no      -           0.0    12345       1       1  ended, exit status: 0"
        );
    }

    #[test]
    fn one_line_leaves_out_who_has_ended() {
        assert_eq!(line(&some_rows()), "a IPv6 100/s");
    }
}
