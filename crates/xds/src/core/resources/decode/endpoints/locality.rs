//! Reads the endpoints of one locality.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use prost::Message;
use trunkline_xds_proto::envoy::config::endpoint::v3::LocalityLbEndpoints;

use super::address::RawAddress;
use super::build::{Builder, Usable};
use super::metadata::{PROXY, RawMetadata};
use super::reader::RawEndpoint;
use super::weights::Share;
use crate::core::resources::endpoints::LocalityEndpoints;
use crate::core::resources::fault::{Faults, Place};
use crate::core::resources::locality::LocalityName;
use crate::core::wire::{Malformed, fields};

/// A locality without its endpoints, which are read once the weights of its priority are known.
#[derive(Debug)]
pub(super) struct Head<'a> {
    /// The place of the locality among those of the resource.
    pub(super) at: usize,
    pub(super) name: LocalityName,
    pub(super) weight: u32,
    pub(super) priority: u32,
    metadata: RawMetadata<'a>,
    bytes: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads all of a message `LocalityLbEndpoints` but the endpoints. `None` if the locality is not
    /// used: it has no weight, its endpoints are elsewhere, or it has a fault.
    pub(super) fn read(
        bytes: &'a [u8],
        at: usize,
        place: &Place<'_>,
        faults: &mut Faults,
    ) -> Option<Self> {
        let read = read_message(bytes).map_err(|text| faults.add(place, text));
        let (message, metadata) = read.ok()??;
        let weight = message.load_balancing_weight.filter(|&weight| weight > 0)?;
        let Some(locality) = message.locality else {
            faults.add(&place.field("locality"), "no locality");
            return None;
        };
        Some(Self {
            at,
            name: LocalityName {
                region: locality.region.into(),
                zone: locality.zone.into(),
                sub_zone: locality.sub_zone.into(),
            },
            weight,
            priority: message.priority,
            metadata,
            bytes,
        })
    }

    /// Reads the endpoints. `all_weights` is the sum of the weights in the priority; `earlier` is what
    /// the locality had. Adds each address to `addresses`.
    pub(super) fn read_endpoints(
        self,
        all_weights: u64,
        earlier: Option<&LocalityEndpoints>,
        place: &Place<'_>,
        addresses: &mut Addresses,
        faults: &mut Faults,
    ) -> LocalityEndpoints {
        let list = place.field("lb_endpoints");
        let mut usable = Vec::new();
        let proxy = proxy(&self.metadata, place, faults);
        let (mut all, mut sum) = (0, 0_u64);
        let endpoints = fields(self.bytes).filter_map(|field| field.ok().filter(|f| f.number == 2));
        for (index, field) in endpoints.enumerate() {
            let place = list.item(index);
            let raw = match field.bytes().and_then(RawEndpoint::read) {
                Ok(raw) => raw,
                Err(error) => {
                    faults.add(&place, error.to_string());
                    continue;
                }
            };
            if raw.is_named && !raw.has_endpoint {
                continue;
            }
            let at = (self.at, index);
            let Some(endpoint) = validate(&raw, at, &place, addresses, faults) else {
                continue;
            };
            all += 1;
            sum += u64::from(endpoint.weight);
            if raw.is_healthy() {
                usable.push(Usable {
                    proxy: endpoint.proxy.or(proxy),
                    ..endpoint
                });
            }
        }
        if sum > u64::from(u32::MAX) {
            faults.add(
                &list,
                format!("the weights add up to {sum}, more than {}", u32::MAX),
            );
        }

        let share = Share::of(self.weight, all_weights);
        let name = match earlier {
            Some(earlier) if *earlier.name == self.name => Arc::clone(&earlier.name),
            _ => Arc::new(self.name),
        };
        let mut builder = Builder::new(name.to_string().into(), earlier, usable.len());
        for mut endpoint in usable {
            endpoint.weight = Share::of(endpoint.weight, sum).weight_within(share);
            builder.add(&endpoint);
        }
        LocalityEndpoints {
            name,
            weight: self.weight,
            endpoints: builder.finish(),
            all,
        }
    }
}

/// Reads all of a message but the endpoints. `None` if these are elsewhere.
fn read_message(bytes: &[u8]) -> Result<Option<(LocalityLbEndpoints, RawMetadata<'_>)>, String> {
    let text = |error: Malformed| error.to_string();
    let mut rest = Vec::new();
    let mut metadata = RawMetadata::default();
    for field in fields(bytes) {
        let field = field.map_err(text)?;
        match field.number {
            1 | 3 | 5 => rest.extend_from_slice(field.whole),
            // A list of endpoints that comes in resources of its own (LEDS).
            7 | 8 => return Ok(None),
            9 => metadata.read(field.bytes().map_err(text)?).map_err(text)?,
            _ => {}
        }
    }
    let message = LocalityLbEndpoints::decode(&*rest).map_err(|error| error.to_string())?;
    Ok(Some((message, metadata)))
}

/// The addresses of a resource, with the places of their endpoints.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// The address, the index of the locality, the index of the endpoint in it.
    seen: Vec<(SocketAddr, usize, usize)>,
}

impl Addresses {
    /// Adds a fault for each address that occurs again.
    pub(super) fn check(mut self, place: &Place<'_>, faults: &mut Faults) {
        self.seen.sort_unstable();
        let twice = self.seen.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        // In the order of the resource.
        let twice: BTreeSet<_> = twice
            .map(|pair| (pair[1].1, pair[1].2, pair[1].0))
            .collect();
        for (locality, endpoint, address) in twice {
            let locality = place.item(locality);
            let list = locality.field("lb_endpoints");
            faults.add(&list.item(endpoint), format!("{address} appears twice"));
        }
    }
}

/// Checks an endpoint, whose weight is that in the locality.
fn validate<'a>(
    raw: &RawEndpoint<'a>,
    at: (usize, usize),
    place: &Place<'_>,
    addresses: &mut Addresses,
    faults: &mut Faults,
) -> Option<Usable<'a>> {
    let endpoint = place.field("endpoint");
    if !raw.has_endpoint {
        faults.add(&endpoint, "no endpoint");
        return None;
    }
    let address = address_at(raw.address, &endpoint, faults);
    let list = endpoint.field("additional_addresses");
    let additional: Vec<Option<SocketAddr>> = raw
        .additional
        .iter()
        .enumerate()
        .map(|(index, &raw)| address_at(raw, &list.item(index), faults))
        .collect();
    if raw.weight == Some(0) {
        faults.add(&place.field("load_balancing_weight"), "must be above 0");
        return None;
    }
    let proxy = proxy(&raw.metadata, place, faults);
    let address = address?;
    let additional = additional.into_iter().collect::<Option<Vec<_>>>()?;
    let all = std::iter::once(&address).chain(&additional);
    addresses
        .seen
        .extend(all.map(|&address| (address, at.0, at.1)));
    Some(Usable {
        address,
        additional,
        hostname: raw.hostname,
        hash_key: raw.metadata.hash_key,
        proxy,
        weight: raw.weight.unwrap_or(1),
    })
}

/// Returns an address of the endpoint at `place`.
fn address_at(
    raw: Option<RawAddress<'_>>,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<SocketAddr> {
    let hint = "; use a LOGICAL_DNS cluster";
    RawAddress::check(raw, hint, &place.field("address"), faults)
}

/// Returns the proxy that the metadata of an endpoint or a locality name.
fn proxy(metadata: &RawMetadata<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<SocketAddr> {
    let place = place.field("metadata");
    let place = place.field("typed_filter_metadata");
    RawAddress::check(metadata.proxy?, "", &place.key(PROXY), faults)
}
