//! The nodes of a tree of policies.

use std::borrow::Cow;

use trunkline_endpoint::{Address, Endpoint, Location, ShortList};

use super::facts::{FactValue, Facts};
use crate::connectivity::ConnectivityState;
use crate::subchannel::SubchannelId;

/// What a policy shows of itself and of the policies below it ([`Policy::inspect`](crate::Policy)).
///
/// It is plain data, for people and tools. With the feature `serde` it can be serialized and
/// deserialized; empty lists are left out.
///
/// A node has one entry for each endpoint, and so has the tree where the policies above the lowest one
/// list only what is special: a tree over 10,000 endpoints costs about a millisecond.
///
/// ```
/// use trunkline_lb::testing::FakeChannel;
/// use trunkline_lb::{EndpointNode, Policy, PolicyNode, PolicyOptions, RoundRobin};
/// use trunkline_lb::ConnectivityState::{Connecting, Ready};
///
/// let mut channel = FakeChannel::new(RoundRobin::new(&PolicyOptions::new(1)));
/// channel.update("192.0.2.1:443").expect("the policy accepts the list");
/// channel.ready("192.0.2.1:443");
///
/// let node = channel.policy.inspect(channel.now);
/// assert_eq!((&*node.policy, node.state), ("round_robin", Ready));
/// assert_eq!(node.endpoints[0].addresses[0].to_string(), "192.0.2.1:443");
/// assert_eq!(node.endpoints[0].subchannels, [channel.id("192.0.2.1:443")]);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PolicyNode {
    /// The name of the policy in a service config, such as `round_robin`.
    pub policy: Cow<'static, str>,
    /// The state that the policy published last; `CONNECTING` before the first one.
    pub state: ConnectivityState,
    /// What else the policy knows.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Facts::is_empty")
    )]
    pub facts: Facts,
    /// The policies below this one. They do not include those that a policy runs for each endpoint.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Vec::is_empty")
    )]
    pub children: Vec<ChildNode>,
    /// The endpoints that this policy chooses among, in its order; where a policy below chooses, those
    /// of which this policy knows something special.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Vec::is_empty")
    )]
    pub endpoints: Vec<EndpointNode>,
    /// The policy that connects beside this one, to take over from it.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub pending: Option<Box<Self>>,
}

/// One of the policies below another one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ChildNode {
    /// The name of the child; `child` where there is no other.
    pub name: Cow<'static, str>,
    /// What the policy above knows of it: its weight, for example.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Facts::is_empty")
    )]
    pub facts: Facts,
    /// What the child shows of itself.
    pub node: PolicyNode,
}

/// An endpoint, as its policy sees it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EndpointNode {
    /// Its addresses, in the order to try them; in JSON as they print.
    #[cfg_attr(feature = "serde", serde(with = "super::texts"))]
    pub addresses: ShortList<Location>,
    /// Its state. A failure lasts until it is ready, also while it connects again. An ejected endpoint
    /// counts as failing.
    pub state: ConnectivityState,
    /// Its subchannels, sorted; in JSON as they print.
    #[cfg_attr(
        feature = "serde",
        serde(
            default,
            skip_serializing_if = "<[SubchannelId]>::is_empty",
            with = "super::texts"
        )
    )]
    pub subchannels: ShortList<SubchannelId>,
    /// What else the policy knows of it: its weight, for example.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Facts::is_empty")
    )]
    pub facts: Facts,
    /// The policy that runs for this endpoint, unless it is a pick_first, whose facts are in
    /// [`facts`](Self::facts).
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub policy: Option<Box<PolicyNode>>,
}

impl PolicyNode {
    /// Creates a node with this name and state, and nothing else.
    #[must_use]
    pub fn new(policy: impl Into<Cow<'static, str>>, state: ConnectivityState) -> Self {
        Self {
            policy: policy.into(),
            state,
            facts: Facts::new(),
            children: Vec::new(),
            endpoints: Vec::new(),
            pending: None,
        }
    }

    /// Iterates over this node and all nodes below it, also those of single endpoints and pending ones.
    /// A node comes before those below it.
    pub fn iter(&self) -> impl Iterator<Item = &Self> {
        let mut stack = vec![self];
        std::iter::from_fn(move || {
            let node = stack.pop()?;
            let endpoints = node.endpoints.iter().rev();
            stack.extend(endpoints.filter_map(|endpoint| endpoint.policy.as_deref()));
            stack.extend(node.pending.as_deref());
            stack.extend(node.children.iter().rev().map(|child| &child.node));
            Some(node)
        })
    }

    /// Iterates over the subchannels of all endpoints in the tree. One that is in two nodes comes
    /// twice.
    pub fn subchannels(&self) -> impl Iterator<Item = SubchannelId> {
        let endpoints = self.iter().flat_map(|node| &node.endpoints);
        endpoints.flat_map(|endpoint| endpoint.subchannels.iter().copied())
    }

    /// Replaces each subchannel of the endpoints in the tree by what `rename` returns for it. A channel that
    /// shares subchannels replaces the ids that policies have by those of the subchannels.
    ///
    /// The subchannels of an endpoint are in the order of the new ids.
    ///
    /// # Examples
    ///
    /// ```
    /// use trunkline_lb::testing::FakeChannel;
    /// use trunkline_lb::{Policy, PolicyOptions, RoundRobin, SubchannelId};
    ///
    /// let mut channel = FakeChannel::new(RoundRobin::new(&PolicyOptions::new(1)));
    /// channel.update("192.0.2.1:443").expect("a list");
    /// let mut node = channel.policy.inspect(channel.now);
    /// let shown: SubchannelId = "#7.0".parse().expect("an id");
    /// node.rename_subchannels(&|_| shown);
    /// assert!(node.subchannels().eq([shown]));
    /// ```
    pub fn rename_subchannels(&mut self, rename: &impl Fn(SubchannelId) -> SubchannelId) {
        for child in &mut self.children {
            child.node.rename_subchannels(rename);
        }
        if let Some(pending) = &mut self.pending {
            pending.rename_subchannels(rename);
        }
        for endpoint in &mut self.endpoints {
            for id in endpoint.subchannels.as_mut_slice() {
                *id = rename(*id);
            }
            endpoint.subchannels.as_mut_slice().sort_unstable();
            if let Some(policy) = &mut endpoint.policy {
                policy.rename_subchannels(rename);
            }
        }
    }

    /// Adds a fact. An earlier value of the same name is replaced.
    #[must_use]
    pub fn with_fact(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<FactValue>,
    ) -> Self {
        self.facts.insert(name, value);
        self
    }

    /// Adds the only child of a policy.
    #[must_use]
    pub fn with_child(mut self, node: Self) -> Self {
        self.children.push(ChildNode::new("child", node));
        self
    }

    /// Sets the children. Default: none.
    #[must_use]
    pub fn with_children(mut self, children: Vec<ChildNode>) -> Self {
        self.children = children;
        self
    }

    /// Sets the endpoints. Default: none.
    #[must_use]
    pub fn with_endpoints(mut self, endpoints: Vec<EndpointNode>) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// Sets the policy that is to take over from this one. Default: none.
    #[must_use]
    pub fn with_pending(mut self, pending: Option<Self>) -> Self {
        self.pending = pending.map(Box::new);
        self
    }
}

impl ChildNode {
    /// Creates a child with this name, of which the policy above knows nothing else.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, node: PolicyNode) -> Self {
        Self {
            name: name.into(),
            facts: Facts::new(),
            node,
        }
    }

    /// Adds a fact. An earlier value of the same name is replaced.
    #[must_use]
    pub fn with_fact(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<FactValue>,
    ) -> Self {
        self.facts.insert(name, value);
        self
    }
}

impl EndpointNode {
    /// Creates an endpoint in this state, without subchannels.
    #[must_use]
    pub fn new(endpoint: &Endpoint, state: ConnectivityState) -> Self {
        Self::of_addresses(endpoint.addresses(), state)
    }

    /// Creates an endpoint with these addresses in this state, without subchannels.
    #[must_use]
    pub fn of_addresses(addresses: &[Address], state: ConnectivityState) -> Self {
        let addresses = addresses.iter().map(Address::location).cloned();
        Self {
            addresses: addresses.collect(),
            state,
            subchannels: ShortList::new(),
            facts: Facts::new(),
            policy: None,
        }
    }

    /// Sets the subchannels. Default: none.
    #[must_use]
    pub fn with_subchannels(mut self, subchannels: impl IntoIterator<Item = SubchannelId>) -> Self {
        self.subchannels = subchannels.into_iter().collect();
        self
    }

    /// Adds a fact. An earlier value of the same name is replaced.
    #[must_use]
    pub fn with_fact(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<FactValue>,
    ) -> Self {
        self.facts.insert(name, value);
        self
    }

    /// Sets the policy that runs for this endpoint. Default: a pick_first.
    #[must_use]
    pub fn with_policy(mut self, policy: PolicyNode) -> Self {
        self.policy = Some(Box::new(policy));
        self
    }
}
