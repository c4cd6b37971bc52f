//! Runs a check on all runtimes at the same time.

use std::thread;

use crate::clients::NamedRuntime;
use crate::wrong::Wrong;

/// Runs `check` on all runtimes at the same time, and prints the lines that it returns.
pub(super) fn on_each(
    runtimes: &[NamedRuntime; 3],
    check: fn(&NamedRuntime) -> Result<Vec<String>, Wrong>,
) -> Result<(), Wrong> {
    thread::scope(|scope| {
        let started = runtimes.each_ref().map(|on| {
            let ended = scope.spawn(move || check(on));
            (on.name, ended)
        });
        let mut result = Ok(());
        for (name, ended) in started {
            let ended = ended.join();
            let found = ended.unwrap_or_else(|_| Err("it panicked".into()));
            match found {
                Ok(lines) => lines.iter().for_each(|line| println!("{name}: {line}")),
                Err(wrong) => result = result.and(Err(format!("on {name}: {wrong}").into())),
            }
        }
        result
    })
}
