//! Telemetry of channels in the simulator, as the SDK of OpenTelemetry exports it.

mod propagation;
