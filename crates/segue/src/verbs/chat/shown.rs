//! An answer as text, as wide as the terminal.

use segue_app::chats::{Answer, Block, Card, Touch};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How what is offered is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choices {
    /// By its number, at a prompt.
    ByNumber,
    /// By what it sends, as another message.
    ByPayload,
}

/// An answer as text, and what it offers, in the order of its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub text: String,
    pub offered: Vec<String>,
}

/// The fewest columns that lines are made for.
const NARROWEST: usize = 20;

/// The columns of the terminal; `None` where the text goes elsewhere.
pub fn width() -> Option<usize> {
    comfy_table::Table::new().width().map(usize::from)
}

/// Shows an answer.
pub fn shown(answer: &Answer, choices: Choices, width: Option<usize>) -> Shown {
    let mut page = Page {
        choices,
        width: width.map(|width| width.max(NARROWEST)),
        lines: Vec::new(),
        offered: Vec::new(),
    };
    for (at, block) in answer.blocks.iter().enumerate() {
        if at > 0 {
            page.lines.push(String::new());
        }
        match block {
            Block::Text(text) => text.lines().for_each(|line| page.line("", line)),
            Block::Cards(cards) => {
                for (at, card) in cards.iter().enumerate() {
                    if at > 0 && cards.iter().any(is_tall) {
                        page.lines.push(String::new());
                    }
                    page.card(card);
                }
            }
            Block::QuickReplies(replies) => {
                for reply in replies {
                    page.choice("", reply.label(), &reply.payload);
                }
            }
        }
    }
    Shown {
        text: page.lines.join("\n"),
        offered: page.offered,
    }
}

/// Whether a card has more than a title and one line, so that it stands apart.
fn is_tall(card: &Card) -> bool {
    usize::from(card.subtitle.is_some()) + usize::from(card.url.is_some()) + card.buttons.len() > 1
}

struct Page {
    choices: Choices,
    width: Option<usize>,
    lines: Vec<String>,
    offered: Vec<String>,
}

impl Page {
    fn card(&mut self, card: &Card) {
        self.line("", &card.title);
        for line in card.subtitle.iter().chain(&card.url) {
            self.line("  ", line);
        }
        for button in &card.buttons {
            match &button.touch {
                Touch::Url(url) => self.line("  ", &format!("{}: {url}", button.title)),
                Touch::Payload(payload) => self.choice("  ", &button.title, payload),
            }
        }
    }

    /// Something that may be chosen.
    fn choice(&mut self, indent: &str, label: &str, payload: &str) {
        self.offered.push(payload.to_string());
        match self.choices {
            Choices::ByNumber => self.line(indent, &format!("{:>3}  {label}", self.offered.len())),
            // What is said as it stands there needs not be said twice.
            Choices::ByPayload if payload == label => self.line(indent, &format!("> {label}")),
            Choices::ByPayload => self.line(indent, &format!("> {label}   {payload}")),
        }
    }

    /// A line, on as many lines as it takes.
    fn line(&mut self, indent: &str, text: &str) {
        let Some(width) = self.width else {
            self.lines.push(format!("{indent}{text}"));
            return;
        };
        for part in wrapped(text, width.saturating_sub(indent.len())) {
            self.lines.push(format!("{indent}{part}"));
        }
    }
}

/// The text on lines of so many columns: cut at spaces, and within a word that is wider than a line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_inclusive(' ') {
        let fits = line.width() + word.trim_end_matches(' ').width() <= width;
        if !fits && !line.trim().is_empty() {
            lines.push(std::mem::take(&mut line).trim_end().to_string());
        }
        for c in word.chars() {
            if line.width() + c.width().unwrap_or(0) > width && c != ' ' {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line.trim_end().to_string());
    lines
}

#[cfg(test)]
mod tests;
