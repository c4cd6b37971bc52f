//! Checks that the files of a crate do not import each other in a circle.
//!
//! A re-export counts as an import by the file that re-exports, and a name that is used through it as
//! an import from the file that defines the name.

use std::collections::BTreeSet;
use std::path::Path;

use super::imports::{Import, imports};
use super::source::{SourceFile, read_crate};
use crate::context::Context;
use crate::failure::Failure;

/// Returns a text for each circle of files in a package of the workspace.
pub(super) fn broken(context: &Context) -> Result<Vec<String>, Failure> {
    let mut broken = Vec::new();
    for package in context.metadata()?.members() {
        for target in &package.targets {
            if matches!(target.kind.as_str(), "lib" | "bin" | "bench") {
                let sources = read_crate(target.source.as_ref())?;
                broken.extend(described(&sources, &context.root));
            }
        }
    }
    Ok(broken)
}

/// Returns a text for each circle, with the imports that make it one.
fn described(sources: &[SourceFile], root: &Path) -> Vec<String> {
    let imports = imports(sources);
    let shown = |index: usize| {
        let file = &sources[index].file;
        file.strip_prefix(root).unwrap_or(file).display()
    };
    let described = circles(sources.len(), &imports).into_iter().map(|circle| {
        let inside =
            |import: &&Import| circle.contains(&import.from) && circle.contains(&import.to);
        let lines = imports.iter().filter(inside).map(|import| {
            let (from, to) = (shown(import.from), shown(import.to));
            format!("\n  {from}:{}: `{}` of {to}", import.line, import.path)
        });
        format!(
            "these files import each other in a circle; move what they share into a file below them:{}",
            lines.collect::<String>()
        )
    });
    described.collect()
}

/// Returns the sets of files in which each file imports each other, directly or through others.
fn circles(files: usize, imports: &[Import]) -> BTreeSet<BTreeSet<usize>> {
    let reached: Vec<BTreeSet<usize>> =
        (0..files).map(|file| reached_from(file, imports)).collect();
    let in_circle = (0..files).filter(|file| reached[*file].contains(file));
    in_circle
        .map(|file| {
            let back = |other: &usize| reached[*other].contains(&file);
            reached[file].iter().copied().filter(back).collect()
        })
        .collect()
}

/// Returns the files that `start` imports, directly or through others.
fn reached_from(start: usize, imports: &[Import]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(from) = open.pop() {
        for import in imports.iter().filter(|import| import.from == from) {
            if reached.insert(import.to) {
                open.push(import.to);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::source::SourceFile;
    use super::described;

    /// Compares the circles in a crate of these files with the expected lines.
    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let sources: Vec<SourceFile> = files
            .iter()
            .map(|(file, text)| SourceFile::of_text(file, text))
            .collect();
        let found = described(&sources, Path::new(""));
        let lines: Vec<&str> = found
            .iter()
            .flat_map(|text| text.lines().skip(1))
            .map(str::trim)
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn imports_in_one_direction_are_no_circle() {
        check(
            &[
                ("lib.rs", "mod a; mod b; pub use crate::a::A; use b::B;"),
                ("a.rs", "pub struct A;"),
                (
                    "b.rs",
                    "use crate::A; fn b() { crate::a::x() } struct B; mod c; use self::c::C;",
                ),
                ("b/c.rs", "pub(in crate::b) struct C;"),
            ],
            &[],
        );
    }

    #[test]
    fn two_files_that_import_each_other() {
        check(
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::{self, B};\nstruct A;"),
                ("b.rs", "struct B(\n  super::a::A,\n);"),
            ],
            &[
                "a.rs:1: `crate::b` of b.rs",
                "a.rs:1: `crate::b::B` of b.rs",
                "b.rs:2: `super::a::A` of a.rs",
            ],
        );
    }

    #[test]
    fn a_child_and_its_parent() {
        check(
            &[
                ("lib.rs", "mod a;"),
                ("a.rs", "mod b; fn a() { b::run() } struct A;"),
                ("a/b.rs", "use super::A;"),
            ],
            &["a.rs:1: `b::run` of a/b.rs", "a/b.rs:1: `super::A` of a.rs"],
        );
    }

    #[test]
    fn a_circle_through_a_re_export_and_a_rename() {
        check(
            &[
                ("lib.rs", "mod a; mod b; mod c; pub use crate::c::C as Z;"),
                ("a.rs", "use crate::Z;"),
                ("b.rs", "use crate::a::*;"),
                ("c.rs", "use crate::b; struct C;"),
            ],
            &[
                "a.rs:1: `crate::Z` of c.rs",
                "b.rs:1: `crate::a::*` of a.rs",
                "c.rs:1: `crate::b` of b.rs",
            ],
        );
    }
}
