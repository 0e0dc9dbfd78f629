//! The reference project, embedded, with stand-ins for the services it talks to.
