//! `date_trunc` of an instant, in the zone that it carries. DataFusion's own gives one day two beginnings where a clock is set back at
//! midnight, knows no year after 2262, and looks the zone up for every row. Times without a zone are left to it.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, types::ArrowTimestampType};
use arrow_schema::{DataType, FieldRef, TimeUnit};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::scalar::ScalarValue;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::sync::Arc;

/// `date_trunc(unit, time)`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct DateTrunc {
    without_zone: Arc<ScalarUDF>,
}

impl DateTrunc {
    /// The function.
    pub fn new() -> DateTrunc {
        DateTrunc {
            without_zone: datafusion::functions::datetime::date_trunc(),
        }
    }
}

impl ScalarUDFImpl for DateTrunc {
    fn name(&self) -> &str {
        "date_trunc"
    }

    fn aliases(&self) -> &[String] {
        self.without_zone.aliases()
    }

    fn signature(&self) -> &Signature {
        self.without_zone.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.without_zone.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        self.without_zone.return_field_from_args(arguments)
    }

    fn output_ordering(&self, input: &[ExprProperties]) -> Result<SortProperties> {
        // Within one unit and zone it never goes back.
        self.without_zone.output_ordering(input)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let zone = match arguments.args.get(1).map(ColumnarValue::data_type) {
            Some(DataType::Timestamp(_, Some(zone))) => zone,
            _ => return self.without_zone.invoke_with_args(arguments),
        };
        let unit = match &arguments.args[0] {
            ColumnarValue::Scalar(value) => value.try_as_str().flatten().map(str::to_lowercase),
            ColumnarValue::Array(_) => None,
        };
        let Some(unit) = unit else {
            return exec_err!("the unit of date_trunc is a text and not a column");
        };
        let mut truncation = Truncation::new(&unit, &zone)?;
        match &arguments.args[1] {
            ColumnarValue::Array(times) => Ok(ColumnarValue::Array(truncation.times(times)?)),
            ColumnarValue::Scalar(time) => {
                let times = truncation.times(&time.to_array_of_size(1)?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&times, 0)?))
            }
        }
    }
}

/// The length of time to which a time is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// So many microseconds of the local time, an hour at most.
    Fixed(i64),
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    fn parse(text: &str) -> Result<Unit> {
        Ok(match text {
            "microsecond" => Unit::Fixed(1),
            "millisecond" => Unit::Fixed(1_000),
            "second" => Unit::Fixed(1_000_000),
            "minute" => Unit::Fixed(60_000_000),
            "hour" => Unit::Fixed(3_600_000_000),
            "day" => Unit::Day,
            "week" => Unit::Week,
            "month" => Unit::Month,
            "quarter" => Unit::Quarter,
            "year" => Unit::Year,
            other => {
                return exec_err!(
                    "date_trunc knows no `{other}`; it knows microsecond, millisecond, second, minute, hour, day, week, month, quarter and year"
                );
            }
        })
    }

    /// The first day of the unit that a day lies in, and of the next one.
    fn days(self, day: Date) -> Option<(Date, Date)> {
        let first = match self {
            Unit::Fixed(_) | Unit::Day => day,
            Unit::Week => {
                let since_monday = i32::from(day.weekday().since(Weekday::Monday));
                day.checked_sub(since_monday.days()).ok()?
            }
            Unit::Month => day.first_of_month(),
            Unit::Quarter => Date::new(day.year(), (day.month() - 1) / 3 * 3 + 1, 1).ok()?,
            Unit::Year => day.first_of_year(),
        };
        let length = match self {
            Unit::Fixed(_) | Unit::Day => 1.day(),
            Unit::Week => 1.week(),
            Unit::Month => 1.month(),
            Unit::Quarter => 3.months(),
            Unit::Year => 1.year(),
        };
        Some((first, first.checked_add(length).ok()?))
    }
}

/// Cuts instants to a unit in a zone.
struct Truncation {
    unit: Unit,
    zone: TimeZone,
    /// The stretch of the last answer: times that lie close together do not look the zone up again.
    known: (i64, i64),
}

impl Truncation {
    fn new(unit: &str, zone: &str) -> Result<Truncation> {
        Ok(Truncation {
            unit: Unit::parse(unit)?,
            zone: zone_of(zone)?,
            known: (0, 0),
        })
    }

    fn times(&mut self, times: &ArrayRef) -> Result<ArrayRef> {
        match times.data_type() {
            DataType::Timestamp(TimeUnit::Second, _) => self.column::<TimestampSecondType>(times, 1_000_000, 1),
            DataType::Timestamp(TimeUnit::Millisecond, _) => self.column::<TimestampMillisecondType>(times, 1_000, 1),
            DataType::Timestamp(TimeUnit::Microsecond, _) => self.column::<TimestampMicrosecondType>(times, 1, 1),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => self.column::<TimestampNanosecondType>(times, 1, 1_000),
            other => exec_err!("date_trunc does not take {other}"),
        }
    }

    fn column<T: ArrowTimestampType>(&mut self, times: &ArrayRef, times_by: i64, divided_by: i64) -> Result<ArrayRef> {
        let times = times.as_primitive::<T>();
        let mut cut = |value: i64| {
            let micros = value
                .checked_mul(times_by)
                .ok_or_else(|| out_of_range(value))?
                .div_euclid(divided_by);
            let start = self.start(micros)?;
            start
                .div_euclid(times_by)
                .checked_mul(divided_by)
                .ok_or_else(|| out_of_range(value))
        };
        let cut: PrimitiveArray<T> = times
            .iter()
            .map(|time| time.map(&mut cut).transpose())
            .collect::<Result<_>>()?;
        let zone = match times.data_type() {
            DataType::Timestamp(_, zone) => zone.clone(),
            _ => None,
        };
        Ok(Arc::new(cut.with_timezone_opt(zone)))
    }

    /// The first instant of the unit that this one lies in.
    fn start(&mut self, micros: i64) -> Result<i64> {
        if let Unit::Fixed(length) = self.unit
            && length <= 1_000_000
        {
            // Offsets are whole seconds, so zones do not matter.
            return Ok(micros - micros.rem_euclid(length));
        }
        let (start, end) = self.known;
        if start <= micros && micros < end {
            return Ok(start);
        }
        let instant = Timestamp::from_microsecond(micros).map_err(|_| out_of_range(micros))?;
        if let Unit::Fixed(length) = self.unit {
            let offset = i64::from(self.zone.to_offset(instant).seconds()) * 1_000_000;
            return Ok(micros - (micros + offset).rem_euclid(length));
        }
        let day = self.zone.to_datetime(instant).date();
        let (first, next) = self.unit.days(day).ok_or_else(|| out_of_range(micros))?;
        self.known = (self.midnight(first)?, self.midnight(next)?);
        Ok(self.known.0)
    }

    /// The first instant of a day: after a gap where midnight is skipped, the earlier one where it comes twice.
    fn midnight(&self, day: Date) -> Result<i64> {
        let midnight = DateTime::from_parts(day, Time::midnight());
        let instant = self
            .zone
            .to_ambiguous_timestamp(midnight)
            .compatible()
            .map_err(|_| exec_datafusion_err!("date_trunc: {day} is out of range"))?;
        Ok(instant.as_microsecond())
    }
}

fn zone_of(name: &str) -> Result<TimeZone> {
    if let Ok(zone) = TimeZone::get(name) {
        return Ok(zone);
    }
    // Arrow also writes zones as offsets: +09:00.
    let offset: Option<jiff::tz::Offset> = jiff::fmt::strtime::parse("%:z", name)
        .or_else(|_| jiff::fmt::strtime::parse("%z", name))
        .ok()
        .and_then(|parsed| parsed.offset());
    match offset {
        Some(offset) => Ok(TimeZone::fixed(offset)),
        None => exec_err!("there is no time zone `{name}`"),
    }
}

fn out_of_range(value: i64) -> datafusion::error::DataFusionError {
    exec_datafusion_err!("date_trunc: {value} lies outside the years -9999 to 9999")
}

#[cfg(test)]
mod tests;
