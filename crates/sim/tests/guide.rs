//! The code of the guide and of this crate's page is that of the example, which is compiled and run.

use std::fs;

/// Returns the text of a file, from the root of the repository.
fn read(path: &str) -> String {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the code blocks of a page that begin with `fence`, without indents.
fn blocks(page: &str, fence: &str) -> Vec<String> {
    let parts = page.split(fence).skip(1);
    let code = parts.map(|part| part.split("```").next().unwrap_or_default());
    code.map(unindented).collect()
}

fn unindented(code: &str) -> String {
    let lines: Vec<_> = code.trim().lines().map(str::trim).collect();
    lines.join("\n")
}

/// Each block of Rust in the guide, and the block of the page that is not compiled there, is in the
/// example word for word.
#[test]
fn the_code_of_the_guide_is_in_the_example() {
    let example = unindented(&read("crates/sim/examples/testing_your_service.rs"));
    let guide = blocks(&read("docs/testing-your-service.md"), "```rust\n");
    let page = blocks(&read("crates/sim/README.md"), "```rs\n");
    assert_eq!((guide.len(), page.len()), (7, 1));
    for block in guide.iter().chain(&page) {
        assert!(example.contains(block), "not in the example:\n{block}");
    }
}
