//! The reader of certificates, for texts.

use trunkline_connector::tls::Certificate;

/// The texts of a certificate of any bytes can be printed: they have no control characters, and
/// together they are not much longer than the certificate.
pub fn certificate(data: &[u8]) {
    let Some(certificate) = Certificate::from_der(data) else {
        return;
    };
    let mut texts = vec![&certificate.subject, &certificate.issuer];
    texts.extend(&certificate.names);
    let mut len = 0;
    for text in texts {
        assert!(!text.chars().any(char::is_control), "{text:?}");
        len += text.len();
    }
    // The longest escape of a byte, or of an unreadable one, has ten bytes: `\\u{10ffff}`.
    assert!(len <= 10 * data.len(), "{len} bytes from {}", data.len());
    let (before, after) = (certificate.not_before, certificate.not_after);
    assert_eq!(before <= after, before.unix_secs() <= after.unix_secs());
    for time in [before, after] {
        assert_eq!(
            time.to_string().len(),
            "2026-01-01T00:00:00Z".len(),
            "{time}"
        );
    }
}
