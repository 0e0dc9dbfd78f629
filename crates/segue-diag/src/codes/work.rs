//! Codes of plans, runs and commits: SG05xx.

use crate::Code;

codes! {
    UNKNOWN_COMMIT = "SG0501",
}
