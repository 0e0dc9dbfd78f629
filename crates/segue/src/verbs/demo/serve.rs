//! `segue demo-server`: stand-ins of services, each at a port of its own.

use super::{BUILTIN, FULL, catalogue, standin};
use crate::args::{DemoServer, StandInFor};
use crate::out::Out;
use crate::verbs;
use segue_core::{Error, Kind, Result};
use segue_demo::{Fault, Options, Service, Standin};
use std::path::Path;
use std::sync::Arc;

impl StandInFor {
    /// The services that are meant, with the names by which they are chosen.
    fn services(self) -> Vec<(&'static str, Service)> {
        let all = [
            (StandInFor::Spotify, "spotify", Service::Spotify),
            (StandInFor::SpotifyDev, "spotify-dev", Service::SpotifyDevelopment),
            (StandInFor::Musicbrainz, "musicbrainz", Service::MusicBrainz),
            (StandInFor::Deezer, "deezer", Service::Deezer),
            (StandInFor::Reccobeats, "reccobeats", Service::ReccoBeats),
            (StandInFor::Listenbrainz, "listenbrainz", Service::ListenBrainz),
        ];
        let meant = all
            .into_iter()
            .filter(|(of, ..)| self == StandInFor::All || *of == self);
        meant.map(|(_, name, service)| (name, service)).collect()
    }
}

/// Serves until the process is ended, or until standard input ends where that was asked for.
pub fn serve(options: &DemoServer, out: &Out) -> Result<u8> {
    let mut services: Vec<(&str, Service)> = Vec::new();
    for service in options.services.iter().flat_map(|of| of.services()) {
        if !services.contains(&service) {
            services.push(service);
        }
    }
    let usual = match services.as_slice() {
        [(_, Service::Spotify)] => BUILTIN,
        _ => FULL,
    };
    let catalogue = Arc::new(catalogue(options.catalog.as_deref().unwrap_or(Path::new(usual)))?);
    let faults = faults(&options.faults, &services)?;
    let ports = ports(&options.ports, services.len())?;
    let is_one = services.len() == 1;
    let mut all = Vec::new();
    for (((name, service), port), faults) in services.into_iter().zip(ports).zip(faults) {
        let mut serving = Options::new(catalogue.clone());
        serving.service = service;
        serving.port = port;
        serving.limits = options.limits.parse()?;
        serving.seed = options.seed;
        serving.faults = faults;
        all.push((name, serving));
    }
    let until_eof = options.until_eof;
    verbs::wait(async {
        let mut standing = Vec::new();
        for (name, serving) in all {
            let standin = Standin::start(serving).await?;
            let address = standin.url();
            match is_one {
                true => {
                    out.value(&serde_json::json!({ "address": address }));
                    out.line(&address);
                }
                false => {
                    out.value(&serde_json::json!({ "service": name, "address": address }));
                    out.line(format!("{name} {address}"));
                }
            }
            standing.push(standin);
        }
        match until_eof {
            true => standin::end_of_input().await,
            false => std::future::pending().await,
        }
        for standin in standing {
            standin.stop().await?;
        }
        Ok(())
    })?;
    Ok(0)
}

/// The port of each service: any free one, one after the other from the first, or those that are given.
fn ports(given: &[u16], services: usize) -> Result<Vec<u16>> {
    match given {
        [] | [0] => Ok(vec![0; services]),
        [first] => (0..services)
            .map(|at| {
                let port = u16::try_from(at).ok().and_then(|at| first.checked_add(at));
                port.ok_or_else(|| {
                    Error::new(
                        Kind::Invalid,
                        format!("{services} services have no ports from {first} on"),
                    )
                    .hint("65535 is the last port: begin lower")
                })
            })
            .collect(),
        several if several.len() == services => Ok(several.to_vec()),
        several => Err(Error::new(
            Kind::Invalid,
            format!("{} ports are given for {services} services", several.len()),
        )
        .hint("give one for each, in their order, or the first alone")),
    }
}

/// The faults of each service. One that begins with `SERVICE/` is of that service alone.
fn faults(given: &[String], services: &[(&str, Service)]) -> Result<Vec<Vec<Fault>>> {
    let mut all = vec![Vec::new(); services.len()];
    for text in given {
        let name = text.split('=').next().unwrap_or_default();
        let (of, fault) = match name.split_once('/') {
            Some((of, _)) => (Some(of), &text[of.len() + 1..]),
            None => (None, text.as_str()),
        };
        let fault = Fault::parse(fault)?;
        let mut is_anybodys = false;
        for (faults, (name, _)) in all.iter_mut().zip(services) {
            if of.is_none_or(|of| of == *name) {
                faults.extend(fault.clone());
                is_anybodys = true;
            }
        }
        if !is_anybodys {
            let names: Vec<&str> = services.iter().map(|(name, _)| *name).collect();
            let message = format!("no service is called `{}` here", of.unwrap_or_default());
            return Err(Error::new(Kind::Invalid, message).hint(format!("there are {}", names.join(", "))));
        }
    }
    Ok(all)
}
