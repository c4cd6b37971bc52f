//! Small pieces of work that take turns.

/// A piece of work that is measured: does it as often as it is asked to, and returns the time of all,
/// in nanoseconds.
pub type Work<'a> = Box<dyn FnMut(u64) -> f64 + 'a>;

/// The size of a measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turns {
    /// How often each piece of work has its turn.
    pub rounds: usize,
    /// The least time of a turn, in nanoseconds: each piece of work is done as often as that takes.
    pub least: f64,
}

impl Turns {
    /// Only shows that everything works: each piece of work is done once.
    pub const ONCE: Self = Self {
        rounds: 1,
        least: 0.0,
    };

    /// Measures pieces of work in turns, so that the noise of the machine affects all of them. Returns the
    /// nanoseconds that each takes once: a list for each piece, with an entry for each round.
    pub fn measure(self, works: &mut [Work<'_>]) -> Vec<Vec<f64>> {
        let times: Vec<u64> = works.iter_mut().map(|work| self.times(work)).collect();
        let count = works.len();
        let mut values = vec![Vec::with_capacity(self.rounds); works.len()];
        for round in 0..self.rounds {
            // Each round begins with another one.
            for at in (0..count).map(|at| (at + round) % count) {
                values[at].push(works[at](times[at]) / times[at] as f64);
            }
        }
        values
    }

    /// Returns how often a piece of work is done in a turn. What is done only once, such as the growth
    /// of a buffer, is done here.
    fn times(self, work: &mut Work<'_>) -> u64 {
        let mut times = 1;
        while work(times) < self.least {
            times *= 2;
        }
        times
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::{Turns, Work};

    /// Work of 10 ns and of 40 ns, with turns of at least 80 ns.
    #[test]
    fn turns_alternate_and_are_of_similar_length() {
        let log = RefCell::new(Vec::new());
        let work = |name: &'static str, each: f64| -> Work<'_> {
            let log = &log;
            Box::new(move |times| {
                log.borrow_mut().push((name, times));
                each * times as f64
            })
        };
        let turns = Turns {
            rounds: 2,
            least: 80.0,
        };
        let values = turns.measure(&mut [work("a", 10.0), work("b", 40.0)]);
        assert_eq!(values, [[10.0, 10.0], [40.0, 40.0]]);
        let log = log.into_inner();
        let measured = &log[log.len() - 4..];
        assert_eq!(measured, [("a", 8), ("b", 2), ("b", 2), ("a", 8)]);
    }
}
