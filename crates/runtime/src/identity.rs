//! The identity of a runtime.

use std::any::{TypeId, type_name};
use std::fmt::{self, Display};

/// Identifies what the tasks, timers and sockets of a [`Runtime`](crate::Runtime) run on.
///
/// Two values of `Runtime` with equal identities are one runtime: a task that one of them spawned can
/// serve the users of the other.
///
/// # Examples
///
/// ```
/// use trunkline_runtime::RuntimeId;
///
/// /// A runtime of which a program can have several.
/// struct Pool;
///
/// let first = RuntimeId::of::<Pool>().with_instance(1);
/// assert_eq!(first, RuntimeId::of::<Pool>().with_instance(1));
/// assert_ne!(first, RuntimeId::of::<Pool>().with_instance(2));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RuntimeId {
    kind: TypeId,
    /// The name of `kind`, for people.
    name: &'static str,
    /// Empty where the process has one instance alone.
    instance: String,
}

impl RuntimeId {
    /// Returns the identity of the only runtime of type `R` in the process.
    #[must_use]
    pub fn of<R: 'static>() -> Self {
        Self {
            kind: TypeId::of::<R>(),
            name: type_name::<R>(),
            instance: String::new(),
        }
    }

    /// Sets which of several runtimes of one type it is: a value that no other one alive has.
    #[must_use]
    pub fn with_instance(mut self, instance: impl Display) -> Self {
        self.instance = instance.to_string();
        self
    }
}

/// Prints the type, and the instance if there are several.
impl fmt::Debug for RuntimeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, instance, .. } = self;
        match instance.as_str() {
            "" => write!(f, "RuntimeId({name})"),
            instance => write!(f, "RuntimeId({name} {instance})"),
        }
    }
}
