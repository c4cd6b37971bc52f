//! Who takes part, and how a round of it is started.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::clients::Client;
use crate::server::Server;
use crate::size::Size;

/// One that takes part.
pub(crate) struct Peer {
    pub(crate) name: String,
    /// The program and its first arguments.
    command: Vec<OsString>,
    server: SocketAddr,
}

/// What getaddrinfo needs for as long as it takes part.
pub(crate) struct Covered {
    server: Server,
    /// The files that cover those of the system.
    folder: PathBuf,
}

impl Drop for Covered {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Covered {
    /// Writes the files, and says how they are mounted, in a name space of their own.
    fn script(&self) -> io::Result<String> {
        std::fs::create_dir_all(&self.folder)?;
        let lines = format!("nameserver {}\noptions edns0\n", self.server.address.ip());
        let mut script = String::new();
        for (name, text) in [("resolv.conf", &*lines), ("nsswitch.conf", "hosts: dns\n")] {
            let path = self.folder.join(name);
            std::fs::write(&path, text)?;
            script += &format!("mount --bind {} /etc/{name} && ", path.display());
        }
        Ok(script + "exec \"$0\" \"$@\"")
    }
}

/// Where the server is for who can be told no port.
const STANDARD: &str = "127.0.53.53:53";

impl Peer {
    /// A client that is built into this program.
    pub(crate) fn this(name: &str, client: Client, server: SocketAddr) -> Self {
        let program = std::env::current_exe().expect("this program");
        Self {
            name: name.to_owned(),
            command: vec![program.into(), "client".into(), client.word().into()],
            server,
        }
    }

    /// c-ares, built from source by a package of its own.
    pub(crate) fn c_ares(server: SocketAddr) -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/c-ares");
        let target = folder.join("target");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "--locked"])
            .current_dir(&folder)
            .env("CARGO_TARGET_DIR", &target)
            .stdout(Stdio::null())
            .status();
        match built {
            Ok(status) if status.success() => Ok(Self {
                name: "c-ares 1.34".to_owned(),
                command: vec![target.join("release/trunkline-peer-c-ares").into()],
                server,
            }),
            Ok(status) => Err(format!("it cannot be built ({status})")),
            Err(error) => Err(format!("cargo cannot be run: {error}")),
        }
    }

    /// getaddrinfo, in a name space in which `/etc/resolv.conf` names our server on the standard
    /// port.
    pub(crate) fn libc() -> Result<(Self, Covered), String> {
        let server = Server::start(STANDARD)
            .map_err(|error| format!("port 53 cannot be had, which it needs: {error}"))?;
        let folder = std::env::temp_dir().join(format!("trunkline-dns-{}", std::process::id()));
        let covered = Covered { server, folder };
        let script = covered
            .script()
            .map_err(|error| format!("no file can be written: {error}"))?;
        let unshare: Vec<OsString> = ["unshare", "--mount", "sh", "-c", &script]
            .map(OsString::from)
            .to_vec();
        let address = covered.server.address;
        let this = Self::this("getaddrinfo, 64 threads", Client::Libc, address);
        let peer = Self {
            command: [unshare, this.command].concat(),
            ..this
        };
        match peer.try_round(0, Size::SHORT) {
            Ok(_) => Ok((peer, covered)),
            Err(error) => Err(format!("/etc/resolv.conf cannot be covered: {error}")),
        }
    }

    /// One round, in a process of its own: microseconds of CPU for each lookup.
    pub(crate) fn round(&self, first: usize, size: Size) -> f64 {
        match self.try_round(first, size) {
            Ok(us) => us,
            Err(error) => panic!("{}: {error}", self.name),
        }
    }

    fn try_round(&self, first: usize, size: Size) -> Result<f64, String> {
        let numbers = [first, size.lookups, size.in_flight].map(|number| number.to_string());
        let output = Command::new(&self.command[0])
            .args(&self.command[1..])
            .arg(self.server.to_string())
            .args(numbers)
            .output()
            .map_err(|error| error.to_string())?;
        let nanos = String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse::<f64>();
        match nanos {
            Ok(nanos) if output.status.success() => Ok(nanos / 1e3),
            _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}
