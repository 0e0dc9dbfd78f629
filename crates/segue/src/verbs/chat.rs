//! `segue chat NAME [MESSAGE]`: a message, or a prompt.

mod shown;

use crate::args::Chat;
use crate::out::Out;
use crate::stop;
use segue_app::chats::{Answer, Speaks};
use segue_app::{App, Message};
use segue_core::{Context, Ctx, Error, Kind, Result};
use segue_diag::CHAT_TEXT;
use shown::{Choices, Shown};
use std::io::{BufRead, IsTerminal};

pub async fn run(app: &App, chat: &Chat, ctx: &Ctx, out: &Out) -> Result<u8> {
    let mut talk = Talk {
        app,
        chat,
        out,
        lately: None,
        offered: Vec::new(),
    };
    match &chat.message {
        Some(message) => {
            let answer = talk.ask(message, ctx).await?;
            talk.show(&answer, Choices::ByPayload);
        }
        None if is_prompt(chat) => prompt(&mut talk, ctx).await?,
        None => lines(&mut talk, ctx).await?,
    }
    Ok(0)
}

/// Whether messages are asked for at a prompt.
pub fn is_prompt(chat: &Chat) -> bool {
    chat.message.is_none() && std::io::stdin().is_terminal()
}

/// A conversation.
struct Talk<'a> {
    app: &'a App,
    chat: &'a Chat,
    out: &'a Out,
    /// The language of the last answer.
    lately: Option<String>,
    /// What the last answer offered, by its number.
    offered: Vec<String>,
}

impl Talk<'_> {
    async fn ask(&self, text: &str, ctx: &Ctx) -> Result<Answer> {
        let message = Message {
            chat: self.chat.chat.clone(),
            text: text.to_string(),
            speaks: Speaks {
                always: self.chat.language.clone(),
                lately: self.lately.clone(),
            },
        };
        segue_app::chat(self.app, &message, ctx).await
    }

    /// Shows an answer, and remembers what it offers.
    fn show(&mut self, answer: &Answer, choices: Choices) {
        self.out.value(answer);
        let Shown { text, offered } = shown::shown(answer, choices, shown::width());
        self.out.line(text);
        for remark in &answer.remarks {
            let warning = Error::new(Kind::Invalid, self.app.redact(remark)).code(CHAT_TEXT);
            self.out.warning(&warning.with("chat", &self.chat.chat));
        }
        self.offered = offered;
        self.lately = Some(answer.language.clone());
    }

    /// Answers a line of a conversation: a message, or the number of what was offered. What fails is told, and the conversation goes on.
    async fn line(&mut self, line: &str, ctx: &Ctx) -> Result<()> {
        let chosen = line.trim().parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let chosen = chosen.and_then(|at| self.offered.get(at).cloned());
        let answer = self.ask(chosen.as_deref().unwrap_or(line), ctx).await?;
        self.show(&answer, Choices::ByNumber);
        Ok(())
    }
}

/// Reads messages until the end of the input. Ctrl-C ends the answer that is being made, not the prompt.
async fn prompt(talk: &mut Talk<'_>, ctx: &Ctx) -> Result<()> {
    let greeting = talk.ask("", ctx).await?;
    talk.show(&greeting, Choices::ByNumber);
    talk.out
        .note("a number chooses what is offered, and Ctrl-D ends the prompt");
    let mut editor = rustyline::DefaultEditor::new().context(Kind::Unavailable, "cannot open the prompt")?;
    let name = format!("{}> ", talk.chat.chat);
    loop {
        match editor.readline(&name) {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                let _kept = editor.add_history_entry(line.trim());
                let (ctx, _heard) = stop::statement(ctx)?;
                if let Err(error) = talk.line(&line, &ctx).await {
                    talk.out.error(&talk.app.without_secrets(error));
                }
            }
            Err(rustyline::error::ReadlineError::Interrupted) => {}
            Err(rustyline::error::ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(Error::new(Kind::Unavailable, "cannot read from the terminal").caused_by(error)),
        }
    }
}

/// Answers each line of standard input, as a prompt does.
async fn lines(talk: &mut Talk<'_>, ctx: &Ctx) -> Result<()> {
    // A line may be longer than any message that is read, but not without end.
    const LONGEST_LINE: u64 = 1 << 20;
    let mut stdin = std::io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let mut bounded = std::io::Read::take(&mut stdin, LONGEST_LINE);
        let count = bounded
            .read_until(b'\n', &mut line)
            .context(Kind::Unavailable, "cannot read standard input")?;
        if count == 0 {
            return Ok(());
        }
        let line = String::from_utf8(line).context(Kind::Invalid, "standard input is not text")?;
        talk.line(line.trim_end_matches(['\r', '\n']), ctx).await?;
    }
}
