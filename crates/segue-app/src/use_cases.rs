//! What a door may ask for, a file each.

pub mod init;
