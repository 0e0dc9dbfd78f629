//! Codes of the command line and the use-cases: SG07xx.

use crate::Code;

codes! {
    UNRESOLVED_REFERENCE = "SG0701",
    NO_PROJECT = "SG0702",
    FOLDER_NOT_EMPTY = "SG0703",
    PROJECT_HAS_MISTAKES = "SG0704",
    UNKNOWN_ENVIRONMENT = "SG0705",
    NO_SUCH_TABLES = "SG0706",
    BAD_ADDRESS = "SG0707",
    COPY_ENDS = "SG0708",
    COPY_NAMES = "SG0709",
    TRY_WORDS = "SG0720",
    DEMO_CATALOGUE = "SG0790",
}
