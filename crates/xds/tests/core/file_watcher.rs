//! Certificates that follow their files: clause 6.6 of the specification.

use std::time::{Duration, Instant};

use trunkline_sim::Sim;
use trunkline_xds::core::{FileWatcher, FileWatcherEvent};

const INTERVAL: Duration = Duration::from_secs(600);

fn start() -> Instant {
    Sim::new(1).runtime().now()
}

fn unreadable() -> Result<&'static str, String> {
    Err("tls.crt cannot be read: no such file".into())
}

/// Returns the event of files that cannot be used.
fn refused() -> Option<FileWatcherEvent> {
    Some(FileWatcherEvent::Refused(
        "tls.crt cannot be read: no such file".into(),
    ))
}

/// Files are read at once, and then at each interval.
#[test]
fn xds_6_6_files_are_read_at_the_interval() {
    let start = start();
    let mut watcher = FileWatcher::new(INTERVAL, start);
    assert_eq!(watcher.poll_timeout(), start);
    let late = start + Duration::from_secs(7);
    assert_eq!(
        watcher.handle_read(Ok("first"), late),
        Some(FileWatcherEvent::Changed)
    );
    assert_eq!(watcher.poll_timeout(), late + INTERVAL);
    let again = late + INTERVAL;
    assert_eq!(watcher.handle_read(Ok("first"), again), None);
    assert_eq!(watcher.poll_timeout(), again + INTERVAL);
}

/// New contents are for the connections that start from now on.
#[test]
fn xds_6_6_new_contents_replace_the_old_ones() {
    let now = start();
    let mut watcher = FileWatcher::new(INTERVAL, now);
    watcher.handle_read(Ok("first"), now);
    let in_use = watcher.current().cloned();
    assert_eq!(
        watcher.handle_read(Ok("second"), now),
        Some(FileWatcherEvent::Changed)
    );
    assert_eq!(in_use.as_deref(), Some(&"first"));
    assert_eq!(watcher.current().map(|it| **it), Some("second"));
}

/// What cannot be used keeps what is in use, with one event for each reason.
#[test]
fn xds_6_6_unusable_files_keep_the_old_ones() {
    let now = start();
    let mut watcher = FileWatcher::new(INTERVAL, now);
    watcher.handle_read(Ok("first"), now);
    assert_eq!(watcher.handle_read(unreadable(), now), refused());
    assert_eq!(watcher.handle_read(unreadable(), now), None);
    let other = Err("the key is not that of the certificate".to_owned());
    let event = FileWatcherEvent::Refused("the key is not that of the certificate".into());
    assert_eq!(watcher.handle_read(other, now), Some(event));
    assert_eq!(watcher.current().map(|it| **it), Some("first"));
    assert_eq!(
        watcher.problem(),
        Some("the key is not that of the certificate")
    );

    assert_eq!(
        watcher.handle_read(Ok("first"), now),
        Some(FileWatcherEvent::Healed)
    );
    assert_eq!(watcher.problem(), None);
    assert_eq!(watcher.handle_read(Ok("first"), now), None);
}

/// Until the files are there, there is nothing to connect with, and they are read each second. Once they
/// were there, the interval is in force.
#[test]
fn xds_6_6_files_that_are_not_there_yet() {
    let now = start();
    let mut watcher = FileWatcher::new(INTERVAL, now);
    assert_eq!(watcher.handle_read(unreadable(), now), refused());
    assert_eq!(watcher.current(), None);
    let second = now + Duration::from_secs(1);
    assert_eq!(watcher.poll_timeout(), second);
    assert_eq!(watcher.handle_read(unreadable(), second), None);
    let third = second + Duration::from_secs(1);
    assert_eq!(watcher.poll_timeout(), third);
    assert_eq!(
        watcher.handle_read(Ok("first"), third),
        Some(FileWatcherEvent::Changed)
    );
    assert_eq!(watcher.current().map(|it| **it), Some("first"));
    assert_eq!(watcher.poll_timeout(), third + INTERVAL);
    watcher.handle_read(unreadable(), third + INTERVAL);
    assert_eq!(watcher.poll_timeout(), third + INTERVAL * 2);
}

/// An interval neither keeps the reader busy, nor overflows the clock. No text has the contents.
#[test]
fn xds_6_6_intervals_are_bounded() {
    let now = start();
    let mut watcher = FileWatcher::new(Duration::ZERO, now);
    watcher.handle_read(Ok("secret"), now);
    assert_eq!(watcher.poll_timeout(), now + Duration::from_secs(1));
    assert!(!format!("{watcher:?}").contains("secret"));
    let mut watcher = FileWatcher::new(Duration::MAX, now);
    watcher.handle_read(Ok("secret"), now);
    assert!(watcher.poll_timeout() > now);
}
