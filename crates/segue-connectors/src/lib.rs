//! Talk to every outside system; a folder each.
