//! The words of the command line.

mod demo;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
pub use demo::{Demo, DemoServer, Recommender, StandInFor};
use std::path::PathBuf;

/// What stands below the help: what the exit code tells, and the variables that no argument stands for.
const BELOW: &str = "\
Exit codes:
  0   done
  2   something is written wrong, or this version cannot do it
  3   not allowed, or it needs agreement
  4   there is no such thing
  5   in conflict with another run, or with what is there
  6   an outside system, a disk or a limit: later it may work
  7   the data is not what it was said to be
  8   done in part
  9   a check failed
  10  with plan --exit-code: there are changes
  70  a mistake in Segue
  130 stopped, as asked

Variables:
  SEGUE_LOG how much is said on standard error: warn (as without it), info, debug, or levels by crate";

/// Segue: one program that moves data into a lake, turns it into answers, and serves them.
#[derive(Debug, Parser)]
#[command(name = "segue", version, max_term_width = 100, disable_help_subcommand = true, after_help = BELOW)]
pub struct Args {
    /// Work on the project of this folder instead of the current one.
    #[arg(short = 'C', long = "folder", global = true, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// The environment; the project's default one if not given.
    #[arg(long = "env", global = true, env = "SEGUE_ENV", value_name = "NAME")]
    pub environment: Option<String>,
    /// Results and errors as JSON, one value a line.
    #[arg(long, global = true)]
    pub json: bool,
    /// The most memory that what keeps rows may hold, in each step or query, such as 512MiB; a copy holds a quarter of it. 1GiB if not given.
    #[arg(long, global = true, value_name = "SIZE")]
    pub memory: Option<String>,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a new project.
    Init(Init),
    /// Everything that is wrong with the project's files, offline.
    ///
    /// Of SQL, the tables, columns and parameters are looked up. Functions, types and grouping are the engine's to judge: what is wrong
    /// there ends the step that runs it, before it writes anything.
    Check,
    /// What assets' SQL gives over rows that are written in `tests/`, with no network and no lake.
    ///
    /// A test is a YAML file, or one of SQL with its expected rows (`.slt`). It ends with 9 where a test fails, and with 2 where one cannot be
    /// run as it is written.
    Test(Test),
    /// What an error's code means and how to fix it.
    Explain {
        /// The code: SG0104.
        code: String,
    },
    /// Write the connection and the assets of a public API into the project; nothing is overwritten.
    Connect {
        /// The API.
        #[arg(required_unless_present = "list")]
        api: Option<String>,
        /// Show which APIs there are.
        #[arg(long, conflicts_with = "api")]
        list: bool,
    },
    /// Make connections and assets from what another program says of a web API.
    #[command(subcommand)]
    Import(Import),
    /// The JSON Schemas of a project's files, for editors.
    Schema {
        /// Write them as files into this folder.
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
    },
    /// Outside systems.
    #[command(subcommand)]
    Connection(Connection),
    /// The tables that a connection offers, with their columns.
    Discover(Discover),
    /// The first rows of an asset through the real request; writes nothing.
    Preview {
        /// The asset.
        asset: String,
        /// How many rows.
        #[arg(long, default_value_t = 20)]
        limit: u64,
        /// A parameter: NAME=VALUE. May be given several times.
        #[arg(long = "param", value_name = "NAME=VALUE")]
        params: Vec<String>,
    },
    /// Keep the answers of web APIs that an asset is read from, to be given again by `run --replay`; writes no table.
    ///
    /// Everything is read that a first run would read. Secrets are taken out of what is kept; what else an answer says is not, so look at it
    /// before you share it.
    Record {
        /// The asset.
        asset: String,
        /// The folder; `fixtures/ASSET` of the project if not given.
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
        /// A parameter: NAME=VALUE. May be given several times.
        #[arg(long = "param", value_name = "NAME=VALUE")]
        params: Vec<String>,
    },
    /// What a run would do, and why.
    Plan(Plan),
    /// Carry out a saved plan, or accept what needs agreement.
    Apply(Apply),
    /// Do what is missing or stale and breaks nothing.
    Run(Run),
    /// Copy tables from one place into another, with no project.
    Copy(Copy),
    /// Compute the missing or stale ranges of a span.
    Backfill(Backfill),
    /// Go on with the last run that did not end.
    Resume {
        /// The run; the last one that did not end if not given.
        run: Option<String>,
        #[command(flatten)]
        patience: Patience,
    },
    /// Per asset: fresh, stale and why, partial, failed.
    Status(Status),
    /// Why an asset is stale, down to range, slice and input.
    Why {
        /// The asset.
        asset: String,
        /// A parameter: NAME=VALUE. May be given several times.
        #[arg(long = "param", value_name = "NAME=VALUE")]
        params: Vec<String>,
    },
    /// What ran.
    Runs {
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// What a run said.
    Logs {
        /// The run; the last one if not given.
        run: Option<String>,
        /// One asset's step only.
        #[arg(long)]
        asset: Option<String>,
    },
    /// Ask the lake.
    Sql(Sql),
    /// What a name means among an asset's rows, however it is written, by the columns that the asset's `find:` names.
    ///
    /// It ends with 0 where something may be meant, one or several, and with 4 where nothing is known by that name; then the nearest are shown.
    Resolve {
        /// The asset.
        asset: String,
        /// The name, as somebody types it.
        #[arg(allow_hyphen_values = true)]
        text: String,
    },
    /// Ask a chat of the project, as somebody would in a messenger.
    ///
    /// One message is answered once, and it ends with 0 where it is: that nothing is known by a name is an answer. Without a message there is a
    /// prompt, in which a number chooses what an answer offers; where no terminal is, each line of standard input is a message.
    Chat(Chat),
    /// Keep the lake in order.
    #[command(subcommand)]
    Lake(Lake),
    /// Rows that were set aside.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Keep the state.
    #[command(subcommand)]
    State(State),
    /// Assets that the project no longer has.
    #[command(subcommand)]
    Asset(Asset),
    /// The music recommender, from a stand-in of Spotify to answers.
    Demo(Demo),
    /// The demo's stand-ins alone, of Spotify and other services, to try a project against. They answer until they are stopped.
    DemoServer(DemoServer),
    /// What makes a shell complete the words of this program.
    ///
    /// For bash: `segue completions bash > ~/.local/share/bash-completion/completions/segue`. For zsh: into a file `_segue` of a folder in
    /// `$fpath`. For fish: `segue completions fish > ~/.config/fish/completions/segue.fish`.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the reference pages that follow from this program.
    #[command(hide = true)]
    Reference {
        /// The folder.
        into: PathBuf,
    },
}

impl Verb {
    /// Whether it changes what is kept, so that ending it in the middle of that is not the same as its never having begun.
    pub fn writes(&self) -> bool {
        match self {
            Verb::Apply(_) | Verb::Run(_) | Verb::Backfill(_) | Verb::Resume { .. } => true,
            Verb::State(_) | Verb::Asset(_) | Verb::Connection(Connection::Unblock { .. }) => true,
            Verb::Lake(lake) => !matches!(lake, Lake::History { .. }),
            Verb::Copy(_) => true,
            Verb::Quarantine(aside) => matches!(
                aside,
                Quarantine::Replay { dry_run: false, .. } | Quarantine::Discard { .. }
            ),
            Verb::Discover(discover) => discover.scaffold,
            _ => false,
        }
    }

    /// Whether it reads, computes or serves until that is done, rather than answers and ends.
    pub fn works_for_long(&self) -> bool {
        matches!(
            self,
            Verb::Apply(_)
                | Verb::Run(_)
                | Verb::Copy(_)
                | Verb::Backfill(_)
                | Verb::Resume { .. }
                | Verb::Record { .. }
                | Verb::Quarantine(Quarantine::Replay { .. } | Quarantine::Discard { .. })
                | Verb::Demo(_)
        )
    }
}

#[derive(Debug, ClapArgs)]
pub struct Test {
    /// Assets whose tests are run, as `run` takes them (raw.orders, 'music.*', +NAME, tag:WORD), and files or folders of `tests/`. All tests
    /// if not given.
    #[arg(value_name = "SELECTOR|FILE")]
    pub words: Vec<String>,
    /// Only tests with this in their name, or in their file's.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Write what comes into the tests as what is expected; remarks in them stay.
    #[arg(long)]
    pub update: bool,
}

#[derive(Debug, ClapArgs)]
pub struct Init {
    /// The folder; new or empty.
    pub dir: PathBuf,
    /// Begin with an example.
    #[arg(long, value_enum)]
    pub example: Option<Example>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Example {
    /// The music recommender on open sources: names as people write them, MusicBrainz, Deezer, ReccoBeats, ListenBrainz, and Spotify for links.
    Music,
    /// The music recommender on Spotify alone, for an application that may ask for everything.
    Spotify,
    /// An online shop's products, with a chat that answers from them. It needs no server.
    Shop,
}

#[derive(Debug, Subcommand)]
pub enum Import {
    /// From a low-code manifest of Airbyte, without components of its own.
    ///
    /// What a project cannot say is left out and shown, each with its place and the reason; then it ends with 8. Secrets are not taken over: where
    /// they are wanted is shown. Nothing is overwritten.
    AirbyteManifest {
        /// The manifest: the connector's `manifest.yaml`.
        file: PathBuf,
        /// The folder of the project, which is made where it is not there; the project of the current folder if not given.
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
        /// What the connection is called, and the schema of its assets; after the file if not given.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Connection {
    /// Reach it, with its credentials.
    Test {
        /// The connection.
        name: String,
    },
    /// Lift what a server's `Retry-After` blocked, for every process: what was put off because of it is asked by the next run.
    Unblock {
        /// The connection.
        name: String,
    },
}

#[derive(Debug, ClapArgs)]
pub struct Discover {
    /// The connection.
    pub connection: String,
    /// Only tables like this: 'public.*', public.orders, or orders for whichever schema. May be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub tables: Vec<String>,
    /// Write a starter asset for each of them that no asset reads yet; nothing is overwritten.
    #[arg(long)]
    pub scaffold: bool,
    /// The schema of the starter assets: that of the connection's other assets if not given, or else raw.
    #[arg(long, value_name = "NAME", requires = "scaffold")]
    pub schema: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub struct Select {
    /// Assets: a name (raw.orders), a glob ('raw.*'), +NAME with everything that it reads, NAME+ with everything that reads it, tag:WORD.
    /// All if not given.
    pub selector: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub struct Status {
    #[command(flatten)]
    pub select: Select,
    /// A parameter: NAME=VALUE. May be given several times.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub struct Patience {
    /// How long to wait for an asset that another run works on.
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub wait: String,
}

#[derive(Debug, ClapArgs)]
pub struct Work {
    #[command(flatten)]
    pub select: Select,
    /// A parameter: NAME=VALUE. May be given several times.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// Read although what is there is fresh.
    #[arg(long)]
    pub again: bool,
    /// Build the tables anew and swap them in one commit.
    #[arg(long)]
    pub rebuild: bool,
    /// Only ranges from this day or instant on.
    #[arg(long, value_name = "WHEN")]
    pub from: Option<String>,
    /// Only ranges before this day or instant.
    #[arg(long, value_name = "WHEN")]
    pub to: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub struct Plan {
    #[command(flatten)]
    pub work: Work,
    /// Keep the plan in this file, for `segue apply`.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Exit with 10 when a definition has changed, an asset is new or removed, or a run would refuse one. Data that is merely due is no
    /// change.
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, ClapArgs)]
pub struct Apply {
    /// The plan that `segue plan --save` wrote; without one, a new plan of everything is made and shown.
    pub plan: Option<PathBuf>,
    /// Take this connection's new address as the same source.
    #[arg(long, value_name = "CONNECTION")]
    pub accept_source: Option<String>,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Debug, ClapArgs)]
pub struct Run {
    #[command(flatten)]
    pub work: Work,
    /// Ask no web API: take the answers that `segue record` has kept in this folder, as of when it did. No secret has to be known. Tables are
    /// written as in any run, so do it in an environment of its own (--env).
    #[arg(long, value_name = "DIR")]
    pub replay: Option<PathBuf>,
    /// Only try: at most so many rows of each asset, of no more slices or parents than that. Together with --into.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Write what is tried into tables of this schema, SCHEMA.raw__orders for raw.orders, and nothing else. Together with --limit.
    #[arg(long, value_name = "SCHEMA")]
    pub into: Option<String>,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Debug, ClapArgs)]
pub struct Copy {
    /// What is read: postgres://USER@HOST/DATABASE, or the folder of a lake. A password comes from the address, PGPASSWORD or ~/.pgpass.
    pub from: String,
    /// What is written: the folder of a lake, or the address of a database (sqlite:FILE).
    pub to: String,
    /// Only tables like this: 'public.*', public.orders, or orders for whichever schema. May be given several times; all if not given.
    #[arg(long, value_name = "PATTERN")]
    pub tables: Vec<String>,
    /// No tables like this. May be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub except: Vec<String>,
    /// How the rows that are read meet those that are there.
    #[arg(long, value_enum, default_value_t = Mode::Replace)]
    pub mode: Mode,
    /// The columns in which no two rows are equal, for --mode merge; a table's primary key if not given.
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub key: Vec<String>,
    /// The schema of the copies; that of the tables if not given.
    #[arg(long, value_name = "NAME")]
    pub into_schema: Option<String>,
    /// The folder in which the copy remembers what it did: .segue in a lake that is written, else one of this user's. What is lost there
    /// is read from the target.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Let a table without rows take the place of one that has some.
    #[arg(long)]
    pub allow_empty: bool,
    /// Build the copies anew and swap them in one commit each.
    #[arg(long)]
    pub rebuild: bool,
    /// Take what is read now as the same source as before, under another address.
    #[arg(long)]
    pub accept_source: bool,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// They take their place.
    Replace,
    /// They take the place of those of the same key, and the others stay.
    Merge,
}

#[derive(Debug, ClapArgs)]
pub struct Backfill {
    #[command(flatten)]
    pub select: Select,
    /// From this day or instant on; also before the asset's `start`.
    #[arg(long, value_name = "WHEN")]
    pub from: String,
    /// Before this day or instant.
    #[arg(long, value_name = "WHEN")]
    pub to: String,
    /// Say what would be computed.
    #[arg(long)]
    pub dry_run: bool,
    /// Compute it although it is done.
    #[arg(long)]
    pub again: bool,
    /// A parameter: NAME=VALUE. May be given several times.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Debug, ClapArgs)]
pub struct Sql {
    /// The statement; without it and without --file, a prompt.
    pub statement: Option<String>,
    /// Read the statement from this file; `-` is standard input.
    #[arg(short, long, value_name = "FILE", conflicts_with = "statement")]
    pub file: Option<PathBuf>,
    /// How the answer is written.
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Write the answer into this file, in one step and in the place of one that is there.
    #[arg(short, long, value_name = "FILE", required_if_eq("format", "parquet"))]
    pub out: Option<PathBuf>,
    /// A parameter of the statement: NAME=VALUE. May be given several times. A whole number of 64 bits, a number with a point or an
    /// exponent (a double), true, false and null are what they look like; all else is text, and so is what stands in double quotes.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people.
    Table,
    /// RFC 4180.
    Csv,
    /// One object a line.
    JsonLines,
    /// A Parquet file; wants --out.
    Parquet,
}

#[derive(Debug, ClapArgs)]
pub struct Chat {
    /// The chat: `chat:` in its file in `chats/`.
    pub chat: String,
    /// What somebody says, or what an answer offered to choose.
    #[arg(allow_hyphen_values = true)]
    pub message: Option<String>,
    /// Answer in this language, whatever the message is in.
    #[arg(long, value_name = "CODE")]
    pub language: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Lake {
    /// The versions of a table.
    History {
        /// The asset.
        asset: String,
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Join small files.
    Compact(Select),
    /// Delete files that no version within the promised time travel needs.
    Vacuum {
        #[command(flatten)]
        select: Select,
        /// How far back versions stay readable.
        #[arg(long, value_name = "DURATION", default_value = "7d")]
        keep: String,
        /// Say what would be deleted.
        #[arg(long)]
        dry_run: bool,
    },
    /// Bring a table back to one of its versions, as a new one.
    Restore {
        /// The asset.
        asset: String,
        #[command(flatten)]
        as_of: AsOf,
        /// What is done afterwards, instead of what was done then.
        #[arg(long, value_enum)]
        position: Option<Position>,
        /// Say what would change.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub struct AsOf {
    /// This version of the table.
    #[arg(long, value_name = "N")]
    pub version: Option<u64>,
    /// The version that was the newest then: a time in RFC 3339, or a day or a time of the project's zone.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Position {
    /// Go on from where it is now: what was read since is not read again.
    Keep,
    /// Begin anew: everything is read or computed again.
    Reset,
}

#[derive(Debug, Subcommand)]
pub enum Quarantine {
    /// How many rows of which asset, and why.
    List,
    /// The rows of one asset.
    Show {
        /// The asset.
        asset: String,
        /// How many rows.
        #[arg(long, default_value_t = 20)]
        limit: u64,
    },
    /// Read rows again by what the asset's definition says today, and write those that fit where they belong, in a commit of their own.
    ///
    /// What does not fit stays, for the reason of today. A row whose key has a newer row in the table is left.
    Replay {
        /// The asset.
        asset: String,
        #[command(flatten)]
        which: Which,
        /// Say what would go in, what would stay and what would be left; write nothing.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        patience: Patience,
    },
    /// Take rows out of the quarantine for good. Who did it, when and why is kept with the commit, and shown by `segue runs`.
    Discard {
        /// The asset.
        asset: String,
        #[command(flatten)]
        which: Which,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        patience: Patience,
    },
}

/// Which rows of a quarantine.
#[derive(Debug, ClapArgs)]
pub struct Which {
    /// Only rows whose reason holds this text.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Only rows that meet this SQL condition over the quarantine's columns: --where "path = '$.popularity'".
    #[arg(long = "where", value_name = "CONDITION")]
    pub condition: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum State {
    /// Copy the state while it is used.
    Backup {
        /// The new file.
        to: PathBuf,
    },
    /// Read from the tables what was done.
    Rebuild,
}

#[derive(Debug, Subcommand)]
pub enum Asset {
    /// Remove an asset's table and what the state knows of it.
    Drop {
        /// The asset.
        asset: String,
        /// Remove the table of an asset that the project still has: the next run makes it anew.
        #[arg(long)]
        table_only: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}
