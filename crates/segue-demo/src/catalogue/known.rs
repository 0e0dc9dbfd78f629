//! What is commonly known of an artist beside the name: other names, country, kind.

/// What is commonly known of an artist beside the name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// The name in its own script, where open data writes it so: `아이유` of IU.
    pub native: Option<String>,
    /// What tells apart those who are called alike; empty where nobody needs it.
    pub note: String,
    /// Two letters of ISO 3166.
    pub country: Option<String>,
    /// One or several.
    pub kind: Option<ArtistKind>,
    /// Other names.
    pub aliases: Vec<Alias>,
    /// The groups that this person is or was a member of, by name.
    pub member_of: Vec<String>,
}

/// One or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArtistKind {
    /// One.
    Person,
    /// Several.
    Group,
}

/// Another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The language in which it is the usual one: `ko`.
    pub locale: Option<String>,
    /// The name.
    pub name: String,
}
