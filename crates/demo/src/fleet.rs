//! The backends of the demo, with their counters.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use trunkline_testkit::backend::{Backend, Counters, Exit, IpVersion, Options, Program};

/// How long a backend works on a call: long enough that calls are in flight whenever one is stopped.
const WORK: Duration = Duration::from_millis(40);

/// The time over which the rate of a backend is measured.
const RATE_WINDOW: Duration = Duration::from_secs(1);

/// All backends that were started.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// Whether backends finish their calls at SIGTERM.
    drain: bool,
    members: Vec<Member>,
}

/// One backend: its process, and its counters when they were read last.
#[derive(Debug)]
pub(crate) struct Member {
    backend: Backend,
    pub(crate) state: BackendState,
    pub(crate) counters: Counters,
    /// The number of answered calls at several times within [`RATE_WINDOW`], oldest first.
    answers: VecDeque<(Instant, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BackendState {
    Serving,
    SilentOnIpv6,
    Stopping,
    Ended(Exit),
}

impl Fleet {
    pub(crate) fn new(drain: bool) -> Self {
        Self {
            drain,
            members: Vec::new(),
        }
    }

    pub(crate) fn start(&mut self, name: &str) -> io::Result<&Member> {
        let options = Options {
            work: WORK,
            drain: self.drain,
            ..Options::new(name)
        };
        let at = self.members.len();
        self.members.push(Member {
            backend: Backend::start(&Program::ThisProgram, &options)?,
            state: BackendState::Serving,
            counters: Counters::default(),
            answers: VecDeque::new(),
        });
        Ok(&self.members[at])
    }

    /// Reads the counters of all backends.
    pub(crate) fn refresh(&mut self, now: Instant) -> io::Result<()> {
        self.members
            .iter_mut()
            .try_for_each(|member| member.refresh(now))
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(crate) fn get(&self, name: &str) -> io::Result<&Member> {
        self.members
            .iter()
            .find(|member| member.name() == name)
            .ok_or_else(|| io::Error::other(format!("there is no backend {name}")))
    }

    fn get_mut(&mut self, name: &str) -> io::Result<&mut Member> {
        self.members
            .iter_mut()
            .find(|member| member.name() == name)
            .ok_or_else(|| io::Error::other(format!("there is no backend {name}")))
    }

    /// Returns the counters of all backends, by name.
    pub(crate) fn counters(&self) -> BTreeMap<String, Counters> {
        self.members
            .iter()
            .map(|member| (member.name().to_owned(), member.counters))
            .collect()
    }

    /// Returns the number of calls that all backends together answered.
    pub(crate) fn answers(&self) -> u64 {
        self.members.iter().map(Member::answers).sum()
    }

    pub(crate) fn sigterm(&mut self, name: &str) -> io::Result<()> {
        let member = self.get_mut(name)?;
        member.backend.sigterm()?;
        member.state = BackendState::Stopping;
        Ok(())
    }

    pub(crate) fn sigterm_all(&mut self) -> io::Result<()> {
        for member in &mut self.members {
            if !matches!(member.state, BackendState::Ended(_)) {
                member.backend.sigterm()?;
                member.state = BackendState::Stopping;
            }
        }
        Ok(())
    }

    pub(crate) fn silence_ipv6(&mut self, name: &str) -> io::Result<()> {
        let member = self.get_mut(name)?;
        member.backend.ipv6_silent()?;
        member.state = BackendState::SilentOnIpv6;
        Ok(())
    }
}

impl Member {
    fn refresh(&mut self, now: Instant) -> io::Result<()> {
        if let BackendState::Ended(_) = self.state {
            return Ok(());
        }
        self.counters = self.backend.stats()?;
        if let Some(exit) = self.backend.exit()? {
            self.counters = exit.counters.unwrap_or(self.counters);
            if self.state != BackendState::Stopping {
                let name = self.name();
                let text = format!("backend {name} ended by itself: {}", exit.status);
                return Err(io::Error::other(text));
            }
            self.state = BackendState::Ended(exit);
        }
        self.answers.push_back((now, self.answers()));
        while let Some(&(at, _)) = self.answers.get(1)
            && now - at >= RATE_WINDOW
        {
            self.answers.pop_front();
        }
        Ok(())
    }

    pub(crate) fn name(&self) -> &str {
        self.backend.name()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.backend.pid()
    }

    pub(crate) fn port(&self) -> u16 {
        self.backend.port()
    }

    pub(crate) fn has_ipv6(&self) -> bool {
        self.backend.address_v6().is_some()
    }

    pub(crate) fn answers(&self) -> u64 {
        self.counters.total().answers
    }

    /// Returns true when the backend has open connections of this family.
    pub(crate) fn uses(&self, version: IpVersion) -> bool {
        self.counters.of(version).open() > 0
    }

    /// Returns how the process ended; `None` while it runs.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match self.state {
            BackendState::Ended(exit) => Some(exit),
            _ => None,
        }
    }

    /// Returns the calls answered per second, over the last [`RATE_WINDOW`].
    pub(crate) fn rate(&self) -> f64 {
        match (self.answers.front(), self.answers.back(), self.state) {
            (_, _, BackendState::Ended(_)) => 0.0,
            (Some(&(from, before)), Some(&(to, after)), _) if to > from => {
                (after - before) as f64 / (to - from).as_secs_f64()
            }
            _ => 0.0,
        }
    }
}
