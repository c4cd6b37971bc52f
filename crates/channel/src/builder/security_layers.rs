//! What chooses the transport security of each connection, and what is around it.

use std::any::type_name;
use std::sync::Arc;

use trunkline_connector::Connector;
use trunkline_runtime::Runtime;

use crate::error::{BuildError, BuildErrorKind};
use crate::security_layer::SecurityLayer;

/// The security layers of a channel.
#[derive(Default)]
pub(super) struct SecurityLayers {
    choosing: Vec<Named>,
    /// Those that choose no security, the inner ones first.
    around: Vec<Named>,
}

struct Named {
    /// The name of its type, for errors.
    name: &'static str,
    layer: Box<dyn SecurityLayer>,
}

impl SecurityLayers {
    /// Adds a layer.
    pub(super) fn add<L: SecurityLayer + 'static>(&mut self, layer: L) {
        let list = match layer.chooses_security() {
            true => &mut self.choosing,
            false => &mut self.around,
        };
        list.push(Named {
            name: type_name::<L>(),
            layer: Box::new(layer),
        });
    }

    /// Returns whether a connection can have another security than the channel's own.
    ///
    /// # Errors
    ///
    /// When more than one layer chooses.
    pub(super) fn choose_security(&self) -> Result<bool, BuildError> {
        match &self.choosing[..] {
            [] => Ok(false),
            [_] => Ok(true),
            [first, second, ..] => {
                let (first, second) = (first.name, second.name);
                let text = format!(
                    "the security layers `{first}` and `{second}` both choose the transport security \
                     of connections: drop one of them (`.security_layer(..)`, or the option of the \
                     extension that adds it)"
                );
                Err(BuildError::new(BuildErrorKind::Conflict, text))
            }
        }
    }

    /// Returns the connector of the channel.
    pub(super) fn protect(
        &self,
        plain: &Arc<dyn Connector>,
        fallback: Arc<dyn Connector>,
        runtime: &Arc<dyn Runtime>,
    ) -> Arc<dyn Connector> {
        let layers = self.choosing.iter().chain(&self.around);
        layers.fold(fallback, |inner, named| {
            named.layer.protect(Arc::clone(plain), inner, runtime)
        })
    }
}
