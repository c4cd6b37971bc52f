//! Channels in virtual time over a simulated network: the same run each time, and no waiting.

mod answers;
mod chaos;
mod deadlines;
mod ends;
mod faults;
mod peers_words;
mod policy;
mod raw;
mod replays;
mod runtimes;
mod streams;
mod watches;
mod world;
