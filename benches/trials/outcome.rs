//! How the calls of a client ended.

use std::collections::BTreeMap;

use trunkline_testkit::load::LoadOutcome;

/// The results of the calls of one kind, each with its number of calls: a code, and after a colon
/// its text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome(BTreeMap<String, u64>);

/// The result of calls that were answered.
pub(crate) const OK: &str = "Ok";

impl Outcome {
    pub(crate) fn add(&mut self, result: &str, calls: u64) {
        *self.0.entry(result.to_owned()).or_default() += calls;
    }

    /// Adds the results of other calls.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (result, calls) in &other.0 {
            self.add(result, *calls);
        }
    }

    /// Returns the number of calls with this code.
    pub(crate) fn of(&self, code: &str) -> u64 {
        let results = self.0.iter();
        let with_code = results.filter(|(result, _)| code_of(result) == code);
        with_code.map(|(_, calls)| calls).sum()
    }

    /// Returns the number of calls.
    pub(crate) fn all(&self) -> u64 {
        self.0.values().sum()
    }

    /// Returns the codes with their numbers of calls, as text.
    pub(crate) fn codes(&self) -> String {
        let mut codes = BTreeMap::<&str, u64>::new();
        for (result, calls) in &self.0 {
            *codes.entry(code_of(result)).or_default() += calls;
        }
        let texts: Vec<String> = codes
            .into_iter()
            .map(|(code, calls)| format!("{calls} {code}"))
            .collect();
        texts.join(", ")
    }

    /// Returns the results that are failures, the most frequent first.
    pub(crate) fn failures(&self) -> Vec<(&str, u64)> {
        let results = self.0.iter().map(|(result, calls)| (&**result, *calls));
        let mut failures: Vec<_> = results.filter(|(result, _)| *result != OK).collect();
        failures.sort_by_key(|(_, calls)| std::cmp::Reverse(*calls));
        failures
    }

    /// Prints the results for the parent, each on a line, without control characters.
    pub(crate) fn print(&self, kind: &str) {
        for (result, calls) in &self.0 {
            let result = result.replace(char::is_control, " ");
            println!("{kind}\t{calls}\t{result}");
        }
    }
}

fn code_of(result: &str) -> &str {
    result.split(':').next().unwrap_or(result)
}

impl From<LoadOutcome> for Outcome {
    fn from(load: LoadOutcome) -> Self {
        let mut own = Self::default();
        if load.answered > 0 {
            own.add(OK, load.answered);
        }
        if load.in_flight() > 0 {
            own.add("never ended", load.in_flight());
        }
        for (result, calls) in &load.failures {
            own.add(result, *calls);
        }
        own
    }
}

/// The results of a client, by the kind of call.
pub(crate) type Outcomes = BTreeMap<String, Outcome>;

/// The line after the last result.
pub(crate) const END: &str = "end";

/// Adds a line of [`Outcome::print`] to the results; returns false after the last one.
pub(crate) fn parse(line: &str, outcomes: &mut Outcomes) -> bool {
    if line == END {
        return false;
    }
    let words: Vec<&str> = line.splitn(3, '\t').collect();
    let [kind, calls, result] = words[..] else {
        panic!("a client printed {line:?}");
    };
    let calls = calls.parse().expect("a number of calls");
    let outcome = outcomes.entry(kind.to_owned()).or_default();
    outcome.add(result, calls);
    true
}
