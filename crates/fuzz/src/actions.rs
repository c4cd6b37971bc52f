//! Small numbers out of any input.

/// Reads an input octet by octet, and zeros after its end.
#[derive(Debug)]
pub(crate) struct Actions<'a>(&'a [u8]);

impl<'a> Actions<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u8) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first % bound
    }
}
