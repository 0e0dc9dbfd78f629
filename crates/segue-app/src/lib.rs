//! Build a running system from a project and offer its use-cases, a file each.

mod load;
mod resolve;
mod surroundings;
mod use_cases;

pub use load::{Loaded, find, load};
pub use resolve::{References, Resolved, redact};
pub use surroundings::Surroundings;
pub use use_cases::init::init;
