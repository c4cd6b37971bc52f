//! Tests of channelz in a simulation, through the client of its service.

mod world;

mod agreement;
mod concurrent;
mod costs;
mod lives;
mod pages;
mod sockets;
mod unknown;
