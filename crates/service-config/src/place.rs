//! Places in a JSON value.

use std::fmt::{self, Write};

/// The place of a value inside another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// From the innermost value outwards.
    steps: Vec<Step>,
}

/// One step from a value to a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To a field of an object.
    Field(String),
    /// To an item of an array.
    Item(usize),
}

impl Place {
    /// Adds the step that leads to the outermost value known so far.
    pub(crate) fn push_outer(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub(crate) fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns the place as a JSON pointer.
    ///
    /// Source: [RFC 6901](https://www.rfc-editor.org/rfc/rfc6901).
    pub(crate) fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in self.steps.iter().rev() {
            push_step(&mut pointer, step);
        }
        pointer
    }
}

/// Appends a step to a JSON pointer.
pub(crate) fn push_step(pointer: &mut String, step: &Step) {
    pointer.push('/');
    match step {
        Step::Field(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
        Step::Item(index) => {
            // Writing to a string does not fail.
            let _ = write!(pointer, "{index}");
        }
    }
}

impl fmt::Display for Place {
    /// Prints a path such as `methodConfig[0].timeout`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().rev().enumerate() {
            match step {
                Step::Field(name) if at == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Item(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
