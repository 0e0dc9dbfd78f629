//! The product, as a person sees it: the real binary, real files, a real server on loopback.

mod support;
