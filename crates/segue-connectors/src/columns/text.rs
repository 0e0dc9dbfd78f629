//! Strict text to typed value: what a CSV field, a template or a label holds.

use super::{Builder, Misfit, Values, number, time};
use crate::json;
use base64::Engine;
use segue_core::Type;

impl Builder {
    /// Appends what this text says. Nothing is trimmed, rounded or guessed.
    ///
    /// # Errors
    /// Why it does not fit; the column is as before.
    pub fn push_text(&mut self, text: &str) -> Result<(), Misfit> {
        let misfit = |of: &Type, why: &str| {
            let found = json::quoted(text);
            Misfit::new(format!("expected {of}, found {} ({why})", super::short(&found)))
        };
        match (&self.of, &mut self.values) {
            (Type::String, _) => return self.push_bytes(text.as_bytes()),
            (Type::Bool, Values::Bool(v)) => match text {
                "true" => v.push(true),
                "false" => v.push(false),
                _ => return Err(misfit(&self.of, "not true or false")),
            },
            (Type::Float32, Values::Float32(v)) => v.push(number::float32(text).map_err(|why| misfit(&self.of, why))?),
            (Type::Float64, Values::Float64(v)) => v.push(number::float64(text).map_err(|why| misfit(&self.of, why))?),
            (Type::List(_) | Type::Struct(_) | Type::Vector(_) | Type::Json, _) => {
                return json::push_value(self, text, json::Keys::Exact);
            }
            (Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::UInt64, _) => {
                return self.push_whole(text).map_err(|why| misfit(&self.of, why));
            }
            (Type::Decimal(precision, scale), Values::Int128(v)) => {
                v.push(number::decimal(text, *precision, *scale).map_err(|why| misfit(&self.of, why))?);
            }
            _ => return self.push_worded(text).map_err(|why| misfit(&self.of, why)),
        }
        self.valid.push(true);
        Ok(())
    }

    /// Appends a whole number.
    pub(crate) fn push_whole(&mut self, text: &str) -> Result<(), &'static str> {
        match &mut self.values {
            Values::Int8(v) => v.push(number::int64(text)?.try_into().map_err(|_| "out of range")?),
            Values::Int16(v) => v.push(number::int64(text)?.try_into().map_err(|_| "out of range")?),
            Values::Int32(v) => v.push(number::int64(text)?.try_into().map_err(|_| "out of range")?),
            Values::Int64(v) => v.push(number::int64(text)?),
            Values::Int128(v) => v.push(number::uint64(text)?.into()),
            _ => return Err("not a whole number"),
        }
        self.valid.push(true);
        Ok(())
    }

    /// Appends what both JSON and CSV write as words: dates, times, bytes, ids.
    pub(crate) fn push_worded(&mut self, text: &str) -> Result<(), &'static str> {
        match (&self.of, &mut self.values) {
            (Type::Date, Values::Int32(v)) => v.push(time::date(text)?),
            (Type::Time, Values::Int64(v)) => v.push(time::time(text)?),
            (Type::Timestamp, Values::Int64(v)) => v.push(time::timestamp(text)?),
            (Type::LocalTimestamp, Values::Int64(v)) => v.push(time::local_timestamp(text)?),
            (Type::Binary, _) => {
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(text)
                    .map_err(|_| "not base64")?;
                return self.push_bytes(&bytes).map_err(|_| "too much for one batch");
            }
            (Type::Uuid, _) => {
                let id = (text.len() == 36)
                    .then(|| uuid::Uuid::try_parse(text).ok())
                    .flatten()
                    .ok_or("not a UUID")?;
                let mut buffer = uuid::Uuid::encode_buffer();
                let text = id.hyphenated().encode_lower(&mut buffer);
                return self.push_bytes(text.as_bytes()).map_err(|_| "too much for one batch");
            }
            _ => return Err("no text of this type"),
        }
        self.valid.push(true);
        Ok(())
    }
}
