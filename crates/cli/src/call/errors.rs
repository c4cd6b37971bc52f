//! The errors of calls, in bounded memory.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The most errors that are kept with their messages, but for the first of each code. Further ones
/// are counted by their code.
const MAX_ERRORS: usize = 50;

/// The most bytes of a message that are kept: a server may send megabytes.
const MAX_MESSAGE: usize = 500;

/// What is printed in place of the messages that are not kept.
const OTHERS: &str = "(other messages)";

/// Counts of errors by code and message. The memory does not grow with the number of calls.
#[derive(Debug, Default)]
pub(super) struct ErrorCounts {
    kept: BTreeMap<(String, String), u64>,
    /// The errors that are not kept, by code.
    others: BTreeMap<String, u64>,
}

impl ErrorCounts {
    pub(super) fn add(&mut self, code: String, message: &str) {
        let key = (code, cut(message));
        if let Some(count) = self.kept.get_mut(&key) {
            *count += 1;
        } else if self.kept.len() < MAX_ERRORS || !self.has_code(&key.0) {
            self.kept.insert(key, 1);
        } else {
            *self.others.entry(key.0).or_insert(0) += 1;
        }
    }

    fn has_code(&self, code: &str) -> bool {
        self.kept.keys().any(|(kept, _)| kept == code)
    }

    /// Returns each code with its messages and their counts. For each code with messages that are
    /// not kept, one entry counts these together.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        let kept = self.kept.iter();
        let others = self.others.iter();
        kept.map(|((code, message), count)| (&**code, &**message, *count))
            .chain(others.map(|(code, count)| (&**code, OTHERS, *count)))
    }

    /// Returns the most frequent of the errors that are kept: its code, its message and its count.
    pub(super) fn most_frequent(&self) -> Option<(&str, &str, u64)> {
        let most = self.kept.iter().max_by_key(|(_, count)| **count);
        most.map(|((code, message), count)| (&**code, &**message, *count))
    }

    pub(super) fn to_json(&self) -> Value {
        self.iter()
            .map(|(code, message, count)| {
                json!({ "code": code, "message": message, "count": count })
            })
            .collect()
    }
}

/// Copies the start of a message.
fn cut(message: &str) -> String {
    if message.len() <= MAX_MESSAGE {
        return message.to_owned();
    }
    let mut end = MAX_MESSAGE;
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many and however long the messages are, few and short ones are kept, and every error
    /// is counted.
    #[test]
    fn memory_is_bounded() {
        let mut errors = ErrorCounts::default();
        let long = "é".repeat(MAX_MESSAGE);
        for id in 0..1000 {
            errors.add("INTERNAL".to_owned(), &format!("request {id}: {long}"));
            errors.add("ABORTED".to_owned(), "conflict");
        }
        let listed: Vec<_> = errors.iter().collect();
        assert_eq!(listed.len(), MAX_ERRORS + 1);
        assert_eq!(listed[0], ("ABORTED", "conflict", 1000));
        assert_eq!(listed[MAX_ERRORS], ("INTERNAL", OTHERS, 951));
        let total: u64 = listed.iter().map(|(_, _, count)| count).sum();
        assert_eq!(total, 2000);
        let longest = listed.iter().map(|(_, message, _)| message.len()).max();
        assert!(longest.is_some_and(|longest| longest <= MAX_MESSAGE + "…".len()));
        let most = errors.most_frequent();
        assert_eq!(most, Some(("ABORTED", "conflict", 1000)));
    }

    /// The first message of a code is kept, however many there are of another.
    #[test]
    fn each_code_has_a_message() {
        let mut errors = ErrorCounts::default();
        for id in 0..100 {
            errors.add("INTERNAL".to_owned(), &id.to_string());
        }
        errors.add("UNAVAILABLE".to_owned(), "refused");
        errors.add("UNAVAILABLE".to_owned(), "reset");
        let mut listed = errors.iter();
        assert!(listed.any(|error| error == ("UNAVAILABLE", "refused", 1)));
        assert!(listed.any(|error| error == ("UNAVAILABLE", OTHERS, 1)));
    }

    /// Messages that differ only after the part that is kept are one.
    #[test]
    fn long_messages_fall_together() {
        let mut errors = ErrorCounts::default();
        let start = "m".repeat(MAX_MESSAGE);
        for id in 0..3 {
            errors.add("INTERNAL".to_owned(), &format!("{start}{id}"));
        }
        assert_eq!(errors.iter().count(), 1);
    }
}
