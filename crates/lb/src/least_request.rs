//! The policy `least_request`.

mod config;
mod counts;
mod factory;
mod picker;
mod policy;

pub use self::config::LeastRequestConfig;
pub use self::factory::LeastRequestFactory;
pub use self::policy::LeastRequest;
