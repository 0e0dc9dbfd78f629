//! The search: every row against every other, in blocks that stay in the cache, with the best k of each row in a heap.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

/// How many points lie side by side: their distances are computed in one go, in registers.
const LANES: usize = 8;
/// The bytes of points that are compared with all rows of a block before the next ones are fetched.
const TILE_BYTES: usize = 32 << 10;

/// Points of one number of dimensions.
///
/// Eight points are one block, in which the first values of all of them come first, then the second ones, and so on: a distance to eight
/// points at once is then a row of equal steps over neighbouring numbers, which the compiler turns into vector instructions.
#[derive(Debug)]
pub struct Points {
    count: usize,
    dimensions: usize,
    blocks: Vec<f64>,
}

/// A neighbour: how far, and its number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The Euclidean distance.
    pub distance: f64,
    /// Which point.
    pub point: usize,
}

impl Eq for Found {}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Found) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Nearer first, then the smaller number.
impl Ord for Found {
    fn cmp(&self, other: &Found) -> Ordering {
        self.distance
            .total_cmp(&other.distance)
            .then(self.point.cmp(&other.point))
    }
}

impl Points {
    /// No points yet, with room for so many.
    pub fn with_capacity(count: usize, dimensions: usize) -> Points {
        Points {
            count: 0,
            dimensions,
            blocks: Vec::with_capacity(Points::bytes(count, dimensions) / size_of::<f64>()),
        }
    }

    /// The memory that so many points take.
    pub fn bytes(count: usize, dimensions: usize) -> usize {
        count
            .div_ceil(LANES)
            .saturating_mul(LANES)
            .saturating_mul(dimensions)
            .saturating_mul(size_of::<f64>())
    }

    /// Adds the next point, of as many values as there are dimensions.
    pub fn push(&mut self, values: &[f64]) {
        let lane = self.count % LANES;
        if lane == 0 {
            self.blocks.resize(self.blocks.len() + LANES * self.dimensions, 0.0);
        }
        let start = self.count / LANES * LANES * self.dimensions;
        let block = &mut self.blocks[start..];
        for (at, value) in values.iter().enumerate() {
            block[at * LANES + lane] = *value;
        }
        self.count += 1;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// How many numbers are compared for one point.
    pub fn work(&self) -> usize {
        self.blocks.len()
    }

    fn point(&self, number: usize, into: &mut Vec<f64>) {
        let start = number / LANES * LANES * self.dimensions + number % LANES;
        into.extend((0..self.dimensions).map(|at| self.blocks[start + at * LANES]));
    }

    /// The k nearest other points of each of these points, nearest first.
    pub fn nearest(&self, of: Range<usize>, k: usize) -> Vec<Vec<Found>> {
        let mut values = Vec::with_capacity(of.len() * self.dimensions);
        for number in of.clone() {
            self.point(number, &mut values);
        }
        let mut best: Vec<Best> = of.clone().map(|_| Best::new(k)).collect();
        let block = LANES * self.dimensions;
        let tile = (TILE_BYTES / (block * size_of::<f64>())).max(1);
        for (tile_at, blocks) in self.blocks.chunks(tile * block).enumerate() {
            for (at, number) in of.clone().enumerate() {
                let point = &values[at * self.dimensions..][..self.dimensions];
                let best = &mut best[at];
                for (block_at, block) in blocks.chunks_exact(block).enumerate() {
                    let squares = squares(point, block);
                    if !squares.iter().any(|square| *square <= best.bound) {
                        continue;
                    }
                    let first = (tile_at * tile + block_at) * LANES;
                    for (lane, square) in squares.iter().enumerate() {
                        let other = first + lane;
                        if *square <= best.bound && other < self.count && other != number {
                            best.offer(*square, other);
                        }
                    }
                }
            }
        }
        best.into_iter().map(Best::sorted).collect()
    }
}

/// The squared distances of a point to the eight of a block.
#[inline]
fn squares(point: &[f64], block: &[f64]) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for (value, others) in point.iter().zip(block.chunks_exact(LANES)) {
        for (sum, other) in sums.iter_mut().zip(others) {
            let difference = other - value;
            *sum += difference * difference;
        }
    }
    sums
}

/// The best k so far, the worst of them on top.
struct Best {
    k: usize,
    heap: BinaryHeap<Found>,
    /// A squared distance above this is out of the question.
    bound: f64,
}

impl Best {
    fn new(k: usize) -> Best {
        Best {
            k,
            heap: BinaryHeap::with_capacity(k),
            bound: f64::INFINITY,
        }
    }

    fn offer(&mut self, square: f64, point: usize) {
        // Distances decide, not squares: two squares can have one root, and then the smaller number wins.
        let found = Found {
            distance: square.sqrt(),
            point,
        };
        if self.heap.len() < self.k {
            self.heap.push(found);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && found < *worst
        {
            *worst = found;
        }
        if self.heap.len() == self.k
            && let Some(worst) = self.heap.peek()
        {
            let square = worst.distance * worst.distance;
            // A little more than the square of a root that was rounded.
            self.bound = square + square * 4.0 * f64::EPSILON + f64::MIN_POSITIVE;
        }
    }

    fn sorted(self) -> Vec<Found> {
        self.heap.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests;
