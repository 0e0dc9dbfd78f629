//! Codes of connections, sources and sinks: SG03xx.

use crate::Code;

codes! {
    REST_PAGE_LOOP = "SG0301",
    REST_NOT_JSON = "SG0302",
    SCHEMA_FROZEN = "SG0303",
    REST_UNAUTHENTICATED = "SG0304",
    REST_DENIED = "SG0305",
    FILES_NONE = "SG0306",
    FILES_HEADER = "SG0307",
    REST_PICK_NONE = "SG0308",
}
