//! What is known, and what comes of a question.

/// Something that has a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it is known by; no two entries have the same.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What else it is called, in any script.
    pub aliases: Vec<String>,
    /// How well known it is, on any scale; it orders what else is equally near.
    pub popularity: Option<f64>,
}

/// What a text means.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// This one: there is no other that it could be.
    One(Candidate),
    /// One of these, the likeliest first; a single one where it is not near enough to be sure.
    Several(Vec<Candidate>),
    /// Nothing that is known; what comes nearest, as suggestions.
    None(Vec<Candidate>),
}

impl Answer {
    /// Everything that is named, the likeliest first.
    pub fn candidates(&self) -> &[Candidate] {
        match self {
            Answer::One(candidate) => std::slice::from_ref(candidate),
            Answer::Several(candidates) | Answer::None(candidates) => candidates,
        }
    }
}

/// Something that a text may mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Which of its names the text is near to, where that is not the name itself.
    pub alias: Option<String>,
    /// Why it is thought of.
    pub reason: Reason,
    /// How near the text is: 1 for the same name, less for what is further away.
    pub score: f64,
    /// How well known it is.
    pub popularity: Option<f64>,
}

/// Why something is thought of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is the name, but for case, width, accents, spaces, punctuation and articles.
    Same,
    /// It is the name with so many typing errors.
    Typing(u8),
    /// It sounds like the name, in another script or spelling.
    Sound,
    /// The name begins with it.
    Begins,
    /// A later word of the name begins with it.
    Word,
}

impl Reason {
    /// One word for it.
    pub fn word(self) -> &'static str {
        match self {
            Reason::Same => "same",
            Reason::Typing(_) => "typing",
            Reason::Sound => "sound",
            Reason::Begins => "begins",
            Reason::Word => "word",
        }
    }
}
