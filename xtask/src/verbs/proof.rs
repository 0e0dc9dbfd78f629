//! The proofs that are more than cargo with arguments: a file each. The table of all proofs is in `jobs.rs`.

pub mod names;
