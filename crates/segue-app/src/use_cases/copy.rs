//! Copying tables with no project: one that is made up for it, with a state at the target or beside it.
//!
//! Each table is an asset, and a copy is a run of these assets, so that whatever holds for a run holds here: a commit lands once, what was
//! interrupted is finished or made anew, rows that cannot be kept are set aside. Identity and position are at the target; the state is brought
//! back from it where there is none (`docs/adr/010`).

mod project;

use crate::app::App;
use crate::choice::Choice;
use crate::ends::{End, fit};
use crate::resolve::References;
use crate::surroundings::Surroundings;
use crate::use_cases::run::{RunRequest, run_assets};
use crate::use_cases::sql::{Question, sql};
use crate::use_cases::state::rebuild;
use arrow_array::{Array, StringArray};
use futures::TryStreamExt;
use project::{Ends, Wish, project, wishes};
use segue_core::hash::sha256;
use segue_core::sink::Sink;
use segue_core::source::Offered;
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_diag::{EMPTY_REPLACE, FOREIGN_TABLE, NEEDS_REBUILD, SOURCE_CHANGED, UNKNOWN_COMMIT, UNKNOWN_TABLE};
use segue_spec::model::{From, How};
use segue_work::definition::Definition;
use segue_work::report::{Ended, Progress, RunReport, StepReport};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The connection that is read, in a project that is made up.
pub(super) const SOURCE: &str = "source";

/// The connection that is written into.
pub(super) const TARGET: &str = "target";

/// How many reasons are told of rows that were set aside.
const REASONS: usize = 3;

/// What is to be copied, from where to where.
#[derive(Clone, Debug, Default)]
pub struct CopyRequest {
    /// The end that is read.
    pub from: String,
    /// The end that is written.
    pub to: String,
    /// Patterns of the tables; all for none.
    pub tables: Vec<String>,
    /// Patterns of tables that are left out.
    pub except: Vec<String>,
    /// `replace` or `merge`.
    pub mode: CopyMode,
    /// The key of a merge, where the source tells of none.
    pub key: Vec<String>,
    /// The schema of the copies, instead of that of the tables.
    pub into_schema: Option<String>,
    /// The folder of the state, instead of the one that follows from the ends.
    pub state: Option<PathBuf>,
    /// Whether a table that has no rows may take the place of one that has some.
    pub allow_empty: bool,
    /// Build the copies anew and swap them.
    pub rebuild: bool,
    /// Take what is read now as the same source as before.
    pub accept_source: bool,
    /// How long to wait for a table that another copy works on.
    pub wait: Duration,
}

/// How the rows that are read meet those that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyMode {
    /// They take their place.
    #[default]
    Replace,
    /// They take the place of those of the same key.
    Merge,
}

/// What a copy did.
#[derive(Debug)]
pub struct Copied {
    /// Its tables, as the steps of a run.
    pub report: RunReport,
    /// What is worth saying beside them.
    pub notes: Vec<String>,
}

/// A copy that is ready to begin.
pub struct Copying {
    /// The system that does it.
    pub app: App,
    /// The end that is read, as it may be shown.
    pub from: String,
    /// The end that is written, as it may be shown.
    pub to: String,
    request: CopyRequest,
    choice: Choice,
    ends: Ends,
    /// Whether the state knew nothing when it was opened.
    is_new: bool,
}

impl Copying {
    /// Looks at the two ends, and opens a state for them. Nothing is asked yet.
    ///
    /// # Errors
    /// Those of ends that are none or do not fit, of patterns that are none, and of opening lake and state.
    pub async fn open(surroundings: &Surroundings, request: CopyRequest) -> Result<Copying> {
        let (folder, variables) = (&surroundings.folder, &surroundings.variables);
        let from = End::parse(&request.from, folder, variables)?;
        let to = End::parse(&request.to, folder, variables)?;
        fit(&from, &to)?;
        let choice = Choice::parse(&request.tables, &request.except)?;
        let work = match (&request.state, &to) {
            (Some(state), _) => folder.join(state),
            (None, End::Lake(path, _)) => path.join(".segue"),
            (None, End::System(_)) => of_this_user(&from, &to, variables)?,
        };
        let (shown_from, shown_to) = (from.shown().to_string(), to.shown().to_string());
        let lake = match (&from, &to) {
            (_, End::Lake(path, _)) | (End::Lake(path, _), _) => path.clone(),
            _ => work.join("lake"),
        };
        let ends = Ends {
            from,
            to,
            lake,
            state: work.join("state.db"),
        };
        let is_new = !ends.state.exists();
        let made_up = project(&ends, &[])?;
        let references = References::of(ends.secrets());
        let app = App::with(folder, Arc::new(made_up), references, surroundings, None).await?;
        Ok(Copying {
            app,
            from: shown_from,
            to: shown_to,
            request,
            choice,
            ends,
            is_new,
        })
    }

    /// Copies. The steps tell how each table ended.
    ///
    /// # Errors
    /// `NotFound` where no table is meant, `Conflict` where two would have one name, and whatever keeps all of them from being copied.
    pub async fn run(&mut self, progress: Arc<dyn Progress>, ctx: &Ctx) -> Result<Copied> {
        let (offered, mut notes) = self.offered(ctx).await?;
        self.choice.means_something(&offered, &self.from)?;
        let chosen: Vec<&Offered> = offered.iter().filter(|t| self.choice.takes(t)).collect();
        if chosen.is_empty() {
            notes.push(format!("{} has no table that this user may read", self.from));
        }
        let wishes = wishes(&self.request, &self.ends, &chosen)?;
        self.app.project = Arc::new(project(&self.ends, &wishes)?);
        let names: BTreeSet<AssetName> = wishes.iter().map(|w| w.asset.clone()).collect();
        self.bring_back(&wishes, &names, &mut notes, ctx).await?;
        if self.request.accept_source {
            self.accept(&names).await?;
        }
        notes.extend(self.vanished(&offered).await?);
        let mut report = self.steps(&names, &progress, ctx).await?;
        let unknown: BTreeSet<AssetName> = report
            .steps
            .iter()
            .filter(|s| is_unknown(s))
            .map(|s| s.name.clone())
            .collect();
        if !unknown.is_empty() && !self.is_new && !ctx.cancel.is_cancelled() {
            // Somebody else wrote there since, with another state: what is there is read from the tables, and the copy goes on from that.
            let written = [TARGET.to_string()];
            let connections: &[String] = if matches!(self.ends.to, End::Lake(..)) {
                &[]
            } else {
                &written
            };
            rebuild(&self.app, connections, &|name| unknown.contains(name), ctx).await?;
            let again = self.steps(&unknown, &progress, ctx).await?;
            report.duration += again.duration;
            report.steps.retain(|s| !unknown.contains(&s.name));
            report.steps.extend(again.steps);
        }
        for step in &mut report.steps {
            self.explain(step, ctx).await;
        }
        Ok(Copied { report, notes })
    }

    /// The tables of the end that is read.
    async fn offered(&self, ctx: &Ctx) -> Result<(Vec<Offered>, Vec<String>)> {
        let mut notes = Vec::new();
        if let End::System(_) = self.ends.from {
            return Ok((self.app.sources().source(SOURCE)?.tables(ctx).await?, notes));
        }
        let mut offered = Vec::new();
        for table in self.app.lake.tables(ctx).await? {
            match table {
                Ok(target) => offered.push(Offered {
                    name: target.name.to_string(),
                    schema: target.name.schema().to_string(),
                    table: target.name.table().to_string(),
                    key: Vec::new(),
                }),
                Err(error) => notes.push(format!("a table of {} is left out: {error}", self.from)),
            }
        }
        offered.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((offered, notes))
    }

    /// Reads from the tables themselves what was done, where this state does not know it.
    async fn bring_back(
        &self,
        wishes: &[Wish],
        names: &BTreeSet<AssetName>,
        notes: &mut Vec<String>,
        ctx: &Ctx,
    ) -> Result<()> {
        let inputs: BTreeSet<AssetName> = wishes.iter().filter_map(|w| w.reads.clone()).collect();
        // What is read from a lake moves on without this state; the rest it knows, unless it is new.
        if !self.is_new && inputs.is_empty() {
            return Ok(());
        }
        let written = match self.ends.to {
            End::System(_) if self.is_new => vec![TARGET.to_string()],
            _ => Vec::new(),
        };
        let wanted = |name: &AssetName| inputs.contains(name) || names.contains(name);
        let rebuilt = rebuild(&self.app, &written, &wanted, ctx).await?;
        notes.extend(rebuilt.left_out);
        Ok(())
    }

    async fn accept(&self, names: &BTreeSet<AssetName>) -> Result<()> {
        if let End::System(_) = self.ends.from {
            let identity = self.app.sources().source(SOURCE)?.identity();
            let rows = self
                .app
                .store
                .assets()
                .await?
                .into_iter()
                .filter(|row| names.contains(&row.name));
            let ids: Vec<_> = rows.map(|row| row.id).collect();
            self.app.store.accept_source(&ids, &identity).await?;
        }
        Ok(())
    }

    /// Tables that were copied before and are wanted still, and that the source no longer has.
    async fn vanished(&self, offered: &[Offered]) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        if let End::Lake(..) = self.ends.from {
            return Ok(notes);
        }
        let identity = Some(self.app.sources().source(SOURCE)?.identity());
        let rows = self.app.store.assets().await?.into_iter();
        for row in rows.filter(|row| !row.dropped && row.source == identity) {
            let definition = row.definition.as_ref().and_then(Definition::from_json);
            let Some(How::Copy(copy)) = definition.map(|d| d.asset.how) else {
                continue;
            };
            let Some(table) = copy.settings["table"].as_str() else {
                continue;
            };
            let is_ours = copy.from == From::Connection(SOURCE.into());
            if is_ours && offered.iter().all(|t| t.name != table) {
                notes.push(format!(
                    "{table} is no longer there: what was copied of it stays as it was, in {}",
                    row.name
                ));
            }
        }
        Ok(notes)
    }

    async fn steps(&self, names: &BTreeSet<AssetName>, progress: &Arc<dyn Progress>, ctx: &Ctx) -> Result<RunReport> {
        let request = RunRequest {
            kind: "copy".into(),
            again: true,
            rebuild: self.request.rebuild,
            wait: self.request.wait,
            ..RunRequest::default()
        };
        run_assets(
            &self.app,
            &request,
            names.iter().cloned().collect(),
            progress.clone(),
            ctx,
        )
        .await
    }

    /// Says of a step what somebody without a project can do about it, and where the rows are that were set aside.
    async fn explain(&self, step: &mut StepReport, ctx: &Ctx) {
        if step.figures.rows_quarantined > 0 {
            let place = self.ends.lake.join("quarantine");
            let reasons = self.reasons(&step.name, ctx).await.unwrap_or_default();
            step.notes.push(format!(
                "rows that were set aside lie in {}, with their reasons{reasons}",
                place.display()
            ));
        }
        let ended = std::mem::replace(&mut step.ended, Ended::Done);
        step.ended = match ended {
            Ended::Failed(error) => Ended::Failed(without_project(error)),
            other => other,
        };
    }

    async fn reasons(&self, name: &AssetName, ctx: &Ctx) -> Result<String> {
        let question = Question {
            sql: format!(
                "select reason from quarantine.\"{name}\" group by reason order by count(*) desc, reason limit {REASONS}"
            ),
            ..Question::default()
        };
        let batches: Vec<_> = sql(&self.app, &question, ctx).await?.rows.try_collect().await?;
        let mut reasons = Vec::new();
        for batch in &batches {
            let column = batch.column(0).as_any().downcast_ref::<StringArray>();
            reasons.extend(column.iter().flat_map(|c| c.iter().flatten()).map(str::to_string));
        }
        Ok(match reasons.is_empty() {
            true => String::new(),
            false => format!(": {}", reasons.join("; ")),
        })
    }
}

/// Whether the table has a commit that this state does not know.
fn is_unknown(step: &StepReport) -> bool {
    let code = match &step.ended {
        Ended::Failed(error) => error.error_code(),
        _ => None,
    };
    matches!(code, Some(UNKNOWN_COMMIT | UNKNOWN_TABLE))
}

/// The error with what can be done about it where there is no project.
fn without_project(error: Error) -> Error {
    let hint = match error.error_code() {
        Some(SOURCE_CHANGED) => {
            "if it is the same source under another address, add `--accept-source`; to read all of it anew, `--rebuild`; or copy into another schema with `--into-schema`"
        }
        Some(NEEDS_REBUILD) => "add `--rebuild`: the copy is built anew beside the old one, and swapped in",
        Some(EMPTY_REPLACE) => "if that may be, add `--allow-empty`",
        Some(FOREIGN_TABLE) => {
            "another program made it: copy into another schema with `--into-schema`, or move that table away"
        }
        _ => return error,
    };
    error.hint(hint)
}

/// The folder in which this user keeps the state of copies between these ends.
fn of_this_user(from: &End, to: &End, variables: &BTreeMap<String, String>) -> Result<PathBuf> {
    let given = |name: &str| variables.get(name).filter(|v| !v.is_empty());
    let home = || given("HOME").map(|home| Path::new(home).join(".local/state"));
    let Some(root) = given("XDG_STATE_HOME").map(PathBuf::from).or_else(home) else {
        return Err(
            Error::new(Kind::Invalid, "there is no folder for the state of this copy")
                .hint("name one with `--state DIR`"),
        );
    };
    let digest = sha256(format!("{}\n{}", from.identity(), to.identity()));
    Ok(root.join("segue/copy").join(&digest[..16]))
}
