//! The callbacks of a manual resolver.

use std::fmt;
use std::sync::Arc;

use trunkline_target::Target;

use crate::{ResolverOptions, Verdict};

pub(super) type OnBuild = Arc<dyn Fn(&Target, &ResolverOptions) + Send + Sync>;
pub(super) type OnUpdate = Arc<dyn Fn(&Verdict) + Send + Sync>;
pub(super) type OnEvent = Arc<dyn Fn() + Send + Sync>;

/// The callbacks of a manual resolver. Each is cloned out of the lock before it is called, so it may
/// call the methods of the manual resolver.
#[derive(Default)]
pub(super) struct Callbacks {
    pub(super) build: Option<OnBuild>,
    pub(super) update: Option<OnUpdate>,
    pub(super) resolve_now: Option<OnEvent>,
    pub(super) close: Option<OnEvent>,
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks")
            .field("build", &self.build.is_some())
            .field("update", &self.update.is_some())
            .field("resolve_now", &self.resolve_now.is_some())
            .field("close", &self.close.is_some())
            .finish()
    }
}
