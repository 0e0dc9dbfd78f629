//! Types from text, where nobody declared any.

use crate::columns::{number, time};
use segue_core::Type;

/// What a column's fields have been so far. Empty fields say nothing.
#[derive(Clone, Copy, Debug)]
pub struct Guess {
    any: bool,
    bool: bool,
    int64: bool,
    float64: bool,
    date: bool,
    timestamp: bool,
}

impl Default for Guess {
    fn default() -> Guess {
        Guess {
            any: false,
            bool: true,
            int64: true,
            float64: true,
            date: true,
            timestamp: true,
        }
    }
}

impl Guess {
    /// Takes a field into account.
    pub fn look(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.any = true;
        // What is ruled out is not looked at again.
        self.bool = self.bool && matches!(text, "true" | "false");
        self.int64 = self.int64 && number::int64(text).is_ok();
        self.float64 = self.float64 && number::float64(text).is_ok();
        self.date = self.date && time::date(text).is_ok();
        self.timestamp = self.timestamp && time::timestamp(text).is_ok();
    }

    /// The one type that took every field; text otherwise.
    pub fn of(&self) -> Type {
        match self {
            Guess { any: false, .. } => Type::String,
            Guess { bool: true, .. } => Type::Bool,
            Guess { int64: true, .. } => Type::Int64,
            Guess { float64: true, .. } => Type::Float64,
            Guess { date: true, .. } => Type::Date,
            Guess { timestamp: true, .. } => Type::Timestamp,
            _ => Type::String,
        }
    }
}
