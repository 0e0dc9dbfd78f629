//! Instants in the session's zone: inside a query a timestamp column carries that zone, so that `date_trunc`, `extract`, casts to a date
//! and text all mean the project's days. The values are the same instants; outside it is UTC again.

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// The type with every instant in it shown in this zone.
pub fn in_zone(data_type: &DataType, zone: &Arc<str>) -> DataType {
    let field = |f: &Arc<Field>| Arc::new(f.as_ref().clone().with_data_type(in_zone(f.data_type(), zone)));
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some(zone.clone())),
        DataType::List(of) => DataType::List(field(of)),
        DataType::LargeList(of) => DataType::LargeList(field(of)),
        DataType::FixedSizeList(of, size) => DataType::FixedSizeList(field(of), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect::<Fields>()),
        other => other.clone(),
    }
}

/// The schema with every instant in it shown in this zone.
pub fn schema_in_zone(schema: &SchemaRef, zone: &Arc<str>) -> SchemaRef {
    let fields: Fields = schema
        .fields()
        .iter()
        .map(|f| Arc::new(f.as_ref().clone().with_data_type(in_zone(f.data_type(), zone))))
        .collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The filter for a table whose columns are in the given zone again.
pub fn filter_in_zone(filter: Expr, zone: &Arc<str>) -> Result<Expr> {
    filter
        .transform(|expr| {
            Ok(match expr {
                Expr::Literal(ScalarValue::TimestampMicrosecond(value, Some(_)), metadata) => Transformed::yes(
                    Expr::Literal(ScalarValue::TimestampMicrosecond(value, Some(zone.clone())), metadata),
                ),
                other => Transformed::no(other),
            })
        })
        .map(|t| t.data)
}
