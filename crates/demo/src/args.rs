//! Parses the command line.

/// What `--help` prints.
pub(crate) const HELP: &str = "\
usage: cargo xtask demo [--sabotage refresh|fallback|drain] [--runtime async-std|smol|tokio] [--plain]

  --sabotage WHAT   switch a mechanism off; a claim must fail, and the exit status be 1
  --runtime NAME    the runtime of the channel (default: async-std)
  --plain           print plain lines on a terminal too";

/// The options of the demo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) sabotage: Option<Sabotage>,
    pub(crate) runtime: RuntimeName,
    pub(crate) plain: bool,
}

/// A mechanism that the demo switches off, so that a claim must fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// The client asks DNS once and never again.
    Refresh,
    /// The client gets IPv6 addresses only, so there is nothing to fall back to.
    Fallback,
    /// Backends drop all calls and connections at SIGTERM.
    Drain,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RuntimeName {
    #[default]
    AsyncStd,
    Smol,
    Tokio,
}

impl Args {
    /// Parses the arguments after the program's name. Returns `None` for `--help`.
    pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let mut parsed = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let (name, mut value) = match arg.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (arg, None),
            };
            let mut value = |wanted: &str| {
                let given = value.take().or_else(|| args.next());
                given.ok_or_else(|| format!("{name} needs a value: {wanted}"))
            };
            match name.as_str() {
                "--sabotage" => parsed.sabotage = Some(sabotage(&value(SABOTAGES)?)?),
                "--runtime" => parsed.runtime = runtime(&value(RUNTIMES)?)?,
                "--plain" => parsed.plain = true,
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("unknown argument `{name}`")),
            }
        }
        Ok(Some(parsed))
    }
}

const SABOTAGES: &str = "refresh, fallback or drain";
const RUNTIMES: &str = "async-std, smol or tokio";

fn sabotage(text: &str) -> Result<Sabotage, String> {
    match text {
        "refresh" => Ok(Sabotage::Refresh),
        "fallback" => Ok(Sabotage::Fallback),
        "drain" => Ok(Sabotage::Drain),
        _ => Err(format!("--sabotage is {SABOTAGES}, not `{text}`")),
    }
}

fn runtime(text: &str) -> Result<RuntimeName, String> {
    match text {
        "async-std" => Ok(RuntimeName::AsyncStd),
        "smol" => Ok(RuntimeName::Smol),
        "tokio" => Ok(RuntimeName::Tokio),
        _ => Err(format!("--runtime is {RUNTIMES}, not `{text}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: &[&str], expected: Result<Option<Args>, &str>) {
        let parsed = Args::parse(args.iter().map(|&arg| arg.to_owned()));
        assert_eq!(parsed, expected.map_err(str::to_owned), "{args:?}");
    }

    #[test]
    fn arguments() {
        check(&[], Ok(Some(Args::default())));
        check(&["--plain", "--help"], Ok(None));
        let args = Args {
            sabotage: Some(Sabotage::Fallback),
            runtime: RuntimeName::Smol,
            plain: true,
        };
        check(
            &["--sabotage", "fallback", "--runtime=smol", "--plain"],
            Ok(Some(args)),
        );
        check(
            &["--sabotage=fallbck"],
            Err("--sabotage is refresh, fallback or drain, not `fallbck`"),
        );
        check(
            &["--sabotage"],
            Err("--sabotage needs a value: refresh, fallback or drain"),
        );
        check(&["fast"], Err("unknown argument `fast`"));
    }
}
