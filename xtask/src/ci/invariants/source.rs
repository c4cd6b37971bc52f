//! A crate's source files as tokens, without comments, literals and test code.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// One file of a crate.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// The path of the file.
    pub(super) file: PathBuf,
    /// The names of the modules that lead to it; empty for the root of the crate.
    pub(super) module: Vec<String>,
    /// Its code.
    pub(super) tokens: Vec<Token>,
}

#[cfg(test)]
impl SourceFile {
    /// Returns a file of this text; `file` is its path below `src`.
    pub(super) fn of_text(file: &str, text: &str) -> Self {
        let path = file.trim_end_matches(".rs").split('/');
        Self {
            file: file.into(),
            module: path
                .filter(|name| *name != "lib")
                .map(str::to_owned)
                .collect(),
            tokens: tokens(text),
        }
    }
}

/// An identifier, `::`, or one character of punctuation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

/// Reads the file `root` and every module file below it, test modules left out.
pub(super) fn read_crate(root: &Path) -> Result<Vec<SourceFile>, Failure> {
    let mut sources = Vec::new();
    let folder = root.parent().unwrap_or(root).to_owned();
    let mut open = vec![(root.to_owned(), folder, Vec::new())];
    while let Some((file, folder, module)) = open.pop() {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))?;
        let tokens = tokens(&text);
        for name in module_files(&tokens) {
            let below = folder.join(name);
            let mut path = module.clone();
            path.push(name.to_owned());
            // Neither exists when `#[path]` names the file, which then is no part of this crate.
            let files = [below.with_extension("rs"), below.join("mod.rs")];
            if let Some(file) = files.into_iter().find(|file| file.exists()) {
                open.push((file, below, path));
            }
        }
        sources.push(SourceFile {
            file,
            module,
            tokens,
        });
    }
    sources.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(sources)
}

/// Returns the names of the modules that `tokens` declares and keeps in files of their own.
pub(super) fn module_files(tokens: &[Token]) -> impl Iterator<Item = &str> {
    let declared = |three: &&[Token]| three[0].text == "mod" && three[2].text == ";";
    tokens
        .windows(3)
        .filter(declared)
        .map(|three| three[1].text.as_str())
}

/// Splits `text` into tokens. Comments, literals and items under `#[cfg(test)]` are left out.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    without_tests(&all_tokens(text))
}

fn all_tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(c) = rest.chars().next() {
        let length = if let Some(literal) = literal_length(rest) {
            literal
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment_length(rest)
        } else if c.is_whitespace() {
            c.len_utf8()
        } else {
            let length = if is_word(c) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                c.len_utf8()
            };
            let text = rest[..length].to_owned();
            tokens.push(Token { text, line });
            length
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the length of the string or character literal that `rest` begins with, in bytes.
fn literal_length(rest: &str) -> Option<usize> {
    if rest.starts_with('\'') {
        return character_length(rest);
    }
    if rest.starts_with("b'") {
        return character_length(&rest[1..]).map(|length| 1 + length);
    }
    let prefix = ["br", "cr", "b", "c", "r", ""];
    let prefix = prefix.iter().find(|prefix| {
        let after = rest.strip_prefix(**prefix).unwrap_or_default();
        let quoted = after.trim_start_matches('#').starts_with('"');
        quoted && (prefix.ends_with('r') || after.starts_with('"'))
    })?;
    let body = &rest[prefix.len()..];
    if !prefix.ends_with('r') {
        let close = unescaped(&body[1..], '"').unwrap_or(body.len() - 1);
        return Some((prefix.len() + 1 + close + 1).min(rest.len()));
    }
    let hashes = body.find('"').unwrap_or(0);
    let end = format!("\"{}", "#".repeat(hashes));
    let inside = &body[hashes + 1..];
    let close = inside.find(&end).unwrap_or(inside.len());
    Some((prefix.len() + hashes + 1 + close + end.len()).min(rest.len()))
}

/// Returns the length of a character literal; `None` for a lifetime.
fn character_length(rest: &str) -> Option<usize> {
    let mut inside = rest[1..].chars();
    let first = inside.next()?;
    if first == '\\' {
        return Some(1 + unescaped(&rest[1..], '\'')? + 1);
    }
    (inside.next()? == '\'').then(|| 2 + first.len_utf8())
}

/// Finds the first `quote` in `text` that no backslash escapes.
fn unescaped(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if !escaped && c == quote {
            return Some(at);
        }
        escaped = !escaped && c == '\\';
    }
    None
}

/// Returns the length of the block comment that `rest` begins with; block comments nest.
fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Leaves out each item that is compiled for tests alone.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_test_attribute(&tokens[at..]) {
            at = item_end(tokens, at);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

fn is_test_attribute(tokens: &[Token]) -> bool {
    const TEST: [&str; 5] = ["#", "[", "cfg", "(", "test"];
    const TEST_AND: [&str; 8] = ["#", "[", "cfg", "(", "all", "(", "test", ","];
    let starts_with = |texts: &[&str]| {
        let found = tokens.iter().map(|token| token.text.as_str());
        found.take(texts.len()).eq(texts.iter().copied())
    };
    starts_with(&TEST) || starts_with(&TEST_AND)
}

/// Returns the index after the item that begins at `start` with an attribute.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth <= 0 {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::tokens;

    fn check(text: &str, expected: &[(usize, &str)]) {
        let tokens = tokens(text);
        let found: Vec<_> = tokens.iter().map(|t| (t.line, t.text.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn comments_are_left_out() {
        check("a // b\n/* c /* d */ e\n */ f /// g", &[(1, "a"), (3, "f")]);
    }

    #[test]
    fn literals_are_left_out() {
        check(r#"a "b \" c" 'd' '\'' b"e" b'f'"#, &[(1, "a")]);
        check("r\"a\\\" b", &[(1, "b")]);
        check("r#\"a \" b\"#\nbr##\"c\"# d\"## e", &[(2, "e")]);
    }

    #[test]
    fn lifetimes_and_raw_identifiers_are_no_literals() {
        check("&'a b", &[(1, "&"), (1, "'"), (1, "a"), (1, "b")]);
        check("r#type", &[(1, "r"), (1, "#"), (1, "type")]);
    }

    #[test]
    fn items_for_tests_are_left_out() {
        check(
            "a #[cfg(test)] mod tests { b { c } } d",
            &[(1, "a"), (1, "d")],
        );
        check("#[cfg(test)]\n#[allow(x)]\nfn a([b; 2]) {} c", &[(3, "c")]);
        check("#[cfg(test)] mod tests; a", &[(1, "a")]);
        check("#[cfg(all(test, unix))] mod tests {} a", &[(1, "a")]);
        check("#[cfg(test)] use a::{b, c}; d", &[(1, ";"), (1, "d")]);
    }
}
