//! The steps of the demo, in their order.

use std::io;
use std::sync::Arc;

use trunkline::Runtime;
use trunkline_testkit::backend::{Counters, IpVersion};
use trunkline_testkit::load::Load;

use crate::args::{Args, RuntimeName, Sabotage};
use crate::claims::Claims;
use crate::client;
use crate::fleet::{Fleet, Member};
use crate::interrupt;
use crate::running::{LIMIT, LostCalls, RunningDemo, Stop};
use crate::screen::Screen;
use crate::zone::{DnsZone, TTL_SECS};

/// The rate of the client, in calls per second.
const RATE: u32 = 300;

/// The number of calls over which shares are measured: those of three seconds.
const SAMPLE: u64 = 3 * RATE as u64;

/// Runs the demo. Returns true when every claim held.
pub(crate) fn run(args: &Args) -> Result<bool, Stop> {
    // For signals, and for the channel when `--runtime tokio` is given.
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let shown = show(args, tokio.handle());
    // Tasks that still run must not delay the exit.
    tokio.shutdown_background();
    shown
}

fn show(args: &Args, tokio: &tokio::runtime::Handle) -> Result<bool, Stop> {
    let runtime: Arc<dyn Runtime> = match args.runtime {
        RuntimeName::AsyncStd => Arc::new(trunkline::AsyncStd::new()),
        RuntimeName::Smol => Arc::new(trunkline::Smol::new()),
        RuntimeName::Tokio => Arc::new(trunkline::Tokio::with_handle(tokio.clone())),
    };
    let interrupts = interrupt::listen(tokio)?;
    let mut screen = Screen::new(args.plain);
    let mut zone = DnsZone::start()?;
    let mut fleet = Fleet::new(args.sabotage != Some(Sabotage::Drain));
    let started = runtime.now();

    screen.heading("1. Three backends, named by SRV records")?;
    screen.text(&format!(
        "DNS server on {}, TTL {TTL_SECS} s",
        zone.address()
    ))?;
    for name in ["a", "b", "c"] {
        add(&mut fleet, &mut zone, &mut screen, name)?;
    }
    if args.sabotage == Some(Sabotage::Fallback) && !fleet.get("a")?.has_ipv6() {
        let text = "there is no ::1 here, so there is no fallback from it to sabotage";
        return Err(io::Error::other(text).into());
    }
    let target = zone.target();
    screen.text(&format!("{RATE} calls a second to {target}, round_robin"))?;
    if let Some(sabotage) = args.sabotage {
        screen.text(&format!("sabotage: {}", explain(sabotage)))?;
    }
    let channel =
        client::channel(&target, Arc::clone(&runtime), args.sabotage).map_err(io::Error::other)?;
    let load = Load::start(&runtime, RATE, client::greet(channel));
    let mut demo = RunningDemo {
        runtime,
        started,
        interrupts,
        zone,
        fleet,
        load,
        screen,
        claims: Claims::default(),
        lost: LostCalls::default(),
    };
    three_share(&mut demo)?;
    two_come(&mut demo)?;
    two_go(&mut demo)?;
    one_falls_silent(&mut demo)?;
    all_end(&mut demo)?;
    let took = demo.elapsed();
    demo.screen.summary(&demo.claims, took)?;
    Ok(demo.claims.hold())
}

fn explain(sabotage: Sabotage) -> &'static str {
    match sabotage {
        Sabotage::Refresh => "the client asks DNS once and never again",
        Sabotage::Fallback => "the client gets IPv6 addresses only",
        Sabotage::Drain => "backends drop all calls and connections at SIGTERM",
    }
}

fn add(fleet: &mut Fleet, zone: &mut DnsZone, screen: &mut Screen, name: &str) -> io::Result<()> {
    let backend = fleet.start(name)?;
    zone.add(name, backend.port(), backend.has_ipv6());
    let families = if backend.has_ipv6() {
        "127.0.0.1 and ::1"
    } else {
        "127.0.0.1 (there is no ::1 here)"
    };
    screen.text(&format!(
        "backend {name}: process {}, {families}, port {}",
        backend.pid(),
        backend.port()
    ))
}

fn three_share(demo: &mut RunningDemo) -> Result<(), Stop> {
    demo.until(|fleet| fleet.members().iter().all(|member| member.answers() > 0))?;
    let shares = demo.shares(SAMPLE)?;
    demo.claim(
        "three backends share the calls equally",
        shares.are_equal_for(&["a", "b", "c"]),
        shares.to_string(),
    )?;
    let members = demo.fleet.members();
    let one_each = members.iter().all(|one| one.counters.total().open() == 1);
    demo.claim(
        "one connection to each",
        one_each,
        connections(&demo.fleet, &["a", "b", "c"])?,
    )
}

fn two_come(demo: &mut RunningDemo) -> Result<(), Stop> {
    demo.screen
        .heading("2. Two more backends are added to DNS")?;
    let before = demo.fleet.counters();
    for name in ["d", "e"] {
        add(&mut demo.fleet, &mut demo.zone, &mut demo.screen, name)?;
    }
    let took = demo.until(|fleet| answer(fleet, "d") && answer(fleet, "e"))?;
    demo.claim(
        "new backends are found while all connections are healthy",
        took.is_some(),
        match took {
            Some(took) => format!("both called after {:.1} s", took.as_secs_f64()),
            None => format!("not called within {LIMIT:?}"),
        },
    )?;
    let shares = demo.shares(SAMPLE)?;
    demo.claim(
        "they get their share",
        shares.are_equal_for(&["a", "b", "c", "d", "e"]),
        shares.to_string(),
    )?;
    let untouched = demo.fleet.counters();
    let same = |(name, before): (&String, &Counters)| {
        let after = untouched.get(name).map(Counters::total);
        after.is_some_and(|after| {
            (after.accepts, after.closes) == (before.total().accepts, before.total().closes)
        })
    };
    demo.claim(
        "no connection was closed or reopened for it",
        before.iter().all(same),
        connections(&demo.fleet, &["a", "b", "c"])?,
    )
}

fn two_go(demo: &mut RunningDemo) -> Result<(), Stop> {
    demo.screen.heading("3. Two backends go away")?;
    demo.screen.text("c is removed from DNS")?;
    demo.zone.remove("c");
    let took = demo.until(|fleet| idle(fleet, "c"))?;
    demo.claim(
        "a backend that is removed from DNS is disconnected",
        took.is_some(),
        match took {
            Some(took) => format!(
                "its connection was closed after {:.1} s",
                took.as_secs_f64()
            ),
            None => format!("still connected after {LIMIT:?}"),
        },
    )?;
    for (name, how) in [
        ("c", "SIGTERM to c"),
        ("b", "SIGTERM to b, which stays in DNS"),
    ] {
        demo.screen.text(how)?;
        demo.fleet.sigterm(name)?;
        demo.until(|fleet| ended(fleet, name))?;
    }
    let finished = |name| Ok::<_, io::Error>(finished(demo.fleet.get(name)?));
    let (b, c) = (finished("b")?, finished("c")?);
    demo.claim(
        "both finish the calls that they have, then exit",
        b.0 && c.0,
        format!("b {}; c {}", b.1, c.1),
    )?;
    let shares = demo.shares(SAMPLE)?;
    demo.claim(
        "the others share the calls equally",
        shares.are_equal_for(&["a", "d", "e"]),
        shares.to_string(),
    )?;
    none_failed(demo, "no call failed when two backends went away")
}

fn one_falls_silent(demo: &mut RunningDemo) -> Result<(), Stop> {
    demo.screen.heading("4. A backend becomes silent on IPv6")?;
    let text = "a backend that goes silent on IPv6 is reached over IPv4";
    if !demo.fleet.get("a")?.has_ipv6() {
        let claim = demo.claims.skip(text, "there is no ::1 on this machine");
        return Ok(demo.screen.claim(claim)?);
    }
    // On a busy machine a backend may have been reached over IPv4 from the beginning.
    let over_ipv6 = |name: &&str| {
        let member = demo.fleet.get(name);
        member.is_ok_and(|one| one.counters.ipv6.open() == 1)
    };
    let Some(name) = ["a", "d", "e"].into_iter().find(over_ipv6) else {
        let evidence = connections(&demo.fleet, &["a", "d", "e"])?;
        return demo.claim(text, false, evidence);
    };
    let before = demo.fleet.get(name)?.counters;
    demo.fleet.silence_ipv6(name)?;
    demo.screen.text(&format!(
        "{name} closes its IPv6 connections, and answers no SYN over IPv6 any more"
    ))?;
    let took = demo.until(|fleet| {
        fleet.get(name).is_ok_and(|one| {
            one.counters.ipv4.answers > before.ipv4.answers && !one.uses(IpVersion::V6)
        })
    })?;
    let after = demo.fleet.get(name)?.counters;
    let fell_back =
        after.ipv4.accepts == before.ipv4.accepts + 1 && after.ipv6.accepts == before.ipv6.accepts;
    demo.claim(
        text,
        took.is_some() && fell_back,
        format!(
            "{name} accepted over IPv6 {} and over IPv4 {} before, {} and {} after{}",
            before.ipv6.accepts,
            before.ipv4.accepts,
            after.ipv6.accepts,
            after.ipv4.accepts,
            match took {
                Some(took) => format!(" {:.1} s", took.as_secs_f64()),
                None => format!(" {LIMIT:?}"),
            },
        ),
    )?;
    let shares = demo.shares(SAMPLE)?;
    demo.claim(
        "its share is the same over IPv4",
        shares.are_equal_for(&["a", "d", "e"]),
        shares.to_string(),
    )?;
    none_failed(demo, "no call failed when IPv6 became silent")
}

fn all_end(demo: &mut RunningDemo) -> Result<(), Stop> {
    demo.screen.heading("5. The end")?;
    demo.settle()?;
    demo.fleet.sigterm_all()?;
    demo.until(|fleet| fleet.members().iter().all(|one| one.exit().is_some()))?;
    let last = demo
        .fleet
        .members()
        .iter()
        .map(finished)
        .all(|(well, _)| well);
    let outcome = demo.load.outcome();
    let (calls, answers) = totals(&demo.fleet);
    demo.claim(
        "every call was received and answered once, and every backend ended with success",
        last && calls == outcome.made && answers == outcome.made,
        format!(
            "{} calls made; {calls} received and {answers} answered, by the final counters; DNS was asked {} times",
            outcome.made,
            demo.zone.questions()
        ),
    )
}

/// Judges the claim that no call was lost since the last such claim, by the counters of the backends
/// and of the client.
fn none_failed(demo: &mut RunningDemo, text: &'static str) -> Result<(), Stop> {
    demo.settle()?;
    let outcome = demo.load.outcome();
    let (_, answers) = totals(&demo.fleet);
    let lost = LostCalls {
        unanswered: outcome.made.saturating_sub(answers),
        failed: outcome.failed(),
    };
    let mut evidence = format!("{} calls made by now, {answers} answered", outcome.made);
    for (why, times) in &outcome.failures {
        evidence.push_str(&format!("; {times} x {why}"));
    }
    demo.claim(text, lost == demo.lost && answers <= outcome.made, evidence)?;
    demo.lost = lost;
    demo.load.go_on();
    Ok(())
}

/// Returns the number of calls that all backends received, and of those that they answered.
fn totals(fleet: &Fleet) -> (u64, u64) {
    let calls = |member: &Member| member.counters.total().calls;
    (fleet.members().iter().map(calls).sum(), fleet.answers())
}

/// Returns whether a backend ended with success and answered all calls, and a text with the figures
/// that it printed last.
fn finished(member: &Member) -> (bool, String) {
    match member.exit() {
        Some(exit) => match exit.counters {
            Some(counters) => {
                let total = counters.total();
                let well = exit.status.success() && total.calls == total.answers;
                let text = format!("answered {} of {}", total.answers, total.calls);
                (well, format!("{text}, {}", exit.status))
            }
            None => (false, format!("{}, without final counters", exit.status)),
        },
        None => (false, "still runs".to_owned()),
    }
}

fn answer(fleet: &Fleet, name: &str) -> bool {
    fleet.get(name).is_ok_and(|member| member.answers() > 0)
}

fn idle(fleet: &Fleet, name: &str) -> bool {
    fleet
        .get(name)
        .is_ok_and(|member| member.counters.total().open() == 0)
}

fn ended(fleet: &Fleet, name: &str) -> bool {
    fleet.get(name).is_ok_and(|member| member.exit().is_some())
}

/// Returns a text with the connections that each backend opened and closed, and their family.
fn connections(fleet: &Fleet, names: &[&str]) -> io::Result<String> {
    let one = |name: &&str| {
        let member = fleet.get(name)?;
        let total = member.counters.total();
        let family = match (member.uses(IpVersion::V4), member.uses(IpVersion::V6)) {
            (_, false) => "IPv4",
            (false, true) => "IPv6",
            (true, true) => "both",
        };
        Ok(format!(
            "{name} {} opened, {} closed, {family}",
            total.accepts, total.closes
        ))
    };
    let all: io::Result<Vec<String>> = names.iter().map(one).collect();
    Ok(all?.join("; "))
}
