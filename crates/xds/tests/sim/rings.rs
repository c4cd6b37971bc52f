//! 3.2.10, 3.4.2, 4.4, 4.5: ring_hash of a cluster, as grpc-go's end-to-end tests use it. The ring is that of
//! all gRPC clients: an endpoint has the hashes of its key, or of its first address, with `_0`, `_1`, ..

mod ring_mesh;

mod entries;
mod failures;
