//! The entry: where a lake is, and how it is a [`Sink`].

use crate::claims::as_they_landed;
use crate::disk::SyncedLocal;
use crate::errors::storage;
use crate::loaded::Loaded;
use crate::plan::Plan;
use crate::table::Table;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use futures::stream::BoxStream;
use object_store::ObjectStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use segue_core::commit::CommitRecord;
use segue_core::durable::{Fsync, make_folders};
use segue_core::engine::Relation;
use segue_core::sink::{Change, Claim, Committed, Grain, Head, LoggedChange, Rows, Sink, Staged, Target, WorkedOut};
use segue_core::{Ctx, Error, Kind, Result};
use segue_diag::{LAKE_LOCATION, LAKE_OTHER_TABLE};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use url::Url;

/// How a lake is opened.
#[derive(Clone, Debug)]
pub struct LakeOptions {
    /// Whether local files and folders are synced before they count. Off, a power cut can take commits back; for throw-away lakes.
    pub sync: bool,
    /// The size, in bytes, at which a data file is finished and another begun. Compaction aims at it too.
    pub target_file_bytes: u64,
    /// Options of the object store, such as `aws_region`; a folder has none.
    pub storage: HashMap<String, String>,
}

impl Default for LakeOptions {
    fn default() -> LakeOptions {
        LakeOptions {
            sync: true,
            target_file_bytes: 128 << 20,
            storage: HashMap::new(),
        }
    }
}

/// A lake: Delta tables on an object store. Cheap to clone. What it knows is on the store; it only remembers tables that it has
/// just read, and asks whether they are still the newest.
#[derive(Clone, Debug)]
pub struct Lake {
    /// Rooted where the address's path begins.
    root: Arc<dyn ObjectStore>,
    /// The same, where it is a folder that is synced.
    local: Option<SyncedLocal>,
    /// Ends with a slash.
    url: Url,
    prefix: Path,
    options: Arc<LakeOptions>,
    loaded: Arc<Loaded>,
}

impl Lake {
    /// Opens the lake in a folder (made when it is not there) or at an object store's address.
    ///
    /// # Errors
    /// `Invalid` for what is neither, and for options that the store does not know.
    pub fn open(location: &str, options: &LakeOptions) -> Result<Lake> {
        match Url::parse(location) {
            Ok(url) if url.scheme() == "file" => {
                let path = url.to_file_path();
                let path = path.map_err(|()| cannot_open(location, "it is no path of this machine"))?;
                Lake::local(&path, options)
            }
            // A letter and a colon is a drive, not an address.
            Ok(url) if url.scheme().len() > 1 => {
                let (store, _) = object_store::parse_url_opts(&url, &options.storage)
                    .map_err(|e| cannot_open(location, "its address or its options are not known").caused_by(e))?;
                Lake::with_store(Arc::from(store), url, options)
            }
            _ => Lake::local(std::path::Path::new(location), options),
        }
    }

    /// A lake on this store, which is rooted where the address's path begins: `memory:///lake` lies below `lake` in it.
    ///
    /// # Errors
    /// `Invalid` for an address that cannot hold folders.
    pub fn with_store(store: Arc<dyn ObjectStore>, mut url: Url, options: &LakeOptions) -> Result<Lake> {
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let prefix = Path::from_url_path(url.path())
            .map_err(|e| cannot_open(url.as_str(), "its path is none of an object store").caused_by(e))?;
        Ok(Lake {
            root: store,
            local: None,
            url,
            prefix,
            options: Arc::new(options.clone()),
            loaded: Arc::default(),
        })
    }

    /// A lake on this folder, with its own way of making things durable; for tests that cut the power.
    ///
    /// # Errors
    /// `Invalid` for a folder that cannot be made.
    pub fn with_local(store: SyncedLocal, folder: &std::path::Path, options: &LakeOptions) -> Result<Lake> {
        let shown = folder.display().to_string();
        let url = Url::from_directory_path(folder).map_err(|()| cannot_open(&shown, "it is not a full path"))?;
        let lake = Lake::with_store(Arc::new(store.clone()), url, options)?;
        Ok(Lake {
            local: Some(store),
            ..lake
        })
    }

    fn local(path: &std::path::Path, options: &LakeOptions) -> Result<Lake> {
        let shown = path.display().to_string();
        let failed = |e: std::io::Error| cannot_open(&shown, "the folder cannot be made").caused_by(e);
        match options.sync {
            true => make_folders(path, &Fsync).map_err(failed)?,
            false => std::fs::create_dir_all(path).map_err(failed)?,
        }
        let folder = path.canonicalize().map_err(failed)?;
        if options.sync {
            return Lake::with_local(SyncedLocal::new(&folder), &folder, options);
        }
        let url = Url::from_directory_path(&folder).map_err(|()| cannot_open(&shown, "it is not a full path"))?;
        Lake::with_store(Arc::new(object_store::local::LocalFileSystem::new()), url, options)
    }

    /// How it was opened.
    pub fn options(&self) -> &LakeOptions {
        &self.options
    }

    /// The lake's own folder.
    pub(crate) fn files(&self) -> Arc<dyn ObjectStore> {
        Arc::new(PrefixStore::new(self.root.clone(), self.prefix.clone()))
    }

    /// A table's folder.
    pub(crate) fn store_of(&self, place: &str) -> Arc<dyn ObjectStore> {
        let below: Path = self.prefix.parts().chain(Path::from(place).parts()).collect();
        Arc::new(PrefixStore::new(self.root.clone(), below))
    }

    /// A table's log, unguarded: for reading.
    pub(crate) fn log_of(&self, place: &str) -> Result<LogStoreRef> {
        let location = self.url.join(&format!("{place}/"));
        let location =
            location.map_err(|e| Error::bug(format!("`{place}` is not the place of a table")).caused_by(e))?;
        Ok(default_logstore(
            self.store_of(place),
            self.root.clone(),
            &location,
            &StorageConfig::default(),
        ))
    }

    /// The table at a place, whosever it is.
    pub(crate) async fn load(&self, place: &str, version: Option<u64>, name: &str) -> Result<Option<Arc<Table>>> {
        let store = self.store_of(place);
        if let Some(table) = self.loaded.get(place, store.as_ref()).await?
            && version.is_none_or(|v| v == table.version())
        {
            return Ok(Some(table));
        }
        let table = Table::load(self.log_of(place)?, version, name).await?.map(Arc::new);
        if let (Some(table), None) = (&table, version) {
            self.loaded.put(place, store.as_ref(), table).await?;
        }
        Ok(table)
    }

    /// Remembers the state that a commit of ours left behind, so that it is not read again.
    pub(crate) async fn committed(&self, place: &str, table: Table) -> Result<()> {
        let store = self.store_of(place);
        self.loaded.put(place, store.as_ref(), &Arc::new(table)).await
    }

    /// The target's table, newest version.
    ///
    /// # Errors
    /// `Conflict` where another table lies there.
    pub(crate) async fn load_target(&self, target: &Target) -> Result<Option<Arc<Table>>> {
        self.load_version(target, None).await
    }

    /// The target's table at one version.
    pub(crate) async fn load_version(&self, target: &Target, version: Option<u64>) -> Result<Option<Arc<Table>>> {
        let table = self.load(&target.place, version, &target.name.to_string()).await?;
        match table {
            Some(table) if table.id() != Some(target.table) => Err(Error::new(
                Kind::Conflict,
                format!(
                    "the table at {} is not the one that this state knows as {}",
                    target.place, target.name
                ),
            )
            .code(LAKE_OTHER_TABLE)
            .with("expected", target.table)
            .with(
                "found",
                table
                    .id()
                    .map_or_else(|| "none of ours".to_string(), |id| id.to_string()),
            )
            .hint("run `segue state rebuild` if the state was lost; or move that table away, if it may go")),
            table => Ok(table),
        }
    }

    /// A table's folder on the disk, where the lake is one.
    pub(crate) fn folder_of(&self, place: &str) -> Option<std::path::PathBuf> {
        let root = self.url.to_file_path().ok()?;
        Some(root.join(place))
    }

    /// Makes a file durable that we have found rather than written: its writer may have been killed before it was.
    pub(crate) async fn settle(&self, place: &str, path: &Path) -> Result<()> {
        let Some(local) = &self.local else {
            return Ok(());
        };
        let location: Path = self
            .prefix
            .parts()
            .chain(Path::from(place).parts())
            .chain(path.parts())
            .collect();
        match local.settle(&location).await {
            // Cleaned up since: what it said has long been in a checkpoint.
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(storage(e, format!("cannot sync {location}"))),
        }
    }
}

fn cannot_open(location: &str, why: &str) -> Error {
    Error::new(Kind::Invalid, format!("cannot open the lake `{location}`: {why}"))
        .code(LAKE_LOCATION)
        .hint("write a folder, such as ./lake")
}

#[async_trait]
impl Sink for Lake {
    fn identity(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        // Only addresses without a host refuse these, and they hold no secret.
        let _no_host = url.set_password(None);
        url.to_string()
    }

    fn claims(&self) -> bool {
        true
    }

    async fn head(&self, target: &Target, _: &Ctx) -> Result<Head> {
        let Some(table) = self.load(&target.place, None, &target.name.to_string()).await? else {
            return Ok(Head {
                n: 0,
                id: None,
                version: 0,
                schema: None,
                table: None,
                is_foreign: false,
            });
        };
        let n = table.last(target.asset).await?;
        Ok(Head {
            n,
            id: if n == 0 { None } else { self.id_of(target, n).await? },
            version: table.version(),
            schema: Some(table.schema()?),
            table: table.id(),
            is_foreign: false,
        })
    }

    async fn stage(
        &self,
        target: &Target,
        schema: SchemaRef,
        rows: BoxStream<'static, Result<Rows>>,
        ctx: &Ctx,
    ) -> Result<Staged> {
        self.stage_rows(target, schema, rows, ctx).await
    }

    async fn work_out(
        &self,
        target: &Target,
        schema: SchemaRef,
        change: &Change,
        staged: &[Staged],
        grains: &[Grain],
        ctx: &Ctx,
    ) -> Result<WorkedOut> {
        crate::work::work_out(self, target, schema, change, staged, grains, ctx).await
    }

    async fn view(&self, target: &Target, plan: &Value, _: &Ctx) -> Result<Arc<dyn Relation>> {
        Ok(self.view_of_plan(target, plan).await?)
    }

    async fn staged(&self, target: &Target, staged: &[Staged], _: &Ctx) -> Result<Arc<dyn Relation>> {
        Ok(self.view_of_staged(target, staged)?)
    }

    async fn at(&self, target: &Target, version: u64, _: &Ctx) -> Result<Arc<dyn Relation>> {
        Ok(self.view_at(target, Some(version)).await?)
    }

    async fn claim(&self, record: &CommitRecord, _: &Ctx) -> Result<Claim> {
        self.claim_number(record).await
    }

    async fn highest(&self, target: &Target, _: &Ctx) -> Result<u64> {
        let committed = match self.load(&target.place, None, &target.name.to_string()).await? {
            Some(table) => table.last(target.asset).await?,
            None => 0,
        };
        self.highest_claim(&target.place, committed).await
    }

    async fn lies_ready(&self, record: &CommitRecord, part: usize, _: &Ctx) -> Result<()> {
        self.part_lies_ready(record, part).await
    }

    async fn commit(&self, record: &CommitRecord, part: usize, ctx: &Ctx) -> Result<Committed> {
        self.commit_part(record, part, ctx).await
    }

    async fn discard(&self, target: &Target, staged: &[Staged], plan: Option<&Value>, _: &Ctx) -> Result<()> {
        let wrote = plan
            .map(Plan::from_json)
            .transpose()?
            .map(|p| p.wrote)
            .unwrap_or_default();
        self.discard_staged(target, staged, &wrote).await
    }

    async fn records(&self, target: &Target, _: &Ctx) -> Result<Vec<CommitRecord>> {
        let Some(table) = self.load_target(target).await? else {
            return Ok(Vec::new());
        };
        let head = table.last(target.asset).await?;
        let mut records = self.chain_to_whole(&target.place, target.table, head).await?;
        as_they_landed(&table, target.asset, &mut records).await?;
        records.reverse();
        Ok(records)
    }

    async fn tables(&self, ctx: &Ctx) -> Result<Vec<Result<Target>>> {
        self.own_tables(ctx).await
    }

    async fn changes(&self, target: &Target, since: u64, until: u64, _: &Ctx) -> Result<Vec<LoggedChange>> {
        let log = self.log_of(&target.place)?;
        crate::log::changes(log.as_ref(), target.asset, since, until, &target.name.to_string()).await
    }

    async fn drop_table(&self, target: &Target, _: &Ctx) -> Result<()> {
        self.remove_table(target).await
    }
}
