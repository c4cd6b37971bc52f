//! The options of a backend.

use std::time::Duration;

/// The options of a backend, which are also its command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The name that it sends in its replies (in the metadata `served-by`); one word.
    pub name: String,
    /// The port; 0, the default, means any port that is free on both addresses.
    pub port: u16,
    /// How long each call takes; zero by default.
    pub work: Duration,
    /// Whether SIGTERM starts a drain, which is the default; otherwise SIGTERM kills.
    pub drain: bool,
    /// Whether it also listens on ::1 if the machine has it, which is the default.
    pub ipv6: bool,
    /// Whether its health service reports SERVING, which is the default; otherwise it reports
    /// NOT_SERVING. It answers calls in both cases.
    pub serving: bool,
}

impl Options {
    /// Returns the default options with this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            port: 0,
            work: Duration::ZERO,
            drain: true,
            ipv6: true,
            serving: true,
        }
    }

    /// Returns the command line for these options.
    pub(super) fn to_args(&self) -> Vec<String> {
        let mut args = vec![
            format!("--name={}", self.name),
            format!("--port={}", self.port),
            format!("--work-ms={}", self.work.as_millis()),
        ];
        if !self.drain {
            args.push("--no-drain".to_owned());
        }
        if !self.ipv6 {
            args.push("--no-ipv6".to_owned());
        }
        if !self.serving {
            args.push("--not-serving".to_owned());
        }
        args
    }

    /// Reads a command line.
    pub(super) fn from_args(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::new("backend");
        for arg in args {
            let number = |text: &str| {
                text.parse()
                    .map_err(|error| format!("{arg}: {error}; a number is wanted"))
            };
            match arg.split_once('=') {
                Some(("--name", name)) => options.name = name.to_owned(),
                Some(("--port", port)) => options.port = number(port)?,
                Some(("--work-ms", ms)) => options.work = Duration::from_millis(number(ms)?.into()),
                None if arg == "--no-drain" => options.drain = false,
                None if arg == "--no-ipv6" => options.ipv6 = false,
                None if arg == "--not-serving" => options.serving = false,
                _ => {
                    return Err(format!(
                        "unknown argument `{arg}`; there are --name=, --port=, --work-ms=, --no-drain, --no-ipv6 and --not-serving"
                    ));
                }
            }
        }
        Ok(options)
    }
}
