//! Services that tonic generated, behind simulated addresses, called through a channel.

mod abandoned;
mod ages;
mod bodies;
mod calls;
mod echo;
mod limits;
mod scripts;
mod services;
