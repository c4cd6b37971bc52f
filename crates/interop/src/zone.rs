//! The zone of the DNS server, which it reads again when the serial has changed.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::wrong::Wrong;

/// The serial is the next word in the file.
const BEFORE_SERIAL: &str = " SOA ns hostmaster ";

/// A zone file that names all servers.
#[derive(Debug)]
pub(crate) struct Zone {
    file: PathBuf,
    /// What comes before and after the serial.
    head: String,
    tail: String,
    serial: u32,
    /// The host that all servers are, relative to the zone.
    host: String,
}

impl Zone {
    /// `name` is that of all servers.
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

    /// Publishes all servers but this one.
    pub(crate) fn without(&mut self, name: &str, address: SocketAddr) -> Result<(), Wrong> {
        let tail = without(&self.tail, &self.host, name, address)
            .map_err(|wrong| format!("{}: {wrong}", self.file.display()))?;
        self.publish(&tail)
    }

    fn publish(&mut self, tail: &str) -> Result<(), Wrong> {
        self.serial += 1;
        let text = format!("{}{BEFORE_SERIAL}{} {tail}", self.head, self.serial);
        // In one step: the server must not read half of it.
        let new = self.file.with_extension("new");
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, &self.file))
            .map_err(|error| format!("cannot write {}: {error}", self.file.display()).into())
    }
}

/// The records but the one A and the one SRV record of `host` that lead to `name`.
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
        let left = without(RECORDS, "all", "go", address).expect("the records are there");
        let rest = "c IN A 127.0.0.3\nall IN A 127.0.0.3\n_grpc._tcp.all IN SRV 0 1 80 c\n";
        assert_eq!(left, format!("go IN A 127.0.0.2\n{rest}"));
        assert!(
            without(&left, "all", "go", address).is_err(),
            "it is gone already"
        );
    }
}
