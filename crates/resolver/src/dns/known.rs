//! The known addresses of one host.

use trunkline_dns::{Families, IpFamily, ScopedIp};

use super::options::AddressFamilies;

/// The known addresses of one host, by family. A family is `None` while it is unknown, and empty when
/// the host has no address of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KnownAddresses {
    v4: Option<Vec<ScopedIp>>,
    v6: Option<Vec<ScopedIp>>,
}

impl KnownAddresses {
    /// Returns the addresses in an answer. The families in `asked` become known, except `missing`.
    pub(super) fn from_answer(
        addresses: &[ScopedIp],
        asked: Families,
        missing: Option<IpFamily>,
    ) -> Self {
        let mut known = Self::default();
        for family in asked.iter().filter(|family| Some(*family) != missing) {
            let its = addresses
                .iter()
                .filter(|address| address.family() == family);
            known.set(family, its.copied().collect());
        }
        known
    }

    /// Replaces the addresses of one family.
    pub(super) fn set(&mut self, family: IpFamily, addresses: Vec<ScopedIp>) {
        *self.of(family) = Some(addresses);
    }

    /// Replaces each family that is known in `newer`, and keeps the others.
    pub(super) fn merge(&mut self, newer: Self) {
        for (old, new) in [(&mut self.v4, newer.v4), (&mut self.v6, newer.v6)] {
            if new.is_some() {
                *old = new;
            }
        }
    }

    /// Returns whether there is no address.
    pub(super) fn is_empty(&self) -> bool {
        self.each().next().is_none()
    }

    /// Returns the addresses of both families.
    pub(super) fn all(&self) -> Vec<ScopedIp> {
        self.each().copied().collect()
    }

    /// Returns the addresses of the families to use.
    pub(super) fn chosen(&self, families: AddressFamilies) -> Vec<ScopedIp> {
        let preferred = match families {
            AddressFamilies::PreferIpv4 => &self.v4,
            AddressFamilies::PreferIpv6 => &self.v6,
            _ => &None,
        };
        match preferred {
            Some(addresses) if !addresses.is_empty() => addresses.clone(),
            _ => self.all(),
        }
    }

    fn each(&self) -> impl Iterator<Item = &ScopedIp> {
        self.v4.iter().chain(&self.v6).flatten()
    }

    fn of(&mut self, family: IpFamily) -> &mut Option<Vec<ScopedIp>> {
        match family {
            IpFamily::Ipv4 => &mut self.v4,
            IpFamily::Ipv6 => &mut self.v6,
        }
    }
}
