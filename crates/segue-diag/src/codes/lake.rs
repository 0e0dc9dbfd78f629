//! Codes of the lake: SG04xx.

use crate::Code;

codes! {}
