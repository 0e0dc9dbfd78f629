//! Numbers made from text and seeds: the same on every machine and in every run.

/// The FNV-1a hash of these bytes, 128 bits.
pub(crate) fn hash128(text: &str) -> u128 {
    let mut hash: u128 = 0x6c62272e07bb014262b821756295c58d;
    for byte in text.bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000000001000000000000000000013B);
    }
    hash
}

/// A hash of text, well mixed, 64 bits.
pub(crate) fn hash64(text: &str) -> u64 {
    let wide = hash128(text);
    mix((wide >> 64) as u64 ^ mix(wide as u64))
}

/// Mixes 64 bits so that neighbours end far apart (the finaliser of splitmix64).
pub(crate) fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d049bb133111eb);
    x ^ (x >> 31)
}

/// A stable id that looks like Spotify's: 22 characters of base 62. It is made from a hash of the kind and the name,
/// and is no id of Spotify's.
pub fn id_of(kind: &str, name: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = hash128(&format!("{kind}:{name}"));
    let mut id = [b'0'; 22];
    for place in id.iter_mut().rev() {
        *place = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    id.iter().map(|b| *b as char).collect()
}

/// Whether this could be such an id: 22 letters and digits.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 22 && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Dice with a memory: one seed, one sequence (splitmix64: what matters here is that it is short, quick and the same
/// everywhere).
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice for one purpose; another purpose or another seed rolls otherwise.
    pub(crate) fn new(seed: u64, purpose: &str) -> Dice {
        Dice(mix(seed) ^ hash64(purpose))
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e3779b97f4a7c15);
        mix(self.0)
    }

    /// A whole number below `n`; 0 when `n` is 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.roll()) * n as u128) >> 64) as usize
    }

    /// A number from 0 up to, not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        unit(self.roll())
    }

    /// About normal, mean 0 and deviation 1, never past 3.5: the sum of four uniform numbers, because it is exact on every
    /// machine and a logarithm need not be.
    pub(crate) fn normal(&mut self) -> f64 {
        let roll = self.roll();
        let sum: u64 = (0..4).map(|i| (roll >> (16 * i)) & 0xffff).sum();
        (sum as f64 / 65_536.0 - 2.0) * 1.732_050_807_568_877_2
    }
}

/// From 0 up to, not including, 1.
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests;
