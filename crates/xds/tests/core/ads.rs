//! 2: the transport protocol.

mod driver;

mod absence;
mod costs;
mod errors;
mod fallback;
mod inspection;
mod lessons;
mod reading;
mod requests;
mod responses;
mod seeds;
mod streams;
mod untrusted;
mod watches;
