//! Asking a chat: one message in, one answer out.
//!
//! What a message may ask and how an answer is said is `segue-chat`'s, which knows no table; what a name means is the index's; what is
//! looked up is SQL's, and a message is never more than the value of a parameter there.

use crate::app::App;
use crate::use_cases::resolve::opened;
use arrow_schema::DataType;
use futures::StreamExt;
use segue_chat::{Answer, Asked, Found, Known, Payload, Reading, Rows, Sentence, Speaks};
use segue_core::engine::{Answer as Rowed, Engine, Param, Query, Relation, TableKey};
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_diag::{CHAT_NO_LANGUAGE, CHAT_QUERY, NO_SUCH_CHAT, closest};
use segue_names::{Answer as Meaning, Candidate, Reason};
use segue_spec::model::Chat;
use segue_spec::model::chat::{Intent, limits};
use segue_sql::format::{Form, Options};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

/// A message to a chat.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The chat's name.
    pub chat: String,
    /// What somebody typed, or the payload of what they chose. An empty one is greeted.
    pub text: String,
    /// What is known of the language beside the message itself.
    pub speaks: Speaks,
}

/// What the chat answers.
///
/// # Errors
/// `NotFound` for a chat that is not there, and where a table that it reads was never made; `Invalid` for a language that it does not speak;
/// `TimedOut` for a query that takes longer than the chat allows; those of the tables. A name that nobody has is no error.
pub async fn chat(app: &App, message: &Message, ctx: &Ctx) -> Result<Answer> {
    let chat = the_chat(app, &message.chat)?;
    speaks(chat, message.speaks.always.as_deref())?;
    let answer = Asks { app, chat, ctx }.answer(message).await;
    answer.map_err(|error| error.with("chat", &chat.name))
}

fn the_chat<'a>(app: &'a App, name: &str) -> Result<&'a Chat> {
    app.project.chats.get(name).ok_or_else(|| {
        let names: Vec<&str> = app.project.chats.keys().map(String::as_str).collect();
        let hint = match (closest(name, names.iter().copied()), names.as_slice()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => {
                "a chat is a file in chats/ that begins with `chat: NAME`; `segue check` says what is wrong with one"
                    .into()
            }
            (None, names) => format!(
                "there are: `{}`; one with mistakes is not among them",
                names.join("`, `")
            ),
        };
        let error = Error::new(Kind::NotFound, format!("there is no chat `{name}`"));
        error.code(NO_SUCH_CHAT).hint(hint)
    })
}

fn speaks(chat: &Chat, language: Option<&str>) -> Result<()> {
    match language {
        Some(other) if !chat.languages.iter().any(|l| l == other) => {
            let error = Error::new(
                Kind::Invalid,
                format!("the chat `{}` does not speak `{other}`", chat.name),
            );
            Err(error
                .code(CHAT_NO_LANGUAGE)
                .hint(format!("it speaks: `{}`", chat.languages.join("`, `"))))
        }
        _ => Ok(()),
    }
}

/// Who answers one message.
struct Asks<'a> {
    app: &'a App,
    chat: &'a Chat,
    ctx: &'a Ctx,
}

/// The rows in which the names of a kind of things are looked for.
struct Names {
    asset: AssetName,
    rows: Arc<dyn Relation>,
    /// Whether ids are numbers.
    by_number: bool,
}

impl<'a> Asks<'a> {
    async fn answer(&self, message: &Message) -> Result<Answer> {
        let speaks = &message.speaks;
        match segue_chat::read(self.chat, &message.text, speaks) {
            Asked::TooLong => Ok(segue_chat::sentence(
                self.chat,
                Sentence::TooLong,
                "",
                self.language(speaks),
            )),
            Asked::Nothing => self.said(&self.chat.greeting, None, self.language(speaks)).await,
            Asked::Choice(choice) => self.chosen(&choice, self.language(speaks)).await,
            Asked::Readings(readings) => self.read(&readings, message).await,
        }
    }

    /// The language that is spoken where the message is in none.
    fn language(&self, speaks: &Speaks) -> &'a str {
        segue_chat::language_of(self.chat, "", speaks)
    }

    /// Of the ways to read a message, the one whose name says most; the first of equals.
    async fn read(&self, readings: &[Reading<'_>], message: &Message) -> Result<Answer> {
        let mut best: Option<(&Reading<'_>, Found)> = None;
        let mut opened: BTreeMap<&str, Names> = BTreeMap::new();
        for reading in readings {
            let Some((word, name)) = &reading.name else {
                return self.said(reading.intent, None, reading.language).await;
            };
            if !opened.contains_key(*word) {
                opened.insert(*word, self.names(word).await?);
            }
            let Some(names) = opened.get(*word) else { continue };
            let found = self.found(names, name).await?;
            if best.as_ref().is_none_or(|(_, best)| found.weight() > best.weight()) {
                best = Some((reading, found));
            }
            if best.as_ref().is_some_and(|(_, best)| best.weight() == Found::CERTAIN) {
                break;
            }
        }
        let Some((reading, found)) = best else {
            let language = segue_chat::language_of(self.chat, &message.text, &message.speaks);
            return Ok(segue_chat::sentence(
                self.chat,
                Sentence::Unknown,
                &message.text,
                language,
            ));
        };
        let (word, name) = reading
            .name
            .as_ref()
            .map_or(("", ""), |(word, name)| (*word, name.as_str()));
        if let (Found::One { thing, .. }, Some(names)) = (&found, opened.get(word)) {
            return self.said(reading.intent, Some((names, thing)), reading.language).await;
        }
        let apart = match (&found, opened.get(word)) {
            (Found::Several { things, .. } | Found::None(things), Some(names)) => {
                self.apart(word, names, things, reading.language).await?
            }
            _ => Vec::new(),
        };
        Ok(segue_chat::offered(
            self.chat,
            reading.intent,
            name,
            &found,
            &apart,
            reading.language,
        ))
    }

    /// What a choice asks for.
    async fn chosen(&self, choice: &Payload, language: &str) -> Result<Answer> {
        let thing = choice.thing.as_ref();
        let intent = match (&choice.intent, thing) {
            (Some(intent), _) => self.chat.intent(intent),
            (None, Some((word, _))) => segue_chat::default_intent(self.chat, word),
            (None, None) => None,
        };
        let intent = intent.ok_or_else(|| Error::bug("a choice of no intent was read"))?;
        let Some((word, id)) = thing else {
            return self.said(intent, None, language).await;
        };
        let names = self.names(word).await?;
        let table = TableKey::from(&names.asset);
        let name = self.app.engine.name_of(&table, &names.rows, id, self.ctx).await?;
        match name {
            Some(name) => {
                let thing = Known { id: id.clone(), name };
                self.said(intent, Some((&names, &thing)), language).await
            }
            // It may have gone since it was offered.
            None => Ok(segue_chat::sentence(self.chat, Sentence::Unknown, id, language)),
        }
    }

    /// What an intent answers, of this thing.
    async fn said(&self, intent: &Intent, about: Option<(&Names, &Known)>, language: &str) -> Result<Answer> {
        let params = self.params(intent.thing.as_deref(), about, language);
        let mut rows = Rows::new();
        for (name, sql) in &intent.queries {
            let asked = self.rows(sql, &params).await;
            let asked = asked.map_err(|error| error.with("intent", &intent.name).with("query", name))?;
            rows.insert(name.clone(), asked);
        }
        let thing = about.map(|(_, thing)| thing);
        Ok(segue_chat::answer(self.chat, intent, thing, &rows, language))
    }

    /// The rows in which names of such things are looked for.
    async fn names(&self, word: &str) -> Result<Names> {
        let thing = self.chat.things.get(word);
        let thing = thing.ok_or_else(|| Error::bug(format!("the chat knows no `{word}`")))?;
        let (asset, rows) = opened(self.app, thing.asset.as_str()).await?;
        let find = self
            .app
            .project
            .assets
            .get(&thing.asset)
            .and_then(|asset| asset.find.as_ref());
        let schema = rows.schema();
        let id = find.and_then(|find| schema.field_with_name(&find.id).ok());
        let by_number =
            id.is_some_and(|id| id.data_type().is_integer() || matches!(id.data_type(), DataType::Decimal128(..)));
        Ok(Names { asset, rows, by_number })
    }

    async fn found(&self, names: &Names, text: &str) -> Result<Found> {
        let table = TableKey::from(&names.asset);
        let meant = self.app.engine.resolve(&table, &names.rows, text, self.ctx).await?;
        let exact = |candidates: &[Candidate]| candidates.iter().all(|c| c.reason == Reason::Same);
        let known = |candidate: &Candidate| Known {
            id: candidate.id.clone(),
            name: candidate.name.clone(),
        };
        let all = |candidates: &[Candidate]| candidates.iter().map(known).collect();
        Ok(match &meant {
            Meaning::One(one) => Found::One {
                thing: known(one),
                exact: one.reason == Reason::Same,
            },
            Meaning::Several(several) => Found::Several {
                things: all(several),
                exact: exact(several),
            },
            Meaning::None(nearest) => Found::None(all(nearest)),
        })
    }

    /// What tells each of these from others of its name.
    async fn apart(&self, word: &str, names: &Names, things: &[Known], language: &str) -> Result<Vec<Option<String>>> {
        let sql = self.chat.things.get(word).and_then(|thing| thing.apart.as_deref());
        let Some(sql) = sql else { return Ok(Vec::new()) };
        let mut apart = Vec::new();
        for (thing, has_namesake) in things.iter().zip(segue_chat::namesakes(things)) {
            if !has_namesake {
                apart.push(None);
                continue;
            }
            let params = self.params(Some(word), Some((names, thing)), language);
            let rows = self.rows(sql, &params).await;
            let rows = rows.map_err(|error| error.with("query", format!("apart of `{word}`")))?;
            let first = rows.first().and_then(|row| row.values().next());
            apart.push(first.and_then(|value| match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            }));
        }
        Ok(apart)
    }

    /// What queries take.
    fn params(&self, word: Option<&str>, about: Option<(&Names, &Known)>, language: &str) -> BTreeMap<String, Param> {
        let text = |text: &str| Param::Value(Value::String(text.to_string()));
        let mut params = BTreeMap::from([("language".to_string(), text(language))]);
        if let (Some(word), Some((names, thing))) = (word, about) {
            let number = thing.id.parse::<i64>().map(Value::from).ok();
            let number = number.or_else(|| thing.id.parse::<u64>().map(Value::from).ok());
            let id = match number.filter(|_| names.by_number) {
                Some(number) => Param::Value(number),
                None => text(&thing.id),
            };
            params.insert(format!("{word}_id"), id);
            params.insert(format!("{word}_name"), text(&thing.name));
        }
        params
    }

    /// The first rows of a query, which ends when the chat's time is up.
    async fn rows(&self, sql: &str, params: &BTreeMap<String, Param>) -> Result<Vec<Map<String, Value>>> {
        let asked = async {
            let query = Query {
                sql: sql.to_string(),
                params: params.clone(),
                tables: self.app.tables_of(sql).await?,
                timezone: self.app.project.timezone.clone(),
            };
            match self.app.engine.run(&query, self.ctx).await {
                Ok(rows) => as_json(rows).await,
                Err(error) => Err(self.app.with_suggestion(error).await),
            }
        };
        let timeout = self.chat.timeout;
        match tokio::time::timeout(timeout.get(), asked).await {
            Ok(rows) => rows,
            Err(_) => {
                let error = Error::new(Kind::TimedOut, format!("a query took longer than {timeout}"));
                Err(error
                    .code(CHAT_QUERY)
                    .hint("make it an asset, which is computed once, and ask that; or allow more with `timeout:`"))
            }
        }
    }
}

/// The first rows of an answer, as JSON.
async fn as_json(answer: Rowed) -> Result<Vec<Map<String, Value>>> {
    let (mut left, mut batches) = (limits::ROWS, Vec::new());
    let mut rows = answer.rows;
    while left > 0
        && let Some(batch) = rows.next().await
    {
        let batch = batch?;
        let batch = batch.slice(0, batch.num_rows().min(left));
        left -= batch.num_rows();
        batches.push(Ok(batch));
    }
    // What else there is, is not computed.
    drop(rows);
    let first = Rowed {
        schema: answer.schema,
        rows: futures::stream::iter(batches).boxed(),
    };
    let mut text = Bounded(Vec::new());
    let written = segue_sql::format::write(Form::JsonLines, first, &mut text, &Options::default()).await;
    written.map_err(|error| match text.0.len() > limits::ROW_BYTES {
        true => {
            let error = Error::new(
                Kind::Invalid,
                format!("a query gives more than {} bytes", limits::ROW_BYTES),
            );
            error.code(CHAT_QUERY).hint("select fewer columns, or shorter ones")
        }
        false => error,
    })?;
    let lines = text.0.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let read = lines.map(|line| serde_json::from_slice(line).map_err(|e| Error::bug("a row is no JSON").caused_by(e)));
    read.collect()
}

/// Takes no more bytes than the rows of one query may have.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        match self.0.len() > limits::ROW_BYTES {
            true => Err(std::io::Error::other("too many bytes")),
            false => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
