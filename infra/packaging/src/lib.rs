//! Packages functions for Lambda.

pub mod archive;
