//! The zone file, which the DNS server reads again after the serial in it has changed.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::wrong::Wrong;

/// The text before the serial in the zone file.
const BEFORE_SERIAL: &str = " SOA ns hostmaster ";

/// A zone file that names all servers.
#[derive(Debug)]
pub(crate) struct Zone {
    file: PathBuf,
    /// The text before the serial.
    head: String,
    /// The text after the serial, with the records of all servers.
    tail: String,
    serial: u32,
    /// The first label of the name that has the addresses of all servers.
    host: String,
}

impl Zone {
    /// Reads a zone file; `name` is the name that has the addresses of all servers.
    pub(crate) fn read(file: PathBuf, name: &str) -> Result<Self, Wrong> {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let parts = text.split_once(BEFORE_SERIAL).and_then(|(head, rest)| {
            let (serial, tail) = rest.split_once(' ')?;
            Some((head.to_owned(), serial.parse().ok()?, tail.to_owned()))
        });
        let (head, serial, tail) = parts
            .ok_or_else(|| format!("{}: no serial after `{BEFORE_SERIAL}`", file.display()))?;
        Ok(Self {
            file,
            head,
            tail,
            serial,
            host: name.split('.').next().unwrap_or_default().to_owned(),
        })
    }

    /// Publishes all servers.
    pub(crate) fn with_all(&mut self) -> Result<(), Wrong> {
        self.publish(&self.tail.clone())
    }

    /// Publishes all servers except this one.
    pub(crate) fn without(&mut self, name: &str, address: SocketAddr) -> Result<(), Wrong> {
        let tail = without(&self.tail, &self.host, name, address)
            .map_err(|wrong| format!("{}: {wrong}", self.file.display()))?;
        self.publish(&tail)
    }

    /// Writes the zone file with these records and the next serial.
    fn publish(&mut self, tail: &str) -> Result<(), Wrong> {
        self.serial += 1;
        let text = format!("{}{BEFORE_SERIAL}{} {tail}", self.head, self.serial);
        // A rename is atomic, so the server never reads a file that is half written.
        let new = self.file.with_extension("new");
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, &self.file))
            .map_err(|error| format!("cannot write {}: {error}", self.file.display()).into())
    }
}

/// Returns the records without the A record of `host` with this address, and without the SRV record of
/// `host` whose target is `name`.
///
/// # Errors
///
/// When there is not exactly one of each.
fn without(records: &str, host: &str, name: &str, address: SocketAddr) -> Result<String, Wrong> {
    let its_address = format!("{host} IN A {}", address.ip());
    let (service, target) = (format!("_grpc._tcp.{host} IN SRV "), format!(" {name}"));
    let (gone, left): (Vec<&str>, Vec<&str>) = records.lines().partition(|line| {
        *line == its_address || (line.starts_with(&service) && line.ends_with(&target))
    });
    if gone.len() != 2 {
        return Err(format!("{host} has not one A and one SRV record for {name}: {gone:?}").into());
    }
    Ok(left.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: &str = "go IN A 127.0.0.2\nall IN A 127.0.0.2\n_grpc._tcp.all IN SRV 0 1 80 go\n\
                           c IN A 127.0.0.3\nall IN A 127.0.0.3\n_grpc._tcp.all IN SRV 0 1 80 c\n";

    #[test]
    fn one_server_is_left_out() {
        let address = SocketAddr::from(([127, 0, 0, 2], 80));
        let left = without(RECORDS, "all", "go", address).expect("one A and one SRV record");
        let rest = "c IN A 127.0.0.3\nall IN A 127.0.0.3\n_grpc._tcp.all IN SRV 0 1 80 c\n";
        assert_eq!(left, format!("go IN A 127.0.0.2\n{rest}"));
        assert!(
            without(&left, "all", "go", address).is_err(),
            "the records are already removed"
        );
    }
}
