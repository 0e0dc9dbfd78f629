//! Codes of SQL: SG02xx.

use crate::Code;

codes! {}
