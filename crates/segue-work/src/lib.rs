//! Carry a step out, and decide what runs when.
