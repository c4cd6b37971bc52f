//! Extensions of channels: several options that belong together.

use super::ChannelBuilder;

/// Options of a channel that belong together, such as a scheme with the policies that it needs.
///
/// # Examples
///
/// ```
/// use trunkline_channel::{Channel, ChannelBuilder, ChannelExtension};
///
/// /// How all channels of a program are.
/// struct House;
///
/// impl ChannelExtension for House {
///     fn extend(self, builder: ChannelBuilder) -> ChannelBuilder {
///         builder.plaintext().user_agent("orders/1.2").wait_for_ready(true)
///     }
/// }
///
/// let channel = Channel::builder("dns:///carts:50051").with(House);
/// # let channel = channel.runtime(trunkline_sim::Sim::new(1).runtime());
/// let channel = channel.build()?;
/// # Ok::<(), trunkline_channel::BuildError>(())
/// ```
pub trait ChannelExtension {
    /// Sets its options.
    fn extend(self, builder: ChannelBuilder) -> ChannelBuilder;
}

impl ChannelBuilder {
    /// Sets the options of an extension. They count as if they were set here one by one.
    pub fn with(self, extension: impl ChannelExtension) -> Self {
        extension.extend(self)
    }
}
