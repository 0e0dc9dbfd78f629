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
    /// What cells said themselves, where they have types: a day, a day with a time, a time.
    told: (bool, bool, bool),
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
            told: (false, false, false),
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

    /// A cell said that it is a day.
    pub fn day(&mut self) {
        self.told.0 = true;
    }

    /// A cell said that it is a day with a time.
    pub fn moment(&mut self) {
        self.told.1 = true;
    }

    /// A cell said that it is a time of day.
    pub fn time(&mut self) {
        self.told.2 = true;
    }

    /// The one type that took every field; text otherwise.
    pub fn of(&self) -> Type {
        match self.told {
            (false, false, false) => {}
            _ if self.any => return Type::String,
            (true, false, false) => return Type::Date,
            (_, true, false) => return Type::LocalTimestamp,
            (false, false, true) => return Type::Time,
            _ => return Type::String,
        }
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
