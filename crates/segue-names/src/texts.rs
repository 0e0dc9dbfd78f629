//! Many small texts in one piece of memory.

/// Texts by their number.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    pub all: String,
    /// Where each ends.
    pub ends: Vec<u32>,
}

impl Texts {
    /// Adds one and gives its number.
    pub fn push(&mut self, text: &str) -> u32 {
        self.all.push_str(text);
        self.ends.push(self.all.len() as u32);
        self.ends.len() as u32 - 1
    }

    /// The text of a number.
    pub fn get(&self, at: u32) -> &str {
        let at = at as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.all[start..self.ends[at] as usize]
    }

    /// How many there are.
    pub fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    /// Gives back what was taken in advance.
    pub fn shrink(&mut self) {
        self.all.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}
