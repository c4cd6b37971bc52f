//! See [`trunkline_fuzz::xds_identity`].
#![cfg_attr(fuzzing, no_main)]
trunkline_fuzz::fuzz!(trunkline_fuzz::xds_identity);
