//! Health checks of connected backends.

mod protocol;

mod checker;

pub(crate) use self::checker::HealthChecker;
