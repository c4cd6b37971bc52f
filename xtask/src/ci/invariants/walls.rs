//! Checks that a core names nothing of the world outside: no runtime, lock, clock, random generator
//! or type of its shell.

use std::collections::BTreeSet;
use std::path::Path;

use super::imports::{Import, imports};
use super::source::{SourceFile, Token, read_crate};
use crate::failure::Failure;

/// A kind of thing that no core may name.
struct Rule {
    /// What is forbidden, as it ends the sentence "a core names no ..".
    kind: &'static str,
    /// The paths that name it; `*` at the end matches any rest of a word.
    names: &'static [&'static str],
}

const RULES: [Rule; 5] = [
    Rule {
        kind: "async runtime",
        names: &[
            "trunkline_runtime",
            "tokio",
            "smol",
            "async_std",
            "async_io",
            "async_channel",
            "async_compat",
            "event_listener",
            "spawn",
        ],
    },
    Rule {
        kind: "lock",
        names: &[
            "Mutex*", "RwLock*", "Condvar", "Barrier", "OnceLock", "LazyLock", "ArcSwap*",
            "arc_swap", "Atomic*", "atomic",
        ],
    },
    Rule {
        kind: "clock",
        names: &["Instant::now", "SystemTime"],
    },
    Rule {
        kind: "random generator",
        names: &["RandomState", "entropy", "fastrand", "getrandom", "rand"],
    },
    Rule {
        kind: "service of the operating system",
        names: &[
            "std::env",
            "std::fs",
            "std::process",
            "std::thread",
            "TcpListener",
            "TcpStream",
            "UnixStream",
        ],
    },
];

/// A crate with a core.
struct WalledCore {
    /// The folder of the crate, under `crates`.
    package: &'static str,
    extent: Extent,
    /// What this core may name nevertheless.
    exceptions: &'static [Exception],
}

/// The part of a crate that is the core. The rest is its shell, which the core does not name.
enum Extent {
    /// Everything: the crate has no shell.
    Whole,
    /// Everything but this module and the root file, which re-exports both.
    AllBut(&'static str),
    /// Only these modules. These crates belong to the shell, too.
    Only(&'static [&'static str], &'static [&'static str]),
}

/// Names that one file of a core may use although a rule forbids them.
struct Exception {
    /// The file, under the crate's `src`.
    file: &'static str,
    /// The names: those of the rules, or paths that begin with one of them.
    names: &'static [&'static str],
}

const CORES: [WalledCore; 11] = [
    core("target", Extent::Whole, &[]),
    core("endpoint", Extent::Whole, &[]),
    core("status", Extent::Whole, &[]),
    core(
        "backoff",
        Extent::Whole,
        // The generator that all cores draw from. Its owner gives the seed.
        &[Exception {
            file: "rng.rs",
            names: &["fastrand"],
        }],
    ),
    core("service-config", Extent::Whole, &[]),
    core("dns", Extent::AllBut("io"), &[]),
    core("connect", Extent::AllBut("io"), &[]),
    core(
        "lb",
        // Except for the test harness, which runs policies in a fake channel.
        Extent::AllBut("testing"),
        // Calls on several threads share a picker, which counts them without a lock.
        &[
            // It knows which thread picks, and how many there are. Its lock is taken twice in the life of a thread.
            Exception {
                file: "per_thread.rs",
                names: &["atomic", "Atomic*", "Mutex*", "OnceLock", "std::thread"],
            },
            counts("least_request/counts.rs"),
            counts("outlier_detection/calls.rs"),
            counts("ring_hash/requests.rs"),
            counts("round_robin/picker.rs"),
            counts("weighted_round_robin/backend_weight.rs"),
            counts("weighted_round_robin/picker.rs"),
            counts("weighted_round_robin/schedule.rs"),
            counts("weighted_turns.rs"),
        ],
    ),
    // The trait, and the pacing that resolvers share. Resolvers themselves may do I/O.
    core(
        "resolver",
        Extent::Only(
            &["error", "verdict", "metrics", "resolver", "pacer"],
            &["trunkline_connector", "trunkline_dns"],
        ),
        &[],
    ),
    core(
        "channel",
        Extent::Only(
            &["core"],
            &[
                "trunkline_transport",
                "trunkline_connector",
                "trunkline_connect",
            ],
        ),
        // Plain data that describes a connection.
        &[
            Exception {
                file: "core/attempts.rs",
                names: &["trunkline_connector::ConnectionInfo"],
            },
            Exception {
                file: "core/connections.rs",
                names: &["trunkline_connector::ConnectionInfo"],
            },
            Exception {
                file: "core/event.rs",
                names: &["trunkline_connector::ConnectionInfo"],
            },
            Exception {
                file: "core/subchannels.rs",
                names: &["trunkline_connector::ConnectionInfo"],
            },
        ],
    ),
    // Its policies too.
    core(
        "xds",
        Extent::AllBut("io"),
        &[
            // The faults of all channels of a process are counted together.
            Exception {
                file: "policies/active_faults.rs",
                names: &["atomic", "Atomic*", "LazyLock"],
            },
            // What is counted over several channels or threads. No call takes a lock but that of its own
            // thread's metrics.
            counts_by_name("policies/counters.rs"),
            counts_by_name("policies/load_store.rs"),
            counts_by_name("policies/load_store/cluster.rs"),
            counts_by_name("policies/load_store/locality.rs"),
        ],
    ),
];

const fn core(
    package: &'static str,
    extent: Extent,
    exceptions: &'static [Exception],
) -> WalledCore {
    WalledCore {
        package,
        extent,
        exceptions,
    }
}

/// Returns the exception of a file whose numbers several threads change.
const fn counts(file: &'static str) -> Exception {
    Exception {
        file,
        names: &["atomic", "Atomic*"],
    }
}

/// Returns the exception of a file whose numbers several threads change, each found by its name under a
/// lock.
const fn counts_by_name(file: &'static str) -> Exception {
    Exception {
        file,
        names: &["atomic", "Atomic*", "Mutex*"],
    }
}

/// Returns a line for each place where a core uses a name that is forbidden to it.
pub(super) fn broken(root: &Path) -> Result<Vec<String>, Failure> {
    let mut broken = Vec::new();
    for core in &CORES {
        let folder = root.join("crates").join(core.package).join("src");
        let sources = read_crate(&folder.join("lib.rs"))?;
        if !sources.iter().any(|source| core.holds(&source.module)) {
            broken.push(format!(
                "the core of {} is not where walls.rs looks for it",
                core.package
            ));
        }
        for found in core.broken(&folder, &sources) {
            let file = &sources[found.source].file;
            let file = file.strip_prefix(root).unwrap_or(file).display();
            broken.push(format!("{file}:{}: {}", found.line, found.what));
        }
    }
    Ok(broken)
}

/// A place where a core uses a name that is forbidden to it.
struct Breach {
    /// Index of the file.
    source: usize,
    line: usize,
    what: String,
}

impl WalledCore {
    /// Returns whether `module` belongs to the core.
    fn holds(&self, module: &[String]) -> bool {
        let top = module.first().map(String::as_str);
        match self.extent {
            Extent::Whole => true,
            Extent::AllBut(shell) => top.is_some_and(|top| top != shell),
            Extent::Only(core, _) => top.is_some_and(|top| core.contains(&top)),
        }
    }

    /// Returns the places in `sources`, a whole crate, where the core uses a forbidden name.
    fn broken(&self, folder: &Path, sources: &[SourceFile]) -> Vec<Breach> {
        let mut broken = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            if !self.holds(&source.module) {
                continue;
            }
            let file = source.file.strip_prefix(folder).unwrap_or(&source.file);
            let excepted: BTreeSet<usize> = self
                .excepted(file)
                .flat_map(|name| places(name, &source.tokens))
                .collect();
            for (kind, name) in self.forbidden() {
                let places = places(name, &source.tokens);
                let wrong = places.filter(|place| !excepted.contains(place));
                broken.extend(wrong.map(|place| Breach {
                    source: index,
                    line: source.tokens[place].line,
                    what: format!("a core names no {kind} (`{name}`)"),
                }));
            }
        }
        let crosses = |import: &&Import| {
            self.holds(&sources[import.from].module) && !self.holds(&sources[import.to].module)
        };
        broken.extend(
            imports(sources)
                .iter()
                .filter(crosses)
                .map(|import| Breach {
                    source: import.from,
                    line: import.line,
                    what: format!("a core names no type of its shell (`{}`)", import.path),
                }),
        );
        broken.sort_by_key(|found| (found.source, found.line));
        broken
    }

    /// Returns the names that the core may not use, each with the kind of thing that it names.
    fn forbidden(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let shell = match self.extent {
            Extent::Only(_, crates) => crates,
            Extent::Whole | Extent::AllBut(_) => &[],
        };
        let shell = shell.iter().map(|name| ("type of its shell", *name));
        let rules = RULES
            .iter()
            .flat_map(|rule| rule.names.iter().map(|name| (rule.kind, *name)));
        rules.chain(shell)
    }

    /// Returns the names that `file` may use nevertheless.
    fn excepted(&self, file: &Path) -> impl Iterator<Item = &'static str> {
        self.exceptions
            .iter()
            .filter(move |exception| Path::new(exception.file) == file)
            .flat_map(|exception| exception.names.iter().copied())
    }
}

/// Returns the indices in `tokens` at which the path `name` begins.
fn places(name: &str, tokens: &[Token]) -> impl Iterator<Item = usize> {
    let words: Vec<&str> = name.split("::").collect();
    let length = 2 * words.len() - 1;
    let is_name = move |window: &[Token]| {
        let mut named = words.iter().zip(window.iter().step_by(2));
        let mut separators = window.iter().skip(1).step_by(2);
        named.all(|(word, token)| matches(word, &token.text))
            && separators.all(|token| token.text == "::")
    };
    let windows = tokens.windows(length).enumerate();
    windows.filter_map(move |(place, window)| is_name(window).then_some(place))
}

/// Returns whether `pattern` matches `word`.
fn matches(pattern: &str, word: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => word == pattern,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Exception, Extent, WalledCore, core};
    use crate::ci::invariants::source::SourceFile;

    /// Puts `files` into a crate and compares what is found, as `file:line: what`.
    fn check(core: &WalledCore, files: &[(&str, &str)], expected: &[&str]) {
        let sources: Vec<SourceFile> = files
            .iter()
            .map(|(file, text)| SourceFile::of_text(file, text))
            .collect();
        let found: Vec<String> = core
            .broken(Path::new(""), &sources)
            .iter()
            .map(|found| format!("{}:{}: {}", files[found.source].0, found.line, found.what))
            .collect();
        assert_eq!(found, expected);
    }

    const WHOLE: WalledCore = core("x", Extent::Whole, &[]);
    const BESIDE_IO: WalledCore = core("x", Extent::AllBut("io"), &[]);
    const ONE_MODULE: WalledCore =
        core("x", Extent::Only(&["core"], &["trunkline_transport"]), &[]);

    #[test]
    fn each_kind_is_found() {
        let text = "
            use trunkline_runtime::Timer;
            fn a() { smol::spawn(async {}); }
            struct B(std::sync::Mutex<u8>, AtomicUsize);
            fn c() -> Instant { std::time::Instant::now() }
            fn d() -> u8 { fastrand::u8(..) }
            fn e() { std::fs::read(\"f\"); }
        ";
        check(
            &WHOLE,
            &[("lib.rs", text)],
            &[
                "lib.rs:2: a core names no async runtime (`trunkline_runtime`)",
                "lib.rs:3: a core names no async runtime (`smol`)",
                "lib.rs:3: a core names no async runtime (`spawn`)",
                "lib.rs:4: a core names no lock (`Mutex*`)",
                "lib.rs:4: a core names no lock (`Atomic*`)",
                "lib.rs:5: a core names no clock (`Instant::now`)",
                "lib.rs:6: a core names no random generator (`fastrand`)",
                "lib.rs:7: a core names no service of the operating system (`std::fs`)",
            ],
        );
    }

    #[test]
    fn comments_texts_and_tests_may_name_anything() {
        let text = "
            //! Wraps tokio in a Mutex.
            /* Instant::now */
            fn a() -> &'static str { \"tokio\" }
            #[cfg(test)]
            mod tests { use std::sync::Mutex; }
        ";
        check(&WHOLE, &[("lib.rs", text)], &[]);
    }

    #[test]
    fn other_names_with_the_same_words_are_allowed() {
        let text = "fn a(now: Instant) { now(); fs::read(); Mutable; spawned }";
        check(&WHOLE, &[("lib.rs", text)], &[]);
    }

    #[test]
    fn an_exception_holds_for_its_file_alone() {
        let excepted: WalledCore = core(
            "x",
            Extent::Whole,
            &[Exception {
                file: "a.rs",
                names: &["Mutex*"],
            }],
        );
        let text = "struct A(Mutex<u8>);";
        check(
            &excepted,
            &[("a.rs", text), ("b.rs", text)],
            &["b.rs:1: a core names no lock (`Mutex*`)"],
        );
    }

    #[test]
    fn an_exception_for_one_type_of_a_crate() {
        let excepted: WalledCore = core(
            "x",
            Extent::Only(&["core"], &["trunkline_transport"]),
            &[Exception {
                file: "core.rs",
                names: &["trunkline_transport::Lost"],
            }],
        );
        let text = "use trunkline_transport::Lost;\nuse trunkline_transport::Call;";
        check(
            &excepted,
            &[("core.rs", text)],
            &["core.rs:2: a core names no type of its shell (`trunkline_transport`)"],
        );
    }

    #[test]
    fn types_of_the_shell_are_found_through_reexports() {
        let files = [
            ("lib.rs", "mod core; mod io; pub use crate::io::Client;"),
            ("core.rs", "mod a; use crate::Client; use self::a::A;"),
            ("core/a.rs", "struct A(super::super::io::Client);"),
            ("io.rs", "pub struct Client(Mutex<u8>, crate::core::A);"),
        ];
        check(
            &BESIDE_IO,
            &files,
            &[
                "core.rs:1: a core names no type of its shell (`crate::Client`)",
                "core/a.rs:1: a core names no type of its shell (`super::super::io::Client`)",
            ],
        );
    }

    #[test]
    fn a_core_that_is_one_module_names_no_other() {
        let files = [
            (
                "lib.rs",
                "mod core; mod event; use event::Event; use core::WalledCore;",
            ),
            (
                "core.rs",
                "use crate::Event; use self::a::A; mod a; use trunkline_transport::Call;",
            ),
            ("core/a.rs", "use super::B; use crate::{core::C, event};"),
            ("event.rs", "pub struct Event;"),
        ];
        check(
            &ONE_MODULE,
            &files,
            &[
                "core.rs:1: a core names no type of its shell (`trunkline_transport`)",
                "core.rs:1: a core names no type of its shell (`crate::Event`)",
                "core/a.rs:1: a core names no type of its shell (`crate::event`)",
            ],
        );
    }
}
