//! A running system, built from a project's files.

use crate::elsewhere::Others;
use crate::finding::name_options;
use crate::keeper::LakeKeeper;
use crate::load::{Loaded, find, load};
use crate::resolve::{References, redact};
use crate::sources::ProjectSources;
use crate::surroundings::Surroundings;
use segue_connectors::Tape;
use segue_core::sink::Sink;
use segue_core::{Ctx, Error, Kind, Result};
use segue_diag::{Diagnostic, LAKE_LOCATION, PROJECT_HAS_MISTAKES};
use segue_lake::{Lake, LakeOptions};
use segue_spec::Project;
use segue_spec::graph::Graph;
use segue_spec::model::{Asset, Environment};
use segue_spec::not_a_folder;
use segue_spec::selector::Selector;
use segue_sql::{LocalEngine, LocalOptions};
use segue_store::Store;
use segue_work::deps::{Deps, Places};
use segue_work::report::{Progress, Silent};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A project with its lake, its state and its engine open. Use-cases take it. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The project's folder.
    pub folder: PathBuf,
    /// What the project's files say; of files that stand for many assets, those that ran.
    pub project: Arc<Project>,
    /// The environment that is worked in.
    pub environment: Environment,
    /// The state.
    pub store: Store,
    /// The lake.
    pub lake: Arc<Lake>,
    /// What answers SQL.
    pub engine: Arc<LocalEngine>,
    /// The context of this process.
    pub ctx: Ctx,
    references: Arc<References>,
    secrets: Arc<Mutex<Vec<String>>>,
    holder: String,
    tape: Option<Arc<Tape>>,
}

/// A project that cannot be worked with: what is wrong, and the files in which it stands.
#[derive(Debug)]
pub struct Refused {
    /// The files and their mistakes; `None` when they could not be read at all.
    pub loaded: Option<Loaded>,
    /// The error.
    pub error: Error,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused { loaded: None, error }
    }
}

impl App {
    /// Finds the project around the user's folder, checks it, and opens its environment's lake and state.
    ///
    /// # Errors
    /// [`Refused`] with the mistakes of a project that is not right, or with what could not be opened.
    pub async fn open(surroundings: &Surroundings, environment: Option<&str>) -> Result<App, Box<Refused>> {
        let loaded = found(surroundings)?;
        match &loaded.project {
            Some(project) if loaded.mistakes() == 0 => {
                let project = Arc::new(project.clone());
                App::build(&loaded.folder, project, surroundings, environment)
                    .await
                    .map_err(|e| Box::new(Refused::from(e)))
            }
            _ => Err(refused(loaded)),
        }
    }

    /// As [`App::open`], for those who only look at what is there: assets and connections whose files have mistakes are left out, and the
    /// error that [`App::open`] would have ended with is handed back beside the rest. Nothing may be run, changed or removed with it.
    ///
    /// # Errors
    /// [`Refused`] when `segue.yaml` itself has mistakes, because it says where everything is; or with what could not be opened.
    pub async fn open_to_look(
        surroundings: &Surroundings,
        environment: Option<&str>,
    ) -> Result<(App, Option<Error>), Box<Refused>> {
        let loaded = found(surroundings)?;
        match &loaded.project {
            Some(project) if loaded.knows_its_places() => {
                let remark = (loaded.mistakes() > 0).then(|| has_mistakes(&loaded.diagnostics, loaded.mistakes()));
                let project = Arc::new(project.clone());
                let app = App::build(&loaded.folder, project, surroundings, environment).await;
                Ok((app.map_err(|e| Box::new(Refused::from(e)))?, remark))
            }
            _ => Err(refused(loaded)),
        }
    }

    async fn build(
        folder: &Path,
        project: Arc<Project>,
        surroundings: &Surroundings,
        environment: Option<&str>,
    ) -> Result<App> {
        let references = References::open(folder, &surroundings.variables)?;
        App::with(folder, project, references, surroundings, environment).await
    }

    /// A running system of a project that need not lie in files; relative paths begin at the folder.
    pub(crate) async fn with(
        folder: &Path,
        project: Arc<Project>,
        references: References,
        surroundings: &Surroundings,
        environment: Option<&str>,
    ) -> Result<App> {
        let environment = crate::load::environment(&project, environment)?;
        let references = Arc::new(references);
        let places = serde_json::json!({ "lake": environment.lake, "state": environment.state });
        let resolved = references.resolve(&format!("environment `{}`", environment.name), &places)?;
        let place = |name: &str| resolved.settings[name].as_str().unwrap_or_default().to_string();
        if let Some(scheme) = not_a_folder(&place("lake")) {
            let error = Error::new(Kind::Unsupported, segue_spec::elsewhere(scheme));
            return Err(error.code(LAKE_LOCATION).hint(segue_spec::LAKE_HINT));
        }
        let (lake, state) = (at(folder, &place("lake")), at(folder, &place("state")));
        let mut ctx = Ctx::new(&environment.name, surroundings.clock.clone());
        ctx.limits.memory = surroundings.memory.unwrap_or(ctx.limits.memory);
        let store = Store::open(&state, surroundings.clock.clone()).await?;
        let project = crate::families::known(project, &store).await?;
        let lake = Arc::new(Lake::open(&lake, &LakeOptions::default())?);
        let partitions = std::thread::available_parallelism().map_or(2, |n| n.get());
        let engine = Arc::new(LocalEngine::new(LocalOptions {
            spill: store.folder().join("spill"),
            partitions,
            names: name_options(&project, Some(store.folder().join("names"))),
        }));
        let who = |name: &str| surroundings.variables.get(name).cloned().filter(|v| !v.is_empty());
        let user = who("USER")
            .or_else(|| who("LOGNAME"))
            .unwrap_or_else(|| "somebody".into());
        let holder = format!("{user}, process {}", std::process::id());
        let secrets = Arc::new(Mutex::new(resolved.secrets));
        Ok(App {
            folder: folder.to_path_buf(),
            project,
            environment,
            store,
            lake,
            engine,
            ctx,
            references,
            secrets,
            holder,
            tape: None,
        })
    }

    /// The same system, whose web APIs are kept on record from now on, in this folder.
    ///
    /// # Errors
    /// `Denied` where it cannot be written.
    pub(crate) fn recording(&self, folder: &Path) -> Result<(App, Arc<Tape>)> {
        let tape = Arc::new(Tape::record(folder, self.ctx.clock.now())?);
        let app = App {
            tape: Some(tape.clone()),
            ..self.clone()
        };
        Ok((app, tape))
    }

    /// The same system, whose web APIs are not asked: answers come from the record in this folder, and secrets need not be known.
    ///
    /// # Errors
    /// `NotFound` where there is no record.
    pub fn replaying(&self, folder: &Path) -> Result<App> {
        Ok(App {
            tape: Some(Arc::new(Tape::replay(folder)?)),
            references: Arc::new(self.references.without_secrets()),
            ..self.clone()
        })
    }

    /// The assets that these words mean, each after everything that it is made from; all for no words.
    ///
    /// # Errors
    /// `Invalid` for words that mean nothing, `NotFound` for a name that no asset has, with a suggestion.
    pub fn selected(&self, words: &[String]) -> Result<Vec<&Asset>> {
        let selector = if words.is_empty() {
            Selector::all()
        } else {
            Selector::parse(words)?
        };
        let graph = Graph::of(&self.project);
        let chosen = selector.select(&self.project, &graph)?;
        Ok(graph
            .order()
            .iter()
            .filter(|name| chosen.contains(name))
            .filter_map(|name| self.project.assets.get(name))
            .collect())
    }

    /// What runs work with.
    ///
    /// # Errors
    /// Those of the connections that assets are written into: unresolved references, settings that are refused.
    pub fn deps(&self, progress: Arc<dyn Progress>) -> Result<Deps> {
        let sources = self.sources();
        let mut sinks: BTreeMap<String, Arc<dyn Sink>> = BTreeMap::new();
        for into in self.project.assets.values().filter_map(|a| a.into.as_ref()) {
            if !sinks.contains_key(&into.connection) {
                sinks.insert(into.connection.clone(), sources.sink(&into.connection)?);
            }
        }
        Ok(self.deps_into(sinks, self.others(), progress))
    }

    /// As [`App::deps`], for what touches the lake alone: no connection is opened.
    pub(crate) fn lake_deps(&self) -> Deps {
        self.lake_deps_beside(self.others())
    }

    /// As [`App::lake_deps`], with these environments, whose lakes may be open already.
    pub(crate) fn lake_deps_beside(&self, others: Others) -> Deps {
        self.deps_into(BTreeMap::new(), others, Arc::new(Silent))
    }

    fn deps_into(
        &self,
        mut sinks: BTreeMap<String, Arc<dyn Sink>>,
        others: Others,
        progress: Arc<dyn Progress>,
    ) -> Deps {
        sinks.extend(others.sinks());
        let lake: Arc<dyn Sink> = self.lake.clone();
        Deps {
            project: self.project.clone(),
            store: self.store.clone(),
            places: Places { lake, sinks },
            keeper: Arc::new(self.keeper()),
            sources: Arc::new(self.sources()),
            engine: self.engine.clone(),
            shelf: self.shelf(),
            progress,
            holder: self.holder.clone(),
            elsewhere: Arc::new(others),
        }
    }

    /// Settings of this project with their references resolved; secrets among them are taken out of whatever is shown.
    pub(crate) fn resolved(&self, whose: &str, settings: &serde_json::Value) -> Result<serde_json::Value> {
        let resolved = self.references.resolve(whose, settings)?;
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.extend(resolved.secrets);
        Ok(resolved.settings)
    }

    /// What keeps the lake in order.
    pub(crate) fn keeper(&self) -> LakeKeeper {
        LakeKeeper {
            lake: self.lake.clone(),
            store: self.store.clone(),
            shelf: self.shelf(),
        }
    }

    /// The folder of the notes of what lies staged.
    pub(crate) fn shelf(&self) -> PathBuf {
        self.store.folder().join("shelf")
    }

    /// Opens connections.
    pub(crate) fn sources(&self) -> ProjectSources {
        ProjectSources::new(
            self.project.clone(),
            self.references.clone(),
            self.secrets.clone(),
            segue_connectors::Deps {
                connection: String::new(),
                gate: Arc::new(self.store.clone()),
                notes: Arc::new(self.store.clone()),
                clock: self.ctx.clock.clone(),
                project_dir: self.folder.clone(),
                staging_dir: self.store.folder().join("staged"),
                tape: self.tape.clone(),
            },
        )
    }

    /// The text without any secret that this process has resolved so far: a last line of defence, at the door.
    pub fn redact(&self, text: &str) -> String {
        redact(text, &self.secrets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As [`App::redact`], for who outlives this value.
    pub fn redactor(&self) -> impl Fn(&str) -> String + Send + Sync + 'static {
        let secrets = self.secrets.clone();
        move |text| redact(text, &secrets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The error without any secret that this process has resolved so far.
    pub fn without_secrets(&self, error: Error) -> Error {
        error.rewritten(|text| self.redact(text))
    }

    /// Who this process is, for people who meet its leases.
    pub(crate) fn holder(&self) -> String {
        self.holder.clone()
    }
}

/// A folder or a file relative to the project's, or an address as it is.
pub(crate) fn at(folder: &Path, place: &str) -> String {
    if place.contains("://") {
        place.to_string()
    } else {
        folder.join(place).to_string_lossy().into_owned()
    }
}

/// Finds and reads the project around the user's folder.
fn found(surroundings: &Surroundings) -> Result<Loaded, Box<Refused>> {
    let loaded = find(&surroundings.folder).and_then(|folder| load(&folder));
    loaded.map_err(|e| Box::new(Refused::from(e)))
}

fn refused(loaded: Loaded) -> Box<Refused> {
    Box::new(Refused {
        error: has_mistakes(&loaded.diagnostics, loaded.mistakes()),
        loaded: Some(loaded),
    })
}

fn has_mistakes(diagnostics: &[Diagnostic], mistakes: usize) -> Error {
    let files: std::collections::BTreeSet<&str> = diagnostics
        .iter()
        .filter_map(|d| d.span.as_ref())
        .map(|s| s.file.as_str())
        .collect();
    let some = if mistakes == 1 {
        "a mistake".to_string()
    } else {
        format!("{mistakes} mistakes")
    };
    Error::new(Kind::Invalid, format!("the project has {some}"))
        .code(PROJECT_HAS_MISTAKES)
        .with("in", files.into_iter().take(5).collect::<Vec<_>>().join(", "))
        .hint("mend them; `segue check` shows them again")
}
