//! What the readers of a table range over: in which columns, and at which boundaries, its commits keep their footprints.

use crate::deps::Deps;
use crate::names::asset_name;
use crate::ranges::Calendar;
use arrow_schema::SchemaRef;
use segue_core::sink::Grain;
use segue_core::{Ctx, Result, Type};
use segue_spec::model::{Asset, How, InputRule};
use std::collections::{BTreeMap, BTreeSet};

/// The grains that the project's other assets read this one's table in. Where several range over one column, its boundaries are all of theirs:
/// each of them sees intervals at least as fine as its own.
///
/// # Errors
/// Those of the calendar.
pub fn grains(deps: &Deps, asset: &Asset, schema: Option<&SchemaRef>, ctx: &Ctx) -> Result<Vec<Grain>> {
    let own = asset_name(&asset.name);
    let mut bounds: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for reader in deps.project.assets.values() {
        let Some(range) = &reader.range else { continue };
        let calendar = Calendar::new(range, &deps.project.timezone)?;
        let mut columns = Vec::new();
        // Through a view that hands the column on, too.
        let behind = deps.project.column_behind(&range.input.table, &range.input.column);
        if let Some((_, column)) = behind.filter(|(table, _)| asset_name(table) == own) {
            columns.push(column);
        }
        if let How::Sql(sql) = &reader.how {
            let rules = sql.inputs.iter().filter(|(name, _)| asset_name(name) == own);
            columns.extend(rules.filter_map(|(_, rule)| match rule {
                InputRule::Column(column) => Some(column.clone()),
                InputRule::Ignore(_) => None,
            }));
        }
        for column in columns {
            let field = schema.and_then(|s| s.field_with_name(&column).ok());
            let of = field.map(Type::of).transpose()?.unwrap_or(Type::Timestamp);
            let boundaries = calendar.boundaries(ctx.clock.now())?.into_iter();
            let held: Result<Vec<i64>> = boundaries.map(|at| calendar.instant_in_column(at, &of)).collect();
            match held {
                Ok(held) => bounds.entry(column).or_default().extend(held),
                // The reader's own step says so; a column that no footprint names has changed everywhere.
                Err(error) => tracing::debug!(asset = %own, %column, %error, "no footprint is kept for this column"),
            }
        }
    }
    Ok(bounds
        .into_iter()
        .map(|(column, bounds)| Grain {
            column,
            bounds: bounds.into_iter().collect(),
        })
        .collect())
}
