//! Which table is an asset's: found by its name, its former name, or made up for a new one; never another's.

use crate::commit::Sinks;
use crate::definition::Definition;
use crate::deps::Deps;
use crate::names::asset_name;
use segue_core::commit::Role;
use segue_core::hash::sha256;
use segue_core::sink::{Head, Target};
use segue_core::{AssetId, AssetName, Ctx, Error, Kind, Result, TableId};
use segue_diag::{FOREIGN_TABLE, INTO_MOVED, UNKNOWN_TABLE};
use segue_spec::model::Asset;
use segue_store::{AssetRow, Store};
use uuid::Uuid;

/// The asset as the state knows it, under its present or its former name; `None` when it never ran.
///
/// # Errors
/// Those of the state.
pub async fn row(deps: &Deps, asset: &Asset) -> Result<Option<AssetRow>> {
    if let Some(row) = deps.store.asset(&asset_name(&asset.name)).await? {
        return Ok(Some(row));
    }
    match &asset.renamed_from {
        Some(before) => deps.store.asset(&asset_name(before)).await,
        None => Ok(None),
    }
}

/// The asset's row, written down if it is new, renamed if it was renamed.
///
/// # Errors
/// `Conflict` when there is a table at its place that this state does not know.
pub async fn register(deps: &Deps, asset: &Asset, ctx: &Ctx) -> Result<AssetRow> {
    let name = asset_name(&asset.name);
    if let Some(found) = row(deps, asset).await? {
        refuse_moved(asset, &found)?;
        if found.name == name {
            return Ok(found);
        }
        deps.store.rename(found.id, &name).await?;
        return Ok(AssetRow { name, ..found });
    }
    let row = new_row(deps, asset, ctx).await?;
    deps.store.register(&row).await?;
    Ok(row)
}

/// The row that a new asset gets; nothing is written.
///
/// # Errors
/// As [`register`].
pub async fn new_row(deps: &Deps, asset: &Asset, ctx: &Ctx) -> Result<AssetRow> {
    let name = asset_name(&asset.name);
    let id = AssetId::random();
    let connection = asset.into.as_ref().map(|into| into.connection.clone());
    let plain = match &asset.into {
        Some(into) => into.table.clone(),
        None => format!("{}/{}", name.schema(), name.table()),
    };
    let is_anothers = deps.store.is_taken(&plain, connection.as_deref()).await?;
    let place = match is_anothers {
        true if connection.is_some() => {
            return Err(Error::new(
                Kind::Conflict,
                format!("the table `{plain}` of the connection is already another asset's"),
            )
            .code(FOREIGN_TABLE)
            .hint("give this asset another `table:` in `into:`"));
        }
        true => format!("{plain}-{}", &id.to_string()[..8]),
        false => plain,
    };
    let definition = Definition::of(asset, &deps.project.timezone);
    let row = AssetRow {
        id,
        table: TableId::random(),
        name,
        place,
        connection,
        schema: None,
        definition: Some(definition.to_json()?),
        data_hash: Some(definition.data_hash()),
        metadata_hash: Some(definition.metadata_hash()),
        source: None,
        dropped: false,
    };
    let adopts = asset.into.as_ref().is_some_and(|into| into.adopt);
    refuse_foreign(deps, &row, adopts, ctx).await?;
    Ok(row)
}

/// Fails when `into:` names another place than the asset's table has: its rows would go on into the old one.
///
/// # Errors
/// `Conflict`, with the choices.
pub fn refuse_moved(asset: &Asset, row: &AssetRow) -> Result<()> {
    let told = |connection: Option<&str>, table: &str| match connection {
        Some(connection) => format!("`{table}` of {connection}"),
        None => "the lake".to_string(),
    };
    let wanted = asset.into.as_ref().map(|i| (i.connection.as_str(), i.table.as_str()));
    let is_same = match wanted {
        None => row.connection.is_none(),
        Some((connection, table)) => row.connection.as_deref() == Some(connection) && row.place == table,
    };
    if is_same {
        return Ok(());
    }
    let (connection, table) = wanted.unzip();
    Err(Error::new(
        Kind::Conflict,
        format!(
            "the table of {} is {}, and `into:` names {} now",
            asset.name,
            told(row.connection.as_deref(), &row.place),
            told(connection, table.unwrap_or(""))
        ),
    )
    .code(INTO_MOVED)
    .hint(format!(
        "put the old place back; or give up the old table with `segue asset drop {} --table-only`, or name this asset otherwise and keep both",
        row.name
    )))
}

/// Whether the table holds an answer: some part of it was done once. The table of an asset whose checks have failed ever since has
/// none; there are commits in it, but they carried evidence alone.
///
/// # Errors
/// Those of the state.
pub async fn has_answer(store: &Store, row: &AssetRow) -> Result<bool> {
    if !store.ledger(row.id).await?.is_empty() {
        return Ok(true);
    }
    let landed = store.footprints(row.table, 0, u64::MAX).await?;
    Ok(landed.is_empty() || landed.iter().any(|l| !l.footprint.is_nothing()))
}

/// Fails when there is a table where a new one is to be, unless another program made it and the asset `adopts` it.
pub(crate) async fn refuse_foreign(deps: &Deps, row: &AssetRow, adopts: bool, ctx: &Ctx) -> Result<()> {
    let own = own(row);
    let head = head(deps, row, ctx).await?;
    if head.version == 0 && head.n == 0 && head.schema.is_none() {
        return Ok(());
    }
    let ours = head.n > 0 || head.table.is_some();
    if adopts && !ours {
        return Ok(());
    }
    let error = Error::new(
        Kind::Conflict,
        format!("there is a table at {} that this state does not know", own.place),
    )
    .with("asset", &row.name);
    Err(if ours {
        error.code(UNKNOWN_TABLE).hint(format!(
            "run `segue state rebuild`, which reads what was done from the tables themselves; or give it up with `segue asset drop {} --table-only`",
            row.name
        ))
    } else {
        error
            .code(FOREIGN_TABLE)
            .hint(match own.connection {
                Some(_) => {
                    "another program made it: write into another table, move that one away, or take it on as it is with `adopt: true` under `into:`"
                }
                None => "another program made it: name the asset otherwise, or move that table away",
            })
    })
}

/// What the asset's own table is now.
///
/// # Errors
/// The sink's own.
pub async fn head(deps: &Deps, row: &AssetRow, ctx: &Ctx) -> Result<Head> {
    let own = own(row);
    deps.places.of(&own)?.head(&own, ctx).await
}

/// The asset's own table.
pub fn own(row: &AssetRow) -> Target {
    Target {
        asset: row.id,
        table: row.table,
        name: row.name.clone(),
        place: row.place.clone(),
        connection: row.connection.clone(),
    }
}

/// Where the asset's rows go in another system, also before it ever ran; `None` for the lake.
pub fn target(asset: &Asset, row: Option<&AssetRow>) -> Option<Target> {
    let into = asset.into.as_ref()?;
    Some(row.map_or_else(
        || Target {
            asset: AssetId::random(),
            table: TableId::random(),
            name: asset_name(&asset.name),
            place: into.table.clone(),
            connection: Some(into.connection.clone()),
        },
        own,
    ))
}

/// A companion of the asset's table: its quarantine or its kept pages, always in the lake. Its id and place follow from the own
/// table's, so that every process finds the same.
pub fn companion(row: &AssetRow, role: Role) -> Target {
    match role {
        // Of child tables there may be several: [`child`] tells which.
        Role::Table | Role::Child => own(row),
        Role::Quarantine => beside(row, "quarantine", ""),
        Role::Pages => beside(row, "pages", ""),
    }
}

/// A child table of the asset's, by its name behind the asset's.
pub fn child(row: &AssetRow, path: &str) -> Target {
    beside(row, "children", &format!("__{path}"))
}

/// The child tables that the asset may have, by its columns as they are read: by their names behind the asset's.
pub fn children(row: &AssetRow) -> Vec<(String, Target)> {
    let paths = row.schema.as_deref().map(crate::nest::children).unwrap_or_default();
    paths
        .into_iter()
        .map(|path| (path.clone(), child(row, &path)))
        .collect()
}

/// A table in the lake that belongs to the asset's own.
fn beside(row: &AssetRow, folder: &str, name: &str) -> Target {
    let of_table = match &row.connection {
        None => row.place.replace('/', "."),
        Some(connection) => format!("into-{connection}-{}", &row.table.to_string()[..8]),
    };
    let digest = sha256(format!("{}/{folder}{name}", row.table));
    let id = u128::from_str_radix(&digest[..32], 16).unwrap_or_else(|e| unreachable!("a digest is hexadecimal: {e}"));
    Target {
        asset: row.id,
        table: TableId(Uuid::from_u128(id)),
        name: row.name.clone(),
        place: format!("{folder}/{of_table}{name}"),
        connection: None,
    }
}

/// A lake table that is read, by its asset's name. What is not built here is looked for in the environments that this one reads from.
///
/// # Errors
/// `NotFound` when no run of the asset has committed rows of it, here or there.
pub async fn input(deps: &Deps, name: &AssetName, ctx: &Ctx) -> Result<Target> {
    let here = match deps.store.asset(name).await? {
        Some(row) if has_answer(&deps.store, &row).await? => Ok(own(&row)),
        Some(_) => Err(not_yet(name)),
        None => child_input(deps, name).await,
    };
    match here {
        Err(error) if error.error_code() == Some(segue_diag::NO_INPUT) => {
            deps.elsewhere.find(name, ctx).await?.ok_or(error)
        }
        found => found,
    }
}

/// A child table that is read, by its name: the asset's, two underscores, and what stands behind.
async fn child_input(deps: &Deps, name: &AssetName) -> Result<Target> {
    for (at, between) in name.table().match_indices("__") {
        let (parent, path) = (&name.table()[..at], &name.table()[at + between.len()..]);
        let Ok(parent) = format!("{}.{parent}", name.schema()).parse::<AssetName>() else {
            continue;
        };
        let Some(row) = deps.store.asset(&parent).await? else {
            continue;
        };
        let found = children(&row).into_iter().find(|(known, _)| known == path);
        match found {
            Some((_, target)) if has_answer(&deps.store, &row).await? => {
                return Ok(Target {
                    name: name.clone(),
                    ..target
                });
            }
            _ => return Err(not_yet(name).hint(format!("run its asset first: segue run {parent}"))),
        }
    }
    Err(not_yet(name))
}

/// The error for an input that has no table yet.
pub fn not_yet(name: &AssetName) -> Error {
    Error::new(Kind::NotFound, format!("{name} has no table yet"))
        .code(segue_diag::NO_INPUT)
        .hint(format!("run it first: segue run {name}"))
}
