//! SQL: parsed, its tables and parameters found, its columns looked up where they are known.
//!
//! What cannot be known for certain is passed over in silence: a mistake that is none costs more than one that
//! the engine finds later.

mod bounds;
mod expr;
mod from;
mod handed_on;
mod header;
mod names;
mod parse;
mod resolve;
mod rows;
mod scope;
mod select;

pub use handed_on::handed_on;
pub use header::{Header, header};
pub use parse::{Condition, Mistake, Statement, parse_condition, parse_query};
pub use resolve::{Answer, Catalog, Read, Table, Wanted, resolve_condition, resolve_query};
pub use scope::Columns;

#[cfg(test)]
mod tests;
