//! Parquet files as other programs write them.
