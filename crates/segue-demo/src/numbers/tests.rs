use super::*;

#[test]
fn dice_remember_their_seed_and_purpose() {
    let roll = |seed, purpose| {
        let mut dice = Dice::new(seed, purpose);
        [dice.below(1000), dice.below(1000), dice.below(1000)]
    };
    assert_eq!(roll(1, "a"), roll(1, "a"));
    assert_ne!(roll(1, "a"), roll(2, "a"));
    assert_ne!(roll(1, "a"), roll(1, "b"));
}

#[test]
fn normal_numbers_have_mean_zero_and_deviation_one() {
    let mut dice = Dice::new(7, "normal");
    let all: Vec<f64> = (0..100_000).map(|_| dice.normal()).collect();
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let deviation = (all.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / all.len() as f64).sqrt();
    assert!(
        mean.abs() < 0.01 && (deviation - 1.0).abs() < 0.01,
        "{mean} {deviation}"
    );
    assert!(all.iter().all(|x| x.abs() < 3.5));
}

#[test]
fn numbers_below_reach_every_value_and_no_more() {
    let mut dice = Dice::new(7, "below");
    let mut seen = [0; 7];
    (0..10_000).for_each(|_| seen[dice.below(7)] += 1);
    assert!(seen.iter().all(|n| *n > 1_200), "{seen:?}");
    assert_eq!((dice.below(0), dice.below(1)), (0, 0));
    assert!((0.0..1.0).contains(&unit(u64::MAX)) && unit(0) == 0.0);
}
