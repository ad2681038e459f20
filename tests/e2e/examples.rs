//! The gallery in `examples/`: each function and each page does what it shows, run
//! from the very files that a reader copies.

mod bot;
mod manifests;
mod mini_program;
mod orders;
mod own_api;
