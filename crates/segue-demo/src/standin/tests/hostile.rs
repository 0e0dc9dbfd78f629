//! What wrong and hostile questions get.

use super::*;

#[test]
fn wrong_and_hostile_questions_get_spotifys_words_and_never_more() {
    let bare = Bare::new(|_| {});
    let long = "x".repeat(50_000);
    let many = vec![radiohead(); 51].join(",");
    let asked = [
        "/v1/search?type=artist",
        "/v1/search?q=&type=artist",
        "/v1/search?q=%20%20&type=artist",
        "/v1/search?q=a",
        "/v1/search?q=a&type=album",
        "/v1/search?q=a&type=%3Cscript%3E",
        "/v1/search?q=a&type=artist&limit=11",
        "/v1/search?q=a&type=artist&limit=0",
        "/v1/search?q=a&type=artist&limit=-1",
        "/v1/search?q=a&type=artist&limit=ten",
        "/v1/search?q=a&type=artist&limit=99999999999999999999",
        "/v1/search?q=a&type=artist&offset=-1",
        "/v1/search?q=a&type=artist&offset=1000",
        "/v1/search?q=a&type=artist&offset=18446744073709551615",
        "/v1/artists/x",
        "/v1/artists/..%2f..%2fetc%2fpasswd",
        "/v1/artists/0000000000000000000000",
        "/v1/artists/%00",
        "/v1/artists",
        "/v1/artists?ids=",
        "/v1/artists?ids=,",
        "/v1/artists?ids=x'%20or%201=1--",
        "/v1/artists/0000000000000000000000/top-tracks?market=US",
        "/v1/artists/0000000000000000000000/top-tracks",
        "/v1/artists/0000000000000000000000/top-tracks?market=USA",
        "/v1/artists/0000000000000000000000/top-tracks?market=%C3%A9",
        "/v1/artists/0000000000000000000000/albums?limit=11",
        "/v1/artists/0000000000000000000000/related-artists",
        "/v1/audio-features?ids=0000000000000000000000",
        "/v1/audio-features/0000000000000000000000",
        "/bench/pages/none",
        "/bench/pages/small?limit=1001",
        "/bench/pages/small?offset=x",
        "/",
        "",
        "//",
        "*",
    ];
    let answers = asked.map(|target| format!("{target}\n  {}", line(&bare.get(target))));
    assert_snapshot!(answers.join("\n"), @r#"
    /v1/search?type=artist
      400 {"error":{"status":400,"message":"No search query"}}
    /v1/search?q=&type=artist
      400 {"error":{"status":400,"message":"No search query"}}
    /v1/search?q=%20%20&type=artist
      400 {"error":{"status":400,"message":"No search query"}}
    /v1/search?q=a
      400 {"error":{"status":400,"message":"Missing parameter type"}}
    /v1/search?q=a&type=album
      400 {"error":{"status":400,"message":"Bad search type field album"}}
    /v1/search?q=a&type=%3Cscript%3E
      400 {"error":{"status":400,"message":"Bad search type field <script>"}}
    /v1/search?q=a&type=artist&limit=11
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /v1/search?q=a&type=artist&limit=0
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /v1/search?q=a&type=artist&limit=-1
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /v1/search?q=a&type=artist&limit=ten
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /v1/search?q=a&type=artist&limit=99999999999999999999
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /v1/search?q=a&type=artist&offset=-1
      400 {"error":{"status":400,"message":"Invalid offset"}}
    /v1/search?q=a&type=artist&offset=1000
      400 {"error":{"status":400,"message":"Invalid offset"}}
    /v1/search?q=a&type=artist&offset=18446744073709551615
      400 {"error":{"status":400,"message":"Invalid offset"}}
    /v1/artists/x
      400 {"error":{"status":400,"message":"Invalid base62 id"}}
    /v1/artists/..%2f..%2fetc%2fpasswd
      400 {"error":{"status":400,"message":"Invalid base62 id"}}
    /v1/artists/0000000000000000000000
      404 {"error":{"status":404,"message":"Resource not found"}}
    /v1/artists/%00
      400 {"error":{"status":400,"message":"Invalid base62 id"}}
    /v1/artists
      400 {"error":{"status":400,"message":"Missing required field: ids"}}
    /v1/artists?ids=
      400 {"error":{"status":400,"message":"Missing required field: ids"}}
    /v1/artists?ids=,
      400 {"error":{"status":400,"message":"Invalid base62 id"}}
    /v1/artists?ids=x'%20or%201=1--
      400 {"error":{"status":400,"message":"Invalid base62 id"}}
    /v1/artists/0000000000000000000000/top-tracks?market=US
      404 {"error":{"status":404,"message":"Resource not found"}}
    /v1/artists/0000000000000000000000/top-tracks
      400 {"error":{"status":400,"message":"Missing required field: market"}}
    /v1/artists/0000000000000000000000/top-tracks?market=USA
      400 {"error":{"status":400,"message":"Invalid market code"}}
    /v1/artists/0000000000000000000000/top-tracks?market=%C3%A9
      400 {"error":{"status":400,"message":"Invalid market code"}}
    /v1/artists/0000000000000000000000/albums?limit=11
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /v1/artists/0000000000000000000000/related-artists
      404 {"error":{"status":404,"message":"Service not found"}}
    /v1/audio-features?ids=0000000000000000000000
      200 {"audio_features":[null]}
    /v1/audio-features/0000000000000000000000
      404 {"error":{"status":404,"message":"analysis not found"}}
    /bench/pages/none
      404 {"error":{"status":404,"message":"the kinds of bench pages are small and large"}}
    /bench/pages/small?limit=1001
      400 {"error":{"status":400,"message":"Invalid limit"}}
    /bench/pages/small?offset=x
      400 {"error":{"status":400,"message":"Invalid offset"}}
    /
      404 {"error":{"status":404,"message":"Service not found"}}

      404 {"error":{"status":404,"message":"Service not found"}}
    //
      404 {"error":{"status":404,"message":"Service not found"}}
    *
      404 {"error":{"status":404,"message":"Service not found"}}
    "#);
    assert_eq!(bare.get(&format!("/v1/search?q={long}&type=artist")).status, 200);
    assert_eq!(
        line(&bare.get(&format!("/v1/artists?ids={many}"))).split_off(4),
        r#"{"error":{"status":400,"message":"Too many ids requested"}}"#
    );
    let token = bare.token();
    assert_eq!(
        line(&bare.send("POST", "/v1/search", Some(&token), "")),
        r#"405 {"error":{"status":405,"message":"Method not allowed"}}"#
    );
}

#[test]
fn whatever_is_searched_for_is_answered_and_said_back_safely() {
    let bare = Bare::new(|_| {});
    let hostile = [
        "%",
        "%%",
        "%zz",
        "%ff%fe",
        "%E2%82",
        "a%00b",
        "%22%27%3B--",
        "%F0%9F%8E%B5",
        "+",
        "a+b%2Bc",
        "=",
        "&&&",
        "q",
        "%25",
    ];
    for text in hostile {
        let reply = bare.get(&format!("/v1/search?q={text}&type=artist&limit=10&limit=99"));
        let value = json(&reply);
        assert!(matches!(reply.status, 200 | 400), "{text}: {}", line(&reply));
        assert!(
            value["artists"]["items"].is_array() || value["error"]["status"] == 400,
            "{text}: {}",
            line(&reply)
        );
    }
    let href = json(&bare.get("/v1/search?q=Guns%20N%27+Roses&type=artist&limit=1"))["artists"]["href"].to_string();
    assert_snapshot!(href, @r#""http://127.0.0.1:4567/v1/search?query=Guns%20N%27%20Roses&q=Guns%20N%27%20Roses&type=artist&offset=0&limit=1""#);
}

#[test]
fn a_name_is_found_with_odd_case_spaces_and_signs() {
    let bare = Bare::new(|_| {});
    let first = |asked: &str| {
        json(&bare.get(&format!("/v1/search?q={}&type=artist&limit=10", request::encode(asked))))["artists"]["items"][0]
            ["name"]
            .to_string()
    };
    let asked = [
        " enya ",
        "BJÖRK",
        "guns n' roses",
        "Earth, Wind & Fire",
        "\"weird al\" yankovic",
        "AC/DC",
        "a-ha",
        "(G)I-DLE",
    ];
    assert_snapshot!(asked.map(|a| format!("{a:?}: {}", first(a))).join("\n"), @r#"
    " enya ": "Enya"
    "BJÖRK": "Björk"
    "guns n' roses": "Guns N' Roses"
    "Earth, Wind & Fire": "Earth, Wind & Fire"
    "\"weird al\" yankovic": "\"Weird Al\" Yankovic"
    "AC/DC": "AC/DC"
    "a-ha": "a-ha"
    "(G)I-DLE": "(G)I-DLE"
    "#);
}
