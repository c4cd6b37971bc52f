//! What is known of one host.

use trunkline_dns::{Families, Family, ScopedIp};

use super::options::AddressFamilies;

/// The addresses of one host, by family; `None` while nothing is known of a family, empty where it
/// is known to have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KnownAddresses {
    v4: Option<Vec<ScopedIp>>,
    v6: Option<Vec<ScopedIp>>,
}

impl KnownAddresses {
    /// Everything that an answer says about the families that were asked for, but `missing`.
    pub(super) fn from_answer(
        addresses: &[ScopedIp],
        asked: Families,
        missing: Option<Family>,
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

    pub(super) fn set(&mut self, family: Family, addresses: Vec<ScopedIp>) {
        *self.of(family) = Some(addresses);
    }

    /// Takes over what `newer` knows, and keeps what it does not know.
    pub(super) fn merge(&mut self, newer: Self) {
        for (old, new) in [(&mut self.v4, newer.v4), (&mut self.v6, newer.v6)] {
            if new.is_some() {
                *old = new;
            }
        }
    }

    /// Whether there is no address.
    pub(super) fn is_empty(&self) -> bool {
        self.each().next().is_none()
    }

    /// The addresses of both families.
    pub(super) fn all(&self) -> Vec<ScopedIp> {
        self.each().copied().collect()
    }

    /// The addresses of the families to be used.
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

    fn of(&mut self, family: Family) -> &mut Option<Vec<ScopedIp>> {
        match family {
            Family::Ipv4 => &mut self.v4,
            Family::Ipv6 => &mut self.v6,
        }
    }
}
