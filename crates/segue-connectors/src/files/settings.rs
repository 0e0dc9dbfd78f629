//! What a `copy:` from files says, beside the keys that all copies have.

use super::encoding::Encoding;
use schemars::JsonSchema;
use segue_core::{Error, Kind, Result};
use segue_spec::units::Size;
use serde::Deserialize;

/// What is read. Files that are packed with gzip, zip, zstd or bzip2 are unpacked, whatever they are called.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesCopy {
    /// Which files, relative to where they lie, for local files the project's folder: `data/*.csv`, `data/**/orders.json`. Each is read once,
    /// wherever links lead; `**` does not go into linked folders.
    #[schemars(length(min = 1))]
    pub path: String,
    /// How they are written.
    #[serde(default)]
    pub format: Format,
    /// What their text is encoded in. `auto` is UTF-8, and for XML what its first line says; otherwise the encoding's name: `utf-16le`,
    /// `windows-1252`, `euc-kr`, `shift_jis`. A byte order mark in a file counts in any case.
    #[serde(default)]
    pub encoding: Encoding,
    /// Whether the first line or row names the columns of CSV and spreadsheets. Without one, columns go by their order.
    #[serde(default = "yes")]
    pub header: bool,
    /// What stands between fields of CSV, one character; without it, a comma, and a tabulator in files that end in `.tsv`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 1))]
    pub delimiter: Option<String>,
    /// What stands around fields of CSV that hold delimiters or line ends, one character; doubled inside, it is itself. A field that begins
    /// with it ends with it. An empty field is null, and `""` in a column of strings is the empty string.
    #[serde(default = "quote")]
    #[schemars(length(min = 1, max = 1))]
    pub quote: String,
    /// Where the records stand in JSON and XML: `$.data.items[*]`, `$.orders.order[*]`. Without it a document of JSON is a list of them. A
    /// path of names with one `[*]` at its end is read in pieces, however large the file; with any other the file is read at once, up to 64 MiB.
    #[serde(default)]
    pub records: Option<String>,
    /// Elements of XML that are a list also where there is one of them.
    #[serde(default)]
    pub lists: Vec<String>,
    /// Which sheet of a spreadsheet: its name, or its number from 1. Without it, the first that is not hidden.
    #[serde(default)]
    pub sheet: Option<Sheet>,
    /// Which cells of a sheet: `B3:F200`, `A5` for all from there on. The first of its rows is the header. Without it, all that is there.
    #[serde(default)]
    pub range: Option<String>,
    /// Which files of a zip are read: `*.csv`. Without it, all.
    #[serde(default)]
    pub member: Option<String>,
    /// The most that a packed file may have unpacked, and a spreadsheet.
    #[serde(default = "max_size")]
    pub max_size: Size,
    /// `changed`: only files that are new, or changed, since the last read. What was read is remembered by each file's path and its size and time
    /// of change, or its ETag. A changed file is read again as a whole, so that its rows must be of a `merge`, or come and go together by
    /// `file_column`; with `append` it is an error.
    #[serde(default)]
    pub only: Option<Only>,
    /// A column for the path of the file that a row came from.
    #[serde(default)]
    #[schemars(extend("format" = "column-name"))]
    pub file_column: Option<String>,
    /// A column for the time at which that file was changed, a `timestamp`.
    #[serde(default)]
    #[schemars(extend("format" = "column-name"))]
    pub modified_column: Option<String>,
    /// What the step says of how rows are written, where `only` is told.
    #[serde(default)]
    #[schemars(skip)]
    pub position: Written,
}

/// What the step says of how rows are written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Written {
    /// Whether a row that is read twice is there once.
    #[serde(default)]
    pub may_repeat: bool,
    /// Whether the rows of a key come and go together.
    #[serde(default)]
    pub replaces: bool,
}

/// How files are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// As the file's name ends: `.csv`, `.tsv` and `.txt`, `.json`, `.jsonl` and `.ndjson`, `.xml`, `.xlsx`, `.xls` and `.ods`, `.parquet`; behind
    /// that, `.gz`, `.zst`, `.bz2` or `.zip`.
    #[default]
    Auto,
    /// Fields and lines.
    Csv,
    /// A JSON document.
    Json,
    /// A JSON value a line.
    JsonLines,
    /// XML: an element is an object of its attributes (`@name`) and elements, or its text where it has nothing else. A value becomes what its
    /// column is.
    Xml,
    /// A spreadsheet: Excel's `.xlsx` and `.xls`, OpenDocument's `.ods`.
    Excel,
    /// Parquet.
    Parquet,
}

/// Which files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Only {
    /// Those that are new, or changed, since the last read.
    Changed,
}

/// A sheet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Sheet {
    /// By its place, from 1.
    Number(u32),
    /// By its name.
    Name(String),
}

fn yes() -> bool {
    true
}
fn quote() -> String {
    "\"".into()
}

/// As of web APIs.
const MAX_SIZE: &str = "16GiB";

fn max_size() -> Size {
    MAX_SIZE.parse().expect("a constant that is tested")
}

impl FilesCopy {
    /// Fails for keys that do not go together.
    ///
    /// # Errors
    /// `Invalid`, naming the key.
    pub fn check(&self) -> Result<()> {
        let of = |key: &str, given: bool, formats: &[Format]| match given
            && self.format != Format::Auto
            && !formats.contains(&self.format)
        {
            false => Ok(()),
            true => {
                let what = format!("`{key}` says nothing of this `format`");
                Err(Error::new(Kind::Invalid, what).hint("leave it out"))
            }
        };
        of("delimiter", self.delimiter.is_some(), &[Format::Csv])?;
        of("quote", self.quote != quote(), &[Format::Csv])?;
        of("header", !self.header, &[Format::Csv, Format::Excel])?;
        of("records", self.records.is_some(), &[Format::Json, Format::Xml])?;
        of("lists", !self.lists.is_empty(), &[Format::Xml])?;
        of("sheet", self.sheet.is_some(), &[Format::Excel])?;
        of("range", self.range.is_some(), &[Format::Excel])?;
        let texts = [Format::Csv, Format::Json, Format::JsonLines, Format::Xml];
        of("encoding", !self.encoding.is_auto(), &texts)?;
        of("member", self.member.is_some(), &texts)?;
        if self.file_column.is_some() && self.file_column == self.modified_column {
            return Err(
                Error::new(Kind::Invalid, "`file_column` and `modified_column` are the same column")
                    .hint("give one of them another name"),
            );
        }
        Ok(())
    }
}

/// The endings of what packs a file.
const PACKED: [&str; 5] = ["gz", "zst", "bz2", "zip", "gzip"];

/// What a file's name says of how it is written, and whether it is packed by its name. Nothing where it says nothing.
pub fn by_name(name: &str) -> Option<Format> {
    let file = name.rsplit('/').next().unwrap_or(name);
    let (stem, ending) = file.rsplit_once('.')?;
    let ending = ending.to_ascii_lowercase();
    Some(match ending.as_str() {
        "csv" | "tsv" | "tab" | "txt" => Format::Csv,
        "json" => Format::Json,
        "jsonl" | "ndjson" => Format::JsonLines,
        "xml" => Format::Xml,
        "xlsx" | "xlsm" | "xls" | "ods" => Format::Excel,
        "parquet" => Format::Parquet,
        packed if PACKED.contains(&packed) => return by_name(stem),
        _ => return None,
    })
}

/// Whether a file of this name is a table with tabulators.
pub fn is_tabbed(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut stem = lower.as_str();
    while let Some((rest, ending)) = stem.rsplit_once('.')
        && PACKED.contains(&ending)
    {
        stem = rest;
    }
    stem.ends_with(".tsv") || stem.ends_with(".tab")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_file_is_a_size() {
        assert_eq!(max_size().bytes(), 16 << 30);
    }

    #[test]
    fn a_name_says_how_a_file_is_written() {
        for (name, format) in [
            ("a.csv", Some(Format::Csv)),
            ("d.x/a.CSV.gz", Some(Format::Csv)),
            ("a.tsv.zst", Some(Format::Csv)),
            ("a.json", Some(Format::Json)),
            ("a.ndjson.bz2", Some(Format::JsonLines)),
            ("a.xml.zip", Some(Format::Xml)),
            ("a.xlsx", Some(Format::Excel)),
            ("part-0.snappy.parquet", Some(Format::Parquet)),
            ("a.gz", None),
            ("d.csv/a", None),
            ("a.dat", None),
        ] {
            assert_eq!(by_name(name), format, "{name}");
        }
        assert!(is_tabbed("d/a.tsv.gz") && is_tabbed("A.TAB") && !is_tabbed("a.csv") && !is_tabbed("a.tsv/b.csv"));
    }

    #[test]
    fn keys_of_another_format_are_said() {
        let said = |copy: serde_json::Value| {
            let copy: FilesCopy = serde_json::from_value(copy).unwrap();
            copy.check().err().map(|e| e.message().to_string())
        };
        let no = |key: &str| Some(format!("`{key}` says nothing of this `format`"));
        assert_eq!(said(serde_json::json!({ "path": "a", "sheet": 2 })), None);
        assert_eq!(
            said(serde_json::json!({ "path": "a", "format": "csv", "sheet": 2 })),
            no("sheet")
        );
        assert_eq!(
            said(serde_json::json!({ "path": "a", "format": "json", "delimiter": ";" })),
            no("delimiter")
        );
        assert_eq!(
            said(serde_json::json!({ "path": "a", "format": "json_lines", "records": "$" })),
            no("records")
        );
        assert_eq!(
            said(serde_json::json!({ "path": "a", "format": "parquet", "encoding": "euc-kr" })),
            no("encoding")
        );
        assert_eq!(
            said(serde_json::json!({ "path": "a", "file_column": "f", "modified_column": "f" })).as_deref(),
            Some("`file_column` and `modified_column` are the same column")
        );
    }
}
