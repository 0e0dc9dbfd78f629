//! Codes of the state: SG06xx.

use crate::Code;

codes! {}
