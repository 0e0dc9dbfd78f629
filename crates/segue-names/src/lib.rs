//! Find what somebody means by a name, however it is written.
//!
//! In reading order: what a name is when nothing but the name counts ([`fold_name`]), how far two texts are apart ([`edit_distance`],
//! [`jamo_distance`]), how a name is read in another script (`reading`) and how near that sounds to what is written (`sound`); what is
//! known and asked for ([`Entry`], [`Answer`]), the parts of an index that are built once (`segment`), and the index itself ([`Index`]),
//! which follows the versions of a table, finds (`find`), decides whether it is sure (`decide`), and goes from one process to the next as
//! bytes (`snapshot`).

mod answer;
mod buckets;
mod bytes;
mod decide;
mod distance;
mod find;
mod fold;
mod hangul;
mod index;
mod keys;
mod reading;
mod segment;
mod snapshot;
mod sound;
mod texts;

pub use answer::{Answer, Candidate, Entry, Reason};
pub use distance::{edit_distance, jamo_distance};
pub use fold::fold_name;
pub use index::{Followed, Index};
