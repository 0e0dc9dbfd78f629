use super::*;
use insta::assert_snapshot;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static EMBEDDED: LazyLock<Catalogue> = LazyLock::new(Catalogue::embedded);

#[test]
fn everyone_with_features_has_ten_neighbours_in_order_and_never_itself() {
    let catalogue = &*EMBEDDED;
    let related = expected_related(catalogue);
    let left_out = left_out(catalogue);
    assert_eq!(left_out.len(), 2);
    assert_eq!(related.len(), (catalogue.artists().len() - 2) * 10);
    let mut by_artist: BTreeMap<&str, Vec<&(String, String, i32, f64)>> = BTreeMap::new();
    related.iter().for_each(|r| by_artist.entry(&r.0).or_default().push(r));
    for (id, rows) in by_artist {
        assert!(rows.iter().map(|r| r.2).eq(1..=10), "{id}");
        assert!(rows.is_sorted_by(|a, b| (a.3, &a.1) <= (b.3, &b.1)), "{id}");
        assert!(
            rows.iter().all(|r| r.1 != id && !left_out.contains(&r.1) && r.3 >= 0.0),
            "{id}"
        );
    }
}

#[test]
fn distances_of_all_pairs_agree_with_the_ten_nearest() {
    let catalogue = &*EMBEDDED;
    let profiles = profiles(catalogue);
    let related = expected_related(catalogue);
    for one in profiles.iter().step_by(17) {
        let listed: Vec<&str> = related
            .iter()
            .filter(|r| r.0 == one.artist_id)
            .map(|r| r.1.as_str())
            .collect();
        let farthest = related
            .iter()
            .filter(|r| r.0 == one.artist_id)
            .map(|r| r.3)
            .fold(0.0, f64::max);
        for other in profiles.iter().filter(|p| p.artist_id != one.artist_id) {
            let away = distance(&one.features, &other.features);
            assert!(
                listed.contains(&other.artist_id.as_str()) || away >= farthest,
                "{} {}",
                one.artist_id,
                other.artist_id
            );
        }
    }
}

#[test]
fn profiles_lie_within_the_bounds_of_the_tracks() {
    let profiles = profiles(&EMBEDDED);
    for profile in &profiles {
        assert!((1..=10).contains(&profile.tracks), "{profile:?}");
        assert!(
            profile.features.iter().all(|f| (-1e-12..=1.0 + 1e-12).contains(f)),
            "{profile:?}"
        );
    }
    assert!(profiles.iter().any(|p| p.tracks < 10));
}

#[test]
fn neighbours_of_well_known_names_make_sense() {
    let catalogue = &*EMBEDDED;
    let related = expected_related(catalogue);
    let name = |id: &str| catalogue.artist(id).map(|a| a.name.clone()).unwrap_or_default();
    let near = |wanted: &str| {
        let rows = related.iter().filter(|r| name(&r.0) == wanted).take(5);
        rows.map(|r| format!("{} {:.3}", name(&r.1), r.3))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_snapshot!(near("BTS"), @"MONSTA X 0.113, GOT7 0.114, Red Velvet 0.116, TVXQ! 0.119, MAMAMOO 0.131");
    assert_snapshot!(near("Metallica"), @"Black Sabbath 0.077, Ozzy Osbourne 0.084, Paramore 0.092, My Chemical Romance 0.097, Linkin Park 0.098");
    assert_snapshot!(near("Miles Davis"), @"Thelonious Monk 0.095, Loreena McKennitt 0.118, Enya 0.141, Charlie Parker 0.184, John Coltrane 0.222");
    assert_snapshot!(near("Kendrick Lamar"), @"Run–D.M.C. 0.141, A Tribe Called Quest 0.161, Lil Wayne 0.186, 50 Cent 0.192, JAY-Z 0.198");
}

/// Three artists with one track each are enough to work it out on paper.
#[test]
fn a_feature_that_is_the_same_everywhere_counts_nothing() {
    let genres = "genre,danceability,danceability_spread,energy,energy_spread,loudness,loudness_spread,speechiness,\
        speechiness_spread,acousticness,acousticness_spread,instrumentalness,instrumentalness_spread,liveness,\
        liveness_spread,valence,valence_spread,tempo,tempo_spread,key,key_spread,mode\n\
        a,0.1,0,0.5,0,-10,0,0.1,0,0.2,0,0.3,0,0.1,0,0.1,0,100,0,1,0,1\n\
        b,0.3,0,0.5,0,-10,0,0.1,0,0.2,0,0.3,0,0.1,0,0.1,0,100,0,1,0,1\n\
        c,0.9,0,0.5,0,-10,0,0.1,0,0.2,0,0.3,0,0.1,0,0.1,0,100,0,1,0,1\n";
    let artists = "id,name,genres,popularity,followers\n\
        000000000000000000000a,A,a,50,1\n000000000000000000000b,B,b,50,1\n000000000000000000000c,C,c,50,1\n\
        000000000000000000000d,D,a,50,1\n";
    let catalogue = Catalogue::parse(artists, genres, 1).unwrap_or_else(|m| panic!("{m:?}"));
    let rows = expected_related(&catalogue).into_iter();
    let shown: Vec<String> = rows
        .map(|(a, b, rank, d)| format!("{} {} {rank} {d:.4}", &a[21..], &b[21..]))
        .collect();
    // (0.3 - 0.1) / (0.9 - 0.1) = 0.25; A and D are alike, so B's nearest two tie and stand by their ids.
    assert_snapshot!(shown.join("\n"), @"
    a d 1 0.0000
    a b 2 0.2500
    a c 3 1.0000
    b a 1 0.2500
    b d 2 0.2500
    b c 3 0.7500
    c b 1 0.7500
    c a 2 1.0000
    c d 3 1.0000
    d a 1 0.0000
    d b 2 0.2500
    d c 3 1.0000
    ");
}
