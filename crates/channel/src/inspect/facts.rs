//! What the control task collects for an inspection.

use std::time::Instant;

use trunkline_lb::PolicyNode;
use trunkline_resolver::ResolverSchedule;

use crate::core::inspect::{CoreFacts, SubchannelPage};
use crate::inspect::connection::ConnectionFacts;
use crate::inspect::inspection::ChannelLife;
use crate::observer::recent::RecentEvent;

/// What the control task collects for an inspection. No text is made, and long lists are shared.
#[derive(Debug)]
pub(crate) struct ChannelFacts {
    pub(crate) now: Instant,
    pub(crate) life: ChannelLife,
    pub(crate) core: CoreFacts,
    /// When the resolver resolves again; `None` without a resolver.
    pub(crate) schedule: Option<ResolverSchedule>,
    /// The tree of policies, if the inspection shows it.
    pub(crate) policy: Option<PolicyNode>,
    pub(crate) subchannels: SubchannelPage<ConnectionFacts>,
    pub(crate) events: Vec<RecentEvent>,
}
