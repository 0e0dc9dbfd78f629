//! Fixtures, fakes and fault points for tests.
