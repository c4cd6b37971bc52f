//! The examples of documentation, as rustdoc finds them.

/// Returns the code blocks of a page that rustdoc compiles, without the marks of hidden lines.
pub(super) fn examples(page: &str) -> Vec<String> {
    let mut examples = Vec::new();
    let mut code: Option<(bool, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut code) {
            (Some(language), None) => {
                code = Some((matches!(language, "" | "rust" | "no_run"), String::new()));
            }
            (Some(_), Some(_)) => {
                if let Some((true, text)) = code.take() {
                    examples.push(text);
                }
            }
            (None, Some((_, text))) => {
                let line = if line == "#" { "" } else { line };
                text.push_str(line.strip_prefix("# ").unwrap_or(line));
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    examples
}

/// Returns the examples in the documentation comments of a source file.
pub(super) fn of_comments(source: &str) -> Vec<String> {
    let mut examples = Vec::new();
    let mut comment = String::new();
    for line in source.lines().chain([""]) {
        let line = line.trim_start();
        let text = line
            .strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"));
        if let Some(text) = text {
            comment.push_str(text.strip_prefix(' ').unwrap_or(text));
            comment.push('\n');
        } else if !comment.is_empty() {
            examples.extend(self::examples(&comment));
            comment.clear();
        }
    }
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code of other languages, and code that is not compiled, is left out; hidden lines are code.
    #[test]
    fn examples_are_those_of_rustdoc() {
        let page = "text\n```\nlet a = 1;\n# let b = 2;\n#\n```\n```text\nx\n```\n```rust,ignore\ny\n```\n\
                    ```rust\nc();\n```\n```no_run\nd();\n```\n";
        let expected = ["let a = 1;\nlet b = 2;\n\n", "c();\n", "d();\n"];
        assert_eq!(examples(page), expected);
    }

    #[test]
    fn examples_of_a_source_file() {
        let source = "//! ```\n//! a();\n//! ```\n\nfn f() {}\n\n    /// Text.\n    ///\n    /// ```\n    /// b();\n    /// ```\n    fn g() {}\n";
        assert_eq!(of_comments(source), ["a();\n", "b();\n"]);
    }
}
