//! The words of the demo and of the stand-ins.

use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// The examples that the demo runs, from stand-ins of their services to answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Recommender {
    /// On open sources.
    Music,
    /// On Spotify alone.
    Spotify,
}

#[derive(Debug, ClapArgs)]
pub struct Demo {
    /// The demo's folder.
    #[arg(long, value_name = "DIR", default_value = "segue-demo")]
    pub dir: PathBuf,
    /// Which project; that of the folder, or else spotify, if not given.
    #[arg(long, value_enum)]
    pub example: Option<Recommender>,
    /// Stop the stand-ins at the end instead of leaving them until Ctrl-C.
    #[arg(long)]
    pub once: bool,
    /// Serve another catalogue: full, builtin, or that of a folder. All of its artists are then asked for.
    #[arg(long, value_name = "full|builtin|DIR")]
    pub catalog: Option<PathBuf>,
    /// How strict the stand-ins are about their limits.
    #[arg(long, default_value = "fast")]
    pub limits: String,
    /// A fault of the stand-ins, or of one of them: deezer/slow=every:5. May be given several times.
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub struct DemoServer {
    /// Whom to stand in for; may be given several times. Each answers at a port of its own, and where there are several each line says whose.
    #[arg(long = "service", value_enum, value_name = "SERVICE", default_value = "spotify")]
    pub services: Vec<StandInFor>,
    /// The port, any free one if not given. Several services have the following ones, or as many ports as are given, in their order.
    #[arg(long = "port", value_name = "PORT")]
    pub ports: Vec<u16>,
    /// What they serve: full, builtin, or the catalogue of a folder. Spotify alone serves builtin if not given, all others full.
    #[arg(long, value_name = "full|builtin|DIR")]
    pub catalog: Option<PathBuf>,
    /// How strict they are about their limits.
    #[arg(long, default_value = "fast")]
    pub limits: String,
    /// A fault of all, or of one of them: deezer/slow=every:5. May be given several times.
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<String>,
    /// Where random choices begin.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// End when standard input ends, as it does when whoever started it is gone.
    #[arg(long, hide = true)]
    pub until_eof: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StandInFor {
    /// Spotify, for an application that may ask for everything.
    Spotify,
    /// Spotify in development mode, as a new application has it.
    SpotifyDev,
    /// MusicBrainz.
    Musicbrainz,
    /// Deezer.
    Deezer,
    /// ReccoBeats.
    Reccobeats,
    /// ListenBrainz and its labs.
    Listenbrainz,
    /// Each of these.
    All,
}
