//! Codes of finding by name: SG10xx.

use crate::Code;

codes! {
    FIND_COLUMN = "SG1001",
    FIND_ELSEWHERE = "SG1002",
    NO_FIND = "SG1003",
    SQL_RESOLVE = "SG1004",
    TOO_MANY_NAMES = "SG1005",
}
