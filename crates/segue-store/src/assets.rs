//! What is known of each asset: its identity, its table, and the definition that made it.

use crate::error::failed;
use crate::store::Store;
use crate::values::{Columns, to_json};
use segue_core::sink::Target;
use segue_core::source::Column;
use segue_core::{AssetId, AssetName, Error, Kind, Result, TableId};
use segue_diag as codes;
use serde_json::Value;
use sqlx::sqlite::SqliteRow;

/// One asset as the state knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct AssetRow {
    /// Its identity for life.
    pub id: AssetId,
    /// The identity of its present table.
    pub table: TableId,
    /// What it is called now.
    pub name: AssetName,
    /// Where its table is: the path below the lake's root, or the name in the database.
    pub place: String,
    /// The connection that holds the table; `None` is the lake.
    pub connection: Option<String>,
    /// The columns, where they were inferred once and are frozen since.
    pub schema: Option<Vec<Column>>,
    /// The definition that last ran, as the application wrote it down.
    pub definition: Option<Value>,
    /// The data hash of that definition.
    pub data_hash: Option<String>,
    /// The metadata hash of that definition.
    pub metadata_hash: Option<String>,
    /// Where it was last read from: scheme, host, database, account; no secret.
    pub source: Option<String>,
    /// Whether it was dropped; its commits stay in the history.
    pub dropped: bool,
}

impl AssetRow {
    /// The asset of this table, of which nothing else is known.
    pub fn of(target: Target) -> AssetRow {
        AssetRow {
            id: target.asset,
            table: target.table,
            name: target.name,
            place: target.place,
            connection: target.connection,
            schema: None,
            definition: None,
            data_hash: None,
            metadata_hash: None,
            source: None,
            dropped: false,
        }
    }
}

impl Store {
    /// The asset of this name, unless it was dropped.
    pub async fn asset(&self, name: &AssetName) -> Result<Option<AssetRow>> {
        let row = sqlx::query("select * from assets where name = $1 and dropped = 0")
            .bind(name.to_string())
            .fetch_optional(self.reader())
            .await
            .map_err(failed("read the assets"))?;
        row.as_ref().map(asset_row).transpose()
    }

    /// Every asset, dropped ones included, by name.
    pub async fn assets(&self) -> Result<Vec<AssetRow>> {
        let rows = sqlx::query("select * from assets order by name, dropped, id")
            .fetch_all(self.reader())
            .await
            .map_err(failed("read the assets"))?;
        rows.iter().map(asset_row).collect()
    }

    /// Whether the table at this place is an asset's that was not dropped.
    pub async fn is_taken(&self, place: &str, connection: Option<&str>) -> Result<bool> {
        let row = sqlx::query(
            "select 1 from assets where place = $1 and connection is not distinct from $2 and dropped = 0 limit 1",
        )
        .bind(place)
        .bind(connection)
        .fetch_optional(self.reader())
        .await
        .map_err(failed("read the assets"))?;
        Ok(row.is_some())
    }

    /// The asset of this identity, dropped or not.
    pub async fn asset_by_id(&self, id: AssetId) -> Result<Option<AssetRow>> {
        let row = sqlx::query("select * from assets where id = $1")
            .bind(id.to_string())
            .fetch_optional(self.reader())
            .await
            .map_err(failed("read the assets"))?;
        row.as_ref().map(asset_row).transpose()
    }

    /// The asset whose present table this is, dropped or not.
    pub async fn asset_by_table(&self, table: TableId) -> Result<Option<AssetRow>> {
        let row = sqlx::query("select * from assets where table_id = $1 order by dropped")
            .bind(table.to_string())
            .fetch_optional(self.reader())
            .await
            .map_err(failed("read the assets"))?;
        row.as_ref().map(asset_row).transpose()
    }

    /// Writes a new asset down.
    ///
    /// # Errors
    /// `Conflict` when there is one of this identity or, not dropped, of this name.
    pub async fn register(&self, asset: &AssetRow) -> Result<()> {
        let mut tx = self.write("register an asset").await?;
        insert(&mut tx, asset)
            .await?
            .map_err(|_| taken(&asset.name, "register it"))?;
        // Tries that failed before it was written down are its own from now on.
        sqlx::query("update steps set asset = $1 where asset is null and name = $2")
            .bind(asset.id.to_string())
            .bind(asset.name.to_string())
            .execute(&mut *tx)
            .await
            .map_err(failed("register an asset"))?;
        tx.commit().await
    }

    /// Gives the asset another name. Its table, history and ledger stay where they are.
    ///
    /// # Errors
    /// `Conflict` when another asset has the name, `NotFound` when there is no such asset.
    pub async fn rename(&self, id: AssetId, name: &AssetName) -> Result<()> {
        let query = sqlx::query("update assets set name = $2 where id = $1")
            .bind(id.to_string())
            .bind(name.to_string());
        self.update(id, "rename an asset", Some(name), query).await
    }

    /// Keeps the columns that were inferred for the asset.
    ///
    /// # Errors
    /// `NotFound` when there is no such asset.
    pub async fn freeze_schema(&self, id: AssetId, columns: &[Column]) -> Result<()> {
        let query = sqlx::query("update assets set frozen_columns = $2 where id = $1")
            .bind(id.to_string())
            .bind(to_json(&columns)?);
        self.update(id, "keep an asset's columns", None, query).await
    }

    /// Keeps the definition that ran, its hashes, and the source that it read.
    ///
    /// # Errors
    /// `NotFound` when there is no such asset.
    pub async fn set_definition(
        &self,
        id: AssetId,
        definition: &Value,
        data_hash: &str,
        metadata_hash: &str,
        source: Option<&str>,
    ) -> Result<()> {
        let query = sqlx::query(
            "update assets set definition = $2, data_hash = $3, metadata_hash = $4, source = $5 where id = $1",
        )
        .bind(id.to_string())
        .bind(to_json(definition)?)
        .bind(data_hash.to_string())
        .bind(metadata_hash.to_string())
        .bind(source.map(str::to_string));
        self.update(id, "keep an asset's definition", None, query).await
    }

    /// Gives the asset another table: only after its table was dropped. What the ledger said of the old one is forgotten.
    ///
    /// # Errors
    /// `NotFound` when there is no such asset.
    pub async fn new_table(&self, id: AssetId, table: TableId, place: &str) -> Result<()> {
        let mut tx = self.write("give an asset a new table").await?;
        let changed = sqlx::query("update assets set table_id = $2, place = $3, dropped = 0 where id = $1")
            .bind(id.to_string())
            .bind(table.to_string())
            .bind(place.to_string())
            .execute(&mut *tx)
            .await
            .map_err(failed("give an asset a new table"))?;
        exists(id, changed.rows_affected())?;
        forget_table(&mut tx, id).await?;
        tx.commit().await
    }

    /// Marks the asset dropped, and forgets its ledger and what is parked. Its commits stay in the history.
    ///
    /// # Errors
    /// `NotFound` when there is no such asset.
    pub async fn drop_asset(&self, id: AssetId) -> Result<()> {
        let mut tx = self.write("drop an asset").await?;
        let changed = sqlx::query("update assets set dropped = 1 where id = $1")
            .bind(id.to_string())
            .execute(&mut *tx)
            .await
            .map_err(failed("drop an asset"))?;
        exists(id, changed.rows_affected())?;
        forget_table(&mut tx, id).await?;
        tx.commit().await
    }

    /// Where the asset was last read from.
    pub async fn source_of(&self, id: AssetId) -> Result<Option<String>> {
        Ok(self.asset_by_id(id).await?.and_then(|a| a.source))
    }

    /// Takes another address for the source that these assets were read from: what was done stays done.
    pub async fn accept_source(&self, assets: &[AssetId], identity: &str) -> Result<()> {
        let mut tx = self.write("accept a source").await?;
        for id in assets {
            for sql in [
                "update assets set source = $2 where id = $1",
                "update ledger set source = $2 where asset = $1 and source is not null",
            ] {
                sqlx::query(sql)
                    .bind(id.to_string())
                    .bind(identity)
                    .execute(&mut *tx)
                    .await
                    .map_err(failed("accept a source"))?;
            }
        }
        tx.commit().await
    }

    async fn update(
        &self,
        id: AssetId,
        doing: &'static str,
        name: Option<&AssetName>,
        query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<()> {
        let mut tx = self.write(doing).await?;
        let done = query.execute(&mut *tx).await;
        let changed = match (done, name) {
            (Err(e), Some(name)) if is_doubled(&e) => return Err(taken(name, doing)),
            (done, _) => done.map_err(failed(doing))?,
        };
        exists(id, changed.rows_affected())?;
        tx.commit().await
    }
}

/// Inserts the row; the inner error says that the id or the name is there already.
pub(crate) async fn insert(connection: &mut sqlx::SqliteConnection, asset: &AssetRow) -> Result<Result<(), Error>> {
    let done = sqlx::query(
        "insert into assets (id, table_id, name, place, connection, frozen_columns, definition, data_hash, metadata_hash, source, dropped)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(asset.id.to_string())
    .bind(asset.table.to_string())
    .bind(asset.name.to_string())
    .bind(&asset.place)
    .bind(&asset.connection)
    .bind(asset.schema.as_ref().map(to_json).transpose()?)
    .bind(asset.definition.as_ref().map(to_json).transpose()?)
    .bind(&asset.data_hash)
    .bind(&asset.metadata_hash)
    .bind(&asset.source)
    .bind(i64::from(asset.dropped))
    .execute(connection)
    .await;
    match done {
        Ok(_) => Ok(Ok(())),
        Err(e) if is_doubled(&e) => Ok(Err(failed("register an asset")(e))),
        Err(e) => Err(failed("register an asset")(e)),
    }
}

async fn forget_table(connection: &mut sqlx::SqliteConnection, id: AssetId) -> Result<()> {
    for sql in [
        "delete from ledger where asset = $1",
        "delete from parked where asset = $1",
        // Nothing lands on a table that is gone.
        "update commits set state = 'forgotten' where asset = $1 and state = 'prepared'",
        "update commits set cleared = 1 where asset = $1 and state = 'given_up'",
        // The numbers stay used; the next commit of the new table follows none.
        "update heads set last_n = 0, last_id = null, position = null where asset = $1",
    ] {
        sqlx::query(sql)
            .bind(id.to_string())
            .execute(&mut *connection)
            .await
            .map_err(failed("forget an asset's table"))?;
    }
    Ok(())
}

fn is_doubled(e: &sqlx::Error) -> bool {
    e.as_database_error().is_some_and(|e| e.is_unique_violation())
}

fn taken(name: &AssetName, doing: &str) -> Error {
    Error::new(
        Kind::Conflict,
        format!("cannot {doing}: there is an asset {name} already"),
    )
    .code(codes::ASSET_TAKEN)
}

fn exists(id: AssetId, changed: u64) -> Result<()> {
    match changed {
        0 => Err(Error::new(Kind::NotFound, format!("the state has no asset {id}"))),
        _ => Ok(()),
    }
}

fn asset_row(row: &SqliteRow) -> Result<AssetRow> {
    let c = Columns(row);
    Ok(AssetRow {
        id: c.parsed("id")?,
        table: c.parsed("table_id")?,
        name: c.parsed("name")?,
        place: c.get("place")?,
        connection: c.get("connection")?,
        schema: c.maybe_json("frozen_columns")?,
        definition: c.maybe_json("definition")?,
        data_hash: c.get("data_hash")?,
        metadata_hash: c.get("metadata_hash")?,
        source: c.get("source")?,
        dropped: c.get::<i64>("dropped")? != 0,
    })
}

#[cfg(test)]
mod tests;
