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

    /// The next octet.
    pub(crate) fn octet(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// Fewer than `bound` octets, as they are.
    pub(crate) fn octets(&mut self, bound: u8) -> Vec<u8> {
        let count = usize::from(self.below(bound)).min(self.0.len());
        let (octets, rest) = self.0.split_at(count);
        self.0 = rest;
        octets.to_vec()
    }
}
