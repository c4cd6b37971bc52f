//! Tests of the help, the completions and the manual.

use std::path::Path;

use crate::command::{object, trunkline};

/// The commands, as the help of `trunkline` lists them.
fn commands() -> Vec<String> {
    let help = trunkline(&["--help"]).stdout;
    let (_, list) = help.split_once("Commands:\n").expect("a list");
    let (list, _) = list.split_once("\n\n").expect("the end of the list");
    let names = list
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let names: Vec<String> = names.map(str::to_owned).collect();
    assert!(names.contains(&"call".to_owned()), "{names:?}");
    names.into_iter().filter(|name| name != "help").collect()
}

/// The help of each command has its own options, then those that several commands have, then
/// examples, then the exit statuses.
#[test]
fn help_is_sorted() {
    let common = ["--json", "--color", "--runtime", "--verbose", "--help"];
    for command in commands() {
        let ran = trunkline(&[&command, "--help"]);
        assert_eq!(ran.status, 0);
        let find = |text: &str| {
            let at = ran.stdout.find(text);
            at.unwrap_or_else(|| panic!("{text}: {}", ran.stdout))
        };
        let heading = find("Common options:");
        let options = ran.stdout.match_indices(" --");
        let options = options.map(|(at, _)| (at, ran.stdout[at..].split_whitespace().next()));
        let list = options.filter(|(at, _)| *at < find("Examples:"));
        for (at, option) in list {
            let option = option.expect("an option");
            let is_common = common.iter().any(|name| option.starts_with(name));
            assert_eq!(is_common, at > heading, "{option} in {}", ran.stdout);
        }
        assert!(heading < find("Examples:"), "{}", ran.stdout);
        assert!(find("Examples:") < find("Exit status:"), "{}", ran.stdout);
        find(&format!("\n  trunkline {command} "));
        for status in ["\n  0  ", "\n  1  ", "\n  2  "] {
            assert!(find("Exit status:") < find(status), "{}", ran.stdout);
        }
    }
}

/// Each shell has completions, which have each command in them.
#[test]
fn completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = trunkline(&["completions", shell]);
        assert_eq!(ran.status, 0, "{ran:?}");
        for command in commands() {
            assert!(ran.stdout.contains(&command), "{shell}: {command}");
        }
        let (status, object) = object(&["completions", shell]);
        let text = object["text"].as_str().expect("a text");
        assert_eq!((status, text.trim_end()), (0, ran.stdout.trim_end()));
    }
    assert_eq!(trunkline(&["completions", "no-such-shell"]).status, 2);
}

/// The manual is printed, or written to a folder with a page for each command.
#[test]
fn manual() {
    let ran = trunkline(&["man"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stdout.contains("\n.SH NAME\n"), "{ran:?}");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("man1");
    let name = folder.to_str().expect("a UTF-8 path");
    let (status, object) = object(&["man", name]);
    assert_eq!((status, &object["folder"]), (0, &name.into()), "{object}");
    for command in commands() {
        let page = folder.join(format!("trunkline-{command}.1"));
        let page = std::fs::read_to_string(page).expect("a page");
        for section in ["EXAMPLES", "\"EXIT STATUS\""] {
            assert!(page.contains(&format!("\n.SH {section}\n")), "{page}");
        }
    }
    let main = std::fs::read_to_string(folder.join("trunkline.1")).expect("a page");
    assert_eq!(main.trim_end(), ran.stdout.trim_end());
    std::fs::remove_dir_all(&folder).expect("the test removes its files");
    let ran = trunkline(&["man", "/dev/null/man1"]);
    assert_eq!(ran.status, 1, "{ran:?}");
}
