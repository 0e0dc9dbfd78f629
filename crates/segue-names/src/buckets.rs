//! Numbers by the hash of something they have: a table that is built once and takes eight bytes a pair.

/// Numbers by hashes. What else falls into the same place comes along, so that whoever asks compares.
#[derive(Debug)]
pub struct Buckets {
    /// Where the numbers of each place begin; one more than there are places.
    pub starts: Vec<u32>,
    pub numbers: Vec<u32>,
}

impl Buckets {
    /// The table of these pairs; numbers of one hash stay in order.
    pub fn of(pairs: Vec<(u32, u32)>) -> Buckets {
        let places = pairs.len().next_power_of_two().max(1);
        let place = |hash: u32| hash as usize & (places - 1);
        let mut starts = vec![0_u32; places + 1];
        for (hash, _) in &pairs {
            starts[place(*hash) + 1] += 1;
        }
        for at in 0..places {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut numbers = vec![0; pairs.len()];
        for (hash, number) in pairs {
            let at = &mut next[place(hash)];
            numbers[*at as usize] = number;
            *at += 1;
        }
        Buckets { starts, numbers }
    }

    /// What has this hash, and perhaps others.
    pub fn get(&self, hash: u32) -> &[u32] {
        let place = hash as usize & (self.starts.len() - 2);
        &self.numbers[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}

/// A hash of units, begun with a seed that tells uses apart.
pub fn hash(seed: u64, units: impl IntoIterator<Item = u16>) -> u32 {
    let mut hash = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for unit in units {
        hash = (hash.rotate_left(5) ^ u64::from(unit)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    (hash ^ (hash >> 29))
        .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        .wrapping_shr(32) as u32
}

/// A hash of a text.
pub fn hash_text(text: &str) -> u32 {
    hash(0, text.bytes().map(u16::from))
}
