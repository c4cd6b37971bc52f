//! What the command `bench` is asked for, and the files that benchmarks write.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::context::Context;
use crate::failure::Failure;
use crate::metadata::{Package, Target};
use crate::peers;

/// The package with the benchmarks: targets of the kind `bench`.
pub(crate) const PACKAGE: &str = "trunkline-benches";

/// The benchmark that can measure peers from outside of the workspace.
pub(crate) const WITH_PEERS: &str = "rpc";

/// The benchmarks that do not write their figures: what they measure is in `docs/telemetry.md`.
const SILENT: [&str; 2] = ["inspect", "telemetry"];

/// The arguments of benchmarks that choose the size of a run, each with a value. All others choose a part
/// of it, or change what takes part.
const SIZES: [&str; 3] = ["--generations", "--rounds", "--calls"];

/// What the command was asked for.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    /// The benchmark; `None` for all.
    pub(crate) name: Option<String>,
    /// Whether to see only that everything works.
    pub(crate) is_quick: bool,
    /// A file for all figures.
    pub(crate) json: Option<PathBuf>,
    /// Which peers are compared.
    pub(crate) peers: Peers,
    /// Whether the page with the figures is written.
    pub(crate) writes_docs: bool,
    /// Arguments of the benchmark.
    pub(crate) rest: Vec<String>,
}

/// Which peers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peers {
    /// Those of the workspace, and all others whose toolchain is there.
    All,
    /// Those of the workspace.
    Rust,
    /// Only the floor.
    None,
}

impl Options {
    /// Parses the arguments after `bench`. Flags that are unknown here are the benchmark's, so they
    /// need its name.
    pub(crate) fn parse(args: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            name: None,
            is_quick: false,
            json: None,
            peers: Peers::Rust,
            writes_docs: false,
            rest: Vec::new(),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .ok_or_else(|| Failure::usage(format!("`{arg}` needs a value")))
            };
            match arg.as_str() {
                "--quick" => options.is_quick = true,
                "--write-docs" => options.writes_docs = true,
                "--json" => options.json = Some(PathBuf::from(value()?)),
                "--peers" => options.peers = Peers::parse(value()?)?,
                flag if options.name.is_none() && flag.starts_with('-') => {
                    return Err(Failure::usage(format!("unknown argument `{flag}`"))
                        .remedy("name the benchmark before its own arguments"));
                }
                name if options.name.is_none() => options.name = Some(name.to_owned()),
                rest => options.rest.push(rest.to_owned()),
            }
        }
        if options.is_quick && options.writes_docs {
            return Err(Failure::usage("a quick run has no figures for the page")
                .remedy("leave out `--quick` or `--write-docs`"));
        }
        if options.writes_docs
            && let Some(part) = options.part()
        {
            return Err(Failure::usage(format!(
                "`{part}` measures another thing than the page shows"
            ))
            .remedy(format!(
                "leave out `{part}` or `--write-docs`, which takes only {}",
                SIZES.join(", ")
            )));
        }
        let writes = options.writes_docs || options.json.is_some();
        match &options.name {
            Some(name) if writes && is_silent(name) => Err(Failure::usage(format!(
                "`{name}` does not write its figures"
            ))
            .remedy("leave out `--json` and `--write-docs`: it prints them")),
            _ => Ok(options),
        }
    }

    /// Returns the first argument that changes what is measured, and not only the size of the run.
    fn part(&self) -> Option<&str> {
        if self.peers == Peers::None {
            return Some("--peers none");
        }
        let mut rest = self.rest.iter().map(String::as_str);
        while let Some(arg) = rest.next() {
            if !SIZES.contains(&arg) {
                return Some(arg);
            }
            // Its value.
            rest.next();
        }
        None
    }
}

fn is_silent(name: &str) -> bool {
    SILENT.contains(&name)
}

impl Peers {
    fn parse(word: &str) -> Result<Self, Failure> {
        match word {
            "all" => Ok(Self::All),
            "rust" => Ok(Self::Rust),
            "none" => Ok(Self::None),
            _ => {
                Err(Failure::usage(format!("no peers `{word}`"))
                    .remedy("name one of: all, rust, none"))
            }
        }
    }
}

/// Returns all benchmarks.
pub(crate) fn targets(context: &Context) -> Result<Vec<&Target>, Failure> {
    let package = context.metadata()?.member(PACKAGE).into_iter();
    let targets: Vec<&Target> = package
        .flat_map(|package: &Package| &package.targets)
        .filter(|target| target.kind == "bench")
        .collect();
    if targets.is_empty() {
        return Err(Failure::new(format!("{PACKAGE} has no benchmark")));
    }
    Ok(targets)
}

/// Returns whether a benchmark writes its figures.
pub(crate) fn reports(target: &Target) -> bool {
    !is_silent(&target.name)
}

/// Returns the command lines of the peers from outside of the workspace, which speak the protocol of
/// `benches/README.md`.
pub(crate) fn peers(context: &Context) -> Vec<String> {
    peers::command_lines(context)
}

/// Writes the figures of all benchmarks to one file, by name.
pub(crate) fn merge(files: &[PathBuf], to: &Path) -> Result<(), Failure> {
    let mut all = Map::new();
    for file in files {
        let text = fs::read_to_string(file)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))?;
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        let name = value["bench"].as_str().unwrap_or_default().to_owned();
        all.insert(name, value);
    }
    let text = format!("{:#}\n", Value::Object(all));
    fs::write(to, text)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", to.display())))
}

#[cfg(test)]
mod tests {
    use super::{Options, Peers};

    fn parse(line: &str) -> Result<Options, String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&args).map_err(|failure| failure.what)
    }

    #[test]
    fn the_arguments_of_the_command_and_of_the_benchmark() {
        let options = parse("rpc --quick --only TLS --json out.json --peers all --free");
        let expected = Options {
            name: Some("rpc".into()),
            is_quick: true,
            json: Some("out.json".into()),
            peers: Peers::All,
            writes_docs: false,
            rest: ["--only", "TLS", "--free"].map(str::to_owned).into(),
        };
        assert_eq!(options, Ok(expected));
    }

    #[test]
    fn all_benchmarks() {
        let options = parse("--write-docs").expect("good arguments");
        assert_eq!(options.name, None);
        assert!(options.writes_docs && options.rest.is_empty());
    }

    #[test]
    fn bad_arguments() {
        let what = |line| parse(line).expect_err("a bad argument");
        assert_eq!(what("--only TLS"), "unknown argument `--only`");
        assert_eq!(what("rpc --peers some"), "no peers `some`");
        assert_eq!(what("rpc --json"), "`--json` needs a value");
        assert_eq!(
            what("--quick --write-docs"),
            "a quick run has no figures for the page"
        );
        assert_eq!(
            what("inspect --json out.json"),
            "`inspect` does not write its figures"
        );
        assert_eq!(
            what("telemetry --write-docs"),
            "`telemetry` does not write its figures"
        );
    }

    /// A part of a benchmark would take the place of the whole on the page.
    #[test]
    fn only_a_whole_run_writes_the_page() {
        let what = |line| parse(line).expect_err("a part");
        let refused = |arg| format!("`{arg}` measures another thing than the page shows");
        assert_eq!(what("lb --picks --write-docs"), refused("--picks"));
        assert_eq!(what("rpc --write-docs --only TLS"), refused("--only"));
        assert_eq!(
            what("rpc --rounds 3 --telemetry --write-docs"),
            refused("--telemetry")
        );
        assert_eq!(
            what("rpc --peers none --write-docs"),
            refused("--peers none")
        );
        let sizes = "rpc --write-docs --generations 5 --rounds 3 --calls 100";
        assert!(parse(sizes).is_ok());
        assert!(parse("lb --picks --json out.json").is_ok());
    }
}
