use super::*;
use proptest::prelude::*;

/// What the search must give: every distance, sorted.
fn naive(rows: &[Vec<f64>], k: usize) -> Vec<Vec<Found>> {
    rows.iter()
        .enumerate()
        .map(|(number, row)| {
            let mut all: Vec<Found> = rows
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != number)
                .map(|(point, other)| Found {
                    distance: row
                        .iter()
                        .zip(other)
                        .map(|(a, b)| (b - a) * (b - a))
                        .sum::<f64>()
                        .sqrt(),
                    point,
                })
                .collect();
            all.sort();
            all.truncate(k);
            all
        })
        .collect()
}

fn points(rows: &[Vec<f64>], dimensions: usize) -> Points {
    let mut points = Points::with_capacity(rows.len(), dimensions);
    rows.iter().for_each(|row| points.push(row));
    points
}

proptest! {
    #[test]
    fn it_finds_what_sorting_everything_finds(
        dimensions in 1usize..9,
        // Few different values, so that there are many ties.
        cells in prop::collection::vec(prop_oneof![(-2i8..3).prop_map(f64::from), -1.0e3..1.0e3f64], 0..400),
        k in 1usize..20,
    ) {
        let rows: Vec<Vec<f64>> = cells.chunks_exact(dimensions).map(<[f64]>::to_vec).collect();
        let found = points(&rows, dimensions).nearest(0..rows.len(), k);
        prop_assert_eq!(found, naive(&rows, k));
    }

    #[test]
    fn where_the_rows_are_cut_does_not_matter(
        cells in prop::collection::vec(-10.0..10.0f64, 30..300),
        cut in 0usize..100,
    ) {
        let rows: Vec<Vec<f64>> = cells.chunks_exact(3).map(<[f64]>::to_vec).collect();
        let points = points(&rows, 3);
        let cut = cut.min(rows.len());
        let mut parts = points.nearest(0..cut, 4);
        parts.extend(points.nearest(cut..rows.len(), 4));
        prop_assert_eq!(parts, points.nearest(0..rows.len(), 4));
    }
}

#[test]
fn more_points_than_a_tile_holds() {
    let rows: Vec<Vec<f64>> = (0..2_000)
        .map(|n| vec![f64::from(n * 7_919 % 2_003), f64::from(n % 13)])
        .collect();
    assert_eq!(points(&rows, 2).nearest(500..520, 5), naive(&rows, 5)[500..520]);
}

#[test]
fn one_point_has_no_neighbour_and_two_have_each_other() {
    assert_eq!(points(&[vec![1.0]], 1).nearest(0..1, 3), vec![vec![]]);
    let two = points(&[vec![1.0], vec![4.0]], 1).nearest(0..2, 3);
    assert_eq!(
        two[0],
        vec![Found {
            distance: 3.0,
            point: 1
        }]
    );
    assert_eq!(
        two[1],
        vec![Found {
            distance: 3.0,
            point: 0
        }]
    );
}

#[test]
fn tiny_and_huge_distances_are_kept_apart() {
    let rows = vec![vec![0.0], vec![3.0e-160], vec![1.0e-160], vec![2.0e-160], vec![1.0e150]];
    let near: Vec<usize> = points(&rows, 1).nearest(0..1, 2)[0].iter().map(|f| f.point).collect();
    assert_eq!(near, [2, 3]);
}
