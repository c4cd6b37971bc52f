//! See [`trunkline_fuzz::proxy_answer`].
#![cfg_attr(fuzzing, no_main)]
trunkline_fuzz::fuzz!(trunkline_fuzz::proxy_answer);
