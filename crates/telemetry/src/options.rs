//! What is measured, and how much is told apart.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::instrument::Instrument;
use crate::instruments;
use crate::label::LabelKey;

/// The methods of a channel that have series of their own unless the application sets another
/// number.
const MAX_METHODS: usize = 512;

/// What the metrics of a channel measure.
///
/// # Examples
///
/// ```
/// use trunkline_telemetry::{LabelKey, MetricsOptions, instruments};
///
/// let options = MetricsOptions::default()
///     .with_instrument(&instruments::CALL_RETRIES)
///     .with_instrument(&instruments::DISCONNECTIONS)
///     .without_instrument(&instruments::ATTEMPT_SENT)
///     .with_optional_label(LabelKey::DISCONNECT_ERROR);
/// assert!(options.records(&instruments::CALL_RETRIES));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MetricsOptions {
    /// The instruments that are recorded. Default: those of [`instruments::ALL`] that are
    /// [default](Instrument::is_default).
    pub instruments: Vec<&'static Instrument>,
    /// The optional labels that series have, where their instrument knows them. Default: none.
    pub optional_labels: Vec<LabelKey>,
    /// The methods that are told apart. Default: all, up to [`max_methods`](Self::max_methods).
    pub methods: Methods,
    /// The most methods of one channel that have series of their own; the calls of all further ones
    /// have the method `other`. Default: 512.
    pub max_methods: usize,
    /// Decides for a target whether it is a label as it is; if not, it is `other`. Default: `None`,
    /// which keeps all targets.
    pub target_filter: Option<NameFilter>,
}

/// Which methods are told apart by the label `grpc.method`. All others are `other`.
///
/// A method is written without the leading slash: `package.Service/Method`.
///
/// Source: [gRFC A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md), `grpc.method`.
/// Stubs of tonic do not register their methods, so the default differs from that of the gRFC.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Methods {
    /// All.
    #[default]
    All,
    /// Those of this list.
    Listed(Arc<BTreeSet<String>>),
    /// Those that the filter accepts.
    Filter(NameFilter),
}

/// A function that decides whether a name is a label as it is.
#[derive(Clone)]
pub struct NameFilter(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl Default for MetricsOptions {
    fn default() -> Self {
        let all = instruments::ALL.iter().copied();
        Self {
            instruments: all.filter(|instrument| instrument.is_default).collect(),
            optional_labels: Vec::new(),
            methods: Methods::All,
            max_methods: MAX_METHODS,
            target_filter: None,
        }
    }
}

impl MetricsOptions {
    /// Adds an instrument to those that are recorded.
    #[must_use]
    pub fn with_instrument(mut self, instrument: &'static Instrument) -> Self {
        if !self.records(instrument) {
            self.instruments.push(instrument);
        }
        self
    }

    /// Records all [instruments](instruments::ALL).
    #[must_use]
    pub fn with_all_instruments(mut self) -> Self {
        self.instruments = instruments::ALL.to_vec();
        self
    }

    /// Removes an instrument from those that are recorded.
    #[must_use]
    pub fn without_instrument(mut self, instrument: &'static Instrument) -> Self {
        self.instruments.retain(|own| own.name != instrument.name);
        self
    }

    /// Adds an optional label to all series whose instrument knows it.
    #[must_use]
    pub fn with_optional_label(mut self, label: LabelKey) -> Self {
        if !self.optional_labels.contains(&label) {
            self.optional_labels.push(label);
        }
        self
    }

    /// Tells only these methods apart, each as `package.Service/Method`, with or without a leading
    /// slash.
    #[must_use]
    pub fn with_methods<T: AsRef<str>>(mut self, methods: impl IntoIterator<Item = T>) -> Self {
        let methods = methods.into_iter();
        let methods = methods.map(|method| without_slash(method.as_ref()).to_owned());
        self.methods = Methods::Listed(Arc::new(methods.collect()));
        self
    }

    /// Tells only the methods apart that `filter` accepts. It gets each as
    /// `package.Service/Method`, on the path of a call, so it must be fast.
    #[must_use]
    pub fn with_method_filter(
        mut self,
        filter: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.methods = Methods::Filter(NameFilter::new(filter));
        self
    }

    /// Sets the most methods of one channel that are told apart.
    #[must_use]
    pub fn with_max_methods(mut self, methods: usize) -> Self {
        self.max_methods = methods;
        self
    }

    /// Sets which targets are labels as they are, such as those without an IP address.
    #[must_use]
    pub fn with_target_filter(
        mut self,
        filter: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.target_filter = Some(NameFilter::new(filter));
        self
    }

    /// Returns whether an instrument is recorded.
    #[must_use]
    pub fn records(&self, instrument: &Instrument) -> bool {
        let mut own = self.instruments.iter();
        own.any(|own| own.name == instrument.name)
    }
}

impl Methods {
    /// Returns whether a method, without its leading slash, is told apart.
    pub(crate) fn accepts(&self, method: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(methods) => methods.contains(method),
            Self::Filter(filter) => filter.accepts(method),
        }
    }
}

impl NameFilter {
    /// Returns a filter that accepts the names for which `filter` returns true.
    pub fn new(filter: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(filter))
    }

    /// Returns whether the name is a label as it is.
    #[must_use]
    pub fn accepts(&self, name: &str) -> bool {
        (self.0)(name)
    }
}

impl fmt::Debug for NameFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameFilter").finish_non_exhaustive()
    }
}

/// Returns the method of a path: `package.Service/Method`.
pub(crate) fn without_slash(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}
