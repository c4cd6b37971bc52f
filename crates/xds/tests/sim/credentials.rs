//! 6: TLS to backends, as their clusters ask for it.

pub(crate) mod secure_mesh;

mod changes;
mod fallback;
mod files;
mod names;
mod server_names;
mod spiffe;
mod system_roots;
