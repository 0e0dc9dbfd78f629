//! Codes of connections, sources and sinks: SG03xx.

use crate::Code;

codes! {}
