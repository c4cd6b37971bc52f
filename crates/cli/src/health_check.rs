//! The health checks that `--health` asks for.

use trunkline::ChannelBuilder;
use trunkline::lb::PolicyRegistry;
use trunkline::service_config::ServiceConfig;

use crate::args::ChannelArgs;
use crate::failure::Failure;

/// The policy that makes no health checks on its own.
///
/// Source: [gRFC A17](https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md).
const PICK_FIRST: &str = "pick_first";

/// The policy of channels that check health, where no other is given.
const ROUND_ROBIN: &str = "round_robin";

impl ChannelArgs {
    /// Returns the policy where a service config names none.
    pub(crate) fn default_policy(&self) -> &'static str {
        if self.health.is_some() {
            ROUND_ROBIN
        } else {
            PICK_FIRST
        }
    }
}

/// Sets the health checks of a channel. They also apply with a service config of the resolver, unless
/// that names a service of its own.
pub(crate) fn configure(
    builder: ChannelBuilder,
    args: &ChannelArgs,
) -> Result<ChannelBuilder, Failure> {
    let Some(service) = &args.health else {
        return Ok(builder);
    };
    // `build` reports a config that cannot be parsed.
    let config = args.service_config.as_deref();
    let config = config.map(|json| ServiceConfig::parse(json, &PolicyRegistry::standard()));
    let config = config.and_then(Result::ok).unwrap_or_default();
    if let Some(other) = config.health_check_service()
        && other != service
    {
        let text = format!(
            "--health asks for the service {service:?}, and the healthCheckConfig of --service-config \
             for {other:?}"
        );
        return Err(conflict(text).suggest(Some("leave --health or the healthCheckConfig out")));
    }
    let named = config.policy().map(|choice| &*choice.name);
    let builder = builder.health_check(service);
    match named.or(args.lb.as_deref()) {
        Some(PICK_FIRST) => {
            let text = "--health has no effect with the policy pick_first, which uses one backend";
            let hint = "give another policy, such as --lb round_robin";
            Err(conflict(text.to_owned()).suggest(Some(hint)))
        }
        Some(_) => Ok(builder),
        None => Ok(builder.load_balancing(ROUND_ROBIN)),
    }
}

fn conflict(text: String) -> Failure {
    Failure::unusable("conflict", text)
}
