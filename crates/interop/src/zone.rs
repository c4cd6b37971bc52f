//! The zone of the DNS server, which it reads again when the serial has changed.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::Wrong;

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
        let host = &self.host;
        let its_address = format!("{host} IN A {}", address.ip());
        let (service, target) = (format!("_grpc._tcp.{host} IN SRV "), format!(" {name}"));
        let (gone, left): (Vec<&str>, Vec<&str>) = self.tail.lines().partition(|line| {
            *line == its_address || (line.starts_with(&service) && line.ends_with(&target))
        });
        if gone.len() != 2 {
            let file = self.file.display();
            return Err(format!("{file}: one A and one SRV record of {name}, not {gone:?}").into());
        }
        let tail = left.join("\n") + "\n";
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
