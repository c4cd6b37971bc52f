//! The clusters that calls do not use any more.

use std::task::{Context, Waker};

use std::sync::Arc;

use trunkline_runtime::Lock;

use crate::core::ClusterReleased;

/// Collects the clusters that are released, on the threads of calls, until the resolver takes them.
#[derive(Debug, Default)]
pub(super) struct Releases {
    content: Lock<Content>,
}

#[derive(Debug, Default)]
struct Content {
    released: Vec<Arc<str>>,
    reader: Option<Waker>,
}

impl Releases {
    /// Returns the clusters that were released. The task of `cx` is woken after the next one.
    pub(super) fn take(&self, cx: &Context<'_>) -> Vec<Arc<str>> {
        let mut content = self.content.lock();
        content.reader = Some(cx.waker().clone());
        std::mem::take(&mut content.released)
    }
}

impl ClusterReleased for Releases {
    fn handle_release(&self, cluster: &Arc<str>) {
        let reader = {
            let mut content = self.content.lock();
            content.released.push(Arc::clone(cluster));
            content.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}
