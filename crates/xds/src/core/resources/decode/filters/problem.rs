//! Why the configuration of a filter cannot be used.

use crate::core::resources::decode::context::Validation;
use crate::core::resources::fault::Place;

/// Why a configuration cannot be used.
pub(super) struct Problem {
    /// Whether an optional filter is left out for it.
    pub(super) is_unsupported: bool,
    /// The fields of the configuration, from the outside, as one text; empty for all of it.
    field: &'static str,
    text: String,
}

impl Problem {
    pub(super) fn unsupported(text: impl Into<String>) -> Self {
        Self {
            is_unsupported: true,
            field: "",
            text: text.into(),
        }
    }

    pub(super) fn bad(field: &'static str, text: impl Into<String>) -> Self {
        Self {
            is_unsupported: false,
            field,
            text: text.into(),
        }
    }

    pub(super) fn malformed(error: &prost::DecodeError) -> Self {
        Self::bad("", format!("cannot be decoded: {error}"))
    }

    /// Returns the problem, in a field of another message. Only the outer field is named if there is
    /// one inside too.
    pub(super) fn within(mut self, field: &'static str) -> Self {
        if self.field.is_empty() {
            self.field = field;
        }
        self
    }

    /// Adds the problem as a fault.
    pub(super) fn add(self, place: &Place<'_>, validation: &mut Validation<'_>) {
        if self.field.is_empty() {
            validation.add(place, self.text);
        } else {
            validation.add(&place.field(self.field), self.text);
        }
    }
}
