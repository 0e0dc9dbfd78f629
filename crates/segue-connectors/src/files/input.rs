//! What is in a file: itself, or the files of a zip; each as text that can be read from its beginning as often as wanted.

use super::encoding::Text;
use super::place::{Listed, Opened};
use super::settings::{FilesCopy, Format, by_name};
use crate::forms::Subject;
use crate::forms::unpack::{Archive, Member};
use crate::http::spool::{SpoolReader, Spooled};
use segue_core::{Error, Kind, Result};
use std::fs::{File, Metadata};
use std::sync::Arc;

/// A file that is open. One that is put in its place meanwhile is another.
pub struct Open {
    /// Its path, for people.
    pub name: String,
    /// What is in it, in order.
    pub inputs: Vec<Input>,
    whole: Arc<Spooled>,
    before: Metadata,
}

/// What rows come from: a file, or a file of a zip.
pub struct Input {
    /// What it is called: `data/a.csv`, `data/a.zip/orders.csv`.
    pub name: String,
    /// The same, for messages.
    pub subject: Subject,
    /// How it is written; never `auto`.
    pub format: Format,
    whole: Arc<Spooled>,
    packed: Option<(Arc<Archive<SpoolReader>>, usize)>,
}

impl Open {
    /// Looks at what is in a file.
    ///
    /// # Errors
    /// `BadData` where that cannot be told, and for a zip that cannot be read.
    pub fn of(listed: &Listed, opened: Opened, copy: &FilesCopy) -> Result<Open> {
        let name = listed.path.clone();
        let subject = Subject::File(name.as_str().into());
        let before = opened.is;
        let whole = Arc::new(subject.told(Spooled::of(opened.file))?);
        let outer = match copy.format {
            Format::Auto => by_name(&name),
            told => Some(told),
        };
        let inputs = match outer {
            Some(format @ (Format::Excel | Format::Parquet)) => vec![Input {
                name: name.clone(),
                subject,
                format,
                whole: whole.clone(),
                packed: None,
            }],
            _ => packed(&name, &whole, outer, copy)?,
        };
        Ok(Open {
            name,
            inputs,
            whole,
            before,
        })
    }

    /// Whether it is still as it was when it was opened.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be looked at.
    pub fn is_unchanged(&self) -> Result<bool> {
        let subject = Subject::File(self.name.as_str().into());
        let now = subject.told(self.whole.file().metadata())?;
        Ok(now.len() == self.before.len() && now.modified().ok() == self.before.modified().ok())
    }
}

/// It is another by now than it was.
pub fn changed(name: &str) -> Error {
    Error::new(Kind::Unavailable, format!("the file {name} changed while it was read"))
        .hint("run again when it is written to its end; a program that writes it beside and renames it avoids this")
}

/// What is in a file that may be packed.
fn packed(name: &str, whole: &Arc<Spooled>, outer: Option<Format>, copy: &FilesCopy) -> Result<Vec<Input>> {
    let subject = Subject::File(name.into());
    let wanted = copy.member.as_deref().map(glob::Pattern::new).transpose();
    let wanted = wanted.map_err(|e| Error::new(Kind::Invalid, "`member` cannot be read").caused_by(e))?;
    let source = SpoolReader::new(whole.clone());
    let archive = Arc::new(Archive::of(source, wanted.as_ref(), copy.max_size.bytes(), &subject)?);
    let mut inputs = Vec::new();
    for at in 0..archive.len() {
        let inner = archive.name(at);
        // What is hidden is found only by who says so, as among files.
        if wanted.is_none() && inner.is_some_and(|inner| inner.split('/').any(|part| part.starts_with('.'))) {
            continue;
        }
        let of_inner = inner.and_then(by_name).filter(|_| copy.format == Format::Auto);
        let name = match inner {
            Some(inner) => format!("{name}/{inner}"),
            None => name.to_string(),
        };
        let subject = Subject::File(name.as_str().into());
        let format = match of_inner.or(outer) {
            Some(Format::Excel | Format::Parquet) => {
                let what = "is packed, and spreadsheets and Parquet are read as they are";
                return Err(subject.not_of_its_form(what).hint("unpack it before"));
            }
            Some(format) => format,
            None => {
                let what = format!("how the file {name} is written cannot be told from its name");
                return Err(Error::new(Kind::BadData, what)
                    .code(segue_diag::FILES_FORMAT)
                    .hint("say `format: csv`, or what it is"));
            }
        };
        inputs.push(Input {
            name,
            subject,
            format,
            whole: whole.clone(),
            packed: Some((archive.clone(), at)),
        });
    }
    match inputs.is_empty() {
        true => Err(subject.damaged(format!("there are no files in {name}"))),
        false => Ok(inputs),
    }
}

impl Input {
    /// Its text from its beginning: unpacked, and in UTF-8 as far as it is text.
    ///
    /// # Errors
    /// `BadData` where it is encoded or packed in a way that is not read; where it cannot be read.
    pub fn text(&self, copy: &FilesCopy) -> Result<Text<Member>> {
        let member = match &self.packed {
            Some((archive, at)) => archive.member(*at)?,
            None => crate::forms::unpack::member(Box::new(SpoolReader::new(self.whole.clone()))),
        };
        Text::of(member, copy.encoding, self.format == Format::Xml, &self.subject)
    }

    /// Its bytes, to seek in.
    pub fn bytes(&self) -> SpoolReader {
        SpoolReader::new(self.whole.clone())
    }

    /// The file as the system has it.
    ///
    /// # Errors
    /// `Unavailable` where it cannot be opened once more.
    pub fn file(&self) -> Result<File> {
        self.subject.told(self.whole.file().try_clone())
    }
}
