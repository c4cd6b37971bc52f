#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod facade;

pub use crate::facade::MetricsFacade;
