//! The product, as a person sees it.
