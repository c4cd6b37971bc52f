//! Checks that a step runs each command of the README.

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

/// Checks the commands of the README; `steps` are all steps of `ci`.
pub(super) fn run(context: &Context, steps: &[&Step]) -> Result<Done, Failure> {
    let path = context.root.join("README.md");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::new(format!("cannot read README.md: {error}")))?;
    let commands = commands(&text);
    if commands.is_empty() {
        return Ok(Done::Skipped(
            "README.md has no command in a ```sh block".to_owned(),
        ));
    }
    let mut lines = Vec::new();
    for (command, status) in commands {
        if let Some(step) = steps
            .iter()
            .find(|step| step.covers.contains(&command.as_str()))
        {
            lines.push(format!("{command}: run by the step {}", step.name));
        } else if command.starts_with("cargo run ") {
            let ran = context.run(&command).finish()?;
            if ran.status.code() != Some(status) {
                let what = format!("`{command}`: {}, not {status} as in README.md", ran.status);
                return Err(Failure::new(what).output(ran.output));
            }
            lines.push(format!("{command}: ran"));
        } else {
            return Err(Failure::new(format!(
                "no step runs `{command}` of README.md"
            )));
        }
    }
    Ok(Done::Passed(lines))
}

/// Returns the commands in the fenced blocks marked `sh`, without prompts and comments, each with
/// its exit status: 0, or N if a comment after it begins with `exits N`.
fn commands(text: &str) -> Vec<(String, i32)> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(language) = line.strip_prefix("```") {
            inside = !inside && language == "sh";
        } else if inside {
            let (command, comment) = line.split_once(" #").unwrap_or((line, ""));
            let status = comment.trim().strip_prefix("exits ").unwrap_or("0");
            let status = status.split([' ', ',', ':']).next().unwrap_or("0");
            let command = command.strip_prefix("$ ").unwrap_or(command).trim();
            if !command.is_empty() && !command.starts_with('#') {
                commands.push((command.to_owned(), status.parse().unwrap_or(0)));
            }
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn only_sh_blocks_give_commands() {
        let text = "```sh\n# first\n$ cargo test --workspace   # all\n\ncargo xtask ci\n```\n\
                    ```rust\nlet x = 1;\n```\n```text\ncargo add trunkline\n```\n```sh\ncargo run -- bad # exits 2: it is bad\n```\n";
        let expected = [
            ("cargo test --workspace".to_owned(), 0),
            ("cargo xtask ci".to_owned(), 0),
            ("cargo run -- bad".to_owned(), 2),
        ];
        assert_eq!(commands(text), expected);
    }
}
