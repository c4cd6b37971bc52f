//! Telemetry of channels in the simulator, as the SDK of OpenTelemetry exports it.

mod metrics;
mod printed;
mod propagation;
mod sampling;
mod traces;
mod world;
