//! A refresh token that is another after each use. The new one is on the disk before it, or what came with it, is used: a process that
//! is killed at any moment after the server's answer was written down loses nothing, and no other process uses the old one again.

use super::oauth2::{self, Granted, Oauth2, Wire};
use super::{Grant, Patience, Token};
use crate::http::{Http, HttpSettings, Redactor, send};
use jiff::Timestamp;
use segue_core::gate::key_below;
use segue_core::hash::sha256;
use segue_core::meter::Meter;
use segue_core::notes::{Claimed, Notes};
use segue_core::{Clock, Ctx, Error, Kind, Result, Secret};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether another process has a new token by now.
const LOOK: Duration = Duration::from_millis(250);

/// One exchange of the refresh token, with everything that it needs: it goes on when nobody waits for it any more.
pub(super) struct Exchange {
    oauth2: Arc<Oauth2>,
    notes: Arc<dyn Notes>,
    clock: Arc<dyn Clock>,
    redactor: Redactor,
    meter: Arc<Meter>,
    settings: Arc<HttpSettings>,
    patience: Patience,
    /// A token that is not taken from the notes.
    refused: Option<Secret>,
    key: String,
    holder: String,
}

/// What the note says.
#[derive(Serialize, Deserialize)]
struct Note {
    /// The hash of the settings' token that all this began with: another one there begins anew.
    from: String,
    refresh_token: String,
    access_token: String,
    /// When the access token ends, as far as that is known.
    expires_at: Option<Timestamp>,
}

impl Exchange {
    pub fn new(
        http: &Http,
        oauth2: &Arc<Oauth2>,
        notes: &Arc<dyn Notes>,
        patience: Patience,
        refused: Option<Secret>,
        ctx: &Ctx,
    ) -> Exchange {
        let of = format!("the refresh token of {} at {}", oauth2.client_id, oauth2.token_url);
        Exchange {
            oauth2: oauth2.clone(),
            notes: notes.clone(),
            clock: http.clock.clone(),
            redactor: http.redactor.clone(),
            meter: ctx.meter.clone(),
            settings: http.settings.clone(),
            patience,
            refused,
            key: key_below(&http.settings.identity, &of),
            holder: uuid::Uuid::new_v4().to_string(),
        }
    }

    /// On a thread of its own: stopping a read must not end it between the server's answer and the disk.
    ///
    /// # Errors
    /// Those of [`oauth2::ask`]; what keeps the note from being written.
    pub async fn apart(self) -> Result<Token> {
        let exchange = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|e| Error::new(Kind::Unavailable, "cannot renew a token").caused_by(e))?;
            runtime.block_on(self.run())
        });
        exchange
            .await
            .map_err(|e| Error::bug("the renewal of a token did not finish").caused_by(e))?
    }

    async fn run(self) -> Result<Token> {
        let note = self.claimed().await?;
        let done = self.renewed(note).await;
        if done.is_err() {
            // What went wrong is worth more than what goes wrong now: the claim ends by itself.
            let _ends_by_itself = self.notes.release(&self.key, &self.holder).await;
        }
        done
    }

    /// Waits until no other process renews it; then what the last one wrote.
    async fn claimed(&self) -> Result<Option<Note>> {
        // Longer than all tries together take: only one whose process is gone ends by itself.
        let each = self.settings.timeout * 10 + self.patience.max_wait;
        let time = each * self.patience.tries + Duration::from_secs(60);
        loop {
            match self.notes.claim(&self.key, &self.holder, time).await? {
                // What cannot be read was written by another version: it begins anew.
                Claimed::Ours(said) => return Ok(said.and_then(|s| serde_json::from_str(s.reveal()).ok())),
                Claimed::Until(_) => self.clock.sleep(LOOK).await,
            }
        }
    }

    async fn renewed(&self, note: Option<Note>) -> Result<Token> {
        let Grant::RefreshToken { refresh_token: first } = &self.oauth2.grant else {
            return Err(Error::bug("a token without a refresh token is renewed by one"));
        };
        let from = sha256(first.reveal());
        let note = note.filter(|note| note.from == from);
        if let Some(note) = &note {
            self.redactor.hide(&Secret::new(note.refresh_token.as_str()));
            if let Some(token) = self.known(note) {
                self.notes.release(&self.key, &self.holder).await?;
                return Ok(token);
            }
        }
        let refresh_token = note.map_or_else(|| first.clone(), |note| Secret::new(note.refresh_token));
        let granted = self.asked(&refresh_token).await?;
        let lives = granted.lives.and_then(|lives| self.clock.now().checked_add(lives).ok());
        let kept = Note {
            from,
            // A server that says nothing of it lets the old one be used again.
            refresh_token: granted
                .refresh_token
                .as_ref()
                .unwrap_or(&refresh_token)
                .reveal()
                .to_string(),
            access_token: granted.access_token.reveal().to_string(),
            expires_at: lives,
        };
        let text = serde_json::to_string(&kept).map_err(|e| Error::bug("a note is no JSON").caused_by(e))?;
        let is_kept = self.notes.keep(&self.key, &self.holder, &Secret::new(text)).await;
        let is_kept = is_kept.map_err(|e| {
            e.with(
                "connection's token",
                "it was renewed, and cannot be kept: it is not used",
            )
            .hint("make room where the state is kept; if the server takes the old refresh token no more, sign in again")
        })?;
        match is_kept {
            true => Ok(granted.into_token()),
            false => Err(Error::new(
                Kind::Conflict,
                "another process renewed the token meanwhile, because this one took too long",
            )),
        }
    }

    /// The token of the note, if another process has fetched it and it is still good.
    fn known(&self, note: &Note) -> Option<Token> {
        let access_token = Secret::new(note.access_token.as_str());
        if self.refused.as_ref() == Some(&access_token) {
            return None;
        }
        self.redactor.hide(&access_token);
        let left = match note.expires_at {
            Some(end) => Some(Duration::try_from(end.duration_since(self.clock.now())).ok()?),
            None => None,
        };
        // What ends in a moment is renewed now: it would be renewed by the next request.
        (left.is_none_or(|left| left > Duration::from_secs(60))).then(|| {
            let granted = Granted {
                access_token,
                refresh_token: None,
                lives: left,
                asked_at: self.clock.elapsed(),
            };
            granted.into_token()
        })
    }

    async fn asked(&self, refresh_token: &Secret) -> Result<Granted> {
        let tls = self.oauth2.token_url.scheme() == "https";
        let wire = Wire {
            // One for this exchange: sockets do not outlive the thread that made them.
            client: send::client(&self.settings, &[], tls)?,
            redactor: self.redactor.clone(),
            clock: self.clock.clone(),
            meter: self.meter.clone(),
        };
        let mut tried = 0;
        loop {
            let error = match oauth2::ask(&self.oauth2, Some(refresh_token), &wire).await {
                Ok(granted) => return Ok(granted),
                Err(error) => error,
            };
            tried += 1;
            let wait = self.patience.after(error, tried, "token")?;
            self.clock.sleep(wait).await;
        }
    }
}
