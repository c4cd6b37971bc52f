//! The regions of a page that are written by programs.

/// Returns the page with another text between the lines `<!-- begin NAME -->` and
/// `<!-- end NAME -->`.
pub(crate) fn replace(page: &str, name: &str, text: &str) -> Result<String, String> {
    let (begin, end) = (
        format!("<!-- begin {name} -->\n"),
        format!("<!-- end {name} -->\n"),
    );
    let found = page
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = found.ok_or_else(|| format!("the page has no region `{name}`"))?;
    let text = text.trim_end();
    Ok(format!("{before}{begin}\n{text}\n\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::replace;

    const PAGE: &str = "one\n<!-- begin rpc -->\nold\n<!-- end rpc -->\ntwo\n";

    #[test]
    fn only_the_region_changes() {
        let written = replace(PAGE, "rpc", "new\n").expect("a region");
        let expected = "one\n<!-- begin rpc -->\n\nnew\n\n<!-- end rpc -->\ntwo\n";
        assert_eq!(written, expected);
        assert_eq!(replace(&written, "rpc", "new").as_deref(), Ok(expected));
    }

    #[test]
    fn a_page_without_the_region_is_an_error() {
        let error = "the page has no region `lb`".to_owned();
        assert_eq!(replace(PAGE, "lb", ""), Err(error));
    }
}
