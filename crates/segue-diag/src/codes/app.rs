//! Codes of the command line and the use-cases: SG07xx.

use crate::Code;

codes! {
    DEMO_CATALOGUE = "SG0790",
}
