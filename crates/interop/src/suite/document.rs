//! `docs/interop.md`, which has the table.

use std::path::PathBuf;

use super::table::Table;
use crate::environment::optional;
use crate::wrong::Wrong;

/// The lines around the table.
const BEGIN: &str = "<!-- table -->\n";
const END: &str = "<!-- end of the table -->\n";

/// Compares the table with the one in the document, or writes it there if the environment asks for that.
///
/// # Errors
///
/// When the document has another table.
pub(super) fn update(table: &Table) -> Result<(), Wrong> {
    let Some(path) = optional::<PathBuf>("DOCUMENT")? else {
        return Ok(());
    };
    let cannot = |what, error| format!("cannot {what} {}: {error}", path.display());
    let old = std::fs::read_to_string(&path).map_err(|error| cannot("read", error))?;
    let new = replaced(&old, &table.to_string())
        .ok_or_else(|| format!("{} has no place for the table", path.display()))?;
    if new == old {
        return Ok(());
    }
    if optional::<String>("WRITE_DOCUMENT")?.is_none() {
        return Err(format!(
            "{} has another table; `cargo xtask interop suite --write` replaces it",
            path.display()
        )
        .into());
    }
    std::fs::write(&path, new).map_err(|error| cannot("write", error).into())
}

/// Returns the document with this table between the two lines; `None` if it does not have them.
fn replaced(document: &str, table: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_table_is_replaced() {
        let old = format!("before\n{BEGIN}old\n{END}after\n");
        let new = format!("before\n{BEGIN}\nnew\n\n{END}after\n");
        assert_eq!(replaced(&old, "new\n"), Some(new));
        assert_eq!(replaced("no lines", "new\n"), None);
    }
}
