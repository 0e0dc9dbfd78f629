//! Codes of a project's files: SG01xx.

use crate::Code;

codes! {}
