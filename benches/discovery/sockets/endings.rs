//! What happens to a backend in whose place DNS has another one.

/// What happens to the old backend at the moment of the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nothing.
    None,
    /// Nothing, and all backends close each connection gracefully after [`AGE_SECS`].
    Age,
    /// It closes its connections gracefully, and ends.
    Stopped,
    /// Its process is killed.
    Killed,
    /// Its process stops, and its connections stay open.
    Frozen,
}

/// The limit of the age of a connection, in seconds, where the backends have one.
pub(super) const AGE_SECS: u64 = 30;

/// Every ending, with its name in the tables.
pub(super) const ENDINGS: [(Ending, &str); 5] = [
    (Ending::None, "it works on"),
    (
        Ending::Age,
        "it works on; backends close connections after 30 s",
    ),
    (Ending::Stopped, "it stops gracefully: GOAWAY"),
    (Ending::Killed, "its process is killed"),
    (Ending::Frozen, "its process hangs (SIGSTOP)"),
];
