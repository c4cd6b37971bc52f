//! Channels in virtual time over a simulated network: the same run each time, and no waiting.

mod answers;
mod chaos;
mod deadlines;
mod faults;
mod raw;
mod replays;
mod runtimes;
mod streams;
mod world;
