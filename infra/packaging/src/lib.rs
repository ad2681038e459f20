//! What Lambda takes: the zip of a function's binary.

pub mod archive;
