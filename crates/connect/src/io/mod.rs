//! The shell: sockets, names and clocks, by way of a [`Runtime`](trunkline_runtime::Runtime).

mod probe;
