//! Keep tables: stage, append, merge, read at a version, compact, expire.
