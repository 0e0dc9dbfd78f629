//! Say what a message asks, and what is answered.
//!
//! In reading order: what of a message counts (`letters`), in which language it is (`language`), what it may ask ([`read`], which gives an
//! [`Asked`]), what a choice sends back ([`Payload`]); what comes of looking for a name ([`Found`]), and what is said: an [`Answer`], by
//! [`answer`], [`offered`] and [`sentence`].
//!
//! One message gives one answer, whatever is missing in the rows that it is made of, and every channel can show it: no part is empty, and
//! none is longer than [`segue_spec::model::chat::limits`].

mod answer;
mod fill;
#[cfg(test)]
mod fixture;
mod found;
mod language;
mod letters;
mod payload;
mod read;
mod say;

pub use answer::{Answer, Block, Button, Card, Named, Outcome, QuickReply, Touch};
pub use found::{Found, Known};
pub use language::{Speaks, language_of};
pub use letters::tidy;
pub use payload::{Payload, default_intent};
pub use read::{Asked, Reading, read};
pub use say::{Rows, Sentence, answer, namesakes, offered, sentence};
