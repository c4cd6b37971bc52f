//! See [`trunkline_fuzz::dns_udp`].
#![cfg_attr(fuzzing, no_main)]
trunkline_fuzz::fuzz!(trunkline_fuzz::dns_udp);
