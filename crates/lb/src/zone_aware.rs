//! `zone_aware`: prefers the endpoints of the own zone.

mod config;
mod factory;
mod policy;
mod ready;
mod share;

pub use self::config::ZoneAwareConfig;
pub use self::factory::ZoneAwareFactory;
pub use self::policy::ZoneAware;
