//! The tables of a session: exactly those of the query, each behind a provider of ours. This is the one place where a policy can
//! stand: whatever a reader of a table may not see is to be taken away in [`Table::scan`], below everything that the reader wrote.

use crate::zone::{filter_in_zone, in_zone, schema_in_zone};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::TableReference;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use segue_core::engine::{Relation, TableKey};
use segue_diag::{Error, Kind, Result, closest};
use segue_lake::LakeView;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// The tables that a statement may name.
pub struct Tables {
    relations: BTreeMap<TableKey, Arc<dyn Relation>>,
    zone: Arc<str>,
    read: Mutex<BTreeSet<TableKey>>,
}

impl Tables {
    /// These, with their instants shown in this zone.
    pub fn new(relations: BTreeMap<TableKey, Arc<dyn Relation>>, zone: Arc<str>) -> Tables {
        Tables {
            relations,
            zone,
            read: Mutex::default(),
        }
    }

    /// The tables that were asked for so far.
    pub fn read(&self) -> Vec<TableKey> {
        self.read.lock().iter().cloned().collect()
    }

    /// The table of this name.
    ///
    /// # Errors
    /// `Invalid` with what was probably meant, when there is none.
    pub fn find(&self, name: &TableReference) -> Result<Arc<dyn TableProvider>> {
        let (key, relation) = self.relation(name)?;
        self.provider(key, &relation)
    }

    /// These rows as the table of this name.
    ///
    /// # Errors
    /// Those of opening a table of the lake.
    pub fn provider(&self, key: TableKey, relation: &Arc<dyn Relation>) -> Result<Arc<dyn TableProvider>> {
        let rows = match relation.as_any().downcast_ref::<LakeView>() {
            Some(view) => view.provider()?,
            None => Arc::new(Streamed::new(relation.clone())),
        };
        Ok(Arc::new(Table::new(key, rows, self.zone.clone())))
    }

    /// The zone in which instants are shown.
    pub fn zone(&self) -> &Arc<str> {
        &self.zone
    }

    /// The rows of the table of this name, as they were handed in: for what knows which version of it they are.
    ///
    /// # Errors
    /// As [`Tables::find`].
    pub fn relation(&self, name: &TableReference) -> Result<(TableKey, Arc<dyn Relation>)> {
        let key = match name {
            TableReference::Partial { schema, table } => TableKey::new(schema.as_ref(), table.as_ref()),
            TableReference::Bare { table } => return Err(self.unknown(table, None)),
            TableReference::Full { .. } => return Err(self.unknown(&name.to_string(), None)),
        };
        let relation = self
            .relations
            .get(&key)
            .ok_or_else(|| self.unknown(&key.to_string(), Some(&key)))?;
        self.read.lock().insert(key.clone());
        Ok((key, relation.clone()))
    }

    fn unknown(&self, name: &str, key: Option<&TableKey>) -> Error {
        let error =
            Error::new(Kind::Invalid, format!("there is no table `{name}`")).code(segue_diag::SQL_UNKNOWN_TABLE);
        let names: Vec<String> = self.relations.keys().map(ToString::to_string).collect();
        if key.is_none()
            && let Some(same) = self.relations.keys().find(|k| k.table == name)
        {
            return error.hint(format!("did you mean `{same}`? A table is written with its schema"));
        }
        match closest(name, names.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None if names.is_empty() => error.hint("there is no table yet; `segue run` makes them"),
            None if key.is_none() => error.hint("write schema.table, such as raw.artists"),
            None => error.hint("`show tables` lists them"),
        }
    }
}

/// A table of a session.
pub struct Table {
    key: TableKey,
    rows: Arc<dyn TableProvider>,
    schema: SchemaRef,
    zone: Arc<str>,
}

impl Table {
    fn new(key: TableKey, rows: Arc<dyn TableProvider>, zone: Arc<str>) -> Table {
        let schema = schema_in_zone(&rows.schema(), &zone);
        Table {
            key,
            rows,
            schema,
            zone,
        }
    }

    /// The filter in the words of the rows below, if its meaning is the same there: columns against literals of their type, alone or
    /// joined by `and` and `or`. Anything else could show a reader what it may not see, or mean another day in another zone.
    fn below(&self, filter: &Expr) -> Option<Expr> {
        if !self.is_plain(filter) {
            return None;
        }
        filter_in_zone(filter.clone(), &Arc::from("UTC")).ok()
    }

    fn is_plain(&self, filter: &Expr) -> bool {
        match filter {
            Expr::BinaryExpr(binary) => match binary.op {
                Operator::And | Operator::Or => self.is_plain(&binary.left) && self.is_plain(&binary.right),
                Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => {
                    self.is_column_with(&binary.left, &binary.right) || self.is_column_with(&binary.right, &binary.left)
                }
                _ => false,
            },
            Expr::InList(list) => list.list.iter().all(|item| self.is_column_with(&list.expr, item)),
            Expr::Between(between) => {
                self.is_column_with(&between.expr, &between.low) && self.is_column_with(&between.expr, &between.high)
            }
            Expr::IsNull(of) | Expr::IsNotNull(of) => matches!(of.as_ref(), Expr::Column(_)),
            _ => false,
        }
    }

    fn is_column_with(&self, column: &Expr, literal: &Expr) -> bool {
        match (column, literal) {
            (Expr::Column(column), Expr::Literal(value, _)) => self
                .schema
                .field_with_name(&column.name)
                .is_ok_and(|field| *field.data_type() == value.data_type()),
            _ => false,
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("name", &self.key).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for Table {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        filters
            .iter()
            .map(|filter| match self.below(filter) {
                // Never exact: the optimiser may rewrite a filter after it was accepted (`x is not null` becomes `true`), so every
                // filter stays above the table too, and one that is no longer plain in `scan` is left to that.
                Some(below) => Ok(match self.rows.supports_filters_pushdown(&[&below])?.pop() {
                    Some(TableProviderFilterPushDown::Exact | TableProviderFilterPushDown::Inexact) => {
                        TableProviderFilterPushDown::Inexact
                    }
                    _ => TableProviderFilterPushDown::Unsupported,
                }),
                None => Ok(TableProviderFilterPushDown::Unsupported),
            })
            .collect()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let below: Vec<Expr> = filters.iter().filter_map(|filter| self.below(filter)).collect();
        let rows = self.rows.scan(state, projection, &below, limit).await?;
        shown_in_zone(rows, &self.zone)
    }
}

/// The same rows with their instants in the zone. Nothing is added where there are none.
fn shown_in_zone(rows: Arc<dyn ExecutionPlan>, zone: &Arc<str>) -> PlanResult<Arc<dyn ExecutionPlan>> {
    let schema = rows.schema();
    let is_same = |f: &arrow_schema::Field| in_zone(f.data_type(), zone) == *f.data_type();
    if schema.fields().iter().all(|f| is_same(f)) {
        return Ok(rows);
    }
    let columns = schema.fields().iter().enumerate().map(|(at, field)| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), at));
        let shown: Arc<dyn PhysicalExpr> = if is_same(field) {
            column
        } else {
            let wanted = field.as_ref().clone().with_data_type(in_zone(field.data_type(), zone));
            Arc::new(CastExpr::new_with_target_field(column, Arc::new(wanted), None))
        };
        (shown, field.name().clone())
    });
    Ok(Arc::new(ProjectionExec::try_new(columns, rows)?))
}

/// Any relation, read as a stream.
pub struct Streamed {
    relation: Arc<dyn Relation>,
    schema: SchemaRef,
}

impl Streamed {
    pub fn new(relation: Arc<dyn Relation>) -> Streamed {
        let schema = relation.schema();
        Streamed { relation, schema }
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streamed")
    }
}

#[async_trait]
impl TableProvider for Streamed {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => self.schema.clone(),
        };
        let rows = Arc::new(RelationStream {
            relation: self.relation.clone(),
            columns: projection.cloned(),
            schema: schema.clone(),
        });
        Ok(Arc::new(StreamingTableExec::try_new(
            schema,
            vec![rows],
            None,
            [],
            false,
            limit,
        )?))
    }
}

struct RelationStream {
    relation: Arc<dyn Relation>,
    columns: Option<Vec<usize>>,
    schema: SchemaRef,
}

impl fmt::Debug for RelationStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelationStream")
    }
}

impl PartitionStream for RelationStream {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (relation, columns) = (self.relation.clone(), self.columns.clone());
        let schema = self.schema.clone();
        let rows = futures::stream::once(async move { relation.scan(columns.as_deref()).await })
            .try_flatten()
            .map(move |batch| {
                let batch = batch.map_err(|e| DataFusionError::External(Box::new(e)))?;
                Ok(batch.with_schema(schema.clone())?)
            });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), rows))
    }
}

#[cfg(test)]
mod tests;
