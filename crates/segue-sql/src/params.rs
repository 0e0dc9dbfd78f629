//! The values of `$name`, as typed parameters of the plan.

use crate::failure::at;
use crate::place::Place;
use arrow_schema::{Field, FieldRef};
use datafusion::common::ParamValues;
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::scalar::ScalarValue;
use segue_core::engine::Param;
use segue_diag::{Error, Kind, Result, closest};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What each parameter of a statement is.
#[derive(Clone, Debug)]
pub struct Params {
    values: Vec<(String, ScalarValue)>,
}

impl Params {
    /// The given values of the parameters that the statement takes. A timestamp is an instant, shown in the session's zone.
    ///
    /// # Errors
    /// `Invalid`, with the place, for a parameter without a value and for a value that is a list or an object.
    pub fn new(wanted: &BTreeMap<String, Place>, given: &BTreeMap<String, Param>, zone: &Arc<str>) -> Result<Params> {
        let values = wanted
            .iter()
            .map(|(name, place)| match given.get(name) {
                Some(param) => Ok((name.clone(), scalar(name, param, zone).map_err(|e| at(e, *place))?)),
                None => Err(at(missing(name, given), *place)),
            })
            .collect::<Result<_>>()?;
        Ok(Params { values })
    }

    /// The type of each, by name, in the order of [`Params::values`].
    pub fn fields(&self) -> Vec<Option<FieldRef>> {
        self.values
            .iter()
            .map(|(name, value)| Some(Arc::new(Field::new(name, value.data_type(), true))))
            .collect()
    }

    /// The value of each.
    pub fn values(&self) -> ParamValues {
        ParamValues::List(
            self.values
                .iter()
                .map(|(_, value)| ScalarAndMetadata::new(value.clone(), None))
                .collect(),
        )
    }

    /// The value of the parameter that the planner calls `$1`, `$2`, …
    pub fn numbered(&self, id: &str) -> Option<&ScalarValue> {
        let number: usize = id.strip_prefix('$')?.parse().ok()?;
        self.values.get(number.checked_sub(1)?).map(|(_, value)| value)
    }
}

fn missing(name: &str, given: &BTreeMap<String, Param>) -> Error {
    let error = Error::new(Kind::Invalid, format!("the parameter `${name}` has no value"))
        .code(segue_diag::SQL_MISSING_PARAMETER);
    match closest(name, given.keys().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `${near}`?")),
        None if matches!(name, "from" | "to") => {
            error.hint("it is a bound of the range: give --from and --to, or the asset a `range:`")
        }
        None => error.hint(format!("give it with --param {name}=…")),
    }
}

fn scalar(name: &str, param: &Param, zone: &Arc<str>) -> Result<ScalarValue> {
    Ok(match param {
        Param::Timestamp(micros) => ScalarValue::TimestampMicrosecond(Some(*micros), Some(zone.clone())),
        Param::Decimal {
            digits,
            precision,
            scale,
        } => ScalarValue::Decimal128(
            Some(*digits),
            *precision,
            i8::try_from(*scale).map_err(|_| refused(name, "a decimal that no type holds"))?,
        ),
        Param::Value(Value::Null) => ScalarValue::Null,
        Param::Value(Value::Bool(value)) => ScalarValue::Boolean(Some(*value)),
        Param::Value(Value::String(text)) => ScalarValue::Utf8(Some(text.clone())),
        Param::Value(Value::Number(number)) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => ScalarValue::Int64(Some(whole)),
            (_, Some(whole), _) => ScalarValue::Decimal128(Some(i128::from(whole)), 20, 0),
            (_, _, Some(real)) => ScalarValue::Float64(Some(real)),
            _ => return Err(refused(name, "a number that no type holds")),
        },
        Param::Value(Value::Array(_)) => return Err(refused(name, "a list")),
        Param::Value(Value::Object(_)) => return Err(refused(name, "an object")),
    })
}

fn refused(name: &str, what: &str) -> Error {
    Error::new(Kind::Invalid, format!("the parameter `${name}` is {what}"))
        .code(segue_diag::SQL_MISSING_PARAMETER)
        .hint("a parameter is a string, a number, true, false or null")
}
