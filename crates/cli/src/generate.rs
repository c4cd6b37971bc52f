//! `trunkline completions` and `trunkline man`: files that are made from the command line's
//! description.

use std::path::Path;
use std::{io, iter};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use serde_json::json;

use crate::args::{Args, CompletionsArgs, ManArgs};
use crate::failure::Failure;
use crate::out::Out;

/// Prints the completions for a shell; in JSON as `text`.
pub(crate) fn completions(args: &CompletionsArgs, out: &Out) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "trunkline", &mut script);
    print(&script, out);
    Ok(())
}

/// Prints the manual page, in JSON as `text`; or writes the pages of all commands to a folder, and
/// prints its name, in JSON as `folder`.
pub(crate) fn man(args: &ManArgs, out: &Out) -> Result<(), Failure> {
    // The subcommand `help` gets no page.
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = &args.folder else {
        let page = page(&Man::new(command));
        print(&page.map_err(|error| unwritten("the manual", &error))?, out);
        return Ok(());
    };
    let name = folder.display().to_string();
    write_pages(&command, folder).map_err(|error| {
        unwritten(&name, &error).suggest(Some("name a folder that you may write to"))
    })?;
    if out.is_json() {
        out.object(&json!({ "folder": name }));
    } else {
        out.line(format!("the manual pages are in {name}"));
    }
    Ok(())
}

fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for command in iter::once(command).chain(command.get_subcommands()) {
        let man = Man::new(command.clone());
        std::fs::write(folder.join(man.get_filename()), page(&man)?)?;
    }
    Ok(())
}

/// Renders a page. The text below the options has sections of its own.
fn page(man: &Man) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render(&mut page)?;
    let page = String::from_utf8_lossy(&page)
        .replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n")
        .replace("\nExit status:\n", "\n.SH \"EXIT STATUS\"\n");
    Ok(page.into_bytes())
}

fn unwritten(what: &str, error: &io::Error) -> Failure {
    Failure::operation("file", format!("{what} cannot be written: {error}"))
}

fn print(text: &[u8], out: &Out) {
    let text = String::from_utf8_lossy(text);
    if out.is_json() {
        out.object(&json!({ "text": text }));
    } else {
        out.own_text(text.trim_end());
    }
}
