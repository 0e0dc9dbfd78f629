//! What is said of triggers that make something else of the rows of a commit, in any database.

use segue_core::{Error, Kind};
use segue_diag::Code;

/// An error, because the rows are not in the table as they came. `names`: the triggers that may have done it.
pub(crate) fn changed_by(names: &[String], code: Code) -> Error {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let what = match names.as_slice() {
        [one] => format!("the trigger {one} of the table drops or changes rows of the commit"),
        several => format!(
            "one of the table's triggers ({}) drops or changes rows of the commit",
            several.join(", ")
        ),
    };
    Error::new(Kind::BadData, what)
        .code(code)
        .hint("nothing was changed; do in the asset what the trigger does, and drop the trigger")
}
