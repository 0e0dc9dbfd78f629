//! Sheets as people keep them.
