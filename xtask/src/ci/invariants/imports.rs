//! Which file of a crate imports which: its paths, followed to the files that define what they
//! name.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{SourceFile, Token, module_files};

/// One file names something that another file of the same crate defines.
#[derive(Debug)]
pub(super) struct Import {
    /// Index of the file that imports.
    pub(super) from: usize,
    /// Index of the file that defines what is imported.
    pub(super) to: usize,
    pub(super) line: usize,
    /// The path, as it is written.
    pub(super) path: String,
}

/// A path in the code, and the name that it is given there.
#[derive(Debug)]
struct Named {
    segments: Vec<String>,
    /// What a `use` calls it; `None` for a path outside of a `use`.
    alias: Option<String>,
    line: usize,
}

/// What is known of each file of a crate.
struct Modules<'a> {
    by_path: BTreeMap<&'a [String], usize>,
    files: Vec<FileFacts<'a>>,
}

struct FileFacts<'a> {
    module: &'a [String],
    children: BTreeSet<&'a str>,
    defined: BTreeSet<&'a str>,
    named: Vec<Named>,
}

/// Re-exports are followed this many times; more is a circle of re-exports.
const MOST_REEXPORTS: usize = 16;

/// Returns the imports between the files of one crate.
pub(super) fn imports(sources: &[SourceFile]) -> Vec<Import> {
    let modules = Modules::new(sources);
    let mut imports = Vec::new();
    for (from, file) in modules.files.iter().enumerate() {
        for named in &file.named {
            if let Some(to) = modules.target(from, &named.segments, 0)
                && to != from
            {
                let (line, path) = (named.line, named.segments.join("::"));
                imports.push(Import {
                    from,
                    to,
                    line,
                    path,
                });
            }
        }
    }
    imports
}

impl<'a> Modules<'a> {
    fn new(sources: &'a [SourceFile]) -> Self {
        let files = sources.iter().map(FileFacts::new);
        let paths = sources.iter().map(|source| source.module.as_slice());
        Self {
            by_path: paths
                .enumerate()
                .map(|(index, path)| (path, index))
                .collect(),
            files: files.collect(),
        }
    }

    /// Returns the file that defines what `segments` names in the file `from`; `None` if that is
    /// outside of the crate.
    fn target(&self, from: usize, segments: &[String], reexports: usize) -> Option<usize> {
        let file = &self.files[from];
        let mut rest = segments;
        let mut at = from;
        match rest.first()?.as_str() {
            "crate" => at = *self.by_path.get(&[][..])?,
            "self" => {}
            "super" => at = self.parent(at)?,
            name if file.children.contains(name) => at = self.child(at, name)?,
            _ => return None,
        }
        rest = &rest[1..];
        while let Some((name, after)) = rest.split_first() {
            let next = match name.as_str() {
                "super" => self.parent(at),
                "self" => Some(at),
                name => self.child(at, name),
            };
            let Some(next) = next else {
                return self.member(at, name, after, reexports);
            };
            at = next;
            rest = after;
        }
        Some(at)
    }

    /// Returns the file that defines `name`, a member of the file `at` that is no module of it.
    fn member(&self, at: usize, name: &str, after: &[String], reexports: usize) -> Option<usize> {
        let file = &self.files[at];
        // A module without a file of this crate: `#[path]` or a macro gives it one.
        if file.children.contains(name) {
            return None;
        }
        if name == "*" || file.defined.contains(name) || reexports == MOST_REEXPORTS {
            return Some(at);
        }
        let mut here = file.named.iter();
        if let Some(named) = here.find(|named| named.alias.as_deref() == Some(name)) {
            let mut path = named.segments.clone();
            path.extend_from_slice(after);
            return self.target(at, &path, reexports + 1);
        }
        let globs = file
            .named
            .iter()
            .filter(|named| named.alias.as_deref() == Some("*"));
        for glob in globs {
            let folder = &glob.segments[..glob.segments.len() - 1];
            if let Some(module) = self.target(at, folder, reexports + 1)
                && self.files[module].defined.contains(name)
            {
                return Some(module);
            }
        }
        Some(at)
    }

    fn parent(&self, at: usize) -> Option<usize> {
        let (_, parent) = self.files[at].module.split_last()?;
        self.by_path.get(parent).copied()
    }

    fn child(&self, at: usize, name: &str) -> Option<usize> {
        let mut path = self.files[at].module.to_vec();
        path.push(name.to_owned());
        self.by_path.get(path.as_slice()).copied()
    }
}

impl<'a> FileFacts<'a> {
    fn new(source: &'a SourceFile) -> Self {
        let children: BTreeSet<&str> = module_files(&source.tokens).collect();
        let named = named_paths(&source.tokens, &children);
        Self {
            module: &source.module,
            children,
            defined: defined_names(&source.tokens).collect(),
            named,
        }
    }
}

/// Returns the names of the items that a file defines itself.
fn defined_names(tokens: &[Token]) -> impl Iterator<Item = &str> {
    const ITEMS: [&str; 9] = [
        "struct",
        "enum",
        "union",
        "fn",
        "trait",
        "type",
        "const",
        "static",
        "macro_rules",
    ];
    tokens.windows(3).filter_map(|three| {
        let item = ITEMS.contains(&three[0].text.as_str());
        let at = if three[1].text == "!" { 2 } else { 1 };
        item.then_some(three[at].text.as_str())
    })
}

/// Returns the paths that a file's `use` declarations and code write out.
fn named_paths(tokens: &[Token], children: &BTreeSet<&str>) -> Vec<Named> {
    let mut named = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let text = tokens[at].text.as_str();
        if text == "use" {
            at = use_tree(tokens, at + 1, &[], &mut named);
            continue;
        }
        let starts = matches!(text, "crate" | "self" | "super") || children.contains(text);
        let before = at.checked_sub(1).map(|before| tokens[before].text.as_str());
        // `pub(in crate::a)` imports nothing.
        let starts = starts && !(at >= 3 && tokens[at - 3].text == "pub" && before == Some("in"));
        if starts && !matches!(before, Some("::" | "." | "mod")) && follows(tokens, at + 1, "::") {
            let mut segments = vec![text.to_owned()];
            let line = tokens[at].line;
            while follows(tokens, at + 1, "::") && tokens.get(at + 2).is_some_and(is_word) {
                segments.push(tokens[at + 2].text.clone());
                at += 2;
            }
            named.push(Named {
                segments,
                alias: None,
                line,
            });
        }
        at += 1;
    }
    named
}

/// Reads the tree of a `use` declaration at `at`, below `prefix`; returns the index after it.
fn use_tree(tokens: &[Token], mut at: usize, prefix: &[String], named: &mut Vec<Named>) -> usize {
    let mut segments = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while at < tokens.len() && !follows(tokens, at, "}") {
                    at = use_tree(tokens, at, &segments, named);
                    at += usize::from(follows(tokens, at, ","));
                }
                return at + 1;
            }
            "as" => {
                let alias = tokens.get(at + 1).map(|alias| alias.text.clone());
                named.push(Named {
                    segments,
                    alias,
                    line,
                });
                return at + 2;
            }
            text if is_word(token) || text == "*" => {
                segments.push(token.text.clone());
                at += 1;
            }
            _ => break,
        }
    }
    // `a::{self}` names `a`.
    if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
        segments.pop();
    }
    let alias = segments.last().cloned();
    named.push(Named {
        segments,
        alias,
        line,
    });
    at
}

fn follows(tokens: &[Token], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| token.text == text)
}

fn is_word(token: &Token) -> bool {
    token
        .text
        .starts_with(|c: char| c.is_alphabetic() || c == '_')
}
