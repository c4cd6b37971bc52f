//! See [`trunkline_fuzz::trace_context`].
#![cfg_attr(fuzzing, no_main)]
trunkline_fuzz::fuzz!(trunkline_fuzz::trace_context);
