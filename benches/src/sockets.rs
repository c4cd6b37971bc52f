//! The TCP connections of this process.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};

/// `TCP_ESTABLISHED` of Linux.
const ESTABLISHED: &str = "01";

/// Returns how many TCP connections over IPv4 of this process are established, have received
/// something, and have nothing left to read.
///
/// The server has answered on each of them: a socket that is open may still be connecting, and one
/// that is established may still wait in the server's queue.
///
/// # Panics
///
/// When there is no `/proc`.
///
/// Source: [proc_net_tcp](https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html).
#[must_use]
pub fn answered() -> usize {
    let own = inodes();
    let table = File::open("/proc/self/net/tcp").expect("a machine with /proc");
    let mut table = BufReader::new(table);
    // All processes of the machine are in the table: it is never in memory as a whole, as callers
    // measure that.
    let (mut line, mut count) = (String::new(), 0);
    while table.read_line(&mut line).expect("a table") > 0 {
        count += usize::from(has_answer(&line, &own));
        line.clear();
    }
    count
}

/// Returns whether a line of the table is that of an answered connection of this process.
fn has_answer(line: &str, own: &HashSet<u64>) -> bool {
    let mut fields = line.split_whitespace();
    let (Some(state), Some(queues), Some(inode)) = (fields.nth(3), fields.next(), fields.nth(4))
    else {
        return false;
    };
    // Four fields after the inode is `ato`, the estimate for delayed acknowledgements: it is 0 until
    // something is received.
    let Some(estimate) = fields.nth(3) else {
        return false;
    };
    state == ESTABLISHED
        && queues.ends_with(":00000000")
        && estimate != "0"
        && inode.parse().is_ok_and(|inode| own.contains(&inode))
}

/// Returns the numbers of the sockets that this process has open.
fn inodes() -> HashSet<u64> {
    let files = fs::read_dir("/proc/self/fd").expect("a machine with /proc");
    // A file can be closed meanwhile.
    let targets = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok());
    let inodes = targets.filter_map(|target| {
        let inode = target.to_str()?.strip_prefix("socket:[")?;
        inode.strip_suffix(']')?.parse().ok()
    });
    inodes.collect()
}
