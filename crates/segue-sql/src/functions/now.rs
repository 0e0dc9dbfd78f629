//! `now()`, `current_date` and `current_time`: one moment for the whole statement.

use arrow_schema::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use datafusion::scalar::ScalarValue;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::sync::Arc;

/// A function without arguments that is one value.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Moment {
    name: &'static str,
    aliases: Vec<String>,
    value: ScalarValue,
    signature: Signature,
}

impl Moment {
    fn new(name: &'static str, alias: &str, value: ScalarValue) -> Moment {
        Moment {
            name,
            aliases: vec![alias.to_string()],
            value,
            signature: Signature::nullary(Volatility::Stable),
        }
    }

    /// `now()` and `current_timestamp`: the instant.
    pub fn now(zone: &Arc<str>, now: Timestamp) -> Moment {
        let value = ScalarValue::TimestampMicrosecond(Some(now.as_microsecond()), Some(zone.clone()));
        Moment::new("now", "current_timestamp", value)
    }

    /// `current_date` and `today()`: the day in the zone.
    pub fn today(zone: &Arc<str>, now: Timestamp) -> Moment {
        let days = (local(zone, now).date() - jiff::civil::date(1970, 1, 1)).get_days();
        Moment::new("current_date", "today", ScalarValue::Date32(Some(days)))
    }

    /// `current_time`: the time of day in the zone.
    pub fn time(zone: &Arc<str>, now: Timestamp) -> Moment {
        let time = local(zone, now).time();
        let seconds = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second());
        let micros = seconds * 1_000_000 + i64::from(time.subsec_nanosecond() / 1_000);
        Moment::new(
            "current_time",
            "localtime",
            ScalarValue::Time64Microsecond(Some(micros)),
        )
    }
}

fn local(zone: &str, now: Timestamp) -> DateTime {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    zone.to_datetime(now)
}

impl ScalarUDFImpl for Moment {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.value.data_type())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }

    fn simplify(&self, _: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(self.value.clone(), None)))
    }
}
