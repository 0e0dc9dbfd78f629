use super::*;
use insta::assert_snapshot;

#[test]
fn a_service_is_written_as_a_word() {
    let read = |text: &str| match text.parse::<Service>() {
        Ok(service) => format!("{service}: {}", service.title()),
        Err(e) => format!("{} ({})", e.message(), e.hint_text().unwrap_or_default()),
    };
    let words = Service::ALL
        .map(Service::name)
        .into_iter()
        .chain(["deeezer", "Deezer", "napster", ""]);
    assert_snapshot!(words.map(read).collect::<Vec<_>>().join("\n"), @"");
}
