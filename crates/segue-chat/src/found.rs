//! What comes of looking for a name.

/// Something that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// This one; `exact`: it has that very name.
    One {
        /// The thing.
        thing: Known,
        /// Whether it is the very name.
        exact: bool,
    },
    /// One of these, the likeliest first; `exact`: they have that very name.
    Several {
        /// The things.
        things: Vec<Known>,
        /// Whether it is the very name.
        exact: bool,
    },
    /// Nothing; what comes nearest.
    None(Vec<Known>),
}

impl Found {
    /// How much it says for the reading of a message that it came from; a reading that says more is taken before another.
    pub fn weight(&self) -> u8 {
        match self {
            Found::One { exact: true, .. } | Found::Several { exact: true, .. } => 3,
            Found::One { exact: false, .. } => 2,
            Found::Several { exact: false, .. } => 1,
            Found::None(_) => 0,
        }
    }

    /// The most that there is: nothing else needs to be looked for.
    pub const CERTAIN: u8 = 3;
}
