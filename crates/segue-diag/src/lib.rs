//! Say what went wrong, to a program and to a person.
//!
//! Two ways in which something can be wrong:
//! [`Error`]: something failed while running; its [`Kind`] alone decides about retry, exit code and status.
//! [`Diagnostic`]: something is wrong with what the user wrote; always a list, with a place, a cause and a remedy.
//! Both carry a [`Code`] with a page that `segue explain` shows.

mod code;
mod codes;
mod diagnostic;
mod error;
mod kind;
mod suggest;

pub use code::{Code, page, pages};
pub use codes::*;
pub use diagnostic::{Diagnostic, Severity, Span, Text, render};
pub use error::{Context, Error, Result};
pub use kind::Kind;
pub use suggest::closest;
