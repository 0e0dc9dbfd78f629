//! What tests run on: one engine, the tables that are given, and what the project says of columns.

use super::given;
use crate::finding::name_options;
use crate::surroundings::Surroundings;
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use segue_core::engine::{Answer, Engine, InMemory, Param, Query, Relation, TableKey, View};
use segue_core::{Clock, Ctx, Error, Kind, Result, Type};
use segue_spec::model::{Asset, How};
use segue_spec::{AssetName, Project};
use segue_sql::{LocalEngine, LocalOptions};
use segue_work::step::{located, statement};
use segue_work::{declared_columns, own_columns, params};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Mutex;

/// What time it is where a test does not say it.
const NOW: &str = "2000-01-01T00:00:00Z";

/// The most rows of one answer in a test.
const MOST_ROWS: usize = 100_000;

/// A column of a table: its name, and its type where that is known.
pub type Column = (String, Option<Type>);

/// Tables that are given, by their names.
pub type Given = BTreeMap<AssetName, Arc<dyn Relation>>;

/// What all tests share.
pub struct Bench {
    /// The project.
    pub project: Arc<Project>,
    /// Its folder.
    pub folder: PathBuf,
    /// What answers SQL.
    pub engine: Arc<LocalEngine>,
    /// The context of the whole.
    pub ctx: Ctx,
    columns: Mutex<HashMap<AssetName, Option<Vec<Column>>>>,
    _spill: TempDir,
}

/// What the SQL of one test is run with.
#[derive(Clone)]
pub struct Moment {
    /// The context, with the test's own time.
    pub ctx: Ctx,
    /// The zone.
    pub timezone: String,
    /// `$from` and `$to`.
    pub range: Option<(Timestamp, Timestamp)>,
    /// Parameters, by name.
    pub params: Map<String, Value>,
    /// Whether every asset that is made by SQL is computed where no rows of it are given, and not views alone.
    pub computes_all: bool,
}

impl Bench {
    /// An engine over a project. It spills into a folder of its own, gone with the value.
    ///
    /// # Errors
    /// `Unavailable` where there is no room for that.
    pub fn new(project: Arc<Project>, folder: &Path, surroundings: &Surroundings, ctx: &Ctx) -> Result<Bench> {
        let spill = tempfile::tempdir()
            .map_err(|e| Error::new(Kind::Unavailable, "cannot make a folder for what tests spill").caused_by(e))?;
        let engine = LocalEngine::new(LocalOptions {
            spill: spill.path().join("spill"),
            // Tables of a test are small: cutting them up costs more than it gains.
            partitions: 1,
            names: name_options(&project, None),
        });
        let mut ctx = ctx.clone();
        ctx.limits.memory = surroundings.memory.unwrap_or(ctx.limits.memory);
        Ok(Bench {
            project,
            folder: folder.to_path_buf(),
            engine: Arc::new(engine),
            ctx,
            columns: Mutex::default(),
            _spill: spill,
        })
    }

    /// The moment of a test: its time (that of all tests if it does not say one), in the project's zone.
    ///
    /// # Errors
    /// `Invalid` for what is no instant.
    pub fn moment(&self, now: Option<&str>) -> Result<Moment> {
        Ok(Moment {
            ctx: self.at(now.unwrap_or(NOW))?,
            timezone: self.project.timezone.clone(),
            range: None,
            params: Map::new(),
            computes_all: false,
        })
    }

    /// The context at this time.
    ///
    /// # Errors
    /// `Invalid` for what is no instant.
    pub fn at(&self, now: &str) -> Result<Ctx> {
        let now: Timestamp = now.parse().map_err(|e| {
            let error = Error::new(Kind::Invalid, format!("`{now}` is no instant"));
            error.hint("write 2024-01-31T12:00:00Z").caused_by(e)
        })?;
        let inner = self.ctx.clock.clone();
        Ok(Ctx {
            clock: Arc::new(Stopped { now, inner }),
            ..self.ctx.clone()
        })
    }

    /// The asset of this name that is made by SQL.
    pub fn computed(&self, name: &AssetName) -> Option<&Asset> {
        self.project.assets.get(name).filter(|asset| statement(asset).is_some())
    }

    /// The question that an asset's SQL is, over what is given and what is made from it.
    ///
    /// # Errors
    /// As [`Bench::table`], and for parameters that do not fit.
    pub async fn question(&self, asset: &Asset, given: &Given, moment: &Moment) -> Result<Query> {
        let sql = statement(asset).ok_or_else(|| Error::bug("an asset that is computed has no statement"))?;
        let mut tables = BTreeMap::new();
        for name in &asset.reads {
            tables.insert(key(name), self.table(name, given, moment).await?);
        }
        let mine = moment
            .params
            .iter()
            .filter(|(name, _)| asset.params.contains_key(*name));
        let mine: Map<String, Value> = mine.map(|(n, v)| (n.clone(), v.clone())).collect();
        let values = params::values(asset.name.as_str(), &asset.params, &mine)?;
        let mut params = params::for_sql(&asset.params, &values)?;
        if let (Some(_), Some((from, to))) = (&asset.range, &moment.range) {
            params.insert("from".into(), Param::Timestamp(from.as_microsecond()));
            params.insert("to".into(), Param::Timestamp(to.as_microsecond()));
        }
        Ok(Query {
            sql,
            params,
            tables,
            timezone: moment.timezone.clone(),
        })
    }

    /// What a name stands for: the rows that are given, or what its SQL makes of those.
    ///
    /// # Errors
    /// `NotFound` where neither is there; those of the SQL.
    pub fn table<'a>(
        &'a self,
        name: &'a AssetName,
        given: &'a Given,
        moment: &'a Moment,
    ) -> BoxFuture<'a, Result<Arc<dyn Relation>>> {
        Box::pin(async move {
            if let Some(rows) = given.get(name) {
                return Ok(rows.clone());
            }
            let computed = self.computed(name);
            let Some(asset) = computed.filter(|asset| asset.is_view() || moment.computes_all) else {
                let error = Error::new(Kind::NotFound, format!("no rows of {name} are given"));
                return Err(error.code(segue_diag::TEST_INPUT).hint(match moment.computes_all {
                    true => format!("write `create table {name} as values (…)` before"),
                    false => format!("write `{name}: []` below `given:` for a table without rows"),
                }));
            };
            let question = self.question(asset, given, moment).await?;
            let view = View::of(question, self.engine.clone(), &moment.ctx).await;
            let view: Arc<dyn Relation> = Arc::new(view.map_err(|e| located(e, asset))?);
            Ok(view)
        })
    }

    /// All rows of an answer.
    ///
    /// # Errors
    /// Those of the query, and `Invalid` for more rows than a test should have.
    pub async fn rows(&self, question: &Query, ctx: &Ctx) -> Result<RecordBatch> {
        let Answer { schema, mut rows } = ctx.or_cancelled(self.engine.run(question, ctx)).await?;
        let (mut batches, mut count) = (Vec::new(), 0);
        while let Some(batch) = ctx.or_cancelled(rows.try_next()).await? {
            count += batch.num_rows();
            if count > MOST_ROWS {
                let message = format!("more than {MOST_ROWS} rows came, which are the most in a test");
                return Err(Error::new(Kind::Invalid, message).hint("give fewer rows"));
            }
            batches.push(batch);
        }
        arrow_select::concat::concat_batches(&schema, &batches)
            .map_err(|e| Error::bug("rows of one answer do not join").caused_by(e))
    }

    /// The columns of an asset's table, as far as the project says them; `None` where it says nothing of them.
    pub fn columns<'a>(&'a self, name: &'a AssetName) -> BoxFuture<'a, Option<Vec<Column>>> {
        Box::pin(async move {
            if let Some(known) = self.columns.lock().await.get(name) {
                return known.clone();
            }
            let found = match self.project.assets.get(name) {
                Some(asset) => self.columns_of(asset).await,
                None => None,
            };
            self.columns.lock().await.insert(name.clone(), found.clone());
            found
        })
    }

    async fn columns_of(&self, asset: &Asset) -> Option<Vec<Column>> {
        let mut columns: Vec<Column> = match &asset.how {
            How::Copy(copy) if statement(asset).is_none() => {
                let (columns, untyped) = declared_columns(&copy.columns, None).ok()??;
                let of = |c: segue_core::source::Column| (!untyped.contains(&c.name)).then_some(c.of);
                columns.into_iter().map(|c| (c.name.clone(), of(c))).collect()
            }
            _ => {
                let schema = self.described(asset).await?;
                let columns = schema.fields().iter();
                columns.map(|f| (f.name().clone(), Type::of(f).ok())).collect()
            }
        };
        for field in own_columns(&asset.write) {
            columns.push((field.name().clone(), Type::of(&field).ok()));
        }
        Some(columns)
    }

    /// The columns that an asset's SQL gives over tables without rows; `None` where those have no known columns.
    async fn described(&self, asset: &Asset) -> Option<SchemaRef> {
        let mut given = Given::new();
        for name in &asset.reads {
            let columns = self.columns(name).await?;
            let fields: Option<Vec<_>> = columns
                .iter()
                .map(|(name, of)| Some(of.as_ref()?.field(name, true)))
                .collect();
            let empty = RecordBatch::new_empty(Arc::new(Schema::new(fields?)));
            given.insert(name.clone(), Arc::new(InMemory::new(empty)));
        }
        let mut moment = self.moment(None).ok()?;
        moment.range = Some((Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH));
        let question = self.question(asset, &given, &moment).await.ok()?;
        Some(self.engine.describe(&question, &moment.ctx).await.ok()?.schema)
    }

    /// The rows of a file of the project, in these columns, or in those that are found there.
    ///
    /// # Errors
    /// As [`given::file`].
    pub async fn file(&self, path: &str, table: &str, columns: Option<&[Column]>) -> Result<RecordBatch> {
        given::file(&self.folder, path, table, columns, &self.ctx).await
    }
}

/// A name of the project, as SQL names it.
pub fn key(name: &AssetName) -> TableKey {
    TableKey::new(name.schema(), name.table())
}

/// A clock whose wall stands still.
#[derive(Debug)]
struct Stopped {
    now: Timestamp,
    inner: Arc<dyn Clock>,
}

#[async_trait]
impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn elapsed(&self) -> Duration {
        self.inner.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        self.inner.sleep(duration).await;
    }
}
