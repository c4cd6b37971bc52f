//! See [`trunkline_fuzz::service_config`].
#![cfg_attr(fuzzing, no_main)]
trunkline_fuzz::fuzz!(trunkline_fuzz::service_config);
