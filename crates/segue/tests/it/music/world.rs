//! The open project with a stand-in of each of its services.

use crate::support::{Project, Server};
use segue_demo::{Catalogue, Options, Service};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, Weak};

/// The services, with the variable that says where each is.
const SERVICES: [(Service, &str); 5] = [
    (Service::SpotifyDevelopment, "SPOTIFY_API_URL"),
    (Service::MusicBrainz, "MUSICBRAINZ_API_URL"),
    (Service::Deezer, "DEEZER_API_URL"),
    (Service::ReccoBeats, "RECCOBEATS_API_URL"),
    (Service::ListenBrainz, "LISTENBRAINZ_API_URL"),
];

/// The names that everybody should be able to type.
pub const TWELVE: [&str; 12] = [
    "에스파",
    "AESPA",
    " aespa ",
    "샤이니",
    "shinee",
    "SHINee",
    "레이디가가",
    "레이디 가가",
    "에미넴",
    "guns n roses",
    "Girls' Generation",
    "'; DROP TABLE artists; --",
];

/// Further ones, as people write them.
const FURTHER: [&str; 16] = [
    "BTS",
    "BLACKPINK",
    "IU",
    "아이유",
    "Radiohead",
    "Radiohaed",
    "Miles Davis",
    "Daft Punk",
    "Nirvana",
    "Beyonce",
    "\u{feff}Metallica",
    "“Weird Al” Yankovic",
    "Simon and Garfunkel",
    "Johnny Cash",
    "The Paper Lantern Society",
    "Frank Ocean",
];

/// Everyone: it takes a while to be read, so once is enough.
pub fn everyone() -> Arc<Catalogue> {
    static EVERYONE: OnceLock<Arc<Catalogue>> = OnceLock::new();
    EVERYONE.get_or_init(|| Arc::new(Catalogue::full())).clone()
}

/// A project's folder, and the servers that it asks.
pub struct World {
    pub project: Project,
    servers: BTreeMap<&'static str, Server>,
}

impl World {
    /// The project with the usual names, which ran once. Tests that only look share it.
    pub fn usual() -> Arc<World> {
        static SHARED: Mutex<Weak<World>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(there) = shared.upgrade() {
            return there;
        }
        let names: Vec<&str> = TWELVE.into_iter().chain(FURTHER).collect();
        let world = Arc::new(World::new(&names));
        world.project.ok(&["run"]);
        *shared = Arc::downgrade(&world);
        world
    }

    /// The project with these names; nothing ran yet.
    pub fn new(names: &[&str]) -> World {
        World::with(names, |_| {})
    }

    /// The project with these names, and stand-ins that are otherwise.
    pub fn with(names: &[&str], otherwise: impl Fn(&mut Options)) -> World {
        let mut world = World {
            project: Project::with(segue_demo::project::music_files()),
            servers: BTreeMap::new(),
        };
        world.names(names);
        for (service, _) in SERVICES {
            let mut options = Options::new(everyone());
            options.service = service;
            otherwise(&mut options);
            world.servers.insert(service.name(), Server::start(options));
            world.turn_on(service);
        }
        world.project.set("MUSICBRAINZ_CONTACT", "https://segue.invalid/tests");
        world.rate("100000/s");
        world
    }

    /// The file of names has these.
    pub fn names(&self, names: &[&str]) {
        let line = |name: &&str| format!("\"{}\"\n", name.replace('"', "\"\""));
        let lines: String = names.iter().map(line).collect();
        self.project
            .write(segue_demo::project::MUSIC_NAMES_FILE, &format!("\u{feff}name\n{lines}"));
    }

    /// So much may be asked of each service.
    pub fn rate(&mut self, rate: &str) {
        for of in [
            "SPOTIFY_RATE",
            "SPOTIFY_QUOTA",
            "MUSICBRAINZ_RATE",
            "DEEZER_RATE",
            "RECCOBEATS_RATE",
            "LISTENBRAINZ_RATE",
        ] {
            self.project.set(of, rate);
        }
    }

    /// Nothing is tried more often than this.
    pub fn tries(&self, tries: u32) {
        for path in self.project.read_dir("connections") {
            let path = format!("connections/{path}");
            let text = self.project.read(&path);
            let text = text
                .replace("max_wait: 30s }", &format!("max_wait: 30s, tries: {tries} }}"))
                .replace("  max_wait: 30s\n", &format!("  max_wait: 30s\n  tries: {tries}\n"));
            self.project.write(&path, &text);
        }
    }

    /// This service is at a port where nobody answers.
    pub fn turn_off(&mut self, service: Service) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let nobody = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        let (_, variable) = SERVICES
            .into_iter()
            .find(|(of, _)| *of == service)
            .expect("it is one of ours");
        self.project.set(variable, &nobody);
        if service == Service::SpotifyDevelopment {
            self.project.set("SPOTIFY_TOKEN_URL", &format!("{nobody}/api/token"));
        }
        if service == Service::ListenBrainz {
            self.project.set("LISTENBRAINZ_LABS_URL", &nobody);
        }
    }

    /// This service is where its stand-in is.
    pub fn turn_on(&mut self, service: Service) {
        let (_, variable) = SERVICES
            .into_iter()
            .find(|(of, _)| *of == service)
            .expect("it is one of ours");
        let server = &self.servers[service.name()];
        self.project.set(variable, &server.api_url);
        if service == Service::SpotifyDevelopment {
            self.project.set("SPOTIFY_TOKEN_URL", &server.token_url);
            self.project.set("SPOTIFY_CLIENT_ID", &server.client_id);
            self.project.set("SPOTIFY_CLIENT_SECRET", &server.client_secret);
        }
        if service == Service::ListenBrainz {
            self.project.set("LISTENBRAINZ_LABS_URL", &server.api_url);
        }
    }

    /// The stand-in of this service.
    pub fn server(&self, service: Service) -> &Server {
        &self.servers[service.name()]
    }

    /// All stand-ins.
    pub fn servers(&self) -> impl Iterator<Item = (&'static str, &Server)> {
        self.servers.iter().map(|(name, server)| (*name, server))
    }

    /// How many requests came to all stand-ins.
    pub fn requests(&self) -> u64 {
        self.servers().map(|(_, server)| server.standin().stats().total).sum()
    }
}
