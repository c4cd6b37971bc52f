//! What a policy shows of itself and of the policies below it.

mod facts;
mod node;

#[cfg(feature = "serde")]
mod texts;

pub use self::facts::{FactValue, Facts};
pub use self::node::{ChildNode, EndpointNode, PolicyNode};
