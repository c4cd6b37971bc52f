//! The error that ends the command.

use std::fmt;

use serde_json::{Map, Value, json};

/// The error that ends the command, with exit status 1 or 2.
#[derive(Debug)]
pub(crate) struct Failure(Box<FailureFacts>);

#[derive(Debug)]
struct FailureFacts {
    status: u8,
    /// The fields of the JSON object beside `error`, such as the attempts of a race.
    object: Map<String, Value>,
    kind: String,
    message: String,
    suggestion: Option<String>,
    /// Further fields of `error`.
    fields: Map<String, Value>,
    /// A shorter text for people, used instead of the message when the details have the rest.
    summary: Option<String>,
    /// Lines that are printed below the message, for people.
    details: Vec<String>,
}

impl Failure {
    /// Makes the error of an operation that failed: exit status 1.
    pub(crate) fn operation(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(1, kind.into(), message.into())
    }

    /// Makes the error of a target or option that can never work: exit status 2.
    pub(crate) fn unusable(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(2, kind.into(), message.into())
    }

    fn new(status: u8, kind: String, message: String) -> Self {
        Self(Box::new(FailureFacts {
            status,
            object: Map::new(),
            kind,
            message,
            suggestion: None,
            fields: Map::new(),
            summary: None,
            details: Vec::new(),
        }))
    }

    /// Replaces the `kind` of `error`.
    pub(crate) fn with_kind(mut self, kind: impl Into<String>) -> Self {
        self.0.kind = kind.into();
        self
    }

    /// Sets what the user can do about it.
    pub(crate) fn suggest(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.0.suggestion = suggestion.map(Into::into);
        self
    }

    /// Adds a field to `error`.
    pub(crate) fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the fields of the JSON object beside `error`.
    pub(crate) fn beside(mut self, object: Map<String, Value>) -> Self {
        self.0.object = object;
        self
    }

    /// Sets the shorter text for people.
    pub(crate) fn summary(mut self, summary: impl Into<String>) -> Self {
        self.0.summary = Some(summary.into());
        self
    }

    /// Adds a line for people, below the message.
    pub(crate) fn detail(mut self, line: impl Into<String>) -> Self {
        self.0.details.push(line.into());
        self
    }

    pub(crate) fn exit_status(&self) -> u8 {
        self.0.status
    }

    pub(crate) fn suggestion(&self) -> Option<&str> {
        self.0.suggestion.as_deref()
    }

    pub(crate) fn details(&self) -> &[String] {
        &self.0.details
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut error = self.0.fields.clone();
        error.insert("kind".to_owned(), json!(self.0.kind));
        error.insert("message".to_owned(), json!(self.0.message));
        error.insert("suggestion".to_owned(), json!(self.0.suggestion));
        let mut object = self.0.object.clone();
        object.insert("error".to_owned(), Value::Object(error));
        Value::Object(object)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &self.0;
        f.write_str(facts.summary.as_ref().unwrap_or(&facts.message))
    }
}
