//! See [`trunkline_fuzz::xds_listener`].
#![cfg_attr(fuzzing, no_main)]
trunkline_fuzz::fuzz!(trunkline_fuzz::xds_listener);
