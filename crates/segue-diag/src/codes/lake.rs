//! Codes of the lake: SG04xx.

use crate::Code;

codes! {
    LAKE_OTHER_TABLE = "SG0401",
    LAKE_FEATURE = "SG0402",
    ROWS_OUTSIDE = "SG0403",
    MERGE_KEY = "SG0404",
    LAKE_SCHEMA = "SG0405",
    LOG_GONE = "SG0406",
    VERSION_GONE = "SG0407",
    STAGED_GONE = "SG0408",
    LAKE_STALE = "SG0409",
    LAKE_LOCATION = "SG0410",
    CLAIM_GONE = "SG0411",
    LAKE_MEMORY = "SG0412",
}
