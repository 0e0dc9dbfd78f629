//! A connection to the server: where it is, who asks, and that the server is the one it says it is.

use super::bound::{Bound, Plain};
use super::errors::{causes, failed};
use crate::connector::{Deps, install_tls, maybe_secret};
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use schemars::JsonSchema;
use segue_core::meter::Meter;
use segue_core::{Ctx, Error, Kind, Result, Secret};
use segue_diag as codes;
use serde::Deserialize;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::ops::Deref;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The longest that making a connection may take, and being let in.
const CONNECT: Duration = Duration::from_secs(if cfg!(test) { 5 } else { 30 });

/// The longest that it is waited for until a server was told to stop.
const CANCEL: Duration = Duration::from_secs(5);

/// How long a peer may be silent before the system asks whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The keys of a connection of kind `postgres`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The server's name or address, or the folder of its Unix socket.
    #[schemars(length(min = 1))]
    pub host: String,
    /// Its port.
    #[serde(default = "port")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// The database.
    #[schemars(length(min = 1))]
    pub database: String,
    /// Who asks.
    #[schemars(length(min = 1))]
    pub user: String,
    /// The user's password.
    #[serde(default, deserialize_with = "maybe_secret")]
    #[schemars(with = "Option<String>", extend("x-secret" = true))]
    pub password: Option<Secret>,
    /// How the connection is kept from being read or changed on its way.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// A file of certificates (PEM) that the server's is checked by, instead of those of this system; relative to the project's folder.
    #[serde(default)]
    pub tls_ca: Option<String>,
    /// The schema of tables that are written and name none, and of the tables in which Segue marks its commits.
    #[serde(default = "default_schema")]
    #[schemars(length(min = 1, max = 63))]
    pub schema: String,
}

/// How a connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tls {
    /// Encrypted, and the server's certificate is checked against its name. The default, but for a server on this machine.
    Verify,
    /// As it is. For a server on this machine, or behind a tunnel.
    Off,
}

fn port() -> u16 {
    5432
}

fn default_schema() -> String {
    "public".into()
}

/// A connection to the server, which ends when this is dropped.
pub(super) struct Session {
    client: Client,
    /// The version that the server says it is, its first number; 0 where it does not say.
    pub version: u32,
    /// How large a row of it may be.
    pub bound: Option<Bound>,
    /// Whose work it does.
    meter: Arc<Mutex<Arc<Meter>>>,
}

impl Session {
    fn of<S, T>(
        client: Client,
        mut connection: tokio_postgres::Connection<S, T>,
        bound: Option<Bound>,
        ctx: &Ctx,
    ) -> Session
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let said = connection.parameter("server_version").unwrap_or_default();
        let number = said.split(|c: char| !c.is_ascii_digit()).next();
        let version = number.and_then(|number| number.parse().ok()).unwrap_or(0);
        let meter = Arc::new(Mutex::new(ctx.meter.clone()));
        let counted = meter.clone();
        // It moves bytes until the client is dropped, for one step after the other.
        tokio::spawn(async move {
            let ended = poll_fn(|cx| {
                let meter = counted.lock().clone();
                meter.measured(|| Pin::new(&mut connection).poll(cx))
            });
            if let Err(error) = ended.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        Session {
            client,
            version,
            bound,
            meter,
        }
    }

    /// What it does from now on is work of whoever this counts for.
    pub fn counts_for(&self, meter: &Arc<Meter>) {
        *self.meter.lock() = meter.clone();
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// What is needed to connect.
#[derive(Clone)]
pub(super) struct Door {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    is_socket: bool,
    /// What is read from, without secrets.
    pub identity: String,
    /// The database and the server, for people.
    pub place: String,
}

impl Door {
    /// # Errors
    /// `Invalid` for certificates that are none, `NotFound` when their file is not there.
    pub fn of(settings: &Settings, deps: &Deps) -> Result<Door> {
        let mut config = Config::new();
        config
            .host(&settings.host)
            .port(settings.port)
            .dbname(&settings.database)
            .user(&settings.user)
            .application_name("segue")
            .connect_timeout(CONNECT)
            .keepalives_idle(KEEP_ALIVE);
        if let Some(password) = &settings.password {
            config.password(password.reveal());
        }
        let tls = settings.tls.unwrap_or(match is_local(&settings.host) {
            true => Tls::Off,
            false => Tls::Verify,
        });
        let tls = match tls {
            Tls::Off => {
                config.ssl_mode(SslMode::Disable);
                None
            }
            Tls::Verify => {
                config.ssl_mode(SslMode::Require);
                let ca = settings.tls_ca.as_ref().map(|file| deps.project_dir.join(file));
                Some(MakeRustlsConnect::new(verified(ca.as_deref())?))
            }
        };
        let place = format!("{}:{}/{}", settings.host, settings.port, settings.database);
        Ok(Door {
            config,
            tls,
            is_socket: settings.host.starts_with('/'),
            identity: format!("postgresql://{place}"),
            place,
        })
    }

    /// Connects. The connection lives as long as its session, and ends at a row that is larger than this. Over a Unix socket no row is looked at.
    ///
    /// # Errors
    /// `Unavailable` when the server is not reached, `Unauthenticated` when it refuses who asks, `Denied` when it is not the one it says.
    pub async fn connect(&self, ctx: &Ctx, bound: Option<Bound>) -> Result<Session> {
        let doing = format!("connect to {}", self.place);
        let refused = |e: tokio_postgres::Error| {
            if let Some(why) = not_secure(&e) {
                return Error::new(Kind::Denied, format!("cannot {doing}: {why}"))
                    .code(codes::POSTGRES_UNREACHABLE)
                    .hint("name the authority's file in `tls_ca:` and the server as its certificate does in `host:`; or say `tls: off` where nobody can listen")
                    .caused_by(e);
            }
            let error = failed(&doing)(e);
            match error.error_code() {
                None if error.kind() == Kind::Unavailable => unreachable(error),
                _ => error,
            }
        };
        let connecting = async {
            match (&self.tls, bound.as_ref().filter(|_| !self.is_socket)) {
                (None, None) => {
                    let (client, connection) = self.config.connect(NoTls).await.map_err(refused)?;
                    Ok(Session::of(client, connection, bound.clone(), ctx))
                }
                (None, Some(bounded)) => {
                    let mut config = self.config.clone();
                    // The driver lets nobody between it and the stream but who encrypts it: `Plain` stands in for one, and nothing is
                    // asked of the server.
                    config
                        .ssl_mode(SslMode::Require)
                        .ssl_negotiation(SslNegotiation::Direct);
                    let (client, connection) = config.connect(bounded.over(Plain)).await.map_err(refused)?;
                    Ok(Session::of(client, connection, bound.clone(), ctx))
                }
                (Some(tls), Some(bounded)) => {
                    let with = bounded.over(tls.clone());
                    let (client, connection) = self.config.connect(with).await.map_err(refused)?;
                    Ok(Session::of(client, connection, bound.clone(), ctx))
                }
                (Some(tls), None) => {
                    let (client, connection) = self.config.connect(tls.clone()).await.map_err(refused)?;
                    Ok(Session::of(client, connection, bound.clone(), ctx))
                }
            }
        };
        let in_time = async {
            tokio::time::timeout(CONNECT, connecting).await.unwrap_or_else(|_| {
                Err(unreachable(Error::new(
                    Kind::Unavailable,
                    format!("cannot {doing}: no answer within {} s", CONNECT.as_secs()),
                )))
            })
        };
        ctx.or_cancelled(in_time).await
    }

    /// Asks the server to stop what this client has it do. What comes of that is the client's to hear.
    pub async fn cancel(&self, client: &Client) {
        let token = client.cancel_token();
        let telling = async {
            match &self.tls {
                None => token.cancel_query(Plain).await,
                Some(tls) => token.cancel_query(tls.clone()).await,
            }
        };
        if !matches!(tokio::time::timeout(CANCEL, telling).await, Ok(Ok(()))) {
            tracing::debug!(
                place = self.place,
                "the server was not told to stop; it notices by itself"
            );
        }
    }
}

fn unreachable(error: Error) -> Error {
    error
        .code(codes::POSTGRES_UNREACHABLE)
        .hint("look at `host:`, `port:` and `tls:` of the connection, and whether the server listens there")
}

/// Why the connection cannot be secured as it is to be, if that is what is wrong: it is so the next time too.
fn not_secure(e: &tokio_postgres::Error) -> Option<&'static str> {
    causes(e).find_map(|one| {
        let inner = one.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref());
        if one.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return Some("the server is not the one that it should be, or speaks another TLS");
        }
        (one.to_string() == "server does not support TLS").then_some("the server does not speak TLS")
    })
}

/// Whether the server is on this machine: a socket's folder, or an address that leads nowhere else.
fn is_local(host: &str) -> bool {
    host.starts_with('/') || host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// TLS that checks the server's certificate against its name.
fn verified(ca: Option<&Path>) -> Result<rustls::ClientConfig> {
    install_tls();
    let mut roots = rustls::RootCertStore::empty();
    let mut add = |certificate: CertificateDer<'static>, from: &str| {
        roots
            .add(certificate)
            .map_err(|e| Error::new(Kind::Invalid, format!("a certificate in {from} cannot be used")).caused_by(e))
    };
    match ca {
        Some(file) => {
            let name = file.display().to_string();
            let certificates = CertificateDer::pem_file_iter(file).map_err(|e| {
                Error::new(Kind::NotFound, format!("cannot read the certificates in {name}")).caused_by(e)
            })?;
            for certificate in certificates {
                let certificate = certificate
                    .map_err(|e| Error::new(Kind::Invalid, format!("{name} holds no certificate")).caused_by(e))?;
                add(certificate, &name)?;
            }
        }
        None => {
            for certificate in rustls_native_certs::load_native_certs().certs {
                if let Err(error) = add(certificate, "this system") {
                    tracing::debug!(%error, "a certificate of this system is left out");
                }
            }
        }
    }
    if roots.is_empty() {
        return Err(
            Error::new(Kind::Invalid, "there is no certificate to check the server's by")
                .hint("install the package `ca-certificates`, or name a file in `tls_ca:`"),
        );
    }
    Ok(rustls::ClientConfig::builder()
        .with_root_certificates(Arc::new(roots))
        .with_no_client_auth())
}
