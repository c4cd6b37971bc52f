//! Formats generated code.

use std::io::Write;
use std::process::{Command, Stdio};

/// Formats `source` with the rustfmt of this toolchain.
pub(crate) fn rustfmt(source: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| {
        format!("cannot run rustfmt: {error}; `rustup component add rustfmt` installs it")
    };
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(source.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        return Err("rustfmt cannot read the generated code".to_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| format!("rustfmt printed no text: {error}"))
}
