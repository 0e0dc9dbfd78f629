//! The lakes of other environments, from which inputs are read that are not built here. Nothing is ever written there: their tables are found
//! by what lies beside them, their states are not opened, and they come without a way to change them.

use crate::app::{App, at};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::stream::BoxStream;
use segue_core::commit::CommitRecord;
use segue_core::engine::{Relation, TableKey};
use segue_core::sink::{Change, Claim, Committed, Grain, Head, LoggedChange, Rows, Sink, Staged, Target, WorkedOut};
use segue_core::source::Column;
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_diag::ELSEWHERE_GONE;
use segue_lake::{Lake, LakeOptions};
use segue_store::AssetRow;
use segue_work::deps::Elsewhere;
use segue_work::step::known;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The environments that this one reads from, the nearest first.
#[derive(Clone, Default)]
pub(crate) struct Others(Arc<Vec<Other>>);

/// One of them.
struct Other {
    /// Its name.
    name: String,
    /// Where its lake is; `None` where that cannot be told, and why.
    lake: std::result::Result<String, String>,
    /// Its lake and the tables in it, looked at once.
    opened: OnceCell<(Arc<dyn Sink>, Vec<Target>)>,
}

impl App {
    /// The environments that the chain of `reads_from:` names from here on.
    pub(crate) fn others(&self) -> Others {
        let mut others = Vec::new();
        let mut next = self.environment.reads_from.clone();
        while let Some(name) = next.take() {
            let Some(environment) = self.project.environments.get(&name) else {
                break;
            };
            // A circle is a mistake of the project, and ends here for who only looks.
            if name == self.environment.name || others.iter().any(|o: &Other| o.name == name) {
                break;
            }
            let lake = self.resolved(&format!("environment `{name}`"), &json!({ "lake": environment.lake }));
            others.push(Other {
                lake: lake
                    .map(|value| at(&self.folder, value["lake"].as_str().unwrap_or_default()))
                    .map_err(|error| error.to_string()),
                name,
                opened: OnceCell::new(),
            });
            next = environment.reads_from.clone();
        }
        Others(Arc::new(others))
    }
}

impl Other {
    /// Its lake, and the tables that lie in it.
    async fn opened(&self, ctx: &Ctx) -> Result<&(Arc<dyn Sink>, Vec<Target>)> {
        self.opened
            .get_or_try_init(|| async {
                let gone = |why: String| {
                    Error::new(
                        Kind::NotFound,
                        format!("the lake of the environment `{}` is not there", self.name),
                    )
                    .code(ELSEWHERE_GONE)
                    .with("lake", why)
                    .with("read by", format!("the environment `{}`", ctx.environment))
                    .hint("put it there, or correct its `lake:`; or build the inputs here; or take `reads_from:` out")
                };
                let place = self.lake.clone().map_err(gone)?;
                let folder = place.strip_prefix("file://").unwrap_or(&place);
                // Opened, a lake would make its folder.
                if !Path::new(folder).is_dir() {
                    return Err(gone(place));
                }
                let lake = Lake::open(&place, &LakeOptions::default())?;
                let key = key_of(&self.name);
                let tables = lake.tables(ctx).await?.into_iter().filter_map(|found| match found {
                    Ok(target) => Some(Target {
                        connection: Some(key.clone()),
                        ..target
                    }),
                    Err(error) => {
                        tracing::warn!(environment = %self.name, %error, "a table of another environment is passed over");
                        None
                    }
                });
                let tables = tables.collect();
                let lake: Arc<dyn Sink> = Arc::new(ReadOnly(lake));
                Ok((lake, tables))
            })
            .await
    }

    /// Its table of this name, or the child table.
    async fn find(&self, name: &AssetName, ctx: &Ctx) -> Result<Option<Target>> {
        let (lake, tables) = self.opened(ctx).await?;
        let plain = format!("{}/{}", name.schema(), name.table());
        let mut named: Vec<&Target> = tables.iter().filter(|t| t.name == *name).collect();
        // A table whose asset was renamed lies where it lay; one that lies where its name says is the asset's own.
        named.sort_by_key(|t| t.place != plain);
        for target in named {
            if lake.head(target, ctx).await?.schema.is_some() {
                return Ok(Some(target.clone()));
            }
        }
        for (at, between) in name.table().match_indices("__") {
            let (parent, path) = (&name.table()[..at], &name.table()[at + between.len()..]);
            let parent = format!("{}.{parent}", name.schema());
            let Some(parent) = tables.iter().find(|t| t.name.to_string() == parent) else {
                continue;
            };
            let columns: Option<Vec<Column>> = lake
                .records(parent, ctx)
                .await?
                .into_iter()
                .rev()
                .find_map(|r| r.columns);
            let row = AssetRow {
                schema: columns,
                ..AssetRow::of(Target {
                    connection: None,
                    ..parent.clone()
                })
            };
            let child = known::children(&row).into_iter().find(|(known, _)| known == path);
            if let Some((_, child)) = child
                && lake.head(&child, ctx).await?.schema.is_some()
            {
                return Ok(Some(Target {
                    name: name.clone(),
                    connection: parent.connection.clone(),
                    ..child
                }));
            }
        }
        Ok(None)
    }
}

impl Others {
    /// The sinks of those whose lake is there, by the names under which their tables stand.
    pub(crate) fn sinks(&self) -> impl Iterator<Item = (String, Arc<dyn Sink>)> {
        let all = self.clone();
        (0..self.0.len()).map(move |which| {
            let key = key_of(&all.0[which].name);
            let sink: Arc<dyn Sink> = Arc::new(Later {
                others: all.clone(),
                which,
            });
            (key, sink)
        })
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tables whose names stand in this text and that are not among these, as SQL names them.
    ///
    /// # Errors
    /// Those of their lakes.
    pub(crate) async fn named_in(
        &self,
        text: &str,
        here: &mut BTreeMap<TableKey, Arc<dyn Relation>>,
        ctx: &Ctx,
    ) -> Result<()> {
        for other in self.0.iter() {
            let (lake, tables) = other.opened(ctx).await?;
            for target in tables.iter().filter(|t| text.contains(t.name.table())) {
                let key = TableKey::from(&target.name);
                if here.contains_key(&key) {
                    continue;
                }
                let head = lake.head(target, ctx).await?;
                if head.schema.is_some() {
                    here.insert(key, lake.at(target, head.version, ctx).await?);
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Elsewhere for Others {
    fn is_any(&self) -> bool {
        !self.is_empty()
    }

    async fn find(&self, name: &AssetName, ctx: &Ctx) -> Result<Option<Target>> {
        for other in self.0.iter() {
            if let Some(target) = other.find(name, ctx).await? {
                return Ok(Some(target));
            }
        }
        Ok(None)
    }
}

/// Under which name the tables of an environment stand. No connection has one with a space.
fn key_of(environment: &str) -> String {
    format!("{}{environment}", segue_work::deps::ENVIRONMENT)
}

/// A lake that can be read.
struct ReadOnly(Lake);

/// A lake that is opened when it is asked for something.
struct Later {
    others: Others,
    which: usize,
}

fn never<T>() -> Result<T> {
    Err(Error::bug("the lake of another environment is to be changed"))
}

macro_rules! reads_alone {
    ($for:ty, |$it:ident, $ctx:ident| $lake:expr, $identity:expr) => {
        #[async_trait]
        impl Sink for $for {
            fn identity(&self) -> String {
                let $it = self;
                $identity
            }

            fn claims(&self) -> bool {
                true
            }

            async fn head(&self, target: &Target, $ctx: &Ctx) -> Result<Head> {
                let $it = self;
                $lake.head(&in_lake(target), $ctx).await
            }

            async fn stage(
                &self,
                _target: &Target,
                _schema: SchemaRef,
                _rows: BoxStream<'static, Result<Rows>>,
                _ctx: &Ctx,
            ) -> Result<Staged> {
                never()
            }

            async fn work_out(
                &self,
                _target: &Target,
                _schema: SchemaRef,
                _change: &Change,
                _staged: &[Staged],
                _grains: &[Grain],
                _ctx: &Ctx,
            ) -> Result<WorkedOut> {
                never()
            }

            async fn view(&self, _target: &Target, _plan: &Value, _ctx: &Ctx) -> Result<Arc<dyn Relation>> {
                never()
            }

            async fn staged(&self, _target: &Target, _staged: &[Staged], _ctx: &Ctx) -> Result<Arc<dyn Relation>> {
                never()
            }

            async fn at(&self, target: &Target, version: u64, $ctx: &Ctx) -> Result<Arc<dyn Relation>> {
                let $it = self;
                $lake.at(&in_lake(target), version, $ctx).await
            }

            async fn claim(&self, _record: &CommitRecord, _ctx: &Ctx) -> Result<Claim> {
                never()
            }

            async fn highest(&self, _target: &Target, _ctx: &Ctx) -> Result<u64> {
                never()
            }

            async fn commit(&self, _record: &CommitRecord, _part: usize, _ctx: &Ctx) -> Result<Committed> {
                never()
            }

            async fn discard(
                &self,
                _target: &Target,
                _staged: &[Staged],
                _plan: Option<&Value>,
                _ctx: &Ctx,
            ) -> Result<()> {
                never()
            }

            async fn records(&self, target: &Target, $ctx: &Ctx) -> Result<Vec<CommitRecord>> {
                let $it = self;
                $lake.records(&in_lake(target), $ctx).await
            }

            async fn tables(&self, $ctx: &Ctx) -> Result<Vec<Result<Target>>> {
                let $it = self;
                $lake.tables($ctx).await
            }

            async fn changes(&self, target: &Target, since: u64, until: u64, $ctx: &Ctx) -> Result<Vec<LoggedChange>> {
                let $it = self;
                $lake.changes(&in_lake(target), since, until, $ctx).await
            }

            async fn drop_table(&self, _target: &Target, _ctx: &Ctx) -> Result<()> {
                never()
            }
        }
    };
}

reads_alone!(ReadOnly, |it, ctx| it.0, it.0.identity());
reads_alone!(
    Later,
    |it, ctx| it.others.0[it.which].opened(ctx).await?.0,
    key_of(&it.others.0[it.which].name)
);

/// The target as its own lake calls it.
fn in_lake(target: &Target) -> Target {
    Target {
        connection: None,
        ..target.clone()
    }
}
