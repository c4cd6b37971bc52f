//! The series of the methods of a channel, which a call finds without a lock, and once.

use std::sync::Arc;

use crate::grow_only::{Found, GrowOnly, Place};
use crate::label::LabelKey;
use crate::method_series::MethodSeries;
use crate::options::without_slash;
use crate::path_hints::PathHints;
use crate::recorder::{OTHER, Scope};

/// The most pairs of a method and a custom label that have series of their own; the method and the label
/// of all further ones are `other`.
const MAX_CUSTOM: usize = 512;

/// The tag of all methods that have no series of their own. A call without a tag has 0.
const OTHER_METHODS: u64 = 1;

/// The tag of all pairs of a method and a custom label that have no series of their own.
const OTHER_CUSTOM: u64 = 2;

/// The bit that the tag of a method has. The place of its series is in the other bits.
const OF_METHOD: u64 = 1 << 62;

/// The bit that the tag of a method with a custom label has.
const OF_CUSTOM: u64 = 1 << 63;

/// The number of bits of a slot in a tag.
const SLOT_BITS: u32 = 32;

/// The methods of a channel.
///
/// Methods are never removed; [`max_methods`](crate::MetricsOptions::max_methods) bounds them.
#[derive(Debug)]
pub(crate) struct MethodTable {
    scope: Arc<Scope>,
    /// By path, with the leading slash.
    known: GrowOnly<Box<str>, MethodSeries>,
    hints: PathHints,
    other: MethodSeries,
    /// The methods of calls with a custom label; `None` where that label is off.
    custom: Option<Box<CustomMethods>>,
}

/// The methods of calls with a custom label.
///
/// Source: [gRFC A108](https://github.com/grpc/proposal/blob/master/A108-otel-custom-per-call-label.md).
#[derive(Debug)]
struct CustomMethods {
    /// By method and label.
    known: GrowOnly<[Box<str>; 2], MethodSeries>,
    other: MethodSeries,
}

impl MethodTable {
    pub(crate) fn new(scope: Arc<Scope>) -> Self {
        let custom = || CustomMethods {
            known: GrowOnly::new(MAX_CUSTOM),
            other: MethodSeries::new(OTHER, OTHER),
        };
        let has_custom = scope.has_label(LabelKey::CUSTOM);
        Self {
            known: GrowOnly::new(scope.options.max_methods),
            hints: PathHints::new(),
            other: MethodSeries::new(OTHER, ""),
            custom: has_custom.then(|| Box::new(custom())),
            scope,
        }
    }

    /// Returns whether calls are told apart by their custom labels.
    pub(crate) fn has_custom(&self) -> bool {
        self.custom.is_some()
    }

    /// Returns the tag of the method that `path` names, with this custom label, which is empty where the
    /// call has none. [`series`](Self::series) finds the method again by its tag.
    #[inline]
    pub(crate) fn tag(&self, path: &str, label: &str) -> u64 {
        let hinted = self.hints.get(path);
        let hinted = hinted.filter(|tag| self.known.is_at(place_of(*tag), path));
        let tag = hinted.unwrap_or_else(|| self.tag_of_path(path));
        match &self.custom {
            Some(custom) if !label.is_empty() => {
                let is_known = tag != OTHER_METHODS;
                let method = if is_known { without_slash(path) } else { OTHER };
                let found = custom.find(method, label);
                found.map_or(OTHER_CUSTOM, |found| tag_of(found.place) | OF_CUSTOM)
            }
            _ => tag,
        }
    }

    /// Returns the tag of the method of a path that has no hint, and keeps a hint if there is room.
    #[inline(never)]
    fn tag_of_path(&self, path: &str) -> u64 {
        let Some(found) = self.find(path) else {
            return OTHER_METHODS;
        };
        let tag = tag_of(found.place) | OF_METHOD;
        self.hints.keep(path, tag);
        tag
    }

    /// Returns the series of the method with this tag; that of `path` where a call has no tag.
    #[inline]
    pub(crate) fn series(&self, tag: u64, path: &str) -> &MethodSeries {
        if tag & OF_METHOD != 0 {
            return self.known.at(place_of(tag)).unwrap_or(&self.other);
        }
        self.other_series(tag, path)
    }

    #[cold]
    fn other_series(&self, tag: u64, path: &str) -> &MethodSeries {
        if tag == 0 {
            return self.find(path).map_or(&self.other, |found| found.value);
        }
        match &self.custom {
            Some(custom) if tag & OF_CUSTOM != 0 => {
                custom.known.at(place_of(tag)).unwrap_or(&custom.other)
            }
            Some(custom) if tag == OTHER_CUSTOM => &custom.other,
            _ => &self.other,
        }
    }

    fn find(&self, path: &str) -> Option<Found<'_, MethodSeries>> {
        self.known.find_or_add(path, || {
            let method = without_slash(path);
            let is_accepted = self.scope.options.methods.accepts(method);
            is_accepted.then(|| (path.into(), MethodSeries::new(method, "")))
        })
    }
}

impl CustomMethods {
    fn find(&self, method: &str, label: &str) -> Option<Found<'_, MethodSeries>> {
        let pair = [method, label];
        let is = |own: &[Box<str>; 2]| own.iter().map(|text| &**text).eq(pair);
        self.known.find_or_add_by(&pair, is, || {
            Some((pair.map(Box::from), MethodSeries::new(method, label)))
        })
    }
}

fn tag_of(place: Place) -> u64 {
    u64::from(place.part) << SLOT_BITS | u64::from(place.slot)
}

fn place_of(tag: u64) -> Place {
    let part = (tag & !(OF_METHOD | OF_CUSTOM)) >> SLOT_BITS;
    Place {
        part: part as u32,
        slot: tag as u32,
    }
}
