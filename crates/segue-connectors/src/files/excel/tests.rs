//! Sheets as people keep them.

use segue_testkit::packed::zip;

/// A workbook of these sheets: a name, whether it is hidden, and the rows of its `sheetData`. Styles: 1 a day, 2 a day and time, 3 a time.
pub fn xlsx(sheets: &[(&str, bool, &str)]) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
    let head = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;
    let mut listed = String::new();
    let mut relations = String::new();
    let mut parts: Vec<(String, String)> = Vec::new();
    for (at, (name, hidden, rows)) in sheets.iter().enumerate() {
        let n = at + 1;
        let state = if *hidden { " state=\"hidden\"" } else { "" };
        listed.push_str(&format!(
            "<sheet name=\"{name}\" sheetId=\"{n}\"{state} r:id=\"rId{n}\"/>"
        ));
        relations.push_str(&format!(
            "<Relationship Id=\"rId{n}\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>"
        ));
        parts.push((
            format!("xl/worksheets/sheet{n}.xml"),
            format!("{head}<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>"),
        ));
    }
    relations.push_str(&format!(
        "<Relationship Id=\"rIdS\" Type=\"{RELATIONS}/styles\" Target=\"styles.xml\"/>"
    ));
    parts.push((
        "[Content_Types].xml".into(),
        format!("{head}<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>"),
    ));
    parts.push((
        "_rels/.rels".into(),
        format!("{head}<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"rId1\" Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"),
    ));
    parts.push((
        "xl/workbook.xml".into(),
        format!("{head}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets>{listed}</sheets></workbook>"),
    ));
    parts.push((
        "xl/_rels/workbook.xml.rels".into(),
        format!("{head}<Relationships xmlns=\"{PACKAGE}/relationships\">{relations}</Relationships>"),
    ));
    let formats = ["0", "14", "22", "21"]
        .map(|id| format!("<xf numFmtId=\"{id}\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>"));
    parts.push((
        "xl/styles.xml".into(),
        format!(
            "{head}<styleSheet xmlns=\"{MAIN}\"><cellXfs count=\"4\">{}</cellXfs></styleSheet>",
            formats.join("")
        ),
    ));
    let files: Vec<(&str, &[u8])> = parts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    zip(&files, true)
}

/// A row of cells: `s:text`, `n:1.5`, `b:1`, `e:#N/A`, `1:45351` (a number in the style 1), or nothing for an empty cell.
pub fn row(number: usize, cells: &[&str]) -> String {
    let mut text = format!("<row r=\"{number}\">");
    for (at, cell) in cells.iter().enumerate() {
        let place = super::cells::address(number as u32 - 1, at as u32);
        let Some((kind, value)) = cell.split_once(':') else {
            continue;
        };
        text.push_str(&match kind {
            "s" => format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{value}</t></is></c>"),
            "n" => format!("<c r=\"{place}\"><v>{value}</v></c>"),
            style @ ("1" | "2" | "3") => format!("<c r=\"{place}\" s=\"{style}\"><v>{value}</v></c>"),
            kind => format!("<c r=\"{place}\" t=\"{kind}\"><v>{value}</v></c>"),
        });
    }
    text + "</row>"
}

/// An OpenDocument spreadsheet of one sheet: the rows of its table.
pub fn ods(rows: &str) -> Vec<u8> {
    let content = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" office:version=\"1.2\"><office:body><office:spreadsheet><table:table table:name=\"One\">{rows}</table:table></office:spreadsheet></office:body></office:document-content>"
    );
    zip(
        &[
            ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"),
            ("content.xml", content.as_bytes()),
            (
                "META-INF/manifest.xml",
                b"<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>",
            ),
        ],
        false,
    )
}
