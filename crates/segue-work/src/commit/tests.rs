//! The protocol, call by call.
