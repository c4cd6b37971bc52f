//! Names of resources, and of the authorities that have them.

// From the ground up: a module uses only those above it.
mod authority_name;
mod encode;
mod error;

mod template;

mod resource_name;

pub use self::authority_name::AuthorityName;
pub use self::error::{NameError, NameErrorKind};
pub use self::resource_name::ResourceName;
pub(crate) use self::template::{encode_for_xdstp, fill};
