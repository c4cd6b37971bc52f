//! One call, all the way.
