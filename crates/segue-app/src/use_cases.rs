//! What a door may ask for, a file each.

pub(crate) mod adding;
pub mod asset;
pub mod chat;
pub mod connect;
pub mod connection;
pub mod copy;
pub mod discover;
pub mod import;
pub mod init;
pub mod lake;
pub mod plan;
pub mod preview;
pub mod quarantine;
pub mod record;
pub mod resolve;
pub mod restore;
pub mod run;
pub mod runs;
pub mod scaffold;
pub mod sql;
pub mod state;
pub mod status;
pub mod testing;
pub mod tries;
pub mod words;
