//! What happens to the files of certificates.

use std::fmt;
use std::sync::Arc;

use crate::core::FileWatcherEvent;

/// A change of the files of a certificate provider, or of what is in use of them.
///
/// `Display` prints a line for people, which names the file and has nothing of its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateEvent {
    /// The name of the instance, as in [`CertificateProviderDump`](crate::CertificateProviderDump).
    pub instance: Arc<str>,
    /// Which files.
    pub files: CertificateFiles,
    /// What changed. [`FileWatcherEvent::Changed`] and [`FileWatcherEvent::Healed`] end what
    /// [`FileWatcherEvent::Refused`] reported before them.
    pub change: FileWatcherEvent,
}

/// Files of a certificate provider that are read and replaced together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateFiles {
    /// The root certificates, or the trust bundle map.
    Roots,
    /// The client's certificate and its key.
    Identity,
}

impl fmt::Display for CertificateFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Roots => "roots",
            Self::Identity => "client certificate",
        })
    }
}

impl fmt::Display for CertificateEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (instance, files) = (&self.instance, self.files);
        write!(f, "certificate provider {instance:?}: {files}: ")?;
        match &self.change {
            FileWatcherEvent::Changed => f.write_str("new contents are in use"),
            FileWatcherEvent::Refused(why) => write!(f, "not usable: {why}"),
            FileWatcherEvent::Healed => f.write_str("usable again, and unchanged"),
        }
    }
}
