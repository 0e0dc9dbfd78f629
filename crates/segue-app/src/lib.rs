//! Build a running system from a project and offer its use-cases.
