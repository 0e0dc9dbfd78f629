//! What the types written in SQL are: times in microseconds, an instant in the session's zone, and `bigint unsigned` as decimal(20,0).

use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use datafusion::error::Result;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{self, TimezoneInfo};
use std::sync::Arc;

/// How SQL's types are kept here.
#[derive(Debug)]
pub struct Types {
    zone: Option<Arc<str>>,
}

impl Types {
    /// With the zone of this session.
    pub fn of(state: &SessionState) -> Types {
        let zone = state.config().options().execution.time_zone.as_deref();
        Types {
            zone: zone.map(Arc::from),
        }
    }
}

impl TypePlanner for Types {
    fn plan_type_field(&self, of: &ast::DataType) -> Result<Option<FieldRef>> {
        let data_type = match of {
            ast::DataType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
                DataType::Timestamp(TimeUnit::Microsecond, self.zone.clone())
            }
            ast::DataType::Timestamp(..) | ast::DataType::Datetime(_) => {
                DataType::Timestamp(TimeUnit::Microsecond, None)
            }
            ast::DataType::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                DataType::Time64(TimeUnit::Microsecond)
            }
            ast::DataType::BigIntUnsigned(_) | ast::DataType::Int8Unsigned(_) => DataType::Decimal128(20, 0),
            ast::DataType::Binary(_) | ast::DataType::Varbinary(_) | ast::DataType::Blob(_) => DataType::Binary,
            ast::DataType::Uuid | ast::DataType::JSON => DataType::Utf8,
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(Field::new("", data_type, true))))
    }
}
