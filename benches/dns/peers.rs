//! The clients that are compared, and how to start a round of each.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::clients::Client;
use crate::server::Server;
use crate::size::Size;

/// A client that is compared.
pub(crate) struct Peer {
    pub(crate) name: String,
    /// The program and its first arguments.
    command: Vec<OsString>,
    server: SocketAddr,
}

/// The server and the configuration files of getaddrinfo. A drop ends the server and removes the
/// files.
pub(crate) struct LibcSetup {
    server: Server,
    /// The folder of files that are mounted over the system's.
    folder: PathBuf,
}

impl Drop for LibcSetup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl LibcSetup {
    /// Writes the files. Returns a shell script that mounts them, to be run in a new mount
    /// namespace.
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

/// Address of the server for getaddrinfo, which cannot use another port.
const STANDARD: &str = "127.0.53.53:53";

impl Peer {
    /// Returns a client that is built into this program.
    pub(crate) fn this(name: &str, client: Client, server: SocketAddr) -> Self {
        let program = std::env::current_exe().expect("this program");
        Self {
            name: name.to_owned(),
            command: vec![program.into(), "client".into(), client.word().into()],
            server,
        }
    }

    /// Returns c-ares, built from source by a separate package.
    pub(crate) fn c_ares(name: &str, server: SocketAddr) -> Result<Self, String> {
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
                name: name.to_owned(),
                command: vec![target.join("release/trunkline-peer-c-ares").into()],
                server,
            }),
            Ok(status) => Err(format!("it cannot be built ({status})")),
            Err(error) => Err(format!("cargo cannot be run: {error}")),
        }
    }

    /// Returns getaddrinfo, in a mount namespace in which `/etc/resolv.conf` names this benchmark's
    /// server on the standard port.
    pub(crate) fn libc(name: &str) -> Result<(Self, LibcSetup), String> {
        let server = Server::start(STANDARD)
            .map_err(|error| format!("port 53 cannot be had, which it needs: {error}"))?;
        let folder = std::env::temp_dir().join(format!("trunkline-dns-{}", std::process::id()));
        let setup = LibcSetup { server, folder };
        let script = setup
            .script()
            .map_err(|error| format!("no file can be written: {error}"))?;
        let unshare: Vec<OsString> = ["unshare", "--mount", "sh", "-c", &script]
            .map(OsString::from)
            .to_vec();
        let address = setup.server.address;
        let this = Self::this(name, Client::Libc, address);
        let peer = Self {
            command: [unshare, this.command].concat(),
            ..this
        };
        match peer.try_round(0, Size::SHORT) {
            Ok(_) => Ok((peer, setup)),
            Err(error) => Err(format!("/etc/resolv.conf cannot be covered: {error}")),
        }
    }

    /// Runs one round in a new process. Returns the CPU time per lookup in microseconds.
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
