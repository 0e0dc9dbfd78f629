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
    assert_snapshot!(words.map(read).collect::<Vec<_>>().join("\n"), @"
    spotify: Spotify
    spotify-development: Spotify
    musicbrainz: MusicBrainz
    deezer: Deezer
    reccobeats: ReccoBeats
    listenbrainz: ListenBrainz
    there is no stand-in for `deeezer` (did you mean `deezer`?)
    there is no stand-in for `Deezer` (did you mean `deezer`?)
    there is no stand-in for `napster` (the services are spotify, spotify-development, musicbrainz, deezer, reccobeats, listenbrainz)
    there is no stand-in for `` (the services are spotify, spotify-development, musicbrainz, deezer, reccobeats, listenbrainz)
    ");
}
