//! The count of faults that are under way.

use std::any::Any;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use crate::core::ActiveFaults;

/// Counts the faults that the fault filters of channels have under way.
///
/// Source: [gRFC A33](https://github.com/grpc/proposal/blob/master/A33-Fault-Injection.md).
#[derive(Clone, Debug, Default)]
pub struct FaultCount {
    active: Arc<AtomicU32>,
}

impl FaultCount {
    /// Returns the count of the whole process.
    #[must_use]
    pub fn of_process() -> Self {
        static OF_PROCESS: LazyLock<FaultCount> = LazyLock::new(FaultCount::default);
        OF_PROCESS.clone()
    }
}

/// A fault that is under way.
struct Active(Arc<AtomicU32>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ActiveFaults for FaultCount {
    fn start(&self, most: Option<u32>) -> Option<Arc<dyn Any + Send + Sync>> {
        let most = most.unwrap_or(u32::MAX);
        let next = |active| (active < most).then(|| active + 1);
        let counted = self
            .active
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        counted.ok()?;
        Some(Arc::new(Active(Arc::clone(&self.active))))
    }
}
