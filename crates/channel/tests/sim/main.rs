//! Channels in virtual time over a simulated network: every run is the same, and no test sleeps.

// What the tests share.
mod world;

mod bodies;
mod facts;
mod hand_server;
mod policy;
mod raw;
mod spawning;
mod twice;

// The tests.
mod allocations;
mod answers;
mod attempts;
mod authorities;
mod building;
mod call_timers;
mod chaos;
mod closing;
mod credentials;
mod deadlines;
mod defaults;
mod ends;
mod events;
mod fact_order;
mod faults;
mod header_lists;
mod health;
mod hedged_streams;
mod hedging;
mod idleness;
mod inspection;
mod interests;
mod keepalive;
mod leaks;
mod load_reports;
mod logs;
mod lossy;
mod message_limits;
mod outlier_detection;
mod peers_words;
mod policy_changes;
mod proxies;
mod rejections;
mod replays;
mod resolvers;
mod retries;
mod retry_buffers;
mod ring_hash;
mod runtimes;
mod scaling;
mod services;
mod sharing;
mod streams;
mod tls;
mod traces;
mod watches;
mod zones;
